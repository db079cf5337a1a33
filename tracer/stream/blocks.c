/* SPDX-License-Identifier: MIT */
/*
 * Segments, the directory over them, and what is not hot: splitting, large blocks, sorting.
 * Segments are cut from 2 MiB chunks so that the kernel may back them with huge pages.
 */
#include "tracer/stream/blocks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/own.h"

#define CHUNK_BYTES (2u * 1024 * 1024)
#define SEG_BYTES (BLOCKS_SEG_SLOTS * sizeof(struct block_slot))

static void chunk_unmap(void *chunk)
{
	munmap(chunk, CHUNK_BYTES);
}

/* 2 MiB, zeroed, aligned to its size. */
static void *chunk_map(void)
{
	char *p = mmap(NULL, 2 * CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	size_t skip = (CHUNK_BYTES - (uintptr_t)p % CHUNK_BYTES) % CHUNK_BYTES;
	if (skip)
		munmap(p, skip);
	munmap(p + skip + CHUNK_BYTES, CHUNK_BYTES - skip);
	madvise(p + skip, CHUNK_BYTES, MADV_HUGEPAGE);
	return p + skip;
}

static struct block_slot *seg_take(struct blocks *b)
{
	if (b->nspare == 0) {
		void **chunks = realloc(b->chunks, (b->nchunks + 1) * sizeof *chunks);
		if (!chunks)
			return NULL;
		b->chunks = chunks;
		void *chunk = chunk_map();
		if (!chunk)
			return NULL;
		chunks[b->nchunks++] = chunk;
		b->spare = chunk;
		b->nspare = CHUNK_BYTES / SEG_BYTES;
	}
	struct block_slot *s = b->spare;
	b->spare += BLOCKS_SEG_SLOTS;
	b->nspare--;
	return s;
}

static bool seg_add(struct blocks *b, uint32_t depth)
{
	if (b->nsegs == b->segs_cap) {
		size_t cap = b->segs_cap ? b->segs_cap * 2 : 16;
		struct block_seg *segs = realloc(b->segs, cap * sizeof *segs);
		if (!segs)
			return false;
		b->segs = segs;
		b->segs_cap = cap;
	}
	struct block_slot *slots = seg_take(b);
	if (!slots)
		return false;
	b->segs[b->nsegs++] = (struct block_seg){ .slots = slots, .depth = depth };
	return true;
}

static int table_new(uint64_t limit, struct blocks **ret, struct err *err)
{
	struct blocks *b = calloc(1, sizeof *b);

	if (!b)
		return err_nomem(err);
	b->limit = limit;
	b->dir = calloc(1, sizeof *b->dir);
	if (!b->dir || !seg_add(b, 0)) {
		blocks_free(b);
		return err_nomem(err);
	}
	*ret = b;
	return 0;
}

int blocks_new(uint64_t limit, struct blocks **ret, struct err *err)
{
	struct blocks *b;
	int r = table_new(limit, &b, err);

	if (r < 0)
		return r;
	r = table_new(limit, &b->large, err);
	if (r < 0) {
		blocks_free(b);
		return r;
	}
	*ret = b;
	return 0;
}

void blocks_free(struct blocks *b)
{
	if (!b)
		return;
	blocks_free(b->large);
	for (size_t i = 0; i < b->nchunks; i++)
		chunk_unmap(b->chunks[i]);
	free(b->chunks);
	free(b->segs);
	free(b->dir);
	free(b);
}

static bool dir_double(struct blocks *b)
{
	if (b->dir_bits >= BLOCKS_DIR_BITS_MAX)
		return false;
	size_t n = (size_t)1 << b->dir_bits;
	uint32_t *dir = malloc(2 * n * sizeof *dir);
	if (!dir)
		return false;
	for (size_t i = 0; i < n; i++)
		dir[2 * i] = dir[2 * i + 1] = b->dir[i];
	free(b->dir);
	b->dir = dir;
	b->dir_bits++;
	return true;
}

static void seg_put(struct block_seg *seg, struct block_slot slot)
{
	uint32_t i = blocks_home(blocks_hash(slot.key));

	while (seg->slots[i].key != 0)
		i = (i + 1) & (BLOCKS_SEG_SLOTS - 1);
	seg->slots[i] = slot;
	seg->used++;
}

/* Split the segment that `hash` falls into by its next hash bit. */
static bool seg_split(struct blocks *b, uint64_t hash)
{
	uint32_t number = b->dir[hash >> 1 >> (63 - b->dir_bits)];
	uint32_t depth = b->segs[number].depth;

	if (depth == b->dir_bits && !dir_double(b))
		return false;
	AUTO_FREE struct block_slot *old = malloc(SEG_BYTES);
	if (!old || !seg_add(b, depth + 1))
		return false;
	uint32_t sibling = (uint32_t)b->nsegs - 1;
	struct block_seg *low = &b->segs[number], *high = &b->segs[sibling];
	memcpy(old, low->slots, SEG_BYTES);
	memset(low->slots, 0, SEG_BYTES);
	low->used = 0;
	low->depth = depth + 1;
	uint64_t bit = 1ull << (63 - depth);
	for (size_t i = 0; i < BLOCKS_SEG_SLOTS; i++)
		if (old[i].key)
			seg_put(blocks_hash(old[i].key) & bit ? high : low, old[i]);
	/* Directory entries that share the old prefix: the upper half now means the sibling. */
	size_t span = (size_t)1 << (b->dir_bits - depth);
	size_t first = (size_t)(hash >> 1 >> (63 - b->dir_bits)) & ~(span - 1);
	for (size_t i = span / 2; i < span; i++)
		b->dir[first + i] = sibling;
	return true;
}

enum blocks_insert blocks_insert_slow(struct blocks *b, uint64_t addr, uint64_t size,
				      uint64_t word)
{
	uint64_t key = addr >> 3, hash = blocks_hash(key);

	if (blocks_find(b, addr))
		return BLOCKS_EXISTS;
	if (b->count >= b->limit)
		return BLOCKS_REFUSED;
	while (blocks_seg(b, hash)->used >= BLOCKS_SEG_FULL)
		if (!seg_split(b, hash))
			return BLOCKS_REFUSED;
	if (size >= BLOCKS_SIZE_LARGE && b->large) {
		if (blocks_insert_slow(b->large, addr, 0, size) != BLOCKS_INSERTED)
			return BLOCKS_REFUSED;
		size = BLOCKS_SIZE_LARGE;
	}
	seg_put(blocks_seg(b, hash), (struct block_slot){ key | size << 45, word });
	b->count++;
	return BLOCKS_INSERTED;
}

uint64_t blocks_large_size(const struct blocks *b, uint64_t addr)
{
	const struct block_slot *s = b->large ? blocks_find(b->large, addr) : NULL;

	return s ? s->word : BLOCKS_SIZE_LARGE;
}

void blocks_remove(struct blocks *b, struct block_slot *slot)
{
	const uint32_t mask = BLOCKS_SEG_SLOTS - 1;
	struct block_seg *seg = blocks_seg(b, blocks_hash(slot->key));
	struct block_slot *slots = seg->slots;
	uint32_t hole = (uint32_t)(slot - slots), i = hole;

	if (slot->key >> 45 == BLOCKS_SIZE_LARGE && b->large) {
		struct block_slot *large = blocks_find(b->large, blocks_slot_addr(slot));
		if (large)
			blocks_remove(b->large, large);
	}
	/* Close the gap: move back whatever may stand in the hole, so no tombstones are needed. */
	for (;;) {
		i = (i + 1) & mask;
		if (slots[i].key == 0)
			break;
		uint32_t home = blocks_home(blocks_hash(slots[i].key));
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			slots[hole] = slots[i];
			hole = i;
		}
	}
	slots[hole].key = 0;
	seg->used--;
	b->count--;
}

