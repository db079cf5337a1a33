/* SPDX-License-Identifier: MIT */
/*
 * Who holds what: the rows of the dominator tree that retain most, the shortest paths to the
 * types that retain most, modules, the audit of reference counts; and the tables of the same.
 */
#include <stdlib.h>
#include <string.h>

#include "report/view/html/data.h"

#define LABEL_MAX 512
#define PATH_MAX_BYTES 4096
#define ROWS_MAX 20000 /* of the tree in one page */
#define PATHS_MAX 2000
#define DEPTH_MAX 200

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *type_text(const struct heap_model *m, uint32_t type, char *buf)
{
	const struct fact_heap_type *t = type ? heap_type_of(m, type) : NULL;
	return t ? heap_type_label(t, buf, LABEL_MAX) : "";
}

/* "module app.cache"; ".entries dict"; "[…] Session" */
static void row_text(const struct heap_model *m, const struct fact_heap_holder *f, struct buf *ret)
{
	char text[LABEL_MAX], type[LABEL_MAX];
	buf_clear(ret);
	if (f->root != FACT_ROOT_NONE) {
		buf_str(ret, holders_root_text(f->root, f->name, f->where, text, sizeof text));
		return;
	}
	const char *of = type_text(m, f->type, type);
	if (!f->type) {
		buf_str(ret, *f->name ? f->name : "the rest");
		return;
	}
	const char *edge = holders_edge_text(f->edge, f->name, 0, f->count > 1, text, sizeof text);
	while (*edge == ' ')
		edge++;
	buf_printf(ret, "%s%s%s", edge, *edge ? " " : "", of);
}

/* Root, then each step that can be seen, joined by arrows. */
static void path_text(const struct heap_model *m, const struct fact_heap_path *p, struct buf *ret)
{
	char text[LABEL_MAX], type[LABEL_MAX];
	size_t n;
	const struct fact_heap_step *s = holders_steps(&m->holders, p, &n);
	buf_clear(ret);
	for (size_t i = 0; i < n && ret->len < PATH_MAX_BYTES; i++) {
		if (s[i].root != FACT_ROOT_NONE) {
			buf_printf(ret, "%s%s", i ? " \xe2\x86\x92 " : "",
				   holders_root_text(s[i].root, s[i].name, s[i].where, text,
						     sizeof text));
			continue;
		}
		const char *edge = holders_edge_text(s[i].edge, s[i].name, s[i].index,
						     s[i].alike > 1, text, sizeof text);
		while (*edge == ' ')
			edge++;
		if (!*edge && i + 1 < n)
			continue;
		buf_printf(ret, " \xe2\x86\x92 %s%s%s", edge, *edge ? " " : "",
			   type_text(m, s[i].type, type));
	}
}

static int by_retained(const void *a, const void *b)
{
	const struct fact_heap_path *x = *(const struct fact_heap_path *const *)a;
	const struct fact_heap_path *y = *(const struct fact_heap_path *const *)b;
	if (x->retained_bytes != y->retained_bytes)
		return x->retained_bytes < y->retained_bytes ? 1 : -1;
	return x->path < y->path ? -1 : x->path > y->path;
}

/* All paths, largest first; the caller frees. NULL when out of memory. */
static const struct fact_heap_path **paths_in_order(const struct holders *h)
{
	const struct fact_heap_path **list = calloc(h->paths.len + 1, sizeof *list);
	for (size_t i = 0; list && i < h->paths.len; i++)
		list[i] = &h->paths.at[i];
	if (list && h->paths.len)
		qsort(list, h->paths.len, sizeof *list, by_retained);
	return list;
}

struct visit {
	const struct heap_model *m;
	struct VEC(uint32_t) rows; /* holder numbers, before what they hold */
	struct VEC(uint16_t) depths;
};

