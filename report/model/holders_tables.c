/* SPDX-License-Identifier: MIT */
/* Who holds what as tables, for CSV. Composed texts lie in the table's own arena. */
#include <string.h>

#include "base/buf.h"
#include "report/model/heaps.h"
#include "report/model/paths.h"

#define TEXT_MAX 512

static int finish(struct table *t, int r)
{
	if (r < 0)
		table_deinit(t);
	return r;
}

static const char *keep(struct table *t, const char *text)
{
	return *text ? arena_str(&t->arena, text, strlen(text)) : "";
}

static const char *type_text(struct table *t, const struct heap_model *m, uint32_t type)
{
	const struct fact_heap_type *f = type ? heap_type_of(m, type) : NULL;
	char label[TEXT_MAX];

	return f ? keep(t, heap_type_label(f, label, sizeof label)) : "";
}

static int put_holder(struct table *t, const struct heap_model *m, const struct fact_heap_holder *f,
		      struct err *err)
{
	struct table_cell *c = table_row(t);
	char text[TEXT_MAX];

	if (!c)
		return err_nomem(err);
	c[0].count = f->holder;
	c[1].count = f->parent;
	c[2].text = holders_root_name(f->root);
	c[3].text = f->root ? keep(t, holders_root_text(f->root, f->name, f->where, text, sizeof text)) :
			      keep(t, holders_edge_text(f->edge, f->name, 0, true, text, sizeof text));
	c[4].text = type_text(t, m, f->type);
	c[5].count = f->count;
	c[6].count = f->own_bytes;
	c[7].count = f->retained_bytes;
	c[8].count = f->retained_objects;
	c[9].count = f->addr_retained_bytes;
	c[10].text = f->drop ? "drop" : "";
	return c[3].text && c[4].text ? 0 : err_nomem(err);
}

int heaps_holders_table(const struct heaps *h, size_t top, struct table *ret, struct err *err)
{
	static const struct table_column columns[] = {
		{ "holder", "HOLDER", TABLE_NUMBER, false },
		{ "parent", "PARENT", TABLE_NUMBER, false },
		{ "root", "ROOT", TABLE_WORD, false },
		{ "name", "NAME", TABLE_NAME, false },
		{ "type", "TYPE", TABLE_NAME, false },
		{ "count", "COUNT", TABLE_COUNT, false },
		{ "own_bytes", "OWN", TABLE_BYTES, false },
		{ "retained_bytes", "RETAINED", TABLE_BYTES, false },
		{ "retained_objects", "OBJECTS", TABLE_COUNT, false },
		{ "largest_retained_bytes", "LARGEST", TABLE_BYTES, false },
		{ "drop", "DROP", TABLE_WORD, false },
	};
	const struct heap_model *m = heaps_last(h);
	int r = table_init(ret, columns, sizeof columns / sizeof *columns, err);

	if (r < 0 || !m)
		return r;
	for (size_t i = 0; i < m->holders.rows.len && r == 0; i++)
		r = put_holder(ret, m, &m->holders.rows.at[i], err);
	if (r == 0 && top)
		r = table_sort(ret, 7, true, err);
	if (r == 0 && top)
		(void)table_top(ret, top);
	return finish(ret, r);
}

int heaps_modules_table(const struct heaps *h, size_t top, struct table *ret, struct err *err)
{
	static const struct table_column columns[] = {
		{ "module", "MODULE", TABLE_NAME, false },
		{ "retained_bytes", "RETAINED", TABLE_BYTES, false },
		{ "retained_objects", "OBJECTS", TABLE_COUNT, false },
		{ "names", "NAMES", TABLE_COUNT, false },
		{ "importers", "IMPORTERS", TABLE_COUNT, false },
		{ "functions", "FUNCTIONS", TABLE_COUNT, false },
		{ "called", "CALLED", TABLE_COUNT, false },
		{ "kind", "KIND", TABLE_WORD, false },
		{ "idle", "IDLE", TABLE_WORD, false },
	};
	const struct heap_model *m = heaps_last(h);
	int r = table_init(ret, columns, sizeof columns / sizeof *columns, err);

	if (r < 0 || !m)
		return r;
	for (size_t i = 0; i < m->holders.modules.len && r == 0; i++) {
		const struct fact_heap_module *f = &m->holders.modules.at[i];
		struct table_cell *c = table_row(ret);

		if (!c) {
			r = err_nomem(err);
			break;
		}
		c[0].text = f->name;
		c[1].count = f->retained_bytes;
		c[2].count = f->retained_objects;
		c[3].count = f->objects;
		c[4].count = f->importers;
		c[5].count = f->functions;
		c[6].count = f->called;
		c[7].text = f->extension ? "extension" : "python";
		c[8].text = f->idle ? "idle" : "";
	}
	if (r == 0)
		r = table_sort(ret, 1, true, err);
	if (r == 0 && top)
		(void)table_top(ret, top);
	return finish(ret, r);
}

