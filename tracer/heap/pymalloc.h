/* SPDX-License-Identifier: MIT */
/*
 * pymalloc from outside: arenas, pools and blocks (Objects/obmalloc.c; one heap per runtime up
 * to 3.11, per interpreter from 3.12). Knows where every block is and whether it is handed
 * out; refuses to know what is in it.
 */
#ifndef PYMEMPROF_TRACER_HEAP_PYMALLOC_H
#define PYMEMPROF_TRACER_HEAP_PYMALLOC_H

#include "base/err.h"
#include "base/own.h"
#include "base/vec.h"
#include "tracer/cpython/py.h"
#include "tracer/heap/reader.h"

#define PYMALLOC_CLASSES 64
#define PYMALLOC_NONE UINT32_MAX

/* One obmalloc state: arenas of one interpreter, or of all which share it. */
struct pymalloc_heap {
	uint64_t state; /* address of struct _obmalloc_state; 0: static variables */
	uint64_t arenas_at;
	uint32_t slots; /* of the arena vector */
	int64_t interp; /* id of the first interpreter using it */
	bool has_counters;
	uint64_t current, ever, highwater, raw_blocks; /* the interpreter's own counters */
};

struct pymalloc_arena {
	uint64_t address; /* as mmap gave it */
	uint64_t base;	  /* first pool: address rounded up */
	uint32_t heap;
	uint32_t pools;	  /* ntotalpools */
	uint32_t carved;  /* pools ever used: base … pool_address */
	uint32_t free_pools; /* nfreepools: freed and never used */
	uint32_t first_pool, used_pools; /* in pymalloc.pools */
};

/* A pool in use by a size class. */
struct pymalloc_pool {
	uint64_t addr;
	uint64_t freeblock;
	uint32_t arena;
	uint32_t first_block; /* index of its first block in the block table */
	uint16_t blocks;      /* capacity */
	uint16_t used;	      /* ref.count */
	uint32_t next_offset; /* virgin blocks start here */
	uint8_t szidx;
	bool torn; /* contradicts itself: its blocks are read anyway, bounded */
};

struct pymalloc_class {
	uint64_t pools, used, free, virgin;
};

struct pymalloc {
	uint32_t pool_bytes, pool_shift, header_bytes, align, classes;
	uint32_t block_size[PYMALLOC_CLASSES];
	uint32_t block_inverse[PYMALLOC_CLASSES]; /* ⌈2^32 / size⌉: offset to index without dividing */
	uint32_t per_pool[PYMALLOC_CLASSES];
	struct VEC(struct pymalloc_heap) heaps;
	struct VEC(struct pymalloc_arena) arenas;
	struct VEC(struct pymalloc_pool) pools;
	uint64_t nblocks; /* capacity of all used pools */
	struct pymalloc_class class[PYMALLOC_CLASSES];
	uint64_t arena_bytes, live_bytes, live_blocks, free_bytes, free_pools, align_bytes;
	uint64_t torn, first_torn;
	/* address → pool: direct table from map_base, or hash when arenas lie far apart */
	uint64_t map_base;
	uint64_t map_len;
	uint32_t *map; /* 0 not pymalloc's, 1 free pool, else pool index + 2 */
	bool map_hashed;
	uint64_t *map_keys;
};

/*
 * Read all arena and pool headers of all interpreters. The target must not move. Without
 * symbols the static state of 3.8–3.11 is found by signature. An interpreter without pymalloc
 * (PYTHONMALLOC=malloc) yields no arenas. Damage is counted, not an error.
 * Errors: NOMEM, GONE; CORRUPT when pymalloc is in use and its state cannot be found.
 * The caller owns *ret: pymalloc_deinit.
 */
int pymalloc_read(struct reader *r, const struct py *py, struct pymalloc *ret, struct err *err)
	MUST_CHECK;
void pymalloc_deinit(struct pymalloc *pm); /* accepts zeroed */

/* Index + 2 of the pool holding addr, 1 for a free pool of an arena, 0 when it is not pymalloc's. */
static inline uint32_t pymalloc_pool_of(const struct pymalloc *pm, uint64_t addr)
{
	uint64_t key = (addr >> pm->pool_shift) - pm->map_base;

	if (!pm->map_hashed)
		return key < pm->map_len ? pm->map[key] : 0;
	if (!pm->map_len)
		return 0;
	key = addr >> pm->pool_shift;
	for (uint64_t i = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 20;; i++) {
		uint64_t slot = i & (pm->map_len - 1);

		if (pm->map_keys[slot] == key)
			return pm->map[slot];
		if (!pm->map[slot])
			return 0;
	}
}

static inline bool pymalloc_has(const struct pymalloc *pm, uint64_t addr)
{
	return pymalloc_pool_of(pm, addr) != 0;
}

/*
 * Block table index of the block holding addr and the offset of addr in it; PYMALLOC_NONE when
 * no size class's block is there.
 */
static inline uint32_t pymalloc_block_of(const struct pymalloc *pm, uint64_t addr,
					 uint32_t *ret_offset)
{
	uint32_t p = pymalloc_pool_of(pm, addr);
	const struct pymalloc_pool *pool;
	uint32_t off, index;

	if (p < 2)
		return PYMALLOC_NONE;
	pool = &pm->pools.at[p - 2];
	off = (uint32_t)(addr - pool->addr);
	if (off < pm->header_bytes)
		return PYMALLOC_NONE;
	off -= pm->header_bytes;
	index = (uint32_t)(((uint64_t)off * pm->block_inverse[pool->szidx]) >> 32);
	if (index >= pool->blocks)
		return PYMALLOC_NONE;
	*ret_offset = off - index * pm->block_size[pool->szidx];
	return pool->first_block + index;
}

/* The pool a block table index belongs to: binary search, for the few who start from an index. */
const struct pymalloc_pool *pymalloc_pool_of_block(const struct pymalloc *pm, uint32_t block);

static inline uint64_t pymalloc_block_addr(const struct pymalloc *pm,
					   const struct pymalloc_pool *pool, uint32_t block)
{
	return pool->addr + pm->header_bytes +
	       (uint64_t)(block - pool->first_block) * pm->block_size[pool->szidx];
}

/*
 * Mark the free blocks of one pool whose bytes are at hand: live[i] is set to 1 for blocks
 * handed out and 0 for free ones (listed and virgin). live has pool->blocks entries. Returns
 * false, having counted it, when list and count disagree.
 */
bool pymalloc_live(struct pymalloc *pm, const struct pymalloc_pool *pool, const uint8_t *bytes,
		   uint8_t *live);

#endif