/* Depth first, largest first, at most ROWS_MAX; a row without a child is never the wrong depth. */
static int visit_rows(struct visit *v, struct err *err)
{
	const struct holders *h = &v->m->holders;
	uint32_t path[DEPTH_MAX];
	uint32_t at = holders_child(h, 0);
	size_t depth = 0;
	while (at && v->rows.len < ROWS_MAX) {
		if (vec_push(&v->rows, at) < 0 || vec_push(&v->depths, (uint16_t)depth) < 0)
			return err_nomem(err);
		uint32_t next = depth + 1 < DEPTH_MAX ? holders_child(h, at) : 0;
		if (next) {
			path[depth++] = at;
			at = next;
			continue;
		}
		while (!(next = depth ? holders_next(h, at) : 0) && depth)
			at = path[--depth];
		at = next;
	}
	return 0;
}

static int put_rows(const struct visit *v, struct pack *p, struct strtab *strings, struct buf *ret,
		    struct err *err)
{
	static const char *const names[] = { "depth", "name",	  "type",    "count",
					     "own",   "retained", "objects", "drop" };
	static const char kinds[] = "uttuuuuu";
	const struct holders *h = &v->m->holders;
	AUTO_BUF struct buf text = BUF_INIT;
	char type[LABEL_MAX];
	pack_begin(p, v->rows.len);
	for (int column = 0; column < 8; column++) {
		pack_column(p, names[column], kinds[column]);
		for (size_t i = 0; i < v->rows.len; i++) {
			const struct fact_heap_holder *f = holders_row(h, v->rows.at[i]);
			const uint64_t figures[] = { v->depths.at[i],	0, 0,
						     f->count,		f->own_bytes,
						     f->retained_bytes, f->retained_objects,
						     f->drop };
			if (column == 1) {
				row_text(v->m, f, &text);
				pack_need(p, &text);
				pack_number(p, pack_text(p, strings, (char *)text.bytes, text.len));
			} else if (column == 2) {
				const char *name = type_text(v->m, f->type, type);
				pack_number(p, pack_text(p, strings, name, strlen(name)));
			} else {
				pack_number(p, figures[column]);
			}
		}
	}
	return pack_end(p, "holders", ret, err);
}

static int put_paths(const struct heap_model *m, struct pack *p, struct strtab *strings,
		     struct buf *ret, struct err *err)
{
	static const char *const names[] = { "type", "path", "count", "own", "retained" };
	AUTO_FREE const struct fact_heap_path **list = paths_in_order(&m->holders);
	AUTO_BUF struct buf text = BUF_INIT;
	size_t n = m->holders.paths.len < PATHS_MAX ? m->holders.paths.len : PATHS_MAX;
	char type[LABEL_MAX];
	if (!list)
		return err_nomem(err);
	pack_begin(p, n);
	for (int column = 0; column < 5; column++) {
		pack_column(p, names[column], column < 2 ? 't' : 'u');
		for (size_t i = 0; i < n; i++) {
			const struct fact_heap_path *f = list[i];
			if (column == 0) {
				const char *name = type_text(m, f->type, type);
				pack_number(p, pack_text(p, strings, name, strlen(name)));
			} else if (column == 1) {
				path_text(m, f, &text);
				pack_need(p, &text);
				pack_number(p, pack_text(p, strings, (char *)text.bytes, text.len));
			} else {
				pack_number(p, column == 2 ? f->count :
					       column == 3 ? f->own_bytes :
							     f->retained_bytes);
			}
		}
	}
	return pack_end(p, "paths", ret, err);
}

bool html_has_holders(const struct recording *r)
{
	const struct heap_model *m = heaps_last(&r->heaps);
	return m && m->holders.known && m->holders.rows.len > 0;
}

int data_holders(const struct recording *r, struct pack *p, struct strtab *strings, struct buf *ret,
		 struct err *err)
{
	struct visit v = { .m = heaps_last(&r->heaps) };
	if (!html_has_holders(r))
		return 0;
	int rc = visit_rows(&v, err);
	if (rc == 0)
		rc = put_rows(&v, p, strings, ret, err);
	if (rc == 0)
		rc = put_paths(v.m, p, strings, ret, err);
	vec_deinit(&v.rows);
	vec_deinit(&v.depths);
	return rc;
}

