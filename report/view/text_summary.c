/* SPDX-License-Identifier: MIT */
/* Header, verdict, accounting, suspects, the acquitted, cost, limits, next commands. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "report/model/outside.h"
#include "report/view/text.h"

#define FIGURE 11 /* columns of one figure */

void text_section_header(struct text *t)
{
	const struct fact_target *f = &t->r->totals.target;
	char left[128], when[32] = "";
	if (!t->r->totals.have_target) {
		out_str(t->out, "pymemprof " PYMEMPROF_VERSION "  (recording without a target)\n");
		return;
	}
	time_t s = (time_t)(f->start_unix_ns / 1000000000);
	struct tm tm;
	if (gmtime_r(&s, &tm))
		strftime(when, sizeof when, "%Y-%m-%d %H:%M:%SZ", &tm);
	int n = snprintf(left, sizeof left, "pymemprof " PYMEMPROF_VERSION "  pid %d  ", f->pid);
	out_put(t->out, left, (size_t)n);
	size_t used = (size_t)n, reserved = strlen(when) + 2;
	size_t room = t->width > used + reserved ? t->width - used - reserved : 0;
	struct buf who = BUF_INIT;
	buf_printf(&who, "%s %s  %s", f->implementation, f->python_version, f->executable);
	out_need(t->out, &who);
	text_name(t, (const char *)who.bytes, who.failed ? 0 : who.len, room, true);
	buf_deinit(&who);
	out_printf(t->out, "  %s\n", when);
}

static void say_growing(struct text *t, char *buf, size_t cap)
{
	const struct recording *r = t->r;
	const struct growth_verdict *v = &r->overall;
	struct units rate, share;
	int n = snprintf(buf, cap, "%s (%.0f s, rose in %u of %u samples).",
			 text_rate(t, &rate, v->slope_bytes_per_s),
			 (double)r->totals.totals.duration_ns / 1e9, v->grew, v->samples);
	uint64_t live = r->totals.totals.live_bytes;
	uint64_t part = r->suspect_bytes < live ? r->suspect_bytes : live;
	/* As many as the list has: stacks that are one leak count once. */
	size_t suspects = r->leaks.naccused ? r->leaks.naccused : r->nsuspects;
	if (suspects > 0)
		snprintf(buf + n, cap - (size_t)n, " %zu %s %s %s%% of what is live.", suspects,
			 suspects == 1 ? "suspect" : "suspects", suspects == 1 ? "holds" : "hold",
			 units_percent(&share, part, live));
}

/* A snapshot judges nothing by itself: what is there is the answer. */
static void snapshot_verdict(const struct text *t, char *words, size_t cap)
{
	const struct fact_heap *h = &heaps_last(&t->r->heaps)->heap;
	uint64_t objects = 0;
	struct units a, b;

	for (size_t i = 0; i < heaps_last(&t->r->heaps)->types.len; i++)
		objects += heaps_last(&t->r->heaps)->types.at[i].count;
	snprintf(words, cap, "%s objects; %s in arenas and %s in large blocks are live.%s",
		 units_count(&a, objects), units_bytes(&b, h->block_bytes),
		 units_bytes(&(struct units){ 0 }, h->large_bytes),
		 h->torn ? " Parts were torn: see LIMITS." : "");
}

enum text_role text_verdict(struct text *t, const char **ret_head, char words[TEXT_VERDICT_MAX])
{
	const struct recording *r = t->r;
	const struct growth_verdict *v = &r->overall;
	struct outside_growth outside;

	if (recording_is_snapshot(r)) {
		*ret_head = "SNAPSHOT";
		snapshot_verdict(t, words, TEXT_VERDICT_MAX);
		return TEXT_STRONG;
	}
	if (r->nsuspects > 0 || v->class == GROWTH_LEAKING) {
		bool sure = r->nconfident > 0 || r->nsuspects == 0;
		*ret_head = sure ? "GROWING" : "PERHAPS GROWING";
		say_growing(t, words, TEXT_VERDICT_MAX);
		return sure ? TEXT_BAD : TEXT_STRONG;
	}
	if (outside_growth(r, &outside)) {
		*ret_head = "GROWING OUTSIDE PYTHON";
		outside_say(&outside, words, TEXT_VERDICT_MAX);
		return TEXT_BAD;
	}
	*ret_head = "STEADY";
	growth_reason(v, words);
	if (v->class == GROWTH_SHORT)
		*ret_head = "TOO SHORT TO TELL";
	else if (v->class == GROWTH_SLOWING)
		*ret_head = "SLOWING";
	else if (v->samples > 0)
		return TEXT_GOOD;
	if (v->class == GROWTH_SHORT || v->class == GROWTH_SLOWING)
		return TEXT_STRONG;
	if (r->totals.have_end && r->totals.end == FACT_END_TRUNCATED) {
		*ret_head = "UNKNOWN";
		snprintf(words, TEXT_VERDICT_MAX, "the file ends before anything is said in it.");
		return TEXT_STRONG;
	}
	*ret_head = "IDLE";
	snprintf(words, TEXT_VERDICT_MAX, "nothing was allocated through Python's allocators.");
	return TEXT_GOOD;
}

