/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of the heap as a model: rows as the tracer pushed them, copied, plus what follows
 * from them (growth between two, slots that would pay, how fragmented it is). Knows no address
 * space; addresses are names of types and arenas.
 */
#ifndef PYMEMPROF_REPORT_MODEL_HEAPS_H
#define PYMEMPROF_REPORT_MODEL_HEAPS_H

#include "base/arena.h"
#include "base/vec.h"
#include "report/model/holders.h"
#include "report/model/table.h"
#include "tracer/facts.h"

/* One snapshot. Strings and occupancies lie in the arena of the struct heaps. */
struct heap_model {
	struct fact_heap heap;
	struct VEC(struct fact_heap_type) types;
	struct VEC(struct fact_heap_buffer) buffers;
	struct VEC(struct fact_heap_class) classes;
	struct VEC(struct fact_heap_arena) arenas;
	struct VEC(struct fact_heap_free_list) free_lists;
	struct VEC(struct fact_heap_unknown) unknown;
	struct VEC(struct fact_heap_gc) gc;
	struct VEC(struct fact_heap_cycle) cycles;
	struct VEC(struct fact_heap_malloc) mallocs;
	struct VEC(struct fact_ledger) ledger;
	struct holders holders;
	struct VEC(struct fact_heap_join) joins; /* by site, then type */
	struct VEC(struct fact_heap_held) helds; /* by site, then type; largest first of each */
	struct VEC(struct fact_heap_join) made; /* joins of objects and buffers by type, largest first */
	bool complete; /* heap_end arrived */
};

struct heaps {
	struct arena arena;
	struct VEC(struct heap_model) snapshots;
};

void heaps_deinit(struct heaps *h); /* accepts NULL and zeroed; zeroed is empty and usable */

/* Fill the heap callbacks of sink; heaps_of (the recording's) finds *h from its ctx. */
void heaps_sink(struct fact_sink *sink);
struct heaps *heaps_of(void *ctx);

/* The newest complete snapshot and the one to compare it with (the first), or NULL. */
const struct heap_model *heaps_last(const struct heaps *h);
const struct heap_model *heaps_baseline(const struct heaps *h);

/* The row of a type number, or NULL. Borrowed. */
const struct fact_heap_type *heap_type_of(const struct heap_model *m, uint32_t type);

/* Index of the first row of m->buffers that belongs to a type; its rows follow one another. */
size_t heap_type_buffers(const struct heap_model *m, uint32_t type);

/* Index of the first held row of a site (0: wherever made) and type; its rows follow. */
size_t heap_helds_of(const struct heap_model *m, uint32_t site, uint32_t type);

/*
 * Index of the first row of m->made that says where objects of a type and their buffers were
 * made; its rows follow, largest first, one per site.
 */
size_t heap_type_made(const struct heap_model *m, uint32_t type);

/* Fill m->made from m->joins, once all are there. Errors: NOMEM. */
int heap_model_made(struct heap_model *m, struct err *err) MUST_CHECK;

/* Share of live bytes up to which an arena is called nearly empty, and the tracer looks at its pins. */
#define HEAP_NEARLY_EMPTY 0.25

/* What keeps nearly empty arenas, over all of them. */
struct heap_pins VEC(struct heap_pin_sum {
	struct fact_heap_pin pin;
	uint64_t arenas; /* it is found in */
});

/*
 * Pins of arenas whose live blocks are at most max_share of their bytes, by type and site,
 * largest first. The caller calls vec_deinit. Errors: NOMEM.
 */
int heap_model_pins(const struct heap_model *m, double max_share, struct heap_pins *ret,
		    struct err *err) MUST_CHECK;

/* "module.Name", "Name" for builtins; written into ret (of n bytes), returns ret. */
const char *heap_type_label(const struct fact_heap_type *t, char *ret, size_t n);

/* The row of the same type in another snapshot of the same process (by address and name), or NULL. */
const struct fact_heap_type *heap_type_in(const struct heap_model *m, const struct fact_heap_type *t);

#define HEAP_SAVING_UNKNOWN UINT64_MAX

struct heap_saving {
	uint64_t least, most; /* most may be HEAP_SAVING_UNKNOWN */
};

/*
 * Bounds of what is saved if the class and its bases had __slots__ for the attributes its instances
 * use, and no __weakref__: their __dict__ objects, attribute values and the words for them go, one word per
 * attribute comes. They are the same when all objects have as many attributes, else 8 bytes an object
 * apart, which a size class adds or not. Zeroes when it has no instance dicts, or when a C base makes them.
 */
struct heap_saving heap_type_slots_saving(const struct fact_heap_type *t);

/* Arena bytes that are neither live blocks nor headers, and the share of arena bytes, 0…1. */
uint64_t heap_model_free_bytes(const struct heap_model *m);
double heap_model_fragmentation(const struct heap_model *m);

/* Arenas whose every pool is free or that live blocks of at most max_share of their bytes pin. */
size_t heap_model_nearly_empty(const struct heap_model *m, double max_share, uint64_t *ret_live_bytes,
			       uint64_t *ret_arena_bytes);

/* Are free, header and tail bytes of the arena told? Files of before they were have zeros. */
bool heap_arena_told(const struct fact_heap_arena *a);

/* Bytes of one arena. */
uint64_t heap_arena_bytes(const struct heap_model *m, const struct fact_heap_arena *a);

/*
 * One character per pool: '.' free, 'a' to 'j' tenths in use, '#' full (no digits: a spreadsheet
 * would take them for a number). Written into ret, of
 * a->pools + 1 bytes; returns ret, "" when the occupancy is not known.
 */
const char *heap_arena_map(const struct fact_heap_arena *a, char *ret);

/*
 * Tables. Largest first where there is an order of size; top 0: all rows. The caller calls
 * table_deinit; strings are borrowed from h. Errors: NOMEM.
 */
struct stacks;
int heaps_types_table(const struct heaps *h, const struct stacks *stacks, size_t top, struct table *ret,
		      struct err *err) MUST_CHECK;
int heaps_fragmentation_table(const struct heaps *h, const struct stacks *stacks, struct table *ret,
			      struct err *err) MUST_CHECK;
int heaps_ledger_table(const struct heaps *h, struct table *ret, struct err *err) MUST_CHECK;
int heaps_holders_table(const struct heaps *h, size_t top, struct table *ret, struct err *err) MUST_CHECK;
int heaps_modules_table(const struct heaps *h, size_t top, struct table *ret, struct err *err) MUST_CHECK;
int heaps_refcounts_table(const struct heaps *h, size_t top, struct table *ret,
			  struct err *err) MUST_CHECK;
/* what: as in paths_find, or NULL for those the snapshot chose. Errors: paths_find's, too. */
int heaps_paths_table(const struct heaps *h, const char *what, size_t top, struct table *ret,
		      struct err *err) MUST_CHECK;

/*
 * Steps as one line: "module app > .CACHE Cache > .entries dict > ['k6'] Record x5000". Appended;
 * not escaped. Errors: NOMEM.
 */
struct buf;
int holders_path_text(const struct heap_model *m, const struct fact_heap_step *steps, size_t n,
		      struct buf *ret) MUST_CHECK;
int heaps_gc_table(const struct heaps *h, struct table *ret, struct err *err) MUST_CHECK;

#endif
