/* SPDX-License-Identifier: MIT */
/*
 * Columns × rows of typed cells: what a view draws when it does not care what the rows are
 * about. Cells borrow their strings. Formatting is the view's.
 */
#ifndef PYMEMPROF_REPORT_MODEL_TABLE_H
#define PYMEMPROF_REPORT_MODEL_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/vec.h"

enum table_kind {
	TABLE_BYTES,   /* count */
	TABLE_COUNT,   /* count */
	TABLE_TIME_NS, /* count: since start */
	TABLE_RATE,    /* real: bytes per second */
	TABLE_NAME,    /* text of the target: must be escaped */
	TABLE_WORD,    /* text of ours */
	TABLE_NUMBER,  /* count: an identifier or a line, no quantity */
	TABLE_SIGNED,  /* count: an int64_t */
	TABLE_ADDRESS, /* count: shown in hexadecimal */
	TABLE_STACK,   /* count: number of a stack */
};

struct table_column {
	const char *key;   /* machine name, "live_bytes" */
	const char *title; /* "LIVE" */
	enum table_kind kind;
	bool estimate; /* figures carry ~ */
};

struct table_cell {
	uint64_t count;
	double real;
	const char *text;
	bool none; /* nothing to say in this row: drawn empty */
};

struct table {
	struct arena arena;
	struct table_column *columns; /* in the arena */
	size_t ncolumns;
	struct VEC(struct table_cell *) rows;
};

/* Copies the column array, not its strings. Errors: NOMEM. */
int table_init(struct table *t, const struct table_column *columns, size_t n,
	       struct err *err) MUST_CHECK;
void table_deinit(struct table *t); /* accepts NULL and zeroed */

/* A new row of zeroed cells, or NULL when out of memory. Borrowed from the table. */
struct table_cell *table_row(struct table *t) MUST_CHECK;

/* Sort by one column, rising or falling; equal rows keep their order. Errors: NOMEM. */
int table_sort(struct table *t, size_t column, bool falling, struct err *err) MUST_CHECK;

/* Keep the first n rows; returns how many were cut. */
size_t table_top(struct table *t, size_t n);

#endif
