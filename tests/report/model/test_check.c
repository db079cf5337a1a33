/* SPDX-License-Identifier: MIT */
#include "report/model/check.h"

#include "report/model/baseline.h"

#include "feed.h"

static struct check_rule rule(enum check_option o, const char *text)
{
	struct check_rule r;
	struct err err = ERR_INIT;
	cr_assert_eq(check_rule_parse(o, text, &r, &err), 0, "%s: %s", text, err.text);
	return r;
}

static void put(struct check_figures *f, const char *name, const double *runs, size_t n)
{
	struct check_metric m;
	cr_assert_eq(check_metric_parse(name, strlen(name), &m, NULL), 0);
	struct check_series *s = check_series_of(f, &m);
	cr_assert(s);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(vec_push(&s->runs, runs[i]), 0);
}

static struct check_figures figures(const char *name, double v)
{
	struct check_figures f = { .python = "3.12.1", .implementation = "CPython", .word_bytes = 8 };
	put(&f, name, &v, 1);
	return f;
}

static void site(struct check_figures *f, const char *file, const char *function, double peak)
{
	struct check_site s = { .file = file, .function = function, .line = 7 };
	s.value[CHECK_PEAK] = peak;
	cr_assert_eq(vec_push(&f->sites, s), 0);
}

static enum check_verdict verdict(const char *metric, double base, double now, const char *text)
{
	struct check_figures b = figures(metric, base), n = figures(metric, now);
	char line[64];
	snprintf(line, sizeof line, "%s=%s", metric, text);
	struct check_rule r = rule(CHECK_OPTION_MAX_INCREASE, line);
	struct check_question q = {
		.now = &n, .base = &b, .rules = &r, .nrules = 1, .min_delta = 65536
	};
	struct check_answer a;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	enum check_verdict v = a.findings.at[0].verdict;
	check_answer_deinit(&a);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
	return v;
}

Test(report_model_check, an_increase_fails_above_tolerance_and_what_matters)
{
	cr_expect_eq(verdict("peak", 1e7, 1e7, "5%"), CHECK_FINE);
	cr_expect_eq(verdict("peak", 1e7, 1.01e7, "5%"), CHECK_FINE);
	cr_expect_eq(verdict("peak", 1e7, 1.05e7, "5%"), CHECK_FINE);
	cr_expect_eq(verdict("peak", 1e7, 1.1e7, "5%"), CHECK_FAILED);
	cr_expect_eq(verdict("peak", 1e7, 0.8e7, "5%"), CHECK_IMPROVED);
	cr_expect_eq(verdict("peak", 1e5, 1.1e5, "5%"), CHECK_SMALL);
	cr_expect_eq(verdict("allocs", 100, 120, "5%"), CHECK_FAILED);
	cr_expect_eq(verdict("leaked", 0, 70000, "64KiB"), CHECK_FAILED);
	cr_expect_eq(verdict("leaked", 0, 65536, "64KiB"), CHECK_FINE);
}

Test(report_model_check, resident_memory_has_a_margin)
{
	cr_expect_eq(verdict("rss_peak", 1e7, 1.1e7, "5%"), CHECK_NOT_PROVEN);
	cr_expect_eq(verdict("rss_peak", 1e7, 1.3e7, "5%"), CHECK_FAILED);
}

Test(report_model_check, limits_and_warnings)
{
	struct check_figures n = figures("peak", 1000);
	struct check_rule r[3] = { rule(CHECK_OPTION_MAX, "peak=1000"),
				   rule(CHECK_OPTION_WARN, "peak=999"),
				   rule(CHECK_OPTION_MAX, "peak=999") };
	struct check_question q = { .now = &n, .rules = r, .nrules = 3 };
	struct check_answer a;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_expect_eq(a.findings.at[0].verdict, CHECK_FAILED);
	cr_expect_eq(a.findings.at[1].verdict, CHECK_WARNED);
	cr_expect_eq(a.findings.at[2].verdict, CHECK_FINE);
	cr_expect(a.failed == 1 && a.warned == 1);
	check_answer_deinit(&a);
	check_figures_deinit(&n);
}

