/* SPDX-License-Identifier: MIT */
/*
 * Whatever the target holds, what comes out is valid UTF-8.
 */
#include "base/utf8.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/guard_alloc.h"

TestSuite(base_utf8, .timeout = 20);

Test(base_utf8, every_scalar_value_round_trips)
{
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		char bytes[4];
		uint32_t back;
		size_t n = utf8_encode(c, bytes);
		bool surrogate = c >= 0xd800 && c <= 0xdfff;

		if (utf8_decode(bytes, n, &back) != n || back != (surrogate ? 0xfffd : c))
			cr_assert_fail("U+%04X", c);
	}
}

Test(base_utf8, malformed_sequences_are_refused)
{
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2\x41",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xe2\x82",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xf0\x9f\x98",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		size_t n = strlen(bad[i]);
		char *bytes = guard_copy(bad[i], n);
		uint32_t c;

		cr_assert_eq(utf8_decode(bytes, n, &c), 0, "case %zu", i);
		cr_assert_eq(c, 0xfffd);
		guard_free(bytes);
	}
}

Test(base_utf8, the_three_widths_of_python_strings_become_utf8)
{
	AUTO_BUF struct buf b = BUF_INIT;

	cr_assert_eq(utf8_from_latin1(&b, (const uint8_t *)"caf\xe9", 4), 0);
	cr_assert_str_eq(buf_cstr(&b), "caf\u00e9");
	buf_clear(&b);
	cr_assert_eq(utf8_from_ucs2(&b,
				    (const uint8_t *)"\xac\x20"
						     "A\0",
				    2),
		     0);
	cr_assert_str_eq(buf_cstr(&b), "\u20acA");
	buf_clear(&b);
	cr_assert_eq(utf8_from_ucs4(&b,
				    (const uint8_t *)"\x00\xf6\x01\x00"
						     "z\0\0\0",
				    2),
		     0);
	cr_assert_str_eq(buf_cstr(&b), "\U0001f600z");
}

Test(base_utf8, surrogates_and_absurd_values_are_replaced)
{
	AUTO_BUF struct buf b = BUF_INIT;

	utf8_from_ucs2(&b, (const uint8_t *)"\x00\xd8\x00\xdc", 2);
	utf8_from_ucs4(&b, (const uint8_t *)"\xff\xff\xff\xff\x00\x00\x11\x00", 2);
	cr_assert_str_eq(buf_cstr(&b), "\ufffd\ufffd\ufffd\ufffd");
}

Test(base_utf8, bytes_that_are_no_text_become_text)
{
	AUTO_BUF struct buf b = BUF_INIT;

	utf8_from_bytes(&b,
			"ok\xff\xe2\x82"
			"A\xe2\x82\xac",
			9);
	cr_assert_str_eq(buf_cstr(&b), "ok\ufffd\ufffd\ufffdA\u20ac");
}

Test(base_utf8, output_is_always_valid)
{
	AUTO_BUF struct buf b = BUF_INIT;
	unsigned seed = 3;

	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)rand_r(&seed) % 24;
		uint8_t *bytes = guard_alloc(n);

		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(rand_r(&seed) >> (i % 3));
		buf_clear(&b);
		utf8_from_bytes(&b, bytes, n);
		utf8_from_latin1(&b, bytes, n);
		utf8_from_ucs2(&b, bytes, n / 2);
		utf8_from_ucs4(&b, bytes, n / 4);
		cr_assert_eq(utf8_valid((const char *)b.bytes, b.len), b.len);
		guard_free(bytes);
	}
}
