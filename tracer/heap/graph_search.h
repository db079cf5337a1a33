/* SPDX-License-Identifier: MIT */
/*
 * Shortest ways from the roots to every object of a graph: named roots (modules, frames,
 * threads) are preferred to interpreters' state, that to static objects, those to C data, that to what C code alone
 * holds, and that to garbage, however long the way; of ways from named roots one through a limited container (bound.h)
 * is taken only where there is no other.
 */
#ifndef PYMEMPROF_TRACER_HEAP_GRAPH_SEARCH_H
#define PYMEMPROF_TRACER_HEAP_GRAPH_SEARCH_H

#include "base/buf.h"
#include "tracer/heap/edge_name.h"
#include "tracer/heap/graph.h"

#define GRAPH_WAY_MAX 64 /* steps of one way that are told; of longer ones the ends */

struct graph_search {
	uint32_t *parent;  /* by vertex; roots begin: their own parent */
	uint32_t *pattern; /* by vertex: equal when types and named beginnings of the ways are equal */
};

/* One step of a way. */
struct graph_step {
	uint32_t vertex;
	struct edge_name edge; /* from the step before */
	bool cut;	       /* steps before it are left out */
};

/* Errors: NOMEM. The caller calls graph_search_deinit. */
int graph_search_init(struct graph_search *s, struct heap_graph *g, struct err *err) MUST_CHECK;
void graph_search_deinit(struct graph_search *s); /* accepts zeroed */

/*
 * The way to a vertex, root first, with the names of its edges; closures and namespaces are told
 * the way Python does. Returns the number of steps put into ret, 0: not reached.
 */
size_t graph_way(struct heap_graph *g, const struct graph_search *s, uint32_t vertex,
		 struct graph_step ret[GRAPH_WAY_MAX]);

#endif
