/* SPDX-License-Identifier: MIT */
#include "report/model/baseline.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define HEAD                                                                                       \
	"{\"schema\":\"pymemprof-baseline/1\",\"python\":\"3.12.1\",\"implementation\":\"CPython\","  \
	"\"arch\":\"x86_64\",\"hash_seed\":\"0\",\"word_bytes\":8,"
#define DAY "2026-11-21"

static int parse(const char *text, struct check_figures *f, struct err *err)
{
	return baseline_parse(text, strlen(text), f, err);
}

Test(report_model_baseline, what_is_printed_is_read_back)
{
	struct check_figures f, again;
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	cr_assert_eq(parse(HEAD "\"metrics\":{\"peak\":[1000,1200.5],\"of_tomorrow\":[1]},"
				"\"noise\":{\"peak\":3},\"sites\":["
				"{\"file\":\"b.py\",\"function\":\"g\",\"line\":2,\"peak\":0.5},"
				"{\"file\":\"a.py\",\"function\":\"f\",\"line\":1,\"peak\":700}]}",
			   &f, &err),
		     0, "%s", err.text);
	cr_assert_eq(baseline_print(&f, &out, NULL), 0);
	cr_assert_eq(baseline_parse((char *)out.bytes, out.len, &again, &err), 0, "%s", err.text);
	cr_expect_eq(again.series.len, 1);
	cr_expect_eq(again.series.at[0].runs.at[1], 1200.5);
	cr_expect_eq(again.series.at[0].noise, 3);
	cr_assert_eq(again.sites.len, 1, "a site below a thousandth is left out");
	cr_expect_str_eq(again.sites.at[0].function, "f");
	check_figures_deinit(&f);
	check_figures_deinit(&again);
	buf_deinit(&out);
}

Test(report_model_baseline, damage_is_refused_with_the_status_of_baselines)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"schema\":\"pymemprof-baseline/2\"}",
		HEAD "\"metrics\":{\"peak\":[]},\"sites\":[]}",
		HEAD "\"metrics\":{\"peak\":[-1]},\"sites\":[]}",
		HEAD "\"metrics\":{\"peak\":[1e300]},\"sites\":[]}",
		HEAD "\"metrics\":{\"peak\":\"1\"},\"sites\":[]}",
		HEAD "\"metrics\":{\"peak\":[1]}}",
		HEAD "\"metrics\":{\"peak\":[1]},\"sites\":[{\"file\":1}]}",
		HEAD "\"metrics\":{\"peak\":[1]},\"sites\":[{\"file\":\"a\",\"function\":\"f\",\"line\":-1}]}",
		HEAD "\"metrics\":{\"peak\":[1],\"peak\":[2]},\"sites\":[]}",
		HEAD "\"sites\":[]}",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct check_figures f;
		struct err err = ERR_INIT;
		cr_expect_lt(parse(bad[i], &f, &err), 0, "%s", bad[i]);
		cr_expect_str_eq(err.hint, "baseline", "%s", bad[i]);
		cr_expect_eq(f.series.len, 0);
	}
}

Test(report_model_baseline, a_budget_has_rules_and_suppressions)
{
	struct budget b = { 0 };
	struct err err = ERR_INIT;
	const char *text = "{\"schema\":\"pymemprof-budget/1\",\"max\":{\"peak\":\"64MiB\",\"allocs\":9},"
			   "\"max_increase\":{\"live\":\"5%\"},\"repeat\":3,\"baseline\":\"main\","
			   "\"suppressions\":[{\"metric\":\"*\",\"site\":\"a:*\",\"reason\":\"r\","
			   "\"until\":\"2026-11-20\"}]}";
	cr_assert_eq(budget_parse(&b, text, strlen(text), DAY, &err), 0, "%s", err.text);
	cr_expect_eq(b.rules.len, 3);
	cr_expect_eq(b.repeat, 3);
	cr_expect_str_eq(b.baseline, "main");
	cr_assert_eq(b.suppressions.len, 1);
	cr_expect(b.suppressions.at[0].expired);
	budget_deinit(&b);
}

Test(report_model_baseline, a_typo_in_a_budget_does_not_pass)
{
	static const char *const bad[] = {
		"{}", "{\"schema\":\"x\"}", "{\"schema\":\"pymemprof-budget/1\",\"maxx\":{}}",
		"{\"schema\":\"pymemprof-budget/1\",\"max\":{\"speak\":\"1\"}}",
		"{\"schema\":\"pymemprof-budget/1\",\"max\":{\"peak\":\"one\"}}",
		"{\"schema\":\"pymemprof-budget/1\",\"repeat\":-1}",
		"{\"schema\":\"pymemprof-budget/1\",\"suppressions\":[{\"metric\":\"*\",\"site\":\"x\"}]}",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct budget b = { 0 };
		cr_expect_eq(budget_parse(&b, bad[i], strlen(bad[i]), DAY, NULL), ERR_USAGE, "%s",
			     bad[i]);
		budget_deinit(&b);
	}
}

Test(report_model_baseline, suppressions_need_a_reason_and_end_after_their_day)
{
	struct budget b = { 0 };
	struct err err = ERR_INIT;
	const char *text = "# why\n\nleaked app/*:put until 2026-11-21 -- a cache\n"
			   "* x.py:f until 2026-01-01 -- gone\npeak y.py:g -- big on purpose";
	cr_assert_eq(budget_parse_suppressions(&b, text, strlen(text), DAY, &err), 0, "%s",
		     err.text);
	cr_assert_eq(b.suppressions.len, 3);
	cr_expect(!b.suppressions.at[0].expired && b.suppressions.at[1].expired);
	cr_expect_str_eq(b.suppressions.at[2].reason, "big on purpose");
	budget_deinit(&b);
	static const char *const bad[] = { "leaked a:b", "leaked", "nothing a:b -- r",
					   "peak a:b until soon -- r", "peak a:b c d -- r",
					   "peak a:b until" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cr_expect_eq(budget_parse_suppressions(&b, bad[i], strlen(bad[i]), DAY, &err),
			     ERR_USAGE, "%s", bad[i]);
		budget_deinit(&b);
	}
}
