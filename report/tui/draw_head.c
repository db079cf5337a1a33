/* SPDX-License-Identifier: MIT */
/* What is the same on every pane: whose memory, how much of what, growth, tabs, keys. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/tui/draw.h"

#define SPARK 12

#define WORDS_COLUMNS 70 /* from that width on there is room to say what the two numbers are */

static void mode_text(const struct tui_subject *s, const struct tui_state *state, unsigned columns, char *out,
		      size_t cap)
{
	bool walks = s->kind == TUI_SNAPSHOTS && columns >= WORDS_COLUMNS;
	struct units a;
	char stop[48] = "", when[16];

	if (s->pause_ns)
		snprintf(stop, sizeof stop, "  stop %s", units_duration(&a, s->pause_ns));
	if (state->step) {
		tui_clock(s->now.unix_ns, when);
		snprintf(out, cap, "AT %sZ  %zu back", when, state->step < s->steps ? state->step : s->steps);
	} else if (s->kind == TUI_FILE) {
		snprintf(out, cap, "FILE%s", stop);
	} else {
		snprintf(out, cap, "%s %.3gs%s  %s%llu%s%llu", state->paused ? "PAUSED" : s->stopped ? "STOPPED" : s->walking ? "WALK" : "LIVE",
			 (double)state->interval_ns / 1e9, stop, walks ? "walk " : "",
			 (unsigned long long)s->taken, walks ? " of " : "/", (unsigned long long)s->asked);
	}
}

static void draw_title(struct tui_grid *g, const struct tui_subject *s, const struct tui_state *state)
{
	const struct fact_target *t = s->r && s->r->totals.have_target ? &s->r->totals.target : NULL;
	char mode[96];

	mode_text(s, state, g->columns, mode, sizeof mode);
	unsigned wide = (unsigned)strlen(mode);
	unsigned end = g->columns > wide + 1 ? g->columns - wide - 1 : 0;
	unsigned at = tui_put(g, 0, 0, TUI_BOLD, g->columns < 60 ? "top" : "pymemprof top");
	at += tui_putf(g, 0, at, TUI_PLAIN, "  pid %d  ", t ? t->pid : s->pid);
	if (t && end > at) {
		struct buf who = BUF_INIT;
		(void)buf_printf(&who, "%s %s %s", t->implementation, t->python_version, t->executable);
		tui_put_name(g, 0, at, end - at, TUI_PLAIN, (char *)who.bytes,
			     who.failed ? 0 : who.len);
		buf_deinit(&who);
	}
	if (wide < g->columns) {
		for (unsigned i = end; i < g->columns; i++)
			tui_put(g, 0, i, TUI_PLAIN, " ");
		tui_put_right(g, 0, g->columns, state->paused || state->step ? TUI_REVERSE : TUI_PLAIN, mode);
	}
}

/* The account of resident memory in five words; codes are those of the ledger. */
struct parts {
	double live, free, malloc, files, other, unknown, all;
};

