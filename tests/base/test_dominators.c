/* SPDX-License-Identifier: MIT */
/*
 * Dominators and sums against the definition: v dominates w when w cannot be reached with v
 * taken away. A thousand random graphs of many shapes, and a chain deep enough for any recursion.
 */
#include "base/dominators.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(base_dominators, .timeout = 60);

#define MOST 60

static uint64_t seed;

static uint32_t below(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

struct example {
	uint32_t n, first[MOST + 1], to[MOST * 8];
	uint32_t own[MOST];
};

/* Sparse, dense, tree-like and with edges back, as the number of the graph says. */
static void make(struct example *x, uint32_t number)
{
	uint32_t e = 0;

	seed = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
	x->n = 1 + below(MOST);
	for (uint32_t v = 0; v < x->n; v++) {
		uint32_t degree = number % 4 == 0 ? below(3) : number % 4 == 1 ? below(8) : below(4);

		x->first[v] = e;
		x->own[v] = below(1000);
		for (uint32_t k = 0; k < degree; k++) {
			uint32_t to = below(x->n);

			if (number % 4 == 2 && below(4) && v + 1 < x->n)
				to = v + 1 + below(x->n - v - 1 < 5 ? x->n - v - 1 : 5);
			x->to[e++] = to;
		}
	}
	x->first[x->n] = e;
}

static struct digraph graph_of(const struct example *x)
{
	return (struct digraph){ x->n, x->first, x->to };
}

/* What can be reached from vertex 0 without going through `without`. */
static void reach(const struct example *x, uint32_t without, bool *seen)
{
	uint32_t stack[MOST * 8 + 1], depth = 0;

	memset(seen, 0, x->n);
	if (without != 0)
		stack[depth++] = 0;
	while (depth) {
		uint32_t v = stack[--depth];

		if (seen[v])
			continue;
		seen[v] = true;
		for (uint32_t e = x->first[v]; e < x->first[v + 1]; e++)
			if (x->to[e] != without && !seen[x->to[e]] && depth < MOST * 8)
				stack[depth++] = x->to[e];
	}
}

static void check(const struct example *x, uint32_t number)
{
	struct digraph g = graph_of(x);
	bool seen[MOST], all[MOST], dominates[MOST][MOST] = { 0 };
	struct dominators d;
	uint64_t *sum;

	reach(x, DIGRAPH_NONE, all);
	for (uint32_t v = 0; v < x->n; v++) {
		reach(x, v, seen);
		for (uint32_t w = 0; w < x->n; w++)
			dominates[v][w] = all[v] && all[w] && (v == w || !seen[w]);
	}
	cr_assert_eq(dominators_find(&g, 0, &d, NULL), 0);
	cr_assert_eq(dominators_sum(&d, x->own, &sum, NULL), 0);
	for (uint32_t w = 0; w < x->n; w++) {
		uint32_t rank = d.rank[w], idom;
		uint64_t retained = 0;

		cr_assert_eq(rank != DIGRAPH_NONE, all[w], "graph %u vertex %u", number, w);
		if (!all[w])
			continue;
		idom = d.vertex[d.idom[rank]];
		cr_assert(dominates[idom][w], "graph %u: %u does not dominate %u", number, idom, w);
		/* the nearest one: everybody else who dominates w dominates it, too */
		for (uint32_t v = 0; v < x->n; v++) {
			if (v != w && dominates[v][w])
				cr_assert(dominates[v][idom], "graph %u: %u is nearer to %u",
					  number, v, w);
			retained += dominates[w][v] ? x->own[v] : 0;
		}
		cr_assert_eq(sum[rank], retained, "graph %u vertex %u", number, w);
	}
	free(sum);
	dominators_deinit(&d);
}

Test(base_dominators, equal_the_definition_on_a_thousand_random_graphs)
{
	static struct example x;

	for (uint32_t number = 0; number < 1000; number++) {
		make(&x, number);
		check(&x, number);
	}
}

static void chain(uint32_t n, bool back, uint32_t *first, uint32_t *to)
{
	uint32_t e = 0;

	for (uint32_t v = 0; v < n; v++) {
		first[v] = e;
		if (v + 1 < n)
			to[e++] = v + 1;
		if (back && v > 1)
			to[e++] = v - 1;
	}
	first[n] = e;
}

Test(base_dominators, a_million_links_in_a_row_need_no_stack)
{
	uint32_t n = 1000000, *first = malloc((n + 1) * sizeof *first);
	uint32_t *to = malloc(2 * n * sizeof *to), *own = malloc(n * sizeof *own);
	struct dominators d;
	uint64_t *sum;

	for (int back = 0; back < 2; back++) {
		struct digraph g = { n, first, to };

		chain(n, back, first, to);
		for (uint32_t v = 0; v < n; v++)
			own[v] = 1;
		cr_assert_eq(dominators_find(&g, 0, &d, NULL), 0);
		cr_assert_eq(dominators_sum(&d, own, &sum, NULL), 0);
		for (uint32_t v = 1; v < n; v++)
			cr_assert_eq(d.vertex[d.idom[d.rank[v]]], v - 1);
		for (uint32_t v = 0; v < n; v++)
			cr_assert_eq(sum[d.rank[v]], n - v);
		free(sum);
		dominators_deinit(&d);
	}
	free(first);
	free(to);
	free(own);
}

Test(base_dominators, memory_is_bounded_per_vertex)
{
	uint32_t first[] = { 0, 1, 2, 2 }, to[] = { 1, 2 };
	struct digraph g = { 3, first, to };
	struct dominators d;

	cr_assert_eq(dominators_find(&g, 0, &d, NULL), 0);
	cr_expect_leq(d.peak_bytes - d.reverse_bytes, 24 * 4);
	dominators_deinit(&d);
	cr_assert_eq(dominators_find(&g, 3, &d, NULL), ERR_USAGE);
}
