/* SPDX-License-Identifier: MIT */
/*
 * Byte builder: content, growth, sticky failure, hand-over.
 */
#include "base/buf.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/cursor.h"
#include "tests/support/fail_alloc.h"

TestSuite(base_buf, .timeout = 10);

Test(base_buf, appends_keep_their_order)
{
	AUTO_BUF struct buf b = BUF_INIT;

	buf_str(&b, "one");
	buf_fill(&b, '-', 3);
	buf_put(&b, "two!", 3);
	buf_printf(&b, " %d", 3);
	cr_assert_str_eq(buf_cstr(&b), "one---two 3");
	cr_assert_eq(b.len, 11);
}

Test(base_buf, long_formatted_text_is_whole)
{
	AUTO_BUF struct buf b = BUF_INIT;

	for (int width = 250; width < 262; width++) {
		buf_clear(&b);
		cr_assert_eq(buf_printf(&b, "%*d", width, 42), 0);
		cr_assert_eq(b.len, (size_t)width);
		cr_assert_str_eq(buf_cstr(&b) + width - 3, " 42");
	}
}

Test(base_buf, integers_are_little_endian)
{
	AUTO_BUF struct buf b = BUF_INIT;

	buf_u8(&b, 0x01);
	buf_u16(&b, 0x0302);
	buf_u32(&b, 0x07060504);
	buf_u64(&b, UINT64_C(0x0f0e0d0c0b0a0908));
	cr_assert_eq(b.len, 15);
	for (size_t i = 0; i < 15; i++)
		cr_assert_eq(b.bytes[i], i + 1);
}

Test(base_buf, varints_read_back)
{
	static const int64_t values[] = { 0,	     1,		-1,	      63,  64,
					  -64,	     -65,	127,	      128, 1 << 20,
					  INT64_MAX, INT64_MIN, INT64_MIN + 1 };
	AUTO_BUF struct buf b = BUF_INIT;
	struct cursor c;

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		buf_uvarint(&b, (uint64_t)values[i]);
		buf_svarint(&b, values[i]);
	}
	c = cursor_of(b.bytes, b.len);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		cr_assert_eq(cursor_uvarint(&c), (uint64_t)values[i]);
		cr_assert_eq(cursor_svarint(&c), values[i]);
	}
	cr_assert(cursor_done(&c));
}

Test(base_buf, drop_and_cut_take_from_both_ends)
{
	AUTO_BUF struct buf b = BUF_INIT;

	buf_str(&b, "0123456789");
	buf_drop(&b, 3);
	buf_cut(&b, 4);
	cr_assert_str_eq(buf_cstr(&b), "3456");
	buf_drop(&b, 4);
	cr_assert_eq(b.len, 0);
}

Test(base_buf, taking_hands_over_and_leaves_it_usable)
{
	AUTO_BUF struct buf b = BUF_INIT;
	size_t len;
	char *s;

	buf_str(&b, "mine");
	s = buf_take(&b, &len);
	cr_assert_str_eq(s, "mine");
	cr_assert_eq(len, 4);
	cr_assert_eq(b.len, 0);
	buf_str(&b, "next");
	cr_assert_str_eq(buf_cstr(&b), "next");
	cr_assert_str_eq(s, "mine");
	free(s);
}

Test(base_buf, empty_buffer_is_an_empty_string)
{
	AUTO_BUF struct buf b = BUF_INIT;

	cr_assert_str_eq(buf_cstr(&b), "");
	cr_assert_eq(buf_put(&b, NULL, 0), 0);
}

Test(base_buf, absurd_size_fails_without_overflow)
{
	AUTO_BUF struct buf b = BUF_INIT;

	buf_str(&b, "x");
	cr_assert_eq(buf_reserve(&b, SIZE_MAX), ERR_NOMEM);
	cr_assert_eq(buf_check(&b, NULL), ERR_NOMEM);
	buf_clear(&b);
	cr_assert_eq(buf_reserve(&b, SIZE_MAX - 1), ERR_NOMEM);
}

Test(base_buf, failure_is_remembered_until_cleared)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	buf_str(&b, "kept");
	fail_alloc_at(1);
	cr_assert_eq(buf_fill(&b, 'x', 1000), ERR_NOMEM);
	cr_assert_eq(buf_str(&b, "y"), ERR_NOMEM, "no hole in the middle");
	cr_assert_eq(b.len, 4);
	cr_assert_null(buf_cstr(&b));
	cr_assert_null(buf_take(&b, NULL));
	cr_assert_eq(buf_check(&b, &err), ERR_NOMEM);
	cr_assert_eq(err.code, ERR_NOMEM);
	buf_clear(&b);
	cr_assert_eq(buf_str(&b, "again"), 0);
	cr_assert_eq(buf_check(&b, NULL), 0);
}

Test(base_buf, every_allocation_may_fail)
{
	FAIL_ALLOC_EACH {
		AUTO_BUF struct buf b = BUF_INIT;

		for (int i = 0; i < 100; i++)
			buf_printf(&b, "%300d", i);
		cr_assert_eq(b.failed, fail_alloc_hit());
		cr_assert(b.failed || b.len == 30000);
	}
}

Test(base_buf, deinit_accepts_nothing)
{
	buf_deinit(NULL);
}