static bool one_of(const char *code, const char *list)
{
	size_t n = strlen(code);

	for (const char *p = strstr(list, code); p; p = strstr(p + 1, code))
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

static struct parts parts_of(const struct heap_model *m)
{
	struct parts p = { 0 };

	for (size_t i = 0; m && i < m->ledger.len; i++) {
		const struct fact_ledger *l = &m->ledger.at[i];
		double b = (double)l->bytes;
		if (l->depth)
			continue;
		p.all += b;
		if (one_of(l->code, "objects buffers large_blocks mapped_python unknown_blocks frames"))
			p.live += b;
		else if (one_of(l->code, "free_lists free_blocks free_pools pool_overhead"))
			p.free += b;
		else if (one_of(l->code, "malloc_used malloc_cached malloc_free mapped_other"))
			p.malloc += b;
		else if (one_of(l->code, "python libraries files"))
			p.files += b;
		else if (one_of(l->code, "unexplained"))
			p.unknown += b;
		else
			p.other += b;
	}
	return p;
}

static void put_part(struct tui_grid *g, unsigned row, unsigned *at, const char *name, double bytes,
		     bool exact)
{
	struct units u;
	char text[64];

	snprintf(text, sizeof text, "%s%s %s", *at ? "  " : "", name, tui_figure(&u, TUI_BYTES, bytes, exact));
	if (*at + strlen(text) <= g->columns)
		*at += tui_put(g, row, *at, TUI_PLAIN, text);
}

static uint64_t rss_of(const struct tui_subject *s, const struct tui_state *state)
{
	return state->step == 0 && s->rss_bytes ? s->rss_bytes : s->now.rss_bytes;
}

static void draw_memory(struct tui_grid *g, const struct tui_subject *s, const struct tui_state *state)
{
	struct parts p = parts_of(tui_heap(s));
	uint64_t rss = rss_of(s, state);
	unsigned at = 0;

	if (!s->r)
		return;
	if (rss)
		put_part(g, 1, &at, "RSS", (double)rss, state->exact);
	put_part(g, 1, &at, "live", (double)s->now.live_bytes, state->exact);
	if (tui_by_stack(s) && s->r->totals.totals.peak_bytes)
		put_part(g, 1, &at, "peak", (double)s->r->totals.totals.peak_bytes, state->exact);
	if (p.all > 0) {
		put_part(g, 1, &at, "arena-free", p.free, state->exact);
		put_part(g, 1, &at, "malloc", p.malloc, state->exact);
		put_part(g, 1, &at, "files", p.files, state->exact);
		put_part(g, 1, &at, "other", p.other, state->exact);
		put_part(g, 1, &at, "?", p.unknown, state->exact);
	}
	tui_ink(g, 1, 0, at, TUI_BOLD);
}

/* The whole width is the limit where there is one, otherwise what is resident. */
static void draw_bar(struct tui_grid *g, const struct tui_subject *s, bool exact)
{
	struct parts p = parts_of(tui_heap(s));
	const double part[] = { p.live, p.free, p.malloc, p.files, p.other, p.unknown };
	static const char fill[] = "#=:.-?";
	char when[TUI_CLOCK_MAX], legend[80] = " # live = arena-free : malloc . files - other";
	double sum = 0, whole = p.all > (double)s->limit_bytes ? p.all : (double)s->limit_bytes;
	uint64_t at_unix_ns;
	struct units u;

	/* Parts of a walk that is over, beside figures of now. */
	if (tui_heap_is_older(s, &at_unix_ns))
		snprintf(legend, sizeof legend, " %sZ #live =free :malloc .files -other",
			 tui_clock(at_unix_ns, when));
	if (s->limit_bytes)
		snprintf(legend, sizeof legend, " limit %s",
			 tui_figure(&u, TUI_BYTES, (double)s->limit_bytes, exact));
	unsigned need = (unsigned)strlen(legend) + 2, at = 1;
	unsigned wide = g->columns > 2 * need / 3 + need ? g->columns - need : g->columns - 2;

	if (p.all <= 0) {
		tui_put(g, 2, 0, TUI_DIM, s->r && tui_by_stack(s) ?
			"what RSS is made of needs a snapshot of the heap" : "");
		return;
	}
	tui_put(g, 2, 0, TUI_DIM, "[");
	for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
		char one[2] = { fill[i], 0 };
		sum += part[i];
		for (; at <= wide && (double)at <= sum / whole * (double)wide + 0.5; at++)
			tui_put(g, 2, at, i == 0 ? TUI_PLAIN : i == 1 ? TUI_GOOD : TUI_DIM, one);
	}
	tui_put(g, 2, wide + 1, TUI_DIM, "]");
	if (wide + 2 < g->columns)
		tui_put(g, 2, wide + 2, TUI_DIM, legend);
}

static size_t curve(const struct tui_subject *s, bool rss, uint64_t *values)
{
	if (tui_by_stack(s))
		return timeline_curve(&s->r->timeline, rss, values, SPARK);
	size_t n = s->nkept < SPARK ? s->nkept : SPARK;
	for (size_t i = 0; i < n; i++)
		values[i] = rss ? s->kept[s->nkept - n + i].rss_bytes : s->kept[s->nkept - n + i].live_bytes;
	return n;
}

static unsigned put_curve(struct tui_grid *g, unsigned at, const struct tui_subject *s, bool rss,
			  double rate, const char *name, bool exact)
{
	uint64_t values[SPARK], top = 0;
	char line[SPARK * 4 + 1];
	struct units u;
	size_t n = curve(s, rss, values);

	for (size_t i = 0; i < n; i++)
		top = values[i] > top ? values[i] : top;
	unsigned used = tui_putf(g, 3, at, TUI_PLAIN, "%s", name);
	enum tui_ink ink = rate >= 1024 ? TUI_BAD : rate <= -1024 ? TUI_GOOD : TUI_PLAIN;
	used += tui_putf(g, 3, at + used, ink, " %s/s ", tui_figure(&u, TUI_BYTES_RATE, rate, exact));
	return used + tui_putf(g, 3, at + used, TUI_PLAIN, "%s  ",
			       tui_spark(values, n, top, !g->ascii, line));
}

static double live_rate(const struct tui_subject *s)
{
	if (tui_by_stack(s)) {
		if (s->r->concluded)
			return s->r->overall.slope_bytes_per_s;
		return s->now.at_ns ? growth_judge_all(&s->r->growth).slope_bytes_per_s : NAN;
	}
	if (s->nkept < 2)
		return NAN;
	const struct tui_capture *a = &s->kept[0], *b = &s->kept[s->nkept - 1];
	return ((double)b->live_bytes - (double)a->live_bytes) / ((double)(b->at_ns - a->at_ns) / 1e9);
}

