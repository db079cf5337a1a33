/* SPDX-License-Identifier: MIT */
/* What the parts of the graph's making share; nobody else includes it. */
#ifndef PYMEMPROF_TRACER_HEAP_GRAPH_INSIDE_H
#define PYMEMPROF_TRACER_HEAP_GRAPH_INSIDE_H

#include "tracer/heap/graph.h"
#include "tracer/heap/heap.h"

/* Account for an allocation of the tool: false when the memory allowed is used up. */
bool graph_allow(struct heap_graph *g, uint64_t bytes);

/* Is an edge to it kept? Not to what lies in a file and refers to nothing: None, small strings. */
bool graph_kept(const struct heap_graph *g, uint32_t to);

/* A new root below `parent`; strings are copied. Its index, 0 when out of memory. */
uint32_t graph_root_add(struct heap_graph *g, enum fact_root kind, uint32_t parent, uint64_t addr,
			const char *name, const char *where);

/* An edge from a root; counts as a reference found. */
void graph_root_edge(struct heap_graph *g, uint32_t root, uint32_t to);

/* The same when its reference count says that somebody besides those known holds it. */
void graph_root_edge_if_held(struct heap_graph *g, uint32_t root, uint32_t to);

/* Modules first: before edges are made. Then, after them, threads, frames, states, static objects. */
int graph_roots_modules(struct heap_graph *g, struct err *err) MUST_CHECK;
int graph_roots_known(struct heap_graph *g, struct err *err) MUST_CHECK;

/* What reference counts say beyond that: C data, and what nothing explains. Fills the audit. */
int graph_audit(struct heap_graph *g, struct err *err) MUST_CHECK;

/* Is the dict at this vertex the interpreter's table of interned strings? It holds nothing. */
bool graph_interned(struct heap_graph *g, uint64_t addr);

#endif
