/* SPDX-License-Identifier: MIT */
#include "base/pace.h"

#include <criterion/criterion.h>

TestSuite(base_pace, .timeout = 10);

Test(base_pace, what_was_waited_is_taken_out)
{
	struct pace_span s[3] = { { 100, 0 }, { 100, 60 }, { 100, 100 } };
	double own[3];

	pace_own(s, 3, own);
	cr_expect_float_eq(own[0], 100, 0);
	cr_expect_float_eq(own[1], 40, 0);
	cr_expect_float_eq(own[2], 0, 0);
}

Test(base_pace, a_wait_longer_than_its_span_began_before)
{
	struct pace_span s[3] = { { 100, 0 }, { 100, 10 }, { 100, 250 } };
	double own[3];

	pace_own(s, 3, own);
	cr_expect_float_eq(own[2], 0, 0);
	cr_expect_float_eq(own[1], 0, 0);
	cr_expect_float_eq(own[0], 40, 0);
}

Test(base_pace, half_of_the_own_time_is_within_a_span)
{
	struct pace_span s[3] = { { 100, 80 }, { 100, 80 }, { 100, 0 } };
	double own[3];

	pace_own(s, 3, own);
	cr_expect_eq(pace_half(s, own, 3), 230);
	s[2].waited_ns = UINT64_MAX;
	pace_own(s, 3, own);
	cr_expect_eq(pace_half(s, own, 3), 150, "nothing is left: the clock's half");
	cr_expect_eq(pace_half(s, own, 0), 0);
}