void text_section_verdict(struct text *t)
{
	char words[TEXT_VERDICT_MAX];
	const char *head;
	enum text_role role = text_verdict(t, &head, words);

	if (recording_is_snapshot(t->r)) {
		text_wrapped(t, head, 10, words);
		return;
	}
	text_in_role(t, TEXT_STRONG, "VERDICT  ");
	text_in_role(t, role, head);
	out_str(t->out, "  ");
	/* The rest of the line, then whole lines under it. */
	size_t room = t->width - 9 - strlen(head) - 2, n = strlen(words), cut = n;
	if (n > room) {
		cut = room;
		while (cut > 0 && words[cut] != ' ')
			cut--;
	}
	out_put(t->out, words, cut);
	out_put(t->out, "\n", 1);
	if (cut < n)
		text_wrapped(t, "         ", 9, words + cut);
}

static void memory_row(struct text *t, const char *name, const char *a, const char *b,
		       const char *c)
{
	size_t figures = 3 * (FIGURE + 1);
	out_printf(t->out, "  %-*s %*s %*s", (int)(t->width - figures - 2), name, FIGURE, a, FIGURE,
		   b);
	if (*c)
		out_printf(t->out, " %*s", FIGURE, c);
	out_put(t->out, "\n", 1);
}

static double rss_rate(const struct timeline *l)
{
	double s = (double)(l->rss_last_ns - l->rss_first_ns) / 1e9;
	return s > 0 ? ((double)l->rss_last_bytes - (double)l->rss_first_bytes) / s : 0;
}

void text_section_memory(struct text *t)
{
	const struct fact_totals *s = &t->r->totals.totals;
	const struct timeline *l = &t->r->timeline;
	struct units a, b, c;
	bool told = t->r->overall.class != GROWTH_SHORT && t->r->overall.samples > 0;
	if (text_not_known(t, "MEMORY"))
		return;
	out_put(t->out, "\n", 1);
	text_heading(t, "MEMORY", t->width - 3 * (FIGURE + 1));
	out_printf(t->out, " %*s %*s %*s\n", FIGURE, "NOW", FIGURE, "PEAK", FIGURE, "GROWTH");
	if (l->rss_max_bytes)
		memory_row(t, "resident (RSS)", units_bytes(&a, l->rss_last_bytes),
			   units_bytes(&b, l->rss_max_bytes), units_rate(&c, rss_rate(l)));
	memory_row(t,
		   t->r->totals.target.from_start ? "Python, live" :
						    "Python, live (since the attach)",
		   text_bytes(t, &a, s->live_bytes), text_bytes(t, &b, s->peak_bytes),
		   told ? text_rate(t, &c, t->r->overall.slope_bytes_per_s) : "-");
	out_put(t->out, "\n", 1);
	text_heading(t, "BALANCE", t->width - 3 * (FIGURE + 1));
	out_printf(t->out, " %*s %*s %*s\n", FIGURE, "BYTES", FIGURE, "BLOCKS", FIGURE, "BYTES/S");
	double seconds = (double)s->duration_ns / 1e9;
	seconds = seconds > 0 ? seconds : 1;
	memory_row(t, "allocated", text_bytes(t, &a, s->alloc_bytes),
		   text_count(t, &b, s->alloc_blocks),
		   text_rate(t, &c, (double)s->alloc_bytes / seconds));
	memory_row(t, "freed", text_bytes(t, &a, s->free_bytes), text_count(t, &b, s->free_blocks),
		   text_rate(t, &c, (double)s->free_bytes / seconds));
	if (t->r->totals.target.window_slots && !totals_estimated(&t->r->totals))
		memory_row(t, "  of both: died young (temporary)", text_bytes(t, &a, s->temp_bytes),
			   text_count(t, &b, s->temp_blocks),
			   text_rate(t, &c, (double)s->temp_bytes / seconds));
	memory_row(t, "live = allocated - freed", text_bytes(t, &a, s->live_bytes),
		   text_count(t, &b, s->live_blocks), "");
}

