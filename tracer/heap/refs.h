/* SPDX-License-Identifier: MIT */
/*
 * Which objects an object refers to. Two questions: what its tp_traverse would visit (the
 * collector's view, exact for the layouts known, conservative for unknown C structs), and all
 * it keeps alive (names, keys, constants too), for paths and retained sizes.
 */
#ifndef PYMEMPROF_TRACER_HEAP_REFS_H
#define PYMEMPROF_TRACER_HEAP_REFS_H

#include <stdint.h>

struct heap;

enum refs_view {
	REFS_TRAVERSE = 0, /* what tp_traverse visits */
	REFS_OWNED,	   /* what the object keeps alive */
};

/* Called once for each reference; targets are not checked to be objects. */
typedef void refs_fn(void *ctx, uint64_t target);

/*
 * References of the object at addr whose type is t (index of the type table). Damage ends the
 * object's references early, counted in nothing: the walk has counted it.
 */
void refs_of(struct heap *h, uint32_t type, uint64_t addr, enum refs_view view, refs_fn *fn,
	     void *ctx);

#endif
