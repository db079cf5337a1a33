/* SPDX-License-Identifier: MIT */
/* The page cache gives the same bytes as the source, and fewer reads. */
#include "tracer/heap/reader.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/fake_mem.h"

static struct reader over(struct fake_mem *f)
{
	struct reader r;

	cr_assert_eq(reader_init(&r, fake_mem_source(f), 0, NULL), 0);
	return r;
}

Test(tracer_heap_reader, one_page_is_read_once)
{
	struct fake_mem *f = fake_mem_new(8);
	struct reader r = over(f);
	uint64_t v = 0;

	fake_mem_map(f, 0x10000, 8192);
	fake_mem_put_u64(f, 0x10008, 77);
	cr_expect(reader_u64(&r, 0x10008, &v));
	cr_expect_eq(v, 77);
	for (uint64_t at = 0x10000; at < 0x10ff8; at += 8)
		cr_expect(reader_u64(&r, at, &v));
	cr_expect_eq(r.misses, 1);
	reader_deinit(&r);
	fake_mem_free(f);
}

Test(tracer_heap_reader, reads_cross_pages)
{
	struct fake_mem *f = fake_mem_new(8);
	struct reader r = over(f);
	uint8_t buf[64];

	fake_mem_map(f, 0x10000, 8192);
	fake_mem_put_u64(f, 0x10ffc, UINT64_C(0x1122334455667788));
	cr_expect(reader_get(&r, 0x10ff0, buf, sizeof(buf)));
	cr_expect_eq(le64(buf + 12), UINT64_C(0x1122334455667788));
	cr_expect_null(reader_view(&r, 0x10ffc, 8));
	reader_deinit(&r);
	fake_mem_free(f);
}

Test(tracer_heap_reader, half_a_page_is_readable_as_far_as_it_goes)
{
	struct fake_mem *f = fake_mem_new(8);
	struct reader r = over(f);
	uint64_t v = 0;

	fake_mem_map(f, 0x10000, 128);
	fake_mem_put_u64(f, 0x10010, 5);
	cr_expect(reader_u64(&r, 0x10010, &v));
	cr_expect_eq(v, 5);
	cr_expect(!reader_u64(&r, 0x10100, &v));
	cr_expect_eq(r.faults, 1);
	reader_deinit(&r);
	fake_mem_free(f);
}

Test(tracer_heap_reader, a_target_that_is_gone_is_not_asked_again)
{
	struct fake_mem *f = fake_mem_new(8);
	struct reader r = over(f);
	uint64_t v = 0, reads;

	fake_mem_map(f, 0x10000, 4096);
	fake_mem_fail_from(f, 1, ERR_GONE);
	cr_expect(!reader_u64(&r, 0x10000, &v));
	cr_expect_eq(r.gone, ERR_GONE);
	reads = fake_mem_reads(f);
	cr_expect(!reader_u64(&r, 0x20000, &v));
	cr_expect_eq(fake_mem_reads(f), reads);
	cr_expect(!reader_get(&r, UINT64_MAX - 3, &v, 8));
	reader_deinit(&r);
	fake_mem_free(f);
}

Test(tracer_heap_reader, what_is_read_is_bounded_by_what_is_there)
{
	struct fake_mem *f = fake_mem_new(8);
	struct reader r;
	uint64_t reads = 0, word, most = (READER_LEAST + READER_TURNS * 4096ull) / READER_STEP;

	fake_mem_map(f, 0x10000, 4096);
	cr_assert_eq(reader_init(&r, fake_mem_source(f), 1 << 16, NULL), 0);
	cr_assert(reader_holds(&r, UINT64_MAX), "nothing is known, nothing is bounded");
	reader_limit(&r, 4096);
	cr_assert(reader_holds(&r, 4096) && !reader_holds(&r, 4097 + READER_FILES));
	/* a list whose next is itself */
	while (reads <= most && reader_u64(&r, 0x10000, &word))
		reads++;
	cr_assert(r.spent && reads < most && reads > most / 2);
	cr_assert_eq(reader_bulk(&r, 0x10000, &word, 8), 0);
	cr_assert_null(reader_view(&r, 0x10000, 8));
	reader_deinit(&r);
	fake_mem_free(f);
}
