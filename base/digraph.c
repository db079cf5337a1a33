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
	free(s->late);
	free(s->waiting);
	*s = (struct digraph_search){ 0 };
}

void digraph_search_begin(struct digraph_search *s, uint32_t v, uint32_t parent)
{
	if (s->parent[v] != DIGRAPH_NONE)
		return;
	s->parent[v] = parent;
	if (s->late && s->late[v / 8] >> v % 8 & 1)
		s->waiting[s->nwaiting++] = v;
	else
		s->order[s->reached++] = v;
}

int digraph_search_put_off(struct digraph_search *s, const struct digraph *g, uint32_t v,
			   struct err *err)
{
	uint32_t *room;

	if (!s->late)
		s->late = calloc((size_t)g->n / 8 + 1, 1);
	if (!s->late)
		return err_nomem(err);
	if (s->late[v / 8] >> v % 8 & 1)
		return 0;
	if ((s->nlate & (s->nlate - 1)) == 0) { /* full: it doubles */
		room = realloc(s->waiting, ((size_t)s->nlate * 2 + 1) * sizeof(*room));
		if (!room)
			return err_nomem(err);
		s->waiting = room;
	}
	s->late[v / 8] |= (uint8_t)(1u << v % 8);
	s->nlate++;
	return 0;
}

void digraph_search_release(struct digraph_search *s)
{
	for (uint32_t i = 0; i < s->nwaiting; i++)
		s->order[s->reached++] = s->waiting[i];
	free(s->late);
	free(s->waiting);
	s->late = NULL;
	s->waiting = NULL;
	s->nwaiting = s->nlate = 0;
}

void digraph_search_run(struct digraph_search *s, const struct digraph *g)
{
	while (s->done < s->reached) {
		uint32_t v = s->order[s->done++];

		for (uint32_t e = g->first[v]; e < g->first[v + 1]; e++)
			digraph_search_begin(s, g->to[e], v);
	}
}
