/* SPDX-License-Identifier: MIT */
/*
 * Bump arena over chunks that double up to a limit; an allocation larger than a chunk gets a
 * chunk of its own without ending the current one.
 */
#include "base/arena.h"

#include <string.h>

#define ALIGN_BYTES ((size_t)16)
#define FIRST_CHUNK ((size_t)4096)
#define LARGEST_CHUNK ((size_t)1 << 20)

struct arena_chunk {
	struct arena_chunk *older;
	size_t size_bytes;
	_Alignas(16) uint8_t bytes[];
};

void arena_deinit(struct arena *a)
{
	struct arena_chunk *chunk;

	if (!a)
		return;
	chunk = a->chunks;
	while (chunk) {
		struct arena_chunk *older = chunk->older;

		free(chunk);
		chunk = older;
	}
	*a = ARENA_INIT;
}

static struct arena_chunk *add_chunk(struct arena *a, size_t size)
{
	struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (!chunk)
		return NULL;
	chunk->size_bytes = size;
	chunk->older = a->chunks;
	a->chunks = chunk;
	a->total_bytes += sizeof(*chunk) + size;
	return chunk;
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t size = FIRST_CHUNK;
	struct arena_chunk *chunk;
	void *taken;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + ALIGN_BYTES - 1) & ~(ALIGN_BYTES - 1);
	if (n == 0)
		n = ALIGN_BYTES; /* distinct addresses */
	if (n > a->left_bytes) {
		if (n > LARGEST_CHUNK / 4) {
			chunk = add_chunk(a, n);
			return chunk ? chunk->bytes : NULL;
		}
		while (size < a->total_bytes && size < LARGEST_CHUNK)
			size *= 2;
		while (size < n)
			size *= 2;
		chunk = add_chunk(a, size);
		if (!chunk)
			return NULL;
		a->next = chunk->bytes;
		a->left_bytes = size;
	}
	taken = a->next;
	a->next += n;
	a->left_bytes -= n;
	return taken;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return arena_alloc(a, bytes);
}

void *arena_copy(struct arena *a, const void *bytes, size_t n)
{
	void *copy = arena_alloc(a, n);

	if (copy && n)
		memcpy(copy, bytes, n);
	return copy;
}

char *arena_str(struct arena *a, const char *s, size_t n)
{
	char *copy;

	if (n == SIZE_MAX)
		return NULL;
	copy = arena_alloc(a, n + 1);
	if (copy && n)
		memcpy(copy, s, n);
	return copy;
}
