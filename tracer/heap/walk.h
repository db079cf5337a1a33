/* SPDX-License-Identifier: MIT */
/*
 * The whole-heap walk: every block of every pymalloc pool, every large block reachable from an
 * object, every collector's list, of one instant. The result answers by type, by block and by
 * object; its memory is about twelve bytes per block and a constant.
 */
#ifndef PYMEMPROF_TRACER_HEAP_WALK_H
#define PYMEMPROF_TRACER_HEAP_WALK_H

#include "base/err.h"
#include "tracer/cpython/py.h"
#include "tracer/facts.h"
#include "tracer/mem/source.h"
#include "tracer/process/maps.h"

struct heap; /* opaque */

struct heap_options {
	size_t cache_bytes; /* of random reads; 0: 32 MiB */
	uint64_t resident_bytes; /* what the target has, swapped included: bounds the work; 0: not known */
};

/*
 * Walk the heap seen through mem, which must not change meanwhile: a stopped process, a frozen
 * clone, a core file. py and maps are borrowed and must outlive *ret, mem too. opt may be NULL.
 * Damage is counted in the totals. Errors: NOMEM, GONE, CORRUPT (no pymalloc state found),
 * UNSUPPORTED. The caller frees with heap_free.
 */
int heap_walk(struct mem_source *mem, const struct py *py, const struct maps *maps,
	      const struct heap_options *opt, struct heap **ret, struct err *err) MUST_CHECK;
void heap_free(struct heap *h); /* accepts NULL */

/* Who knows where blocks were made. site_of gets what an allocator returned; 0: not known. */
struct heap_sites {
	void *ctx;
	uint32_t (*site_of)(void *ctx, uint64_t block);
};

/* Have heap_push name sites; borrowed until then. */
void heap_use_sites(struct heap *h, const struct heap_sites *sites);

/* Totals; borrowed. snapshot, at_* are the caller's to fill before pushing. */
struct fact_heap *heap_totals(struct heap *h);

/* Push all rows into the sink: heap, types, buffers, classes, arenas, lists, unknown, gc, end. */
int heap_push(struct heap *h, const struct fact_sink *sink, struct err *err) MUST_CHECK;

/* Types are numbered 1 … heap_type_count. */
uint32_t heap_type_count(const struct heap *h);
void heap_type_row(const struct heap *h, uint32_t type, struct fact_heap_type *ret);

#endif
