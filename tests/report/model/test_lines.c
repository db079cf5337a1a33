/* SPDX-License-Identifier: MIT */
#include "report/model/lines.h"

#include "feed.h"

static struct recording r;
static struct line *lines;
static size_t n;

static void setup(void)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_site(&r, 1, 1, "f a.py:1 < main a.py:9");
	feed_site(&r, 2, 1, "f a.py:1 < f a.py:3 < main a.py:9");
	feed_site(&r, 3, 1, "f a.py:2 < main a.py:9");
	feed_site(&r, 4, 2, "f a.py:1 < f a.py:3 < main a.py:9");
	feed_site(&r, 5, 1, "f b.py:1 < main a.py:9");
	feed_site(&r, 6, 1, "");
	feed_site(&r, 7, 1, "f a.py:1 < idle a.py:30");
}

static void teardown(void)
{
	free(lines);
	lines = NULL;
	recording_deinit(&r);
}

TestSuite(report_model_lines, .init = setup, .fini = teardown);

Test(report_model_lines, stacks_of_one_line_are_one_row_and_nothing_is_lost)
{
	/* site 7 allocates nothing */
	struct fact_delta d[] = { { 1, 1, 100, 0, 0, 0, 0 }, { 2, 2, 300, 1, 50, 0, 0 }, { 3, 1, 320, 0, 0, 0, 0 },
				  { 4, 1, 10, 0, 0, 0, 0 },  { 5, 1, 340, 0, 0, 0, 0 },  { 6, 1, 7, 0, 0, 0, 0 } };
	feed_interval(&r, 0, 1, d, 6);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert_eq(lines_by_metric(&r, SITES_LIVE, &lines, &n, NULL), 0);
	const uint64_t want[][2] = { { 360, 2 }, { 340, 1 }, { 320, 1 }, { 7, 1 } };
	cr_assert_eq(n, 4);
	struct counters sum = { 0 }, whole = sites_sum(&r.sites);
	for (size_t i = 0; i < n; i++) {
		cr_expect_eq(counters_live_bytes(&lines[i].sum), want[i][0], "line %zu", i);
		cr_expect_eq(lines[i].stacks, want[i][1], "line %zu", i);
		counters_add(&sum, &lines[i].sum);
	}
	/* threads of one stack are one stack; the larger one stands for the line */
	cr_expect_eq(lines[0].stack, r.stacks.sites.at[1].stack);
	cr_expect_arr_eq(&sum, &whole, sizeof sum);
}

Test(report_model_lines, a_line_leaks_when_one_of_its_stacks_does)
{
	for (uint32_t i = 0; i < 60; i++) {
		struct fact_delta d[] = { { 1, 1, 100, 0, 0, 0, 0 }, { 2, i == 0, i == 0 ? 90000 : 0, 0, 0, 0, 0 } };
		feed_interval(&r, i, i + 1, d, 2);
	}
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert_eq(lines_by_metric(&r, SITES_LIVE, &lines, &n, NULL), 0);
	cr_assert_eq(n, 1);
	cr_expect_eq(r.verdicts[lines[0].stack].class, GROWTH_FLAT);
	cr_expect_eq(lines[0].class, GROWTH_LEAKING);
}

Test(report_model_lines, the_acquitted_are_told_by_line_and_class)
{
	/* Two depths of a recursion fill and stay; the third stack of that line leaks; another line fills, too. */
	for (uint32_t i = 0; i < 60; i++) {
		const uint64_t grows = i < 20;
		struct fact_delta d[] = { { 1, grows, 1000 * grows, 0, 0, 0, 0 }, { 2, grows, 500 * grows, 0, 0, 0, 0 },
					  { 5, grows, 700 * grows, 0, 0, 0, 0 },  { 7, 1, 100, 0, 0, 0, 0 } };
		feed_interval(&r, i, i + 1, d, 4);
	}
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert_eq(lines_acquitted(&r, &lines, &n, NULL), 0);
	cr_assert_eq(n, 2);
	cr_expect_eq(lines[0].class, GROWTH_STABLE);
	cr_expect_eq(lines[0].stacks, 2);
	cr_expect_eq(lines[0].highest_bytes, 20000);
	cr_expect_eq(counters_live_bytes(&lines[0].sum), 30000);
	cr_expect_eq(lines[1].highest_bytes, 14000);
	cr_expect_eq(lines[1].stacks, 1);
}

Test(report_model_lines, nothing_is_no_line)
{
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert_eq(lines_by_metric(&r, SITES_PEAK, &lines, &n, NULL), 0);
	cr_expect_eq(n, 0);
	cr_assert_not_null(lines);
}
