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

#define CURVE 160	    /* points of the static curve */
#define CURVE_WIDTH 1200    /* its box, in its own units */
#define CURVE_HEIGHT 160

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void header(struct text *t)
{
	const struct fact_target *f = &t->r->totals.target;
	char when[32] = "";
	struct units u;
	time_t s = (time_t)(f->start_unix_ns / 1000000000);
	struct tm tm;
	out_str(t->out, "<header id=\"top\"><p class=\"who\"><b class=\"brand\">pymemprof</b>");
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

/* A line over the box, or with the area under it. */
static void curve_line(struct text *t, const uint64_t *v, size_t n, uint64_t top, const char *class)
{
	out_printf(t->out, "<polyline class=\"%s\" points=\"", class);
	for (size_t i = 0; i < n; i++)
		out_printf(t->out, "%s%.1f,%.1f", i ? " " : "",
			   n > 1 ? (double)i * CURVE_WIDTH / (double)(n - 1) : 0,
			   CURVE_HEIGHT - (double)v[i] / (double)(top ? top : 1) * (CURVE_HEIGHT - 4));
	if (*class == 'a')
		out_printf(t->out, " %d,%d 0,%d", CURVE_WIDTH, CURVE_HEIGHT, CURVE_HEIGHT);
	out_str(t->out, "\"/>");
}

static uint64_t largest(uint64_t top, const uint64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		top = v[i] > top ? v[i] : top;
	return top;
}

/* Live and resident bytes over time on one axis from zero, drawn without a script. */
static void curve(struct text *t)
{
	uint64_t live[CURVE], rss[CURVE];
	struct units a, b, c;
	size_t n = timeline_curve(&t->r->timeline, false, live, CURVE);
	size_t k = timeline_curve(&t->r->timeline, true, rss, CURVE);
	uint64_t top = largest(largest(0, live, n), rss, k);
	if (n < 2 || top == 0)
		return;
	out_printf(t->out,
		   "<figure class=\"plot\"><figcaption><span><span class=\"key live\"></span>Python live "
		   "%s%s</span>",
		   t->about, units_bytes(&a, live[n - 1]));
	if (largest(0, rss, k))
		out_printf(t->out, "<span><span class=\"key rss\"></span>resident (RSS) %s</span>",
			   units_bytes(&b, rss[k - 1]));
	out_printf(t->out,
		   "</figcaption><p class=\"top\">%s</p><svg viewBox=\"0 0 %d %d\" role=\"img\" "
		   "preserveAspectRatio=\"none\" aria-label=\"Live bytes over time: from %s to %s\">"
		   "<path class=\"axis\" d=\"M0 1H%dM0 %dH%d\"/>",
		   units_bytes(&a, top), CURVE_WIDTH, CURVE_HEIGHT, units_bytes(&b, live[0]),
		   units_bytes(&c, live[n - 1]), CURVE_WIDTH, CURVE_HEIGHT / 2, CURVE_WIDTH);
	curve_line(t, live, n, top, "area");
	if (largest(0, rss, k))
		curve_line(t, rss, k, top, "rss");
	curve_line(t, live, n, top, "live");
	out_printf(t->out, "</svg><p class=\"ends\"><span>0</span><span>%s</span></p></figure>\n",
		   units_duration(&a, t->r->timeline.end_ns));
}

/* One large figure with its name above and a remark below. */
static void tile(struct text *t, const char *name, const char *figure, const char *remark)
{
	out_printf(t->out, "<div><dt>%s</dt><dd>%s</dd><dd class=\"note\">", name, figure);
	html_name_str(t, remark);
	out_str(t->out, "</dd></div>");
}

static void tiles_recorded(struct text *t)
{
	const struct fact_totals *s = &t->r->totals.totals;
	const struct timeline *l = &t->r->timeline;
	char figure[64], remark[96];
	struct units u, w;
	snprintf(figure, sizeof figure, "%s%s", t->about, units_bytes(&u, s->live_bytes));
	snprintf(remark, sizeof remark, "peak %s%s, %s blocks", t->about,
		 units_bytes(&u, s->peak_bytes), units_count(&w, s->live_blocks));
	tile(t, "Python live", figure, remark);
	if (l->rss_max_bytes) {
		snprintf(remark, sizeof remark, "from %s, at most %s",
			 units_bytes(&u, l->rss_first_bytes), units_bytes(&w, l->rss_max_bytes));
		tile(t, "Resident (RSS)", units_bytes(&u, l->rss_last_bytes), remark);
	}
	if (t->r->overall.class != GROWTH_SHORT && t->r->overall.samples > 0) {
		snprintf(figure, sizeof figure, "%s%s", t->about,
			 units_rate(&u, t->r->overall.slope_bytes_per_s));
		snprintf(remark, sizeof remark, "rose in %u, fell in %u of %u samples",
			 t->r->overall.grew, t->r->overall.fell, t->r->overall.samples);
		tile(t, "Growth", figure, remark);
	}
	snprintf(remark, sizeof remark, "%s%s in all", t->about, units_bytes(&u, s->alloc_bytes));
	snprintf(figure, sizeof figure, "%s%s", t->about, units_count_short(&w, s->alloc_blocks));
	tile(t, "Allocations", figure, remark);
}

static void tiles(struct text *t)
{
	const struct heap_model *m = heaps_last(&t->r->heaps);
	char figure[64], remark[96];
	struct units u, w;
	uint64_t objects = 0;
	out_str(t->out, "<dl class=\"tiles\">");
	if (!recording_nothing(t->r))
		tiles_recorded(t);
	for (size_t i = 0; m && i < m->types.len; i++)
		objects += m->types.at[i].count;
	if (m) {
		snprintf(remark, sizeof remark, "of %zu types", m->types.len);
		tile(t, "Objects", units_count(&u, objects), remark);
		snprintf(figure, sizeof figure, "%s %%",
			 units_percent(&u, heap_model_free_bytes(m), m->heap.arena_bytes));
		snprintf(remark, sizeof remark, "of %s, %s",
			 units_bytes(&u, m->heap.arena_bytes),
			 units_count(&w, m->heap.arenas));
		size_t n = strlen(remark);
		snprintf(remark + n, sizeof remark - n, " arenas");
		tile(t, "Free inside arenas", figure, remark);
	}
	out_str(t->out, "</dl>\n");
}

static void verdict(struct text *t)
{
	static const char *const class[] = { [TEXT_PLAIN] = "", [TEXT_STRONG] = "warn",
					     [TEXT_BAD] = "bad", [TEXT_GOOD] = "good",
					     [TEXT_DIM] = "" };
	char words[TEXT_VERDICT_MAX];
	const char *head;
	enum text_role role = text_verdict(t, &head, words);
	/* A snapshot judges nothing: there is nothing to warn of. */
	const char *tone = recording_is_snapshot(t->r) ? "plain" : class[role];
	out_printf(t->out,
		   "<section id=\"s-verdict\" class=\"%s\" data-view=\"summary leaks\"><h1 class=\"%s\">%s</h1>"
		   "<p class=\"lead\">",
		   tone, tone, head);
	html_name_str(t, words);
	out_str(t->out, "</p></section>\n<section id=\"s-figures\" aria-label=\"Figures\" "
			"data-view=\"summary\">\n");
	tiles(t);
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
	if (recording_nothing(t->r))
		return;
	out_str(t->out,
		"<section id=\"s-memory\" data-view=\"memory\"><h2>Memory</h2>\n");
	out_str(t->out, "<div class=\"pair\">");
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
	out_str(t->out, "</div></section>\n");
}

static int sites(struct text *t, struct err *err)
{
	static const char *const titles[] = { "Made at",    "#Live",  "#%",	"#Live blocks",
					      "#Allocated", "#Peak", "Verdict", "#Stacks" };
	const struct recording *r = t->r;
	const struct counters sum = sites_sum(&r->sites);
	AUTO_FREE struct line *lines = NULL;
	size_t n;
	if (recording_nothing(r))
		return 0;
	int rc = lines_by_metric(r, t->o->metric, &lines, &n, err);
	if (rc < 0)
		return rc;
	out_str(t->out, "<section id=\"s-sites\" data-view=\"summary\"><h2>Top sites</h2>\n");
	char caption[64];
	snprintf(caption, sizeof caption, "Lines of code by %s bytes", sites_metric_name(t->o->metric));
	html_table(t, "t-sites", caption, titles, COUNT(titles));
	for (size_t i = 0; i < n && i < (t->o->top ? t->o->top : HTML_TOP); i++) {
		const struct counters *c = &lines[i].sum;
		out_str(t->out, "<tr>");
		html_place(t, lines[i].stack);
		html_share_bytes(t, counters_live_bytes(c), counters_live_bytes(&sum));
		html_percent(t, counters_live_bytes(c), counters_live_bytes(&sum));
		html_count(t, counters_live_blocks(c));
		html_bytes(t, c->alloc_bytes);
		if (r->peaks_cut)
			out_str(t->out, "<td class=\"n\">not known</td>");
		else
			html_bytes(t, c->peak_bytes);
		html_verdict(t, growth_class_name(lines[i].class));
		html_count(t, lines[i].stacks);
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

int html_static(struct text *t, const struct html_merged *merged,
		const struct html_compare *compare, struct err *err)
{
	header(t);
	if (compare)
		html_diff(t, compare);
	verdict(t);
	html_leaks(t);
	memory(t);
	int rc = html_snapshot(t, err);
	if (rc == 0)
		rc = sites(t, err);
	if (rc == 0)
		rc = threads(t, err);
	if (rc < 0)
		return rc;
	html_cost(t);
	html_limits(t, merged);
	html_about(t, compare != NULL);
	out_str(t->out, "</main>\n");
	return out_check(t->out, err);
}
