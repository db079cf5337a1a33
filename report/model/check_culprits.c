/* SPDX-License-Identifier: MIT */
/*
 * Which sites make up a difference, at which of their lines, and for whom. Lines move when a
 * program is edited, so they are matched by what they have, not by their numbers.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/model/baseline.h"
#include "report/model/check_private.h"

#define CULPRIT_SHARE 0.02 /* of the difference: less is no culprit, and not kept in baselines */
#define SAME_SHARE 0.01	   /* two lines that differ by so little are the same */
#define LINES_MAX 256	   /* of one function; what is beyond is looked at by nobody */

struct line {
	uint32_t line;
	double value;
	bool matched;
};

struct lines {
	struct line at[LINES_MAX];
	size_t n;
};

/* Parts come ordered by line. */
static void lines_of(const struct check_figures *f, const struct check_site *s, enum check_kind k,
		     struct lines *ret)
{
	ret->n = 0;
	for (uint32_t i = 0; s && i < s->nparts; i++) {
		const struct check_part *p = &f->parts.at[s->part + i];
		struct line *last = ret->n ? &ret->at[ret->n - 1] : NULL;
		if (last && last->line == p->line)
			last->value += p->value[k];
		else if (ret->n < LINES_MAX)
			ret->at[ret->n++] = (struct line){ .line = p->line, .value = p->value[k] };
	}
}

static bool same(double a, double b)
{
	return fabs(a - b) <= SAME_SHARE * fmax(a, b);
}

/* Pairs of lines that have the same; of several the nearest number. Those without anything last. */
static void match_same(struct lines *now, struct lines *base)
{
	for (size_t i = 0; i < now->n; i++) {
		struct line *a = &now->at[i], *best = NULL;
		for (size_t k = 0; k < base->n; k++) {
			struct line *b = &base->at[k];
			if (b->matched || !same(a->value, b->value))
				continue;
			if (!best || labs((long)b->line - (long)a->line) <
					     labs((long)best->line - (long)a->line))
				best = b;
		}
		if (best)
			best->matched = a->matched = true;
	}
}

/* What is left is paired by its number when it is there on both sides, else in its order. */
static double left_of(struct lines *base, uint32_t line, bool in_order)
{
	struct line *found = NULL;
	for (size_t k = 0; k < base->n && !found; k++)
		if (!base->at[k].matched && base->at[k].line == line)
			found = &base->at[k];
	for (size_t k = 0; k < base->n && !found && in_order; k++)
		if (!base->at[k].matched)
			found = &base->at[k];
	if (!found)
		return 0;
	found->matched = true;
	return found->value;
}

/* Fills in the line of *c that has most more, and what it has. */
static void guilty_line(struct lines *now, struct lines *base, struct check_culprit *c)
{
	size_t left_now = 0, left_base = 0;
	double most = 0;
	match_same(now, base);
	for (size_t i = 0; i < now->n; i++)
		left_now += !now->at[i].matched;
	for (size_t i = 0; i < base->n; i++)
		left_base += !base->at[i].matched;
	for (size_t i = 0; i < now->n; i++) {
		if (now->at[i].matched)
			continue;
		double had = left_of(base, now->at[i].line, left_now == left_base);
		double more = now->at[i].value - had;
		if (more > most) {
			most = more;
			c->line = now->at[i].line;
			c->line_base = had;
			c->line_now = now->at[i].value;
		}
	}
}

static double for_caller(const struct check_figures *f, const struct check_site *s, enum check_kind k,
			 const struct check_part *of)
{
	double sum = 0;
	for (uint32_t i = 0; s && i < s->nparts; i++) {
		const struct check_part *p = &f->parts.at[s->part + i];
		if (strcmp(p->caller, of->caller) == 0 && strcmp(p->file, of->file) == 0)
			sum += p->value[k];
	}
	return sum;
}

