/* SPDX-License-Identifier: MIT */
/*
 * What is read first and what remains when scripts are not allowed: verdict, memory, suspects,
 * sites, threads, cost, limits, what the words mean. data-view names the views a section is in.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "report/view/html/html.h"

#define CURVE 120	    /* points of the static curve */
#define CURVE_WIDTH 600	    /* its box, in its own units */
#define CURVE_HEIGHT 120

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void header(struct text *t)
{
	const struct fact_target *f = &t->r->totals.target;
	char when[32] = "";
	struct units u;
	time_t s = (time_t)(f->start_unix_ns / 1000000000);
	struct tm tm;
	out_str(t->out, "<header id=\"top\"><p class=\"who\"><b>pymemprof</b>");
	if (t->r->totals.have_target) {
		if (gmtime_r(&s, &tm))
			strftime(when, sizeof when, "%Y-%m-%d %H:%M:%SZ", &tm);
		out_str(t->out, " <span><bdi>");
		html_name_str(t, f->executable);
		out_printf(t->out, "</bdi></span> <span>pid %d</span> <span><bdi>", f->pid);
		html_name_str(t, f->implementation);
		out_str(t->out, " ");
		html_name_str(t, f->python_version);
		out_printf(t->out, "</bdi></span> <span>%s</span>", when);
	}
	if (t->r->totals.totals.duration_ns)
		out_printf(t->out, " <span>%s</span>",
			   units_duration(&u, t->r->totals.totals.duration_ns));
	out_str(t->out, "</p></header>\n<main>\n");
}

static void curve_line(struct text *t, const uint64_t *v, size_t n, uint64_t top, const char *class)
{
	out_printf(t->out, "<polyline class=\"%s\" fill=\"none\" stroke=\"currentColor\" points=\"",
		   class);
	for (size_t i = 0; i < n; i++)
		out_printf(t->out, "%s%.1f,%.1f", i ? " " : "",
			   n > 1 ? (double)i * CURVE_WIDTH / (double)(n - 1) : 0,
			   CURVE_HEIGHT - 2 -
				   (double)v[i] / (double)(top ? top : 1) * (CURVE_HEIGHT - 6));
	out_str(t->out, "\"/>");
}

/* Live bytes over time, drawn without a script. */
static void curve(struct text *t)
{
	uint64_t live[CURVE], top = 0;
	struct units a, b;
	size_t n = timeline_curve(&t->r->timeline, false, live, CURVE);
	for (size_t i = 0; i < n; i++)
		top = live[i] > top ? live[i] : top;
	if (n < 2 || top == 0)
		return;
	out_printf(t->out,
		   "<figure><svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" "
		   "preserveAspectRatio=\"none\" aria-label=\"Live bytes over time: from %s to %s\">"
		   "<path class=\"axis\" fill=\"none\" stroke=\"currentColor\" d=\"M0 %dH%d\"/>",
		   CURVE_WIDTH, CURVE_HEIGHT, CURVE_WIDTH, CURVE_HEIGHT, units_bytes(&a, live[0]),
		   units_bytes(&b, live[n - 1]), CURVE_HEIGHT - 1, CURVE_WIDTH);
	curve_line(t, live, n, top, "live");
	out_printf(t->out, "</svg><figcaption>Python live bytes, 0 to %s%s, over %s</figcaption></figure>\n",
		   t->about, units_bytes(&a, top),
		   units_duration(&b, t->r->timeline.end_ns));
}

static void verdict(struct text *t)
{
	static const char *const class[] = { [TEXT_PLAIN] = "", [TEXT_STRONG] = "warn",
					     [TEXT_BAD] = "bad", [TEXT_GOOD] = "good",
					     [TEXT_DIM] = "" };
	char words[TEXT_VERDICT_MAX];
	const char *head;
	enum text_role role = text_verdict(t, &head, words);
	out_printf(t->out,
		   "<section id=\"s-verdict\" data-view=\"summary leaks\"><h1 class=\"%s\">%s</h1>"
		   "<p class=\"lead\">",
		   class[role], head);
	html_name_str(t, words);
	out_str(t->out, "</p>\n");
	curve(t);
	out_str(t->out, "</section>\n");
}

static void dash(struct text *t)
{
	out_str(t->out, "<td class=\"n\">-</td>");
}

