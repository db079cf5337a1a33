/* SPDX-License-Identifier: MIT */
/*
 * The whole recording as one JSON object (RFC 8259), written as it is produced: memory does
 * not grow with the report. Names and their order are promises: pymemprof-json(5). What a
 * question selects in text, a program selects itself, so every question gives the same object.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "report/view/json_put.h"
#include "report/view/view.h"

#define SCHEMA "pymemprof-report/1"

static void put_start(struct json *j, uint64_t unix_ns)
{
	char text[32] = "";
	time_t s = (time_t)(unix_ns / 1000000000);
	struct tm tm;
	if (gmtime_r(&s, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		json_word(j, "start", text);
	json_number(j, "start_unix_ns", unix_ns);
}

static void put_target(struct json *j, const struct recording *r)
{
	const struct fact_target *t = &r->totals.target;
	if (!r->totals.have_target) {
		json_nothing(j, "target");
		return;
	}
	json_open(j, "target", '{');
	json_key(j, "pid");
	out_printf(j->out, "%" PRId32, t->pid);
	json_word(j, "executable", t->executable);
	json_word(j, "implementation", t->implementation);
	json_word(j, "python_version", t->python_version);
	json_word(j, "architecture", t->arch);
	json_number(j, "word_bytes", t->word_bytes);
	put_start(j, t->start_unix_ns);
	json_number(j, "sample_bytes", t->sample_bytes);
	json_number(j, "window_slots", t->window_slots);
	json_bool(j, "tracemalloc", t->tracemalloc_on);
	json_bool(j, "from_start", t->from_start);
	json_close(j, '}');
}

static void put_counters(struct json *j, const struct recording *r, const struct counters *c)
{
	json_number(j, "live_bytes", counters_live_bytes(c));
	json_number(j, "live_blocks", counters_live_blocks(c));
	json_number(j, "allocated_bytes", c->alloc_bytes);
	json_number(j, "allocated_blocks", c->alloc_blocks);
	json_number(j, "freed_bytes", c->free_bytes);
	json_number(j, "freed_blocks", c->free_blocks);
	json_number(j, "temporary_bytes", c->temp_bytes);
	json_number(j, "temporary_blocks", c->temp_blocks);
	if (r->peaks_cut) {
		json_nothing(j, "peak_bytes");
		json_nothing(j, "peak_blocks");
		return;
	}
	json_number(j, "peak_bytes", c->peak_bytes);
	json_number(j, "peak_blocks", c->peak_blocks);
}

static void put_estimate(struct json *j, const struct recording *r)
{
	if (totals_estimated(&r->totals))
		json_bool(j, "estimate", true);
}

static void put_verdict(struct json *j, const struct growth_verdict *v)
{
	char reason[GROWTH_REASON_MAX];
	json_open(j, "verdict", '{');
	json_word(j, "class", growth_class_name(v->class));
	json_word(j, "confidence", growth_confidence_name(v->confidence));
	json_word(j, "reason", growth_reason(v, reason));
	json_number(j, "samples", v->samples);
	json_number(j, "grew", v->grew);
	json_number(j, "fell", v->fell);
	json_number(j, "first_ns", v->first_ns);
	json_number(j, "last_growth_ns", v->last_growth_ns);
	json_number(j, "settled_ns", v->settled_ns);
	if (v->last_fall_ns)
		json_number(j, "last_fall_ns", v->last_fall_ns);
	else
		json_nothing(j, "last_fall_ns");
	json_number(j, "highest_bytes", v->highest_bytes);
	json_fraction(j, "slope_bytes_per_second", v->slope_bytes_per_s, 1);
	json_fraction(j, "r2", v->r2, 4);
	json_fraction(j, "surviving", v->surviving, 4);
	if (v->oldest_block_ns == UINT64_MAX)
		json_nothing(j, "oldest_block_ns");
	else
		json_number(j, "oldest_block_ns", v->oldest_block_ns);
	json_close(j, '}');
}

/* What was not recorded is not 0. */
static void put_total(struct json *j, const struct recording *r, const char *name, uint64_t v)
{
	if (recording_nothing(r))
		json_nothing(j, name);
	else
		json_number(j, name, v);
}

