/* SPDX-License-Identifier: MIT */
/*
 * Where groups of objects hang, said once for each group: the paths of some of them, with keys and
 * indices that differ left out, the container they gather in, and what limits it. The texts
 * are the same in another process that runs the same program.
 */
#ifndef PYMEMPROF_TRACER_HEAP_HELD_H
#define PYMEMPROF_TRACER_HEAP_HELD_H

#include "tracer/heap/graph_search.h"

#define HELD_SAMPLE 32 /* objects of a group that are looked at */

struct held {
	struct heap_graph *g;	    /* borrowed */
	struct graph_search search;
	uint8_t *root; /* by vertex: enum fact_root its way begins at */
};

/* A group, and an even choice of its members. */
struct held_group {
	uint32_t site, type;
	uint64_t objects, bytes;
	bool containers; /* the members are what grows: their own bounds count */
	uint32_t vertex[2 * HELD_SAMPLE];
	uint32_t n, stride, skip; /* private: every stride-th was taken */
};

/* g must have been solved (g->retained). Errors: NOMEM. The caller calls held_deinit. */
int held_init(struct held *h, struct heap_graph *g, struct err *err) MUST_CHECK;
void held_deinit(struct held *h); /* accepts zeroed */

/* The kind of root the shortest way to a vertex begins at; FACT_ROOT_NONE: none reaches it. */
enum fact_root held_root(const struct held *h, uint32_t vertex);

/* Consider one more member for the choice. */
void held_add(struct held_group *group, uint32_t vertex);

/* Push the held rows of one group, most objects first. Errors: NOMEM, and the sink's. */
int held_push(struct held *h, const struct held_group *group, const struct fact_sink *sink,
	      struct err *err) MUST_CHECK;

/*
 * Look for the containers (lists, dicts, sets, deques) whose items lie in one of the blocks,
 * keys of `blocks`; fn gets the block's value and the container's vertex. One look at each
 * container of the heap. Errors: NOMEM, or what fn returned.
 */
typedef int held_owner_fn(void *ctx, uint64_t value, uint32_t vertex, struct err *err);
int held_owners(struct held *h, const struct map *blocks, held_owner_fn *fn, void *ctx,
		struct err *err) MUST_CHECK;

/*
 * Held rows with site 0 for the types that take most memory: every object counts, in groups of
 * equal patterns. Errors as above.
 */
int held_push_types(struct held *h, const struct fact_sink *sink, struct err *err) MUST_CHECK;

#endif
