/* SPDX-License-Identifier: MIT */
/*
 * What the user has chosen: pane, row, order, filter, folds, mark, instant. A key makes a new
 * state and sometimes a wish that only the command can grant. Pure: no terminal, no clock.
 */
#ifndef PYMEMPROF_REPORT_TUI_STATE_H
#define PYMEMPROF_REPORT_TUI_STATE_H

#include "base/map.h"
#include "report/tui/keys.h"
#include "report/tui/rows.h"
#include "report/tui/subject.h"

enum tui_pane_id { TUI_GROWTH, TUI_TYPES, TUI_SITES, TUI_HOLDERS, TUI_MEMORY, TUI_ADVICE, TUI_PANES };

enum tui_screen { TUI_LIST, TUI_EVIDENCE, TUI_HELP, TUI_RAW };

enum tui_prompt { TUI_NO_PROMPT, TUI_ASK_SEARCH, TUI_ASK_FILTER, TUI_ASK_COMMAND, TUI_ASK_PID };

/* What the command must do after a key. */
enum tui_wish {
	TUI_WISH_NONE,
	TUI_WISH_QUIT,
	TUI_WISH_SUSPEND,
	TUI_WISH_REDRAW, /* everything, not only what changed */
	TUI_WISH_WALK,
	TUI_WISH_CANCEL, /* the walk */
	TUI_WISH_MARK,
	TUI_WISH_INTERVAL, /* state.interval_ns changed */
	TUI_WISH_WRITE,	   /* a page to state.path */
	TUI_WISH_PRINT,	   /* the pane to state.path */
	TUI_WISH_COPY,	   /* the row, see tui_row_text */
	TUI_WISH_SUPPRESS,
	TUI_WISH_MOUSE,
	TUI_WISH_ATTACH, /* to the process whose number is in state.path */
};

#define TUI_TEXT_MAX 128

struct tui_pane_state {
	size_t cursor, top;
	uint64_t key; /* of the row under the cursor */
	unsigned sort, shift;
	bool inverted;	   /* the order */
	struct map opened; /* keys of rows whose fold is not what it is by itself */
};

struct tui_state {
	unsigned columns, rows;
	bool ascii, exact, follow, paused, mouse, inverted_tree, unfold_all;
	bool text; /* batch mode: no row is selected */
	bool prefixed; /* ^X was pressed: the next key belongs to it */
	bool utf8_possible;
	enum tui_pane_id pane;
	enum tui_screen screen;
	enum tui_prompt prompt;
	char typed[TUI_TEXT_MAX], search[TUI_TEXT_MAX], filter[TUI_TEXT_MAX], path[TUI_TEXT_MAX];
	char message[160]; /* shown until the next key */
	size_t mark;	   /* index into the subject's marks; growth counts from there */
	size_t step;	   /* instants back; 0: now */
	uint64_t interval_ns;
	size_t scroll, lines; /* of the evidence and help screens */
	struct tui_pane_state panes[TUI_PANES];
};

void tui_state_init(struct tui_state *s, unsigned columns, unsigned rows);
void tui_state_deinit(struct tui_state *s);

/* The screen is too small for anything but saying so. */
#define TUI_LEAST_COLUMNS 40
#define TUI_LEAST_ROWS 8
bool tui_too_small(const struct tui_state *s);

/* Rows of the list that fit on the screen. */
unsigned tui_page(const struct tui_state *s);

/* The tab of a pane as it is drawn on this screen: "[1 Growth]", " 2 Types ", or " 2 ". Returns its columns. */
#define TUI_TAB_MAX 32
unsigned tui_tab(const struct tui_state *s, unsigned pane, char ret[TUI_TAB_MAX]);

/* A character of a prompt, or an action. rows are those on the screen; may be empty. */
enum tui_wish tui_key(struct tui_state *s, const struct tui_subject *subject,
		      const struct tui_rows *rows, int key);

/* A click or the wheel at a cell. */
enum tui_wish tui_mouse(struct tui_state *s, const struct tui_subject *subject,
			const struct tui_rows *rows, int key, unsigned row, unsigned column);

/* After rows were built anew, or the screen changed: put cursor and window where they belong. */
void tui_settle(struct tui_state *s, const struct tui_rows *rows);

/* The row under the cursor, or NULL. */
const struct tui_row *tui_current(const struct tui_state *s, const struct tui_rows *rows);

bool tui_open(const struct tui_state *s, uint64_t key, bool by_itself);

#endif
