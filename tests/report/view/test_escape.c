/* SPDX-License-Identifier: MIT */
#include "report/view/escape.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/utf8.h"

static char got[256];

static const char *to(enum escape_to how, const char *s)
{
	escape(how, s, strlen(s), got, sizeof got);
	return got;
}

Test(report_view_escape, plain_names_are_left_alone)
{
	cr_assert_str_eq(to(ESCAPE_UTF8, "<lambda>"), "<lambda>");
	cr_assert_str_eq(to(ESCAPE_JSON, "app/cache.py"), "app/cache.py");
	cr_assert_str_eq(to(ESCAPE_CSV, "app/cache.py"), "app/cache.py");
	cr_assert_str_eq(to(ESCAPE_FOLDED, "a b"), "a b");
	cr_assert_str_eq(to(ESCAPE_UTF8, "na\xc3\xafve"), "na\xc3\xafve");
}

Test(report_view_escape, terminal_controls_become_visible)
{
	cr_assert_str_eq(to(ESCAPE_UTF8, "\033[31mred"), "\\x1b[31mred");
	cr_assert_str_eq(to(ESCAPE_UTF8, "a\nb\tc\x7f"), "a\\x0ab\\x09c\\x7f");
	cr_assert_str_eq(to(ESCAPE_UTF8, "\xc2\x9b"
					 "31m"),
			 "\\x9b31m");
	cr_assert_str_eq(to(ESCAPE_FOLDED, "a;b\n"), "a\\x3bb\\x0a");
}

Test(report_view_escape, bidirectional_and_invisible_characters_become_visible)
{
	cr_assert_str_eq(to(ESCAPE_UTF8, "\xe2\x80\xae"), "\\u202e");
	cr_assert_str_eq(to(ESCAPE_UTF8, "\xe2\x80\x8b"), "\\u200b");
	cr_assert_str_eq(to(ESCAPE_JSON, "\xe2\x80\xa8"), "\\u2028");
	cr_assert_str_eq(to(ESCAPE_UTF8, "\xf3\xa0\x80\x81"), "\\U000e0001");
	cr_assert_str_eq(to(ESCAPE_JSON, "\xf3\xa0\x80\x81"), "\\udb40\\udc01");
}

Test(report_view_escape, markup_becomes_text)
{
	cr_assert_str_eq(to(ESCAPE_HTML, "<a b=\"c\" d='e'>&\033\xff"),
			 "&#60;a b=&#34;c&#34; d=&#39;e&#39;&#62;&#38;\\x1b\\xff");
	cr_assert_str_eq(to(ESCAPE_HTML, "\xe2\x80\xae</script>"), "\\u202e&#60;/script&#62;");
}

Test(report_view_escape, bytes_that_are_no_text_are_shown_as_bytes)
{
	cr_assert_str_eq(to(ESCAPE_UTF8, "\xff"
					 "a\xc3"),
			 "\\xffa\\xc3");
	cr_assert_str_eq(to(ESCAPE_UTF8, "\xed\xa0\x80"), "\\xed\\xa0\\x80");
	cr_assert_str_eq(to(ESCAPE_JSON, "\xff"), "\\ufffd");
}

Test(report_view_escape, ascii_has_no_byte_above_0x7e)
{
	cr_assert_str_eq(to(ESCAPE_ASCII, "na\xc3\xafve \xf0\x9f\x90\x8d"),
			 "na\\xefve \\U0001f40d");
}

Test(report_view_escape, backslashes_are_doubled_where_they_could_deceive)
{
	cr_assert_str_eq(to(ESCAPE_UTF8, "\\x1b"), "\\\\x1b");
	cr_assert_str_eq(to(ESCAPE_JSON, "a\"b\\"), "a\\\"b\\\\");
}

Test(report_view_escape, csv_fields_are_quoted_and_formulas_are_disarmed)
{
	cr_assert_str_eq(to(ESCAPE_CSV, "a,b"), "\"a,b\"");
	cr_assert_str_eq(to(ESCAPE_CSV, "say \"hi\""), "\"say \"\"hi\"\"\"");
	cr_assert_str_eq(to(ESCAPE_CSV, "=1+1"), "\"'=1+1\"");
	cr_assert_str_eq(to(ESCAPE_CSV, "@x"), "\"'@x\"");
	cr_assert_str_eq(to(ESCAPE_CSV, "a\r\nb"), "a\\x0d\\x0ab");
	cr_assert_str_eq(to(ESCAPE_CSV, ""), "");
}

Test(report_view_escape, piles_of_combining_marks_are_cut)
{
	cr_assert_str_eq(to(ESCAPE_UTF8, "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81"),
			 "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\\u0301");
}

Test(report_view_escape, small_buffers_hold_whole_escapes_only)
{
	char small[6];
	cr_assert_eq(escape(ESCAPE_UTF8, "a\033b", 3, small, sizeof small), 5);
	cr_assert_str_eq(small, "a\\x1b");
	cr_assert_eq(escape(ESCAPE_UTF8, "ab\033", 3, small, sizeof small), 2);
	cr_assert_str_eq(small, "ab");
	cr_assert_eq(escape(ESCAPE_CSV, "a,b", 3, small, 2), 0);
	cr_assert_eq(escape(ESCAPE_CSV, "a,b", 3, small, 1), 0);
	cr_assert_str_eq(small, "");
}

Test(report_view_escape, columns_count_wide_and_combining_characters)
{
	cr_assert_eq(escape_columns("abc", 3), 3);
	cr_assert_eq(escape_columns("\xe6\xbc\xa2", 3), 2);
	cr_assert_eq(escape_columns("e\xcc\x81", 3), 1);
	cr_assert_eq(escape_columns("\\x1b", 4), 4);
}

Test(report_view_escape, prefix_and_suffix_split_no_escape_and_no_character)
{
	cr_assert_eq(escape_prefix("ab\\x1b", 6, 4), 2);
	cr_assert_eq(escape_prefix("\xe6\xbc\xa2z", 4, 1), 0);
	cr_assert_eq(escape_suffix("\\x1bab", 6, 3), 4);
	cr_assert_eq(escape_suffix("ab", 2, 5), 0);
}

Test(report_view_escape, every_single_character_comes_out_valid_and_harmless)
{
	for (uint32_t c = 1; c < 0x110000; c++) {
		char in[4], out[64];
		size_t n = utf8_encode(c, in);
		for (int how = ESCAPE_UTF8; how <= ESCAPE_FOLDED; how++) {
			size_t m = escape((enum escape_to)how, in, n, out, sizeof out);
			cr_assert_leq(m, n * ESCAPE_GROWTH + ESCAPE_AROUND);
			cr_assert_eq(utf8_valid(out, m), m);
			for (size_t i = 0; i < m; i++)
				cr_assert((unsigned char)out[i] >= 0x20 && out[i] != 0x7f, "U+%04X",
					  c);
		}
	}
}
