/* SPDX-License-Identifier: MIT */
/*
 * Bump arena: many small allocations, one release. Memory is zeroed and aligned to 16 bytes.
 */
#ifndef PYMEMPROF_BASE_ARENA_H
#define PYMEMPROF_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	uint8_t *next;
	size_t left_bytes;
	size_t total_bytes; /* taken from malloc so far */
};

#define ARENA_INIT ((struct arena){ 0 })
#define AUTO_ARENA AUTO(arena_deinit)

void arena_deinit(struct arena *a); /* accepts NULL and zeroed; leaves it zeroed and usable */

/* n zeroed bytes living as long as the arena, or NULL. n may be 0. */
void *arena_alloc(struct arena *a, size_t n) MUST_CHECK;
/* count elements of size bytes, overflow-checked. */
void *arena_array(struct arena *a, size_t count, size_t size) MUST_CHECK;
/* Copies; arena_str adds the NUL. */
void *arena_copy(struct arena *a, const void *bytes, size_t n) MUST_CHECK;
char *arena_str(struct arena *a, const char *s, size_t n) MUST_CHECK;

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))

#endif
