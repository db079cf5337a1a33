/* SPDX-License-Identifier: MIT */
#include "report/model/spell.h"

#include <criterion/criterion.h>

static struct spell s;

Test(report_model_spell, bytes_change_their_unit_where_columns_do)
{
	cr_assert_str_eq(spell_bytes(&s, 0), "0 B");
	cr_assert_str_eq(spell_bytes(&s, 999), "999 B");
	cr_assert_str_eq(spell_bytes(&s, 1024), "1.0 KiB");
	cr_assert_str_eq(spell_bytes(&s, 998 * 1024.0), "998 KiB");
	cr_assert_str_eq(spell_bytes(&s, 1005 * 1024.0), "1.0 MiB");
	cr_assert_str_eq(spell_bytes(&s, 10 * 1048576.0), "10 MiB");
}

Test(report_model_spell, counts_are_grouped)
{
	cr_assert_str_eq(spell_count(&s, 999), "999");
	cr_assert_str_eq(spell_count(&s, 1067), "1,067");
	cr_assert_str_eq(spell_count(&s, UINT64_MAX), "18,446,744,073,709,551,615");
}
