/* SPDX-License-Identifier: MIT */
/*
 * Keeping the series. The judgement over a finished one is growth_judge.c.
 */
#include "report/model/growth.h"

#include <string.h>

void growth_init(struct growth *g, const struct stacks *stacks)
{
	memset(g, 0, sizeof *g);
	g->stacks = stacks;
	g->limit = GROWTH_BUCKETS;
	g->all.oldest_block_ns = UINT64_MAX;
}

void growth_deinit(struct growth *g)
{
	if (!g)
		return;
	arena_deinit(&g->arena);
	vec_deinit(&g->series);
	vec_deinit(&g->buckets);
	vec_deinit(&g->touched);
	memset(g, 0, sizeof *g);
}

/* Halve the resolution of one series: points of one new bucket collapse into the last of them. */
static void coarsen_series(struct growth *g, struct growth_series *s)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < s->len; i++) {
		struct growth_point p = s->points[i];
		p.bucket >>= 1;
		if (kept > 0 && s->points[kept - 1].bucket == p.bucket)
			kept--;
		s->points[kept++] = p;
	}
	g->points -= s->len - kept;
	s->len = kept;
}

static void coarsen(struct growth *g)
{
	coarsen_series(g, &g->all);
	for (size_t i = 0; i < g->series.len; i++)
		coarsen_series(g, &g->series.at[i]);
	size_t kept = 0;
	for (size_t i = 0; i < g->buckets.len; i += 2) {
		struct growth_bucket b = g->buckets.at[i];
		if (i + 1 < g->buckets.len) {
			b.end_ns = g->buckets.at[i + 1].end_ns;
			b.waited_ns += g->buckets.at[i + 1].waited_ns;
			b.activity += g->buckets.at[i + 1].activity;
		}
		g->buckets.at[kept++] = b;
	}
	g->buckets.len = kept;
	g->shift++;
}

static int set_point(struct growth *g, struct growth_series *s, uint32_t bucket, struct err *err)
{
	if (s->len > 0 && s->points[s->len - 1].bucket == bucket) {
		s->points[s->len - 1].live_bytes = s->live_bytes;
		return 0;
	}
	if (s->len == s->cap) {
		uint32_t cap = s->cap ? s->cap * 2 : 4;
		struct growth_point *more = arena_array(&g->arena, cap, sizeof *more);
		if (!more)
			return err_nomem(err);
		if (s->len > 0)
			memcpy(more, s->points, s->len * sizeof *more);
		s->points = more;
		s->cap = cap;
	}
	s->points[s->len++] =
		(struct growth_point){ .bucket = bucket, .live_bytes = s->live_bytes };
	g->points++;
	return 0;
}

/* Close the interval for one series: apply its pending change. */
static int settle(struct growth *g, struct growth_series *s, const struct fact_interval *f,
		  uint32_t bucket, struct err *err)
{
	s->touched = false;
	if (s->len == 0) {
		s->first_ns = f->from_ns;
		s->first_sample = g->active_intervals;
	}
	s->live_bytes += s->pending;
	if (s->pending > 0) {
		s->grew++;
		s->last_growth_ns = f->to_ns;
	} else if (s->pending < 0) {
		s->fell++;
		s->last_fall_ns = f->to_ns;
	}
	if (s->live_bytes > s->highest_bytes)
		s->highest_bytes = s->live_bytes;
	int r = s->pending != 0 || s->len == 0 ? set_point(g, s, bucket, err) : 0;
	s->pending = 0;
	return r;
}

static int64_t clamp(uint64_t v)
{
	return v > (uint64_t)1 << 60 ? (int64_t)1 << 60 : (int64_t)v;
}

static int take_delta(struct growth *g, const struct fact_delta *d, struct err *err)
{
	const struct stack_site *site = stacks_site(g->stacks, d->site);
	if (!site)
		return err_set(err, ERR_CORRUPT, "site %u used before it was defined", d->site);
	while (g->series.len <= site->stack) {
		struct growth_series *s = vec_add(&g->series);
		if (!s)
			return err_nomem(err);
		s->oldest_block_ns = UINT64_MAX;
	}
	struct growth_series *s = &g->series.at[site->stack];
	if (!s->touched) {
		if (vec_push(&g->touched, site->stack) < 0)
			return err_nomem(err);
		s->touched = true;
	}
	int64_t net = clamp(d->alloc_bytes) - clamp(d->free_bytes);
	uint64_t temp = d->temp_blocks;
	s->pending += net;
	g->all.pending += net;
	s->born_blocks += d->alloc_blocks > temp ? d->alloc_blocks - temp : 0;
	s->dead_blocks += d->free_blocks > temp ? d->free_blocks - temp : 0;
	return 0;
}

static int open_bucket(struct growth *g, const struct fact_interval *f, uint32_t *ret,
		       struct err *err)
{
	while (g->intervals >> g->shift >= g->limit)
		coarsen(g);
	while (g->points > GROWTH_POINTS_MAX && g->limit > GROWTH_BUCKETS_MIN) {
		g->limit /= 2;
		coarsen(g);
	}
	uint32_t bucket = (uint32_t)(g->intervals >> g->shift);
	if (bucket >= g->buckets.len && !vec_add(&g->buckets))
		return err_nomem(err);
	g->intervals++;
	uint64_t activity = 0;
	for (size_t i = 0; i < f->ndeltas; i++)
		activity += f->deltas[i].alloc_blocks + f->deltas[i].free_blocks;
	struct growth_bucket *b = vec_last(&g->buckets);
	b->end_ns = f->to_ns;
	b->waited_ns += f->waited_ns;
	b->activity += activity;
	g->end_ns = f->to_ns;
	*ret = bucket;
	return 0;
}

int growth_interval(struct growth *g, const struct fact_interval *f, struct err *err)
{
	uint32_t bucket = 0;
	int r = open_bucket(g, f, &bucket, err);
	for (size_t i = 0; r == 0 && i < f->ndeltas; i++)
		r = take_delta(g, &f->deltas[i], err);
	for (size_t i = 0; r == 0 && i < g->touched.len; i++)
		r = settle(g, &g->series.at[g->touched.at[i]], f, bucket, err);
	vec_clear(&g->touched);
	if (r == 0 && f->ndeltas > 0)
		r = settle(g, &g->all, f, bucket, err);
	if (f->ndeltas > 0)
		g->active_intervals++;
	return r;
}

int growth_block(struct growth *g, const struct fact_block *f, struct err *err)
{
	const struct stack_site *site = stacks_site(g->stacks, f->site);
	if (!site)
		return err_set(err, ERR_CORRUPT, "block of unknown site %u", f->site);
	if (f->birth_ns < g->all.oldest_block_ns)
		g->all.oldest_block_ns = f->birth_ns;
	if (site->stack < g->series.len && f->birth_ns < g->series.at[site->stack].oldest_block_ns)
		g->series.at[site->stack].oldest_block_ns = f->birth_ns;
	return 0;
}
