/* SPDX-License-Identifier: MIT */
/* The sections about who holds what: the tree, paths, modules, reference counts. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "report/model/paths.h"
#include "report/view/text.h"

#define LABEL_MAX 512
#define DEPTH_SHOWN 24
#define EDGES_SHOWN 12

/* The snapshot whose graph can be shown; else says why not. */
static const struct heap_model *shown(struct text *t, const char *title)
{
	const struct heap_model *m = heaps_last(&t->r->heaps);
	char words[400];

	if (m && m->holders.known && !*m->holders.graph.skipped)
		return m;
	out_put(t->out, "\n", 1);
	if (!m)
		snprintf(words, sizeof words,
			 "there is no snapshot in this file; pymemprof snapshot PID takes one.");
	else if (!m->holders.known)
		snprintf(words, sizeof words,
			 "this snapshot was taken without its graph; a new one has it.");
	else
		snprintf(words, sizeof words, "not known: %s.", m->holders.graph.skipped);
	text_wrapped(t, title, strlen(title) + 2, words);
	return NULL;
}

static int falling(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x > y ? -1 : x < y;
}

/* The least retained bytes among the `top` largest rows: rows with as much are shown. */
static uint64_t least_of(struct text *t, const struct holders *h, size_t top)
{
	AUTO_FREE uint64_t *sizes = malloc((h->rows.len + 1) * sizeof(*sizes));
	uint64_t least = 0;

	if (!sizes)
		out_nomem(t->out);
	if (!sizes || h->rows.len <= top)
		return 0;
	for (size_t i = 0; i < h->rows.len; i++)
		sizes[i] = h->rows.at[i].retained_bytes;
	qsort(sizes, h->rows.len, sizeof(*sizes), falling);
	least = sizes[top - 1];
	return least;
}

static void holder_row(struct text *t, const struct heap_model *m, const struct fact_heap_holder *f,
		       size_t depth)
{
	const struct fact_heap_type *type = f->type ? heap_type_of(m, f->type) : NULL;
	double all = (double)m->holders.rows.at[0].retained_bytes;
	char edge[LABEL_MAX], label[LABEL_MAX] = "", line[2 * LABEL_MAX + 8];
	struct units a, b;
	const char *e = edge;

	if (f->root)
		holders_root_text(f->root, f->name, f->where, edge, sizeof edge);
	else if (!f->type)
		snprintf(edge, sizeof edge, "others");
	else
		holders_edge_text(f->edge, f->name, 0, f->count > 1, edge, sizeof edge);
	while (*e == ' ')
		e++;
	if (type)
		heap_type_label(type, label, sizeof label);
	snprintf(line, sizeof line, "%s%s%s", e, *e && *label ? " " : "", label);
	depth = depth < DEPTH_SHOWN ? depth : DEPTH_SHOWN;
	out_printf(t->out, "%9s %5.1f%% %8s  %*s", text_bytes(t, &a, f->retained_bytes),
		   all > 0 ? 100.0 * (double)f->retained_bytes / all : 0.0, units_count_short(&b, f->count),
		   (int)depth, "");
	text_name(t, line, strlen(line), t->width - 27 - depth - (f->drop ? 3 : 0), false);
	out_str(t->out, f->drop ? t->o->utf8 ? " \xe2\x97\x82\n" : " <\n" : "\n");
}

/* Without recursion: next row is the first child shown, else the next sibling, else above. */
static void holder_rows(struct text *t, const struct heap_model *m, size_t top)
{
	const struct holders *h = &m->holders;
	uint64_t least = least_of(t, h, top);
	uint32_t at = holders_child(h, 0);
	size_t depth = 0, shown_rows = 0;

	while (at) {
		const struct fact_heap_holder *f = holders_row(h, at);
		uint32_t child = holders_child(h, at);
		bool show = f->retained_bytes >= least && shown_rows < 2 * top;

		if (show) {
			holder_row(t, m, f, depth);
			shown_rows++;
		}
		if (show && child) {
			at = child;
			depth++;
			continue;
		}
		while (at && !holders_next(h, at)) {
			at = holders_row(h, at)->parent;
			depth -= at != 0;
		}
		at = at ? holders_next(h, at) : 0;
	}
}

