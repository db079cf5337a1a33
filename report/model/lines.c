/* SPDX-License-Identifier: MIT */
#include "report/model/lines.h"

#include <stdlib.h>

struct gather {
	const struct recording *r;
	struct map line_of; /* key → index into lines */
	struct VEC(struct line) lines;
};

static void gather_deinit(struct gather *g)
{
	map_deinit(&g->line_of);
	vec_deinit(&g->lines);
}

/* What is no frame stays apart: no Python stack, stack missing. */
static uint64_t key_of(const struct recording *r, uint32_t stack, uint32_t kind)
{
	const uint32_t place = r->stacks.stacks.at[stack];
	const uint64_t frame = place < STACKS_FIRST ? UINT32_MAX - place : r->stacks.places.at[place].frame;
	return frame << 8 | kind;
}

/* Stacks come in falling order: the first of a line is the one that counts most. */
static int take(struct gather *g, uint32_t stack, uint64_t key, struct err *err)
{
	const struct growth_verdict *v = &g->r->verdicts[stack];
	bool new;
	const uint64_t *at = map_add(&g->line_of, key, g->lines.len, &new);
	if (!at)
		return err_nomem(err);
	if (new) {
		struct line first = { .stack = stack, .class = v->class, .highest_bytes = v->highest_bytes };
		if (vec_push(&g->lines, first) < 0)
			return err_nomem(err);
	}
	struct line *l = &g->lines.at[*at];
	l->stacks++;
	counters_add(&l->sum, &g->r->by_stack[stack]);
	if (v->class == GROWTH_LEAKING)
		l->class = GROWTH_LEAKING;
	return 0;
}

static int give(struct gather *g, struct line **ret, size_t *ret_n, struct err *err)
{
	/* never NULL on success */
	if (vec_reserve(&g->lines, 1) < 0)
		return err_nomem(err);
	*ret_n = g->lines.len;
	*ret = TAKE(g->lines.at);
	return 0;
}

/* The lines in the order of their sums; equal ones as their largest stacks are. */
static int in_order(const struct gather *g, enum sites_metric metric, struct line **ret, struct err *err)
{
	const size_t n = g->lines.len;
	AUTO_FREE struct counters *sums = calloc(n + 1, sizeof *sums);
	AUTO_FREE uint32_t *order = NULL;
	if (!sums)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		sums[i] = g->lines.at[i].sum;
	int rc = sites_order(sums, n, metric, &order, err);
	if (rc < 0)
		return rc;
	struct line *lines = calloc(n + 1, sizeof *lines);
	if (!lines)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		lines[i] = g->lines.at[order[i]];
	*ret = lines;
	return 0;
}

int lines_by_metric(const struct recording *r, enum sites_metric metric, struct line **ret, size_t *ret_n,
		    struct err *err)
{
	AUTO(gather_deinit) struct gather g = { .r = r };
	AUTO_FREE uint32_t *order = NULL;
	const size_t n = r->stacks.stacks.len;
	int rc = sites_order(r->by_stack, n, metric, &order, err);
	for (size_t i = 0; i < n && rc == 0 && sites_metric(&r->by_stack[order[i]], metric) > 0; i++)
		rc = take(&g, order[i], key_of(r, order[i], 0), err);
	if (rc == 0)
		rc = in_order(&g, metric, ret, err);
	if (rc == 0)
		*ret_n = g.lines.len;
	return rc;
}

static bool acquitted(enum growth_class c)
{
	return c == GROWTH_STABLE || c == GROWTH_SLOWING || c == GROWTH_SAWTOOTH;
}

struct high {
	uint64_t bytes;
	uint32_t stack;
};

static int by_height(const void *a, const void *b)
{
	const struct high *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

int lines_acquitted(const struct recording *r, struct line **ret, size_t *ret_n, struct err *err)
{
	AUTO(gather_deinit) struct gather g = { .r = r };
	AUTO_FREE struct high *highs = calloc(r->stacks.stacks.len + 1, sizeof *highs);
	AUTO_FREE bool *accused = calloc(r->stacks.stacks.len + 1, sizeof *accused);
	size_t n = 0;
	int rc = 0;
	if (!highs || !accused)
		return err_nomem(err);
	leaks_accused(&r->leaks, accused);
	for (uint32_t i = 0; i < r->stacks.stacks.len; i++)
		if (!accused[i] && acquitted(r->verdicts[i].class) && r->verdicts[i].highest_bytes > 0)
			highs[n++] = (struct high){ r->verdicts[i].highest_bytes, i };
	qsort(highs, n, sizeof *highs, by_height);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = take(&g, highs[i].stack, key_of(r, highs[i].stack, r->verdicts[highs[i].stack].class),
			  err);
	return rc < 0 ? rc : give(&g, ret, ret_n, err);
}
