/* SPDX-License-Identifier: MIT */
/* The table of keys, in the order of the help screen, and nothing else. */
#include "report/tui/keys.h"

#define F(n) (TUI_KEY_F0 + (n))

const struct tui_binding tui_bindings[] = {
	{ { TUI_KEY_UP, 'k' }, TUI_DO_UP, "Up Down j k", "move" },
	{ { TUI_KEY_DOWN, 'j' }, TUI_DO_DOWN, NULL, NULL },
	{ { TUI_KEY_PAGE_UP, TUI_CTRL('B') }, TUI_DO_PAGE_UP, "PgUp PgDn ^B ^F", "a page" },
	{ { TUI_KEY_PAGE_DOWN, TUI_CTRL('F') }, TUI_DO_PAGE_DOWN, NULL, NULL },
	{ { TUI_CTRL('U') }, TUI_DO_HALF_UP, "^U ^D", "half a page" },
	{ { TUI_CTRL('D') }, TUI_DO_HALF_DOWN, NULL, NULL },
	{ { TUI_KEY_HOME, 'g' }, TUI_DO_HOME, "Home End g G", "first, last" },
	{ { TUI_KEY_END, 'G' }, TUI_DO_END, NULL, NULL },
	{ { TUI_KEY_LEFT, 'h' }, TUI_DO_FOLD, "Left Right h l", "fold, unfold" },
	{ { TUI_KEY_RIGHT, 'l' }, TUI_DO_UNFOLD, NULL, NULL },
	{ { F(5) }, TUI_DO_FOLD_TOGGLE, "F5 *", "fold, unfold all" },
	{ { '*' }, TUI_DO_UNFOLD_ALL, NULL, NULL },
	{ { TUI_KEY_SHIFT_LEFT, '{' }, TUI_DO_COLUMNS_LEFT, "{ } S-arrows", "scroll columns" },
	{ { TUI_KEY_SHIFT_RIGHT, '}' }, TUI_DO_COLUMNS_RIGHT, NULL, NULL },
	{ { '1' }, TUI_DO_PANE_1, "1 2 3 4 5 6", "panes" },
	{ { '2' }, TUI_DO_PANE_2, NULL, NULL },
	{ { '3' }, TUI_DO_PANE_3, NULL, NULL },
	{ { '4' }, TUI_DO_PANE_4, NULL, NULL },
	{ { '5' }, TUI_DO_PANE_5, NULL, NULL },
	{ { '6' }, TUI_DO_PANE_6, NULL, NULL },
	{ { TUI_KEY_TAB }, TUI_DO_PANE_NEXT, "Tab S-Tab", "next, previous pane" },
	{ { TUI_KEY_BACK_TAB }, TUI_DO_PANE_BEFORE, NULL, NULL },
	{ { '/', F(3) }, TUI_DO_SEARCH, "/ F3", "search as you type" },
	{ { 'n' }, TUI_DO_SEARCH_NEXT, "n N", "next, previous hit" },
	{ { 'N' }, TUI_DO_SEARCH_BEFORE, NULL, NULL },
	{ { '\\', F(4) }, TUI_DO_FILTER, "\\ F4", "filter: type: site: >1M" },
	{ { TUI_KEY_ESCAPE }, TUI_DO_ESCAPE, "Esc", "clear; cancel a walk" },
	{ { '>', F(6) }, TUI_DO_SORT_NEXT, "< > F6", "sort by another column" },
	{ { '<' }, TUI_DO_SORT_BEFORE, NULL, NULL },
	{ { 'I' }, TUI_DO_INVERT_ORDER, "I", "invert the order" },
	{ { 'F' }, TUI_DO_FOLLOW, "F", "follow row, not place" },
	{ { 'i' }, TUI_DO_INVERT_TREE, "i", "invert the tree (Sites)" },
	{ { ']' }, TUI_DO_DROP_NEXT, "[ ]", "next big drop, or row" },
	{ { '[' }, TUI_DO_DROP_BEFORE, NULL, NULL },
	{ { 'u' }, TUI_DO_UNITS, "u U", "exact bytes; ASCII" },
	{ { 'U' }, TUI_DO_CHARSET, NULL, NULL },
	{ { ' ', 'Z' }, TUI_DO_PAUSE, "Space Z", "pause" },
	{ { '+' }, TUI_DO_SLOWER, "+ -", "longer, shorter interval" },
	{ { '-' }, TUI_DO_FASTER, NULL, NULL },
	{ { 'R' }, TUI_DO_WALK, "R", "walk the heap now" },
	{ { TUI_CTRL('L') }, TUI_DO_REDRAW, "^L ^Z", "redraw; suspend" },
	{ { TUI_CTRL('Z') }, TUI_DO_SUSPEND, NULL, NULL },
	{ { 'm', F(9) }, TUI_DO_MARK, "m F9", "mark: growth from here" },
	{ { 'M' }, TUI_DO_MARK_CHOOSE, "M", "growth from which mark" },
	{ { 'T' }, TUI_DO_STEP_BACK, "T t", "a sample back, on" },
	{ { 't' }, TUI_DO_STEP_ON, NULL, NULL },
	{ { TUI_KEY_ENTER, '\r' }, TUI_DO_EVIDENCE, "Enter", "evidence of the row" },
	{ { 'c' }, TUI_DO_COPY, "c", "copy the row" },
	{ { 's' }, TUI_DO_SUPPRESS, "s", "a suppression rule" },
	{ { 'w' }, TUI_DO_WRITE, "w P", "write page; print pane" },
	{ { 'P' }, TUI_DO_PRINT, NULL, NULL },
	{ { TUI_CTRL('X') }, TUI_DO_PREFIX, "^X m", "mouse on, off" },
	{ { 'A' }, TUI_DO_ATTACH, "A", "again, when it is gone" },
	{ { ':' }, TUI_DO_COMMAND, ":", ":w F :p F :filter WORDS" },
	{ { '?', F(1) }, TUI_DO_HELP, "? F1", "this help" },
	{ { 'q', F(10) }, TUI_DO_QUIT, "q F10 ^C", "back, then quit" },
	{ { TUI_CTRL('C') }, TUI_DO_QUIT, NULL, NULL },
};
const size_t tui_bindings_len = sizeof tui_bindings / sizeof *tui_bindings;

enum tui_action tui_action_of(int key)
{
	for (size_t i = 0; i < tui_bindings_len; i++)
		for (size_t k = 0; k < 4 && tui_bindings[i].keys[k]; k++)
			if (tui_bindings[i].keys[k] == key)
				return tui_bindings[i].action;
	return TUI_DO_NOTHING;
}
