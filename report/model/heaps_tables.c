/* SPDX-License-Identifier: MIT */
/* The snapshot's rows as tables, for CSV and for whoever draws columns. */
#include <stdlib.h>
#include <string.h>

#include "report/model/heaps.h"
#include "report/model/stacks.h"

/* Rows of the newest snapshot; an empty table with its columns when there is none. */
static int start(struct table *ret, const struct table_column *columns, size_t n, struct err *err)
{
	return table_init(ret, columns, n, err);
}

static int finish(struct table *t, int r)
{
	if (r < 0)
		table_deinit(t);
	return r;
}

static int put_type(struct table *t, const struct heap_model *m, const struct stacks *stacks,
		    const struct fact_heap_type *f, const struct heap_model *before, struct err *err)
{
	const struct fact_heap_type *old = heap_type_in(before, f);
	size_t place = heap_type_made(m, f->type);
	const struct stack_site *site = NULL;
	struct table_cell *c = table_row(t);

	if (!c)
		return err_nomem(err);
	c[0].text = f->module;
	c[1].text = f->name;
	c[2].count = f->count;
	c[3].count = f->total_bytes;
	c[4].count = f->payload_bytes;
	c[5].count = f->header_bytes;
	c[6].count = f->gc_head_bytes;
	c[7].count = f->dict_bytes;
	c[8].count = f->buffer_bytes;
	c[9].count = f->slack_bytes;
	c[10].count = f->rounding_bytes;
	c[11].count = f->count ? f->total_bytes / f->count : 0;
	c[12] = (struct table_cell){ .count = old ? old->count : 0, .none = !before };
	c[13] = (struct table_cell){ .count = old ? old->total_bytes : 0, .none = !before };
	c[14].count = f->instance_dict_bytes;
	c[15].count = heap_type_slots_saving(f).least;
	c[16].count = f->retained_bytes;
	c[17].count = f->addr;
	if (place < m->made.len && m->made.at[place].type == f->type)
		site = stacks_site(stacks, m->made.at[place].site);
	c[18] = (struct table_cell){ .count = site ? m->made.at[place].bytes : 0, .none = !site };
	c[19] = (struct table_cell){ .count = site ? site->stack : 0, .none = !site };
	return 0;
}

int heaps_types_table(const struct heaps *h, const struct stacks *stacks, size_t top, struct table *ret,
		      struct err *err)
{
	static const struct table_column columns[] = {
		{ "module", "MODULE", TABLE_NAME, false },
		{ "type", "TYPE", TABLE_NAME, false },
		{ "count", "COUNT", TABLE_COUNT, false },
		{ "total_bytes", "TOTAL", TABLE_BYTES, false },
		{ "payload_bytes", "PAYLOAD", TABLE_BYTES, false },
		{ "header_bytes", "HEADER", TABLE_BYTES, false },
		{ "gc_head_bytes", "GC", TABLE_BYTES, false },
		{ "dict_bytes", "DICT", TABLE_BYTES, false },
		{ "buffer_bytes", "BUFFERS", TABLE_BYTES, false },
		{ "slack_bytes", "SLACK", TABLE_BYTES, false },
		{ "rounding_bytes", "ROUNDING", TABLE_BYTES, false },
		{ "bytes_per_object", "B/OBJ", TABLE_BYTES, false },
		{ "baseline_count", "COUNT BEFORE", TABLE_COUNT, false },
		{ "baseline_total_bytes", "TOTAL BEFORE", TABLE_BYTES, false },
		{ "instance_dict_bytes", "DICT OBJECTS", TABLE_BYTES, false },
		{ "slots_would_save_bytes", "SLOTS WOULD SAVE", TABLE_BYTES, true },
		{ "retained_bytes", "RETAINED", TABLE_BYTES, false },
		{ "address", "ADDRESS", TABLE_ADDRESS, false },
		{ "made_bytes", "MADE BYTES", TABLE_BYTES, false },
		{ "made", "MADE", TABLE_STACK, false },
	};
	const struct heap_model *m = heaps_last(h), *old = heaps_baseline(h);
	int r = start(ret, columns, sizeof columns / sizeof *columns, err);

	if (r < 0 || !m)
		return r;
	for (size_t i = 0; i < m->types.len && r == 0; i++)
		if (m->types.at[i].count)
			r = put_type(ret, m, stacks, &m->types.at[i], old, err);
	if (r == 0)
		r = table_sort(ret, 3, true, err);
	if (r == 0 && top)
		(void)table_top(ret, top);
	return finish(ret, r);
}

int heaps_ledger_table(const struct heaps *h, struct table *ret, struct err *err)
{
	static const struct table_column columns[] = {
		{ "code", "CODE", TABLE_NAME, false },
		{ "label", "WHAT", TABLE_NAME, false },
		{ "depth", "DEPTH", TABLE_COUNT, false },
		{ "bytes", "BYTES", TABLE_BYTES, false },
		{ "estimate", "ESTIMATE", TABLE_COUNT, false },
	};
	const struct heap_model *m = heaps_last(h);
	int r = start(ret, columns, sizeof columns / sizeof *columns, err);

	if (r < 0 || !m)
		return r;
	for (size_t i = 0; i < m->ledger.len; i++) {
		const struct fact_ledger *f = &m->ledger.at[i];
		struct table_cell *c = table_row(ret);

		if (!c)
			return finish(ret, err_nomem(err));
		c[0].text = f->code;
		c[1].text = f->label;
		c[2].count = f->depth;
		c[3].count = f->bytes;
		c[4].count = f->estimate;
	}
	return 0;
}

