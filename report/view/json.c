/* SPDX-License-Identifier: MIT */
/*
 * The whole recording as one JSON object (RFC 8259), written as it is produced: memory does
 * not grow with the report. Names and their order are promises: pymemprof-json(5). What a
 * question selects in text, a program selects itself, so every question gives the same object.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "report/view/view.h"

#define SCHEMA "pymemprof-report/1"

/* What is open: `first` says whether the next value needs no comma. */
struct json {
	struct out *out;
	bool first;
};

static void key(struct json *j, const char *name)
{
	out_printf(j->out, "%s\"%s\":", j->first ? "" : ",", name);
	j->first = false;
}

static void open_value(struct json *j, const char *name, char bracket)
{
	if (name)
		key(j, name);
	else if (!j->first)
		out_put(j->out, ",", 1);
	out_put(j->out, &bracket, 1);
	j->first = true;
}

static void close_value(struct json *j, char bracket)
{
	out_put(j->out, &bracket, 1);
	j->first = false;
}

static void put_number(struct json *j, const char *name, uint64_t v)
{
	key(j, name);
	out_printf(j->out, "%" PRIu64, v);
}

/* JSON knows no infinity and no NaN. */
static void put_real(struct json *j, const char *name, double v, int digits)
{
	key(j, name);
	if (isfinite(v))
		out_printf(j->out, "%.*f", digits, v);
	else
		out_str(j->out, "null");
}

static void put_bool(struct json *j, const char *name, bool v)
{
	key(j, name);
	out_str(j->out, v ? "true" : "false");
}

static void put_null(struct json *j, const char *name)
{
	key(j, name);
	out_str(j->out, "null");
}

static void put_text(struct json *j, const char *name, const char *text, size_t n)
{
	key(j, name);
	out_put(j->out, "\"", 1);
	out_escaped(j->out, ESCAPE_JSON, text, n);
	out_put(j->out, "\"", 1);
}

static void put_word(struct json *j, const char *name, const char *word)
{
	put_text(j, name, word, strlen(word));
}

