/* SPDX-License-Identifier: MIT */
/* Curves with a known answer: what must be named, and what must not be accused. */
#include "report/model/growth.h"

#include <math.h>

#include "feed.h"

#define N 120

static struct recording r;

static void setup(void)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	feed_site(&r, 1, 1, "put app/cache.py:88 < serve worker.py:77");
}

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_model_growth, .init = setup, .fini = teardown);

static unsigned seed = 7;

static double noise(void)
{
	seed = seed * 1103515245u + 12345u;
	return (double)(seed >> 8 & 0xffff) / 65536.0;
}

static enum growth_class class_of(const double *series, size_t n)
{
	feed_series(&r, 1, series, n);
	return growth_judge(&r.growth, 0).class;
}

#define EXPECT(series, n, want)                                                                    \
	do {                                                                                       \
		enum growth_class got = class_of(series, n);                                       \
		cr_assert_eq(got, want, "judged %s, expected %s", growth_class_name(got),          \
			     growth_class_name(want));                                             \
	} while (0)

Test(report_model_growth, steady_growth_is_a_leak_with_high_confidence)
{
	double y[N];
	for (int i = 0; i < N; i++)
		y[i] = 4096.0 * (i + 1);
	EXPECT(y, N, GROWTH_LEAKING);
	struct growth_verdict v = growth_judge(&r.growth, 0);
	cr_assert_eq(v.confidence, GROWTH_HIGH);
	cr_assert_eq(v.samples, N);
	cr_assert_eq(v.grew, N);
	cr_assert_eq(v.fell, 0);
	cr_assert_float_eq(v.slope_bytes_per_s, 4096, 1);
	cr_assert_gt(v.r2, 0.999);
	cr_assert_eq(v.live_bytes, 4096 * N);
	char words[GROWTH_REASON_MAX];
	cr_assert(strstr(growth_reason(&v, words), "grew in 120 of 120 samples, never fell"), "%s",
		  words);
}

Test(report_model_growth, growth_in_irregular_bursts_is_a_leak)
{
	double y[N], live = 0;
	for (int i = 0; i < N; i++)
		y[i] = live += noise() < 0.3 ? 20000 * noise() : 0;
	EXPECT(y, N, GROWTH_LEAKING);
}

Test(report_model_growth, one_batch_every_fifteen_seconds_is_a_leak)
{
	double y[N];
	for (int i = 0; i < N; i++)
		y[i] = 100000.0 * (i / 15 + 1);
	EXPECT(y, N, GROWTH_LEAKING);
}

Test(report_model_growth, leak_under_a_saw_tooth_is_a_leak)
{
	double y[N];
	for (int i = 0; i < N; i++)
		y[i] = 10000.0 * (i + 1) + 300000.0 * (i % 6) / 6;
	EXPECT(y, N, GROWTH_LEAKING);
}

Test(report_model_growth, leak_after_a_large_start_up_is_a_leak)
{
	double y[N];
	for (int i = 0; i < N; i++)
		y[i] = 5e6 + 60000.0 * i;
	EXPECT(y, N, GROWTH_LEAKING);
}

Test(report_model_growth, leak_over_a_pause_of_the_whole_program_is_a_leak)
{
	double live = 0;
	for (int i = 0; i < 200; i++) {
		struct fact_delta d = { .site = 1, .alloc_blocks = 1000, .alloc_bytes = 16000 };
		live += 16000;
		feed_interval(&r, i, i + 1, &d, i < 60 || i >= 180 ? 1 : 0);
	}
	cr_assert_eq(growth_judge(&r.growth, 0).class, GROWTH_LEAKING);
}

Test(report_model_growth, cache_that_filled_and_went_flat_is_stable)
{
	for (int filled = 12; filled <= 110; filled += 7) {
		double y[N];
		for (int i = 0; i < N; i++)
			y[i] = 50000.0 * (i < filled ? i + 1 : filled);
		teardown();
		setup();
		enum growth_class got = class_of(y, N);
		cr_assert_eq(got, GROWTH_STABLE, "filled at %d: %s", filled,
			     growth_class_name(got));
	}
}

Test(report_model_growth, full_cache_that_replaces_its_entries_is_not_accused)
{
	for (int filled = 12; filled <= 84; filled += 9) {
		for (int jitter = 1; jitter <= 20; jitter += 6) {
			double y[N], full = 50000.0 * filled;
			for (int i = 0; i < N; i++)
				y[i] = i < filled ? 50000.0 * (i + 1) :
						    full * (1 - jitter / 100.0 * noise());
			teardown();
			setup();
			enum growth_class got = class_of(y, N);
			cr_assert_neq(got, GROWTH_LEAKING, "filled at %d, jitter %d %%", filled,
				      jitter);
		}
	}
}

Test(report_model_growth, cache_of_random_keys_that_nears_its_limit_is_slowing_or_stable)
{
	for (int tau = 10; tau <= 40; tau += 10) {
		double y[N];
		for (int i = 0; i < N; i++)
			y[i] = 4e6 * (1 - exp(-(i + 1.0) / tau));
		teardown();
		setup();
		enum growth_class got = class_of(y, N);
		cr_assert(got == GROWTH_SLOWING || got == GROWTH_STABLE, "tau %d: %s", tau,
			  growth_class_name(got));
	}
}

