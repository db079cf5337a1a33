/* SPDX-License-Identifier: MIT */
/* Order of the facts about one graph. */
#include "tracer/heap/graph_inside.h"
#include "tracer/heap/graph_rows.h"

static int push_refcounts(struct heap_graph *g, const struct fact_sink *sink, struct err *err)
{
	int r = 0;

	for (size_t i = 0; sink->heap_refcount && i < g->audit.len && r == 0; i++)
		r = sink->heap_refcount(sink->ctx, &g->audit.at[i], err);
	return r;
}

int graph_push(struct heap_graph *g, const struct fact_sink *sink, struct err *err)
{
	int r = sink->heap_graph ? sink->heap_graph(sink->ctx, &g->sum, err) : 0;

	if (r < 0 || !g->retained)
		return r;
	r = graph_push_holders(g, sink, err);
	if (r == 0)
		r = graph_push_paths(g, sink, err);
	if (r == 0)
		r = push_refcounts(g, sink, err);
	if (r == 0)
		r = graph_push_modules(g, sink, err);
	if (r == 0 && g->sum.stored)
		r = graph_push_edges(g, sink, err);
	return r;
}
