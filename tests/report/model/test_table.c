/* SPDX-License-Identifier: MIT */
#include "report/model/table.h"

#include <criterion/criterion.h>

static const struct table_column columns[] = { { "n", "N", TABLE_COUNT },
					       { "s", "S", TABLE_NAME } };

static struct table make(void)
{
	static const char *const names[] = { "c", "a", "b", "a" };
	struct table t;
	cr_assert_eq(table_init(&t, columns, 2, NULL), 0);
	for (uint64_t i = 0; i < 4; i++) {
		struct table_cell *row = table_row(&t);
		cr_assert(row);
		row[0].count = i;
		row[1].text = names[i];
	}
	return t;
}

Test(report_model_table, sorting_by_name_keeps_equal_rows_in_order)
{
	struct table t = make();
	cr_assert_eq(table_sort(&t, 1, false, NULL), 0);
	const uint64_t want[] = { 1, 3, 2, 0 };
	for (size_t i = 0; i < 4; i++)
		cr_assert_eq(t.rows.at[i][0].count, want[i]);
	table_deinit(&t);
}

Test(report_model_table, falling_order_and_top)
{
	struct table t = make();
	cr_assert_eq(table_sort(&t, 0, true, NULL), 0);
	cr_assert_eq(t.rows.at[0][0].count, 3);
	cr_assert_eq(table_top(&t, 1), 3);
	cr_assert_eq(t.rows.len, 1);
	cr_assert_eq(table_top(&t, 5), 0);
	table_deinit(&t);
}
