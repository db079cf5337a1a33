/* SPDX-License-Identifier: MIT */
#include "tracer/heap/bound.h"

#include "tracer/heap/graph_inside.h"
#include "tracer/heap/walk.h"

static bool deque_bound(struct heap *heap, uint64_t addr, struct heap_bound *ret)
{
	const struct py_layout *l = heap->l;

	*ret = (struct heap_bound){ .kind = FACT_BOUND_DEQUE };
	return reader_u64(&heap->r, addr + (uint64_t)l->dequeobject_maxlen, &ret->size) &&
	       reader_u64(&heap->r, addr + (uint64_t)l->PyVarObject_ob_size, &ret->used) &&
	       (int64_t)ret->size >= 0;
}

static bool lru_cache_bound(struct heap *heap, uint64_t addr, struct heap_bound *ret)
{
	const struct py_layout *l = heap->l;
	uint64_t limit, cache;

	*ret = (struct heap_bound){ .kind = FACT_BOUND_LRU_CACHE };
	if (!reader_u64(&heap->r, addr + (uint64_t)l->lru_cache_object_maxsize, &limit) ||
	    !reader_u64(&heap->r, addr + (uint64_t)l->lru_cache_object_func, &ret->beside) ||
	    !reader_u64(&heap->r, addr + (uint64_t)l->lru_cache_object_cache, &cache) ||
	    !reader_u64(&heap->r, cache + (uint64_t)l->PyDictObject_ma_used, &ret->used))
		return false;
	ret->size = (int64_t)limit > 0 ? limit : 0;
	return true;
}

bool heap_bound_of(const struct heap_graph *g, uint32_t vertex, struct heap_bound *ret)
{
	struct heap *heap = g->h;
	enum heap_family family;

	if (vertex >= g->objects)
		return false;
	family = types_at(&heap->types, graph_type(g, vertex))->family;
	return family == HEAP_DEQUE	? deque_bound(heap, graph_addr(g, vertex), ret) :
	       family == HEAP_LRU_CACHE ? lru_cache_bound(heap, graph_addr(g, vertex), ret) :
					  false;
}
