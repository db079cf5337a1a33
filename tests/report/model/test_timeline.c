/* SPDX-License-Identifier: MIT */
#include "report/model/timeline.h"

#include "feed.h"

Test(report_model_timeline, intervals_and_ticks_meet_in_a_slice)
{
	struct timeline t;
	timeline_init(&t);
	struct fact_delta d = { 1, 3, 300, 1, 100, 0, 0 };
	struct fact_interval i = { .from_ns = 0, .to_ns = 10000000, .ndeltas = 1, .deltas = &d };
	struct fact_tick k = { .at_ns = 20000000, .rss_bytes = 4096, .live_bytes = 200 };
	cr_assert_eq(timeline_interval(&t, &i, NULL), 0);
	cr_assert_eq(timeline_tick(&t, &k, NULL), 0);
	cr_assert_eq(t.slices.len, 1);
	cr_assert_eq(t.slices.at[0].alloc_bytes, 300);
	cr_assert_eq(t.slices.at[0].live_bytes, 200);
	cr_assert_eq(t.slices.at[0].rss_bytes, 4096);
	cr_assert_eq(t.rss_first_bytes, 4096);
	timeline_deinit(&t);
}

Test(report_model_timeline, a_day_fits_and_sums_are_kept)
{
	struct timeline t;
	timeline_init(&t);
	struct fact_delta d = { 1, 1, 10, 0, 0, 0, 0 };
	const uint64_t n = 86400;
	for (uint64_t s = 0; s < n; s++) {
		struct fact_interval i = { .from_ns = s * 1000000000,
					   .to_ns = (s + 1) * 1000000000,
					   .ndeltas = 1,
					   .deltas = &d };
		cr_assert_eq(timeline_interval(&t, &i, NULL), 0);
	}
	cr_assert_leq(t.slices.len, TIMELINE_MAX);
	cr_assert_gt(t.slices.len, TIMELINE_MAX / 2 - 2);
	uint64_t sum = 0;
	for (size_t i = 0; i < t.slices.len; i++)
		sum += t.slices.at[i].alloc_bytes;
	cr_assert_eq(sum, n * 10);
	cr_assert_eq(vec_last(&t.slices)->live_bytes, n * 10);
	timeline_deinit(&t);
}

Test(report_model_timeline, curve_repeats_what_was_not_measured)
{
	struct timeline t;
	timeline_init(&t);
	struct fact_tick a = { .at_ns = 1, .rss_bytes = 100, .live_bytes = 1 };
	struct fact_tick b = { .at_ns = UINT64_C(1000000000), .rss_bytes = 0, .live_bytes = 2 };
	cr_assert_eq(timeline_tick(&t, &a, NULL), 0);
	cr_assert_eq(timeline_tick(&t, &b, NULL), 0);
	uint64_t y[4];
	cr_assert_eq(timeline_curve(&t, true, y, 4), 4);
	cr_assert_eq(y[3], 100);
	cr_assert_eq(timeline_curve(&t, false, y, 4), 4);
	cr_assert_eq(y[0], 1);
	cr_assert_eq(y[3], 2);
	timeline_deinit(&t);
}

Test(report_model_timeline, wild_times_cost_nothing)
{
	struct timeline t;
	timeline_init(&t);
	struct fact_tick k = { .at_ns = UINT64_MAX, .live_bytes = 2 };
	struct fact_tick back = { .at_ns = 5, .live_bytes = 1 };
	cr_assert_eq(timeline_tick(&t, &k, NULL), 0);
	cr_assert_eq(timeline_tick(&t, &back, NULL), 0);
	cr_assert_leq(t.slices.len, TIMELINE_MAX);
	timeline_deinit(&t);
}
