/* SPDX-License-Identifier: MIT */
/*
 * Hash map from 64-bit keys (addresses, hashes, ids) to 64-bit values: open addressing,
 * linear probing, deletion by shifting back, so it does not age. Every key is allowed,
 * including 0. The hash is seeded per map: keys chosen by the target cannot pile up.
 */
#ifndef PYMEMPROF_BASE_MAP_H
#define PYMEMPROF_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

struct map_slot {
	uint64_t key; /* 0 marks a free slot; the key 0 itself lives in struct map */
	uint64_t value;
};

/* Zeroed is empty. Read len; the rest is private. */
struct map {
	struct map_slot *slots;
	size_t mask; /* slots - 1; 0 while nothing is allocated */
	size_t len;
	size_t used; /* slots in use: len without the key 0 */
	uint64_t seed;
	uint64_t zero_value;
	bool has_zero;
};

#define MAP_INIT ((struct map){ 0 })
#define AUTO_MAP AUTO(map_deinit)

void map_deinit(struct map *m); /* accepts NULL and zeroed; leaves it zeroed and usable */
void map_clear(struct map *m);	/* forgets all, keeps the memory */

/* Insert or replace: 0, or ERR_NOMEM with the map unchanged. */
int map_set(struct map *m, uint64_t key, uint64_t value) MUST_CHECK;

/*
 * The value's place, borrowed until the next map_set/map_add/map_del; NULL when absent. May
 * be written through.
 */
uint64_t *map_find(const struct map *m, uint64_t key);

/* The value's place, created as `value` when absent; *ret_new tells (may be NULL). NULL: no memory. */
uint64_t *map_add(struct map *m, uint64_t key, uint64_t value, bool *ret_new) MUST_CHECK;

/* The value, or `absent`. */
uint64_t map_get(const struct map *m, uint64_t key, uint64_t absent);
bool map_has(const struct map *m, uint64_t key);

/* Remove; true when it was there, and then *ret_value (may be NULL) is what it held. */
bool map_del(struct map *m, uint64_t key, uint64_t *ret_value);

/* Room for n keys in all without another allocation: 0 or ERR_NOMEM. */
int map_reserve(struct map *m, size_t n) MUST_CHECK;

/*
 * Visit every entry in no particular order: start with *pos = 0; false at the end. The map
 * must not change in between.
 */
bool map_next(const struct map *m, size_t *pos, uint64_t *ret_key, uint64_t *ret_value);

static inline size_t map_home_(const struct map *m, uint64_t key)
{
	uint64_t h = (key ^ m->seed) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return (size_t)(h ^ (h >> 32)) & m->mask;
}

/*
 * Ask for the key's cache line some events ahead of its use. Always inline: gcc 12 takes a
 * function that only prefetches for one without effect and drops its calls.
 */
static inline __attribute__((always_inline)) void map_prefetch(const struct map *m, uint64_t key)
{
	if (m->slots)
		__builtin_prefetch(&m->slots[map_home_(m, key)], 1);
}

#endif
