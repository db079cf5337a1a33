/* SPDX-License-Identifier: MIT */
/*
 * The dominator tree of a directed graph: v dominates w when every way from the root to w goes
 * through v, so in a heap what v dominates goes when v goes. Near-linear: semidominators with
 * path compression, then nearest common ancestors (Georgiadis, Tarjan: Semi-NCA).
 */
#ifndef PYMEMPROF_BASE_DOMINATORS_H
#define PYMEMPROF_BASE_DOMINATORS_H

#include "base/digraph.h"

/*
 * Vertices are renumbered by a depth-first search: rank 0 is the root, and a vertex's dominator
 * has a smaller rank than the vertex. So sums over the tree are loops over ranks from the end.
 */
struct dominators {
	uint32_t n;	   /* of the graph */
	uint32_t reached;  /* ranks are 0 … reached - 1 */
	uint32_t *rank;	   /* by vertex; DIGRAPH_NONE: not reachable from the root */
	uint32_t *vertex;  /* by rank */
	uint32_t *idom;	   /* by rank: rank of the immediate dominator; 0 for the root itself */
	size_t peak_bytes; /* of memory used while it was made, the graph's own not counted */
	size_t reverse_bytes; /* of these, edges turned round */
};

/* Errors: NOMEM, and then *ret is zeroed. Otherwise dominators_deinit is the caller's to call. */
int dominators_find(const struct digraph *g, uint32_t root, struct dominators *ret,
		    struct err *err) MUST_CHECK;
void dominators_deinit(struct dominators *d); /* accepts zeroed */

/*
 * own by vertex summed over everything a vertex dominates, itself included; by rank, reached
 * entries, the caller's to free. Errors: NOMEM.
 */
int dominators_sum(const struct dominators *d, const uint32_t *own, uint64_t **ret,
		   struct err *err) MUST_CHECK;

#endif
