/* SPDX-License-Identifier: MIT */
/*
 * Typed arrays: growth, overflow, failure.
 */
#include "base/vec.h"

#include <criterion/criterion.h>
#include <stdint.h>

#include "tests/support/fail_alloc.h"

TestSuite(base_vec, .timeout = 10);

struct pair {
	uint32_t a;
	uint64_t b;
};

static int by_falling_a(const void *x, const void *y)
{
	const struct pair *p = x, *q = y;

	return (p->a < q->a) - (p->a > q->a);
}

Test(base_vec, pushed_elements_are_there_in_order)
{
	struct VEC(struct pair) v = VEC_INIT;

	for (uint32_t i = 0; i < 1000; i++)
		cr_assert_eq(vec_push(&v, (struct pair){ .a = i, .b = i * 2 }), 0);
	cr_assert_eq(v.len, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		cr_assert(v.at[i].a == i && v.at[i].b == i * 2);
	cr_assert_eq(vec_last(&v)->a, 999);
	vec_deinit(&v);
	cr_assert(!v.at && !v.len && !v.cap);
}

Test(base_vec, added_element_is_zeroed)
{
	struct VEC(struct pair) v = VEC_INIT;
	struct pair *p;

	cr_assert_eq(vec_push(&v, (struct pair){ 7, 7 }), 0);
	vec_clear(&v);
	p = vec_add(&v);
	cr_assert(p && p->a == 0 && p->b == 0);
	vec_deinit(&v);
}

Test(base_vec, sorting_an_empty_one_is_allowed)
{
	struct VEC(struct pair) v = VEC_INIT;

	vec_sort(&v, by_falling_a);
	for (uint32_t i = 0; i < 10; i++)
		cr_assert_eq(vec_push(&v, (struct pair){ .a = i }), 0);
	vec_sort(&v, by_falling_a);
	cr_assert_eq(v.at[0].a, 9);
	vec_deinit(&v);
}

Test(base_vec, absurd_size_is_refused_and_nothing_changes)
{
	struct VEC(struct pair) v = VEC_INIT;

	cr_assert_eq(vec_push(&v, (struct pair){ 1, 2 }), 0);
	cr_assert_eq(vec_reserve(&v, SIZE_MAX), ERR_NOMEM);
	cr_assert_eq(vec_reserve(&v, SIZE_MAX / 2), ERR_NOMEM);
	cr_assert_eq(vec_reserve(&v, SIZE_MAX / sizeof(struct pair)), ERR_NOMEM);
	cr_assert(v.len == 1 && v.at[0].b == 2);
	vec_deinit(&v);
}

Test(base_vec, failed_growth_keeps_the_content)
{
	FAIL_ALLOC_EACH {
		struct VEC(struct pair) v = VEC_INIT;
		uint32_t pushed = 0;

		for (uint32_t i = 0; i < 100; i++) {
			if (vec_push(&v, (struct pair){ .a = pushed }) == 0)
				pushed++;
		}
		cr_assert_eq(v.len, pushed);
		cr_assert_eq(pushed, fail_alloc_hit() ? 99 : 100);
		for (uint32_t i = 0; i < pushed; i++)
			cr_assert_eq(v.at[i].a, i);
		vec_deinit(&v);
	}
}