int text_section_acquitted(struct text *t, size_t top, struct err *err)
{
	const size_t figures = FIGURE + 1 + 10;
	AUTO_FREE struct line *lines = NULL;
	const size_t room = t->width - figures - 3;
	size_t n, ways, shown = 0;
	struct units a;
	char reason[GROWTH_REASON_MAX];
	int rc = lines_acquitted(t->r, &lines, &n, err);
	if (rc < 0)
		return rc;
	while (shown < n && shown < top && lines[shown].highest_bytes * 100 >= t->r->totals.totals.live_bytes)
		shown++;
	ways = text_ways_columns(lines, shown, room);
	if (shown == 0)
		return 0;
	out_put(t->out, "\n", 1);
	text_heading(t, "NOT ACCUSED (grew and stopped, slows, or comes and goes)", t->width - figures);
	out_printf(t->out, " %*s   VERDICT\n", FIGURE, "LIVE");
	for (size_t i = 0; i < shown; i++) {
		out_str(t->out, "   ");
		text_line_place(t, &lines[i], room, ways);
		out_printf(t->out, " %*s %9s\n", FIGURE,
			   text_bytes(t, &a, counters_live_bytes(&lines[i].sum)),
			   growth_class_name(lines[i].class));
		char why[GROWTH_REASON_MAX + 24];
		snprintf(why, sizeof why, "%s%s", lines[i].stacks > 1 ? "the largest: " : "",
			 growth_reason(&t->r->verdicts[lines[i].stack], reason));
		text_wrapped(t, "     why   ", 11, why);
	}
	return 0;
}

static int snapshot_cost(const struct fact_cost *c, char *words, size_t cap)
{
	struct units a, b;

	if (c->pause_kind == FACT_PAUSE_CORE)
		return snprintf(words, cap, "read from a core file");
	if (c->pause_kind == FACT_PAUSE_CLONE)
		return snprintf(words, cap, "target stopped %s to be copied, %s in all; the copy is gone",
				units_duration(&a, c->pause_ns), units_duration(&b, c->pause_total_ns));
	return snprintf(words, cap, "target stopped %s while it was read", units_duration(&a, c->pause_ns));
}

static const char *until(enum fact_end end)
{
	switch (end) {
	case FACT_END_DETACHED:
		return "told to stop";
	case FACT_END_EXITED:
		return "the process exited";
	case FACT_END_EXECED:
		return "it executed another program";
	case FACT_END_STREAM_CLOSED:
		return "it closed our pipe";
	case FACT_END_FINISHED:
		return "the program was done";
	case FACT_END_ELAPSED:
		return "its time was over";
	case FACT_END_TRUNCATED:
		break;
	}
	return "the file ends";
}

/* What was not measured is not told, and not told to be nothing. */
static int recording_cost(const struct totals *s, char *words, size_t cap)
{
	const struct fact_cost *c = &s->cost;
	struct units a, b;
	int n = snprintf(words, cap, "recorded %s, until %s; target stopped %s to attach",
			 units_duration(&b, s->totals.duration_ns), until(s->end),
			 units_duration(&a, c->attach_stop_ns));

	if (c->detach_stop_ns)
		n += snprintf(words + n, cap - (size_t)n, " and %s to detach",
			      units_duration(&b, c->detach_stop_ns));
	if (c->agent_bytes)
		n += snprintf(words + n, cap - (size_t)n, "; %s added to it", units_bytes(&a, c->agent_bytes));
	n += snprintf(words + n, cap - (size_t)n, "; %s events", units_count(&a, c->events));
	return n + snprintf(words + n, cap - (size_t)n, c->dropped_events ? ", %s dropped" : ", none dropped",
			    units_count(&a, c->dropped_events));
}

bool text_cost(const struct recording *r, char words[TEXT_COST_MAX])
{
	const struct totals *s = &r->totals;
	const struct fact_cost *c = &s->cost;
	bool heap = recording_is_snapshot(r);
	struct units a;

	if (!s->have_cost || (heap && c->pause_kind == FACT_PAUSE_NONE))
		return false;
	int n = heap ? snapshot_cost(c, words, TEXT_COST_MAX) : recording_cost(s, words, TEXT_COST_MAX);
	n += snprintf(words + n, TEXT_COST_MAX - (size_t)n, "; pymemprof used %s of CPU",
		      units_duration(&a, c->tracer_cpu_ns));
	if (c->stalls && !heap)
		snprintf(words + n, TEXT_COST_MAX - (size_t)n, "; target waited %s for the pipe",
			 units_duration(&a, c->stall_ns));
	return true;
}

