/* SPDX-License-Identifier: MIT */
/* Breadth first; the queue is the list of vertices by distance itself. */
#include "base/digraph.h"

#include <stdlib.h>
#include <string.h>

int digraph_search_init(struct digraph_search *s, const struct digraph *g, struct err *err)
{
	size_t n = (size_t)g->n + 1;

	*s = (struct digraph_search){ .parent = malloc(n * sizeof(*s->parent)),
				      .order = malloc(n * sizeof(*s->order)) };
	if (!s->parent || !s->order) {
		digraph_search_deinit(s);
		return err_nomem(err);
	}
	memset(s->parent, 0xff, n * sizeof(*s->parent));
	return 0;
}

void digraph_search_deinit(struct digraph_search *s)
{
	free(s->parent);
	free(s->order);
	*s = (struct digraph_search){ 0 };
}

void digraph_search_begin(struct digraph_search *s, uint32_t v, uint32_t parent)
{
	if (s->parent[v] != DIGRAPH_NONE)
		return;
	s->parent[v] = parent;
	s->order[s->reached++] = v;
}

void digraph_search_run(struct digraph_search *s, const struct digraph *g)
{
	while (s->done < s->reached) {
		uint32_t v = s->order[s->done++];

		for (uint32_t e = g->first[v]; e < g->first[v + 1]; e++)
			digraph_search_begin(s, g->to[e], v);
	}
}
