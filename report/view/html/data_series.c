/* SPDX-License-Identifier: MIT */
/*
 * How the live bytes of each row of sites went: what the page's time brush reads. One byte
 * string per row: gap of buckets since the last change (varint), change of live bytes (zigzag).
 */
#include <stdlib.h>
#include <string.h>

#include "report/view/html/data.h"

#define BUCKETS_MAX 96
#define BUCKETS_MIN 16
#define CELLS_MAX ((size_t)2 << 20) /* rows × buckets held while writing */

bool walk_has_row(const struct walk *w, size_t entry)
{
	uint32_t place = w->places.at[entry];
	return place & MERGED || w->r->stacks.places.at[place].stack != STACKS_NONE;
}

/* Row of sites by place: its own, or that of the rest it was merged into; UINT32_MAX: none. */
static uint32_t *rows_of_places(const struct walk *w, uint32_t *ret_rows)
{
	const struct stacks *s = &w->r->stacks;
	size_t n = s->places.len;
	uint32_t *row = malloc((n + 1) * 2 * sizeof *row), *rest = row ? row + n + 1 : NULL;
	uint32_t rows = 0;
	if (!row)
		return NULL;
	for (size_t i = 0; i <= n; i++)
		row[i] = rest[i] = UINT32_MAX;
	for (size_t i = 0; i < w->places.len; i++) {
		uint32_t place = w->places.at[i];
		if (!walk_has_row(w, i))
			continue;
		if (place & MERGED)
			rest[place & ~MERGED] = rows++;
		else
			row[place] = rows++;
	}
	/* Callers come before what they call. */
	for (uint32_t i = STACKS_FIRST; i < n; i++) {
		uint32_t up = s->places.at[i].parent;
		uint32_t above = up >= STACKS_FIRST && walk_small(w, up) ? row[up] : UINT32_MAX;
		if (above != UINT32_MAX)
			row[i] = above;
		else if (walk_small(w, i))
			row[i] = rest[up];
	}
	*ret_rows = rows;
	return row;
}

static void add_course(const struct growth *g, uint32_t stack, int64_t *cell, size_t n)
{
	uint64_t curve[BUCKETS_MAX];
	size_t got = growth_curve(g, stack, curve, n);
	for (size_t i = 0; i < got; i++)
		cell[i] += (int64_t)curve[i];
}

static int put_courses(struct pack *p, const int64_t *cells, uint32_t rows, size_t n,
		       struct buf *ret, struct err *err)
{
	AUTO_BUF struct buf line = BUF_INIT;
	pack_begin(p, rows);
	pack_column(p, "course", 'b');
	for (uint32_t r = 0; r < rows; r++) {
		int64_t live = 0;
		size_t last = 0;
		buf_clear(&line);
		for (size_t i = 0; i < n; i++) {
			int64_t now = cells[r * n + i];
			if (now == live)
				continue;
			buf_uvarint(&line, i - last);
			buf_svarint(&line, now - live);
			last = i;
			live = now;
		}
		pack_need(p, &line);
		pack_bytes(p, line.bytes, line.len);
	}
	return pack_end(p, "series", ret, err);
}

static int put_times(const struct growth *g, struct pack *p, size_t n, struct buf *ret,
		     struct err *err)
{
	pack_begin(p, n);
	pack_column(p, "ms", 'u');
	for (size_t i = 0; i < n; i++)
		pack_number(p, g->buckets.at[(i + 1) * g->buckets.len / n - 1].end_ns / 1000000);
	return pack_end(p, "times", ret, err);
}

int data_series(const struct walk *w, struct pack *p, struct buf *ret, struct err *err)
{
	const struct growth *g = &w->r->growth;
	const struct stacks *s = &w->r->stacks;
	uint32_t rows = 0;
	AUTO_FREE uint32_t *row = rows_of_places(w, &rows);
	size_t n = rows ? CELLS_MAX / rows : BUCKETS_MAX;
	n = n > BUCKETS_MAX ? BUCKETS_MAX : n < BUCKETS_MIN ? BUCKETS_MIN : n;
	if (n > g->buckets.len)
		n = g->buckets.len;
	AUTO_FREE int64_t *cells = calloc((size_t)rows * n + 1, sizeof *cells);
	if (!row || !cells)
		return err_nomem(err);
	for (uint32_t stack = 0; stack < s->stacks.len && n; stack++) {
		uint32_t at = row[s->stacks.at[stack]];
		if (at != UINT32_MAX)
			add_course(g, stack, cells + (size_t)at * n, n);
	}
	int rc = put_times(g, p, n, ret, err);
	return rc == 0 ? put_courses(p, cells, rows, n, ret, err) : rc;
}

uint32_t *walk_rows_of_stacks(const struct walk *w)
{
	const struct recording *r = w->r;
	uint32_t *row = calloc(r->stacks.stacks.len + 1, sizeof *row), rows = 0;
	for (size_t i = 0; row && i < w->places.len; i++) {
		if (!walk_has_row(w, i))
			continue;
		rows++;
		if (!(w->places.at[i] & MERGED))
			row[r->stacks.places.at[w->places.at[i]].stack] = rows;
	}
	return row;
}

int data_suspects(const struct walk *w, struct pack *p, struct strtab *strings, struct buf *ret,
		  struct err *err)
{
	static const char *const names[] = { "row", "part", "type", "holder" };
	const struct leaks *l = &w->r->leaks;
	AUTO_FREE uint32_t *row = walk_rows_of_stacks(w);
	size_t rows = 0;
	if (!row)
		return err_nomem(err);
	while (rows < l->rows.len && l->rows.at[rows].state == LEAK_ACCUSED)
		rows++;
	pack_begin(p, rows);
	for (int column = 0; column < 4; column++) {
		pack_column(p, names[column], column < 2 ? 'u' : 't');
		for (size_t i = 0; i < rows; i++) {
			const struct leak *k = &l->rows.at[i];
			const char *text = column == 2 ? k->type_name : k->holder;
			if (column < 2)
				pack_number(p, column ? k->lead != i : row[k->stack]);
			else
				pack_number(p, pack_text(p, strings, text, strlen(text)));
		}
	}
	return pack_end(p, "suspects", ret, err);
}
