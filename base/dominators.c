/* SPDX-License-Identifier: MIT */
/*
 * All arrays but `rank` are indexed by rank. What classical descriptions keep as a label is the
 * smallest semidominator on the compressed path itself. Path compression reverses the path's
 * links while it climbs and puts them right on its way back, so there is no stack.
 */
#include "base/dominators.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"

#define WORDS(n) (((size_t)(n) + 1) * sizeof(uint32_t))

struct work {
	const struct digraph *g;
	struct dominators *d;
	uint32_t *above; /* parent in the search tree, then compressed */
	uint32_t *least; /* smallest semidominator from here up to what is linked */
	uint32_t *semi;
	uint32_t *first, *from; /* edges turned round */
};

static void work_deinit(struct work *w)
{
	free(w->above);
	free(w->least);
	free(w->semi);
	free(w->first);
	free(w->from);
}

void dominators_deinit(struct dominators *d)
{
	free(d->rank);
	free(d->vertex);
	free(d->idom);
	*d = (struct dominators){ 0 };
}

/* Depth first in list order. The next edge to look at is kept in place: `semi`, by rank. */
static void search(struct work *w, uint32_t root)
{
	const struct digraph *g = w->g;
	struct dominators *d = w->d;
	uint32_t *next = w->semi, at = 0;

	d->rank[root] = 0;
	d->vertex[0] = root;
	d->idom[0] = 0;
	next[0] = g->first[root];
	d->reached = 1;
	for (;;) {
		uint32_t v = d->vertex[at], to;

		if (next[at] == g->first[v + 1]) {
			if (at == 0)
				return;
			at = d->idom[at];
			continue;
		}
		to = g->to[next[at]++];
		if (d->rank[to] != DIGRAPH_NONE)
			continue;
		d->idom[d->reached] = at;
		at = d->reached++;
		d->rank[to] = at;
		d->vertex[at] = to;
		next[at] = g->first[to];
	}
}

static int turn_round(struct work *w)
{
	const struct digraph *g = w->g;
	const struct dominators *d = w->d;
	uint32_t edges = g->first[g->n];

	w->first = calloc((size_t)d->reached + 2, sizeof(*w->first));
	w->from = malloc(WORDS(edges));
	if (!w->first || !w->from)
		return ERR_NOMEM;
	for (uint32_t r = 0; r < d->reached; r++) {
		uint32_t v = d->vertex[r];

		for (uint32_t e = g->first[v]; e < g->first[v + 1]; e++)
			w->first[d->rank[g->to[e]] + 1]++;
	}
	for (uint32_t r = 0; r < d->reached; r++)
		w->first[r + 1] += w->first[r];
	/* first[r] moves on to where r's list ends, which is where the next one's began */
	for (uint32_t r = 0; r < d->reached; r++) {
		uint32_t v = d->vertex[r];

		for (uint32_t e = g->first[v]; e < g->first[v + 1]; e++)
			w->from[w->first[d->rank[g->to[e]]]++] = r;
	}
	for (uint32_t r = d->reached; r > 0; r--)
		w->first[r] = w->first[r - 1];
	w->first[0] = 0;
	return 0;
}

/* The smallest semidominator between v and the tree of linked ranks (≥ linked) it is in. */
static uint32_t smallest(struct work *w, uint32_t v, uint32_t linked)
{
	uint32_t *above = w->above, *least = w->least;
	uint32_t below = v, at, top, most;

	if (above[v] < linked)
		return least[v];
	/* climb, turning links round */
	at = above[v];
	while (above[at] >= linked) {
		uint32_t up = above[at];

		above[at] = below;
		below = at;
		at = up;
	}
	/* and back: everybody now hangs below the top, with what is smallest on its way */
	top = above[at];
	most = least[at];
	for (;;) {
		uint32_t down = above[below];

		if (most < least[below])
			least[below] = most;
		most = least[below];
		above[below] = top;
		if (below == v)
			return most;
		below = down;
	}
}

static void semidominators(struct work *w)
{
	struct dominators *d = w->d;

	for (uint32_t r = 0; r < d->reached; r++) {
		w->above[r] = d->idom[r];
		w->least[r] = r;
	}
	for (uint32_t r = d->reached - 1; r > 0; r--) {
		uint32_t semi = d->idom[r];

		for (uint32_t e = w->first[r]; e < w->first[r + 1]; e++) {
			uint32_t from = w->from[e], s;

			s = from <= r ? from : smallest(w, from, r + 1);
			semi = s < semi ? s : semi;
		}
		w->semi[r] = w->least[r] = semi;
	}
	w->semi[0] = 0;
}

static void nearest_common(struct work *w)
{
	struct dominators *d = w->d;

	for (uint32_t r = 1; r < d->reached; r++) {
		uint32_t at = d->idom[r];

		while (at > w->semi[r])
			at = d->idom[at];
		d->idom[r] = at;
	}
}

static int alloc(struct work *w)
{
	size_t n = WORDS(w->g->n);
	struct dominators *d = w->d;

	d->rank = malloc(n);
	d->vertex = malloc(n);
	d->idom = malloc(n);
	w->above = malloc(n);
	w->least = malloc(n);
	w->semi = malloc(n);
	if (!d->rank || !d->vertex || !d->idom || !w->above || !w->least || !w->semi)
		return ERR_NOMEM;
	memset(d->rank, 0xff, n);
	d->n = w->g->n;
	return 0;
}

int dominators_find(const struct digraph *g, uint32_t root, struct dominators *ret,
		    struct err *err)
{
	AUTO(work_deinit) struct work w = { .g = g, .d = ret };
	int r;

	*ret = (struct dominators){ 0 };
	if (root >= g->n)
		return err_set(err, ERR_USAGE, "no such root");
	r = alloc(&w);
	if (r == 0)
		search(&w, root);
	if (r == 0)
		r = turn_round(&w);
	if (r < 0) {
		dominators_deinit(ret);
		return err_nomem(err);
	}
	semidominators(&w);
	nearest_common(&w);
	ret->reverse_bytes = WORDS(ret->reached) + WORDS(g->first[g->n]);
	ret->peak_bytes = 6 * WORDS(g->n) + ret->reverse_bytes;
	return 0;
}

int dominators_sum(const struct dominators *d, const uint32_t *own, uint64_t **ret,
		   struct err *err)
{
	uint64_t *sum = malloc(((size_t)d->reached + 1) * sizeof(*sum));

	if (!sum)
		return err_nomem(err);
	for (uint32_t r = 0; r < d->reached; r++)
		sum[r] = own[d->vertex[r]];
	for (uint32_t r = d->reached; r-- > 1;)
		sum[d->idom[r]] += sum[r];
	*ret = sum;
	return 0;
}
