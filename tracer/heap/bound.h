/* SPDX-License-Identifier: MIT */
/* Containers that cannot hold more than so many: read from the object, not guessed from its size. */
#ifndef PYMEMPROF_TRACER_HEAP_BOUND_H
#define PYMEMPROF_TRACER_HEAP_BOUND_H

#include "tracer/heap/graph.h"

struct heap_bound {
	enum fact_bound kind;
	uint64_t size; /* its limit; 0 only for an lru_cache without one */
	uint64_t used;
	uint64_t beside; /* it refers to this too, as a cache to its function; 0: nothing */
};

/*
 * Is the object at a vertex a deque with maxlen or a functools.lru_cache? A cache without a limit counts, with size 0.
 * Layouts: dequeobject (Modules/_collectionsmodule.c) and lru_cache_object (Modules/_functoolsmodule.c), where a
 * maxsize of -1 stands for None.
 */
bool heap_bound_of(const struct heap_graph *g, uint32_t vertex, struct heap_bound *ret);

#endif