static void graph_words(struct text *t, const struct fact_heap_graph *g)
{
	const uint64_t in_c = heaps_last(&t->r->heaps)->heap.static_objects;
	struct units a, b, c, d, e, f;
	char words[500];

	snprintf(words, sizeof words,
		 "%s objects, %s of them variables of C code; %s references; reference counts: %.2f%% of the %s that are "
		 "not immortal exactly explained, %s references too many, of these %s found in C data (--view refcounts).",
		 units_count(&a, g->objects), units_count(&f, in_c), units_count(&b, g->edges),
		 g->audited ? 100.0 * (double)g->exact / (double)g->audited : 0.0,
		 units_count(&c, g->audited), units_count(&d, g->excess), units_count(&e, g->explained));
	text_wrapped(t, "        ", 8, words);
}

void text_section_holders(struct text *t, size_t top)
{
	const struct heap_model *m = shown(t, "HOLDERS");

	if (!m || !m->holders.rows.len)
		return;
	out_put(t->out, "\n", 1);
	text_heading(t, " RETAINED  SHARE    COUNT  HOLDER", t->width);
	out_put(t->out, "\n", 1);
	holder_rows(t, m, top);
	text_wrapped(t, "        ", 8,
		     t->o->utf8 ? "\xe2\x97\x82 the drop: no single object below keeps half of it." :
				  "< the drop: no single object below keeps half of it.");
	graph_words(t, &m->holders.graph);
}

/* --- paths ---------------------------------------------------------------------------------------- */

static int path_lines(struct text *t, const struct heap_model *m, uint32_t type, uint64_t count,
		      uint64_t retained, const struct fact_heap_step *steps, size_t n, struct err *err)
{
	AUTO_BUF struct buf line = BUF_INIT, safe = BUF_INIT;
	const struct fact_heap_type *f = heap_type_of(m, type);
	char label[LABEL_MAX];
	struct units a, b;
	const char *s;

	if (holders_path_text(m, steps, n, &line) < 0 || !(s = buf_cstr(&line)) ||
	    buf_reserve(&safe, line.len * ESCAPE_GROWTH + 1) < 0)
		return err_nomem(err);
	safe.len = escape(t->o->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII, s, line.len, (char *)safe.bytes,
			  line.len * ESCAPE_GROWTH + 1);
	out_printf(t->out, "%9s %8s  ", text_bytes(t, &a, retained), units_count_short(&b, count));
	if (f)
		heap_type_label(f, label, sizeof label);
	else
		snprintf(label, sizeof label, "?");
	text_name(t, label, strlen(label), t->width - 20, false);
	out_put(t->out, "\n", 1);
	s = buf_cstr(&safe);
	if (!s)
		return err_nomem(err);
	text_wrapped(t, "            ", 12, s);
	return 0;
}

/* Who refers to the one object asked for. */
static int direct_lines(struct text *t, const struct heap_model *m, const struct paths *p,
			struct err *err)
{
	for (size_t i = 0; i < p->direct.len && i < EDGES_SHOWN; i++) {
		const struct fact_heap_step *s = &p->direct.at[i];
		const struct fact_heap_type *f = s->type ? heap_type_of(m, s->type) : NULL;
		AUTO_BUF struct buf safe = BUF_INIT;
		char edge[LABEL_MAX], label[LABEL_MAX], line[2 * LABEL_MAX + 40];
		size_t n;

		if (s->root)
			snprintf(line, sizeof line, "%s", holders_root_text(s->root, s->name, s->where, label,
									 sizeof label));
		else
			snprintf(line, sizeof line, "%s%s  (0x%" PRIx64 ")",
				 f ? heap_type_label(f, label, sizeof label) : "?",
				 holders_edge_text(s->edge, s->name, s->index, false, edge, sizeof edge),
				 s->addr);
		n = strlen(line);
		if (buf_reserve(&safe, n * ESCAPE_GROWTH + 1) < 0)
			return err_nomem(err);
		safe.len = escape(t->o->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII, line, n, (char *)safe.bytes,
				  n * ESCAPE_GROWTH + 1);
		if (!buf_cstr(&safe))
			return err_nomem(err);
		text_wrapped(t, i ? "            " : "  held by   ", 12, buf_cstr(&safe));
	}
	return 0;
}

