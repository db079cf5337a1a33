/* SPDX-License-Identifier: MIT */
/*
 * Page cache with second-chance eviction and read-ahead that grows while misses are
 * sequential. A page that cannot be read whole is never kept, so a hole in the target, or a
 * segment of a test image that starts mid-page, reads exactly as it does beneath.
 */
#include "tracer/mem/cache.h"

#include <string.h>

#include "base/check.h"
#include "base/map.h"

#define PAGE_BYTES ((size_t)4096)
#define MIN_PAGES 16
#define AHEAD_PAGES 16 /* largest read-ahead: 64 KiB */

struct cache_slot {
	uint64_t page; /* address / PAGE_BYTES */
	bool full;
	bool used; /* since the hand last passed */
};

struct cache {
	struct mem_source src;
	struct mem_source *under;
	uint8_t *bytes; /* slots × PAGE_BYTES */
	struct cache_slot *slots;
	size_t slot_count;
	size_t hand;
	struct map places;  /* page → slot index */
	uint64_t last_page; /* the page served last, in slot last_slot */
	size_t last_slot;   /* slot_count when there is none */
	uint64_t next_miss; /* the page after the last one read from beneath */
	size_t ahead;	    /* pages to read at a sequential miss */
	struct cache_stats stats;
	uint8_t staging[AHEAD_PAGES * PAGE_BYTES];
};

static int64_t cache_read(struct mem_source *src, taddr addr, void *buf, size_t n);

static void cache_free(struct mem_source *src)
{
	struct cache *c = (struct cache *)src;

	map_deinit(&c->places);
	free(c->bytes);
	free(c->slots);
	free(c);
}

static const struct mem_ops cache_ops = { .read = cache_read, .free = cache_free };

static struct cache *cache_of(const struct mem_source *src)
{
	CHECK(src->ops == &cache_ops);
	return (struct cache *)src;
}

int cache_new(struct mem_source *under, size_t max_bytes, struct mem_source **ret, struct err *err)
{
	size_t pages = max_bytes / PAGE_BYTES;
	struct cache *c = calloc(1, sizeof(*c));

	if (!c)
		return err_nomem(err);
	if (pages < MIN_PAGES)
		pages = MIN_PAGES;
	c->src = (struct mem_source){ .ops = &cache_ops, .word_bytes = under->word_bytes };
	c->under = under;
	c->slot_count = c->last_slot = pages;
	c->ahead = 1;
	c->bytes = pages <= SIZE_MAX / PAGE_BYTES ? malloc(pages * PAGE_BYTES) : NULL;
	c->slots = calloc(pages, sizeof(*c->slots));
	/* All memory now: a read never fails for want of it. */
	if (!c->bytes || !c->slots || map_reserve(&c->places, pages) < 0) {
		cache_free(&c->src);
		return err_nomem(err);
	}
	*ret = &c->src;
	return 0;
}

void cache_drop(struct mem_source *src)
{
	struct cache *c = cache_of(src);

	map_clear(&c->places);
	memset(c->slots, 0, c->slot_count * sizeof(*c->slots));
	c->hand = 0;
	c->last_slot = c->slot_count;
	c->next_miss = 0;
	c->ahead = 1;
}

struct cache_stats cache_stats(const struct mem_source *src)
{
	return cache_of(src)->stats;
}

static size_t free_slot(struct cache *c)
{
	for (;;) {
		size_t i = c->hand;
		struct cache_slot *slot = &c->slots[i];

		c->hand = (i + 1) % c->slot_count;
		if (slot->full && slot->used) {
			slot->used = false;
			continue;
		}
		if (slot->full) {
			map_del(&c->places, slot->page, NULL);
			slot->full = false;
			c->stats.evicted++;
			if (c->last_slot == i)
				c->last_slot = c->slot_count;
		}
		return i;
	}
}

static void keep(struct cache *c, uint64_t page, const uint8_t *bytes, bool asked_for)
{
	size_t i;

	if (map_has(&c->places, page))
		return;
	i = free_slot(c);
	memcpy(c->bytes + i * PAGE_BYTES, bytes, PAGE_BYTES);
	/* Read-ahead that nobody asks for is evicted first. */
	c->slots[i] = (struct cache_slot){ .page = page, .full = true, .used = asked_for };
	/* Reserved in cache_new for as many pages as there are slots. */
	if (map_set(&c->places, page, i) < 0)
		c->slots[i].full = false;
}

/* Read the page, and more while misses follow each other; keep the whole ones. */
static int fill(struct cache *c, uint64_t page)
{
	size_t want;
	int64_t got;

	if (page != c->next_miss)
		c->ahead = 1;
	else if (c->ahead < AHEAD_PAGES)
		c->ahead *= 2;
	want = c->ahead * PAGE_BYTES;
	got = mem_read_some(c->under, taddr_of(page * PAGE_BYTES), c->staging, want);
	c->stats.reads++;
	if (got < 0)
		return (int)got;
	for (size_t at = 0; at + PAGE_BYTES <= (size_t)got; at += PAGE_BYTES) {
		keep(c, page + at / PAGE_BYTES, c->staging + at, at == 0);
		c->stats.misses++;
	}
	c->next_miss = page + (size_t)got / PAGE_BYTES;
	return 0;
}

/* The cached bytes of the page, or NULL with *ret_code 0 (not readable whole) or negative. */
static const uint8_t *page_bytes(struct cache *c, uint64_t page, int *ret_code)
{
	const uint64_t *place;

	*ret_code = 0;
	if (c->last_slot < c->slot_count && c->last_page == page) {
		c->stats.hits++;
		return c->bytes + c->last_slot * PAGE_BYTES;
	}
	place = map_find(&c->places, page);
	if (place) {
		c->stats.hits++;
	} else {
		*ret_code = fill(c, page);
		if (*ret_code < 0)
			return NULL;
		place = map_find(&c->places, page);
		if (!place)
			return NULL;
	}
	c->last_page = page;
	c->last_slot = (size_t)*place;
	c->slots[c->last_slot].used = true;
	return c->bytes + c->last_slot * PAGE_BYTES;
}

static int64_t cache_read(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	struct cache *c = (struct cache *)src;
	uint8_t *to = buf;
	size_t at = 0;

	/* Large reads would only push out what is read again. */
	if (n >= AHEAD_PAGES * PAGE_BYTES)
		return mem_read_some(c->under, addr, buf, n);
	while (at < n) {
		uint64_t from = addr.v + at;
		size_t offset = (size_t)(from % PAGE_BYTES);
		size_t take = PAGE_BYTES - offset < n - at ? PAGE_BYTES - offset : n - at;
		const uint8_t *page;
		int64_t got;
		int code;

		page = page_bytes(c, from / PAGE_BYTES, &code);
		if (code < 0)
			return code;
		if (page) {
			memcpy(to + at, page + offset, take);
			at += take;
			continue;
		}
		got = mem_read_some(c->under, taddr_of(from), to + at, take);
		c->stats.reads++;
		if (got < 0)
			return got;
		at += (size_t)got;
		if ((size_t)got < take)
			break;
	}
	return (int64_t)at;
}

const void *cache_view(struct mem_source *src, taddr addr, size_t n)
{
	struct cache *c = cache_of(src);
	size_t offset = (size_t)(addr.v % PAGE_BYTES);
	const uint8_t *page;
	int code;

	if (n > PAGE_BYTES - offset)
		return NULL;
	page = page_bytes(c, addr.v / PAGE_BYTES, &code);
	return page ? page + offset : NULL;
}
