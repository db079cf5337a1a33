/* SPDX-License-Identifier: MIT */
#include "glibc_image.h"

#define BINS 127
#define USED 1u /* the chunk before is in use */
#define MMAPPED 2u
#define KEY UINT64_C(0xd00df00dcafef00d)

static void put(struct glibc_image *i, uint64_t at, uint64_t v)
{
	fake_mem_put_u64(i->f, at, v);
}

/* A head; returns where the next one goes. */
static uint64_t chunk(struct glibc_image *i, uint64_t at, uint64_t bytes, unsigned flags)
{
	put(i, at + 8, bytes | flags);
	return at + bytes;
}

/* All bins empty but the first, which has one chunk. */
static void state_fill(struct glibc_image *i, uint64_t bins, uint64_t free_chunk, uint64_t top, uint64_t next,
		       uint64_t system)
{
	for (uint64_t b = 0; b < BINS; b++) {
		put(i, bins + 16 * b, b ? bins + 16 * b - 16 : free_chunk);
		put(i, bins + 16 * b + 8, b ? bins + 16 * b - 16 : free_chunk);
	}
	put(i, free_chunk + 16, bins - 16);
	put(i, free_chunk + 24, bins - 16);
	put(i, bins - 16, top);
	put(i, bins + 2048, next);
	put(i, bins + 2072, system);
}

static void main_fill(struct glibc_image *i, bool newer, uint64_t bins)
{
	uint64_t tcache = GLIBC_IMAGE_MAIN, entries = tcache + 16 + (newer ? 152 : 128), p, binned, cached, fast;

	p = chunk(i, tcache, i->tcache_bytes, USED);
	p = chunk(i, p, 64, USED);
	binned = p;
	p = chunk(i, p, 96, USED);
	put(i, p, 96);
	p = chunk(i, p, 48, 0);
	cached = p;
	p = chunk(i, p, 32, USED);
	put(i, cached + 24, KEY);
	put(i, entries, cached + 16);
	fast = p;
	p = chunk(i, p, 32, USED);
	if (!newer) {
		put(i, i->main_state + 16, fast);
		put(i, fast + 16, (fast + 16) >> 12); /* the end of the list, safe-linked */
	}
	p = chunk(i, p, newer ? 48 : 80, USED);
	(void)chunk(i, p, GLIBC_IMAGE_MAIN + GLIBC_IMAGE_BYTES - p, USED);
	state_fill(i, bins, binned, p, i->state, GLIBC_IMAGE_BYTES);
}

static void heap_info_fill(struct glibc_image *i, uint64_t at, uint64_t prev)
{
	const uint64_t words[] = { i->state, prev, GLIBC_IMAGE_BYTES, GLIBC_IMAGE_BYTES, 4096 };

	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
		put(i, at + 8 * k, words[k]);
}

static void arena_fill(struct glibc_image *i, uint64_t bins, uint64_t state_bytes)
{
	uint64_t p = (i->state + state_bytes + 15) & ~UINT64_C(15), binned, end = GLIBC_IMAGE_OLD + GLIBC_IMAGE_BYTES - 32;

	heap_info_fill(i, GLIBC_IMAGE_OLD, 0);
	p = chunk(i, p, 64, USED);
	binned = p;
	p = chunk(i, p, 96, USED);
	put(i, p, 96);
	(void)chunk(i, p, end - p, 0); /* what filled the first heap */
	(void)chunk(i, end, 16, USED); /* fence posts, sysmalloc() */
	(void)chunk(i, end + 16, 0, USED);
	heap_info_fill(i, GLIBC_IMAGE_NEW, GLIBC_IMAGE_OLD);
	p = chunk(i, GLIBC_IMAGE_NEW + 48, 160, USED);
	(void)chunk(i, p, GLIBC_IMAGE_NEW + GLIBC_IMAGE_BYTES - p, USED);
	state_fill(i, bins, binned, p, i->main_state, 2 * GLIBC_IMAGE_BYTES);
}

struct glibc_image glibc_image_new(bool newer)
{
	static const struct {
		uint64_t start;
		const char *path;
	} pieces[] = {
		{ GLIBC_IMAGE_MAIN, "[heap]" }, { GLIBC_IMAGE_LIBC, "/lib/libc.so.6" }, { GLIBC_IMAGE_OLD, "" },
		{ GLIBC_IMAGE_NEW, "" },	{ GLIBC_IMAGE_BLOCK, "" },
	};
	struct glibc_image i = { .f = fake_mem_new(8), .main_state = GLIBC_IMAGE_LIBC + 0x100, .state = GLIBC_IMAGE_OLD + 48 };
	const uint64_t bins_at = newer ? 24 : 112;

	for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
		fake_mem_map(i.f, pieces[k].start, GLIBC_IMAGE_BYTES);
		i.ranges[k] = (struct map_range){ .start = pieces[k].start, .end = pieces[k].start + GLIBC_IMAGE_BYTES,
						  .flags = MAP_R | MAP_W, .path = pieces[k].path };
	}
	i.tcache_bytes = newer ? 0x300 : 0x290;
	main_fill(&i, newer, i.main_state + bins_at);
	arena_fill(&i, i.state + bins_at, newer ? 2112 : 2200);
	put(&i, GLIBC_IMAGE_BLOCK + 8, (newer ? GLIBC_IMAGE_MMAPPED - 16 : GLIBC_IMAGE_MMAPPED) | MMAPPED);
	return i;
}

void glibc_image_free(struct glibc_image *i)
{
	fake_mem_free(i->f);
}

int glibc_image_walk(struct glibc_image *i, const struct glibc_visit *visit, struct glibc_heap *ret, struct err *err)
{
	const struct maps maps = { .ranges = i->ranges, .count = sizeof(i->ranges) / sizeof(i->ranges[0]) };

	return glibc_walk(fake_mem_source(i->f), &maps, NULL, 0, visit, ret, err);
}
