/* SPDX-License-Identifier: MIT */
/* Small heaps as graphs: who retains what, what only C code holds, what is garbage. */
#include "tracer/heap/graph.h"

#include <criterion/criterion.h>

#include "heap_image.h"
#include "tests/support/fail_alloc.h"
#include "tracer/heap/walk.h"

static struct heap *h;

static struct heap_graph *graph_of_image(struct heap_image *i, const struct graph_options *o)
{
	struct heap_graph *g = NULL;
	struct err err = ERR_INIT;

	heap_image_finish(i);
	cr_assert_eq(heap_image_walk(i, &h, &err), 0, "%s", err.text);
	cr_assert_eq(graph_new(h, o, &g, &err), 0, "%s", err.text);
	return g;
}

Test(tracer_heap_graph, a_list_retains_what_only_it_holds)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t a = heap_image_float(&i), b = heap_image_float(&i), items[] = { a, b };
		uint64_t list = heap_image_list(&i, items, 2, 2), other;

		other = heap_image_list(&i, &b, 1, 1);
		heap_image_refs(&i, b, 2);
		struct heap_graph *g = graph_of_image(&i, NULL);
		uint32_t v = graph_vertex(g, list), f = graph_vertex(g, a), shared = graph_vertex(g, b);

		cr_assert(v != DIGRAPH_NONE && f != DIGRAPH_NONE && shared != DIGRAPH_NONE);
		cr_expect_eq(graph_addr(g, v), list);
		cr_expect_gt(graph_retained(g, v), graph_retained(g, f));
		/* the one both hold is neither's */
		cr_expect_eq(graph_retained(g, v) - graph_retained(g, graph_vertex(g, other)),
			     graph_retained(g, f));
		/* both lists have a count nobody in the heap accounts for */
		cr_expect_geq(g->sum.excess, 2);
		cr_expect_geq(g->sum.exact, 2);
		graph_free(g);
		heap_free(h);
		heap_image_free(&i);
	}
}

Test(tracer_heap_graph, everything_hangs_on_a_root)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);

		for (int k = 0; k < 50; k++)
			(void)heap_image_float(&i);
		struct heap_graph *g = graph_of_image(&i, NULL);

		cr_expect_eq(g->dom.reached, g->n);
		cr_expect_eq(graph_root(g, graph_top(g))->kind, FACT_ROOT_ALL);
		cr_expect_null(graph_root(g, 0));
		graph_free(g);
		heap_free(h);
		heap_image_free(&i);
	}
}

Test(tracer_heap_graph, too_little_memory_is_a_reason_not_an_error)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);

		(void)heap_image_float(&i);
		struct heap_graph *g = graph_of_image(&i, &(struct graph_options){ .max_bytes = 8 });

		cr_expect_null(g->retained);
		cr_expect_neq(*g->sum.skipped, '\0');
		cr_expect_eq(graph_retained(g, 0), 0);
		graph_free(g);
		heap_free(h);
		heap_image_free(&i);
	}
}

/* Fails the n-th allocation, or it and all after it; false when there are fewer. */
static bool fails(struct heap_image *i, unsigned long n, bool for_good)
{
	struct heap_graph *g = NULL;
	struct err err = ERR_INIT;
	bool hit;
	int r;

	cr_assert_eq(heap_image_walk(i, &h, &err), 0, "%s", err.text);
	if (for_good)
		fail_alloc_from(n);
	else
		fail_alloc_at(n);
	r = graph_new(h, NULL, &g, &err);
	hit = fail_alloc_hit();
	fail_alloc_at(0);
	cr_expect(r == 0 || (r == ERR_NOMEM && hit), "allocation %lu: %d", n, r);
	graph_free(g);
	heap_free(h);
	return hit;
}

Test(tracer_heap_graph, every_allocation_may_fail)
{
	struct heap_image i = heap_image_new(py_sheets[0]);
	uint64_t a = heap_image_float(&i), b = heap_image_float(&i), items[] = { a, b };
	unsigned long n;

	(void)heap_image_list(&i, items, 2, 2);
	(void)heap_image_list(&i, &b, 1, 1);
	heap_image_refs(&i, a, 3);
	heap_image_finish(&i);
	for (n = 1; fails(&i, n, false) && n < 1000; n++)
		(void)fails(&i, n, true);
	cr_expect_gt(n, 10);
	cr_expect_lt(n, 1000);
	heap_image_free(&i);
}
