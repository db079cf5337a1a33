/* SPDX-License-Identifier: MIT */
/* Figures in columns: at most seven characters, rounded once, exact on request. */
#include "report/tui/figures.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *figure(enum tui_figure f, double v, bool exact)
{
	static struct units u;
	return tui_figure(&u, f, v, exact);
}

Test(report_tui_figures, bytes_have_three_digits_and_a_letter)
{
	cr_assert_str_eq(figure(TUI_BYTES, 0, false), "0");
	cr_assert_str_eq(figure(TUI_BYTES, 999, false), "999");
	cr_assert_str_eq(figure(TUI_BYTES, 1023, false), "1.0K");
	cr_assert_str_eq(figure(TUI_BYTES, 24 * 1024, false), "24K");
	cr_assert_str_eq(figure(TUI_BYTES, 320.0 * (1 << 20), false), "320.0M");
	for (double v = 1; v < 1e17; v *= 1.37)
		cr_assert_leq(strlen(figure(TUI_BYTES, v, false)), 6, "%f", v);
}

Test(report_tui_figures, changes_have_a_sign_and_nothing_has_none)
{
	cr_assert_str_eq(figure(TUI_BYTES_DELTA, -132 * 1024.0, false), "-132K");
	cr_assert_str_eq(figure(TUI_BYTES_RATE, 0.19 * (1 << 20), false), "+195K");
	cr_assert_str_eq(figure(TUI_BYTES_RATE, 1.88 * (1 << 20), false), "+1.88M");
	cr_assert_str_eq(figure(TUI_BYTES_RATE, 0.2, false), "0");
	cr_assert_str_eq(figure(TUI_COUNT_DELTA, 2880, false), "+2880");
	cr_assert_str_eq(figure(TUI_COUNT, 12345678, false), "12.3M");
}

Test(report_tui_figures, exact_ones_keep_the_last_digit_and_unknown_ones_say_so)
{
	cr_assert_str_eq(figure(TUI_BYTES, 15316912, true), "15316912");
	cr_assert_str_eq(figure(TUI_BYTES_DELTA, -1, true), "-1");
	cr_assert_str_eq(figure(TUI_BYTES, NAN, true), "?");
	cr_assert_str_eq(figure(TUI_ORDER, NAN, false), "");
}

Test(report_tui_figures, sparks_show_the_course)
{
	const uint64_t v[] = { 0, 5, 10, 50 };
	char line[4 * 4 + 1];
	cr_assert_str_eq(tui_spark(v, 4, 10, false, line), "_-##");
	cr_assert_str_eq(tui_spark(v, 3, 10, true, line), "\xe2\x96\x81\xe2\x96\x84\xe2\x96\x88");
}
