/* SPDX-License-Identifier: MIT */
/*
 * The page cache says what the source beneath says, asks it less often, stays within its
 * bound and forgets when told.
 */
#include "tracer/mem/cache.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_mem.h"

#define PAGE 4096u

TestSuite(tracer_mem_cache, .timeout = 20);

static struct mem_source *cache_over(struct fake_mem *f, size_t pages)
{
	struct mem_source *cache = NULL;

	cr_assert_eq(cache_new(fake_mem_source(f), pages * PAGE, &cache, NULL), 0);
	return cache;
}

Test(tracer_mem_cache, second_read_of_a_page_asks_nothing)
{
	struct fake_mem *f = fake_mem_new(8);
	struct mem_source *cache = cache_over(f, 64);
	uint64_t v, reads;

	fake_mem_map(f, 0x10000, PAGE);
	fake_mem_put_u64(f, 0x10008, 7);
	fake_mem_put_u64(f, 0x10ff8, 9);
	cr_assert_eq(mem_u64(cache, taddr_of(0x10008), &v, NULL), 0);
	cr_assert_eq(v, 7);
	reads = fake_mem_reads(f);
	cr_assert_eq(mem_u64(cache, taddr_of(0x10ff8), &v, NULL), 0);
	cr_assert_eq(v, 9);
	cr_assert_eq(fake_mem_reads(f), reads);
	mem_free(cache);
	fake_mem_free(f);
}

Test(tracer_mem_cache, dropped_pages_are_read_again)
{
	struct fake_mem *f = fake_mem_new(8);
	struct mem_source *cache = cache_over(f, 64);
	uint64_t v;

	fake_mem_map(f, 0x10000, PAGE);
	fake_mem_put_u64(f, 0x10000, 1);
	cr_assert_eq(mem_u64(cache, taddr_of(0x10000), &v, NULL), 0);
	fake_mem_put_u64(f, 0x10000, 2);
	cr_assert_eq(mem_u64(cache, taddr_of(0x10000), &v, NULL), 0);
	cr_assert_eq(v, 1, "the cache does not look again by itself");
	cache_drop(cache);
	cr_assert_eq(mem_u64(cache, taddr_of(0x10000), &v, NULL), 0);
	cr_assert_eq(v, 2);
	mem_free(cache);
	fake_mem_free(f);
}

Test(tracer_mem_cache, page_zero_is_a_page_like_any_other)
{
	struct fake_mem *f = fake_mem_new(8);
	struct mem_source *cache = cache_over(f, 64);
	struct err err = ERR_INIT;
	uint64_t v;

	cr_assert_eq(mem_u64(cache, taddr_of(8), &v, &err), ERR_FAULT);
	cr_assert_eq(err.addr.v, 8);
	fake_mem_map(f, 0, PAGE);
	fake_mem_put_u64(f, 8, 5);
	cr_assert_eq(mem_u64(cache, taddr_of(8), &v, NULL), 0);
	cr_assert_eq(v, 5);
	mem_free(cache);
	fake_mem_free(f);
}

Test(tracer_mem_cache, segment_that_starts_and_ends_mid_page_reads_as_beneath)
{
	struct fake_mem *f = fake_mem_new(8);
	struct mem_source *cache = cache_over(f, 64);
	struct err err = ERR_INIT;
	char got[64];

	fake_mem_map(f, 0x10100, 0x20);
	cr_assert_eq(mem_read(cache, taddr_of(0x10100), got, 0x20, NULL), 0);
	cr_assert_eq(mem_read(cache, taddr_of(0x10110), got, 0x20, &err), ERR_FAULT);
	cr_assert_eq(err.addr.v, 0x10120);
	cr_assert_eq(mem_read(cache, taddr_of(0x100f0), got, 0x20, &err), ERR_FAULT);
	cr_assert_eq(err.addr.v, 0x100f0);
	mem_free(cache);
	fake_mem_free(f);
}