static double rss_rate(const struct tui_subject *s)
{
	const struct timeline *l = &s->r->timeline;

	if (!tui_by_stack(s)) {
		if (s->nkept < 2)
			return NAN;
		const struct tui_capture *a = &s->kept[0], *b = &s->kept[s->nkept - 1];
		return ((double)b->rss_bytes - (double)a->rss_bytes) / ((double)(b->at_ns - a->at_ns) / 1e9);
	}
	double seconds = (double)(l->rss_last_ns - l->rss_first_ns) / 1e9;
	return seconds > 0 ? ((double)l->rss_last_bytes - (double)l->rss_first_bytes) / seconds : NAN;
}

static void draw_growth(struct tui_grid *g, const struct tui_subject *s, const struct tui_state *state)
{
	size_t mark = state->mark < s->nmarks ? state->mark : 0;
	char when[16], text[48];

	if (!s->r)
		return;
	unsigned at = put_curve(g, 0, s, true, rss_rate(s), "rss", state->exact);
	if (g->columns >= 60)
		at += put_curve(g, at, s, false, live_rate(s), "live", state->exact);
	if (mark) {
		tui_clock(s->marks[mark].unix_ns, when);
		snprintf(text, sizeof text, "since mark %c %s", s->marks[mark].letter, when);
	} else {
		snprintf(text, sizeof text, "since the start");
	}
	if (at + strlen(text) <= g->columns)
		tui_put_right(g, 3, g->columns, mark ? TUI_BOLD : TUI_DIM, text);
}

static void draw_tabs(struct tui_grid *g, unsigned row, const struct tui_subject *s,
		      const struct tui_state *state)
{
	unsigned at = 0;
	char text[TUI_TEXT_MAX + 16];

	if (s->gone[0]) {
		char line[400];
		snprintf(line, sizeof line, "%s - w save  A again  q quit", s->gone);
		at = tui_put_name(g, row, 0, g->columns, TUI_REVERSE_BAD, line, strlen(line));
		for (; at < g->columns; at++)
			tui_put(g, row, at, TUI_REVERSE_BAD, " ");
		return;
	}
	for (unsigned i = 0; i < TUI_PANES; i++) {
		(void)tui_tab(state, i, text);
		at += tui_put(g, row, at, i == state->pane ? TUI_REVERSE : TUI_PLAIN, text);
	}
	if (state->filter[0])
		snprintf(text, sizeof text, "filter: %s", state->filter);
	else
		snprintf(text, sizeof text, "filter: (none)");
	if (at + 1 + strlen(text) <= g->columns)
		tui_put_right(g, row, g->columns, state->filter[0] ? TUI_BOLD : TUI_DIM, text);
}

unsigned tui_draw_head(struct tui_grid *g, const struct tui_subject *s, const struct tui_state *state)
{
	unsigned head = g->rows >= 16 ? 5 : g->rows >= 12 ? 3 : 2;

	draw_title(g, s, state);
	if (head > 2)
		draw_memory(g, s, state);
	if (head > 3) {
		draw_bar(g, s, state->exact);
		draw_growth(g, s, state);
	}
	draw_tabs(g, head - 1, s, state);
	return head;
}

void tui_draw_foot(struct tui_grid *g, const struct tui_state *state)
{
	static const char *const keys[] = { "F1", "Help ", "F3", "Search ", "F4", "Filter ", "F5", "Fold ",
					    "F6", "Sort ", "F9", "Mark ", "Z", "Pause" };
	unsigned row = g->rows - 1, at = 0;
	char line[TUI_TEXT_MAX + 16];

	if (state->prompt != TUI_NO_PROMPT) {
		static const char *const asks[] = { "", "/", "filter: ", ":", "attach to PID: " };
		snprintf(line, sizeof line, "%s%s", asks[state->prompt], state->typed);
		at = tui_put_name(g, row, 0, g->columns - 1, TUI_BOLD, line, strlen(line));
		tui_put(g, row, at, TUI_REVERSE, " ");
		return;
	}
	if (state->message[0]) {
		tui_put_name(g, row, 0, g->columns, TUI_BOLD, state->message, strlen(state->message));
		return;
	}
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i += 2) {
		if (at + strlen(keys[i]) + strlen(keys[i + 1]) > g->columns)
			break;
		at += tui_put(g, row, at, TUI_BOLD, keys[i]);
		at += tui_put(g, row, at, TUI_REVERSE, keys[i + 1]);
	}
	if (at + 9 <= g->columns) {
		tui_put_right(g, row, g->columns - 4, TUI_BOLD, "F10");
		tui_put_right(g, row, g->columns, TUI_REVERSE, "Quit");
	}
}