static void figures(struct text *t, uint64_t retained, uint64_t whole, uint64_t own, uint64_t count)
{
	struct units u;
	out_printf(t->out, "<td class=\"n%s\" data-v=\"%llu\">%s</td>",
		   html_share_class(retained, whole), (unsigned long long)retained,
		   units_bytes(&u, retained));
	html_percent(t, retained, whole);
	html_exact_bytes(t, own);
	html_count(t, count);
}

static void top_rows(struct text *t, const struct heap_model *m)
{
	static const char *const titles[] = { "Holder", "#Retained", "#%", "#Own", "#Objects" };
	const struct holders *h = &m->holders;
	uint32_t all = holders_child(h, 0), at = holders_child(h, all);
	uint64_t whole = holders_row(h, all)->retained_bytes;
	AUTO_BUF struct buf text = BUF_INIT;
	html_table(t, "t-holders", "What nothing else holds, and what goes with it", titles,
		   COUNT(titles));
	for (size_t shown = 0; at && shown < HTML_TOP; shown++, at = holders_next(h, at)) {
		const struct fact_heap_holder *f = holders_row(h, at);
		struct units u;
		row_text(m, f, &text);
		out_need(t->out, &text);
		out_str(t->out, "<tr><td class=\"name\"><bdi>");
		html_name(t, (char *)text.bytes, text.len);
		out_str(t->out, "</bdi>");
		if (f->count > 1)
			out_printf(t->out, " <span class=\"file\">&#215; %s</span>",
				   units_count(&u, f->count));
		out_str(t->out, "</td>");
		figures(t, f->retained_bytes, whole, f->own_bytes, f->retained_objects);
		out_str(t->out, "</tr>\n");
	}
	html_table_end(t);
}

static int top_paths(struct text *t, const struct heap_model *m, struct err *err)
{
	static const char *const titles[] = { "Type", "Held by", "#Retained", "#%", "#Own",
					      "#Objects" };
	AUTO_FREE const struct fact_heap_path **list = paths_in_order(&m->holders);
	AUTO_BUF struct buf text = BUF_INIT;
	uint64_t whole = holders_row(&m->holders, holders_child(&m->holders, 0))->retained_bytes;
	char type[LABEL_MAX];
	if (!list)
		return err_nomem(err);
	if (!m->holders.paths.len)
		return 0;
	html_table(t, "t-paths", "Shortest path from a root to the objects of a type", titles,
		   COUNT(titles));
	for (size_t i = 0; i < m->holders.paths.len && i < HTML_TOP; i++) {
		path_text(m, list[i], &text);
		out_need(t->out, &text);
		out_str(t->out, "<tr><td class=\"name\"><bdi>");
		html_name_str(t, type_text(m, list[i]->type, type));
		out_str(t->out, "</bdi></td><td class=\"name\"><bdi>");
		html_name(t, (char *)text.bytes, text.len);
		out_str(t->out, "</bdi></td>");
		figures(t, list[i]->retained_bytes, whole, list[i]->own_bytes, list[i]->count);
		out_str(t->out, "</tr>\n");
	}
	html_table_end(t);
	return 0;
}

static void audit(struct text *t, const struct fact_heap_graph *g)
{
	struct units a, b, c, d, e;
	out_printf(t->out,
		   "<p class=\"note\">%s objects and %s references were followed from %s roots. "
		   "Reference counts of %s objects: ",
		   units_count(&a, g->objects), units_count(&b, g->edges), units_count(&c, g->roots),
		   units_count(&d, g->audited));
	out_printf(t->out, "%s agree with the references found, ", units_count(&e, g->exact));
	out_printf(t->out, "%s have more (C code holds them), %s fewer.</p>\n",
		   units_count(&a, g->more), units_count(&b, g->fewer));
}

int html_holders(struct text *t, struct err *err)
{
	const struct heap_model *m = heaps_last(&t->r->heaps);
	if (!html_has_holders(t->r))
		return 0;
	out_str(t->out, "<section id=\"s-holders\" data-view=\"holders\"><h2>Holders</h2><p>Retained "
			"is what would be freed if this went: what nothing else holds.</p>\n");
	top_rows(t, m);
	int rc = top_paths(t, m, err);
	audit(t, &m->holders.graph);
	out_str(t->out, "</section>\n");
	return rc;
}
