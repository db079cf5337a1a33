/* SPDX-License-Identifier: MIT */
/*
 * Hands each fact to the models it concerns, stacks first, and draws the conclusions that
 * need more than one of them.
 */
#include "report/model/recording.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/model/outside.h"
#include "report/model/spell.h"

#define TURNOVER_SOME 0.3  /* late foreign frees against late growth: doubt begins */
#define TURNOVER_ALL 0.8   /* all of the growth may be replacement */
#define WINDOW_BLOCKS 2048 /* AGENT_WINDOW_MAX: what a tick may miss */

int recording_init(struct recording *r, struct err *err)
{
	memset(r, 0, sizeof *r);
	int rc = stacks_init(&r->stacks, err);
	if (rc == 0)
		rc = threads_init(&r->threads, err);
	if (rc < 0) {
		recording_deinit(r);
		return rc;
	}
	sites_init(&r->sites, &r->stacks);
	growth_init(&r->growth, &r->stacks);
	timeline_init(&r->timeline);
	totals_init(&r->totals);
	return 0;
}

void recording_deinit(struct recording *r)
{
	if (!r)
		return;
	stacks_deinit(&r->stacks);
	sites_deinit(&r->sites);
	growth_deinit(&r->growth);
	threads_deinit(&r->threads);
	timeline_deinit(&r->timeline);
	totals_deinit(&r->totals);
	heaps_deinit(&r->heaps);
	leaks_deinit(&r->leaks);
	cases_deinit(&r->cases);
	free(r->by_stack);
	free(r->verdicts);
	free(r->suspects);
	memset(r, 0, sizeof *r);
}

static int on_target(void *ctx, const struct fact_target *f, struct err *err)
{
	struct recording *r = ctx;
	r->growth.sampled = f->sample_bytes > 0;
	return totals_target(&r->totals, f, err);
}

static int on_thread(void *ctx, const struct fact_thread *f, struct err *err)
{
	struct recording *r = ctx;
	return threads_add(&r->threads, f, err);
}

static int on_site(void *ctx, const struct fact_site *f, struct err *err)
{
	struct recording *r = ctx;
	return stacks_add(&r->stacks, f, err);
}

static int on_interval(void *ctx, const struct fact_interval *f, struct err *err)
{
	struct recording *r = ctx;
	int rc = sites_interval(&r->sites, f, err);
	if (rc == 0)
		rc = growth_interval(&r->growth, f, err);
	return rc == 0 ? timeline_interval(&r->timeline, f, err) : rc;
}

static int on_tick(void *ctx, const struct fact_tick *f, struct err *err)
{
	struct recording *r = ctx;
	return timeline_tick(&r->timeline, f, err);
}

static int on_site_peak(void *ctx, const struct fact_site_peak *f, struct err *err)
{
	struct recording *r = ctx;
	return sites_peak(&r->sites, f, err);
}

static int on_block(void *ctx, const struct fact_block *f, struct err *err)
{
	struct recording *r = ctx;
	return growth_block(&r->growth, f, err);
}

static int on_test(void *ctx, const struct fact_test *f, struct err *err)
{
	struct recording *r = ctx;
	return cases_add(&r->cases, f, err);
}

static int on_note(void *ctx, const struct fact_note *f, struct err *err)
{
	struct recording *r = ctx;
	return totals_note(&r->totals, f, err);
}

static int on_totals(void *ctx, const struct fact_totals *f, struct err *err)
{
	struct recording *r = ctx;
	return totals_totals(&r->totals, f, err);
}

static int on_cost(void *ctx, const struct fact_cost *f, struct err *err)
{
	struct recording *r = ctx;
	timeline_rss_peak(&r->timeline, f->rss_peak_bytes);
	return totals_cost(&r->totals, f, err);
}

static int on_finish(void *ctx, enum fact_end end, struct err *err)
{
	struct recording *r = ctx;
	return totals_finish(&r->totals, end, err);
}

