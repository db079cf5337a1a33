/* SPDX-License-Identifier: MIT */
#include "report/model/outside.h"

#include <stdio.h>
#include <string.h>

#define POINTS 9 /* of the time: two for each quarter, and the beginning */
#define LEAST_BYTES (UINT64_C(4) << 20)
#define MIB (1024.0 * 1024.0)

/* The line of the ledger that grew most between two snapshots. */
static void find_line(const struct recording *r, struct outside_growth *ret)
{
	const struct heap_model *a = heaps_baseline(&r->heaps), *b = heaps_last(&r->heaps);
	if (!a || !b || a == b)
		return;
	for (size_t i = 0; i < b->ledger.len; i++) {
		const struct fact_ledger *now = &b->ledger.at[i];
		uint64_t before = 0;
		for (size_t k = 0; k < a->ledger.len; k++)
			if (a->ledger.at[k].depth == 0 && strcmp(a->ledger.at[k].code, now->code) == 0)
				before = a->ledger.at[k].bytes;
		if (now->depth > 0 || now->bytes <= before || now->bytes - before <= ret->where_bytes)
			continue;
		ret->where = now->label;
		ret->where_bytes = now->bytes - before;
	}
}

bool outside_growth(const struct recording *r, struct outside_growth *ret)
{
	const struct timeline *t = &r->timeline;
	uint64_t rss[POINTS], live[POINTS];
	double beside[POINTS], s = (double)(t->rss_last_ns - t->rss_first_ns) / 1e9;
	*ret = (struct outside_growth){ .where = NULL };
	if (r->overall.class == GROWTH_SHORT || s <= 0 || timeline_curve(t, true, rss, POINTS) < POINTS ||
	    timeline_curve(t, false, live, POINTS) < POINTS || rss[0] == 0)
		return false;
	for (size_t i = 0; i < POINTS; i++)
		beside[i] = (double)rss[i] - (double)live[i];
	double grown = beside[POINTS - 1] - beside[0], all = (double)rss[POINTS - 1] - (double)rss[0];
	if (grown < (double)LEAST_BYTES || grown * 3 < all)
		return false;
	if (totals_estimated(&r->totals) && grown * 4 < (double)live[POINTS - 1])
		return false; /* may be the estimate's error */
	for (size_t i = 0; i + 2 < POINTS; i += 2)
		if ((beside[i + 2] - beside[i]) * 10 < grown)
			return false;
	ret->rss_per_s = ((double)t->rss_last_bytes - (double)t->rss_first_bytes) / s;
	ret->python_per_s = live[POINTS - 1] > live[0] ? (double)(live[POINTS - 1] - live[0]) / s : 0;
	find_line(r, ret);
	return true;
}

void outside_say(const struct outside_growth *o, char *buf, size_t size)
{
	int n = snprintf(buf, size,
			 "resident memory grew by %.1f MiB/s, what Python allocated by %.1f MiB/s: the rest is in no "
			 "line of Python",
			 o->rss_per_s / MIB, o->python_per_s / MIB);
	if (o->where && n > 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, " (most in \"%s\", +%.1f MiB)", o->where, (double)o->where_bytes / MIB);
}
