/* SPDX-License-Identifier: MIT */
/*
 * The models as tables. Column keys are the same words as in JSON; they are promises.
 */
#include <stdlib.h>

#include "report/model/recording.h"

#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

static void mark_estimates(const struct recording *r, struct table *t)
{
	struct table_column *columns = t->columns;
	if (!totals_estimated(&r->totals))
		return;
	for (size_t i = 0; i < t->ncolumns; i++)
		columns[i].estimate = columns[i].kind == TABLE_BYTES ||
				      columns[i].kind == TABLE_COUNT ||
				      columns[i].kind == TABLE_RATE;
}

static void put_counters(const struct recording *r, struct table_cell *cell, const struct counters *c)
{
	cell[0].count = counters_live_bytes(c);
	cell[1].count = counters_live_blocks(c);
	cell[2].count = c->alloc_bytes;
	cell[3].count = c->alloc_blocks;
	cell[4].count = c->free_bytes;
	cell[5].count = c->free_blocks;
	cell[6].count = c->temp_bytes;
	cell[7].count = c->temp_blocks;
	cell[8].count = c->peak_bytes;
	cell[9].count = c->peak_blocks;
	cell[8].none = cell[9].none = r->peaks_cut;
}

#define COUNTER_COLUMNS                                                                            \
	{ "live_bytes", "LIVE", TABLE_BYTES }, { "live_blocks", "BLOCKS", TABLE_COUNT },           \
		{ "allocated_bytes", "ALLOCATED", TABLE_BYTES },                                   \
		{ "allocated_blocks", "ALLOCS", TABLE_COUNT },                                     \
		{ "freed_bytes", "FREED", TABLE_BYTES }, { "freed_blocks", "FREES", TABLE_COUNT }, \
		{ "temporary_bytes", "TEMPORARY", TABLE_BYTES },                                   \
		{ "temporary_blocks", "TEMPS", TABLE_COUNT },                                      \
		{ "peak_bytes", "AT PEAK", TABLE_BYTES },                                          \
	{                                                                                          \
		"peak_blocks", "AT PEAK BLOCKS", TABLE_COUNT                                       \
	}
#define COUNTERS 10

static int add_site_row(const struct recording *r, uint32_t stack, struct table *t, struct err *err)
{
	struct table_cell *row = table_row(t);
	if (!row)
		return err_nomem(err);
	const struct growth_verdict *v = &r->verdicts[stack];
	put_counters(r, row, &r->by_stack[stack]);
	row[COUNTERS].text = growth_class_name(v->class);
	row[COUNTERS + 1].text = growth_confidence_name(v->confidence);
	row[COUNTERS + 2].real = v->slope_bytes_per_s;
	struct stack_text frame = { .function = "", .file = "" };
	uint32_t place = r->stacks.stacks.at[stack];
	if (!stacks_next(&r->stacks, &place, &frame))
		frame.function = "(no Python stack)";
	row[COUNTERS + 3].text = frame.function;
	row[COUNTERS + 4].text = frame.file;
	row[COUNTERS + 5].count = frame.line;
	row[COUNTERS + 6].count = stack;
	return 0;
}

int recording_sites_table(const struct recording *r, enum sites_metric metric, size_t top,
			  struct table *ret, struct err *err)
{
	static const struct table_column columns[] = {
		COUNTER_COLUMNS,
		{ "verdict", "VERDICT", TABLE_WORD },
		{ "confidence", "CONF", TABLE_WORD },
		{ "growth_bytes_per_second", "GROWTH", TABLE_RATE },
		{ "function", "FUNCTION", TABLE_NAME },
		{ "file", "FILE", TABLE_NAME },
		{ "line", "LINE", TABLE_NUMBER },
		{ "stack", "STACK", TABLE_STACK },
	};
	size_t n = r->stacks.stacks.len;
	AUTO_FREE uint32_t *order = NULL;
	int rc = sites_order(r->by_stack, n, metric, &order, err);
	if (rc == 0)
		rc = table_init(ret, columns, COUNT_OF(columns), err);
	if (rc < 0)
		return rc;
	if (top && n > top)
		n = top;
	/* Last come stacks which only a snapshot knows, from the target's tracemalloc. */
	for (size_t i = 0; i < n && r->by_stack[order[i]].alloc_blocks && rc == 0; i++)
		rc = add_site_row(r, order[i], ret, err);
	if (rc < 0) {
		table_deinit(ret);
		return rc;
	}
	mark_estimates(r, ret);
	return 0;
}

