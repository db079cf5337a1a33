/* SPDX-License-Identifier: MIT */
/*
 * Ticks to nanoseconds: rate, monotony, absurd values.
 */
#include "tracer/stream/clock.h"

#include <criterion/criterion.h>

TestSuite(tracer_stream_clock, .timeout = 10);

Test(tracer_stream_clock, rate_comes_from_the_two_outermost_samples)
{
	struct clock c;

	clock_start_at(&c, 1000, 500, 2.0);
	cr_assert_eq(clock_since_start(&c, 500), 0);
	cr_assert_eq(clock_since_start(&c, 600), 200);
	clock_update_at(&c, 1000 + 10000000, 500 + 2500000);
	cr_assert_float_eq(c.ns_per_tick, 4.0, 1e-9);
	cr_assert_eq(clock_since_start(&c, 500 + 1000000), 4000000);
}

Test(tracer_stream_clock, time_never_runs_backwards_nor_far_ahead)
{
	struct clock c;

	clock_start_at(&c, 0, 1000, 1.0);
	cr_assert_eq(clock_since_start(&c, 5000), 4000);
	cr_assert_eq(clock_since_start(&c, 3000), 4000);
	cr_assert_eq(clock_since_start(&c, 0), 4000);
	cr_assert_leq(clock_since_start(&c, UINT64_MAX), 1000000000);
}

Test(tracer_stream_clock, a_real_clock_agrees_with_the_kernel)
{
	struct clock c;

	clock_start(&c);
	uint64_t until = clock_monotonic_ns() + 20000000;
	while (clock_monotonic_ns() < until)
		;
	clock_update(&c);
	uint64_t by_ticks = clock_since_start(&c, clock_ticks()), now = clock_now(&c);
	cr_assert_leq(by_ticks, now + 1000000);
	cr_assert_geq(by_ticks + 1000000, now);
}
