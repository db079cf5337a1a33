/* SPDX-License-Identifier: MIT */
/*
 * The judgement over one series of live bytes.
 *
 * Time is the program's own: what it waited for others is taken out (base/pace), so that its steps are even
 * on a busy machine, too; and so are buckets in which it did nothing: a pause of the whole program is
 * no evidence that one of its stacks has stopped growing. The clock tells rates only. Its unit is
 * the mean bucket. Three figures decide:
 *
 *   - the floor of each quarter of the series (its minimum there): what leaks raises it every
 *     time, at a rate that does not fade; what filled up or comes and goes does not;
 *   - growth events: steps of the lower envelope that exceed one per cent and the noise. A
 *     tail much longer than the usual pause between two events means growth has ended;
 *   - the deepest fall from an earlier high.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pace.h"
#include "report/model/growth.h"

#define SAMPLES_MIN 6	   /* fewer buckets cannot be cut into quarters */
#define EVENTS_MIN 4	   /* fewer steps are an accident, not a trend */
#define EVENTS_REGULAR 7   /* from so many on, the usual pause is well known */
#define SAW_SHARE 0.25	   /* a fall by this share of the highest value makes a saw tooth */
#define RISE_SHARE 0.02	   /* a quarter's floor must rise by this share of the highest value */
#define FADE_RATIO 0.5	   /* last rise of the floor against the one before: below, it fades */
#define IDLE_SHARE 0.01	   /* a bucket with less than this share of the mean activity is idle */
#define KEPT_SHARE 0.1	   /* waits of this share of an idle bucket: it is no pause of the program */
#define PAUSES_SHARE 0.15  /* of the time, to be a pause that is usual */
#define FIT_POINTS 64	   /* points the line is fitted through */
#define ENLARGED_BLOCKS 2  /* no more blocks than this left of many: a container reallocated */
#define MATTERS_BYTES 4096 /* less than this is not worth a confident word */

#define SLACK 1e-6 /* of a bucket: equal buckets are equal in spite of rounding */

/* One series laid out over the active buckets since the stack was first seen. */
struct curve {
	double y[GROWTH_BUCKETS + 1];
	double x[GROWTH_BUCKETS + 1]; /* own time, from 0 to n - 1 */
	double t_s[GROWTH_BUCKETS + 1];
	size_t n;
};

/*
 * Where a wait was longer than its bucket, only the own time of it and those before is known, together: it is shared
 * out by what was done in each.
 */
static void share_out(const struct growth *g, double *own_ns)
{
	for (size_t b = 0, to; b < g->buckets.len; b = to) {
		double done = (double)g->buckets.at[b].activity, all = own_ns[b];
		for (to = b + 1; to < g->buckets.len && own_ns[to] <= 0; to++)
			done += (double)g->buckets.at[to].activity;
		for (size_t i = b; done > 0 && i < to; i++)
			own_ns[i] = all * (double)g->buckets.at[i].activity / done;
	}
}

static void find_own_time(const struct growth *g, struct pace_span *spans, double *ret_ns)
{
	uint64_t from = 0;
	for (size_t b = 0; b < g->buckets.len; b++) {
		uint64_t end = g->buckets.at[b].end_ns;
		spans[b] = (struct pace_span){ end > from ? end - from : 0, g->buckets.at[b].waited_ns };
		from = end;
	}
	pace_own(spans, g->buckets.len, ret_ns);
	share_out(g, ret_ns);
}

/* Nothing was done in this bucket, and the program was kept from it then or when it wanted to go on. */
static bool was_kept(const struct growth *g, const struct pace_span *spans, const double *own_ns, size_t b)
{
	double some = KEPT_SHARE * (double)spans[b].ns;
	return own_ns[b] < (double)spans[b].ns - some ||
	       (b + 1 < g->buckets.len && (double)spans[b + 1].waited_ns > some);
}

/* Own time between the samples, as if each were one bucket on average. */
static void scale(struct curve *c)
{
	double all = c->n ? c->x[c->n - 1] - c->x[0] : 0, zero = c->x[0];
	for (size_t i = 0; i < c->n; i++)
		c->x[i] = all > 0 ? (c->x[i] - zero) / all * (double)(c->n - 1) : (double)i;
}

