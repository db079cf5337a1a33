/* SPDX-License-Identifier: MIT */
/*
 * The terminal: opened, drawn on, read from, and always given back as it was, also when this
 * process dies of a signal. The only module that sees curses; built only when it is there.
 */
#ifndef PYMEMPROF_REPORT_TUI_TERMINAL_H
#define PYMEMPROF_REPORT_TUI_TERMINAL_H

#include "report/tui/grid.h"

struct tui_terminal_options {
	bool colour, mouse;
};

/*
 * Standard input and output must be a terminal. Errors: UNSUPPORTED hint "no-screen" (a
 * terminal that cannot move its cursor), SYS. One at a time.
 */
int tui_terminal_open(const struct tui_terminal_options *o, struct err *err) MUST_CHECK;
void tui_terminal_close(void); /* may be called when none is open */

void tui_terminal_size(unsigned *ret_columns, unsigned *ret_rows);

/* Draw what differs from what is there; everything: forget what is there. */
void tui_terminal_show(const struct tui_grid *g, bool everything);

/* The next key that was pressed, TUI_KEY_NONE when there is none now; of the mouse, where. */
int tui_terminal_key(unsigned *ret_row, unsigned *ret_column);

void tui_terminal_mouse(bool on);

/* Give the terminal to the shell and take it again. */
void tui_terminal_leave(void);
void tui_terminal_return(void);

/* The row as the terminal's clipboard (OSC 52). */
void tui_terminal_copy(const void *bytes, size_t n);

#endif
