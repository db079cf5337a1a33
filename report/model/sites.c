/* SPDX-License-Identifier: MIT */
/*
 * Plain sums in an array indexed by site. Counters of hostile files saturate instead of
 * wrapping, so no figure can come out smaller than one of its parts.
 */
#include "report/model/sites.h"

#include <stdlib.h>
#include <string.h>

static void add(uint64_t *sum, uint64_t v)
{
	if (__builtin_add_overflow(*sum, v, sum))
		*sum = UINT64_MAX;
}

void counters_add(struct counters *sum, const struct counters *c)
{
	add(&sum->alloc_blocks, c->alloc_blocks);
	add(&sum->alloc_bytes, c->alloc_bytes);
	add(&sum->free_blocks, c->free_blocks);
	add(&sum->free_bytes, c->free_bytes);
	add(&sum->temp_blocks, c->temp_blocks);
	add(&sum->temp_bytes, c->temp_bytes);
	add(&sum->peak_blocks, c->peak_blocks);
	add(&sum->peak_bytes, c->peak_bytes);
}

void sites_init(struct sites *s, const struct stacks *stacks)
{
	memset(s, 0, sizeof *s);
	s->stacks = stacks;
}

void sites_deinit(struct sites *s)
{
	if (!s)
		return;
	vec_deinit(&s->by_site);
	s->stacks = NULL;
}

static int counters_at(struct sites *s, uint32_t site, struct counters **ret, struct err *err)
{
	if (!stacks_site(s->stacks, site))
		return err_set(err, ERR_CORRUPT, "site %u used before it was defined", site);
	if (site > s->by_site.len) {
		size_t more = s->stacks->sites.len - s->by_site.len;
		if (vec_reserve(&s->by_site, more) < 0)
			return err_nomem(err);
		memset(s->by_site.at + s->by_site.len, 0, more * sizeof *s->by_site.at);
		s->by_site.len += more;
	}
	*ret = &s->by_site.at[site - 1];
	return 0;
}

int sites_interval(struct sites *s, const struct fact_interval *f, struct err *err)
{
	for (size_t i = 0; i < f->ndeltas; i++) {
		const struct fact_delta *d = &f->deltas[i];
		struct counters *c;
		int r = counters_at(s, d->site, &c, err);
		if (r < 0)
			return r;
		struct counters change = {
			.alloc_blocks = d->alloc_blocks,
			.alloc_bytes = d->alloc_bytes,
			.free_blocks = d->free_blocks,
			.free_bytes = d->free_bytes,
			.temp_blocks = d->temp_blocks,
			.temp_bytes = d->temp_bytes,
		};
		counters_add(c, &change);
	}
	return 0;
}

int sites_peak(struct sites *s, const struct fact_site_peak *f, struct err *err)
{
	struct counters *c;
	int r = counters_at(s, f->site, &c, err);
	if (r < 0)
		return r;
	c->peak_bytes = f->bytes;
	c->peak_blocks = f->blocks;
	return 0;
}

struct counters sites_of(const struct sites *s, uint32_t site)
{
	struct counters none = { 0 };
	return site == 0 || site > s->by_site.len ? none : s->by_site.at[site - 1];
}

struct counters sites_sum(const struct sites *s)
{
	struct counters sum = { 0 };
	for (size_t i = 0; i < s->by_site.len; i++)
		counters_add(&sum, &s->by_site.at[i]);
	return sum;
}

int sites_by_stack(const struct sites *s, struct counters **ret, struct err *err)
{
	struct counters *sums = calloc(s->stacks->stacks.len + 1, sizeof *sums);
	if (!sums)
		return err_nomem(err);
	for (size_t i = 0; i < s->by_site.len; i++)
		counters_add(&sums[s->stacks->sites.at[i].stack], &s->by_site.at[i]);
	*ret = sums;
	return 0;
}

uint64_t sites_metric(const struct counters *c, enum sites_metric metric)
{
	switch (metric) {
	case SITES_LIVE:
		return counters_live_bytes(c);
	case SITES_ALLOCATED:
		return c->alloc_bytes;
	case SITES_FREED:
		return c->free_bytes;
	case SITES_TEMPORARY:
		return c->temp_bytes;
	case SITES_PEAK:
		return c->peak_bytes;
	}
	return 0;
}

uint64_t sites_metric_blocks(const struct counters *c, enum sites_metric metric)
{
	switch (metric) {
	case SITES_LIVE:
		return counters_live_blocks(c);
	case SITES_ALLOCATED:
		return c->alloc_blocks;
	case SITES_FREED:
		return c->free_blocks;
	case SITES_TEMPORARY:
		return c->temp_blocks;
	case SITES_PEAK:
		return c->peak_blocks;
	}
	return 0;
}

static const char *const metric_names[] = {
	[SITES_LIVE] = "live",		 [SITES_ALLOCATED] = "allocated", [SITES_FREED] = "freed",
	[SITES_TEMPORARY] = "temporary", [SITES_PEAK] = "peak",
};

const char *sites_metric_name(enum sites_metric metric)
{
	return metric_names[metric];
}

int sites_metric_parse(const char *name, enum sites_metric *ret, struct err *err)
{
	for (size_t i = 0; i < sizeof metric_names / sizeof *metric_names; i++) {
		if (strcmp(name, metric_names[i]) == 0) {
			*ret = (enum sites_metric)i;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE,
		       "unknown metric '%.40s'; one of live, allocated, freed, temporary, peak",
		       name);
}

struct ranked {
	uint64_t bytes, blocks, allocated;
	uint32_t stack;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->blocks != y->blocks)
		return x->blocks < y->blocks ? 1 : -1;
	if (x->allocated != y->allocated)
		return x->allocated < y->allocated ? 1 : -1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

int sites_order(const struct counters *by_stack, size_t n, enum sites_metric metric, uint32_t **ret,
		struct err *err)
{
	AUTO_FREE struct ranked *ranked = calloc(n + 1, sizeof *ranked);
	uint32_t *order = calloc(n + 1, sizeof *order);
	if (!ranked || !order) {
		free(order);
		return err_nomem(err);
	}
	for (size_t i = 0; i < n; i++)
		ranked[i] = (struct ranked){ .bytes = sites_metric(&by_stack[i], metric),
					     .blocks = sites_metric_blocks(&by_stack[i], metric),
					     .allocated = by_stack[i].alloc_blocks,
					     .stack = (uint32_t)i };
	qsort(ranked, n, sizeof *ranked, by_rank);
	for (size_t i = 0; i < n; i++)
		order[i] = ranked[i].stack;
	*ret = order;
	return 0;
}
