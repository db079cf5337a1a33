/* SPDX-License-Identifier: MIT */
/*
 * A state as cells. Every screen is drawn here, for a terminal and for batch mode alike; the
 * last row is always the footer.
 */
#ifndef PYMEMPROF_REPORT_TUI_DRAW_H
#define PYMEMPROF_REPORT_TUI_DRAW_H

#include "report/tui/grid.h"
#include "report/tui/state.h"

/* The grid must have the state's size. state->lines is told, for scrolling. */
void tui_draw(struct tui_grid *g, const struct tui_subject *s, struct tui_state *state,
	      const struct tui_rows *rows);

/* The rows above the list: returns how many. Internal. */
unsigned tui_draw_head(struct tui_grid *g, const struct tui_subject *s,
		       const struct tui_state *state);
void tui_draw_foot(struct tui_grid *g, const struct tui_state *state);

/* Evidence of the current row, or help, as lines. The caller releases l->text. */
void tui_evidence_lines(const struct tui_subject *s, const struct tui_state *state,
			const struct tui_rows *rows, struct tui_lines *l);
void tui_help_lines(const struct tui_state *state, const struct tui_subject *s, struct tui_lines *l);

/* Lines wrapped to the grid's width, from line `skip` on, into rows [from, to). Returns all lines. */
size_t tui_draw_lines(struct tui_grid *g, const struct tui_lines *l, unsigned from, unsigned to,
		      size_t skip);

/* The current row as one line of text, for the clipboard: names, then figures to the byte. */
void tui_row_text(const struct tui_subject *s, const struct tui_state *state,
		  const struct tui_rows *rows, struct buf *out);

/* "type:Session site:put  # why" for the row, raw. */
void tui_row_rule(const struct tui_subject *s, const struct tui_state *state,
		  const struct tui_rows *rows, struct buf *out);

#endif
