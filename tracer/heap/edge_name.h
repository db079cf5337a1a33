/* SPDX-License-Identifier: MIT */
/*
 * What a reference is called: attribute, dict key when it is a name, index, closure variable,
 * local variable, field of a C struct. Computed when asked for, by reading the object once more;
 * values of strings that are no identifiers are never told.
 */
#ifndef PYMEMPROF_TRACER_HEAP_EDGE_NAME_H
#define PYMEMPROF_TRACER_HEAP_EDGE_NAME_H

#include "tracer/heap/graph.h"
#include "tracer/heap/refs.h"

#define EDGE_NAME_BYTES 128

struct edge_name {
	enum fact_edge edge;
	uint64_t index;
	char name[EDGE_NAME_BYTES]; /* UTF-8; "" when the kind has none */
};

/*
 * The edge from one vertex to another; of several the one that says most. False when there is
 * no direct one, and then *ret is FACT_EDGE_NONE. Costs one look at each reference of `from`.
 */
bool edge_name(struct heap_graph *g, uint32_t from, uint32_t to, struct edge_name *ret);

/* The name of a reference of an object found at a place (refs.h). */
void edge_name_at(struct heap_graph *g, uint32_t from, enum ref_place place, uint64_t index,
		  struct edge_name *ret);

/* The name of the closure variable in cell `index` of the function at a vertex; false: none. */
bool edge_name_cell(struct heap_graph *g, uint32_t function, uint64_t index, char ret[EDGE_NAME_BYTES]);

#endif
