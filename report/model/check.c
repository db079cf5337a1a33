/* SPDX-License-Identifier: MIT */
/*
 * Judging. A rule fails only when the excess is larger than the tolerance, than what matters,
 * and than the noise both sides have shown.
 */
#include "report/model/check.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/model/check_private.h"

#define RSS_FLOOR_BYTES (1 << 20)
#define RSS_FLOOR_SHARE 0.02

void check_figures_deinit(struct check_figures *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->series.len; i++)
		vec_deinit(&f->series.at[i].runs);
	for (size_t i = 0; i < f->tests.len; i++)
		for (size_t k = 0; k < CHECK_TEST_FIGURES; k++)
			vec_deinit(&f->tests.at[i].figure[k].runs);
	vec_deinit(&f->series);
	vec_deinit(&f->sites);
	vec_deinit(&f->parts);
	for (size_t i = 0; i < f->other_runs.len; i++) {
		vec_deinit(&f->other_runs.at[i].sites);
		vec_deinit(&f->other_runs.at[i].parts);
	}
	vec_deinit(&f->other_runs);
	vec_deinit(&f->tests);
	vec_deinit(&f->types);
	vec_deinit(&f->holders);
	arena_deinit(&f->arena);
	memset(f, 0, sizeof *f);
}

const struct check_series *check_series_find(const struct check_figures *f, const char *name)
{
	for (size_t i = 0; f && i < f->series.len; i++)
		if (strcmp(f->series.at[i].metric.name, name) == 0)
			return &f->series.at[i];
	return NULL;
}

struct check_series *check_series_of(struct check_figures *f, const struct check_metric *metric)
{
	for (size_t i = 0; i < f->series.len; i++)
		if (strcmp(f->series.at[i].metric.name, metric->name) == 0)
			return &f->series.at[i];
	struct check_series *s = vec_add(&f->series);
	if (s)
		s->metric = *metric;
	return s;
}

double check_last(const struct check_figures *f, const char *name)
{
	const struct check_series *s = check_series_find(f, name);
	return s && s->runs.len ? *vec_last(&s->runs) : 0;
}

int check_comparable(const struct check_figures *now, const struct check_figures *base,
		     struct err *err)
{
	size_t n = 0, dots = 0;
	for (; now->python[n] && (dots += now->python[n] == '.') < 2; n++)
		;
	int rc = 0;
	if (strcmp(now->implementation, base->implementation) != 0)
		rc = err_set(err, ERR_UNSUPPORTED, "the baseline is of %.30s, this is %.30s",
			     base->implementation, now->implementation);
	else if (strncmp(now->python, base->python, n) != 0 ||
		 (base->python[n] >= '0' && base->python[n] <= '9'))
		rc = err_set(err, ERR_UNSUPPORTED, "the baseline is of Python %.30s, this is %.30s",
			     base->python, now->python);
	else if (now->word_bytes != base->word_bytes)
		rc = err_set(err, ERR_UNSUPPORTED,
			     "the baseline is of a machine of %u-byte words, this has %u",
			     base->word_bytes, now->word_bytes);
	return rc < 0 ? err_hint(err, rc, "baseline") : 0;
}

bool check_suppressed(const struct check_question *q, const struct check_rule *rule,
		      const struct check_site *site, bool count)
{
	char name[1024];
	snprintf(name, sizeof name, "%s:%s", site->file, site->function);
	for (size_t i = 0; i < q->nsuppressions; i++) {
		struct check_suppression *s = &q->suppressions[i];
		if (s->expired || (strcmp(s->metric, "*") != 0 &&
				   strcmp(s->metric, rule->metric.name) != 0) ||
		    fnmatch(s->site, name, 0) != 0)
			continue;
		s->used += count;
		return true;
	}
	return false;
}

