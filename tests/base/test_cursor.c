/* SPDX-License-Identifier: MIT */
/*
 * Bounded reader: never a byte beyond the end (the buffers end at an unmapped page), failure
 * is remembered with its offset.
 */
#include "base/cursor.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/guard_alloc.h"

TestSuite(base_cursor, .timeout = 10);

Test(base_cursor, integers_are_read_in_order)
{
	uint8_t *bytes =
		guard_copy("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 15);
	struct cursor c = cursor_of(bytes, 15);

	cr_assert_eq(cursor_u8(&c), 0x01);
	cr_assert_eq(cursor_u16(&c), 0x0302);
	cr_assert_eq(cursor_u32(&c), 0x07060504);
	cr_assert_eq(c.value, 3);
	cr_assert_eq(cursor_u64(&c), UINT64_C(0x0f0e0d0c0b0a0908));
	cr_assert(cursor_done(&c));
	cr_assert_eq(cursor_check(&c, "x", NULL), 0);
	guard_free(bytes);
}

Test(base_cursor, short_value_fails_with_its_offset_and_reads_as_zero)
{
	uint8_t *bytes = guard_copy("\x01\x02\x03\x04\x05", 5);
	struct cursor c = cursor_of(bytes, 5);
	struct err err = ERR_INIT;

	cr_assert_eq(cursor_u16(&c), 0x0201);
	cr_assert_eq(cursor_u32(&c), 0);
	cr_assert_eq(cursor_u8(&c), 0, "nothing is read after a failure");
	cr_assert_eq(cursor_take(&c, 0), NULL);
	cr_assert_eq(cursor_left(&c), 0);
	cr_assert_eq(cursor_check(&c, "record", &err), ERR_CORRUPT);
	cr_assert_str_eq(err.text, "record: bad or missing value at offset 2 of 5");
	guard_free(bytes);
}

Test(base_cursor, empty_input_is_handled)
{
	struct cursor c = cursor_of(NULL, 0);

	cr_assert(cursor_done(&c));
	cr_assert_not_null(cursor_take(&c, 0));
	cr_assert_null(cursor_cstr(&c));
	cr_assert(c.failed);
}

Test(base_cursor, varint_cut_at_every_length_fails)
{
	for (size_t n = 0; n < 10; n++) {
		uint8_t *bytes = guard_alloc(n);
		struct cursor c;

		memset(bytes, 0xff, n);
		c = cursor_of(bytes, n);
		cr_assert_eq(cursor_uvarint(&c), 0);
		cr_assert(c.failed);
		cr_assert_eq(c.value, 0);
		guard_free(bytes);
	}
}

Test(base_cursor, varint_wider_than_64_bits_fails)
{
	struct cursor most = cursor_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
	struct cursor over = cursor_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
	struct cursor endless = cursor_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11);

	cr_assert_eq(cursor_uvarint(&most), UINT64_MAX);
	cr_assert_not(most.failed);
	cr_assert_eq(cursor_uvarint(&over), 0);
	cr_assert(over.failed);
	cr_assert_eq(cursor_uvarint(&endless), 0);
	cr_assert(endless.failed);
}

Test(base_cursor, count_beyond_its_bound_fails)
{
	struct cursor c = cursor_of("\x05\x06", 2);

	cr_assert_eq(cursor_bounded(&c, 5), 5);
	cr_assert_eq(cursor_bounded(&c, 5), 0);
	cr_assert(c.failed);
	cr_assert_eq(c.value, 1);
}

Test(base_cursor, absurd_lengths_do_not_wrap)
{
	uint8_t *bytes = guard_copy("abcd", 4);
	struct cursor c = cursor_of(bytes, 4), sub;
	uint8_t got[4] = "keep";

	cursor_skip(&c, 1);
	cr_assert_null(cursor_take(&c, SIZE_MAX));
	c = cursor_of(bytes, 4);
	sub = cursor_sub(&c, SIZE_MAX);
	cr_assert(sub.failed && c.failed);
	c = cursor_of(bytes, 4);
	cursor_seek(&c, 5);
	cr_assert(c.failed);
	cursor_copy(&c, got, 4);
	cr_assert_eq(memcmp(got, "\0\0\0\0", 4), 0);
	guard_free(bytes);
}

Test(base_cursor, sub_cursor_is_bounded_by_its_part)
{
	struct cursor c = cursor_of("abcdef", 6), sub;

	cursor_u8(&c);
	sub = cursor_sub(&c, 2);
	cr_assert_eq(cursor_u16(&sub), 'b' | 'c' << 8);
	cr_assert_eq(cursor_u8(&sub), 0);
	cr_assert(sub.failed && !c.failed);
	cr_assert_eq(cursor_u8(&c), 'd');
}

Test(base_cursor, strings_end_within_the_input)
{
	uint8_t *bytes = guard_copy("ab\0\0cd", 6);
	struct cursor c = cursor_of(bytes, 6);

	cr_assert_str_eq(cursor_cstr(&c), "ab");
	cr_assert_str_eq(cursor_cstr(&c), "");
	cr_assert_null(cursor_cstr(&c));
	cr_assert(c.failed);
	cr_assert_eq(c.value, 4);
	guard_free(bytes);
}

Test(base_cursor, alignment_is_from_the_start)
{
	struct cursor c = cursor_of("0123456789", 10);

	cursor_align(&c, 8);
	cr_assert_eq(c.at, 0);
	cursor_u8(&c);
	cursor_align(&c, 4);
	cr_assert_eq(c.at, 4);
	cursor_seek(&c, 9);
	cursor_align(&c, 8);
	cr_assert(c.failed);
}

Test(base_cursor, random_operations_stay_inside)
{
	unsigned seed = 7;

	for (int round = 0; round < 2000; round++) {
		size_t n = (size_t)rand_r(&seed) % 40;
		uint8_t *bytes = guard_alloc(n);
		struct cursor c;

		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)rand_r(&seed);
		c = cursor_of(bytes, n);
		for (int step = 0; step < 20; step++) {
			switch (rand_r(&seed) % 8) {
			case 0:
				cursor_u64(&c);
				break;
			case 1:
				cursor_svarint(&c);
				break;
			case 2:
				cursor_cstr(&c);
				break;
			case 3:
				cursor_skip(&c, (size_t)rand_r(&seed) % 10);
				break;
			case 4:
				cursor_align(&c, 4);
				break;
			case 5:
				cursor_seek(&c, (size_t)rand_r(&seed) % 45);
				break;
			default:
				cursor_u8(&c);
				break;
			}
			cr_assert_leq(c.at, c.len);
		}
		guard_free(bytes);
	}
}
