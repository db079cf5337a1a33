/* SPDX-License-Identifier: MIT */
/*
 * The list a pane shows: figures in columns, then names. Panes fill it, this orders it, filters
 * it and finds words in it. Names are made only for rows that are looked at.
 */
#ifndef PYMEMPROF_REPORT_TUI_ROWS_H
#define PYMEMPROF_REPORT_TUI_ROWS_H

#include "base/buf.h"
#include "base/vec.h"
#include "report/tui/figures.h"
#include "report/tui/subject.h"

#define TUI_COLUMNS_MAX 8
#define TUI_NAMES_MAX 3
#define TUI_DEPTH_MAX 60

struct tui_column {
	const char *title;
	enum tui_figure figure;
	unsigned least; /* columns the screen must have */
};

struct tui_row {
	uint64_t key;	/* the same thing has it in every list of this pane */
	uint64_t guide; /* bit d: the ancestor at depth d has siblings below it */
	uint32_t index; /* the pane's own */
	uint16_t depth;
	bool folded, open, last, rest; /* rest: many rows in one; nothing to be seen behind it */
	double v[TUI_COLUMNS_MAX];     /* NAN: not known */
};

struct tui_state;
struct tui_rows;

/* Lines of text with names of the target in them. */
struct tui_lines {
	struct buf text; /* safe to print; lines end with \n */
	bool ascii;
	size_t keep; /* of each line, columns after a wrap are indented by this */
};

/* One pane: what it is called, its columns, and how its rows and names are made. */
struct tui_pane {
	const char *title;
	const struct tui_column *columns;
	unsigned ncolumns, sort; /* sort: the column it is ordered by at first, falling */
	const char *names[TUI_NAMES_MAX]; /* titles of the name columns; NULL: none */
	unsigned name_share; /* per cent of what is left that the first name gets */
	bool tree;
	int (*build)(struct tui_rows *rows, const struct tui_subject *s,
		     const struct tui_state *state, struct err *err);
	/* Append the raw name in column i. */
	void (*name)(const struct tui_rows *rows, const struct tui_subject *s,
		     const struct tui_row *row, unsigned i, struct buf *out);
	/* What more there is to say about the row, on one line under the list. */
	void (*status)(const struct tui_rows *rows, const struct tui_subject *s,
		       const struct tui_state *state, const struct tui_row *row,
		       struct tui_lines *out);
	void (*evidence)(const struct tui_rows *rows, const struct tui_subject *s,
			 const struct tui_state *state, const struct tui_row *row,
			 struct tui_lines *out);
	/* Lines above the titles and below the rows; NULL: none. */
	void (*above)(const struct tui_subject *s, struct tui_lines *out);
	void (*below)(const struct tui_rows *rows, const struct tui_subject *s,
		      const struct tui_state *state, const struct tui_row *row,
		      struct tui_lines *out);
	unsigned nabove, nbelow; /* lines kept for them on a screen of 24 rows */
};

struct tui_rows {
	const struct tui_pane *pane;
	struct VEC(struct tui_row) rows;
	const struct heap_model *heap; /* the snapshot looked at, or NULL */
	void *own;		       /* the pane's, freed with the rows */
	void (*own_free)(void *own);
	double total; /* of the column in per cent */
	char absent[200]; /* why this view is not there; "" when it is */
	size_t hidden;	  /* rows the filter left out */
	unsigned first_name; /* name columns before it have nothing to show */
	unsigned last_name;  /* nor those from it on; 0: all have */
};

void tui_rows_deinit(struct tui_rows *r); /* accepts NULL and zeroed */

/* Make the rows of the state's pane: fill, filter, order. Errors: NOMEM. */
int tui_rows_build(struct tui_rows *r, const struct tui_subject *s, const struct tui_state *state,
		   struct err *err) MUST_CHECK;

/* A zeroed row at the end whose figures are all unknown, or NULL. */
struct tui_row *tui_row_add(struct tui_rows *r, uint64_t key, uint32_t index);

/* All names of a row, a blank between them, as they are (not escaped). */
void tui_row_names(const struct tui_rows *r, const struct tui_subject *s, const struct tui_row *row,
		   struct buf *out);

/* Does text contain words? Upper and lower case are one. */
bool tui_contains(const char *text, size_t n, const char *words);

/* The row from `from` on (forwards or back, around the end) whose names contain words; SIZE_MAX. */
size_t tui_rows_find(const struct tui_rows *r, const struct tui_subject *s, const char *words,
		     size_t from, bool back);

/* Append to lines: text of ours, a name of the target, both through the one escape module. */
void tui_say(struct tui_lines *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tui_say_name(struct tui_lines *l, const char *name, size_t n);
void tui_say_stack(struct tui_lines *l, const struct stacks *stacks, uint32_t stack);

/* "put app/cache.py:88" and "app/cache.py:88" of the innermost frame, raw. */
void tui_stack_function(const struct stacks *s, uint32_t stack, struct buf *out);
void tui_stack_place(const struct stacks *s, uint32_t stack, struct buf *out);

/* "app/cache.py:88": the last two components of a path. */
void tui_file_line(const char *file, size_t n, uint32_t line, struct buf *out);

/* The type of a key of tui_type_key, or NULL; what its objects are made of, in words. */
const struct fact_heap_type *tui_type_of_key(const struct heap_model *m, uint64_t key);
void tui_say_type(const struct heap_model *m, const struct fact_heap_type *t, struct tui_lines *out);

/* The list of panes, by enum tui_pane_id. */
extern const struct tui_pane tui_growth, tui_types, tui_sites, tui_holders, tui_memory, tui_advice;
const struct tui_pane *tui_pane(unsigned id);

#endif