/* What suppressed sites have of a metric: it is taken off the figures. */
static double taken_off(const struct check_question *q, const struct check_rule *rule,
			const struct check_figures *f, bool count)
{
	double sum = 0;
	if (!f || rule->metric.kind >= CHECK_SITE_KINDS || q->nsuppressions == 0)
		return 0;
	for (size_t i = 0; i < f->sites.len; i++)
		if (f->sites.at[i].value[rule->metric.kind] > 0 &&
		    check_suppressed(q, rule, &f->sites.at[i], count))
			sum += f->sites.at[i].value[rule->metric.kind];
	return sum;
}

static double lowest(const struct check_series *s)
{
	double v = s->runs.len ? s->runs.at[0] : 0;
	for (size_t i = 1; i < s->runs.len; i++)
		v = fmin(v, s->runs.at[i]);
	return v;
}

static double spread(const struct check_series *s)
{
	double most = lowest(s);
	for (size_t i = 0; i < s->runs.len; i++)
		most = fmax(most, s->runs.at[i]);
	return most - lowest(s);
}

/* Sizes: --min-delta is about them. */
static bool in_bytes(enum check_kind k)
{
	return k != CHECK_ALLOCS && k != CHECK_FRAG && k != CHECK_TYPE && k != CHECK_LEAK_RATE;
}

static void judge_limit(const struct check_series *now, double off, struct check_finding *f)
{
	f->allowed = f->rule->limit;
	f->noise = now->noise;
	if (f->now <= f->allowed)
		f->verdict = CHECK_FINE;
	else if (lowest(now) - off - now->noise <= f->allowed)
		f->verdict = CHECK_NOT_PROVEN;
	else
		f->verdict = CHECK_FAILED;
}

static void judge_increase(const struct check_question *q, const struct check_compared *c,
			   struct check_finding *f)
{
	const struct check_rule *rule = f->rule;
	double tolerance = rule->relative ? f->base * rule->limit : rule->limit;
	double delta = f->now - f->base, floor = c->now->noise + c->base->noise;
	double small = in_bytes(f->kind) ? q->min_delta : 0;
	if (f->kind == CHECK_RSS_PEAK)
		floor = fmax(floor, fmax(RSS_FLOOR_BYTES, RSS_FLOOR_SHARE * f->base));
	f->allowed = f->base + tolerance;
	f->noise = fmax(floor, fmax(spread(c->now), spread(c->base)));
	if (delta < -fmax(tolerance, fmax(f->noise, small)))
		f->verdict = CHECK_IMPROVED;
	else if (delta <= tolerance)
		f->verdict = CHECK_FINE;
	else if (delta < small)
		f->verdict = CHECK_SMALL;
	else if (!check_proven(c->now->runs.at, c->now->runs.len, c->base->runs.at,
			       c->base->runs.len, tolerance + floor + c->off_now - c->off_base))
		f->verdict = CHECK_NOT_PROVEN;
	else
		f->verdict = CHECK_FAILED;
}

/* What can only become more as a recording goes on. */
static bool only_rises(enum check_kind k)
{
	return k == CHECK_ALLOC_BYTES || k == CHECK_ALLOCS || k == CHECK_PEAK || k == CHECK_RSS_PEAK;
}

const char *check_each(const struct check_question *q, enum check_kind k)
{
	return k != CHECK_LEAK_RATE ? NULL : q->least ? "/iteration" : "/s";
}

void check_judge_one(const struct check_question *q, const struct check_compared *c,
		     struct check_finding *f)
{
	f->kind = f->rule->metric.of;
	f->each = check_each(q, f->kind);
	f->have_base = c->base && c->base->runs.len > 0;
	f->now = check_median(c->now) - c->off_now;
	f->base = f->have_base ? check_median(c->base) - c->off_base : 0;
	if (!f->rule->increase)
		judge_limit(c->now, c->off_now, f);
	else if (f->have_base)
		judge_increase(q, c, f);
	else
		f->verdict = CHECK_NO_BASE;
	f->at_least = (q->now->cut && only_rises(f->kind)) ||
		      (f->rule->metric.kind == CHECK_PEAK && f->allowed < q->now->peak_most);
	if (f->at_least && f->verdict < CHECK_NOT_PROVEN)
		f->verdict = CHECK_NOT_PROVEN;
	if (f->verdict == CHECK_FAILED && f->rule->warn)
		f->verdict = CHECK_WARNED;
}