Test(report_model_check, the_culprit_is_the_site_with_the_largest_difference)
{
	struct check_figures b = figures("peak", 1e7), n = figures("peak", 2e7);
	site(&b, "a.py", "big", 9e6);
	site(&n, "a.py", "big", 9e6 + 4);
	site(&n, "b.py", "grew", 1e7);
	struct check_rule r = rule(CHECK_OPTION_MAX_INCREASE, "peak=5%");
	struct check_question q = { .now = &n, .base = &b, .rules = &r, .nrules = 1 };
	struct check_answer a;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_assert_eq(a.findings.at[0].nculprits, 1);
	cr_assert_str_eq(a.findings.at[0].culprits[0].function, "grew");
	cr_assert_eq(a.findings.at[0].culprits[0].line, 7);
	check_answer_deinit(&a);
	struct check_suppression s = { .metric = "peak", .site = "b.py:*", .reason = "meant" };
	q.suppressions = &s;
	q.nsuppressions = 1;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_expect_eq(a.findings.at[0].verdict, CHECK_FINE);
	check_answer_deinit(&a);
	s.expired = true;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_expect_eq(a.findings.at[0].verdict, CHECK_FAILED);
	check_answer_deinit(&a);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
}

Test(report_model_check, a_metric_the_baseline_lacks_is_an_error_unless_lenient)
{
	struct check_figures b = figures("live", 1), n = figures("peak", 1);
	struct check_rule r = rule(CHECK_OPTION_MAX_INCREASE, "peak=5%");
	struct check_question q = { .now = &n, .base = &b, .rules = &r, .nrules = 1 };
	struct check_answer a;
	struct err err = ERR_INIT;
	cr_assert_eq(check_judge(&q, &a, &err), ERR_UNSUPPORTED);
	cr_assert_str_eq(err.hint, "baseline");
	q.lenient = true;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_expect_eq(a.findings.at[0].verdict, CHECK_NO_BASE);
	check_answer_deinit(&a);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
}

Test(report_model_check, another_minor_version_or_word_is_not_compared)
{
	struct check_figures b = figures("peak", 1), n = figures("peak", 1);
	cr_expect_eq(check_comparable(&n, &b, NULL), 0);
	snprintf(b.python, sizeof b.python, "3.12.9");
	cr_expect_eq(check_comparable(&n, &b, NULL), 0);
	snprintf(b.python, sizeof b.python, "3.13.0");
	cr_expect_eq(check_comparable(&n, &b, NULL), ERR_UNSUPPORTED);
	snprintf(b.python, sizeof b.python, "3.1");
	cr_expect_eq(check_comparable(&n, &b, NULL), ERR_UNSUPPORTED);
	snprintf(b.python, sizeof b.python, "3.12.1");
	b.word_bytes = 4;
	cr_expect_eq(check_comparable(&n, &b, NULL), ERR_UNSUPPORTED);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
}

Test(report_model_check, noise_is_not_a_regression)
{
	double calm[] = { 100, 101, 99, 100, 102 }, same[] = { 101, 100, 102, 99, 100 };
	double more[] = { 110, 111, 109, 112, 108 };
	cr_expect_not(check_proven(same, 5, calm, 5, 0));
	cr_expect(check_proven(more, 5, calm, 5, 0));
	cr_expect(check_proven(more, 5, calm, 5, 5));
	cr_expect_not(check_proven(more, 5, calm, 5, 10));
	cr_expect(check_proven(more, 2, calm, 2, 0));
	cr_expect_not(check_proven(more, 0, calm, 2, 0));
	double overlap[] = { 101, 103 };
	cr_expect_not(check_proven(overlap, 2, calm, 2, 0));
	double many[30], low[30];
	for (int i = 0; i < 30; i++) {
		many[i] = 100 + i;
		low[i] = 90 + i;
	}
	cr_expect(check_proven(many, 30, low, 30, 0));
	cr_expect_not(check_proven(low, 30, low, 30, 0));
}

Test(report_model_check, a_line_through_points_and_its_doubt)
{
	double x[] = { 1, 2, 3, 4 }, y[] = { 12, 22, 32, 42 }, z[] = { 1, 9, 2, 8 };
	struct check_slope s = check_regress(x, y, 4);
	cr_expect_float_eq(s.slope, 10, 1e-9);
	cr_expect_float_eq(s.half_width, 0, 1e-6);
	s = check_regress(x, z, 4);
	cr_expect_gt(s.half_width, s.slope);
	cr_expect_eq(check_regress(x, y, 2).slope, 0);
	double flat[] = { 3, 3, 3 };
	cr_expect_eq(check_regress(flat, y, 3).slope, 0);
}

