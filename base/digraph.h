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
	uint32_t *order;  /* reached vertices that are not put off, nearest first within one run */
	uint32_t reached, done;
	uint8_t *late;	   /* private: one bit a vertex; NULL: none is put off */
	uint32_t *waiting; /* private: put off and reached */
	uint32_t nwaiting, nlate;
};

/* Errors: NOMEM. The caller calls digraph_search_deinit. */
int digraph_search_init(struct digraph_search *s, const struct digraph *g, struct err *err) MUST_CHECK;
void digraph_search_deinit(struct digraph_search *s); /* accepts zeroed */

/* A beginning, at v or (parent not v) at v as reached from parent. Nothing when v was reached. */
void digraph_search_begin(struct digraph_search *s, uint32_t v, uint32_t parent);

/*
 * Put a vertex off: when it is reached, its edges are not followed before digraph_search_release,
 * so a way through it is taken only where there is no other. Before it is reached. Errors: NOMEM.
 */
int digraph_search_put_off(struct digraph_search *s, const struct digraph *g, uint32_t v,
			   struct err *err) MUST_CHECK;

/* Those put off are vertices as others: the ones reached meanwhile are followed next. */
void digraph_search_release(struct digraph_search *s);

/* Follow all edges from what was begun and not followed yet. */
void digraph_search_run(struct digraph_search *s, const struct digraph *g);

#endif