struct fact_sink recording_sink(struct recording *r)
{
	struct fact_sink sink = {
		.ctx = r,
		.target = on_target,
		.thread = on_thread,
		.site = on_site,
		.interval = on_interval,
		.tick = on_tick,
		.site_peak = on_site_peak,
		.block = on_block,
		.test = on_test,
		.note = on_note,
		.totals = on_totals,
		.cost = on_cost,
		.finish = on_finish,
	};
	heaps_sink(&sink);
	return sink;
}

bool recording_is_snapshot(const struct recording *r)
{
	if (!heaps_last(&r->heaps) || r->timeline.slices.len)
		return false;
	/* Sites without a thread come from the target's own tracemalloc. */
	for (size_t i = 0; i < r->stacks.sites.len; i++)
		if (r->stacks.sites.at[i].thread)
			return false;
	return true;
}

const char *recording_nothing(const struct recording *r)
{
	if (recording_is_snapshot(r))
		return "a snapshot says what is there; who allocated and what grew needs a recording";
	if (r->totals.have_end && r->totals.end == FACT_END_TRUNCATED && r->stacks.stacks.len == 0 &&
	    r->totals.totals.duration_ns == 0)
		return "the file ends before anything is said in it";
	return NULL;
}

struct heaps *heaps_of(void *ctx)
{
	return &((struct recording *)ctx)->heaps;
}

static void __attribute__((format(printf, 4, 5)))
note(struct recording *r, int *rc, const char *code, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	struct fact_note n = { .code = code, .text = text };
	if (*rc == 0)
		*rc = totals_note(&r->totals, &n, NULL);
}

/* An unfinished file has no totals: what the intervals add up to stands in for them. */
static void fill_totals(struct recording *r)
{
	struct fact_totals *t = &r->totals.totals;
	if (r->totals.have_totals)
		return;
	struct counters sum = sites_sum(&r->sites);
	*t = (struct fact_totals){
		.alloc_blocks = sum.alloc_blocks,
		.alloc_bytes = sum.alloc_bytes,
		.free_blocks = sum.free_blocks,
		.free_bytes = sum.free_bytes,
		.temp_blocks = sum.temp_blocks,
		.temp_bytes = sum.temp_bytes,
		.live_blocks = counters_live_blocks(&sum),
		.live_bytes = counters_live_bytes(&sum),
		.peak_bytes =
			r->growth.all.highest_bytes > 0 ? (uint64_t)r->growth.all.highest_bytes : 0,
		.duration_ns = r->timeline.end_ns > r->growth.end_ns ? r->timeline.end_ns :
								       r->growth.end_ns,
	};
}

/* Each site's bytes at the peak come last in a file, before the totals: none, or not all of them, in one that is cut. */
static bool peaks_cut(const struct recording *r)
{
	const struct fact_totals *t = &r->totals.totals;
	struct counters sum = sites_sum(&r->sites);
	if (!r->totals.have_totals || r->totals.end == FACT_END_TRUNCATED)
		return sum.peak_bytes < t->peak_bytes;
	return sum.peak_bytes == 0 && (t->peak_bytes > 0 || counters_live_bytes(&sum) > 0);
}

/* A file that ends early or is damaged says so itself. */
static bool told_of_damage(const struct recording *r)
{
	static const char *const codes[] = { "truncated-file", "corrupt-section",
					     "missing-section" };
	for (size_t i = 0; i < r->totals.notes.len; i++)
		for (size_t k = 0; k < sizeof codes / sizeof *codes; k++)
			if (strcmp(r->totals.notes.at[i].code, codes[k]) == 0)
				return true;
	return false;
}

static void note_losses(struct recording *r, int *rc)
{
	const struct fact_cost *c = &r->totals.cost;
	const struct fact_target *t = &r->totals.target;
	struct spell n;
	if (totals_estimated(&r->totals))
		note(r, rc, "estimate",
		     "figures marked ~ are estimates from one sample every %" PRIu64
		     " bytes on average",
		     t->sample_bytes);
	if (c->dropped_events)
		note(r, rc, "dropped", "%s %s dropped because the pipe was full", spell_count(&n, c->dropped_events),
		     c->dropped_events == 1 ? "event was" : "events were");
	if (c->offgil_dropped)
		note(r, rc, "dropped-off-gil",
		     "%s %s dropped", spell_count(&n, c->offgil_dropped),
		     c->offgil_dropped == 1 ? "event of a thread without the GIL was" :
					      "events of threads without the GIL were");
	if ((!r->totals.have_end || r->totals.end == FACT_END_TRUNCATED) && !told_of_damage(r))
		note(r, rc, "truncated",
		     "the recording has no end: it shows what was saved until then");
	if (!r->totals.have_totals && !recording_is_snapshot(r))
		note(r, rc, "no-totals",
		     "totals are summed from the intervals; the exact peak is not known");
}