#define RADIX_BITS 15
#define RADIX_PASSES 3 /* 45 bits of address */

/* Stable counting sort by one digit of the address. */
static void radix_pass(const struct block_slot *from, struct block_slot *to, size_t n,
		       unsigned shift, size_t *start)
{
	const uint64_t mask = (1u << RADIX_BITS) - 1;
	size_t sum = 0;

	memset(start, 0, sizeof *start << RADIX_BITS);
	for (size_t i = 0; i < n; i++)
		start[from[i].key >> shift & mask]++;
	for (size_t d = 0; d <= mask; d++) {
		size_t c = start[d];
		start[d] = sum;
		sum += c;
	}
	for (size_t i = 0; i < n; i++)
		to[start[from[i].key >> shift & mask]++] = from[i];
}

int blocks_sorted(const struct blocks *b, struct block_slot **ret, size_t *ret_n, struct err *err)
{
	size_t n = (size_t)b->count, k = 0;

	*ret = NULL;
	*ret_n = 0;
	if (n == 0)
		return 0;
	AUTO_FREE struct block_slot *all = malloc(n * sizeof *all);
	if (!all)
		return err_nomem(err);
	for (size_t s = 0; s < b->nsegs; s++)
		for (size_t i = 0; i < BLOCKS_SEG_SLOTS; i++)
			if (b->segs[s].slots[i].key && k < n)
				all[k++] = b->segs[s].slots[i];
	AUTO_FREE struct block_slot *other = malloc(n * sizeof *other);
	AUTO_FREE size_t *start = malloc(sizeof *start << RADIX_BITS);
	if (other && start) {
		for (unsigned pass = 0; pass < RADIX_PASSES; pass++) {
			radix_pass(all, other, k, pass * RADIX_BITS, start);
			struct block_slot *t = all;
			all = other;
			other = t;
		}
	}
	*ret_n = k;
	*ret = TAKE(all);
	return 0;
}

uint64_t blocks_bytes(const struct blocks *b)
{
	uint64_t own = (uint64_t)b->nchunks * CHUNK_BYTES + b->segs_cap * sizeof *b->segs +
		       ((uint64_t)sizeof *b->dir << b->dir_bits);

	return own + (b->large ? blocks_bytes(b->large) : 0);
}
