/* SPDX-License-Identifier: MIT */
#include "report/view/units.h"

#include <criterion/criterion.h>

static struct units u;

Test(report_view_units, bytes_are_powers_of_1024)
{
	cr_assert_str_eq(units_bytes(&u, 0), "0 B");
	cr_assert_str_eq(units_bytes(&u, 1023), "1023 B");
	cr_assert_str_eq(units_bytes(&u, 1024), "1.0 KiB");
	cr_assert_str_eq(units_bytes(&u, 10188), "9.9 KiB");
	cr_assert_str_eq(units_bytes(&u, 10240), "10 KiB");
	cr_assert_str_eq(units_bytes(&u, 1022000), "998 KiB");
	cr_assert_str_eq(units_bytes(&u, 1048575), "1.0 MiB");
	cr_assert_str_eq(units_bytes(&u, UINT64_C(536870912)), "512 MiB");
	cr_assert_str_eq(units_bytes(&u, UINT64_MAX), "16 EiB");
}

Test(report_view_units, rates_have_a_sign)
{
	cr_assert_str_eq(units_rate(&u, 0.2), "0 B/s");
	cr_assert_str_eq(units_rate(&u, 335544.3), "+328 KiB/s");
	cr_assert_str_eq(units_rate(&u, -12), "-12 B/s");
	cr_assert_str_eq(units_delta(&u, -2048), "-2.0 KiB");
	cr_assert_str_eq(units_rate(&u, 1e300), "+8.7 EiB/s");
}

Test(report_view_units, counts_are_grouped)
{
	cr_assert_str_eq(units_count(&u, 7), "7");
	cr_assert_str_eq(units_count(&u, 1000), "1,000");
	cr_assert_str_eq(units_count(&u, 41200), "41,200");
	cr_assert_str_eq(units_count(&u, UINT64_MAX), "18,446,744,073,709,551,615");
}

Test(report_view_units, short_counts_fit_nine_columns)
{
	cr_assert_str_eq(units_count_short(&u, 9999999), "9,999,999");
	cr_assert_str_eq(units_count_short(&u, 50600000), "50.6 M");
	cr_assert_str_eq(units_count_short(&u, UINT64_MAX), "18.4 E");
}

Test(report_view_units, durations_choose_their_unit)
{
	cr_assert_str_eq(units_duration(&u, 999), "999 ns");
	cr_assert_str_eq(units_duration(&u, 17000), "17 us");
	cr_assert_str_eq(units_duration(&u, 412000), "412 us");
	cr_assert_str_eq(units_duration(&u, 2000000), "2.0 ms");
	cr_assert_str_eq(units_duration(&u, UINT64_C(9300000000)), "9.3 s");
	cr_assert_str_eq(units_duration(&u, UINT64_C(118000000000)), "118 s");
	cr_assert_str_eq(units_duration(&u, UINT64_C(1200000000000)), "20 min");
	cr_assert_str_eq(units_duration(&u, UINT64_C(86400000000000)), "24.0 h");
}

Test(report_view_units, percentages_never_round_something_to_nothing)
{
	cr_assert_str_eq(units_percent(&u, 0, 10), "0");
	cr_assert_str_eq(units_percent(&u, 1, 100000), "<0.1");
	cr_assert_str_eq(units_percent(&u, 1, 3), "33");
	cr_assert_str_eq(units_percent(&u, 5, 100), "5.0");
	cr_assert_str_eq(units_percent(&u, 5, 0), "-");
}