Test(report_model_growth, what_comes_and_goes_is_a_saw_tooth)
{
	for (int period = 3; period <= 60; period += 5) {
		double y[N];
		for (int i = 0; i < N; i++)
			y[i] = 100000.0 * (i % period);
		teardown();
		setup();
		enum growth_class got = class_of(y, N);
		cr_assert(got == GROWTH_SAWTOOTH, "period %d: %s", period, growth_class_name(got));
	}
}

Test(report_model_growth, random_walk_of_a_queue_is_not_a_confident_leak)
{
	for (int run = 0; run < 50; run++) {
		double y[N];
		for (int i = 0; i < N; i++)
			y[i] = 200000 + 100000 * noise();
		teardown();
		setup();
		cr_assert_neq(class_of(y, N), GROWTH_LEAKING, "run %d", run);
	}
}

Test(report_model_growth, what_was_made_at_once_is_flat)
{
	double y[N];
	for (int i = 0; i < N; i++)
		y[i] = 1e6;
	EXPECT(y, N, GROWTH_FLAT);
}

Test(report_model_growth, three_samples_are_too_short_to_tell)
{
	double y[] = { 1000, 2000, 3000 };
	EXPECT(y, 3, GROWTH_SHORT);
}

Test(report_model_growth, growth_seen_twice_is_too_few_to_tell)
{
	double y[N];
	for (int i = 0; i < N; i++)
		y[i] = i < 60 ? 1e5 : i < 110 ? 2e5 : 3e5;
	EXPECT(y, N, GROWTH_SHORT);
}

Test(report_model_growth, nothing_live_at_the_end_is_never_a_leak)
{
	double y[N];
	for (int i = 0; i < N; i++)
		y[i] = i < N - 1 ? 1000.0 * i : 0;
	EXPECT(y, N, GROWTH_SAWTOOTH);
}

Test(report_model_growth, long_recordings_keep_their_verdict_and_their_counts)
{
	for (int i = 0; i < 5000; i++) {
		struct fact_delta d = { .site = 1, .alloc_blocks = 10, .alloc_bytes = 1000 };
		feed_interval(&r, i, i + 1, &d, 1);
	}
	struct growth_verdict v = growth_judge(&r.growth, 0);
	cr_assert_eq(v.class, GROWTH_LEAKING);
	cr_assert_eq(v.confidence, GROWTH_HIGH);
	cr_assert_eq(v.grew, 5000);
	cr_assert_eq(v.samples, 5000);
	cr_assert_float_eq(v.slope_bytes_per_s, 1000, 1);
	cr_assert_leq(r.growth.buckets.len, GROWTH_BUCKETS);
	cr_assert_leq(r.growth.series.at[0].len, GROWTH_BUCKETS);
}

Test(report_model_growth, replaced_blocks_lower_the_confidence)
{
	double y[N];
	for (int i = 0; i < N; i++)
		y[i] = 4096.0 * (i + 1);
	feed_series(&r, 1, y, N);
	feed_block(&r, 1, 115, 16);
	struct growth_verdict v = growth_judge(&r.growth, 0);
	cr_assert_eq(v.oldest_block_ns, UINT64_C(115000000000));
	cr_assert_lt(v.confidence, GROWTH_HIGH);
}

Test(report_model_growth, threads_of_one_stack_are_judged_together)
{
	feed_site(&r, 2, 2, "put app/cache.py:88 < serve worker.py:77");
	cr_assert_eq(r.stacks.stacks.len, 1);
	for (int i = 0; i < N; i++) {
		/* Made by one thread and freed by the other: alone, each would look like a trend. */
		struct fact_delta d[2] = {
			{ .site = 1, .alloc_blocks = 10, .alloc_bytes = 1000 },
			{ .site = 2, .free_blocks = 10, .free_bytes = i ? 1000 : 0 }
		};
		feed_interval(&r, i, i + 1, d, 2);
	}
	cr_assert_eq(growth_judge(&r.growth, 0).class, GROWTH_FLAT);
}

Test(report_model_growth, a_list_that_is_enlarged_is_called_one)
{
	for (int i = 0; i < N; i++) {
		uint64_t old = 8 * (uint64_t)(100 + 10 * i);
		struct fact_delta d = { 1, 1, old + 80, i > 0, i > 0 ? old : 0, 0, 0 };
		feed_interval(&r, i, i + 1, &d, 1);
	}
	struct growth_verdict v = growth_judge(&r.growth, 0);
	char words[GROWTH_REASON_MAX];
	cr_assert_eq(v.class, GROWTH_LEAKING);
	cr_assert_eq(v.live_blocks, 1);
	cr_assert(strstr(growth_reason(&v, words), "enlarged again and again"), "%s", words);
}

/*
 * The same program on a machine that lets it run for a part of each interval only: in own time, second k
 * of its life sees series(k).
 */