static void memory(struct text *t)
{
	static const char *const now[] = { "What", "#Now", "#Peak", "#Growth" };
	static const char *const sums[] = { "What", "#Bytes", "#Blocks" };
	const struct fact_totals *s = &t->r->totals.totals;
	const struct timeline *l = &t->r->timeline;
	const bool told = t->r->overall.class != GROWTH_SHORT && t->r->overall.samples > 0;
	struct units u;
	if (recording_is_snapshot(t->r))
		return;
	out_str(t->out,
		"<section id=\"s-memory\" data-view=\"summary memory\"><h2>Memory</h2>\n");
	html_table(t, "t-now", "Resident and live", now, COUNT(now));
	if (l->rss_max_bytes) {
		out_str(t->out, "<tr><th scope=\"row\">resident (RSS)</th>");
		html_exact_bytes(t, l->rss_last_bytes);
		html_exact_bytes(t, l->rss_max_bytes);
		double secs = (double)(l->rss_last_ns - l->rss_first_ns) / 1e9;
		double grew = (double)l->rss_last_bytes - (double)l->rss_first_bytes;
		out_printf(t->out, "<td class=\"n\">%s</td></tr>\n",
			   units_rate(&u, secs > 0 ? grew / secs : 0));
	}
	out_printf(t->out, "<tr><th scope=\"row\">Python, live%s</th>",
		   t->r->totals.target.from_start ? "" : " (since the attach)");
	html_bytes(t, s->live_bytes);
	html_bytes(t, s->peak_bytes);
	if (told)
		out_printf(t->out, "<td class=\"n\">%s%s</td>", t->about,
			   units_rate(&u, t->r->overall.slope_bytes_per_s));
	else
		dash(t);
	out_str(t->out, "</tr>\n");
	html_table_end(t);
	const struct { const char *name; uint64_t bytes, blocks; } rows[] = {
		{ "allocated", s->alloc_bytes, s->alloc_blocks },
		{ "freed", s->free_bytes, s->free_blocks },
		{ "of both: died young (temporary)", s->temp_bytes, s->temp_blocks },
		{ "live = allocated - freed", s->live_bytes, s->live_blocks },
	};
	html_table(t, "t-balance", "Balance", sums, COUNT(sums));
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (i == 2 && (!t->r->totals.target.window_slots || totals_estimated(&t->r->totals)))
			continue; /* not told apart then */
		out_printf(t->out, "<tr><th scope=\"row\">%s</th>", rows[i].name);
		html_bytes(t, rows[i].bytes);
		html_count(t, rows[i].blocks);
		out_str(t->out, "</tr>\n");
	}
	html_table_end(t);
	out_str(t->out, "</section>\n");
}

static void suspect_row(struct text *t, size_t i)
{
	uint32_t stack = t->r->suspects[i];
	const struct growth_verdict *v = &t->r->verdicts[stack];
	struct units u;
	out_printf(t->out, "<tr><td class=\"n\">%zu</td>", i + 1);
	html_place(t, stack);
	html_bytes(t, counters_live_bytes(&t->r->by_stack[stack]));
	html_count(t, counters_live_blocks(&t->r->by_stack[stack]));
	out_printf(t->out, "<td class=\"n\">%s%s</td>", t->about,
		   units_rate(&u, v->slope_bytes_per_s));
	html_words(t, growth_confidence_name(v->confidence));
	out_str(t->out, "</tr>\n");
}

static void evidence(struct text *t, size_t n)
{
	char reason[GROWTH_REASON_MAX];
	struct stack_text f;
	out_str(t->out, "<div id=\"s-evidence\" data-view=\"leaks\">\n");
	for (size_t i = 0; i < n; i++) {
		uint32_t stack = t->r->suspects[i], place = t->r->stacks.stacks.at[stack];
		out_printf(t->out, "<details class=\"evidence\"%s><summary>Suspect %zu",
			   i ? "" : " open", i + 1);
		if (stacks_next(&t->r->stacks, &place, &f)) {
			out_str(t->out, ": <bdi>");
			html_name(t, f.function, f.function_bytes);
			out_str(t->out, "</bdi>");
		}
		out_str(t->out, "</summary><p>Why: ");
		html_name_str(t, growth_reason(&t->r->verdicts[stack], reason));
		out_str(t->out, "</p><p>Made at, innermost first:</p>");
		html_stack(t, stack);
		out_str(t->out, "</details>\n");
	}
	out_str(t->out, "</div>\n");
}

