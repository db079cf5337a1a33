/* SPDX-License-Identifier: MIT */
/*
 * Page cache over any source: a heap walk reads a few bytes at a time and mostly near where it
 * just read. It does not notice when the target runs; its owner does, and calls cache_drop.
 */
#ifndef PYMEMPROF_TRACER_MEM_CACHE_H
#define PYMEMPROF_TRACER_MEM_CACHE_H

#include "tracer/mem/source.h"

struct cache_stats {
	uint64_t hits;	 /* pages served from the cache */
	uint64_t misses; /* pages read from the source beneath */
	uint64_t reads;	 /* requests made of the source beneath */
	uint64_t evicted;
};

/*
 * A source that remembers at most max_bytes (rounded down to pages, at least 16 of them) of
 * what `under` said. Borrows under, which must outlive it; caller frees with mem_free, which
 * leaves under alone. Unreadable addresses are not remembered. Errors: NOMEM.
 */
int cache_new(struct mem_source *under, size_t max_bytes, struct mem_source **ret,
	      struct err *err) MUST_CHECK;

/* Forget every page: before reading again what the target may have changed. Cannot fail. */
void cache_drop(struct mem_source *cache);

/*
 * Borrow n bytes at addr without copying, valid until the next call on this source; NULL when
 * they cross a page border or cannot be read, and then mem_read will say why.
 */
const void *cache_view(struct mem_source *cache, taddr addr, size_t n);

struct cache_stats cache_stats(const struct mem_source *cache);

#endif