static void lay_out(const struct growth *g, const struct growth_series *s, struct curve *c)
{
	struct pace_span spans[GROWTH_BUCKETS];
	double own_ns[GROWTH_BUCKETS], own = 0, mean = 0;
	find_own_time(g, spans, own_ns);
	for (size_t i = 0; i < g->buckets.len; i++)
		mean += (double)g->buckets.at[i].activity;
	mean /= g->buckets.len ? (double)g->buckets.len : 1;
	c->n = 0;
	size_t p = 0;
	double live = 0;
	for (size_t b = s->len ? s->points[0].bucket : g->buckets.len; b < g->buckets.len; b++) {
		bool moved = p < s->len && s->points[p].bucket == b;
		if (moved)
			live = (double)s->points[p++].live_bytes;
		bool idle = !moved && (double)g->buckets.at[b].activity <= mean * IDLE_SHARE;
		if (!idle || was_kept(g, spans, own_ns, b))
			own += own_ns[b];
		if (idle || c->n > GROWTH_BUCKETS)
			continue;
		c->y[c->n] = live;
		c->x[c->n] = own;
		c->t_s[c->n++] = (double)g->buckets.at[b].end_ns / 1e9;
	}
	scale(c);
}

/* First sample at or after x; c->n: none. */
static size_t sample_at(const struct curve *c, double x)
{
	size_t i = 0;
	while (i < c->n && c->x[i] + SLACK < x)
		i++;
	return i;
}

/* Its value then, on the line between the samples. */
static double value_at(const struct curve *c, double x)
{
	size_t i = sample_at(c, x);
	if (i == 0 || i == c->n || c->x[i] - SLACK <= x)
		return i < c->n ? c->y[i] : 0;
	return c->y[i - 1] + (c->y[i] - c->y[i - 1]) * (x - c->x[i - 1]) / (c->x[i] - c->x[i - 1]);
}

/* What a curve looks like, before anything is concluded from it. */
struct shape {
	double highest, deepest_fall;
	double floor[4]; /* of each quarter */
	size_t events;
	double usual_gap;
	size_t settled; /* from here on it is at its last level, but for noise */
};

static void find_quarters(const struct curve *c, struct shape *s)
{
	for (size_t q = 0; q < 4; q++) {
		size_t first = c->n * q / 4, end = c->n * (q + 1) / 4;
		double from = (double)first, to = (double)end;

		s->floor[q] = value_at(c, from);
		for (size_t i = sample_at(c, from); i < sample_at(c, to); i++)
			s->floor[q] = fmin(s->floor[q], c->y[i]);
	}
}

static int longest_first(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return x < y ? 1 : x > y ? -1 : 0;
}

/*
 * The pause between two steps that must be expected: gaps this long or longer make up a good
 * part of the time. One hiccup of a busy machine does not, the pauses between batches do.
 */
static double usual_gap(double *gaps, size_t n)
{
	double all = 0, longer = 0;
	size_t i = 0;
	for (size_t k = 0; k < n; k++)
		all += gaps[k];
	qsort(gaps, n, sizeof *gaps, longest_first);
	for (; i + 1 < n; i++) {
		longer += gaps[i];
		if (longer + SLACK >= PAUSES_SHARE * all)
			break;
	}
	return n ? gaps[i] : 0;
}

static size_t last_level(size_t n)
{
	return n / 24 < 3 ? 3 : n / 24;
}

/* Steps of the lower envelope (what is never given back later) above the noise. */
static void find_events(const struct curve *c, struct shape *s)
{
	double envelope[GROWTH_BUCKETS + 1], gaps[GROWTH_BUCKETS + 1];
	size_t ngaps = 0;
	double low = INFINITY;
	for (size_t i = c->n; i-- > 0;)
		envelope[i] = low = fmin(low, c->y[i]);
	bool saw = s->deepest_fall >= SAW_SHARE * s->highest;
	double step = fmax(1, fmax(0.01 * s->highest, saw ? 0 : s->deepest_fall));
	/* The very last values are a peak of the noise as likely as not: their floor counts. */
	size_t from = sample_at(c, (double)c->n - (double)last_level(c->n));
	while (s->settled < from && envelope[s->settled] < envelope[from] - step)
		s->settled++;
	double level = 0;
	size_t last = 0;
	for (size_t i = 0; i < c->n && i <= s->settled; i++) {
		if (envelope[i] < level + step)
			continue;
		level = envelope[i];
		if (s->events > 0)
			gaps[ngaps++] = c->x[i] - c->x[last];
		last = i;
		s->events++;
	}
	s->usual_gap = usual_gap(gaps, ngaps);
}