int heaps_refcounts_table(const struct heaps *h, size_t top, struct table *ret, struct err *err)
{
	static const struct table_column columns[] = {
		{ "type", "TYPE", TABLE_NAME, false },
		{ "objects", "OBJECTS", TABLE_COUNT, false },
		{ "excess", "EXCESS", TABLE_COUNT, false },
		{ "explained", "EXPLAINED", TABLE_COUNT, false },
		{ "unexplained", "UNEXPLAINED", TABLE_COUNT, false },
		{ "largest", "LARGEST", TABLE_COUNT, false },
		{ "holder", "HOLDER", TABLE_NAME, false },
	};
	const struct heap_model *m = heaps_last(h);
	int r = table_init(ret, columns, sizeof columns / sizeof *columns, err);

	if (r < 0 || !m)
		return r;
	for (size_t i = 0; i < m->holders.refcounts.len && r == 0 && (!top || i < top); i++) {
		const struct fact_heap_refcount *f = &m->holders.refcounts.at[i];
		struct table_cell *c = table_row(ret);
		const char *type = type_text(ret, m, f->type);

		if (!c || !type) {
			r = err_nomem(err);
			break;
		}
		c[0].text = type;
		c[1].count = f->objects;
		c[2].count = f->excess;
		c[3].count = f->explained;
		c[4].count = f->excess > f->explained ? f->excess - f->explained : 0;
		c[5].count = f->largest;
		c[6].text = f->holder;
	}
	return finish(ret, r);
}

int holders_path_text(const struct heap_model *m, const struct fact_heap_step *steps, size_t n,
		      struct buf *ret)
{
	char text[TEXT_MAX], label[TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		const struct fact_heap_step *s = &steps[i];
		const struct fact_heap_type *t = s->type ? heap_type_of(m, s->type) : NULL;
		const char *edge;

		if (s->root) {
			(void)buf_printf(ret, "%s%s", i ? " > " : "",
					 holders_root_text(s->root, s->name, s->where, text, sizeof text));
			continue;
		}
		/* a namespace is not told: what it holds is an attribute of what is before it */
		if ((s->edge == FACT_EDGE_DICT || (i == 1 && s->edge == FACT_EDGE_ROOT)) && i + 1 < n &&
		    (steps[i + 1].edge == FACT_EDGE_ATTRIBUTE || steps[i + 1].edge == FACT_EDGE_GLOBAL))
			continue;
		edge = holders_edge_text(s->edge, s->name, s->index, s->alike > 1, text, sizeof text);
		while (*edge == ' ')
			edge++;
		(void)buf_printf(ret, "%s%s%s%s", i ? " > " : "", edge, *edge ? " " : "",
				 t ? heap_type_label(t, label, sizeof label) : "?");
		if (s->alike > 1)
			(void)buf_printf(ret, " x%llu", (unsigned long long)s->alike);
	}
	return ret->failed ? ERR_NOMEM : 0;
}

static int put_path(struct table *t, const struct heap_model *m, uint32_t type, const uint64_t figure[4],
		    const struct fact_heap_step *steps, size_t n, struct err *err)
{
	struct table_cell *c = table_row(t);
	struct buf text = BUF_INIT;
	const char *s = NULL;

	if (c && holders_path_text(m, steps, n, &text) == 0)
		s = buf_cstr(&text);
	if (s)
		s = keep(t, s);
	buf_deinit(&text);
	if (!s)
		return err_nomem(err);
	c[0].text = type_text(t, m, type);
	c[1].count = figure[0];
	c[2].count = figure[1];
	c[3].count = figure[2];
	c[4].text = s;
	return c[0].text ? 0 : err_nomem(err);
}

int heaps_paths_table(const struct heaps *h, const char *what, size_t top, struct table *ret,
		      struct err *err)
{
	static const struct table_column columns[] = {
		{ "type", "TYPE", TABLE_NAME, false },
		{ "count", "COUNT", TABLE_COUNT, false },
		{ "own_bytes", "OWN", TABLE_BYTES, false },
		{ "retained_bytes", "RETAINED", TABLE_BYTES, false },
		{ "path", "PATH", TABLE_NAME, false },
	};
	const struct heap_model *m = heaps_last(h);
	struct paths p = { 0 };
	int r = table_init(ret, columns, sizeof columns / sizeof *columns, err);

	if (r < 0 || !m)
		return r;
	if (what)
		r = paths_find(m, what, &p, err);
	for (size_t i = 0; r == 0 && i < p.ways.len && (!top || i < top); i++) {
		const struct held_alike *w = &p.ways.at[i];
		uint64_t figure[] = { w->count, w->own_bytes, w->retained_bytes, 0 };

		r = put_path(ret, m, p.type, figure, &p.steps.at[w->first], w->steps, err);
	}
	for (size_t i = 0; !what && r == 0 && i < m->holders.paths.len && (!top || i < top); i++) {
		const struct fact_heap_path *f = &m->holders.paths.at[i];
		uint64_t figure[] = { f->count, f->own_bytes, f->retained_bytes, 0 };
		size_t n;
		const struct fact_heap_step *steps = holders_steps(&m->holders, f, &n);

		r = put_path(ret, m, f->type, figure, steps, n, err);
	}
	paths_deinit(&p);
	return finish(ret, r);
}
