/* SPDX-License-Identifier: MIT */
/* Rows of tests: their places among the stacks, their order, their table. */
#include "report/model/cases.h"

#include "feed.h"

static struct recording r;

static void setup(void)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
}

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_model_cases, .init = setup, .fini = teardown);

static void feed_test(const char *id, uint64_t peak, uint64_t kept)
{
	struct fact_test f = { .id = id, .runs = 1, .peak_bytes = peak, .kept_bytes = kept };
	struct fact_sink s = recording_sink(&r);

	cr_assert_eq(s.test(s.ctx, &f, NULL), 0);
}

Test(report_model_cases, a_test_is_found_by_its_file_and_name)
{
	feed_site(&r, 1, 1, "inner /src/tests/test_a.py:7 < TestX.test_b "
			    "/src/tests/test_a.py:5 < call /lib/_pytest/python.py:3");
	feed_site(&r, 2, 1, "test_b /src/more/xtests/test_a.py:50");
	feed_test("tests/test_a.py::TestX::test_b[a::b]", 1, 0);
	feed_test("tests/test_a.py::gone", 1, 0);
	feed_test("test_a.py", 1, 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	const struct test_case *t = r.cases.rows.at;
	cr_expect_str_eq(t[0].function, "test_b");
	cr_expect_str_eq(t[0].file, "/src/tests/test_a.py");
	cr_expect_str_eq(t[1].function, "gone");
	cr_expect_str_eq(t[1].file, "tests/test_a.py");
	cr_expect_eq(t[1].line, 0);
	cr_expect_str_eq(t[2].file, "test_a.py");
}

Test(report_model_cases, rows_come_by_falling_figure_and_then_as_they_ran)
{
	struct table t;
	uint32_t *order;

	feed_test("a", 10, 0);
	feed_test("b", 30, 5);
	feed_test("c", 10, 9);
	cr_assert_eq(cases_sorted(&r.cases, CASES_KEPT, &order, NULL), 0);
	cr_expect(order[0] == 2 && order[1] == 1 && order[2] == 0);
	free(order);
	cr_assert_eq(cases_table(&r.cases, CASES_PEAK, 2, &t, NULL), 0);
	cr_assert_eq(t.rows.len, 2);
	cr_expect_str_eq(t.rows.at[0][0].text, "b");
	cr_expect_str_eq(t.rows.at[1][0].text, "a");
	cr_expect_eq(t.rows.at[0][2].count, 5);
	table_deinit(&t);
}
