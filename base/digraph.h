/* SPDX-License-Identifier: MIT */
/*
 * Directed graphs of up to 2^32 - 2 vertices as adjacency lists in two arrays, and the two
 * questions every heap graph is asked: the shortest way from a root to everything, and who
 * dominates whom. Knows numbers only, not what they stand for. Nothing here recurses.
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
 * Shortest ways: parent[v] is the vertex before v on one shortest way from root, DIGRAPH_NONE for
 * the root and for what cannot be reached; of equally short ways the one whose vertices come
 * first in the lists. ret_parent has n entries and is the caller's to free. Errors: NOMEM.
 */
int digraph_shortest(const struct digraph *g, uint32_t root, uint32_t **ret_parent,
		     struct err *err) MUST_CHECK;

/*
 * The same as a search: *ret_order lists the reached vertices by distance (the root first), so a
 * caller can stop where it likes. Either may be NULL.
 */
int digraph_breadth(const struct digraph *g, uint32_t root, uint32_t **ret_parent,
		    uint32_t **ret_order, uint32_t *ret_reached, struct err *err) MUST_CHECK;

#endif
