/* SPDX-License-Identifier: MIT */
/*
 * A screen as cells: what is drawn, before any terminal. Everything is clipped to it, so no
 * caller minds sizes. Names of the target come in through tui_put_name alone, which escapes.
 */
#ifndef PYMEMPROF_REPORT_TUI_GRID_H
#define PYMEMPROF_REPORT_TUI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum tui_ink {
	TUI_PLAIN,
	TUI_BOLD,
	TUI_DIM,
	TUI_BAD,
	TUI_GOOD,
	TUI_REVERSE,  /* the selected row, the current tab */
	TUI_REVERSE_BAD, /* a target that is gone */
	TUI_INKS,
};

#define TUI_GLYPH_BYTES 24

/* One character with its combining marks; len 0: blank, or the second half of a wide one. */
struct tui_glyph {
	char text[TUI_GLYPH_BYTES];
	uint8_t len;
	bool second; /* half of a wide one */
	uint8_t ink;
};

struct tui_grid {
	unsigned columns, rows;
	bool ascii;
	struct tui_glyph *at; /* rows × columns */
};

#define TUI_SIDE_MAX 1000

/* Sizes are cut to 1 … TUI_SIDE_MAX. Errors: NOMEM; *g is zeroed then. */
int tui_grid_init(struct tui_grid *g, unsigned columns, unsigned rows, bool ascii,
		  struct err *err) MUST_CHECK;
void tui_grid_deinit(struct tui_grid *g); /* accepts NULL and zeroed */

/* Text of ours, or already escaped. Returns the columns used. */
unsigned tui_put(struct tui_grid *g, unsigned row, unsigned column, enum tui_ink ink,
		 const char *safe);
unsigned tui_putf(struct tui_grid *g, unsigned row, unsigned column, enum tui_ink ink,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The same, ending before column `end`. */
void tui_put_right(struct tui_grid *g, unsigned row, unsigned end, enum tui_ink ink,
		   const char *safe);

/* What stands where something was cut: "…", or "..." (three columns) without UTF-8. */
const char *tui_cut_mark(const struct tui_grid *g);

/*
 * A name of the target, escaped and, when it is wider than `width`, cut in the middle; of a
 * path (with '/') the end is what counts. Returns the columns used.
 */
unsigned tui_put_name(struct tui_grid *g, unsigned row, unsigned column, unsigned width,
		      enum tui_ink ink, const char *name, size_t n);

/* Change the ink of n cells. */
void tui_ink(struct tui_grid *g, unsigned row, unsigned column, unsigned n, enum tui_ink ink);

/* One row as text without blanks at its end. */
void tui_grid_line(const struct tui_grid *g, unsigned row, struct buf *out);

#endif
