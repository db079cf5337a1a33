/* SPDX-License-Identifier: MIT */
/* Shortest ways: right lengths, real edges, nothing for what cannot be reached. */
#include "base/digraph.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(base_digraph, .timeout = 10);

static const uint32_t first[] = { 0, 2, 3, 4, 5, 5, 6 };
static const uint32_t to[] = { 1, 2, 3, 3, 4, 4 }; /* 0→1 0→2 1→3 2→3 3→4 5→4 */
static const struct digraph g = { 6, first, to };

Test(base_digraph, parents_are_one_step_nearer_to_the_root)
{
	uint32_t *parent;

	cr_assert_eq(digraph_shortest(&g, 0, &parent, NULL), 0);
	cr_expect_eq(parent[0], DIGRAPH_NONE);
	cr_expect_eq(parent[1], 0);
	cr_expect_eq(parent[2], 0);
	cr_expect_eq(parent[3], 1, "the first of two equally short ways");
	cr_expect_eq(parent[4], 3);
	cr_expect_eq(parent[5], DIGRAPH_NONE);
	free(parent);
}

Test(base_digraph, order_is_by_distance)
{
	uint32_t *order, reached;

	cr_assert_eq(digraph_breadth(&g, 0, NULL, &order, &reached, NULL), 0);
	cr_assert_eq(reached, 5);
	for (uint32_t i = 0; i < 5; i++)
		cr_expect_eq(order[i], i);
	free(order);
}

Test(base_digraph, nothing_is_reached_from_a_root_that_is_not_there)
{
	uint32_t *parent;

	cr_assert_eq(digraph_shortest(&g, 9, &parent, NULL), 0);
	for (uint32_t i = 0; i < 6; i++)
		cr_expect_eq(parent[i], DIGRAPH_NONE);
	free(parent);
}