static struct growth_verdict when_starved(double (*series)(double k), size_t n, int way, bool told)
{
	double life = 0, live = 0, clock = 0, owed = 0;
	seed = 99 + (unsigned)way;
	teardown();
	setup();
	for (int guard = 0; life < (double)n && guard < 100000; guard++) {
		/*
		 * way 0: alone; 1: a twentieth or all of it, by turns of ten; 2: any part; 3: less and less;
		 * 4: nothing at all three times of four, in the second half
		 */
		double share = way == 0 ? 1 :
			       way == 1 ? (guard / 10 % 2 ? 0.05 : 1) :
			       way == 2 ? 0.02 + noise() * noise() :
			       way == 3 ? fmax(0.05, 1 - life / (double)n) :
			       life < (double)n / 2 ? 1 :
			       guard % 4 == 3 ? 0.5 :
						0;
		share = share > 1 ? 1 : share;
		struct fact_delta d = { .site = 1, .alloc_blocks = 20, .alloc_bytes = 320,
					.free_blocks = 20, .free_bytes = 320, .temp_blocks = 20,
					.temp_bytes = 320 };
		if (share == 0)
			d = (struct fact_delta){ .site = 1 };
		life = fmin(life + share, (double)n);
		int64_t change = (int64_t)(series(life) - live);
		live += (double)change;
		d.alloc_bytes += change > 0 ? (uint64_t)change : 0;
		d.free_bytes += change < 0 ? (uint64_t)-change : 0;
		owed += (1 - share) * 1e9;
		/* every third look finds it waiting: that is told when it runs again */
		bool late = (guard % 3 == 1 || share == 0) && life < (double)n;
		struct fact_interval f = { (uint64_t)(clock * 1e9), (uint64_t)(clock * 1e9 + 1e9), share > 0, &d,
					   told && !late ? (uint64_t)owed : 0 };
		owed = late ? owed : 0;
		clock += 1;
		cr_assert_eq(growth_interval(&r.growth, &f, NULL), 0);
	}
	return growth_judge(&r.growth, 0);
}

static double steady_series(double k)
{
	return 60000 * k;
}

static double filled_series(double k)
{
	return 60000 * fmin(k, 40);
}

static double filling_series(double k)
{
	return 4e6 * (1 - exp(-k / 30));
}

static double batch_series(double k)
{
	return 100000 * floor(k / 4);
}

Test(report_model_growth, a_busy_machine_changes_no_verdict)
{
	static const struct {
		const char *name;
		double (*series)(double k);
		enum growth_class want;
	} all[] = {
		{ "steady", steady_series, GROWTH_LEAKING },
		{ "filled", filled_series, GROWTH_STABLE },
		{ "filling", filling_series, GROWTH_SLOWING },
		{ "batches", batch_series, GROWTH_LEAKING },
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		for (int way = 0; way <= 4; way++) {
			struct growth_verdict v = when_starved(all[i].series, 100, way, true);
			cr_expect_eq(v.class, all[i].want, "%s, way %d: %s", all[i].name, way,
				     growth_class_name(v.class));
			if (v.class == GROWTH_LEAKING) {
				double rate = all[i].series(100) / ((double)v.end_ns / 1e9);
				cr_expect(v.slope_bytes_per_s > 0.85 * rate &&
						  v.slope_bytes_per_s < 1.15 * rate,
					  "%s, way %d: %.0f a second of the clock, not %.0f",
					  all[i].name, way, v.slope_bytes_per_s, rate);
				cr_expect_gt(v.r2, 0.9, "%s, way %d", all[i].name, way);
			}
		}
	}
	/* So it needs to be told: the steady one looks like a cache that fills. */
	cr_expect_neq(when_starved(steady_series, 100, 3, false).class, GROWTH_LEAKING);
}

Test(report_model_growth, intervals_of_unequal_length_are_no_steps)
{
	double live = 0, clock = 0;
	for (int i = 0; i < 60; i++) {
		/* the recorder was kept from looking, for up to nine seconds */
		double length = i % 7 == 3 ? 9 : i < 30 ? 1 : 3;
		struct fact_delta d = { .site = 1, .alloc_blocks = 50,
					.alloc_bytes = (uint64_t)(5000 * length) };
		live += 5000 * length;
		feed_interval(&r, clock, clock + length, &d, 1);
		clock += length;
	}
	struct growth_verdict v = growth_judge(&r.growth, 0);
	cr_expect_eq(v.class, GROWTH_LEAKING, "%s", growth_class_name(v.class));
	cr_expect_float_eq(v.slope_bytes_per_s, 5000, 1);
	cr_expect_gt(v.r2, 0.999);
}

Test(report_model_growth, unknown_sites_are_corrupt)
{
	struct fact_delta d = { .site = 99, .alloc_bytes = 1 };
	struct fact_interval f = { .to_ns = 1, .ndeltas = 1, .deltas = &d };
	cr_assert_eq(growth_interval(&r.growth, &f, NULL), ERR_CORRUPT);
}
