/* SPDX-License-Identifier: MIT */
#include "report/model/sites.h"

#include "feed.h"

static struct recording r;

static void setup(void)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_site(&r, 1, 1, "f a.py:1 < main a.py:9");
	feed_site(&r, 2, 2, "f a.py:1 < main a.py:9");
	feed_site(&r, 3, 1, "g a.py:5 < main a.py:9");
}

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_model_sites, .init = setup, .fini = teardown);

Test(report_model_sites, deltas_add_up_and_allocated_less_freed_is_live)
{
	struct fact_delta d[] = { { 1, 10, 1000, 4, 400, 3, 300 }, { 3, 5, 50, 0, 0, 0, 0 } };
	feed_interval(&r, 0, 1, d, 2);
	feed_interval(&r, 1, 2, d, 1);
	struct counters c = sites_of(&r.sites, 1);
	cr_assert_eq(c.alloc_blocks, 20);
	cr_assert_eq(c.alloc_bytes, 2000);
	cr_assert_eq(c.free_bytes, 800);
	cr_assert_eq(c.temp_blocks, 6);
	cr_assert_eq(counters_live_bytes(&c), 1200);
	cr_assert_eq(counters_live_blocks(&c), 12);
	struct counters sum = sites_sum(&r.sites);
	cr_assert_eq(sum.alloc_bytes - sum.free_bytes, counters_live_bytes(&sum));
	cr_assert_eq(counters_live_bytes(&sum), 1250);
}

Test(report_model_sites, threads_of_one_stack_are_merged)
{
	struct fact_delta d[] = { { 1, 1, 100, 0, 0, 0, 0 }, { 2, 2, 200, 1, 50, 0, 0 } };
	feed_interval(&r, 0, 1, d, 2);
	struct fact_site_peak p[] = { { 1, 100, 1 }, { 2, 150, 1 } };
	cr_assert_eq(sites_peak(&r.sites, &p[0], NULL), 0);
	cr_assert_eq(sites_peak(&r.sites, &p[1], NULL), 0);
	AUTO_FREE struct counters *by_stack = NULL;
	cr_assert_eq(sites_by_stack(&r.sites, &by_stack, NULL), 0);
	cr_assert_eq(counters_live_bytes(&by_stack[0]), 250);
	cr_assert_eq(by_stack[0].peak_bytes, 250);
	cr_assert_eq(counters_live_bytes(&by_stack[1]), 0);
}

Test(report_model_sites, order_is_falling_and_stable)
{
	struct counters c[] = { { .alloc_bytes = 5 },
				{ .alloc_bytes = 9 },
				{ .alloc_bytes = 5 },
				{ .alloc_bytes = 5, .alloc_blocks = 2 } };
	AUTO_FREE uint32_t *order = NULL;
	cr_assert_eq(sites_order(c, 4, SITES_ALLOCATED, &order, NULL), 0);
	const uint32_t want[] = { 1, 3, 0, 2 };
	cr_assert_arr_eq(order, want, sizeof want);
}

Test(report_model_sites, more_freed_than_allocated_is_nothing_live)
{
	struct counters c = { .alloc_bytes = 1, .free_bytes = 2 };
	cr_assert_eq(counters_live_bytes(&c), 0);
}

Test(report_model_sites, absurd_counts_saturate)
{
	struct fact_delta d = { 1, UINT64_MAX, UINT64_MAX, 0, 0, 0, 0 };
	feed_interval(&r, 0, 1, &d, 1);
	feed_interval(&r, 1, 2, &d, 1);
	cr_assert_eq(sites_of(&r.sites, 1).alloc_bytes, UINT64_MAX);
}

Test(report_model_sites, unknown_site_is_corrupt)
{
	struct fact_delta d = { .site = 4 };
	struct fact_interval f = { .ndeltas = 1, .deltas = &d };
	struct fact_site_peak p = { .site = 0 };
	struct err err = ERR_INIT;
	cr_assert_eq(sites_interval(&r.sites, &f, &err), ERR_CORRUPT);
	cr_assert_eq(sites_peak(&r.sites, &p, &err), ERR_CORRUPT);
	cr_assert_eq(sites_of(&r.sites, 77).alloc_bytes, 0);
}

Test(report_model_sites, metric_names_parse_back)
{
	enum sites_metric m;
	for (int i = SITES_LIVE; i <= SITES_PEAK; i++) {
		cr_assert_eq(sites_metric_parse(sites_metric_name((enum sites_metric)i), &m, NULL),
			     0);
		cr_assert_eq((int)m, i);
	}
	cr_assert_eq(sites_metric_parse("bogus", &m, NULL), ERR_USAGE);
}