/* Blocks the stack kept of the second half of the time, as far as its bytes tell. */
static double kept_late(const struct recording *r, uint32_t stack)
{
	uint64_t y[2];
	if (growth_curve(&r->growth, stack, y, 2) < 2 || y[1] == 0)
		return 0;
	double late = y[1] > y[0] ? (double)(y[1] - y[0]) / (double)y[1] : 0;
	return late * (double)counters_live_blocks(&r->by_stack[stack]);
}

/*
 * What arrived while as much from before the attach went is not proved to be growth. Only the
 * second half counts: a cache that was full before shows in it as long as it is being turned
 * over, and a leak beside it is not blamed for what ended earlier.
 */
static double turnover_share(const struct recording *r)
{
	const struct fact_totals *t = &r->totals.totals;
	double kept = 0;
	for (size_t i = 0; i < r->stacks.stacks.len; i++)
		if (r->verdicts[i].class == GROWTH_LEAKING)
			kept += kept_late(r, (uint32_t)i);
	uint64_t early = timeline_foreign_frees(&r->timeline, t->duration_ns / 2);
	uint64_t known =
		totals_estimated(&r->totals) ? t->foreign_frees / 2 : early + WINDOW_BLOCKS;
	if (kept <= 0 || t->foreign_frees <= known)
		return 0;
	return (double)(t->foreign_frees - known) / kept;
}

static void note_outside(struct recording *r, int *rc)
{
	struct outside_growth o;
	char words[400];
	if (!outside_growth(r, &o))
		return;
	outside_say(&o, words, sizeof words);
	note(r, rc, "outside-python", "%s", words);
}

static void note_coverage(struct recording *r, int *rc)
{
	const struct fact_totals *t = &r->totals.totals;
	uint64_t nameless = 0;
	for (size_t i = 0; i < r->stacks.stacks.len; i++)
		if (stacks_depth(&r->stacks, (uint32_t)i) == 0)
			nameless += counters_live_bytes(&r->by_stack[i]);
	if (t->live_bytes > 0 && nameless > t->live_bytes / 1000)
		note(r, rc, "no-stack", "%.1f %% of live bytes were made without a Python stack",
		     100.0 * (double)nameless / (double)t->live_bytes);
	if (t->foreign_frees == 0)
		return;
	struct spell n;
	if (turnover_share(r) < TURNOVER_SOME)
		note(r, rc, "foreign-frees",
		     t->foreign_frees == 1 ?
			     "%s block from before the attach was freed; it counts nowhere else" :
			     "%s blocks from before the attach were freed; they count nowhere else",
		     spell_count(&n, t->foreign_frees));
}

/* Of such types an allocator hears once: a leak of lists, or its part, may stand at a line that made one for a moment. */
static void note_used_again(struct recording *r, int *rc)
{
	for (size_t i = 0; i < r->leaks.rows.len; i++) {
		const struct leak *row = &r->leaks.rows.at[i];
		if (row->state != LEAK_ACCUSED || row->place == LEAK_MADE)
			continue;
		note(r, rc, "used-again",
		     "Python uses tuples, lists, dicts and floats again: the line a %s is made at may be that "
		     "of an earlier one in the same memory",
		     row->type_name);
		return;
	}
}

struct ranked {
	const struct growth_verdict *verdict;
	uint32_t stack;
};

static int worst_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->verdict->confidence != y->verdict->confidence)
		return x->verdict->confidence < y->verdict->confidence ? 1 : -1;
	if (x->verdict->slope_bytes_per_s != y->verdict->slope_bytes_per_s)
		return x->verdict->slope_bytes_per_s < y->verdict->slope_bytes_per_s ? 1 : -1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