Test(report_model_check, rules_that_make_no_sense_are_refused)
{
	static const char *const bad[] = { "peak",	"peak=",     "peak=x",	"peak=-5",
					   "=5",	"speak=5",   "frag=5",	"type:=5",
					   "retained:=5",	"peak=0x5", "peak=5XB", "peak=5%" };
	struct check_rule r;
	struct err err = ERR_INIT;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(check_rule_parse(CHECK_OPTION_MAX, bad[i], &r, &err), ERR_USAGE, "%s",
			     bad[i]);
	r = rule(CHECK_OPTION_MAX, "type:app.Session=1000");
	cr_expect_str_eq(r.metric.name, "type:app.Session");
	r = rule(CHECK_OPTION_MAX, "frag=30%");
	cr_expect_float_eq(r.limit, 0.3, 1e-9);
	r = rule(CHECK_OPTION_WARN, "peak=5%");
	cr_expect(r.increase && r.relative && r.warn);
	r = rule(CHECK_OPTION_WARN, "peak=+1MiB");
	cr_expect(r.increase && !r.relative && r.limit == 1 << 20);
	r = rule(CHECK_OPTION_WARN, "peak=1MiB");
	cr_expect(!r.increase);
}

static void expect_name(const char *file, const char *want)
{
	char got[256];
	check_file_name(file, "/home/me/app", got, sizeof got);
	cr_expect_str_eq(got, want, "%s: %s", file, got);
}

Test(report_model_check, names_are_those_of_any_machine)
{
	expect_name("/home/me/app/pkg/a.py", "pkg/a.py");
	expect_name("/usr/lib/python3.12/json/decoder.py", "json/decoder.py");
	expect_name("/v/lib/python3.12/site-packages/rich/a.py", "rich/a.py");
	expect_name("/elsewhere/deep/down/a.py", "down/a.py");
	expect_name("/a.py", "a.py");
	expect_name("./a.py", "a.py");
	expect_name("<frozen os>", "<frozen os>");
	expect_name("", "");
	cr_expect_str_eq(check_function_name("Cache.put"), "put");
	cr_expect_str_eq(check_function_name("f.<locals>.g"), "g");
	cr_expect_str_eq(check_function_name("main"), "main");
}

