/* SPDX-License-Identifier: MIT */
/*
 * Live blocks by address: an extendible hash table of open-addressing segments, 16 bytes a
 * block. A full segment is split alone (some 20 µs), so no event ever waits for the whole
 * table to be copied. Knows addresses, sizes and one opaque word; refuses to know sites.
 *
 * The hot calls are inline: the ledger's budget is 50 ns an event, cache misses included.
 */
#ifndef PYMEMPROF_TRACER_STREAM_BLOCKS_H
#define PYMEMPROF_TRACER_STREAM_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define BLOCKS_SEG_SLOTS 4096u
#define BLOCKS_SEG_FULL 2560u /* split beyond: linear probing stays short */
#define BLOCKS_DIR_BITS_MAX 24u

/* key 0: empty. key = address / 8 (45 bits) | size (19 bits; all ones: see `large`). */
struct block_slot {
	uint64_t key, word;
};

struct block_seg {
	struct block_slot *slots; /* BLOCKS_SEG_SLOTS of them */
	uint32_t used;
	uint32_t depth; /* top hash bits all its blocks share */
};

struct blocks {
	uint32_t *dir; /* 2^dir_bits segment numbers, indexed by the top hash bits */
	unsigned dir_bits;
	struct block_seg *segs;
	size_t nsegs, segs_cap;
	struct block_slot *spare; /* unused segments of the newest chunk */
	size_t nspare;
	void **chunks;
	size_t nchunks;
	uint64_t count, limit;
	struct blocks *large; /* word = size, for blocks of 512 KiB and more */
};

/* limit: most blocks it will hold. The caller owns *ret: blocks_free. */
int blocks_new(uint64_t limit, struct blocks **ret, struct err *err) MUST_CHECK;
void blocks_free(struct blocks *b); /* accepts NULL */

#define BLOCKS_KEY_MASK ((1ull << 45) - 1)
#define BLOCKS_SIZE_LARGE ((1ull << 19) - 1)

static inline uint64_t blocks_hash(uint64_t key)
{
	uint64_t h = (key & BLOCKS_KEY_MASK) * 0x9e3779b97f4a7c15ull;

	return h ^ h >> 29;
}

static inline struct block_seg *blocks_seg(const struct blocks *b, uint64_t hash)
{
	return &b->segs[b->dir[hash >> 1 >> (63 - b->dir_bits)]];
}

/* The directory uses hash bits 40–63, a segment bits 24–35. */
static inline uint32_t blocks_home(uint64_t hash)
{
	return (uint32_t)(hash >> 24) & (BLOCKS_SEG_SLOTS - 1);
}

/*
 * Bring the slot of addr near; addr as in a record (multiple of 8, below 2^48). always_inline:
 * gcc 12 takes a function that only prefetches for one without effect and drops the call.
 */
__attribute__((always_inline)) static inline void blocks_prefetch(const struct blocks *b, uint64_t addr)
{
	uint64_t h = blocks_hash(addr >> 3);

	const struct block_slot *s = &blocks_seg(b, h)->slots[blocks_home(h)];

	/* Four slots a cache line: a probe or the closing of a gap often goes into the next. */
	__builtin_prefetch(s, 1);
	__builtin_prefetch(s + 3, 1);
}

/* Slot of addr in its segment, or NULL. addr must not be 0. */
static inline struct block_slot *blocks_find(const struct blocks *b, uint64_t addr)
{
	uint64_t key = addr >> 3, h = blocks_hash(key);
	struct block_slot *slots = blocks_seg(b, h)->slots;

	for (uint32_t i = blocks_home(h);; i = (i + 1) & (BLOCKS_SEG_SLOTS - 1)) {
		if ((slots[i].key & BLOCKS_KEY_MASK) == key)
			return &slots[i];
		if (slots[i].key == 0)
			return NULL;
	}
}

uint64_t blocks_large_size(const struct blocks *b, uint64_t addr);

static inline uint64_t blocks_slot_addr(const struct block_slot *s)
{
	return (s->key & BLOCKS_KEY_MASK) << 3;
}

static inline uint64_t blocks_slot_size(const struct blocks *b, const struct block_slot *s)
{
	uint64_t size = s->key >> 45;

	return size == BLOCKS_SIZE_LARGE ? blocks_large_size(b, blocks_slot_addr(s)) : size;
}

enum blocks_insert {
	BLOCKS_INSERTED,
	BLOCKS_EXISTS,	/* a block is there already: find, remove, insert again */
	BLOCKS_REFUSED, /* the limit is reached, or memory ran out; nothing changed */
};

/* addr ≠ 0, multiple of 8, below 2^48. */
enum blocks_insert blocks_insert_slow(struct blocks *b, uint64_t addr, uint64_t size,
				      uint64_t word);

static inline enum blocks_insert blocks_insert(struct blocks *b, uint64_t addr, uint64_t size,
					       uint64_t word)
{
	uint64_t key = addr >> 3, h = blocks_hash(key);
	struct block_seg *seg = blocks_seg(b, h);
	uint32_t i = blocks_home(h);

	if (seg->used >= BLOCKS_SEG_FULL || size >= BLOCKS_SIZE_LARGE || b->count >= b->limit)
		return blocks_insert_slow(b, addr, size, word);
	for (; seg->slots[i].key != 0; i = (i + 1) & (BLOCKS_SEG_SLOTS - 1))
		if ((seg->slots[i].key & BLOCKS_KEY_MASK) == key)
			return BLOCKS_EXISTS;
	seg->slots[i] = (struct block_slot){ key | size << 45, word };
	seg->used++;
	b->count++;
	return BLOCKS_INSERTED;
}

/* Take a slot out; slot came from blocks_find and is invalid afterwards. */
void blocks_remove(struct blocks *b, struct block_slot *slot);

/*
 * All blocks, ascending by address, as a new array (caller frees); sizes of large ones are
 * still to be asked by blocks_slot_size. Unsorted when memory for sorting is short.
 * *ret is NULL when there is none.
 */
int blocks_sorted(const struct blocks *b, struct block_slot **ret, size_t *ret_n,
		  struct err *err) MUST_CHECK;

/* Bytes of our memory it takes. */
uint64_t blocks_bytes(const struct blocks *b);

#endif
