/* SPDX-License-Identifier: MIT */
/*
 * The heap as a graph: objects are vertices 0 … objects - 1 in the order of heap_object_next,
 * what keeps them alive from outside are vertices after them (graph_roots.h). Strong references
 * only; weak ones are counted apart. Edges to what refers to nothing and can never go (None, static
 * strings) are left out.
 */
#ifndef PYMEMPROF_TRACER_HEAP_GRAPH_H
#define PYMEMPROF_TRACER_HEAP_GRAPH_H

#include "base/arena.h"
#include "base/digraph.h"
#include "base/dominators.h"
#include "base/map.h"
#include "base/vec.h"
#include "tracer/facts.h"

struct heap;

#define GRAPH_ALL 0 /* index in roots of the one above all */

/* A vertex that is no object. */
struct graph_root {
	enum fact_root kind;
	uint64_t addr;	   /* of the module object, the frame, the thread state; 0: none */
	uint64_t code;	   /* of frames */
	uint32_t parent;   /* index of the root above; GRAPH_ALL's is itself */
	uint32_t line;	   /* of frames */
	uint32_t cached;   /* of a method cache: its names; else 0 */
	const char *name;  /* owned by the graph */
	const char *where; /* owned by the graph */
};

/* An edge from a root, kept apart until all are known. */
struct graph_root_edge {
	uint32_t root, to; /* index of the root; vertex */
};

struct graph_excess {
	uint32_t vertex, root; /* what was found, in which C data (index of the root) */
};

struct graph_options {
	uint64_t max_bytes; /* of tool memory; 0: half of what the machine has available */
};

struct heap_graph {
	struct heap *h; /* borrowed */
	uint32_t objects, n;
	uint64_t nedges, nweak;
	/* heap id → vertex: two bits per id (0 no object, else 1 + bytes before it / 16), ranked */
	uint64_t *kind;
	uint32_t *before; /* objects before each word of kind */
	uint32_t *id;	  /* vertex → heap id */
	uint32_t *first, *to; /* edges; n + 1, nedges */
	size_t to_cap;
	uint32_t *own;	  /* bytes by vertex; NULL once summed up */
	struct VEC(struct graph_big { uint32_t vertex; uint64_t more; }) big; /* beyond 32 bits */
	int32_t *left;	  /* reference count not explained yet, by object; NULL once audited */
	uint64_t *immortal; /* bit per object */
	uint64_t *is_dict;  /* bit per object: somebody's __dict__ */
	struct VEC(struct graph_root) roots;
	struct VEC(struct graph_root_edge) root_edges;
	struct map module_of; /* vertex of a module or its namespace → index of its root */
	struct arena strings;
	struct dominators dom;
	uint64_t *retained;	 /* by rank */
	uint32_t *child, *next;	 /* dominator tree by rank, 0: none; while rows are made */
	struct fact_heap_graph sum;
	struct VEC(struct fact_heap_refcount) audit; /* holder owned by the graph; most excess first */
	uint64_t max_bytes, peak_bytes;
	uint64_t given_back; /* memory of the walk's that is no longer needed */
	bool nomem, full;
};

/*
 * Build the graph of a walked heap, audit reference counts, find dominators and retained sizes.
 * h is borrowed and must outlive *ret. When it does not fit into the memory allowed, *ret is
 * there, empty, and sum.skipped says why. Errors: NOMEM (of small things), GONE. The caller frees.
 */
int graph_new(struct heap *h, const struct graph_options *opt, struct heap_graph **ret,
	      struct err *err) MUST_CHECK;
void graph_free(struct heap_graph *g); /* accepts NULL */

/* The vertex of the object at addr (its own address), DIGRAPH_NONE when there is none. */
uint32_t graph_vertex(const struct heap_graph *g, uint64_t addr);

/* Type number, address; 0 for roots. */
uint32_t graph_type(const struct heap_graph *g, uint32_t vertex);
uint64_t graph_addr(const struct heap_graph *g, uint32_t vertex);

/* The root a vertex is, NULL for objects. Borrowed. */
const struct graph_root *graph_root(const struct heap_graph *g, uint32_t vertex);

/* Bytes that go when the vertex goes; 0 for what no root reaches. */
uint64_t graph_retained(const struct heap_graph *g, uint32_t vertex);

static inline struct digraph graph_digraph(const struct heap_graph *g)
{
	return (struct digraph){ g->n, g->first, g->to };
}

static inline uint32_t graph_top(const struct heap_graph *g)
{
	return g->objects + GRAPH_ALL;
}

static inline bool graph_bit(const uint64_t *bits, uint32_t at)
{
	return bits[at / 64] >> at % 64 & 1;
}

static inline void graph_set(uint64_t *bits, uint32_t at)
{
	bits[at / 64] |= UINT64_C(1) << at % 64;
}

#endif
