/* SPDX-License-Identifier: MIT */
/*
 * Children have larger numbers than their parents, so one reverse scan sums everything and
 * links it; siblings are put in order by sorting once and linking in reverse.
 */
#include "report/model/tree.h"

#include <stdlib.h>
#include <string.h>

struct ranked {
	uint64_t bytes;
	uint32_t place;
};

static int smallest_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	return x->place < y->place ? 1 : x->place > y->place ? -1 : 0;
}

static void add_sum(struct tree_sum *to, const struct tree_sum *more)
{
	if (__builtin_add_overflow(to->bytes, more->bytes, &to->bytes))
		to->bytes = UINT64_MAX;
	if (__builtin_add_overflow(to->blocks, more->blocks, &to->blocks))
		to->blocks = UINT64_MAX;
}

int tree_init(struct tree *t, const struct stacks *stacks, const struct counters *by_stack,
	      enum sites_metric metric, struct err *err)
{
	memset(t, 0, sizeof *t);
	size_t n = stacks->places.len;
	AUTO_FREE struct ranked *ranked = calloc(n, sizeof *ranked);
	struct tree_place *places = calloc(n, sizeof *places);
	if (!ranked || !places) {
		free(places);
		return err_nomem(err);
	}
	for (size_t i = n; i-- > 0;) {
		struct tree_place *p = &places[i];
		uint32_t stack = stacks->places.at[i].stack;
		if (stack != STACKS_NONE) {
			p->self.bytes = sites_metric(&by_stack[stack], metric);
			p->self.blocks = sites_metric_blocks(&by_stack[stack], metric);
			add_sum(&p->total, &p->self);
		}
		p->first_child = p->next_sibling = TREE_NONE;
		if (i >= STACKS_FIRST)
			add_sum(&places[stacks->places.at[i].parent].total, &p->total);
		ranked[i] = (struct ranked){ .bytes = p->total.bytes, .place = (uint32_t)i };
	}
	qsort(ranked, n, sizeof *ranked, smallest_first);
	for (size_t i = 0; i < n; i++) {
		uint32_t at = ranked[i].place, parent = stacks->places.at[at].parent;
		if (at < STACKS_FIRST)
			continue;
		places[at].next_sibling = places[parent].first_child;
		places[parent].first_child = at;
	}
	t->stacks = stacks;
	t->places = places;
	t->n = n;
	t->total = places[STACKS_ROOT].total;
	add_sum(&t->total, &places[STACKS_TRUNCATED].total);
	return 0;
}

void tree_deinit(struct tree *t)
{
	if (!t)
		return;
	free(t->places);
	memset(t, 0, sizeof *t);
}