Test(tracer_mem_cache, source_that_is_gone_says_so_through_the_cache)
{
	struct fake_mem *f = fake_mem_new(8);
	struct mem_source *cache = cache_over(f, 64);
	uint64_t v;

	fake_mem_map(f, 0x10000, PAGE);
	fake_mem_fail_from(f, 1, ERR_GONE);
	cr_assert_eq(mem_u64(cache, taddr_of(0x10000), &v, NULL), ERR_GONE);
	mem_free(cache);
	fake_mem_free(f);
}

Test(tracer_mem_cache, sequential_misses_are_read_ahead)
{
	struct fake_mem *f = fake_mem_new(8);
	struct mem_source *cache = cache_over(f, 256);
	uint64_t v;

	fake_mem_map(f, 0x100000, 128 * PAGE);
	for (unsigned i = 0; i < 128; i++)
		cr_assert_eq(mem_u64(cache, taddr_of(0x100000 + i * PAGE), &v, NULL), 0);
	cr_assert_lt(fake_mem_reads(f), 16);
	cr_assert_leq(fake_mem_bytes(f), 160 * PAGE);
	mem_free(cache);
	fake_mem_free(f);
}

Test(tracer_mem_cache, large_reads_pass_through)
{
	struct fake_mem *f = fake_mem_new(8);
	struct mem_source *cache = cache_over(f, 64);
	char *got = malloc(32 * PAGE);

	fake_mem_map(f, 0x100000, 32 * PAGE);
	fake_mem_put_u8(f, 0x100000 + 32 * PAGE - 1, 9);
	cr_assert_eq(mem_read(cache, taddr_of(0x100000), got, 32 * PAGE, NULL), 0);
	cr_assert_eq(got[32 * PAGE - 1], 9);
	cr_assert_eq(fake_mem_reads(f), 1);
	free(got);
	mem_free(cache);
	fake_mem_free(f);
}

Test(tracer_mem_cache, view_lends_bytes_of_one_page_only)
{
	struct fake_mem *f = fake_mem_new(8);
	struct mem_source *cache = cache_over(f, 64);
	const char *seen;

	fake_mem_map(f, 0x10000, 2 * PAGE);
	fake_mem_put_str(f, 0x10010, "view");
	seen = cache_view(cache, taddr_of(0x10010), 5);
	cr_assert_not_null(seen);
	cr_assert_str_eq(seen, "view");
	cr_assert_null(cache_view(cache, taddr_of(0x10ffc), 8));
	cr_assert_null(cache_view(cache, taddr_of(0x90000), 8));
	mem_free(cache);
	fake_mem_free(f);
}

Test(tracer_mem_cache, random_reads_equal_those_beneath_under_eviction)
{
	struct fake_mem *f = fake_mem_new(8);
	struct mem_source *cache = cache_over(f, 16);
	unsigned seed = 12345;

	/* 200 pages with a hole every seventh; only 16 fit. */
	for (unsigned i = 0; i < 200; i++) {
		if (i % 7 == 3)
			continue;
		fake_mem_map(f, 0x100000 + i * PAGE, PAGE);
		for (unsigned j = 0; j < PAGE; j += 64)
			fake_mem_put_u32(f, 0x100000 + i * PAGE + j, i * 1000 + j);
	}
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t addr = 0x100000 + (unsigned)rand_r(&seed) % (200 * PAGE);
		size_t n = 1 + (unsigned)rand_r(&seed) % (i % 50 ? 64 : 3 * PAGE);
		static uint8_t a[3 * PAGE], b[3 * PAGE];
		int64_t got = mem_read_some(cache, taddr_of(addr), a, n);

		cr_assert_eq(got, mem_read_some(fake_mem_source(f), taddr_of(addr), b, n));
		cr_assert_eq(memcmp(a, b, (size_t)got), 0);
	}
	cr_assert_gt(cache_stats(cache).evicted, 100);
	mem_free(cache);
	fake_mem_free(f);
}

Test(tracer_mem_cache, word_size_is_that_of_the_source_beneath)
{
	struct fake_mem *f = fake_mem_new(4);
	struct mem_source *cache = cache_over(f, 16);

	cr_assert_eq(cache->word_bytes, 4);
	mem_free(cache);
	fake_mem_free(f);
}
