/* SPDX-License-Identifier: MIT */
/* The sections that are tables or trees: sites, flame, threads, timeline. */
#include <stdio.h>
#include <string.h>

#include "report/view/text.h"

#define FIGURE 11
#define FLAME_CUT 500 /* places below 1/500 of the whole are summed up */
#define FLAME_DEPTH_MAX 260
#define FLAME_NAME_MIN 28 /* columns a name keeps, however deep */
#define SITE_FRAMES 12

static void metric_title(const struct text *t, char *buf, size_t cap, const char *what)
{
	snprintf(buf, cap, "%s (by %s)", what, sites_metric_name(t->o->metric));
}

#define SITE_FIGURES (3 * (FIGURE + 1) + 6 + 10) /* columns behind the names */

static void site_figures(struct text *t, const struct counters *c, uint64_t whole, enum growth_class class)
{
	struct units a, b, d, e;
	out_printf(t->out, " %*s %5s %*s %*s %9s\n", FIGURE,
		   text_bytes(t, &a, sites_metric(c, t->o->metric)),
		   units_percent(&b, sites_metric(c, t->o->metric), whole), FIGURE,
		   text_count(t, &d, counters_live_blocks(c)), FIGURE,
		   text_bytes(t, &e, c->alloc_bytes), growth_class_name(class));
}

static void site_heading(struct text *t, const char *title)
{
	char upper[16];
	snprintf(upper, sizeof upper, "%s", sites_metric_name(t->o->metric));
	for (char *p = upper; *p; p++)
		*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
	text_heading(t, title, t->width - SITE_FIGURES);
	out_printf(t->out, " %*s %5s %*s %*s   VERDICT\n", FIGURE, upper, "%", FIGURE,
		   "LIVE BLOCKS", FIGURE, "ALLOCATED");
}

static void site_rest(struct text *t, const char *what, uint64_t left, uint64_t bytes)
{
	struct units a;
	if (left > 0)
		out_printf(t->out, "(%llu more %s%s, %s)\n", (unsigned long long)left, what,
			   left == 1 ? "" : "s", text_bytes(t, &a, bytes));
}

/* A row per line of code, however many ways lead there. */
static int site_lines(struct text *t, const char *title, size_t top, struct err *err)
{
	const struct counters sum = sites_sum(&t->r->sites);
	AUTO_FREE struct line *lines = NULL;
	const size_t room = t->width - SITE_FIGURES;
	size_t n, shown, ways;
	int rc = lines_by_metric(t->r, t->o->metric, &lines, &n, err);
	if (rc < 0)
		return rc;
	site_heading(t, title);
	shown = n < top ? n : top;
	ways = text_ways_columns(lines, shown, room);
	for (size_t i = 0; i < shown; i++) {
		text_line_place(t, &lines[i], room, ways);
		site_figures(t, &lines[i].sum, sites_metric(&sum, t->o->metric), lines[i].class);
	}
	uint64_t rest = 0;
	for (size_t i = shown; i < n; i++)
		rest += sites_metric(&lines[i].sum, t->o->metric);
	site_rest(t, "line", n - shown, rest);
	return 0;
}

/* A row per stack. */
static int site_stacks(struct text *t, const char *title, size_t top, struct err *err)
{
	const struct recording *r = t->r;
	const struct counters sum = sites_sum(&r->sites);
	AUTO_FREE uint32_t *order = NULL;
	size_t n = r->stacks.stacks.len, shown = 0;
	int rc = sites_order(r->by_stack, n, t->o->metric, &order, err);
	if (rc < 0)
		return rc;
	site_heading(t, title);
	for (; shown < n && shown < top; shown++) {
		const struct counters *c = &r->by_stack[order[shown]];
		if (sites_metric(c, t->o->metric) == 0)
			break;
		text_place(t, order[shown], t->width - SITE_FIGURES);
		site_figures(t, c, sites_metric(&sum, t->o->metric), r->verdicts[order[shown]].class);
		if (r->stacks.stacks.at[order[shown]] != STACKS_ROOT)
			text_stack(t, "     made  ", 11, order[shown], SITE_FRAMES);
	}
	uint64_t rest = 0, left = 0;
	for (size_t i = shown; i < n; i++) {
		uint64_t more = sites_metric(&r->by_stack[order[i]], t->o->metric);
		rest += more;
		left += more > 0;
	}
	site_rest(t, "site", left, rest);
	return 0;
}