static void suspects(struct text *t)
{
	static const char *const titles[] = { "#No",	 "Made at", "#Live",
					      "#Blocks", "#Growth", "Confidence" };
	const struct recording *r = t->r;
	size_t n = r->nsuspects < HTML_TOP ? r->nsuspects : HTML_TOP;
	if (recording_is_snapshot(r))
		return;
	out_str(t->out, "<section id=\"s-suspects\" data-view=\"summary leaks\">"
			"<h2>Leak suspects</h2>\n");
	if (n == 0) {
		out_printf(t->out, "<p>%s</p></section>\n",
			   r->overall.class == GROWTH_SHORT ?
				   "None named: the recording is too short." :
				   "None: nothing grew without end.");
		return;
	}
	html_table(t, "t-suspects", "Stacks whose live bytes grow and stay", titles, COUNT(titles));
	for (size_t i = 0; i < n; i++)
		suspect_row(t, i);
	html_table_end(t);
	if (n < r->nsuspects)
		out_printf(t->out, "<p>%zu more suspects are in the Sites view.</p>\n",
			   r->nsuspects - n);
	evidence(t, n);
	out_str(t->out, "</section>\n");
}

static int sites(struct text *t, struct err *err)
{
	static const char *const titles[] = { "Made at",    "#Live",  "#%",	"#Live blocks",
					      "#Allocated", "#Peak", "Verdict" };
	const struct recording *r = t->r;
	const struct counters sum = sites_sum(&r->sites);
	AUTO_FREE uint32_t *order = NULL;
	size_t n = r->stacks.stacks.len;
	int rc = sites_order(r->by_stack, n, t->o->metric, &order, err);
	if (rc < 0 || recording_is_snapshot(r))
		return rc;
	out_str(t->out, "<section id=\"s-sites\" data-view=\"summary\"><h2>Top sites</h2>\n");
	char caption[64];
	snprintf(caption, sizeof caption, "Stacks by %s bytes", sites_metric_name(t->o->metric));
	html_table(t, "t-sites", caption, titles, COUNT(titles));
	for (size_t i = 0; i < n && i < (t->o->top ? t->o->top : HTML_TOP); i++) {
		const struct counters *c = &r->by_stack[order[i]];
		if (sites_metric(c, t->o->metric) == 0)
			break;
		out_str(t->out, "<tr>");
		html_place(t, order[i]);
		html_bytes(t, counters_live_bytes(c));
		html_percent(t, counters_live_bytes(c), counters_live_bytes(&sum));
		html_count(t, counters_live_blocks(c));
		html_bytes(t, c->alloc_bytes);
		html_bytes(t, c->peak_bytes);
		html_words(t, growth_class_name(r->verdicts[order[i]].class));
		out_str(t->out, "</tr>\n");
	}
	html_table_end(t);
	out_str(t->out, "</section>\n");
	return out_check(t->out, err);
}

static int threads(struct text *t, struct err *err)
{
	static const char *const titles[] = { "Thread", "#Tid", "#Live", "#Live blocks",
					      "#Allocated" };
	AUTO_FREE struct thread_row *rows = NULL;
	size_t n;
	int rc = threads_rows(&t->r->threads, &t->r->sites, &rows, &n, err);
	if (rc < 0 || n == 0)
		return rc;
	out_str(t->out, "<section id=\"s-threads\" data-view=\"time\"><h2>Threads</h2>\n");
	html_table(t, "t-threads", "Who allocated", titles, COUNT(titles));
	for (size_t i = 0; i < n && i < HTML_TOP; i++) {
		out_str(t->out, "<tr><td class=\"name\"><bdi>");
		html_name_str(t, rows[i].name);
		out_printf(t->out, "</bdi></td><td class=\"n\">%u</td>", rows[i].tid);
		html_bytes(t, counters_live_bytes(&rows[i].counters));
		html_count(t, counters_live_blocks(&rows[i].counters));
		html_bytes(t, rows[i].counters.alloc_bytes);
		out_str(t->out, "</tr>\n");
	}
	html_table_end(t);
	if (n > HTML_TOP)
		out_printf(t->out, "<p>%zu more threads.</p>\n", n - HTML_TOP);
	out_str(t->out, "</section>\n");
	return 0;
}