/* Columns of the collector's table; a cell that a kind has nothing to say in is empty. */
enum gc_column {
	GC_KIND, GC_INTERPRETER, GC_GENERATION, GC_ENABLED, GC_THRESHOLD, GC_COUNT, GC_COLLECTIONS,
	GC_COLLECTED, GC_UNCOLLECTABLE, GC_OBJECTS, GC_BYTES, GC_MODULE, GC_TYPE, GC_COLUMNS,
};

static const struct table_column gc_columns[GC_COLUMNS] = {
	[GC_KIND] = { "kind", "KIND", TABLE_WORD, false },
	[GC_INTERPRETER] = { "interpreter", "INTERPRETER", TABLE_SIGNED, false },
	[GC_GENERATION] = { "generation", "GENERATION", TABLE_NUMBER, false },
	[GC_ENABLED] = { "enabled", "ENABLED", TABLE_NUMBER, false },
	[GC_THRESHOLD] = { "threshold", "THRESHOLD", TABLE_SIGNED, false },
	[GC_COUNT] = { "count", "COUNT", TABLE_SIGNED, false },
	[GC_COLLECTIONS] = { "collections", "COLLECTIONS", TABLE_COUNT, false },
	[GC_COLLECTED] = { "collected", "COLLECTED", TABLE_COUNT, false },
	[GC_UNCOLLECTABLE] = { "uncollectable", "UNCOLLECTABLE", TABLE_COUNT, false },
	[GC_OBJECTS] = { "objects", "OBJECTS", TABLE_COUNT, false },
	[GC_BYTES] = { "bytes", "BYTES", TABLE_BYTES, false },
	[GC_MODULE] = { "module", "MODULE", TABLE_NAME, false },
	[GC_TYPE] = { "type", "TYPE", TABLE_NAME, false },
};

static struct table_cell *gc_row(struct table *t, const char *kind, int64_t interpreter)
{
	struct table_cell *c = table_row(t);

	for (size_t i = 0; c && i < GC_COLUMNS; i++)
		c[i].none = true;
	if (!c)
		return NULL;
	c[GC_KIND] = (struct table_cell){ .text = kind };
	c[GC_INTERPRETER] = (struct table_cell){ .count = (uint64_t)interpreter };
	return c;
}

static void gc_put(struct table_cell *row, enum gc_column column, uint64_t count)
{
	row[column] = (struct table_cell){ .count = count };
}

/* Rows of one interpreter: its generations, what is frozen, gc.garbage, what waits unreachable. */
static int put_gc(struct table *t, const struct fact_heap_gc *f, struct err *err)
{
	struct table_cell *c;

	for (size_t g = 0; g < FACT_GC_GENERATIONS && g < f->generations; g++) {
		c = gc_row(t, "generation", f->interpreter);
		if (!c)
			return err_nomem(err);
		gc_put(c, GC_GENERATION, g);
		gc_put(c, GC_ENABLED, f->enabled);
		gc_put(c, GC_THRESHOLD, (uint64_t)(int64_t)f->gen[g].threshold);
		gc_put(c, GC_COUNT, (uint64_t)(int64_t)f->gen[g].count);
		gc_put(c, GC_COLLECTIONS, f->gen[g].collections);
		gc_put(c, GC_COLLECTED, f->gen[g].collected);
		gc_put(c, GC_UNCOLLECTABLE, f->gen[g].uncollectable);
		gc_put(c, GC_OBJECTS, f->gen[g].objects);
	}
	c = gc_row(t, "frozen", f->interpreter);
	if (!c)
		return err_nomem(err);
	gc_put(c, GC_OBJECTS, f->frozen);
	c = gc_row(t, "garbage", f->interpreter);
	if (!c)
		return err_nomem(err);
	gc_put(c, GC_OBJECTS, f->garbage);
	c = f->cycles_known ? gc_row(t, "unreachable", f->interpreter) : NULL;
	if (!c)
		return f->cycles_known ? err_nomem(err) : 0;
	gc_put(c, GC_OBJECTS, f->unreachable);
	gc_put(c, GC_BYTES, f->unreachable_bytes);
	return 0;
}

int heaps_gc_table(const struct heaps *h, struct table *ret, struct err *err)
{
	const struct heap_model *m = heaps_last(h);
	int r = start(ret, gc_columns, GC_COLUMNS, err);

	if (r < 0 || !m)
		return r;
	for (size_t i = 0; i < m->gc.len && r == 0; i++)
		r = put_gc(ret, &m->gc.at[i], err);
	for (size_t i = 0; i < m->cycles.len && r == 0; i++) {
		const struct fact_heap_type *f = heap_type_of(m, m->cycles.at[i].type);
		struct table_cell *c = gc_row(ret, "unreachable_type", m->gc.len ? m->gc.at[0].interpreter : 0);

		if (!c)
			return finish(ret, err_nomem(err));
		gc_put(c, GC_OBJECTS, m->cycles.at[i].count);
		gc_put(c, GC_BYTES, m->cycles.at[i].bytes);
		c[GC_MODULE] = (struct table_cell){ .text = f ? f->module : "" };
		c[GC_TYPE] = (struct table_cell){ .text = f ? f->name : "" };
	}
	return finish(ret, r);
}
