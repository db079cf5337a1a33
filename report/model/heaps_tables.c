/* SPDX-License-Identifier: MIT */
/* The snapshot's rows as tables, for CSV and for whoever draws columns. */
#include <stdlib.h>
#include <string.h>

#include "report/model/heaps.h"

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

static int put_type(struct table *t, const struct fact_heap_type *f, const struct fact_heap_type *old,
		    struct err *err)
{
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
	c[12].count = old ? old->count : 0;
	c[13].count = old ? old->total_bytes : 0;
	return 0;
}

int heaps_types_table(const struct heaps *h, size_t top, struct table *ret, struct err *err)
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
	};
	const struct heap_model *m = heaps_last(h), *old = heaps_baseline(h);
	int r = start(ret, columns, sizeof columns / sizeof *columns, err);

	if (r < 0 || !m)
		return r;
	for (size_t i = 0; i < m->types.len && r == 0; i++)
		if (m->types.at[i].count)
			r = put_type(ret, &m->types.at[i], heap_type_in(old, &m->types.at[i]), err);
	if (r == 0)
		r = table_sort(ret, 3, true, err);
	if (r == 0 && top)
		(void)table_top(ret, top);
	return finish(ret, r);
}

int heaps_classes_table(const struct heaps *h, struct table *ret, struct err *err)
{
	static const struct table_column columns[] = {
		{ "block_bytes", "BLOCK", TABLE_BYTES, false },
		{ "pools", "POOLS", TABLE_COUNT, false },
		{ "used_blocks", "USED", TABLE_COUNT, false },
		{ "free_blocks", "FREE", TABLE_COUNT, false },
		{ "virgin_blocks", "NEVER USED", TABLE_COUNT, false },
		{ "object_blocks", "OBJECTS", TABLE_COUNT, false },
		{ "buffer_blocks", "BUFFERS", TABLE_COUNT, false },
		{ "free_list_blocks", "FREE LISTS", TABLE_COUNT, false },
		{ "unknown_blocks", "UNKNOWN", TABLE_COUNT, false },
		{ "tail_bytes", "TAILS", TABLE_BYTES, false },
	};
	const struct heap_model *m = heaps_last(h);
	int r = start(ret, columns, sizeof columns / sizeof *columns, err);

	if (r < 0 || !m)
		return r;
	for (size_t i = 0; i < m->classes.len; i++) {
		const struct fact_heap_class *f = &m->classes.at[i];
		struct table_cell *c = table_row(ret);

		if (!c)
			return finish(ret, err_nomem(err));
		c[0].count = f->block_bytes;
		c[1].count = f->pools;
		c[2].count = f->used_blocks;
		c[3].count = f->free_blocks;
		c[4].count = f->virgin_blocks;
		c[5].count = f->object_blocks;
		c[6].count = f->buffer_blocks;
		c[7].count = f->free_list_blocks;
		c[8].count = f->unknown_blocks;
		c[9].count = f->tail_bytes;
	}
	return 0;
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

int heaps_gc_table(const struct heaps *h, struct table *ret, struct err *err)
{
	static const struct table_column columns[] = {
		{ "interpreter", "INTERPRETER", TABLE_COUNT, false },
		{ "generation", "GENERATION", TABLE_COUNT, false },
		{ "threshold", "THRESHOLD", TABLE_COUNT, false },
		{ "count", "COUNT", TABLE_COUNT, false },
		{ "collections", "COLLECTIONS", TABLE_COUNT, false },
		{ "collected", "COLLECTED", TABLE_COUNT, false },
		{ "uncollectable", "UNCOLLECTABLE", TABLE_COUNT, false },
		{ "objects", "OBJECTS", TABLE_COUNT, false },
	};
	const struct heap_model *m = heaps_last(h);
	int r = start(ret, columns, sizeof columns / sizeof *columns, err);

	if (r < 0 || !m)
		return r;
	for (size_t i = 0; i < m->gc.len * FACT_GC_GENERATIONS; i++) {
		const struct fact_heap_gc *f = &m->gc.at[i / FACT_GC_GENERATIONS];
		size_t g = i % FACT_GC_GENERATIONS;
		struct table_cell *c = table_row(ret);

		if (!c)
			return finish(ret, err_nomem(err));
		c[0].count = (uint64_t)f->interpreter;
		c[1].count = g;
		c[2].count = (uint64_t)(int64_t)f->gen[g].threshold;
		c[3].count = (uint64_t)(int64_t)f->gen[g].count;
		c[4].count = f->gen[g].collections;
		c[5].count = f->gen[g].collected;
		c[6].count = f->gen[g].uncollectable;
		c[7].count = f->gen[g].objects;
	}
	return 0;
}