/* Why no stack has a figure to be shown, one sentence; NULL: some may have. */
static const char *none_why(const struct text *t)
{
	if (t->r->stacks.stacks.len == 0)
		return "none: nothing was allocated.";
	if (t->o->metric == SITES_PEAK && t->r->peaks_cut)
		return "none: what each site held at the peak is not known: it is written at the end of a recording, "
		       "and this one has none.";
	return NULL;
}

int text_section_sites(struct text *t, size_t top, struct err *err)
{
	const bool summary = t->o->question == VIEW_SUMMARY;
	const char *why = none_why(t);
	char title[40];
	metric_title(t, title, sizeof title, summary ? "TOP SITES" : "SITES");
	if (text_not_known(t, title))
		return 0;
	out_put(t->out, "\n", 1);
	if (why) {
		text_wrapped(t, title, strlen(title) + 2, why);
		return 0;
	}
	return summary ? site_lines(t, title, top, err) : site_stacks(t, title, top, err);
}

/* One line of the flame tree. */
struct flame {
	struct text *t;
	const struct tree *tree;
	uint64_t cut;
	size_t rows, rows_max;
};

#define FLAME_FIGURES (2 * FIGURE + 9) /* columns before the names */

static void flame_figures(struct flame *f, const struct tree_sum *total,
			  const struct tree_sum *self)
{
	struct units a, b, c;
	out_printf(f->t->out, "%*s %5s %*s  ", FIGURE, text_bytes(f->t, &a, total->bytes),
		   units_percent(&b, total->bytes, f->tree->total.bytes), FIGURE,
		   self->bytes ? text_bytes(f->t, &c, self->bytes) : "");
}

/* Connectors of one level; names below one another without one are a chain of calls. */
static size_t flame_indent(struct flame *f, size_t level, bool branch, bool last)
{
	size_t room = f->t->width - FLAME_FIGURES;
	size_t most = room - FLAME_NAME_MIN;
	size_t indent = 2 * level < most ? 2 * level : most;
	out_fill(f->t->out, ' ', indent > 2 ? indent - 2 : 0);
	if (indent >= 2)
		out_str(f->t->out, !branch ? "  " : last ? "`-" : "|-");
	return room - indent;
}

static void flame_name(struct flame *f, uint32_t place, size_t room)
{
	struct stack_text s = stacks_text(&f->t->r->stacks, f->t->r->stacks.places.at[place].frame);
	const char *slash = memrchr(s.file, '/', s.file_bytes);
	const char *base = slash && slash[1] ? slash + 1 : s.file;
	char line[16];
	snprintf(line, sizeof line, ":%u", s.line);
	size_t base_bytes = s.file_bytes - (size_t)(base - s.file), tail = strlen(line);
	size_t names = room > tail + 5 ? room - tail - 1 : 4;
	size_t most = names * 2 / 5, file = base_bytes < most ? base_bytes : most;
	text_name(f->t, s.function, s.function_bytes, names - file, false);
	out_put(f->t->out, " ", 1);
	text_name(f->t, base, base_bytes, file, false);
	out_str(f->t->out, line);
	out_put(f->t->out, "\n", 1);
}

static uint32_t next_shown(const struct flame *f, uint32_t place)
{
	while (place != TREE_NONE && f->tree->places[place].total.bytes < f->cut)
		place = f->tree->places[place].next_sibling;
	return place;
}