static int asked_paths(struct text *t, const struct heap_model *m, size_t top, struct err *err)
{
	struct paths p;
	int r = paths_find(m, t->o->path, &p, err);

	for (size_t i = 0; r == 0 && i < p.ways.len && i < top; i++) {
		const struct held_alike *w = &p.ways.at[i];

		r = path_lines(t, m, p.type, w->count, w->retained_bytes, &p.steps.at[w->first],
			       w->steps, err);
	}
	if (r == 0)
		r = direct_lines(t, m, &p, err);
	if (r == 0 && p.ways_found > p.ways.len)
		out_printf(t->out, "            %" PRIu64 " more way%s\n", p.ways_found - p.ways.len,
			   p.ways_found - p.ways.len == 1 ? "" : "s");
	if (r == 0)
		paths_deinit(&p);
	return r;
}

int text_section_paths(struct text *t, size_t top, struct err *err)
{
	const struct heap_model *m = shown(t, "PATHS");
	int r = 0;

	if (!m)
		return 0;
	out_put(t->out, "\n", 1);
	text_heading(t, " RETAINED    COUNT  TYPE, and how it is held", t->width);
	out_put(t->out, "\n", 1);
	if (t->o->path)
		return asked_paths(t, m, top, err);
	for (size_t i = 0; i < m->holders.paths.len && i < top && r == 0; i++) {
		const struct fact_heap_path *f = &m->holders.paths.at[i];
		size_t n;
		const struct fact_heap_step *steps = holders_steps(&m->holders, f, &n);

		r = path_lines(t, m, f->type, f->count, f->retained_bytes, steps, n, err);
	}
	return r;
}

/* --- modules and reference counts --------------------------------------------------------------- */

int text_section_modules(struct text *t, size_t top, struct err *err)
{
	const struct heap_model *m = shown(t, "MODULES");
	struct table rows = { 0 };
	int r = m ? heaps_modules_table(&t->r->heaps, top, &rows, err) : 0;

	if (!m || r < 0)
		return r;
	out_put(t->out, "\n", 1);
	text_heading(t, " RETAINED  OBJECTS  IMPORTERS    CALLED  MODULE", t->width);
	out_put(t->out, "\n", 1);
	for (size_t i = 0; i < rows.rows.len; i++) {
		const struct table_cell *c = rows.rows.at[i];
		struct units a, b;
		char called[48] = "";

		if (c[5].count)
			snprintf(called, sizeof called, "%" PRIu64 "/%" PRIu64, c[6].count, c[5].count);
		out_printf(t->out, "%9s %8s  %9" PRIu64 " %9s  ", text_bytes(t, &a, c[1].count),
			   units_count_short(&b, c[2].count), c[4].count, called);
		text_name(t, c[0].text, strlen(c[0].text), t->width - 46, false);
		out_str(t->out, *c[8].text ? "  idle\n" : "\n");
	}
	text_wrapped(t, "        ", 8,
		     "RETAINED is reachable only through the module: what others imported from it by name "
		     "is theirs too. idle: Python functions, and none shows that it was ever called.");
	table_deinit(&rows);
	return 0;
}

int text_section_refcounts(struct text *t, size_t top, struct err *err)
{
	const struct heap_model *m = shown(t, "REFCOUNTS");
	struct table rows = { 0 };
	int r = m ? heaps_refcounts_table(&t->r->heaps, top, &rows, err) : 0;

	if (!m || r < 0)
		return r;
	out_put(t->out, "\n", 1);
	text_heading(t, "  OBJECTS   EXCESS EXPLAINED  TYPE", t->width);
	out_put(t->out, "\n", 1);
	for (size_t i = 0; i < rows.rows.len; i++) {
		const struct table_cell *c = rows.rows.at[i];
		struct units a, b, d;

		out_printf(t->out, "%9s %8s %9s  ", units_count_short(&a, c[1].count),
			   units_count_short(&b, c[2].count), units_count_short(&d, c[3].count));
		text_name(t, c[0].text, strlen(c[0].text), 20, *c[6].text);
		if (*c[6].text) {
			out_str(t->out, "  ");
			text_name(t, c[6].text, strlen(c[6].text), t->width - 52, false);
		}
		out_put(t->out, "\n", 1);
	}
	graph_words(t, &m->holders.graph);
	table_deinit(&rows);
	return 0;
}