static void put_totals(struct json *j, const struct recording *r)
{
	const struct fact_totals *t = &r->totals.totals;
	json_open(j, "totals", '{');
	put_estimate(j, r);
	put_total(j, r, "live_bytes", t->live_bytes);
	put_total(j, r, "live_blocks", t->live_blocks);
	put_total(j, r, "allocated_bytes", t->alloc_bytes);
	put_total(j, r, "allocated_blocks", t->alloc_blocks);
	put_total(j, r, "freed_bytes", t->free_bytes);
	put_total(j, r, "freed_blocks", t->free_blocks);
	put_total(j, r, "temporary_bytes", t->temp_bytes);
	put_total(j, r, "temporary_blocks", t->temp_blocks);
	put_total(j, r, "peak_bytes", t->peak_bytes);
	put_total(j, r, "peak_blocks", t->peak_blocks);
	put_total(j, r, "peak_at_ns", t->peak_at_ns);
	put_total(j, r, "peak_slack_bytes", t->peak_slack_bytes);
	put_total(j, r, "foreign_frees", t->foreign_frees);
	json_number(j, "rss_first_bytes", r->timeline.rss_first_bytes);
	json_number(j, "rss_last_bytes", r->timeline.rss_last_bytes);
	json_number(j, "rss_max_bytes", r->timeline.rss_max_bytes);
	json_number(j, "duration_ns", t->duration_ns);
	json_word(j, "end", totals_end_name(r->totals.end));
	if (recording_nothing(r))
		json_nothing(j, "verdict");
	else
		put_verdict(j, &r->overall);
	json_close(j, '}');
}

static void put_stack(struct json *j, const struct recording *r, uint32_t stack)
{
	struct stack_text f;
	uint32_t place = r->stacks.stacks.at[stack];
	json_open(j, "stack", '[');
	while (stacks_next(&r->stacks, &place, &f)) {
		json_open(j, NULL, '{');
		json_text(j, "function", f.function, f.function_bytes);
		json_text(j, "file", f.file, f.file_bytes);
		json_number(j, "line", f.line);
		json_close(j, '}');
	}
	json_close(j, ']');
	if (place == STACKS_TRUNCATED)
		json_bool(j, "truncated", true);
}

static int put_sites(struct json *j, const struct recording *r, const uint32_t *order, size_t n,
		     struct err *err)
{
	json_open(j, "sites", '[');
	/* Stacks of which only a snapshot knows, from the target's tracemalloc, come last. */
	for (size_t i = 0; i < n && r->by_stack[order[i]].alloc_blocks; i++) {
		json_open(j, NULL, '{');
		put_stack(j, r, order[i]);
		put_estimate(j, r);
		put_counters(j, r, &r->by_stack[order[i]]);
		put_verdict(j, &r->verdicts[order[i]]);
		json_close(j, '}');
		int rc = out_check(j->out, err);
		if (rc < 0)
			return rc;
	}
	json_close(j, ']');
	return 0;
}

struct owned_site {
	uint32_t thread, site;
};

static int by_thread(const void *a, const void *b)
{
	const struct owned_site *x = a, *y = b;
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return x->site < y->site ? -1 : x->site > y->site;
}

