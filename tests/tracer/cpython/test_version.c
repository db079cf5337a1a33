/* SPDX-License-Identifier: MIT */
/* Version numbers as text and in the places where old interpreters leave them. */
#include "tracer/cpython/version.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(tracer_cpython_version, .timeout = 10);

Test(tracer_cpython_version, number_becomes_text)
{
	char text[32];

	version_text(0x030c01f0, text);
	cr_assert_str_eq(text, "3.12.1");
	version_text(0x030f00c1, text);
	cr_assert_str_eq(text, "3.15.0rc1");
	version_text(0x030d00a4, text);
	cr_assert_str_eq(text, "3.13.0a4");
}

Test(tracer_cpython_version, text_becomes_number)
{
	uint32_t hex;

	cr_assert_eq(version_parse("3.8.18 (default", 15, &hex), 6);
	cr_assert_eq(hex, 0x030812f0);
	cr_assert_eq(version_parse("3.15.0rc1", 9, &hex), 9);
	cr_assert_eq(hex, 0x030f00c1);
	cr_assert_eq(version_parse("3.8", 3, &hex), 0);
	cr_assert_eq(version_parse("3.8.", 4, &hex), 0);
	cr_assert_eq(version_parse("3.x.1", 5, &hex), 0);
	cr_assert_eq(version_parse("3.999.1", 7, &hex), 0);
	cr_assert_eq(version_parse("", 0, &hex), 0);
}

Test(tracer_cpython_version, buffer_of_py_getversion_is_found)
{
	static const char data[] = "\0junk 3.1.2\0\0" "3.8.18 (default, May  9 2026) \n[GCC 12.2.0]\0";
	uint32_t hex = 0;

	cr_assert(version_scan(data, sizeof(data), false, -1, &hex));
	cr_assert_eq(hex, 0x030812f0);
}

Test(tracer_cpython_version, end_of_a_merged_string_is_found_for_one_minor_version)
{
	static const char data[] = "\0" "3.3.0\0/opt/python/3.9.18\0" "13.9.7\0x3.9.5/\0";
	uint32_t hex = 0;

	cr_assert(version_scan(data, sizeof(data), true, 9, &hex));
	cr_assert_eq(hex, 0x030912f0);
}

Test(tracer_cpython_version, contradicting_hits_are_no_answer)
{
	static const char data[] = "\0" "3.9.18\0/tmp/3.9.17\0";
	uint32_t hex = 0;

	cr_assert_not(version_scan(data, sizeof(data), true, 9, &hex));
}

Test(tracer_cpython_version, nothing_is_found_in_nothing)
{
	uint32_t hex = 0;

	cr_assert(version_scan("", 0, false, -1, &hex));
	cr_assert(version_scan("3.", 2, true, 9, &hex));
	cr_assert_eq(hex, 0);
}
