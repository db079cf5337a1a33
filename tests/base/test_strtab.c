/* SPDX-License-Identifier: MIT */
/*
 * Interned strings: equal bytes, equal ids.
 */
#include "base/strtab.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fail_alloc.h"

TestSuite(base_strtab, .timeout = 10);

Test(base_strtab, id_zero_is_the_empty_string)
{
	struct strtab *t = NULL;
	uint32_t id = 9;

	cr_assert_eq(strtab_new(&t, NULL), 0);
	cr_assert_eq(strtab_count(t), 1);
	cr_assert_str_eq(strtab_get(t, 0, NULL), "");
	cr_assert_eq(strtab_add_str(t, "", &id, NULL), 0);
	cr_assert_eq(id, 0);
	strtab_free(t);
}

Test(base_strtab, equal_bytes_get_equal_ids)
{
	struct strtab *t = NULL;
	uint32_t id;
	char s[32];

	cr_assert_eq(strtab_new(&t, NULL), 0);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 1; i < 5000; i++) {
			snprintf(s, sizeof(s), "name%u", i);
			cr_assert_eq(strtab_add_str(t, s, &id, NULL), 0);
			cr_assert_eq(id, i);
		}
	}
	for (uint32_t i = 1; i < 5000; i++) {
		size_t len;

		snprintf(s, sizeof(s), "name%u", i);
		cr_assert_str_eq(strtab_get(t, i, &len), s);
		cr_assert_eq(len, strlen(s));
		cr_assert_eq(strtab_find(t, s, len), i);
	}
	cr_assert_eq(strtab_count(t), 5000);
	cr_assert_eq(strtab_find(t, "absent", 6), STRTAB_NONE);
	cr_assert_gt(strtab_bytes(t), 5000 * 4);
	strtab_free(t);
}

Test(base_strtab, bytes_after_a_nul_count)
{
	struct strtab *t = NULL;
	uint32_t a, b, c;
	size_t len;

	cr_assert_eq(strtab_new(&t, NULL), 0);
	cr_assert_eq(strtab_add(t, "x\0a", 3, &a, NULL), 0);
	cr_assert_eq(strtab_add(t, "x\0b", 3, &b, NULL), 0);
	cr_assert_eq(strtab_add(t, "x\0b\0", 4, &c, NULL), 0);
	cr_assert(a != b && b != c && a != c);
	cr_assert_eq(memcmp(strtab_get(t, c, &len), "x\0b\0", 5), 0);
	cr_assert_eq(len, 4);
	strtab_free(t);
}

Test(base_strtab, unknown_id_reads_as_empty)
{
	struct strtab *t = NULL;

	cr_assert_eq(strtab_new(&t, NULL), 0);
	cr_assert_str_eq(strtab_get(t, 77, NULL), "");
	cr_assert_str_eq(strtab_get(t, STRTAB_NONE, NULL), "");
	strtab_free(t);
	strtab_free(NULL);
}

Test(base_strtab, failed_add_leaves_the_table_whole)
{
	FAIL_ALLOC_EACH {
		struct strtab *t = NULL;
		struct err err = ERR_INIT;

		if (strtab_new(&t, &err) < 0) {
			cr_assert(fail_alloc_hit());
			cr_assert_eq(err.code, ERR_NOMEM);
			continue;
		}
		for (uint32_t i = 0; i < 300; i++) {
			char s[100];
			uint32_t id;

			snprintf(s, sizeof(s), "%080u", i);
			if (strtab_add_str(t, s, &id, &err) < 0)
				cr_assert_eq(strtab_find(t, s, strlen(s)), STRTAB_NONE);
			else
				cr_assert_str_eq(strtab_get(t, id, NULL), s);
		}
		cr_assert_eq(strtab_count(t), fail_alloc_hit() ? 300 : 301);
		strtab_free(t);
	}
}