/* Told only when there is a choice: a site of one caller is explained by itself. */
static void find_caller(const struct check_figures *now, const struct check_site *s,
			const struct check_figures *base, const struct check_site *b,
			enum check_kind k, struct check_culprit *ret)
{
	double most = 0;
	bool several = false;
	for (uint32_t i = 0; i < s->nparts; i++) {
		const struct check_part *p = &now->parts.at[s->part + i], *first = p - i;
		several |= strcmp(p->caller, first->caller) != 0 || strcmp(p->file, first->file) != 0;
		double has = for_caller(now, s, k, p), had = b ? for_caller(base, b, k, p) : 0;
		/* Of one caller's lines the last one with the most stays. */
		if (*p->caller == '\0' || has - had <= most)
			continue;
		most = has - had;
		ret->caller_file = p->file;
		ret->caller = p->caller;
		ret->caller_line = p->caller_line;
		ret->caller_base = had;
		ret->caller_now = has;
	}
	if (!several)
		ret->caller = NULL;
}

static struct check_culprit culprit_of(const struct check_figures *now, const struct check_site *s,
				       const struct check_figures *base, const struct check_site *b,
				       enum check_kind k)
{
	struct check_culprit c = { .file = s->file,
				   .function = s->function,
				   .line = s->line,
				   .base = b ? b->value[k] : 0,
				   .now = s->value[k],
				   .alone = !base };
	struct lines lines, before;
	lines_of(now, s, k, &lines);
	lines_of(base, b, k, &before);
	guilty_line(&lines, &before, &c);
	find_caller(now, s, base, b, k, &c);
	return c;
}

static void keep_culprit(struct check_finding *f, struct check_culprit c)
{
	size_t at = f->nculprits;
	while (at > 0 && c.now - c.base > f->culprits[at - 1].now - f->culprits[at - 1].base)
		at--;
	if (at >= CHECK_CULPRITS)
		return;
	if (f->nculprits < CHECK_CULPRITS)
		f->nculprits++;
	memmove(&f->culprits[at + 1], &f->culprits[at],
		(f->nculprits - 1 - at) * sizeof *f->culprits);
	f->culprits[at] = c;
}

/* What a site may have had that the baseline was too short to name: having that now is no growth. */
static double not_named(const struct check_figures *base, enum check_kind k)
{
	double sum = 0;
	for (size_t i = 0; i < base->sites.len; i++)
		sum += base->sites.at[i].value[k];
	return sum * baseline_least_share(base);
}

void check_find_culprits(const struct check_question *q, struct check_finding *f)
{
	enum check_kind kind = f->rule->metric.kind;
	const struct check_figures *base = f->have_base && f->rule->increase ? q->base : NULL;
	if (kind == CHECK_LEAK_RATE && q->least)
		base = q->least;
	if (kind == CHECK_LEAK_RATE || kind == CHECK_RSS_PEAK)
		kind = CHECK_PEAK;
	if (kind >= CHECK_SITE_KINDS)
		return;
	bool summed = kind == f->rule->metric.kind;
	double least = summed ? (f->now - (base ? f->base : 0)) * CULPRIT_SHARE : 1;
	double unknown = base && base == q->base ? not_named(base, kind) : 0;
	for (size_t i = 0; i < q->now->sites.len; i++) {
		const struct check_site *s = &q->now->sites.at[i], *b = NULL;
		if (base && base->sites.len)
			b = bsearch(s, base->sites.at, base->sites.len, sizeof *s, check_by_site);
		double before = b ? b->value[kind] : unknown;
		if (s->value[kind] - before >= fmax(least, 1) &&
		    !check_suppressed(q, f->rule, s, false))
			keep_culprit(f, culprit_of(q->now, s, base, b, kind));
	}
	/* Of a figure that is no sum over sites: a share of what the first one has. */
	const struct check_culprit *c = f->culprits;
	while (f->nculprits > 1 && c[f->nculprits - 1].now - c[f->nculprits - 1].base <
					   (c[0].now - c[0].base) * CULPRIT_SHARE)
		f->nculprits--;
}
