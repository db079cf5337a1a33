/* SPDX-License-Identifier: MIT */
/* Shortest ways: right lengths, real edges, nothing for what cannot be reached. */
#include "base/digraph.h"

#include <criterion/criterion.h>

TestSuite(base_digraph, .timeout = 10);

static const uint32_t first[] = { 0, 2, 3, 4, 5, 5, 6 };
static const uint32_t to[] = { 1, 2, 3, 3, 4, 4 }; /* 0→1 0→2 1→3 2→3 3→4 5→4 */
static const struct digraph g = { 6, first, to };

Test(base_digraph, parents_are_one_step_nearer_to_the_beginning)
{
	struct digraph_search s;

	cr_assert_eq(digraph_search_init(&s, &g, NULL), 0);
	digraph_search_begin(&s, 0, 0);
	digraph_search_run(&s, &g);
	cr_assert_eq(s.reached, 5);
	for (uint32_t i = 0; i < 5; i++)
		cr_expect_eq(s.order[i], i, "by distance");
	cr_expect_eq(s.parent[0], 0);
	cr_expect_eq(s.parent[1], 0);
	cr_expect_eq(s.parent[2], 0);
	cr_expect_eq(s.parent[3], 1, "the first of two equally short ways");
	cr_expect_eq(s.parent[4], 3);
	cr_expect_eq(s.parent[5], DIGRAPH_NONE);
	digraph_search_deinit(&s);
}

Test(base_digraph, a_later_beginning_changes_nothing_of_an_earlier_one)
{
	struct digraph_search s;

	cr_assert_eq(digraph_search_init(&s, &g, NULL), 0);
	digraph_search_begin(&s, 3, 3);
	digraph_search_run(&s, &g);
	digraph_search_begin(&s, 5, 5);
	digraph_search_begin(&s, 4, 5);
	digraph_search_run(&s, &g);
	cr_expect_eq(s.parent[4], 3);
	cr_expect_eq(s.parent[5], 5);
	cr_expect_eq(s.parent[0], DIGRAPH_NONE);
	cr_expect_eq(s.reached, 3);
	digraph_search_deinit(&s);
}
