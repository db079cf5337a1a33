/* SPDX-License-Identifier: MIT */
/*
 * Exact reads, words of both widths and bounded strings over a fake target.
 */
#include "tracer/mem/source.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_mem.h"

TestSuite(tracer_mem_source, .timeout = 10);

Test(tracer_mem_source, exact_read_returns_the_bytes)
{
	struct fake_mem *f = fake_mem_new(8);
	char got[6];

	fake_mem_put_str(f, 0x1000, "hello");
	cr_assert_eq(mem_read(fake_mem_source(f), taddr_of(0x1000), got, 6, NULL), 0);
	cr_assert_str_eq(got, "hello");
	fake_mem_free(f);
}

Test(tracer_mem_source, read_crosses_abutting_segments)
{
	struct fake_mem *f = fake_mem_new(8);
	char got[32];

	fake_mem_map(f, 0x1000, 16);
	fake_mem_map(f, 0x1010, 16);
	cr_assert_eq(mem_read(fake_mem_source(f), taddr_of(0x1000), got, 32, NULL), 0);
	fake_mem_free(f);
}

Test(tracer_mem_source, short_read_names_first_bad_address)
{
	struct fake_mem *f = fake_mem_new(8);
	struct err err = ERR_INIT;
	char got[32];

	fake_mem_map(f, 0x1000, 16);
	cr_assert_eq(mem_read(fake_mem_source(f), taddr_of(0x1004), got, 32, &err), ERR_FAULT);
	cr_assert_eq(err.addr.v, 0x1010);
	cr_assert(strstr(err.text, "0x1010"));
	cr_assert_eq(mem_read_some(fake_mem_source(f), taddr_of(0x1004), got, 32), 12);
	fake_mem_free(f);
}

Test(tracer_mem_source, read_at_the_top_of_the_address_space_does_not_wrap)
{
	struct fake_mem *f = fake_mem_new(8);
	struct err err = ERR_INIT;
	char got[32];

	fake_mem_map(f, UINT64_MAX - 15, 16);
	fake_mem_map(f, 0, 16);
	cr_assert_eq(mem_read_some(fake_mem_source(f), taddr_of(UINT64_MAX - 7), got, 32), 8);
	cr_assert_eq(mem_read(fake_mem_source(f), taddr_of(UINT64_MAX - 7), got, 32, &err),
		     ERR_FAULT);
	fake_mem_free(f);
}

Test(tracer_mem_source, reading_nothing_asks_nothing)
{
	struct fake_mem *f = fake_mem_new(8);

	cr_assert_eq(mem_read(fake_mem_source(f), taddr_of(0xdead), NULL, 0, NULL), 0);
	cr_assert_eq(fake_mem_reads(f), 0);
	fake_mem_free(f);
}

Test(tracer_mem_source, a_target_that_is_gone_is_not_a_bad_address)
{
	struct fake_mem *f = fake_mem_new(8);
	struct err err = ERR_INIT;
	uint64_t v;

	fake_mem_map(f, 0x1000, 16);
	fake_mem_fail_from(f, 1, ERR_GONE);
	cr_assert_eq(mem_u64(fake_mem_source(f), taddr_of(0x1000), &v, &err), ERR_GONE);
	cr_assert_str_eq(err.text, "the process is gone");
	fake_mem_free(f);
}

Test(tracer_mem_source, words_are_as_wide_as_the_target_says)
{
	struct fake_mem *wide = fake_mem_new(8), *narrow = fake_mem_new(4);
	uint64_t v;
	taddr p;

	fake_mem_put_u64(wide, 0x1000, UINT64_C(0x1122334455667788));
	fake_mem_put_u64(narrow, 0x1000, UINT64_C(0x1122334455667788));
	cr_assert_eq(mem_word(fake_mem_source(wide), taddr_of(0x1000), &v, NULL), 0);
	cr_assert_eq(v, UINT64_C(0x1122334455667788));
	cr_assert_eq(mem_word(fake_mem_source(narrow), taddr_of(0x1000), &v, NULL), 0);
	cr_assert_eq(v, 0x55667788);
	cr_assert_eq(mem_ptr(fake_mem_source(narrow), taddr_of(0x1004), &p, NULL), 0);
	cr_assert_eq(p.v, 0x11223344);
	fake_mem_free(wide);
	fake_mem_free(narrow);
}

Test(tracer_mem_source, fixed_widths_are_little_endian_and_unaligned)
{
	struct fake_mem *f = fake_mem_new(8);
	struct mem_source *src = fake_mem_source(f);
	uint8_t b;
	uint16_t h;
	uint32_t w;

	fake_mem_put(f, 0x1001, "\x01\x02\x03\x04", 4);
	cr_assert_eq(mem_u8(src, taddr_of(0x1001), &b, NULL), 0);
	cr_assert_eq(mem_u16(src, taddr_of(0x1001), &h, NULL), 0);
	cr_assert_eq(mem_u32(src, taddr_of(0x1001), &w, NULL), 0);
	cr_assert_eq(b, 0x01);
	cr_assert_eq(h, 0x0201);
	cr_assert_eq(w, 0x04030201);
	fake_mem_free(f);
}

Test(tracer_mem_source, failed_read_leaves_the_output_alone)
{
	struct fake_mem *f = fake_mem_new(8);
	uint64_t v = 42;
	taddr p = taddr_of(43);
	char *s = (char *)"untouched";

	cr_assert_eq(mem_u64(fake_mem_source(f), taddr_of(0x1000), &v, NULL), ERR_FAULT);
	cr_assert_eq(mem_ptr(fake_mem_source(f), taddr_of(0x1000), &p, NULL), ERR_FAULT);
	cr_assert_eq(mem_cstr(fake_mem_source(f), taddr_of(0x1000), 10, &s, NULL), ERR_FAULT);
	cr_assert_eq(v, 42);
	cr_assert_eq(p.v, 43);
	cr_assert_str_eq(s, "untouched");
	fake_mem_free(f);
}

Test(tracer_mem_source, string_may_end_on_the_last_readable_byte)
{
	struct fake_mem *f = fake_mem_new(8);
	char *s = NULL;

	fake_mem_map(f, 0x1000, 6);
	fake_mem_put(f, 0x1000, "hello", 6);
	cr_assert_eq(mem_cstr(fake_mem_source(f), taddr_of(0x1000), 1000, &s, NULL), 0);
	cr_assert_str_eq(s, "hello");
	free(s);
	fake_mem_free(f);
}

Test(tracer_mem_source, string_longer_than_one_step_is_whole)
{
	struct fake_mem *f = fake_mem_new(8);
	char text[1001], *s = NULL;

	memset(text, 'x', 1000);
	text[1000] = '\0';
	fake_mem_put_str(f, 0x1003, text);
	cr_assert_eq(mem_cstr(fake_mem_source(f), taddr_of(0x1003), 1001, &s, NULL), 0);
	cr_assert_str_eq(s, text);
	free(s);
	fake_mem_free(f);
}

Test(tracer_mem_source, string_without_end_is_refused_within_its_bound)
{
	struct fake_mem *f = fake_mem_new(8);
	struct err err = ERR_INIT;
	char *s = NULL;

	fake_mem_put_str(f, 0x1000, "0123456789");
	cr_assert_eq(mem_cstr(fake_mem_source(f), taddr_of(0x1000), 10, &s, &err), ERR_CORRUPT);
	cr_assert_eq(err.addr.v, 0x1000);
	cr_assert_null(s);
	fake_mem_free(f);
}

Test(tracer_mem_source, freeing_nothing_is_allowed)
{
	mem_free(NULL);
}
