/* SPDX-License-Identifier: MIT */
/*
 * What is said of a graph: rows of the grouped dominator tree, retained bytes by type, reference
 * counts, modules, shortest paths. Every function costs at most one pass over the objects.
 */
#ifndef PYMEMPROF_TRACER_HEAP_GRAPH_ROWS_H
#define PYMEMPROF_TRACER_HEAP_GRAPH_ROWS_H

#include "tracer/heap/graph.h"

/*
 * All facts of graph_facts.h but names and edges, in order; of a skipped graph only the first.
 * retained_bytes of the heap's types are set by graph_types, before the type rows are pushed.
 * Errors: NOMEM, and the sink's.
 */
int graph_push(struct heap_graph *g, const struct fact_sink *sink, struct err *err) MUST_CHECK;

/* Retained bytes of all objects of each type together, into the walk's types. Errors: NOMEM. */
int graph_types(struct heap_graph *g, struct err *err) MUST_CHECK;

/* The parts of graph_push. */
int graph_push_holders(struct heap_graph *g, const struct fact_sink *sink, struct err *err) MUST_CHECK;
int graph_push_modules(struct heap_graph *g, const struct fact_sink *sink, struct err *err) MUST_CHECK;
int graph_push_paths(struct heap_graph *g, const struct fact_sink *sink, struct err *err) MUST_CHECK;

/* Names and edges, for whoever asks for paths later. Errors: NOMEM, GONE, and the sink's. */
int graph_push_edges(struct heap_graph *g, const struct fact_sink *sink, struct err *err) MUST_CHECK;

/*
 * First children and next siblings of the dominator tree, by rank, ascending; 0: none. g->child and
 * g->next, until graph_tree_drop. Errors: NOMEM.
 */
int graph_tree(struct heap_graph *g, struct err *err) MUST_CHECK;
void graph_tree_drop(struct heap_graph *g);

#endif