static int add_leak_row(const struct recording *r, size_t i, struct table *t, struct err *err)
{
	const struct leak *l = &r->leaks.rows.at[i];
	struct table_cell *c = table_row(t);
	if (!c)
		return err_nomem(err);
	struct stack_text f = { .function = "", .file = "" };
	if (l->blamed != STACKS_NONE)
		f = stacks_text(&r->stacks, l->blamed);
	c[0].count = i + 1;
	c[1].count = l->lead == i ? 0 : l->lead + 1;
	c[2].text = leak_state_name(l->state);
	c[3].text = growth_confidence_name(l->confidence);
	c[4].text = l->type_name;
	c[5].count = l->objects;
	c[6].count = l->bytes;
	c[7].count = l->retained_bytes;
	c[8].real = l->retained_per_s;
	c[9].text = f.function;
	c[10].text = f.file;
	c[11].count = f.line;
	c[12].text = leak_reach_name(l->reach);
	c[13].text = l->holder;
	c[14].text = l->path;
	c[15].text = *l->reason ? l->reason : l->why;
	c[16].text = l->unless;
	c[17].count = l->stack;
	c[18].text = leak_place_name(l->place);
	return 0;
}

int recording_leaks_table(const struct recording *r, size_t top, struct table *ret, struct err *err)
{
	static const struct table_column columns[] = {
		{ "suspect", "NO", TABLE_NUMBER },
		{ "part_of", "PART OF", TABLE_NUMBER },
		{ "state", "STATE", TABLE_WORD },
		{ "confidence", "CONF", TABLE_WORD },
		{ "type", "TYPE", TABLE_NAME },
		{ "objects", "OBJECTS", TABLE_COUNT },
		{ "live_bytes", "LIVE", TABLE_BYTES },
		{ "retained_bytes", "RETAINED", TABLE_BYTES },
		{ "growth_bytes_per_second", "GROWTH", TABLE_RATE },
		{ "function", "FUNCTION", TABLE_NAME },
		{ "file", "FILE", TABLE_NAME },
		{ "line", "LINE", TABLE_NUMBER },
		{ "reach", "REACH", TABLE_WORD },
		{ "holder", "HOLDER", TABLE_NAME },
		{ "path", "PATH", TABLE_NAME },
		{ "why", "WHY", TABLE_NAME },
		{ "not_a_leak_if", "NOT A LEAK IF", TABLE_NAME },
		{ "stack", "STACK", TABLE_STACK },
		{ "place", "PLACE", TABLE_WORD },
	};
	int rc = table_init(ret, columns, COUNT_OF(columns), err);
	for (size_t i = 0; rc == 0 && i < r->leaks.rows.len && (!top || i < top); i++)
		rc = add_leak_row(r, i, ret, err);
	if (rc < 0)
		table_deinit(ret);
	else
		mark_estimates(r, ret);
	return rc;
}

int recording_threads_table(const struct recording *r, struct table *ret, struct err *err)
{
	static const struct table_column columns[] = {
		{ "thread", "THREAD", TABLE_NUMBER },
		{ "tid", "TID", TABLE_NUMBER },
		{ "name", "NAME", TABLE_NAME },
		COUNTER_COLUMNS,
	};
	AUTO_FREE struct thread_row *rows = NULL;
	size_t n;
	int rc = threads_rows(&r->threads, &r->sites, &rows, &n, err);
	if (rc == 0)
		rc = table_init(ret, columns, COUNT_OF(columns), err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct table_cell *cell = table_row(ret);
		if (!cell) {
			table_deinit(ret);
			return err_nomem(err);
		}
		cell[0].count = rows[i].thread;
		cell[1].count = rows[i].tid;
		cell[2].text = rows[i].name;
		put_counters(r, cell + 3, &rows[i].counters);
	}
	if (rc == 0)
		mark_estimates(r, ret);
	return rc;
}

int recording_timeline_table(const struct recording *r, struct table *ret, struct err *err)
{
	static const struct table_column columns[] = {
		{ "at_ns", "AT", TABLE_TIME_NS },
		{ "live_bytes", "LIVE", TABLE_BYTES },
		{ "rss_bytes", "RSS", TABLE_BYTES },
		{ "allocated_bytes", "ALLOCATED", TABLE_BYTES },
		{ "allocated_blocks", "ALLOCS", TABLE_COUNT },
		{ "freed_bytes", "FREED", TABLE_BYTES },
		{ "freed_blocks", "FREES", TABLE_COUNT },
		{ "temporary_bytes", "TEMPORARY", TABLE_BYTES },
		{ "temporary_blocks", "TEMPS", TABLE_COUNT },
	};
	int rc = table_init(ret, columns, COUNT_OF(columns), err);
	for (size_t i = 0; rc == 0 && i < r->timeline.slices.len; i++) {
		const struct timeline_slice *s = &r->timeline.slices.at[i];
		if (s->at_ns == 0)
			continue;
		struct table_cell *cell = table_row(ret);
		if (!cell) {
			table_deinit(ret);
			return err_nomem(err);
		}
		const uint64_t figures[] = { s->at_ns,	     s->live_bytes,   s->rss_bytes,
					     s->alloc_bytes, s->alloc_blocks, s->free_bytes,
					     s->free_blocks, s->temp_bytes,   s->temp_blocks };
		for (size_t k = 0; k < COUNT_OF(figures); k++)
			cell[k].count = figures[k];
		cell[2].none = s->rss_bytes == 0; /* not read */
	}
	if (rc == 0) {
		mark_estimates(r, ret);
		ret->columns[2].estimate = false;
	}
	return rc;
}
