/* SPDX-License-Identifier: MIT */
/* Rows live in one arena; sorting moves pointers and remembers the old order for ties. */
#include "report/model/table.h"

#include <stdlib.h>
#include <string.h>

int table_init(struct table *t, const struct table_column *columns, size_t n, struct err *err)
{
	memset(t, 0, sizeof *t);
	size_t bytes;
	if (__builtin_mul_overflow(n, sizeof *columns, &bytes))
		return err_nomem(err);
	t->columns = arena_copy(&t->arena, columns, bytes);
	if (!t->columns)
		return err_nomem(err);
	t->ncolumns = n;
	return 0;
}

void table_deinit(struct table *t)
{
	if (!t)
		return;
	arena_deinit(&t->arena);
	vec_deinit(&t->rows);
	memset(t, 0, sizeof *t);
}

struct table_cell *table_row(struct table *t)
{
	struct table_cell *row = arena_array(&t->arena, t->ncolumns, sizeof *row);
	if (!row || vec_push(&t->rows, row) < 0)
		return NULL;
	return row;
}

struct order {
	enum table_kind kind;
	size_t column;
	int sign;
};

struct placed {
	struct table_cell *row;
	size_t was;
};

static int compare_cells(const struct table_cell *a, const struct table_cell *b,
			 enum table_kind kind)
{
	switch (kind) {
	case TABLE_BYTES:
	case TABLE_COUNT:
	case TABLE_TIME_NS:
	case TABLE_NUMBER:
	case TABLE_ADDRESS:
	case TABLE_STACK:
		return (a->count > b->count) - (a->count < b->count);
	case TABLE_SIGNED:
		return ((int64_t)a->count > (int64_t)b->count) - ((int64_t)a->count < (int64_t)b->count);
	case TABLE_RATE:
		return (a->real > b->real) - (a->real < b->real);
	case TABLE_NAME:
	case TABLE_WORD:
		return strcmp(a->text ? a->text : "", b->text ? b->text : "");
	}
	return 0;
}

static int compare(const void *a, const void *b, void *order)
{
	const struct placed *x = a, *y = b;
	const struct order *o = order;
	int c = compare_cells(&x->row[o->column], &y->row[o->column], o->kind) * o->sign;
	return c ? c : x->was < y->was ? -1 : x->was > y->was;
}

int table_sort(struct table *t, size_t column, bool falling, struct err *err)
{
	AUTO_FREE struct placed *placed = calloc(t->rows.len + 1, sizeof *placed);
	if (!placed)
		return err_nomem(err);
	for (size_t i = 0; i < t->rows.len; i++)
		placed[i] = (struct placed){ .row = t->rows.at[i], .was = i };
	struct order o = { .kind = t->columns[column].kind,
			   .column = column,
			   .sign = falling ? -1 : 1 };
	qsort_r(placed, t->rows.len, sizeof *placed, compare, &o);
	for (size_t i = 0; i < t->rows.len; i++)
		t->rows.at[i] = placed[i].row;
	return 0;
}

size_t table_top(struct table *t, size_t n)
{
	size_t cut = t->rows.len > n ? t->rows.len - n : 0;
	t->rows.len -= cut;
	return cut;
}