static void find_shape(const struct curve *c, struct shape *s)
{
	memset(s, 0, sizeof *s);
	for (size_t i = 0; i < c->n; i++) {
		s->highest = fmax(s->highest, c->y[i]);
		s->deepest_fall = fmax(s->deepest_fall, s->highest - c->y[i]);
	}
	find_quarters(c, s);
	find_events(c, s);
}

static bool has_stopped(const struct curve *c, const struct shape *s)
{
	double gaps = s->events < EVENTS_REGULAR ? 3 : 2;
	double patience = s->events < 2 ? 1 : gaps * s->usual_gap;
	size_t twenty_fourth = c->n / 24;

	patience = fmax(patience, (double)twenty_fourth);
	return c->x[s->settled] + (double)last_level(c->n) + patience + SLACK < (double)c->n;
}

static enum growth_class classify(const struct curve *c, const struct shape *s)
{
	double live = c->n ? c->y[c->n - 1] : 0;
	double noise = fmax(1, fmax(RISE_SHARE * s->highest, 0.3 * s->deepest_fall));
	bool saw = s->deepest_fall >= SAW_SHARE * s->highest;
	if (s->highest <= 0)
		return GROWTH_FLAT;
	if (live < 0.05 * s->highest)
		return GROWTH_SAWTOOTH;
	if (c->n < SAMPLES_MIN)
		return GROWTH_SHORT;
	double before = s->floor[2] - s->floor[1], last = s->floor[3] - s->floor[2];
	if (saw) {
		bool climbs =
			s->floor[1] - s->floor[0] >= noise && before >= noise && last >= noise;
		return !climbs			  ? GROWTH_SAWTOOTH :
		       last < FADE_RATIO * before ? GROWTH_SLOWING :
						    GROWTH_LEAKING;
	}
	if (s->settled == 0 && has_stopped(c, s))
		return GROWTH_FLAT;
	if (has_stopped(c, s))
		return GROWTH_STABLE;
	if (s->events < EVENTS_MIN)
		return s->deepest_fall > noise && last < noise ? GROWTH_STABLE : GROWTH_SHORT;
	if (last < noise)
		return GROWTH_STABLE;
	return last < FADE_RATIO * before ? GROWTH_SLOWING : GROWTH_LEAKING;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/*
 * Theil–Sen through at most FIT_POINTS points in own time, so that no burst and no single fall moves it much;
 * then as bytes a second of the clock.
 */
static double robust_slope(const struct curve *c, double *ret_r2)
{
	static const size_t pairs_max = FIT_POINTS * (FIT_POINTS - 1) / 2;
	double slope[FIT_POINTS * (FIT_POINTS - 1) / 2], rest[FIT_POINTS];
	double t[FIT_POINTS], y[FIT_POINTS];
	size_t n = c->n < FIT_POINTS ? c->n : FIT_POINTS, pairs = 0;
	*ret_r2 = 0;
	for (size_t i = 0; i < n; i++) {
		size_t at = n > 1 ? i * (c->n - 1) / (n - 1) : 0;
		t[i] = c->x[at];
		y[i] = c->y[at];
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n && pairs < pairs_max; j++)
			if (t[j] > t[i])
				slope[pairs++] = (y[j] - y[i]) / (t[j] - t[i]);
	if (pairs == 0)
		return 0;
	qsort(slope, pairs, sizeof *slope, by_value);
	double k = pairs % 2 ? slope[pairs / 2] : (slope[pairs / 2 - 1] + slope[pairs / 2]) / 2;
	double mean = 0, total = 0, unexplained = 0;
	for (size_t i = 0; i < n; i++) {
		rest[i] = y[i] - k * t[i];
		mean += y[i] / (double)n;
	}
	qsort(rest, n, sizeof *rest, by_value);
	double b = rest[n / 2];
	for (size_t i = 0; i < n; i++) {
		total += (y[i] - mean) * (y[i] - mean);
		unexplained += (y[i] - k * t[i] - b) * (y[i] - k * t[i] - b);
	}
	if (total > 0 && unexplained < total)
		*ret_r2 = 1 - unexplained / total;
	double seconds = c->t_s[c->n - 1] - c->t_s[0];
	return seconds > 0 ? k * (double)(c->n - 1) / seconds : 0;
}

static enum growth_confidence leak_confidence(const struct growth *g,
					      const struct growth_verdict *v, const struct curve *c,
					      const struct shape *s)
{
	double score = 1, half_s = c->t_s[sample_at(c, (double)(c->n - 1) / 2)];
	double before = s->floor[2] - s->floor[1], last = s->floor[3] - s->floor[2];
	score *= c->n < 12 ? 0.6 : 1;
	score *= s->events < 8 ? 0.8 : 1;
	score *= before > 0 && last < 0.7 * before ? 0.75 : 1;
	score *= v->r2 < 0.7 ? 0.7 : v->r2 < 0.9 ? 0.85 : 1;
	score *= s->deepest_fall >= SAW_SHARE * s->highest ? 0.7 : 1;
	score *= v->live_bytes < MATTERS_BYTES ? 0.4 : 1;
	score *= v->surviving < 0.2 ? 0.7 : 1;
	score *= g->sampled ? 0.9 : 1;
	/* The oldest survivor is young although the stack is old: blocks are being replaced. */
	if (v->oldest_block_ns != UINT64_MAX && (double)v->oldest_block_ns > half_s * 1e9)
		score *= 0.45;
	return score >= 0.7 ? GROWTH_HIGH : score >= 0.42 ? GROWTH_MEDIUM : GROWTH_LOW;
}

static enum growth_confidence other_confidence(const struct curve *c)
{
	return c->n >= 30 ? GROWTH_HIGH : c->n >= 12 ? GROWTH_MEDIUM : GROWTH_LOW;
}

static struct growth_verdict judge(const struct growth *g, const struct growth_series *s)
{
	struct growth_verdict v = {
		.samples = s->len ? g->active_intervals - s->first_sample : 0,
		.grew = s->grew,
		.fell = s->fell,
		.first_ns = s->first_ns,
		.last_growth_ns = s->last_growth_ns,
		.last_fall_ns = s->last_fall_ns,
		.end_ns = g->end_ns,
		.live_bytes = s->live_bytes > 0 ? (uint64_t)s->live_bytes : 0,
		.highest_bytes = s->highest_bytes > 0 ? (uint64_t)s->highest_bytes : 0,
		.oldest_block_ns = s->oldest_block_ns,
	};
	v.live_blocks = s->born_blocks > s->dead_blocks ? s->born_blocks - s->dead_blocks : 0;
	if (s->born_blocks > s->dead_blocks)
		v.surviving = (double)(s->born_blocks - s->dead_blocks) / (double)s->born_blocks;
	struct curve c;
	struct shape shape;
	lay_out(g, s, &c);
	find_shape(&c, &shape);
	v.class = classify(&c, &shape);
	v.settled_ns = c.n ? (uint64_t)(c.t_s[shape.settled] * 1e9) : 0;
	if (v.class == GROWTH_LEAKING || v.class == GROWTH_SLOWING || s == &g->all)
		v.slope_bytes_per_s = robust_slope(&c, &v.r2);
	v.confidence = v.class == GROWTH_SHORT	 ? GROWTH_LOW :
		       v.class == GROWTH_LEAKING ? leak_confidence(g, &v, &c, &shape) :
						   other_confidence(&c);
	return v;
}

struct growth_verdict growth_judge(const struct growth *g, uint32_t stack)
{
	static const struct growth_series never = { .oldest_block_ns = UINT64_MAX };
	return judge(g, stack < g->series.len ? &g->series.at[stack] : &never);
}

struct growth_verdict growth_judge_all(const struct growth *g)
{
	struct growth_verdict v = judge(g, &g->all);
	uint64_t born = 0, dead = 0;
	for (size_t i = 0; i < g->series.len; i++) {
		born += g->series.at[i].born_blocks;
		dead += g->series.at[i].dead_blocks;
	}
	v.surviving = born > dead ? (double)(born - dead) / (double)born : 0;
	return v;
}

size_t growth_curve(const struct growth *g, uint32_t stack, uint64_t *ret_bytes, size_t n)
{
	if (stack >= g->series.len || g->buckets.len == 0)
		return 0;
	const struct growth_series *s = &g->series.at[stack];
	if (n > g->buckets.len)
		n = g->buckets.len;
	size_t p = 0;
	int64_t live = 0;
	for (size_t i = 0; i < n; i++) {
		size_t bucket = (i + 1) * g->buckets.len / n - 1;
		while (p < s->len && s->points[p].bucket <= bucket)
			live = s->points[p++].live_bytes;
		ret_bytes[i] = live > 0 ? (uint64_t)live : 0;
	}
	return n;
}

const char *growth_class_name(enum growth_class c)
{
	switch (c) {
	case GROWTH_FLAT:
		return "flat";
	case GROWTH_STABLE:
		return "stable";
	case GROWTH_SLOWING:
		return "slowing";
	case GROWTH_SAWTOOTH:
		return "sawtooth";
	case GROWTH_LEAKING:
		return "leaking";
	case GROWTH_SHORT:
		return "short";
	}
	return "short";
}

const char *growth_confidence_name(enum growth_confidence c)
{
	switch (c) {
	case GROWTH_LOW:
		return "low";
	case GROWTH_MEDIUM:
		return "medium";
	case GROWTH_HIGH:
		return "high";
	}
	return "low";
}

static const char *s_of(uint32_t n)
{
	return n == 1 ? "" : "s";
}

/* "grew in 118 of 118 samples, never fell" */
static int say_course(const struct growth_verdict *v, char *buf, size_t cap)
{
	int n = snprintf(buf, cap, "grew in %u of %u sample%s, ", v->grew, v->samples,
			 s_of(v->samples));
	if (v->fell == 0)
		return n + snprintf(buf + n, cap - (size_t)n, "never fell");
	return n + snprintf(buf + n, cap - (size_t)n, "fell in %u, last %.1f s before the end",
			    v->fell, (double)(v->end_ns - v->last_fall_ns) / 1e9);
}

const char *growth_reason(const struct growth_verdict *v, char buf[GROWTH_REASON_MAX])
{
	const size_t cap = GROWTH_REASON_MAX;
	double quiet_s = v->settled_ns < v->end_ns ? (double)(v->end_ns - v->settled_ns) / 1e9 : 0;
	uint64_t age_ns = v->oldest_block_ns < v->end_ns ? v->end_ns - v->oldest_block_ns : 0;
	int n;
	switch (v->class) {
	case GROWTH_LEAKING:
		n = say_course(v, buf, cap);
		if (v->live_blocks <= ENLARGED_BLOCKS && v->surviving < 0.5) {
			snprintf(buf + n, cap - (size_t)n,
				 "; one block enlarged again and again: a list or dict that grows");
			break;
		}
		n += snprintf(buf + n, cap - (size_t)n, "; %.1f %% of its blocks still live",
			      100 * v->surviving);
		if (age_ns > 0)
			snprintf(buf + n, cap - (size_t)n, ", the oldest for %.1f s",
				 (double)age_ns / 1e9);
		break;
	case GROWTH_SLOWING:
		n = say_course(v, buf, cap);
		snprintf(buf + n, cap - (size_t)n,
			 "; at less than half its earlier rate: may be a cache filling");
		break;
	case GROWTH_STABLE:
		snprintf(buf, cap,
			 "grew in %u of %u sample%s, but not above its level for the last %.1f s",
			 v->grew, v->samples, s_of(v->samples), quiet_s);
		break;
	case GROWTH_SAWTOOTH:
		snprintf(buf, cap, "comes and goes: rose in %u and fell in %u of %u sample%s",
			 v->grew, v->fell, v->samples, s_of(v->samples));
		break;
	case GROWTH_FLAT:
		snprintf(buf, cap, "no growth after its first sample (%u sample%s)", v->samples,
			 s_of(v->samples));
		break;
	case GROWTH_SHORT:
		snprintf(buf, cap, "grew in %u of %u sample%s: too few to tell; record for longer",
			 v->grew, v->samples, s_of(v->samples));
		break;
	}
	return buf;
}
