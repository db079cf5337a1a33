/* SPDX-License-Identifier: MIT */
/*
 * Baselines, budgets and suppressions are files of a repository that anyone may send a change
 * to. Whatever is accepted can be judged and printed, and what is printed is accepted again.
 */
#include <stdlib.h>

#include "report/model/baseline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void check_baseline(const char *text, size_t n)
{
	struct check_figures f, again;
	struct buf out = BUF_INIT;
	struct check_rule rule;
	struct check_answer answer;
	if (baseline_parse(text, n, &f, NULL) < 0)
		return;
	need(baseline_print(&f, &out, NULL) == 0);
	need(baseline_parse((char *)out.bytes, out.len, &again, NULL) == 0);
	need(again.series.len == f.series.len && again.sites.len <= f.sites.len);
	need(check_rule_parse(CHECK_OPTION_MAX_INCREASE, "peak=5%", &rule, NULL) == 0);
	struct check_question q = {
		.now = &again, .base = &f, .rules = &rule, .nrules = 1, .lenient = true
	};
	if (check_judge(&q, &answer, NULL) == 0)
		check_answer_deinit(&answer);
	check_figures_deinit(&again);
	check_figures_deinit(&f);
	buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct budget b = { 0 };
	if (n == 0 || n > 65536)
		return 0;
	const char *text = (const char *)data;
	check_baseline(text, n);
	int rc = budget_parse(&b, text, n, "2026-11-21", NULL);
	if (rc == 0)
		rc = budget_parse_suppressions(&b, text, n, "2026-11-21", NULL);
	budget_deinit(&b);
	return rc <= 0 ? 0 : 1;
}
