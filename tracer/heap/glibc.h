/* SPDX-License-Identifier: MIT */
/*
 * glibc's malloc heaps, seen from outside: arenas, chunks in use and free, what is cached, what
 * malloc_trim could return. Located without symbols by the shape of main_arena (malloc/malloc.c,
 * struct malloc_state: 2.27 to 2.42 with fast bins, 2.43 without; struct heap_info with pagesize
 * since 2.35). Knows chunks; refuses to know who owns them.
 */
#ifndef PYMEMPROF_TRACER_HEAP_GLIBC_H
#define PYMEMPROF_TRACER_HEAP_GLIBC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/taddr.h"
#include "tracer/mem/source.h"
#include "tracer/process/maps.h"

/* All bytes include chunk headers, as mallinfo2(3) counts them. */
struct glibc_arena {
	taddr addr; /* struct malloc_state */
	bool main;
	uint64_t heaps;		/* mapped pieces: 1 for main, 64 MiB heaps otherwise */
	uint64_t system_bytes;	/* obtained from the kernel, by glibc's own account */
	uint64_t walked_bytes;	/* of chunks found; equals system_bytes when the walk is whole */
	uint64_t used_chunks, used_bytes; /* in use, cached ones not included */
	uint64_t cached_chunks, cached_bytes; /* tcache: free for one thread, in use for mallinfo2 */
	uint64_t fast_chunks, fast_bytes; /* fast bins */
	uint64_t free_chunks, free_bytes; /* binned chunks, without top and fast bins */
	uint64_t top_bytes, largest_free_bytes; /* largest of the binned chunks */
	uint64_t whole_page_free_bytes; /* of free and top: pages malloc_trim(0) could give back */
	uint64_t torn;		/* walks that ended in nonsense */
	taddr first_torn;
};

/* Addresses [start, end) one heap occupies, top included. */
struct glibc_range {
	uint64_t start, end;
};

struct glibc_heap {
	bool found;		/* false: `why` says what is missing; everything else is zero */
	const char *why;	/* static */
	struct glibc_arena *arenas; /* main first */
	size_t narenas;
	struct glibc_range *ranges; /* of all heaps of all arenas, by address */
	size_t nranges;
	uint64_t mmapped_chunks, mmapped_bytes; /* large blocks with a mapping of their own */
	bool tcache_known;	/* false: cached chunks could not be told from used ones */
};

/* Called once for each chunk in use (also cached ones) when not NULL; a negative return ends the walk. */
struct glibc_visit {
	void *ctx;
	int (*chunk)(void *ctx, uint64_t user_addr, uint64_t chunk_bytes, bool cached, bool mmapped);
};

/*
 * Walk every arena, then look for blocks with a mapping of their own in anonymous memory, except
 * in skip (sorted by address: pymalloc's arenas, thread stacks …). The target should be stopped or frozen; damage is counted, not an error.
 * Memory: a constant plus the arena table. Errors: NOMEM, GONE, and what visit returns.
 * The caller owns *ret: glibc_heap_deinit.
 */
int glibc_walk(struct mem_source *mem, const struct maps *maps, const struct glibc_range *skip,
	       size_t nskip, const struct glibc_visit *visit, struct glibc_heap *ret,
	       struct err *err) MUST_CHECK;
void glibc_heap_deinit(struct glibc_heap *h);

#endif