void text_section_cost(struct text *t)
{
	char words[TEXT_COST_MAX];

	if (!text_cost(t->r, words))
		return;
	out_put(t->out, "\n", 1);
	text_wrapped(t, "COST", 8, words);
}

void text_section_limits(struct text *t)
{
	const struct totals *s = &t->r->totals;
	struct buf line = BUF_INIT;
	for (size_t i = 0; i < s->notes.len; i++) {
		size_t n = strlen(s->notes.at[i].text);
		if (line.len > 0)
			buf_str(&line, "; ");
		if (buf_reserve(&line, n * ESCAPE_GROWTH + 1) == 0)
			line.len +=
				escape(t->o->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII, s->notes.at[i].text,
				       n, (char *)line.bytes + line.len, n * ESCAPE_GROWTH + 1);
	}
	if (s->notes_dropped)
		buf_printf(&line, "; %llu more notes", (unsigned long long)s->notes_dropped);
	if (t->o->question == VIEW_SUMMARY && !heaps_last(&t->r->heaps))
		buf_printf(
			&line,
			"%stypes, fragmentation and holders need a snapshot: none in this recording",
			line.len ? "; " : "");
	const char *text = buf_cstr(&line);
	out_need(t->out, &line);
	if (text && *text) {
		out_put(t->out, "\n", 1);
		text_wrapped(t, "LIMITS", 8, text);
	}
	buf_deinit(&line);
}

/* The command that would have kept this; a process that has ended is none to attach to. */
static void put_keeping(const struct text *t, bool snapshot, struct buf *line)
{
	const struct totals *s = &t->r->totals;
	char pid[16] = "PID";
	if (!s->have_end || (s->end != FACT_END_EXITED && s->end != FACT_END_EXECED))
		snprintf(pid, sizeof pid, "%d", s->target.pid);
	if (snapshot && s->have_cost && s->cost.pause_kind == FACT_PAUSE_CORE)
		buf_str(line, "pymemprof snapshot -o FILE.pmp CORE");
	else if (!snapshot && s->target.from_start)
		buf_str(line, "pymemprof run -o FILE.pmp -- PROGRAM");
	else
		buf_printf(line, "pymemprof %s -o FILE.pmp %s", snapshot ? "snapshot" : "attach", pid);
	buf_printf(line, " keeps the %s for pymemprof report", snapshot ? "snapshot" : "recording");
}

void text_section_next(struct text *t)
{
	static const char *const other[VIEW_QUESTIONS] = {
		[VIEW_SUMMARY] = "--view leaks | --view sites | --view flame | --format json",
		[VIEW_LEAKS] = "--view sites | --view flame | --format json",
		[VIEW_SITES] = "--view leaks | --metric peak | --format csv",
		[VIEW_FLAME] = "--format folded | --metric allocated | --view sites",
		[VIEW_TIMELINE] = "--view leaks | --format csv",
		[VIEW_THREADS] = "--view sites | --format csv",
		[VIEW_TESTS] = "--metric allocated | --view sites | --format csv",
		[VIEW_TYPES] = "--view fragmentation | --view ledger | --format csv",
		[VIEW_FRAGMENTATION] = "--view types | --view ledger | --format json",
		[VIEW_LEDGER] = "--view types | --view fragmentation | --format csv",
		[VIEW_GC] = "--view types | --format csv",
		[VIEW_HOLDERS] = "--path TYPE | --view modules | --format csv",
		[VIEW_PATHS] = "--path 0xADDR | --view holders | --format csv",
		[VIEW_MODULES] = "--view holders | --format csv",
		[VIEW_REFCOUNTS] = "--view holders | --path TYPE | --format csv",
		[VIEW_ADVICE] = "--view types | --view fragmentation | --format csv",
	};
	const bool only = recording_is_snapshot(t->r);
	struct buf line = BUF_INIT;
	if (t->o->question != VIEW_SUMMARY || only)
		out_put(t->out, "\n", 1);
	if (t->o->file) {
		size_t n = strlen(t->o->file);
		buf_str(&line, "pymemprof report ");
		if (buf_reserve(&line, n * ESCAPE_GROWTH + 1) == 0)
			line.len += escape(t->o->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII, t->o->file, n,
					   (char *)line.bytes + line.len, n * ESCAPE_GROWTH + 1);
		buf_printf(
			&line, " %s",
			only && t->o->question == VIEW_SUMMARY ?
				"--view types | --view fragmentation | --view holders | --view advice" :
				other[t->o->question]);
	} else {
		put_keeping(t, only, &line);
	}
	const char *text = buf_cstr(&line);
	out_need(t->out, &line);
	text_wrapped(t, "NEXT", 8, text ? text : "");
	buf_deinit(&line);
}