static int find_suspects(struct recording *r, struct err *err)
{
	size_t n = r->stacks.stacks.len;
	AUTO_FREE struct ranked *ranked = calloc(n + 1, sizeof *ranked);
	r->suspects = calloc(n + 1, sizeof *r->suspects);
	if (!ranked || !r->suspects)
		return err_nomem(err);
	size_t found = 0;
	for (size_t i = 0; i < n; i++)
		if (r->verdicts[i].class == GROWTH_LEAKING)
			ranked[found++] =
				(struct ranked){ .verdict = &r->verdicts[i], .stack = (uint32_t)i };
	qsort(ranked, found, sizeof *ranked, worst_first);
	for (size_t i = 0; i < found; i++)
		r->suspects[i] = ranked[i].stack;
	r->nsuspects = found;
	return 0;
}

/* What the snapshot explains is no suspect any more. */
static int drop_acquitted(struct recording *r, struct err *err)
{
	size_t kept = 0;
	AUTO_FREE bool *accused = calloc(r->stacks.stacks.len + 1, sizeof *accused);
	if (!accused)
		return err_nomem(err);
	leaks_accused(&r->leaks, accused);
	r->suspect_bytes = 0;
	for (size_t i = 0; i < r->nsuspects; i++) {
		uint32_t stack = r->suspects[i];
		if (!accused[stack])
			continue;
		r->suspects[kept++] = stack;
		r->suspect_bytes += counters_live_bytes(&r->by_stack[stack]);
	}
	/* Those the objects' ages gave away come last: their own verdict is another. */
	for (uint32_t i = 0; i < r->stacks.stacks.len; i++)
		if (accused[i] && r->verdicts[i].class != GROWTH_LEAKING) {
			r->suspects[kept++] = i;
			r->suspect_bytes += counters_live_bytes(&r->by_stack[i]);
		}
	r->nsuspects = kept;
	r->nconfident = 0;
	while (r->nconfident < kept &&
	       r->verdicts[r->suspects[r->nconfident]].class == GROWTH_LEAKING &&
	       r->verdicts[r->suspects[r->nconfident]].confidence > GROWTH_LOW)
		r->nconfident++;
	return 0;
}

static void doubt_turnover(struct recording *r, int *rc)
{
	double share = turnover_share(r);
	if (share < TURNOVER_SOME)
		return;
	for (size_t i = 0; i < r->stacks.stacks.len; i++) {
		struct growth_verdict *v = &r->verdicts[i];
		if (v->class != GROWTH_LEAKING || v->confidence == GROWTH_LOW)
			continue;
		v->confidence = share >= TURNOVER_ALL ? GROWTH_LOW : v->confidence - 1;
	}
	struct spell n;
	note(r, rc, "turnover",
	     "%s blocks from before the attach were freed meanwhile, many of them late: "
	     "what grew may have replaced them; record for longer",
	     spell_count(&n, r->totals.totals.foreign_frees));
}

int recording_conclude(struct recording *r, struct err *err)
{
	if (r->concluded)
		return 0;
	int rc = sites_by_stack(&r->sites, &r->by_stack, err);
	if (rc < 0)
		return rc;
	r->verdicts = calloc(r->stacks.stacks.len + 1, sizeof *r->verdicts);
	if (!r->verdicts)
		return err_nomem(err);
	for (size_t i = 0; i < r->stacks.stacks.len; i++)
		r->verdicts[i] = growth_judge(&r->growth, (uint32_t)i);
	r->overall = growth_judge_all(&r->growth);
	fill_totals(r);
	r->peaks_cut = peaks_cut(r);
	doubt_turnover(r, &rc);
	if (rc == 0)
		rc = find_suspects(r, err);
	if (rc == 0)
		rc = leaks_find(&r->leaks, r, err);
	if (rc == 0)
		rc = drop_acquitted(r, err);
	if (rc == 0)
		rc = cases_locate(&r->cases, &r->stacks, err);
	if (rc < 0)
		return rc;
	note_losses(r, &rc);
	note_outside(r, &rc);
	note_coverage(r, &rc);
	note_used_again(r, &rc);
	if (rc < 0)
		return err_nomem(err);
	r->concluded = true;
	return 0;
}
