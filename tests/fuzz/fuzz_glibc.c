/* SPDX-License-Identifier: MIT */
/*
 * The walk over malloc's heaps with mutated bytes: no crash, no hang, and what was counted is what
 * was visited. Input: a layout, then (where, value) pairs written over libc's data and the heaps.
 */
#include "base/check.h"
#include "tests/tracer/heap/glibc_image.h"

#define READS_MAX 100000 /* of some 20,000 words there are */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct visited {
	uint64_t bytes, mmapped_bytes;
};

static int on_chunk(void *ctx, uint64_t addr, uint64_t bytes, bool cached, bool mmapped)
{
	struct visited *v = ctx;

	CHECK(!(cached && mmapped));
	CHECK(addr % 16 == 0 && bytes >= 32);
	if (mmapped)
		v->mmapped_bytes += bytes;
	else
		v->bytes += bytes;
	return 0;
}

static uint64_t place(const struct glibc_image *i, uint8_t region, uint32_t offset)
{
	static const uint64_t starts[] = { GLIBC_IMAGE_MAIN, GLIBC_IMAGE_OLD, GLIBC_IMAGE_NEW, GLIBC_IMAGE_BLOCK };

	offset %= (uint32_t)GLIBC_IMAGE_BYTES;
	switch (region & 7) {
	case 0:
	case 1: /* bins and what follows them: few bytes should reach what matters */
		return (region & 7 ? i->state : i->main_state) + offset % 2304;
	default:
		return starts[region & 3] + offset;
	}
}

static void mutate(struct glibc_image *i, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at + 8 <= len; at += 8) {
		const uint8_t *b = bytes + at;
		uint64_t where = place(i, b[0], (uint32_t)b[1] | (uint32_t)b[2] << 8) & ~UINT64_C(7), word = 0;
		uint32_t low = (uint32_t)b[4] | (uint32_t)b[5] << 8 | (uint32_t)b[6] << 16 | (uint32_t)b[7] << 24;
		uint64_t v = low;

		if (b[0] & 0x80) /* an address that means something */
			v = place(i, b[3], low);
		if (mem_u64(fake_mem_source(i->f), taddr_of(where), &word, NULL) == 0)
			fake_mem_put_u64(i->f, where, b[0] & 0x40 ? word ^ v : b[0] & 0x20 ? v << 32 | low : v);
	}
}

static void check_counts(const struct glibc_heap *h, const struct visited *v)
{
	uint64_t bytes = 0;

	for (size_t k = 0; k < h->narenas; k++) {
		const struct glibc_arena *a = &h->arenas[k];

		bytes += a->used_bytes + a->cached_bytes;
		CHECK(a->largest_free_bytes <= a->free_bytes);
		CHECK(a->used_bytes + a->cached_bytes + a->fast_bytes + a->free_bytes <= a->walked_bytes);
		CHECK(!a->torn == !a->first_torn.v);
	}
	CHECK(bytes == v->bytes);
	CHECK(h->mmapped_bytes == v->mmapped_bytes);
	for (size_t k = 1; k < h->nranges; k++)
		CHECK(h->ranges[k - 1].start <= h->ranges[k].start);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct visited visited = { 0 };
	const struct glibc_visit visit = { &visited, on_chunk };
	struct glibc_image i;
	struct glibc_heap h = { 0 };
	struct err err = ERR_INIT;

	if (!len || len > 4096)
		return 0;
	i = glibc_image_new(bytes[0] & 1);
	mutate(&i, bytes + 1, len - 1);
	if (glibc_image_walk(&i, &visit, &h, &err) == 0) {
		CHECK(h.found || h.why);
		check_counts(&h, &visited);
	}
	CHECK(fake_mem_reads(i.f) < READS_MAX);
	glibc_heap_deinit(&h);
	glibc_image_free(&i);
	return 0;
}
