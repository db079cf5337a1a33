/* SPDX-License-Identifier: MIT */
/*
 * Keys as the user names them, and what each does: one table, from which the help screen and
 * the manual's list come too. Knows no terminal: codes are characters or the names below.
 */
#ifndef PYMEMPROF_REPORT_TUI_KEYS_H
#define PYMEMPROF_REPORT_TUI_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/* Codes of keys that are no characters; control characters are their code, ESC is 27. */
enum tui_key {
	TUI_KEY_NONE = 0,
	TUI_KEY_ENTER = '\n',
	TUI_KEY_TAB = '\t',
	TUI_KEY_ESCAPE = 27,
	TUI_KEY_BACKSPACE = 127,
	TUI_KEY_UP = 0x1000,
	TUI_KEY_DOWN,
	TUI_KEY_LEFT,
	TUI_KEY_RIGHT,
	TUI_KEY_PAGE_UP,
	TUI_KEY_PAGE_DOWN,
	TUI_KEY_HOME,
	TUI_KEY_END,
	TUI_KEY_BACK_TAB,
	TUI_KEY_SHIFT_LEFT,
	TUI_KEY_SHIFT_RIGHT,
	TUI_KEY_RESIZE,
	TUI_KEY_MOUSE, /* row and column come with it */
	TUI_KEY_WHEEL_UP,
	TUI_KEY_WHEEL_DOWN,
	TUI_KEY_F0 = 0x1100, /* F1 is one more … */
};

#define TUI_CTRL(c) ((c) & 0x1f)

enum tui_action {
	TUI_DO_NOTHING,
	TUI_DO_UP, TUI_DO_DOWN, TUI_DO_PAGE_UP, TUI_DO_PAGE_DOWN, TUI_DO_HALF_UP, TUI_DO_HALF_DOWN,
	TUI_DO_HOME, TUI_DO_END,
	TUI_DO_FOLD, TUI_DO_UNFOLD, TUI_DO_FOLD_TOGGLE, TUI_DO_UNFOLD_ALL,
	TUI_DO_COLUMNS_LEFT, TUI_DO_COLUMNS_RIGHT,
	TUI_DO_PANE_1, TUI_DO_PANE_2, TUI_DO_PANE_3, TUI_DO_PANE_4, TUI_DO_PANE_5, TUI_DO_PANE_6,
	TUI_DO_PANE_NEXT, TUI_DO_PANE_BEFORE,
	TUI_DO_SEARCH, TUI_DO_SEARCH_NEXT, TUI_DO_SEARCH_BEFORE, TUI_DO_FILTER, TUI_DO_ESCAPE,
	TUI_DO_SORT_NEXT, TUI_DO_SORT_BEFORE, TUI_DO_INVERT_ORDER, TUI_DO_FOLLOW,
	TUI_DO_INVERT_TREE, TUI_DO_UNITS, TUI_DO_CHARSET,
	TUI_DO_DROP_NEXT, TUI_DO_DROP_BEFORE,
	TUI_DO_PAUSE, TUI_DO_FASTER, TUI_DO_SLOWER, TUI_DO_WALK, TUI_DO_REDRAW,
	TUI_DO_MARK, TUI_DO_MARK_CHOOSE, TUI_DO_STEP_BACK, TUI_DO_STEP_ON,
	TUI_DO_EVIDENCE, TUI_DO_COPY, TUI_DO_WRITE, TUI_DO_PRINT, TUI_DO_SUPPRESS, TUI_DO_PREFIX,
	TUI_DO_ATTACH,
	TUI_DO_HELP, TUI_DO_COMMAND, TUI_DO_QUIT, TUI_DO_SUSPEND,
};

struct tui_binding {
	int keys[4]; /* 0 ends */
	enum tui_action action;
	const char *shown; /* "Up Down j k"; NULL: told by the row before */
	const char *help;  /* "move"; shown NULL: NULL */
};

extern const struct tui_binding tui_bindings[];
extern const size_t tui_bindings_len;

enum tui_action tui_action_of(int key);

#endif