static void cost(struct text *t)
{
	const struct fact_cost *c = &t->r->totals.cost;
	struct units a, b, d, e, f, g;
	if (!t->r->totals.have_cost)
		return;
	out_printf(t->out,
		   "<section id=\"s-cost\" data-view=\"summary about\"><h2>Cost</h2><p>The target "
		   "was stopped %s to attach and %s to detach; %s were added to it; %s events, %s "
		   "dropped; pymemprof used %s of CPU.</p></section>\n",
		   units_duration(&a, c->attach_stop_ns), units_duration(&b, c->detach_stop_ns),
		   units_bytes(&d, c->agent_bytes), units_count(&e, c->events),
		   c->dropped_events ? units_count(&f, c->dropped_events) : "none",
		   units_duration(&g, c->tracer_cpu_ns));
}

static void limits(struct text *t, const struct html_merged *merged)
{
	const struct totals *s = &t->r->totals;
	struct units a, b;
	out_str(t->out, "<section id=\"s-limits\" data-view=\"summary about\"><h2>Limits</h2><ul>\n");
	for (size_t i = 0; i < s->notes.len; i++) {
		out_str(t->out, "<li><bdi>");
		html_name_str(t, s->notes.at[i].text);
		out_str(t->out, "</bdi></li>\n");
	}
	if (s->notes_dropped)
		out_printf(t->out, "<li>%llu more notes</li>\n",
			   (unsigned long long)s->notes_dropped);
	if (totals_estimated(s))
		out_str(t->out, "<li>sampled: figures marked ~ are estimates</li>\n");
	if (!heaps_last(&t->r->heaps))
		out_str(t->out, "<li>types, the ledger and fragmentation need a snapshot: none in "
				"this recording</li>\n");
	if (merged->places)
		out_printf(t->out,
			   "<li>to keep this page small, %llu places of the flame graph below %.2g %% "
			   "are merged into their callers: %s live, %s allocated. --max-size keeps "
			   "more</li>\n",
			   (unsigned long long)merged->places, merged->share * 100,
			   units_bytes(&a, merged->live_bytes), units_bytes(&b, merged->alloc_bytes));
	else
		out_str(t->out, "<li>nothing was merged or left out of this page</li>\n");
	out_str(t->out, "<li>values and source lines are never in this page: only names of functions, "
			"files, types and threads, and line numbers</li>\n</ul></section>\n");
}

static void about(struct text *t)
{
	out_str(t->out,
		"<section id=\"s-about\" data-view=\"about\"><h2>What the words mean</h2><dl>"
		"<dt>live</dt><dd>bytes of blocks made since recording began and not freed yet</dd>"
		"<dt>allocated, freed</dt><dd>bytes of all blocks made and given back</dd>"
		"<dt>temporary</dt><dd>made and freed again within a moment: a part of both</dd>"
		"<dt>peak</dt><dd>what each stack held at the instant when all together held most</dd>"
		"<dt>site</dt><dd>a whole Python stack that allocates, innermost function first</dd>"
		"<dt>growth</dt><dd>median slope of live bytes over the recording</dd>"
		"<dt>KiB, MiB</dt><dd>powers of 1024; the exact figure is shown when you point at one, "
		"and is in the data-v attribute</dd>"
		"<dt>~</dt><dd>an estimate</dd></dl><p>Made by pymemprof " PYMEMPROF_VERSION
		". This page loads nothing, sends nothing and runs only its own script; its policy "
		"forbids the rest.</p></section>\n");
}

int html_static(struct text *t, const struct html_merged *merged, struct err *err)
{
	header(t);
	verdict(t);
	suspects(t);
	memory(t);
	int rc = sites(t, err);
	if (rc == 0)
		rc = html_snapshot(t, err);
	if (rc == 0)
		rc = threads(t, err);
	if (rc < 0)
		return rc;
	cost(t);
	limits(t, merged);
	about(t);
	out_str(t->out, "</main>\n");
	return out_check(t->out, err);
}