/* The sites of one thread, out of the list sorted by thread. */
static void put_thread_sites(struct json *j, const struct recording *r, uint32_t thread,
			     const struct owned_site *owned, size_t n, const uint32_t *rank)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (owned[mid].thread < thread)
			lo = mid + 1;
		else
			hi = mid;
	}
	json_open(j, "sites", '[');
	for (; lo < n && owned[lo].thread == thread; lo++) {
		struct counters c = sites_of(&r->sites, owned[lo].site);
		if (!c.alloc_blocks)
			continue;
		json_open(j, NULL, '{');
		json_number(j, "site", rank[stacks_site(&r->stacks, owned[lo].site)->stack]);
		json_number(j, "live_bytes", counters_live_bytes(&c));
		json_number(j, "live_blocks", counters_live_blocks(&c));
		json_number(j, "allocated_bytes", c.alloc_bytes);
		json_number(j, "allocated_blocks", c.alloc_blocks);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static int put_threads(struct json *j, const struct recording *r, const uint32_t *rank,
		       struct err *err)
{
	AUTO_FREE struct thread_row *rows = NULL;
	size_t n, nsites = r->stacks.sites.len;
	int rc = threads_rows(&r->threads, &r->sites, &rows, &n, err);
	if (rc < 0)
		return rc;
	AUTO_FREE struct owned_site *owned = calloc(nsites + 1, sizeof *owned);
	if (!owned)
		return err_nomem(err);
	for (size_t i = 0; i < nsites; i++)
		owned[i] = (struct owned_site){ .thread = r->stacks.sites.at[i].thread,
						.site = (uint32_t)i + 1 };
	qsort(owned, nsites, sizeof *owned, by_thread);
	json_open(j, "threads", '[');
	for (size_t i = 0; i < n; i++) {
		json_open(j, NULL, '{');
		json_number(j, "thread", rows[i].thread);
		if (rows[i].tid)
			json_number(j, "tid", rows[i].tid);
		else
			json_nothing(j, "tid");
		json_word(j, "name", rows[i].name);
		put_estimate(j, r);
		put_counters(j, r, &rows[i].counters);
		put_thread_sites(j, r, rows[i].thread, owned, nsites, rank);
		json_close(j, '}');
	}
	json_close(j, ']');
	return out_check(j->out, err);
}

static void put_timeline(struct json *j, const struct recording *r)
{
	json_open(j, "timeline", '[');
	for (size_t i = 0; i < r->timeline.slices.len; i++) {
		const struct timeline_slice *s = &r->timeline.slices.at[i];
		if (s->at_ns == 0)
			continue;
		json_open(j, NULL, '{');
		json_number(j, "at_ns", s->at_ns);
		json_number(j, "live_bytes", s->live_bytes);
		if (s->rss_bytes)
			json_number(j, "rss_bytes", s->rss_bytes);
		else
			json_nothing(j, "rss_bytes");
		json_number(j, "allocated_bytes", s->alloc_bytes);
		json_number(j, "allocated_blocks", s->alloc_blocks);
		json_number(j, "freed_bytes", s->free_bytes);
		json_number(j, "freed_blocks", s->free_blocks);
		json_number(j, "temporary_bytes", s->temp_bytes);
		json_number(j, "temporary_blocks", s->temp_blocks);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_test_sites(struct json *j, const struct recording *r, const char *name,
			   const struct fact_test_site *sites, uint32_t n, const uint32_t *rank)
{
	json_open(j, name, '[');
	for (uint32_t i = 0; i < n; i++) {
		const struct stack_site *s = stacks_site(&r->stacks, sites[i].site);
		if (!s)
			continue;
		json_open(j, NULL, '{');
		json_number(j, "site", rank[s->stack]);
		json_number(j, "bytes", sites[i].bytes);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_phases(struct json *j, const struct fact_test *f)
{
	static const char *const names[FACT_TEST_PHASES] = { "setup", "call", "teardown" };
	for (size_t i = 0; i < FACT_TEST_PHASES; i++) {
		json_open(j, names[i], '{');
		json_number(j, "allocated_bytes", f->phase[i].alloc_bytes);
		json_number(j, "allocated_blocks", f->phase[i].alloc_blocks);
		json_number(j, "peak_bytes", f->phase[i].peak_bytes);
		json_close(j, '}');
	}
}

static void put_tests(struct json *j, const struct recording *r, const uint32_t *rank)
{
	json_open(j, "tests", '[');
	for (size_t i = 0; i < r->cases.rows.len; i++) {
		const struct test_case *t = &r->cases.rows.at[i];
		const struct fact_test *f = &t->fact;
		json_open(j, NULL, '{');
		json_text(j, "test", f->id, strlen(f->id));
		json_text(j, "function", t->function, strlen(t->function));
		json_text(j, "file", t->file, strlen(t->file));
		json_number(j, "line", t->line);
		json_number(j, "runs", f->runs);
		json_number(j, "first_ns", f->first_ns);
		json_number(j, "duration_ns", f->duration_ns);
		json_number(j, "peak_bytes", f->peak_bytes);
		json_number(j, "kept_bytes", f->kept_bytes);
		json_number(j, "kept_blocks", f->kept_blocks);
		json_number(j, "left_bytes", f->left_bytes);
		json_number(j, "left_blocks", f->left_blocks);
		json_number(j, "allocated_bytes", f->alloc_bytes);
		json_number(j, "allocated_blocks", f->alloc_blocks);
		put_phases(j, f);
		put_test_sites(j, r, "peak_sites", f->peak, f->npeak, rank);
		put_test_sites(j, r, "kept_sites", f->kept, f->nkept, rank);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_cost(struct json *j, const struct recording *r)
{
	const struct fact_cost *c = &r->totals.cost;
	if (!r->totals.have_cost) {
		json_nothing(j, "cost");
		return;
	}
	json_open(j, "cost", '{');
	json_number(j, "attach_stop_ns", c->attach_stop_ns);
	json_number(j, "detach_stop_ns", c->detach_stop_ns);
	json_number(j, "attach_ns", c->attach_ns);
	if (c->first_event_ns)
		json_number(j, "first_event_ns", c->first_event_ns);
	else
		json_nothing(j, "first_event_ns");
	json_number(j, "agent_bytes", c->agent_bytes);
	json_number(j, "events", c->events);
	json_number(j, "batches", c->batches);
	json_number(j, "stream_bytes", c->stream_bytes);
	json_number(j, "dropped", c->dropped_events);
	json_number(j, "dropped_off_gil", c->offgil_dropped);
	json_number(j, "stalls", c->stalls);
	json_number(j, "stall_ns", c->stall_ns);
	json_fraction(j, "tracer_cpu_seconds", (double)c->tracer_cpu_ns / 1e9, 6);
	json_number(j, "tracer_rss_bytes", c->tracer_rss_bytes);
	json_fraction(j, "target_cpu_seconds", (double)c->target_cpu_ns / 1e9, 6);
	if (c->pause_kind != FACT_PAUSE_NONE) {
		json_number(j, "pause_ns", c->pause_ns);
		json_number(j, "pause_total_ns", c->pause_total_ns);
		json_word(j, "pause_kind", totals_pause_name(c->pause_kind));
		json_number(j, "pause_retries", c->pause_retries);
		json_number(j, "snapshot_ns", c->snapshot_ns);
	}
	json_close(j, '}');
}

static void put_limits(struct json *j, const struct recording *r)
{
	json_open(j, "limits", '[');
	for (size_t i = 0; i < r->totals.notes.len; i++) {
		json_open(j, NULL, '{');
		json_word(j, "code", r->totals.notes.at[i].code);
		json_word(j, "text", r->totals.notes.at[i].text);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_suspects(struct json *j, const struct recording *r, const uint32_t *rank)
{
	json_open(j, "suspects", '[');
	for (size_t i = 0; i < r->nsuspects; i++) {
		out_printf(j->out, "%s%" PRIu32, j->first ? "" : ",", rank[r->suspects[i]]);
		j->first = false;
	}
	json_close(j, ']');
}

static int draw(const struct recording *r, const struct view_options *o, struct out *out,
		struct err *err)
{
	size_t n = r->stacks.stacks.len;
	AUTO_FREE uint32_t *order = NULL;
	int rc = sites_order(r->by_stack, n, o->metric, &order, err);
	if (rc < 0)
		return rc;
	AUTO_FREE uint32_t *rank = calloc(n + 1, sizeof *rank);
	if (!rank)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		rank[order[i]] = (uint32_t)i;
	struct json j = { .out = out, .first = true };
	json_open(&j, NULL, '{');
	json_word(&j, "schema", SCHEMA);
	json_word(&j, "generator", "pymemprof " PYMEMPROF_VERSION);
	put_target(&j, r);
	put_totals(&j, r);
	put_suspects(&j, r, rank);
	rc = json_leaks(&j, r, rank, err);
	if (rc == 0)
		rc = put_sites(&j, r, order, recording_is_snapshot(r) ? 0 : n, err);
	if (rc == 0)
		rc = put_threads(&j, r, rank, err);
	if (rc < 0)
		return rc;
	put_timeline(&j, r);
	put_tests(&j, r, rank);
	rc = json_heap(&j, r, o->path, err);
	if (rc < 0)
		return rc;
	put_cost(&j, r);
	put_limits(&j, r);
	json_close(&j, '}');
	out_put(out, "\n", 1);
	return out_check(out, err);
}

const struct view view_json = {
	.name = "json",
	.summary = "everything with exact figures, versioned (pymemprof-json(5))",
	.questions = (1u << VIEW_QUESTIONS) - 1,
	.draw = draw,
};