/* Depth first without recursion: stacks of a target may be deep. */
static void flame_walk(struct flame *f, uint32_t root)
{
	uint32_t path[FLAME_DEPTH_MAX], level[FLAME_DEPTH_MAX] = { 0 };
	bool branch[FLAME_DEPTH_MAX] = { false };
	size_t depth = 0;
	path[0] = next_shown(f, f->tree->places[root].first_child);
	while (f->rows < f->rows_max) {
		if (path[depth] == TREE_NONE) {
			if (depth == 0)
				return;
			depth--;
			path[depth] = next_shown(f, f->tree->places[path[depth]].next_sibling);
			continue;
		}
		const struct tree_place *p = &f->tree->places[path[depth]];
		bool last = next_shown(f, p->next_sibling) == TREE_NONE;
		flame_figures(f, &p->total, &p->self);
		flame_name(f, path[depth], flame_indent(f, level[depth], branch[depth], last));
		f->rows++;
		if (depth + 1 == FLAME_DEPTH_MAX) {
			path[depth] = next_shown(f, p->next_sibling);
			continue;
		}
		uint32_t child = next_shown(f, p->first_child);
		bool forks = child != TREE_NONE &&
			     next_shown(f, f->tree->places[child].next_sibling) != TREE_NONE;
		path[depth + 1] = child;
		branch[depth + 1] = forks;
		level[depth + 1] = level[depth] + forks;
		depth++;
	}
}

int text_section_flame(struct text *t, size_t top, struct err *err)
{
	const char *why = none_why(t);
	struct tree tree;
	char title[40];
	metric_title(t, title, sizeof title, "STACKS");
	if (text_not_known(t, title))
		return 0;
	int rc = tree_init(&tree, &t->r->stacks, t->r->by_stack, t->o->metric, err);
	if (rc < 0)
		return rc;
	out_put(t->out, "\n", 1);
	if (why || tree.total.bytes == 0) {
		text_wrapped(t, title, strlen(title) + 2, why ? why : "none: no stack has bytes by this metric.");
		tree_deinit(&tree);
		return 0;
	}
	struct flame f = {
		.t = t, .tree = &tree, .cut = tree.total.bytes / FLAME_CUT + 1, .rows_max = top
	};
	out_printf(t->out, "%*s %5s %*s  ", FIGURE, "TOTAL", "%", FIGURE, "SELF");
	text_heading(t, title, 0);
	out_put(t->out, "\n", 1);
	flame_walk(&f, STACKS_ROOT);
	const struct tree_place *cut = &tree.places[STACKS_TRUNCATED],
				*root = &tree.places[STACKS_ROOT];
	if (cut->total.bytes >= f.cut) {
		flame_figures(&f, &cut->total, &cut->self);
		out_str(t->out, "(outer frames missing)\n");
		flame_walk(&f, STACKS_TRUNCATED);
	}
	if (root->self.bytes > 0) {
		flame_figures(&f, &root->self, &root->self);
		out_str(t->out, "(no Python stack)\n");
	}
	struct units a;
	if (f.rows >= f.rows_max)
		out_printf(t->out, "(cut after %zu rows: --top N)\n", f.rows);
	out_printf(t->out, "(stacks below %s are not shown)\n", text_bytes(t, &a, f.cut));
	tree_deinit(&tree);
	return 0;
}

int text_section_threads(struct text *t, size_t top, struct err *err)
{
	AUTO_FREE struct thread_row *rows = NULL;
	const size_t figures = 4 * (FIGURE + 1);
	size_t n;
	if (text_not_known(t, "THREADS (by live)"))
		return 0;
	int rc = threads_rows(&t->r->threads, &t->r->sites, &rows, &n, err);
	if (rc < 0)
		return rc;
	out_put(t->out, "\n", 1);
	text_heading(t, "THREADS (by live)", t->width - figures);
	out_printf(t->out, " %*s %*s %*s %*s\n", FIGURE, "LIVE", FIGURE, "BLOCKS", FIGURE,
		   "ALLOCATED", FIGURE, "TEMPORARY");
	for (size_t i = 0; i < n && i < top; i++) {
		struct units a, b, c, d;
		const struct counters *s = &rows[i].counters;
		char id[32] = "";
		if (rows[i].thread == 0)
			snprintf(id, sizeof id, "(no Python thread) ");
		else
			snprintf(id, sizeof id, "%u%s%.*u ", rows[i].thread,
				 rows[i].tid ? " tid " : "", rows[i].tid ? 1 : 0, rows[i].tid);
		out_str(t->out, id);
		size_t used = strlen(id), room = t->width - figures;
		text_name(t, rows[i].name, strlen(rows[i].name), room > used ? room - used : 0,
			  true);
		out_printf(t->out, " %*s %*s %*s %*s\n", FIGURE,
			   text_bytes(t, &a, counters_live_bytes(s)), FIGURE,
			   text_count(t, &b, counters_live_blocks(s)), FIGURE,
			   text_bytes(t, &c, s->alloc_bytes), FIGURE,
			   text_bytes(t, &d, s->temp_bytes));
		for (size_t k = 0; k < THREADS_TOP && rows[i].top_sites[k]; k++) {
			struct counters site = sites_of(&t->r->sites, rows[i].top_sites[k]);
			out_str(t->out, "   ");
			text_place(t, stacks_site(&t->r->stacks, rows[i].top_sites[k])->stack,
				   t->width - figures - 3);
			out_printf(t->out, " %*s %*s\n", FIGURE,
				   text_bytes(t, &a, counters_live_bytes(&site)), FIGURE,
				   text_count(t, &b, counters_live_blocks(&site)));
		}
	}
	if (n > top)
		out_printf(t->out, "(%zu more threads)\n", n - top);
	return 0;
}