Test(report_model_check, figures_of_a_recording_name_the_programs_own_code)
{
	struct recording r;
	struct check_figures f = { 0 };
	struct check_rule type = rule(CHECK_OPTION_MAX, "type:X=1");
	struct err err = ERR_INIT;
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	feed_site(&r, 1, 1, "loads /usr/lib/python3.12/json/__init__.py:9 < main /w/app.py:3");
	struct fact_site bare = { .site = 2, .thread = 1 };
	struct fact_sink s = recording_sink(&r);
	cr_assert_eq(s.site(s.ctx, &bare, NULL), 0);
	struct fact_delta d[2] = { { .site = 1, .alloc_blocks = 2, .alloc_bytes = 500 },
				   { .site = 2, .alloc_blocks = 9, .alloc_bytes = 900 } };
	feed_interval(&r, 0, 1, d, 2);
	cr_assert_eq(s.finish(s.ctx, FACT_END_EXITED, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert_eq(check_figures_add(&f, &r, "/w", NULL, 0, NULL), 0);
	cr_expect_eq(check_last(&f, "alloc_bytes"), 500);
	cr_expect_eq(check_last(&f, "leaked"), 500);
	cr_assert_eq(f.sites.len, 1);
	cr_expect_str_eq(f.sites.at[0].file, "app.py");
	cr_expect_eq(f.sites.at[0].line, 3);
	cr_expect_eq(check_figures_add(&f, &r, "/w", &type, 1, &err), ERR_USAGE);
	cr_expect(strstr(err.text, "snapshot"), "%s", err.text);
	check_figures_deinit(&f);
	recording_deinit(&r);
}

/* Figures of a recording in which stack i made bytes[i]; as written to a baseline and read again. */
static struct check_figures recorded(const char *const *stacks, const uint64_t *bytes, size_t n)
{
	struct recording r;
	struct check_figures f = { 0 }, again;
	AUTO_BUF struct buf text = BUF_INIT;
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	for (uint32_t i = 0; i < n; i++) {
		struct fact_delta d = { .site = i + 1, .alloc_blocks = 1, .alloc_bytes = bytes[i] };
		feed_site(&r, i + 1, 1, stacks[i]);
		feed_interval(&r, i, i + 1, &d, 1);
	}
	struct fact_sink s = recording_sink(&r);
	cr_assert_eq(s.finish(s.ctx, FACT_END_EXITED, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert_eq(check_figures_add(&f, &r, "/w", NULL, 0, NULL), 0);
	cr_assert_eq(baseline_print(&f, &text, NULL), 0);
	cr_assert_eq(baseline_parse((char *)text.bytes, text.len, &again, NULL), 0);
	check_figures_deinit(&f);
	recording_deinit(&r);
	return again;
}

Test(report_model_check, the_line_that_has_more_is_named_and_for_whom)
{
	static const char *const before[] = {
		"make /w/util.py:5 < load /w/a.py:10 < main /w/app.py:1",
		"make /w/util.py:5 < grow /w/b.py:20 < main /w/app.py:2",
		"main /w/app.py:3",
	};
	/* A line was added above each: what was at 5 is at 6, what was at 3 is at 5. */
	static const char *const after[] = {
		"make /w/util.py:6 < load /w/a.py:11 < main /w/app.py:1",
		"make /w/util.py:6 < grow /w/b.py:21 < main /w/app.py:2",
		"main /w/app.py:5",
		"main /w/app.py:4",
		"rows /w/c.py:8 < main /w/app.py:6",
	};
	struct check_figures b = recorded(before, (uint64_t[]){ 4000000, 1000000, 2000000 }, 3);
	struct check_figures n = recorded(
		after, (uint64_t[]){ 4000000, 2000000, 2000000, 500000, 300000 }, 5);
	struct check_rule r = rule(CHECK_OPTION_MAX_INCREASE, "alloc_bytes=5%");
	struct check_question q = { .now = &n, .base = &b, .rules = &r, .nrules = 1 };
	struct check_answer a;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	const struct check_finding *f = a.findings.at;
	cr_assert_eq(f->nculprits, 3);
	cr_expect_str_eq(f->culprits[0].function, "make");
	cr_expect_eq(f->culprits[0].line, 6);
	cr_expect_eq(f->culprits[0].line_now - f->culprits[0].line_base, 1000000);
	cr_assert_not_null(f->culprits[0].caller);
	cr_expect_str_eq(f->culprits[0].caller, "grow");
	cr_expect_str_eq(f->culprits[0].caller_file, "b.py");
	cr_expect_eq(f->culprits[0].caller_line, 21);
	cr_expect(f->culprits[0].caller_base == 1000000 && f->culprits[0].caller_now == 2000000);
	cr_expect_str_eq(f->culprits[1].function, "main");
	cr_expect_eq(f->culprits[1].line, 4, "not 5, which is what 3 was: %u", f->culprits[1].line);
	cr_expect_null(f->culprits[1].caller);
	cr_expect_eq(f->culprits[1].now, 2500000, "of the function");
	cr_expect_eq(f->culprits[1].line_now, 500000, "of the line");
	cr_expect_eq(f->culprits[1].line_base, 0);
	cr_expect_str_eq(f->culprits[2].function, "rows");
	cr_expect_null(f->culprits[2].caller, "one caller explains itself");
	check_answer_deinit(&a);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
}

/* One recording of a program whose only function holds so much. */
static void add_run(struct check_figures *f, uint64_t bytes)
{
	struct recording r;
	struct fact_delta d = { .site = 1, .alloc_blocks = 1, .alloc_bytes = bytes };
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	feed_site(&r, 1, 1, "main /w/app.py:3");
	feed_interval(&r, 0, 1, &d, 1);
	struct fact_sink s = recording_sink(&r);
	struct fact_site_peak peak = { .site = 1, .bytes = bytes, .blocks = 1 };
	cr_assert_eq(s.site_peak(s.ctx, &peak, NULL), 0);
	cr_assert_eq(s.finish(s.ctx, FACT_END_EXITED, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert_eq(check_figures_add(f, &r, "/w", NULL, 0, NULL), 0);
	recording_deinit(&r);
}

Test(report_model_check, of_several_runs_the_middle_one_says_what_it_is_made_of)
{
	static const uint64_t bytes[] = { 9000, 1000, 5000, 7000, 3000 };
	struct check_figures f = { 0 };
	for (size_t i = 0; i < 5; i++)
		add_run(&f, bytes[i]);
	cr_expect_eq(check_median(check_series_find(&f, "peak")), 5000);
	cr_assert_eq(f.sites.len, 1);
	cr_expect_eq(f.sites.at[0].value[CHECK_PEAK], 5000);
	cr_expect_eq(f.other_runs.len, 4);
	cr_assert_eq(f.parts.len, 1);
	cr_expect_eq(f.parts.at[0].value[CHECK_PEAK], 5000);
	check_figures_deinit(&f);
}

/* A baseline names the sites that matter: one it does not name had little, not nothing. */
Test(report_model_check, what_a_baseline_was_too_short_to_name_did_not_grow)
{
	struct check_figures b = figures("peak", 1e7), n = figures("peak", 1.1e7);
	site(&b, "a.py", "big", 9e6);
	site(&n, "a.py", "big", 1e7);
	site(&n, "b.py", "small", 3.5e4);
	site(&n, "c.py", "tiny", 2.5e4);
	struct check_rule r = rule(CHECK_OPTION_MAX_INCREASE, "peak=1%");
	struct check_question q = { .now = &n, .base = &b, .rules = &r, .nrules = 1 };
	struct check_answer a;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_assert_eq(a.findings.at[0].nculprits, 2);
	cr_expect_str_eq(a.findings.at[0].culprits[1].function, "small");
	check_answer_deinit(&a);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
}

/* Of noise nobody is guilty. */
Test(report_model_check, what_is_not_proven_has_no_culprit)
{
	struct check_figures b = { .word_bytes = 8 }, n = { .word_bytes = 8 };
	put(&b, "peak", (double[]){ 1e7, 3e7 }, 2);
	put(&n, "peak", (double[]){ 2.5e7, 2.5e7 }, 2);
	site(&n, "a.py", "big", 2.5e7);
	struct check_rule r = rule(CHECK_OPTION_MAX_INCREASE, "peak=1%");
	struct check_question q = { .now = &n, .base = &b, .rules = &r, .nrules = 1 };
	struct check_answer a;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_expect_eq(a.findings.at[0].verdict, CHECK_NOT_PROVEN);
	cr_expect_eq(a.findings.at[0].nculprits, 0);
	check_answer_deinit(&a);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
}

Test(report_model_check, what_was_not_measured_is_not_nothing)
{
	struct check_figures n = figures("peak", 1);
	struct check_rule r = rule(CHECK_OPTION_MAX, "leaked=1");
	struct check_question q = { .now = &n, .rules = &r, .nrules = 1 };
	struct check_answer a;
	struct err err = ERR_INIT;
	cr_assert_eq(check_judge(&q, &a, &err), ERR_USAGE);
	cr_expect(strstr(err.text, "leaked was not measured"), "%s", err.text);
	check_figures_deinit(&n);
}

static void a_test(struct check_figures *f, const char *id, double peak, double leaked)
{
	struct check_test *t = check_test_of(f, id);
	cr_assert(t);
	t->own = (struct check_place){ "t.py", "test_x", 5, 0 };
	cr_assert_eq(vec_push(&t->figure[CHECK_TEST_PEAK].runs, peak), 0);
	cr_assert_eq(vec_push(&t->figure[CHECK_TEST_LEAKED].runs, leaked), 0);
	t->places[0][0] = (struct check_place){ "app.py", "load", 9, peak };
	t->nplaces[0] = 1;
	check_tests_sort(f);
}

Test(report_model_check, a_rule_about_tests_is_one_about_each_that_matches)
{
	struct check_figures n = { 0 };
	a_test(&n, "t.py::b[x:y]", 3000, 0);
	a_test(&n, "t.py::a", 1000, 70);
	a_test(&n, "other.py::c", 9000, 0);
	struct check_rule r[] = { rule(CHECK_OPTION_MAX, "test:t.py::*:peak=2000"),
				  rule(CHECK_OPTION_MAX, "test:*:leaked=64") };
	struct check_question q = { .now = &n, .rules = r, .nrules = 2 };
	struct check_answer a;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_assert_eq(a.findings.len, 4);
	cr_assert_eq(a.failed, 2);
	const struct check_finding *f = a.findings.at;
	cr_expect_str_eq(f[0].name, "test:t.py::b[x:y]:peak");
	cr_expect_str_eq(f[0].culprits[0].function, "load");
	cr_expect_str_eq(f[1].name, "test:t.py::a:leaked");
	cr_expect_str_eq(f[1].culprits[0].function, "test_x", "without places its own");
	cr_expect(f[2].verdict == CHECK_FINE && f[2].alike == 1 && f[2].now == 1000);
	cr_expect(f[3].alike == 2 && f[3].rule == &r[1]);
	check_answer_deinit(&a);
	struct check_suppression s = { .metric = "test:peak", .site = "t.py::b*", .reason = "meant" };
	q.suppressions = &s;
	q.nsuppressions = 1;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_expect_eq(a.failed, 1);
	cr_expect_eq(s.used, 1);
	check_answer_deinit(&a);
	struct check_rule none = rule(CHECK_OPTION_MAX, "test:gone/*:peak=1");
	q.rules = &none;
	q.nrules = 1;
	cr_expect_eq(check_judge(&q, &a, NULL), ERR_USAGE);
	check_figures_deinit(&n);
}

Test(report_model_check, tests_are_compared_with_the_baselines_and_new_ones_pass)
{
	struct check_figures b = { 0 }, n = { 0 };
	a_test(&b, "a", 1e6, 0);
	a_test(&n, "a", 1.2e6, 0);
	a_test(&n, "new", 5e6, 0);
	for (int i = 0; i < CHECK_TESTS_SHOWN + 5; i++) {
		char id[32];
		snprintf(id, sizeof id, "many[%d]", i);
		a_test(&b, id, 1e6, 0);
		a_test(&n, id, 1.1e6 + i, 0);
	}
	struct check_rule r = rule(CHECK_OPTION_MAX_INCREASE, "test:*:peak=5%");
	struct check_question q = { .now = &n, .base = &b, .rules = &r, .nrules = 1 };
	struct check_answer a;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_expect_str_eq(a.findings.at[0].name, "test:a:peak");
	cr_assert_eq(a.findings.len, CHECK_TESTS_SHOWN + 2);
	cr_expect_eq(a.findings.at[CHECK_TESTS_SHOWN].alike, 6, "the rest of what failed");
	cr_expect_eq(a.findings.at[CHECK_TESTS_SHOWN + 1].verdict, CHECK_NO_BASE);
	check_answer_deinit(&a);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
}

Test(report_model_check, metrics_of_tests_are_a_pattern_and_a_figure)
{
	struct check_metric m;
	static const char *const bad[] = { "test:", "test:x", "test::peak", "test:x:rss_peak" };
	const char *good = "test:a.py::b[1:2]:alloc_bytes";
	cr_assert_eq(check_metric_parse(good, strlen(good), &m, NULL), 0);
	cr_expect(m.kind == CHECK_TEST && m.of == CHECK_ALLOC_BYTES);
	cr_expect(check_test_matches(&m, "a.py::b[1:2]"), "as it is written");
	cr_expect(check_test_matches(&m, "a.py::b:"), "brackets are a set");
	cr_expect(!check_test_matches(&m, "a.py::b[1:2"));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(check_metric_parse(bad[i], strlen(bad[i]), &m, NULL), ERR_USAGE, "%s",
			     bad[i]);
}

static void share(struct check_figures *f, bool type, const char *name, double bytes)
{
	struct check_share s = { .name = name, .bytes = bytes, .parts = true };
	cr_assert_eq(type ? vec_push(&f->types, s) : vec_push(&f->holders, s), 0);
}

Test(report_model_check, types_and_holders_that_grew_most_are_culprits)
{
	struct check_figures b = figures("peak", 1e6), n = figures("peak", 3e6);
	share(&b, true, "str", 5e5);
	share(&n, true, "str", 6e5);
	share(&n, true, "app.Session", 1e6);
	share(&n, true, "tiny", 100);
	share(&n, false, "module app.sessions (dict)", 1.1e6);
	struct check_rule r[] = { rule(CHECK_OPTION_MAX_INCREASE, "peak=5%"),
				  rule(CHECK_OPTION_MAX, "peak=2MB") };
	struct check_question q = { .now = &n, .base = &b, .rules = r, .nrules = 2 };
	struct check_answer a;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	const struct check_finding *f = &a.findings.at[a.findings.at[0].rule == &r[0] ? 0 : 1];
	cr_assert_eq(f->nshares, 3);
	cr_expect_str_eq(f->shares[0].function, "app.Session");
	cr_expect_str_eq(f->shares[1].function, "str");
	cr_expect_eq(f->shares[1].base, 5e5);
	cr_expect_eq(f->shares[2].what, CHECK_HOLDER);
	check_answer_deinit(&a);
	put(&n, "retained:dict", &(double){ 9 }, 1);
	share(&n, false, "module app.name (str)", 5e5);
	r[0] = rule(CHECK_OPTION_MAX, "retained:dict=1");
	q.nrules = 1;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_assert_eq(a.findings.at[0].nshares, 1, "only who holds that type");
	cr_expect_str_eq(a.findings.at[0].shares[0].function, "module app.sessions (dict)");
	check_answer_deinit(&a);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
}

/* A baseline keeps a hundred: what was too small for it has not grown from nothing. */
Test(report_model_check, what_a_full_list_of_the_baseline_lacks_had_no_more_than_its_smallest)
{
	static char names[CHECK_SHARES_MAX][16];
	struct check_figures b = figures("peak", 1e6), n = figures("peak", 3e6);
	for (size_t i = 0; i < CHECK_SHARES_MAX; i++) {
		snprintf(names[i], sizeof names[i], "type%zu", i);
		share(&b, true, names[i], 5e5 + (double)i);
	}
	share(&n, true, "steady", 4e5);
	share(&n, true, "grown", 2.5e6);
	struct check_rule r = rule(CHECK_OPTION_MAX_INCREASE, "peak=5%");
	struct check_question q = { .now = &n, .base = &b, .rules = &r, .nrules = 1 };
	struct check_answer a;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_assert_eq(a.findings.at[0].nshares, 1);
	cr_expect_str_eq(a.findings.at[0].shares[0].function, "grown");
	cr_expect_eq(a.findings.at[0].shares[0].base, 5e5);
	cr_expect_not(a.findings.at[0].older);
	check_answer_deinit(&a);
	n.attached = true;
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_expect(a.findings.at[0].older, "peak counts from the attach on, types do not");
	check_answer_deinit(&a);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
}

Test(report_model_check, a_type_retains_what_goes_with_its_outermost_objects)
{
	struct heap_model m = { 0 };
	struct fact_heap_type t[] = { { .type = 1, .name = "Node", .module = "app" },
				      { .type = 2, .name = "list", .module = "builtins" } };
	struct fact_heap_holder h[] = {
		{ .holder = 1, .root = FACT_ROOT_ALL },
		{ .holder = 2, .parent = 1, .root = FACT_ROOT_MODULE, .name = "app" },
		{ .holder = 3, .parent = 2, .type = 1, .retained_bytes = 1000 },
		{ .holder = 4, .parent = 3, .type = 2, .retained_bytes = 600 },
		{ .holder = 5, .parent = 4, .type = 1, .retained_bytes = 300 },
		{ .holder = 6, .parent = 2, .type = 1, .retained_bytes = 70 },
	};
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(vec_push(&m.types, t[i]), 0);
	for (size_t i = 0; i < 6; i++)
		cr_assert_eq(vec_push(&m.holders.rows, h[i]), 0);
	m.holders.known = true;
	cr_expect_eq(check_retained(&m, "app.Node"), 1070);
	cr_expect_eq(check_retained(&m, "list"), 600);
	cr_expect_eq(check_retained(&m, "app.Gone"), 0);
	vec_deinit(&m.types);
	vec_deinit(&m.holders.rows);
}

/* A program of 1500 bytes at its peak, 500 of them without a frame; of 1400 at its end, 200 of them without. */
static struct check_figures later_peak(uint64_t at_peak)
{
	struct recording r;
	struct check_figures f = { 0 };
	struct fact_delta d[] = { { .site = 1, .alloc_blocks = 1, .alloc_bytes = 1200 },
				  { .site = 2, .alloc_blocks = 1, .alloc_bytes = 200 } };
	struct fact_site_peak peaks[] = { { 1, at_peak, 1 }, { 2, 1500 - at_peak, 1 } };
	struct fact_totals t = { .live_bytes = 1400, .peak_bytes = 1500 };
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	feed_site(&r, 1, 1, "main /w/app.py:3");
	feed_site(&r, 2, 1, "");
	feed_interval(&r, 0, 1, d, 2);
	struct fact_sink s = recording_sink(&r);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(s.site_peak(s.ctx, &peaks[i], NULL), 0);
	cr_assert_eq(s.totals(s.ctx, &t, NULL), 0);
	cr_assert_eq(s.finish(s.ctx, FACT_END_ELAPSED, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert_eq(check_figures_add(&f, &r, "/w", NULL, 0, NULL), 0);
	recording_deinit(&r);
	return f;
}

Test(report_model_check, a_peak_is_no_less_than_what_is_live_at_the_end)
{
	struct check_figures n = later_peak(1000), b = later_peak(1250);
	struct check_rule r[] = { rule(CHECK_OPTION_MAX, "peak=1100"), rule(CHECK_OPTION_MAX, "peak=1300"),
				  rule(CHECK_OPTION_MAX, "peak=1500"), rule(CHECK_OPTION_MAX, "live=1300") };
	enum check_verdict want[] = { CHECK_FAILED, CHECK_NOT_PROVEN, CHECK_FINE, CHECK_FINE };
	struct check_question q = { .now = &n, .nrules = 1 };
	struct check_answer a;
	cr_expect_eq(check_last(&n, "live"), 1200);
	cr_expect_eq(check_last(&n, "peak"), 1200);
	cr_expect_eq(n.sites.at[0].value[CHECK_PEAK], 1200);
	for (size_t i = 0; i < 4; i++) {
		q.rules = &r[i];
		cr_assert_eq(check_judge(&q, &a, NULL), 0);
		cr_expect_eq(a.findings.at[0].verdict, want[i], "%s", r[i].text);
		cr_expect_eq(a.findings.at[0].at_least, i < 2, "%s: no more than the peak of all", r[i].text);
		check_answer_deinit(&a);
	}
	cr_expect_eq(check_last(&b, "peak"), 1250);
	q = (struct check_question){ .now = &b, .rules = &r[1], .nrules = 1 };
	cr_assert_eq(check_judge(&q, &a, NULL), 0);
	cr_expect_eq(a.findings.at[0].verdict, CHECK_FINE, "more than at the end: as told");
	check_answer_deinit(&a);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
}

/* A process that was recorded for so many seconds and grows in each of them. */
static struct check_figures growing(size_t seconds)
{
	double series[64];
	struct recording r;
	struct check_figures f = { 0 };
	for (size_t i = 0; i < seconds; i++)
		series[i] = (double)(i + 1) * 1e5;
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	feed_site(&r, 1, 1, "main /w/app.py:3");
	feed_series(&r, 1, series, seconds);
	struct fact_sink s = recording_sink(&r);
	cr_assert_eq(s.finish(s.ctx, FACT_END_ELAPSED, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert_eq(check_figures_add(&f, &r, "/w", NULL, 0, NULL), 0);
	recording_deinit(&r);
	return f;
}

Test(report_model_check, what_is_too_short_to_tell_is_no_leak_of_nothing)
{
	struct check_figures n = growing(3), longer = growing(60), b = figures("leaked", 378e3);
	struct check_rule r[] = { rule(CHECK_OPTION_MAX, "leaked=1"), rule(CHECK_OPTION_MAX, "leak_rate=1"),
				  rule(CHECK_OPTION_MAX_INCREASE, "leaked=1"), rule(CHECK_OPTION_WARN, "leaked=1") };
	struct check_question q = { .now = &n, .base = &b, .nrules = 1 };
	struct check_answer a;
	for (size_t i = 0; i < 4; i++) {
		q.rules = &r[i];
		q.now = &n;
		cr_assert_eq(check_judge(&q, &a, NULL), 0);
		cr_expect_eq(a.findings.at[0].verdict, CHECK_NOT_MEASURED, "%s", r[i].metric.name);
		cr_assert_not_null(a.findings.at[0].unknown);
		cr_expect_str_eq(a.findings.at[0].unknown, CHECK_TOO_SHORT);
		cr_expect_eq(a.unknown != NULL, !r[i].warn, "of a warning nobody fails");
		check_answer_deinit(&a);
		q.now = &longer;
		cr_assert_eq(check_judge(&q, &a, NULL), 0);
		cr_expect_null(a.findings.at[0].unknown, "%s", r[i].metric.name);
		check_answer_deinit(&a);
	}
	cr_expect_not_null(check_series_find(&n, "peak"), "which needs no time");
	cr_expect_gt(check_last(&longer, "leaked"), 1e6);
	check_figures_deinit(&b);
	check_figures_deinit(&n);
	check_figures_deinit(&longer);
}
