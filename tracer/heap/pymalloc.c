/* SPDX-License-Identifier: MIT */
/*
 * Reads arena vectors and pool headers, and keeps the accounting identities of
 * Objects/obmalloc.c: nfreepools = free list + never carved; count + free blocks = capacity;
 * arena bytes = blocks + headers + tails + free pools + alignment. Where the state lives is
 * pymalloc_state.c's business.
 */
#include "tracer/heap/pymalloc.h"

#include <string.h>

#include "tracer/heap/pymalloc_state.h"

#define ARENAS_MAX (1u << 22) /* 4 TiB of arenas: beyond it, the vector is garbage */
#define DIRECT_MAP_SLACK (1u << 20)

void pymalloc_deinit(struct pymalloc *pm)
{
	vec_deinit(&pm->heaps);
	vec_deinit(&pm->arenas);
	vec_deinit(&pm->pools);
	free(pm->map);
	free(pm->map_keys);
	*pm = (struct pymalloc){ 0 };
}

static void pymalloc_torn(struct pymalloc *pm, uint64_t addr)
{
	if (!pm->torn++)
		pm->first_torn = addr;
}

static void pymalloc_geometry(struct pymalloc *pm, const struct py_layout *l)
{
	pm->pool_bytes = (uint32_t)l->pool_bytes;
	pm->pool_shift = (uint32_t)__builtin_ctz(pm->pool_bytes);
	pm->align = (uint32_t)l->block_align;
	pm->header_bytes = (uint32_t)l->pool_header_sizeof;
	pm->header_bytes = (pm->header_bytes + pm->align - 1) / pm->align * pm->align;
	pm->classes = (uint32_t)l->small_request_max / pm->align;
	if (pm->classes > PYMALLOC_CLASSES)
		pm->classes = PYMALLOC_CLASSES;
	for (uint32_t i = 0; i < pm->classes; i++) {
		pm->block_size[i] = (i + 1) * pm->align;
		pm->block_inverse[i] =
			(uint32_t)((UINT64_C(1) << 32) / pm->block_size[i]) + 1;
		pm->per_pool[i] = (pm->pool_bytes - pm->header_bytes) / pm->block_size[i];
	}
}

/* A pool header as read, before it is believed. */
struct header {
	uint32_t count, szidx, next_offset, max_next_offset;
	uint64_t freeblock, next;
};

static bool header_read(struct reader *r, const struct py_layout *l, uint64_t addr,
			struct header *ret)
{
	uint8_t b[64];

	if (!reader_get(r, addr, b, (size_t)l->pool_header_sizeof))
		return false;
	ret->count = le32(b + l->pool_header_ref);
	ret->freeblock = le64(b + l->pool_header_freeblock);
	ret->next = le64(b + l->pool_header_nextpool);
	ret->szidx = le32(b + l->pool_header_szidx);
	ret->next_offset = le32(b + l->pool_header_nextoffset);
	ret->max_next_offset = le32(b + l->pool_header_maxnextoffset);
	return true;
}

/* The invariants of pool_header in Objects/obmalloc.c (pymalloc_alloc, allocate_from_new_pool). */
static bool header_sane(const struct pymalloc *pm, const struct header *h)
{
	uint32_t size;

	if (h->szidx >= pm->classes)
		return false;
	size = pm->block_size[h->szidx];
	return h->max_next_offset == pm->pool_bytes - size && h->next_offset >= pm->header_bytes &&
	       h->next_offset <= pm->pool_bytes &&
	       (h->next_offset - pm->header_bytes) % size == 0 && h->count <= pm->per_pool[h->szidx];
}

/* Mark the arena's freed pools in free_map by walking arena_object.freepools. */
static uint32_t free_pools_walk(struct pymalloc *pm, struct reader *r, const struct py_layout *l,
				const struct pymalloc_arena *a, uint64_t head, uint8_t *free_map)
{
	uint32_t n = 0;
	uint64_t at = head;

	while (at) {
		uint64_t index = (at - a->base) / pm->pool_bytes;

		if (at < a->base || index >= a->carved || at % pm->pool_bytes || free_map[index]) {
			pymalloc_torn(pm, at);
			break;
		}
		free_map[index] = 1;
		n++;
		if (!reader_u64(r, at + (uint64_t)l->pool_header_nextpool, &at)) {
			pymalloc_torn(pm, a->address);
			break;
		}
	}
	return n;
}