/* No figure, and the recording says why: that is neither fine nor too much. */
static void not_measured(const struct check_question *q, struct check_finding *f)
{
	f->kind = f->rule->metric.of;
	f->unknown = q->now->unknown[f->kind];
	f->verdict = CHECK_NOT_MEASURED;
	f->now = NAN;
	f->allowed = f->rule->increase ? NAN : f->rule->limit;
}

static int judge_rule(const struct check_question *q, const struct check_rule *rule,
		      struct check_answer *ret, struct err *err)
{
	struct check_compared c = { .now = check_series_find(q->now, rule->metric.name),
				    .base = check_series_find(q->base, rule->metric.name) };
	struct check_finding *f = vec_add(&ret->findings);
	if (!f)
		return err_nomem(err);
	f->rule = rule;
	f->name = rule->metric.name;
	if ((!c.now || c.now->runs.len == 0) && q->now->unknown[rule->metric.kind]) {
		not_measured(q, f);
		return 0;
	}
	if (!c.now || c.now->runs.len == 0)
		return err_set(err, ERR_USAGE, "%.100s was not measured", rule->metric.name);
	c.off_now = taken_off(q, rule, q->now, true);
	c.off_base = taken_off(q, rule, q->base, false);
	check_judge_one(q, &c, f);
	if (f->verdict == CHECK_NO_BASE && !q->lenient)
		return err_hint(err,
				err_set(err, ERR_UNSUPPORTED, "the baseline has no %.100s",
					rule->metric.name),
				"baseline");
	if (check_wants_culprits(f))
		check_find_culprits(q, f);
	check_find_shares(q, f);
	return 0;
}

bool check_wants_culprits(const struct check_finding *f)
{
	return f->verdict >= CHECK_WARNED ||
	       (f->verdict == CHECK_NOT_PROVEN && !f->rule->increase && f->now > f->allowed); /* of noise nobody is guilty */
}

static int by_weight(const void *a, const void *b)
{
	const struct check_finding *x = a, *y = b;
	if (x->verdict != y->verdict)
		return x->verdict < y->verdict ? 1 : -1;
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	return x->now - x->allowed > y->now - y->allowed ? -1 : x->now - x->allowed < y->now - y->allowed;
}

int check_judge(const struct check_question *q, struct check_answer *ret, struct err *err)
{
	int rc = 0;
	*ret = (struct check_answer){ 0 };
	for (size_t i = 0; rc == 0 && i < q->nrules; i++)
		rc = q->rules[i].metric.kind == CHECK_TEST ?
			     check_judge_tests(q, &q->rules[i], ret, err) :
			     judge_rule(q, &q->rules[i], ret, err);
	if (rc < 0) {
		check_answer_deinit(ret);
		return rc;
	}
	for (size_t i = 0; i < ret->findings.len; i++) {
		const struct check_finding *f = &ret->findings.at[i];
		ret->failed += f->verdict == CHECK_FAILED;
		ret->warned += f->verdict == CHECK_WARNED;
		ret->not_proven += f->verdict == CHECK_NOT_PROVEN;
	}
	vec_sort(&ret->findings, by_weight);
	for (size_t i = 0; i < ret->findings.len && !ret->unknown; i++)
		if (ret->findings.at[i].unknown && !ret->findings.at[i].rule->warn)
			ret->unknown = &ret->findings.at[i];
	return 0;
}

void check_answer_deinit(struct check_answer *a)
{
	if (!a)
		return;
	vec_deinit(&a->findings);
	arena_deinit(&a->arena);
	memset(a, 0, sizeof *a);
}
