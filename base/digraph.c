/* SPDX-License-Identifier: MIT */
/* Breadth first; the queue is the list of vertices by distance itself. */
#include "base/digraph.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"

int digraph_breadth(const struct digraph *g, uint32_t root, uint32_t **ret_parent,
		    uint32_t **ret_order, uint32_t *ret_reached, struct err *err)
{
	AUTO_FREE uint32_t *parent = malloc(((size_t)g->n + 1) * sizeof(*parent));
	AUTO_FREE uint32_t *order = malloc(((size_t)g->n + 1) * sizeof(*order));
	uint32_t done = 0, found = 0;

	if (!parent || !order)
		return err_nomem(err);
	memset(parent, 0xff, ((size_t)g->n + 1) * sizeof(*parent));
	if (root < g->n) {
		order[found++] = root;
		parent[root] = root; /* until the end, so that nobody finds it again */
	}
	while (done < found) {
		uint32_t v = order[done++];

		for (uint32_t e = g->first[v]; e < g->first[v + 1]; e++) {
			uint32_t w = g->to[e];

			if (parent[w] != DIGRAPH_NONE)
				continue;
			parent[w] = v;
			order[found++] = w;
		}
	}
	if (root < g->n)
		parent[root] = DIGRAPH_NONE;
	*ret_reached = found;
	if (ret_parent)
		*ret_parent = TAKE(parent);
	if (ret_order)
		*ret_order = TAKE(order);
	return 0;
}

int digraph_shortest(const struct digraph *g, uint32_t root, uint32_t **ret_parent,
		     struct err *err)
{
	uint32_t reached;

	return digraph_breadth(g, root, ret_parent, NULL, &reached, err);
}
