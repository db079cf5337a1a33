/* SPDX-License-Identifier: MIT */
/*
 * The cyclic collector's state from outside: list heads, thresholds, counters and statistics
 * of every interpreter (Modules/gcmodule.c, Python/gc.c). Walks lists with a bound; refuses to
 * know what the objects on them are.
 */
#ifndef PYMEMPROF_TRACER_HEAP_GCLIST_H
#define PYMEMPROF_TRACER_HEAP_GCLIST_H

#include "base/err.h"
#include "base/vec.h"
#include "tracer/cpython/py.h"
#include "tracer/heap/reader.h"

#define GCLIST_GENERATIONS 3
#define GCLIST_PERMANENT GCLIST_GENERATIONS /* index of the permanent generation's head */
#define GCLIST_HEADS (GCLIST_GENERATIONS + 1)

struct gclist {
	uint64_t interp_addr; /* 0: the state belongs to the runtime (3.8) */
	int64_t interp;
	uint64_t state; /* struct _gc_runtime_state */
	uint64_t head[GCLIST_HEADS]; /* list heads, by the generation number gc shows */
	uint32_t head_bytes; /* sizeof(PyGC_Head): the object follows it */
	bool enabled, collecting, incremental;
	uint32_t debug;
	int32_t threshold[GCLIST_GENERATIONS], count[GCLIST_GENERATIONS];
	uint64_t collections[GCLIST_GENERATIONS], collected[GCLIST_GENERATIONS],
		uncollectable[GCLIST_GENERATIONS];
	uint64_t long_lived_total, long_lived_pending;
	uint64_t objects[GCLIST_HEADS]; /* filled by whoever walks the lists */
	uint64_t garbage_list; /* address of gc.garbage, 0: none */
};

struct gclists VEC(struct gclist);

/*
 * One entry per interpreter, or one for the runtime (3.8). The target must not move.
 * Errors: NOMEM; CORRUPT when not even the main interpreter's state can be read.
 * The caller frees with vec_deinit.
 */
int gclist_read(struct reader *r, const struct py *py, struct gclists *ret, struct err *err)
	MUST_CHECK;

/*
 * Step along one list: *at = 0 to start, then holds the address of a PyGC_Head. Returns 1 for
 * an entry, 0 at the end (back at the head), negative when the list is broken.
 */
int gclist_next(struct reader *r, const struct gclist *g, unsigned head, uint64_t *at);

#endif