static int pool_add(struct pymalloc *pm, uint32_t arena, uint64_t addr, const struct header *h)
{
	struct pymalloc_class *c = &pm->class[h->szidx];
	uint32_t blocks = pm->per_pool[h->szidx];
	uint32_t size = pm->block_size[h->szidx];
	uint32_t virgin = (pm->pool_bytes - h->next_offset) / size;
	struct pymalloc_pool p = {
		.addr = addr,
		.freeblock = h->freeblock,
		.arena = arena,
		.first_block = (uint32_t)pm->nblocks,
		.blocks = (uint16_t)blocks,
		.used = (uint16_t)h->count,
		.next_offset = h->next_offset,
		.szidx = (uint8_t)h->szidx,
	};

	if (virgin > blocks)
		virgin = blocks;
	if (h->count + virgin > blocks) {
		p.torn = true;
		pymalloc_torn(pm, addr);
	}
	c->pools++;
	c->used += h->count;
	c->free += blocks - h->count;
	c->virgin += virgin;
	pm->live_blocks += h->count;
	pm->live_bytes += (uint64_t)h->count * size;
	pm->free_bytes += (uint64_t)(blocks - h->count) * size;
	pm->nblocks += blocks;
	return vec_push(&pm->pools, p);
}

static int arena_pools(struct pymalloc *pm, struct reader *r, const struct py_layout *l,
		       uint32_t index, uint64_t freepools)
{
	struct pymalloc_arena *a = &pm->arenas.at[index];
	AUTO_FREE uint8_t *free_map = calloc(a->carved + 1, 1);
	uint32_t freed;

	if (!free_map)
		return ERR_NOMEM;
	freed = free_pools_walk(pm, r, l, a, freepools, free_map);
	if (a->free_pools != freed + (a->pools - a->carved))
		pymalloc_torn(pm, a->address);
	a->first_pool = (uint32_t)pm->pools.len;
	for (uint32_t i = 0; i < a->carved; i++) {
		uint64_t addr = a->base + (uint64_t)i * pm->pool_bytes;
		struct header h;

		if (free_map[i])
			continue;
		if (!header_read(r, l, addr, &h) || !header_sane(pm, &h) ||
		    pm->nblocks + pm->per_pool[h.szidx] >= PYMALLOC_NONE) {
			pymalloc_torn(pm, addr);
			continue;
		}
		if (pool_add(pm, index, addr, &h) < 0)
			return ERR_NOMEM;
	}
	a->used_pools = (uint32_t)pm->pools.len - a->first_pool;
	pm->free_pools += a->pools - a->used_pools;
	return 0;
}

/* One arena_object. 1 when it was an arena, 0 when the slot is unused, -1 when it is no slot. */
static int arena_parse(const struct pymalloc *pm, const struct py_layout *l, const uint8_t *b,
		       struct pymalloc_arena *ret, uint64_t *ret_freepools)
{
	uint64_t address = le64(b + l->arena_object_address);
	uint64_t next_pool = le64(b + l->arena_object_pool_address);
	uint32_t total = le32(b + l->arena_object_ntotalpools);
	uint32_t nfree = le32(b + l->arena_object_nfreepools);
	uint64_t base = (address + pm->pool_bytes - 1) & ~(uint64_t)(pm->pool_bytes - 1);

	if (!address)
		return 0;
	if (address % 4096 || address >> 56 || !total || total > (1u << 16) || nfree > total ||
	    next_pool < base || (next_pool - base) % pm->pool_bytes ||
	    (next_pool - base) / pm->pool_bytes > total)
		return -1;
	*ret = (struct pymalloc_arena){
		.address = address,
		.base = base,
		.pools = total,
		.carved = (uint32_t)((next_pool - base) / pm->pool_bytes),
		.free_pools = nfree,
	};
	*ret_freepools = le64(b + l->arena_object_freepools);
	return 1;
}

static int arena_add(struct pymalloc *pm, struct reader *r, const struct py_layout *l,
		     struct pymalloc_arena *a, uint64_t freepools)
{
	bool misaligned = a->address != a->base;
	int code;

	pm->arena_bytes += ((uint64_t)a->pools + misaligned) * pm->pool_bytes;
	pm->align_bytes += misaligned ? pm->pool_bytes : 0;
	code = vec_push(&pm->arenas, *a);
	if (code < 0)
		return code;
	return arena_pools(pm, r, l, (uint32_t)pm->arenas.len - 1, freepools);
}

static int heap_arenas(struct pymalloc *pm, struct reader *r, const struct py_layout *l,
		       uint32_t heap)
{
	uint64_t at = pm->heaps.at[heap].arenas_at;
	size_t stride = (size_t)l->arena_object_sizeof;
	uint32_t slots = pm->heaps.at[heap].slots;

	for (uint32_t i = 0; i < slots && i < ARENAS_MAX; i++, at += stride) {
		struct pymalloc_arena a;
		uint64_t freepools = 0;
		uint8_t b[64];
		int kind, code;

		if (!reader_get(r, at, b, stride)) {
			pymalloc_torn(pm, at);
			break;
		}
		kind = arena_parse(pm, l, b, &a, &freepools);
		if (kind < 0)
			pymalloc_torn(pm, at);
		if (kind <= 0)
			continue;
		a.heap = heap;
		code = arena_add(pm, r, l, &a, freepools);
		if (code < 0)
			return code;
	}
	return 0;
}