static void put_start(struct json *j, uint64_t unix_ns)
{
	char text[32] = "";
	time_t s = (time_t)(unix_ns / 1000000000);
	struct tm tm;
	if (gmtime_r(&s, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		put_word(j, "start", text);
	put_number(j, "start_unix_ns", unix_ns);
}

static void put_target(struct json *j, const struct recording *r)
{
	const struct fact_target *t = &r->totals.target;
	if (!r->totals.have_target) {
		put_null(j, "target");
		return;
	}
	open_value(j, "target", '{');
	key(j, "pid");
	out_printf(j->out, "%" PRId32, t->pid);
	put_word(j, "executable", t->executable);
	put_word(j, "implementation", t->implementation);
	put_word(j, "python_version", t->python_version);
	put_word(j, "architecture", t->arch);
	put_number(j, "word_bytes", t->word_bytes);
	put_start(j, t->start_unix_ns);
	put_number(j, "sample_bytes", t->sample_bytes);
	put_number(j, "window_slots", t->window_slots);
	put_bool(j, "tracemalloc", t->tracemalloc_on);
	put_bool(j, "from_start", t->from_start);
	close_value(j, '}');
}

static void put_counters(struct json *j, const struct counters *c)
{
	put_number(j, "live_bytes", counters_live_bytes(c));
	put_number(j, "live_blocks", counters_live_blocks(c));
	put_number(j, "allocated_bytes", c->alloc_bytes);
	put_number(j, "allocated_blocks", c->alloc_blocks);
	put_number(j, "freed_bytes", c->free_bytes);
	put_number(j, "freed_blocks", c->free_blocks);
	put_number(j, "temporary_bytes", c->temp_bytes);
	put_number(j, "temporary_blocks", c->temp_blocks);
	put_number(j, "peak_bytes", c->peak_bytes);
	put_number(j, "peak_blocks", c->peak_blocks);
}

static void put_estimate(struct json *j, const struct recording *r)
{
	if (totals_estimated(&r->totals))
		put_bool(j, "estimate", true);
}

static void put_verdict(struct json *j, const struct growth_verdict *v)
{
	char reason[GROWTH_REASON_MAX];
	open_value(j, "verdict", '{');
	put_word(j, "class", growth_class_name(v->class));
	put_word(j, "confidence", growth_confidence_name(v->confidence));
	put_word(j, "reason", growth_reason(v, reason));
	put_number(j, "samples", v->samples);
	put_number(j, "grew", v->grew);
	put_number(j, "fell", v->fell);
	put_number(j, "first_ns", v->first_ns);
	put_number(j, "last_growth_ns", v->last_growth_ns);
	if (v->last_fall_ns)
		put_number(j, "last_fall_ns", v->last_fall_ns);
	else
		put_null(j, "last_fall_ns");
	put_number(j, "highest_bytes", v->highest_bytes);
	put_real(j, "slope_bytes_per_second", v->slope_bytes_per_s, 1);
	put_real(j, "r2", v->r2, 4);
	put_real(j, "surviving", v->surviving, 4);
	if (v->oldest_block_ns == UINT64_MAX)
		put_null(j, "oldest_block_ns");
	else
		put_number(j, "oldest_block_ns", v->oldest_block_ns);
	close_value(j, '}');
}

static void put_totals(struct json *j, const struct recording *r)
{
	const struct fact_totals *t = &r->totals.totals;
	open_value(j, "totals", '{');
	put_estimate(j, r);
	put_number(j, "live_bytes", t->live_bytes);
	put_number(j, "live_blocks", t->live_blocks);
	put_number(j, "allocated_bytes", t->alloc_bytes);
	put_number(j, "allocated_blocks", t->alloc_blocks);
	put_number(j, "freed_bytes", t->free_bytes);
	put_number(j, "freed_blocks", t->free_blocks);
	put_number(j, "temporary_bytes", t->temp_bytes);
	put_number(j, "temporary_blocks", t->temp_blocks);
	put_number(j, "peak_bytes", t->peak_bytes);
	put_number(j, "peak_blocks", t->peak_blocks);
	put_number(j, "peak_at_ns", t->peak_at_ns);
	put_number(j, "peak_slack_bytes", t->peak_slack_bytes);
	put_number(j, "foreign_frees", t->foreign_frees);
	put_number(j, "rss_first_bytes", r->timeline.rss_first_bytes);
	put_number(j, "rss_last_bytes", r->timeline.rss_last_bytes);
	put_number(j, "rss_max_bytes", r->timeline.rss_max_bytes);
	put_number(j, "duration_ns", t->duration_ns);
	put_word(j, "end", totals_end_name(r->totals.end));
	put_verdict(j, &r->overall);
	close_value(j, '}');
}

static void put_stack(struct json *j, const struct recording *r, uint32_t stack)
{
	struct stack_text f;
	uint32_t place = r->stacks.stacks.at[stack];
	open_value(j, "stack", '[');
	while (stacks_next(&r->stacks, &place, &f)) {
		open_value(j, NULL, '{');
		put_text(j, "function", f.function, f.function_bytes);
		put_text(j, "file", f.file, f.file_bytes);
		put_number(j, "line", f.line);
		close_value(j, '}');
	}
	close_value(j, ']');
	if (place == STACKS_TRUNCATED)
		put_bool(j, "truncated", true);
}

static int put_sites(struct json *j, const struct recording *r, const uint32_t *order, size_t n,
		     struct err *err)
{
	open_value(j, "sites", '[');
	for (size_t i = 0; i < n; i++) {
		open_value(j, NULL, '{');
		put_stack(j, r, order[i]);
		put_estimate(j, r);
		put_counters(j, &r->by_stack[order[i]]);
		put_verdict(j, &r->verdicts[order[i]]);
		close_value(j, '}');
		int rc = out_check(j->out, err);
		if (rc < 0)
			return rc;
	}
	close_value(j, ']');
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
	open_value(j, "sites", '[');
	for (; lo < n && owned[lo].thread == thread; lo++) {
		struct counters c = sites_of(&r->sites, owned[lo].site);
		open_value(j, NULL, '{');
		put_number(j, "site", rank[stacks_site(&r->stacks, owned[lo].site)->stack]);
		put_number(j, "live_bytes", counters_live_bytes(&c));
		put_number(j, "live_blocks", counters_live_blocks(&c));
		put_number(j, "allocated_bytes", c.alloc_bytes);
		put_number(j, "allocated_blocks", c.alloc_blocks);
		close_value(j, '}');
	}
	close_value(j, ']');
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
	open_value(j, "threads", '[');
	for (size_t i = 0; i < n; i++) {
		open_value(j, NULL, '{');
		put_number(j, "thread", rows[i].thread);
		if (rows[i].tid)
			put_number(j, "tid", rows[i].tid);
		else
			put_null(j, "tid");
		put_word(j, "name", rows[i].name);
		put_estimate(j, r);
		put_counters(j, &rows[i].counters);
		put_thread_sites(j, r, rows[i].thread, owned, nsites, rank);
		close_value(j, '}');
	}
	close_value(j, ']');
	return out_check(j->out, err);
}

static void put_timeline(struct json *j, const struct recording *r)
{
	open_value(j, "timeline", '[');
	for (size_t i = 0; i < r->timeline.slices.len; i++) {
		const struct timeline_slice *s = &r->timeline.slices.at[i];
		if (s->at_ns == 0)
			continue;
		open_value(j, NULL, '{');
		put_number(j, "at_ns", s->at_ns);
		put_number(j, "live_bytes", s->live_bytes);
		if (s->rss_bytes)
			put_number(j, "rss_bytes", s->rss_bytes);
		else
			put_null(j, "rss_bytes");
		put_number(j, "allocated_bytes", s->alloc_bytes);
		put_number(j, "allocated_blocks", s->alloc_blocks);
		put_number(j, "freed_bytes", s->free_bytes);
		put_number(j, "freed_blocks", s->free_blocks);
		put_number(j, "temporary_bytes", s->temp_bytes);
		put_number(j, "temporary_blocks", s->temp_blocks);
		close_value(j, '}');
	}
	close_value(j, ']');
}

static void put_cost(struct json *j, const struct recording *r)
{
	const struct fact_cost *c = &r->totals.cost;
	if (!r->totals.have_cost) {
		put_null(j, "cost");
		return;
	}
	open_value(j, "cost", '{');
	put_number(j, "attach_stop_ns", c->attach_stop_ns);
	put_number(j, "detach_stop_ns", c->detach_stop_ns);
	put_number(j, "attach_ns", c->attach_ns);
	put_number(j, "agent_bytes", c->agent_bytes);
	put_number(j, "events", c->events);
	put_number(j, "batches", c->batches);
	put_number(j, "stream_bytes", c->stream_bytes);
	put_number(j, "dropped", c->dropped_events);
	put_number(j, "dropped_off_gil", c->offgil_dropped);
	put_number(j, "stalls", c->stalls);
	put_number(j, "stall_ns", c->stall_ns);
	put_real(j, "tracer_cpu_seconds", (double)c->tracer_cpu_ns / 1e9, 6);
	put_number(j, "tracer_rss_bytes", c->tracer_rss_bytes);
	put_real(j, "target_cpu_seconds", (double)c->target_cpu_ns / 1e9, 6);
	close_value(j, '}');
}

static void put_limits(struct json *j, const struct recording *r)
{
	open_value(j, "limits", '[');
	for (size_t i = 0; i < r->totals.notes.len; i++) {
		open_value(j, NULL, '{');
		put_word(j, "code", r->totals.notes.at[i].code);
		put_word(j, "text", r->totals.notes.at[i].text);
		close_value(j, '}');
	}
	close_value(j, ']');
}

static void put_suspects(struct json *j, const struct recording *r, const uint32_t *rank)
{
	open_value(j, "suspects", '[');
	for (size_t i = 0; i < r->nsuspects; i++) {
		out_printf(j->out, "%s%" PRIu32, j->first ? "" : ",", rank[r->suspects[i]]);
		j->first = false;
	}
	close_value(j, ']');
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
	open_value(&j, NULL, '{');
	put_word(&j, "schema", SCHEMA);
	put_word(&j, "generator", "pymemprof " PYMEMPROF_VERSION);
	put_target(&j, r);
	put_totals(&j, r);
	put_suspects(&j, r, rank);
	rc = put_sites(&j, r, order, n, err);
	if (rc == 0)
		rc = put_threads(&j, r, rank, err);
	if (rc < 0)
		return rc;
	put_timeline(&j, r);
	put_cost(&j, r);
	put_limits(&j, r);
	close_value(&j, '}');
	out_put(out, "\n", 1);
	return out_check(out, err);
}

const struct view view_json = {
	.name = "json",
	.summary = "everything with exact figures, versioned (pymemprof-json(5))",
	.questions = (1u << VIEW_QUESTIONS) - 1,
	.draw = draw,
};
