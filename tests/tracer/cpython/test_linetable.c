/* SPDX-License-Identifier: MIT */
/*
 * Line tables which real interpreters made of one function, and hostile ones, in buffers that
 * end at an unmapped page.
 */
#include "tracer/cpython/linetable.h"

#include <criterion/criterion.h>

#include "tests/support/guard_alloc.h"

TestSuite(tracer_cpython_linetable, .timeout = 10);

struct expect {
	int32_t from, line;
};

static int32_t line(uint32_t kind, const void *table, size_t n, int32_t lasti)
{
	void *copy = guard_copy(table, n);
	int32_t got = linetable_line(kind, copy, n, 1, lasti);

	guard_free(copy);
	return got;
}

static void check(uint32_t kind, const void *table, size_t n, const struct expect *e, size_t count,
		  int32_t end)
{
	for (size_t i = 0; i < count; i++)
		for (int32_t at = e[i].from; at < (i + 1 < count ? e[i + 1].from : end); at += 2)
			cr_assert_eq(line(kind, table, n, at), e[i].line, "offset %d", at);
}

/* def f(a): of 14 lines, lines going back at 22 and 46; 3.8 and 3.10 make the same ranges */
static const struct expect ranges[] = { { 0, 2 },  { 4, 4 },  { 12, 5 }, { 16, 6 },  { 20, 7 },
					{ 22, 6 }, { 28, 9 }, { 38, 13 }, { 40, 14 }, { 46, 13 } };

Test(tracer_cpython_linetable, lnotab_of_3_8_gives_the_lines_of_dis)
{
	static const uint8_t t[] = { 0x00, 0x01, 0x04, 0x02, 0x08, 0x01, 0x04, 0x01, 0x04, 0x01,
				     0x02, 0xff, 0x06, 0x03, 0x0a, 0x04, 0x02, 0x01, 0x06, 0xff };

	check(LINETABLE_LNOTAB, t, sizeof(t), ranges, 10, 50);
}

Test(tracer_cpython_linetable, table_of_3_10_gives_the_lines_of_co_lines)
{
	static const uint8_t t[] = { 0x04, 0x01, 0x08, 0x02, 0x04, 0x01, 0x04, 0x01, 0x02, 0x01,
				     0x06, 0xff, 0x0a, 0x03, 0x02, 0x04, 0x06, 0x01, 0x04, 0xff };

	check(LINETABLE_PEP626, t, sizeof(t), ranges, 10, 50);
}

Test(tracer_cpython_linetable, table_of_3_13_gives_the_lines_of_co_lines)
{
	static const uint8_t t[] = {
		0x80, 0x00, 0xd8, 0x08, 0x09, 0x80, 0x41, 0xe3, 0x0d, 0x0e, 0x88, 0x01, 0xde, 0x0b,
		0x0c, 0xdc, 0x0c, 0x0d, 0x88, 0x61, 0xd8, 0x0e, 0x0f, 0xf6, 0x03, 0x01, 0x0d, 0x11,
		0xf0, 0x06, 0x00, 0x0d, 0x0e, 0x90, 0x11, 0x89, 0x46, 0x8a, 0x41, 0xf1, 0x0b, 0x00,
		0x0e, 0x0f, 0xf0, 0x12, 0x00, 0x0d, 0x0e, 0xd8, 0x0c, 0x0d, 0x88, 0x61, 0x89, 0x44,
		0xf1, 0x03, 0x01, 0x0d, 0x11, 0xf0, 0x00, 0x01, 0x05, 0x12
	};
	static const struct expect e[] = { { 0, 1 },  { 2, 2 },	 { 6, 4 },  { 16, 5 },
					   { 30, 6 }, { 42, 7 }, { 44, 6 }, { 58, 9 },
					   { 72, 4 }, { 76, 13 }, { 78, 14 }, { 86, 13 } };

	check(LINETABLE_LOCATIONS, t, sizeof(t), e, 12, 88);
}

Test(tracer_cpython_linetable, frame_that_has_not_started_is_at_the_first_line)
{
	static const uint8_t t[] = { 4, 7, 4, 9 };

	for (uint32_t kind = 1; kind <= 3; kind++)
		cr_assert_eq(line(kind, t, sizeof(t), -1), 1);
	cr_assert_eq(linetable_line(LINETABLE_LNOTAB, t, 0, 77, 1000), 77);
	cr_assert_eq(linetable_line(LINETABLE_LOCATIONS, t, 0, 77, 0), 77);
}

Test(tracer_cpython_linetable, range_without_a_line_falls_back_to_the_one_before)
{
	static const uint8_t pep626[] = { 4, 3, 2, 0x80, 4, 1 };
	/* one unit line += 2, one unit without a line, one unit line += 1 */
	static const uint8_t locations[] = { 0xe0, 0, 0, 0xf8, 0xd8, 0, 0 };

	cr_assert_eq(line(LINETABLE_PEP626, pep626, 6, 4), 4);
	cr_assert_eq(line(LINETABLE_PEP626, pep626, 6, 6), 5);
	cr_assert_eq(line(LINETABLE_LOCATIONS, locations, 7, 2), 3);
	cr_assert_eq(line(LINETABLE_LOCATIONS, locations, 7, 4), 4);
}

Test(tracer_cpython_linetable, empty_ranges_of_3_10_move_the_line_twice)
{
	static const uint8_t t[] = { 0, 127, 4, 127, 0, 0x81, 4, 0x81 };

	cr_assert_eq(line(LINETABLE_PEP626, t, 8, 0), 255);
	cr_assert_eq(line(LINETABLE_PEP626, t, 8, 4), 1);
}

Test(tracer_cpython_linetable, long_entries_carry_signed_deltas_of_several_bytes)
{
	/* code 14: +1000 lines (svarint 2000 = 0x10 | 64, 0x1f), three varints; then code 13: −990 */
	static const uint8_t t[] = { 0xf0, 0x50, 0x1f, 0, 1, 1, 0xe8, 0x7d, 0x1e };

	cr_assert_eq(line(LINETABLE_LOCATIONS, t, sizeof(t), 0), 1001);
	cr_assert_eq(line(LINETABLE_LOCATIONS, t, sizeof(t), 2), 11);
}

Test(tracer_cpython_linetable, hostile_tables_are_read_within_their_bounds)
{
	uint8_t t[64];

	for (unsigned seed = 0; seed < 4000; seed++) {
		uint32_t x = seed * 2654435761u + 1;

		for (size_t i = 0; i < sizeof(t); i++) {
			x = x * 1664525 + 1013904223;
			t[i] = (uint8_t)(x >> 24);
		}
		for (uint32_t kind = 0; kind <= 4; kind++)
			cr_assert_geq(line(kind, t, seed % sizeof(t), (int32_t)(x & 0xff)), 0);
	}
}