static void curve(struct text *t, const char *label, bool rss)
{
	uint64_t y[VIEW_WIDTH_MAX], top = 0;
	const struct timeline *l = &t->r->timeline;
	size_t room = t->width - 8 - FIGURE - 1;
	size_t n = timeline_curve(l, rss, y, room);
	struct units a;
	for (size_t i = 0; i < n; i++)
		top = y[i] > top ? y[i] : top;
	text_heading(t, label, 8);
	text_spark(t, y, n, top);
	out_printf(t->out, "  %s\n", rss ? units_bytes(&a, top) : text_bytes(t, &a, top));
}

void text_section_timeline(struct text *t)
{
	const struct timeline *l = &t->r->timeline;
	struct units a, b, c, d, e;
	if (text_not_known(t, "TIMELINE"))
		return;
	out_put(t->out, "\n", 1);
	if (l->slices.len == 0) {
		text_wrapped(t, "TIMELINE", 10, "none: nothing was recorded.");
		return;
	}
	curve(t, "live", false);
	if (l->rss_max_bytes)
		curve(t, "RSS", true);
	out_printf(t->out, "        0 to %s, highest value on the right\n\n",
		   units_duration(&a, l->end_ns));
	text_heading(t, "TIMELINE", t->width - 5 * (FIGURE + 1));
	out_printf(t->out, " %*s %*s %*s %*s %*s\n", FIGURE, "AT", FIGURE, "LIVE", FIGURE, "RSS",
		   FIGURE, "ALLOCATED", FIGURE, "FREED");
	size_t rows = t->o->top ? t->o->top : 24;
	size_t step = l->slices.len / rows + 1;
	for (size_t i = 0; i < l->slices.len; i += step) {
		struct timeline_slice sum = { 0 };
		for (size_t k = i; k < i + step && k < l->slices.len; k++) {
			const struct timeline_slice *s = &l->slices.at[k];
			sum.alloc_bytes += s->alloc_bytes;
			sum.free_bytes += s->free_bytes;
			if (s->at_ns) {
				sum.at_ns = s->at_ns;
				sum.live_bytes = s->live_bytes;
				sum.rss_bytes = s->rss_bytes ? s->rss_bytes : sum.rss_bytes;
			}
		}
		if (sum.at_ns == 0)
			continue;
		out_fill(t->out, ' ', t->width - 5 * (FIGURE + 1));
		out_printf(t->out, " %*s %*s %*s %*s %*s\n", FIGURE, units_duration(&a, sum.at_ns),
			   FIGURE, text_bytes(t, &b, sum.live_bytes), FIGURE,
			   sum.rss_bytes ? units_bytes(&c, sum.rss_bytes) : "-", FIGURE,
			   text_bytes(t, &d, sum.alloc_bytes), FIGURE,
			   text_bytes(t, &e, sum.free_bytes));
	}
	out_str(t->out, "(LIVE and RSS at that time; ALLOCATED and FREED since the row above)\n");
}
