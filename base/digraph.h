/* SPDX-License-Identifier: MIT */
/*
 * Directed graphs of up to 2^32 - 2 vertices as adjacency lists in two arrays, and shortest ways
 * in them. Knows numbers only, not what they stand for. Nothing here recurses.
 */
#ifndef PYMEMPROF_BASE_DIGRAPH_H
#define PYMEMPROF_BASE_DIGRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DIGRAPH_NONE UINT32_MAX

/* Edges of v lead to to[first[v]] … to[first[v + 1] - 1]. first has n + 1 entries. */
struct digraph {
	uint32_t n;
	const uint32_t *first; /* borrowed */
	const uint32_t *to;    /* borrowed; each below n */
};

/*
 * A breadth-first search that may begin again somewhere else: what an earlier beginning reached
 * stays as it is, so beginnings can be tried in order of preference.
 */
struct digraph_search {
	uint32_t *parent; /* by vertex: the one before it on a shortest way; itself for a beginning;
			     DIGRAPH_NONE when not reached */
	uint32_t *order;  /* reached vertices, nearest first within one run */
	uint32_t reached, done;
};

/* Errors: NOMEM. The caller calls digraph_search_deinit. */
int digraph_search_init(struct digraph_search *s, const struct digraph *g, struct err *err) MUST_CHECK;
void digraph_search_deinit(struct digraph_search *s); /* accepts zeroed */

/* A beginning, at v or (parent not v) at v as reached from parent. Nothing when v was reached. */
void digraph_search_begin(struct digraph_search *s, uint32_t v, uint32_t parent);

/* Follow all edges from what was begun and not followed yet. */
void digraph_search_run(struct digraph_search *s, const struct digraph *g);

#endif
