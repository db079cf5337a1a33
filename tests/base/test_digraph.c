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

/* 0→1→2→5, 0→3→4→5: a short way and a long one, and 2→6. */
static const uint32_t fork_first[] = { 0, 2, 3, 5, 6, 7, 7, 7 };
static const uint32_t fork_to[] = { 1, 3, 2, 5, 6, 4, 5 };
static const struct digraph forked = { 7, fork_first, fork_to };

Test(base_digraph, ways_through_what_is_put_off_are_taken_only_where_there_is_no_other)
{
	struct digraph_search s;

	cr_assert_eq(digraph_search_init(&s, &forked, NULL), 0);
	cr_assert_eq(digraph_search_put_off(&s, &forked, 2, NULL), 0);
	cr_assert_eq(digraph_search_put_off(&s, &forked, 2, NULL), 0, "twice is once");
	digraph_search_begin(&s, 0, 0);
	digraph_search_run(&s, &forked);
	cr_expect_eq(s.parent[2], 1, "it is reached");
	cr_expect_eq(s.parent[5], 4, "the long way");
	cr_expect_eq(s.parent[6], DIGRAPH_NONE, "not followed");
	cr_expect_eq(s.reached, 5);
	digraph_search_release(&s);
	digraph_search_run(&s, &forked);
	cr_expect_eq(s.parent[5], 4, "stays");
	cr_expect_eq(s.parent[6], 2);
	cr_expect_eq(s.reached, 7);
	digraph_search_deinit(&s);
}

Test(base_digraph, many_are_put_off_and_one_that_nothing_reaches)
{
	enum { N = 1000 };
	static uint32_t star_first[N + 2], star_to[N];
	const struct digraph star = { N + 1, star_first, star_to };
	struct digraph_search s;

	for (uint32_t i = 0; i < N; i++)
		star_to[i] = i + 1;
	for (uint32_t i = 1; i < N + 2; i++)
		star_first[i] = N - 1; /* the last is no neighbour */
	cr_assert_eq(digraph_search_init(&s, &star, NULL), 0);
	for (uint32_t i = 1; i <= N; i++)
		cr_assert_eq(digraph_search_put_off(&s, &star, i, NULL), 0);
	digraph_search_begin(&s, 0, 0);
	digraph_search_run(&s, &star);
	cr_expect_eq(s.reached, 1);
	digraph_search_release(&s);
	digraph_search_run(&s, &star);
	cr_expect_eq(s.reached, N);
	cr_expect_eq(s.parent[N], DIGRAPH_NONE);
	digraph_search_deinit(&s);
}
