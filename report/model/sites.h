/* SPDX-License-Identifier: MIT */
/*
 * How much each site made, gave back and kept, and what it held at the global peak. Counted
 * per (thread, stack) as the facts come; merged over threads on request.
 */
#ifndef PYMEMPROF_REPORT_MODEL_SITES_H
#define PYMEMPROF_REPORT_MODEL_SITES_H

#include "base/vec.h"
#include "report/model/stacks.h"
#include "tracer/facts.h"

/* live = allocated − freed. temporary is a part of both. Exact, or estimates when sampled. */
struct counters {
	uint64_t alloc_blocks, alloc_bytes;
	uint64_t free_blocks, free_bytes;
	uint64_t temp_blocks, temp_bytes;
	uint64_t peak_blocks, peak_bytes;
};

static inline uint64_t counters_live_bytes(const struct counters *c)
{
	return c->alloc_bytes > c->free_bytes ? c->alloc_bytes - c->free_bytes : 0;
}

static inline uint64_t counters_live_blocks(const struct counters *c)
{
	return c->alloc_blocks > c->free_blocks ? c->alloc_blocks - c->free_blocks : 0;
}

void counters_add(struct counters *sum, const struct counters *c);

struct sites {
	const struct stacks *stacks;
	struct VEC(struct counters) by_site; /* site − 1 */
};

void sites_init(struct sites *s, const struct stacks *stacks);
void sites_deinit(struct sites *s); /* accepts NULL and zeroed */

/* Facts. Errors: CORRUPT (unknown site), NOMEM. The stacks must know the site already. */
int sites_interval(struct sites *s, const struct fact_interval *f, struct err *err) MUST_CHECK;
int sites_peak(struct sites *s, const struct fact_site_peak *f, struct err *err) MUST_CHECK;

/* Counters of a site id; zeroes when nothing happened there. */
struct counters sites_of(const struct sites *s, uint32_t site);

/* Sum over everything. */
struct counters sites_sum(const struct sites *s);

/*
 * One entry per stack (stacks->stacks.len of them), all threads together. malloc'ed, the
 * caller frees; never NULL on success. Errors: NOMEM.
 */
int sites_by_stack(const struct sites *s, struct counters **ret, struct err *err) MUST_CHECK;

/* What a report may be ordered or cut by. */
enum sites_metric {
	SITES_LIVE,
	SITES_ALLOCATED,
	SITES_FREED,
	SITES_TEMPORARY,
	SITES_PEAK,
};

uint64_t sites_metric(const struct counters *c, enum sites_metric metric); /* bytes */
uint64_t sites_metric_blocks(const struct counters *c, enum sites_metric metric);
const char *sites_metric_name(enum sites_metric metric);		   /* "live", … */
int sites_metric_parse(const char *name, enum sites_metric *ret,
		       struct err *err) MUST_CHECK; /* USAGE */

/*
 * Stack numbers ordered by falling metric bytes; ties by blocks, by allocated blocks (those without
 * any come last), then by stack number, so two runs over one file agree. malloc'ed, n entries. Errors: NOMEM.
 */
int sites_order(const struct counters *by_stack, size_t n, enum sites_metric metric, uint32_t **ret,
		struct err *err) MUST_CHECK;

#endif
