/* SPDX-License-Identifier: MIT */
/*
 * Ids of objects, and sums over what one object owns: its claims are made once more, but only
 * added up.
 */
#include "tracer/heap/ids.h"

#include "tracer/heap/heap.h"
#include "tracer/heap/owner.h"

#define HEAD_BYTES 1024

uint32_t heap_id_limit(const struct heap *h)
{
	return (uint32_t)(h->pm.nblocks + h->outside.len);
}

uint32_t heap_id_of(const struct heap *h, uint64_t addr)
{
	uint32_t off, b = pymalloc_block_of(&h->pm, addr, &off);
	uint64_t index;

	if (b != PYMALLOC_NONE) {
		if (STATE_KIND(h->state[b]) != BLOCK_OBJECT ||
		    off != h->lead + types_at(&h->types, STATE_TYPE(h->state[b]))->pre)
			return HEAP_ID_NONE;
		return b;
	}
	if (addr < h->low || addr >= h->high)
		return HEAP_ID_NONE;
	index = map_get(&h->outside_index, addr, OUTSIDE_REJECTED);
	return index < h->outside.len ? (uint32_t)(h->pm.nblocks + index) : HEAP_ID_NONE;
}

static void block_object(const struct heap *h, const struct pymalloc_pool *pool, uint32_t b,
			 struct heap_object *ret)
{
	ret->id = b;
	ret->type = STATE_TYPE(h->state[b]);
	ret->addr = pymalloc_block_addr(&h->pm, pool, b) + h->lead +
		    types_at(&h->types, ret->type)->pre;
	ret->block = ret->addr - types_at(&h->types, ret->type)->pre;
	ret->block_bytes = h->pm.block_size[pool->szidx];
	ret->is_static = false;
}

static void outside_object_of(const struct heap *h, size_t i, struct heap_object *ret)
{
	const struct outside *o = &h->outside.at[i];

	ret->id = (uint32_t)(h->pm.nblocks + i);
	ret->type = o->type;
	ret->addr = o->addr;
	ret->block = o->addr - types_at(&h->types, o->type)->pre;
	ret->block_bytes = o->block_bytes;
	ret->is_static = o->is_static;
}

bool heap_object(const struct heap *h, uint32_t id, struct heap_object *ret)
{
	if (id < h->pm.nblocks) {
		if (STATE_KIND(h->state[id]) != BLOCK_OBJECT)
			return false;
		block_object(h, pymalloc_pool_of_block(&h->pm, id), id, ret);
		return true;
	}
	if (id - h->pm.nblocks >= h->outside.len)
		return false;
	outside_object_of(h, (size_t)(id - h->pm.nblocks), ret);
	return true;
}

/* The position is the pool in the upper half, the next block in it in the lower. */
bool heap_object_next(const struct heap *h, uint64_t *pos, struct heap_object *ret)
{
	uint64_t p = *pos >> 32, i = *pos & UINT32_MAX;

	for (; p < h->pm.pools.len; p++, i = 0) {
		const struct pymalloc_pool *pool = &h->pm.pools.at[p];

		for (; i < pool->blocks; i++) {
			uint32_t b = pool->first_block + (uint32_t)i;

			if (STATE_KIND(h->state[b]) != BLOCK_OBJECT)
				continue;
			block_object(h, pool, b, ret);
			*pos = p << 32 | (i + 1);
			return true;
		}
	}
	if (i >= h->outside.len)
		return false;
	outside_object_of(h, (size_t)i, ret);
	*pos = p << 32 | (i + 1);
	return true;
}

/* Outside the arenas an object is known by its own address: 0, 16 or 32 bytes into its block. */
static enum heap_use outside_use(const struct heap *h, uint64_t block, uint32_t *ret_type,
				 uint64_t *ret_object)
{
	for (uint64_t pre = 0; pre <= 32; pre += 16) {
		uint64_t v = map_get(&h->outside_index, block + pre, OUTSIDE_REJECTED);
		const struct outside *o;

		if (v == OUTSIDE_REJECTED)
			continue;
		if (v & OUTSIDE_BUFFER) {
			if (pre)
				continue;
			*ret_type = (uint32_t)(v & ~OUTSIDE_BUFFER);
			return HEAP_USE_BUFFER;
		}
		o = &h->outside.at[v];
		if (types_at(&h->types, o->type)->pre != pre)
			continue;
		*ret_type = o->type;
		*ret_object = o->addr;
		return HEAP_USE_OBJECT;
	}
	return HEAP_USE_NONE;
}

enum heap_use heap_block_use(const struct heap *h, uint64_t block, uint32_t *ret_type,
			     uint64_t *ret_object)
{
	uint32_t off, b = pymalloc_block_of(&h->pm, block, &off), state;

	*ret_type = 0;
	*ret_object = 0;
	if (b == PYMALLOC_NONE)
		return outside_use(h, block, ret_type, ret_object);
	if (off != h->lead)
		return HEAP_USE_NONE;
	state = h->state[b];
	*ret_type = STATE_TYPE(state);
	switch (STATE_KIND(state)) {
	case BLOCK_OBJECT:
		*ret_object = block + types_at(&h->types, *ret_type)->pre;
		return HEAP_USE_OBJECT;
	case BLOCK_BUFFER:
	case BLOCK_WEAK:
		return HEAP_USE_BUFFER;
	case BLOCK_FREE_LIST:
		return HEAP_USE_FREE_LIST;
	case BLOCK_UNKNOWN:
		return HEAP_USE_UNKNOWN;
	case BLOCK_UNSEEN:
	case BLOCK_FREE:
		break;
	}
	return HEAP_USE_FREE;
}

uint64_t heap_object_bytes(struct heap *h, uint32_t id)
{
	uint8_t bytes[64 + HEAD_BYTES] = { 0 };
	const struct heap_type *t;
	struct heap_object o;
	size_t n;

	if (!heap_object(h, id, &o))
		return 0;
	t = types_at(&h->types, o.type);
	n = o.block_bytes > t->pre ? (size_t)(o.block_bytes - t->pre) : 0;
	n = n < HEAD_BYTES ? n : HEAD_BYTES;
	if (t->pre > 64 || !reader_get(&h->r, o.addr - t->pre, bytes, t->pre + n))
		return o.block_bytes;
	h->measuring = true;
	h->measured = 0;
	owner_buffers(h, o.type, o.addr, bytes + t->pre, n);
	h->measuring = false;
	return o.block_bytes + h->measured;
}
