/* SPDX-License-Identifier: MIT */
#include "report/model/threads.h"

#include "feed.h"

static struct recording r;

static void setup(void)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_site(&r, 1, 1, "f a.py:1 < main a.py:9");
	feed_site(&r, 2, 2, "f a.py:1 < main a.py:9");
	feed_site(&r, 3, 2, "g a.py:5 < main a.py:9");
	struct fact_thread t = { .thread = 2, .tid = 77, .name = "worker" };
	struct fact_sink s = recording_sink(&r);
	cr_assert_eq(s.thread(s.ctx, &t, NULL), 0);
}

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_model_threads, .init = setup, .fini = teardown);

Test(report_model_threads, same_stack_is_kept_apart_by_thread)
{
	struct fact_delta d[] = { { 1, 1, 100, 0, 0, 0, 0 },
				  { 2, 2, 200, 0, 0, 0, 0 },
				  { 3, 3, 300, 0, 0, 0, 0 } };
	feed_interval(&r, 0, 1, d, 3);
	AUTO_FREE struct thread_row *rows = NULL;
	size_t n;
	cr_assert_eq(threads_rows(&r.threads, &r.sites, &rows, &n, NULL), 0);
	cr_assert_eq(n, 2);
	cr_assert_eq(rows[0].thread, 2);
	cr_assert_eq(rows[0].tid, 77);
	cr_assert_str_eq(rows[0].name, "worker");
	cr_assert_eq(counters_live_bytes(&rows[0].counters), 500);
	cr_assert_eq(rows[0].top_sites[0], 3);
	cr_assert_eq(rows[0].top_sites[1], 2);
	cr_assert_eq(rows[0].top_sites[2], 0);
	cr_assert_eq(rows[1].thread, 1);
	cr_assert_str_eq(rows[1].name, "");
	cr_assert_eq(counters_live_bytes(&rows[1].counters), 100);
}

Test(report_model_threads, sum_over_threads_is_sum_over_sites)
{
	struct fact_delta d[] = { { 1, 1, 100, 1, 10, 0, 0 },
				  { 2, 2, 200, 0, 0, 0, 0 },
				  { 3, 3, 300, 2, 30, 0, 0 } };
	feed_interval(&r, 0, 1, d, 3);
	AUTO_FREE struct thread_row *rows = NULL;
	size_t n;
	cr_assert_eq(threads_rows(&r.threads, &r.sites, &rows, &n, NULL), 0);
	struct counters sum = { 0 }, all = sites_sum(&r.sites);
	for (size_t i = 0; i < n; i++)
		counters_add(&sum, &rows[i].counters);
	cr_assert_eq(memcmp(&sum, &all, sizeof sum), 0);
}

Test(report_model_threads, wild_thread_numbers_are_only_names)
{
	feed_site(&r, 4, UINT32_MAX, "f a.py:1 < main a.py:9");
	struct fact_delta d = { 4, 1, 1, 0, 0, 0, 0 };
	feed_interval(&r, 0, 1, &d, 1);
	AUTO_FREE struct thread_row *rows = NULL;
	size_t n;
	cr_assert_eq(threads_rows(&r.threads, &r.sites, &rows, &n, NULL), 0);
	cr_assert_eq(rows[0].thread, UINT32_MAX);
}