static void map_put(struct pymalloc *pm, uint64_t addr, uint32_t value)
{
	uint64_t key = addr >> pm->pool_shift;

	if (!pm->map_hashed) {
		pm->map[key - pm->map_base] = value;
		return;
	}
	for (uint64_t i = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 20;; i++) {
		uint64_t slot = i & (pm->map_len - 1);

		if (pm->map[slot] && pm->map_keys[slot] != key)
			continue;
		pm->map_keys[slot] = key;
		pm->map[slot] = value;
		return;
	}
}

/* Choose and fill the address map: direct when the arenas lie close together. */
static int map_build(struct pymalloc *pm)
{
	uint64_t low = UINT64_MAX, high = 0, npools = 0, span;

	for (size_t i = 0; i < pm->arenas.len; i++) {
		const struct pymalloc_arena *a = &pm->arenas.at[i];
		uint64_t first = a->base >> pm->pool_shift;

		low = first < low ? first : low;
		high = first + a->pools > high ? first + a->pools : high;
		npools += a->pools;
	}
	if (!npools)
		return 0;
	span = high - low;
	pm->map_base = low;
	pm->map_hashed = span > npools * 4 + DIRECT_MAP_SLACK;
	pm->map_len = span;
	if (pm->map_hashed) {
		for (pm->map_len = 64; pm->map_len < npools * 2; pm->map_len *= 2)
			;
		pm->map_keys = calloc(pm->map_len, sizeof(*pm->map_keys));
		if (!pm->map_keys)
			return ERR_NOMEM;
	}
	pm->map = calloc(pm->map_len, sizeof(*pm->map));
	if (!pm->map)
		return ERR_NOMEM;
	for (size_t i = 0; i < pm->arenas.len; i++) {
		const struct pymalloc_arena *a = &pm->arenas.at[i];

		for (uint32_t p = 0; p < a->pools; p++)
			map_put(pm, a->base + (uint64_t)p * pm->pool_bytes, 1);
	}
	for (size_t i = 0; i < pm->pools.len; i++)
		map_put(pm, pm->pools.at[i].addr, (uint32_t)i + 2);
	return 0;
}

int pymalloc_read(struct reader *r, const struct py *py, struct pymalloc *ret, struct err *err)
{
	struct pymalloc pm = { 0 };
	int code;

	pymalloc_geometry(&pm, py->layout);
	code = pymalloc_state_find(r, py, &pm, err);
	for (uint32_t i = 0; code == 0 && i < pm.heaps.len; i++) {
		code = heap_arenas(&pm, r, py->layout, i);
		if (code < 0)
			err_nomem(err);
	}
	if (code == 0 && r->gone)
		code = err_set(err, r->gone, "target's memory is no longer readable");
	if (code == 0 && map_build(&pm) < 0)
		code = err_nomem(err);
	if (code < 0) {
		pymalloc_deinit(&pm);
		return code;
	}
	*ret = pm;
	return 0;
}

const struct pymalloc_pool *pymalloc_pool_of_block(const struct pymalloc *pm, uint32_t block)
{
	size_t low = 0, high = pm->pools.len;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (pm->pools.at[mid].first_block <= block)
			low = mid;
		else
			high = mid;
	}
	return high ? &pm->pools.at[low] : NULL;
}

bool pymalloc_live(struct pymalloc *pm, const struct pymalloc_pool *pool, const uint8_t *bytes,
		   uint8_t *live)
{
	uint32_t size = pm->block_size[pool->szidx];
	uint32_t touched = (pool->next_offset - pm->header_bytes) / size;
	uint64_t at = pool->freeblock;
	uint32_t left;

	if (touched > pool->blocks)
		touched = pool->blocks;
	memset(live, 1, touched);
	memset(live + touched, 0, (size_t)(pool->blocks - touched));
	left = touched;
	while (at) {
		uint64_t off = at - pool->addr - pm->header_bytes;
		uint32_t index = (uint32_t)((off * pm->block_inverse[pool->szidx]) >> 32);

		if (at < pool->addr + pm->header_bytes || off >= pm->pool_bytes ||
		    index >= touched || off != (uint64_t)index * size || !live[index])
			break;
		live[index] = 0;
		left--;
		at = le64(bytes + (at - pool->addr));
	}
	if (at == 0 && left == pool->used)
		return true;
	pymalloc_torn(pm, pool->addr);
	return false;
}
