/* SPDX-License-Identifier: MIT */
/*
 * The interpreter's cache of attribute lookups on types. It owns the names looked up, whoever made
 * them: C code that asks for an attribute by a C string makes a new str each time, and the cache
 * keeps up to as many as it has entries. To a recording that is growth, and no leak.
 */
#ifndef PYMEMPROF_TRACER_HEAP_METHOD_CACHE_H
#define PYMEMPROF_TRACER_HEAP_METHOD_CACHE_H

#include "tracer/heap/graph.h"

#define METHOD_CACHE_ENTRIES 4096 /* 1 << MCACHE_SIZE_EXP, Objects/typeobject.c, 3.8 to 3.15 */

struct method_cache {
	uint64_t start, end; /* of its entries; 0: none */
	uint32_t names, versioned; /* all, and those whose entry has a version that is not 0 */
};

/*
 * Look for it in [addr, addr + bytes): entries {unsigned version; PyObject *name; PyObject *value},
 * whose names are str or None (struct type_cache_entry; method_cache_entry up to 3.9). False when
 * nothing there looks like it. Vertices must be known.
 */
bool method_cache_find(struct heap_graph *g, uint64_t addr, uint64_t bytes, struct method_cache *ret);

/*
 * Make it a root which holds its names; number tells interpreters apart, 1 and 0 say nothing. 0 when
 * out of memory (then g->nomem is set).
 */
uint32_t method_cache_hang(struct heap_graph *g, const struct method_cache *c, unsigned number);

#endif
