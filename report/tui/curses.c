/* SPDX-License-Identifier: MIT */
/*
 * One screen of ncursesw. What brings the terminal back is worked out when it is opened, so
 * that the handler of a fatal signal only has to write it.
 */
#include "report/tui/terminal.h"

#include <curses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "report/tui/keys.h"

#define ESCAPE_DELAY_MS 25

static SCREEN *screen;
static struct termios before;
static bool have_before;
static char way_back[256]; /* bytes that undo what opening did */
static size_t way_back_len;
static bool colours;

static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
static struct sigaction fatal_before[sizeof fatal / sizeof *fatal];

/* Async-signal-safe: write(2) and tcsetattr(3) only. */
static void on_fatal(int sig)
{
	if (way_back_len && write(STDOUT_FILENO, way_back, way_back_len) < 0)
		way_back_len = 0;
	if (have_before)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		sigaction(fatal[i], &fatal_before[i], NULL);
	(void)raise(sig); /* delivered, with its first handler, when this one returns */
}

static void remember(const char *capability)
{
	const char *s = tigetstr(capability);
	size_t n = s && s != (const char *)-1 ? strlen(s) : 0;

	if (n == 0 || way_back_len + n > sizeof way_back)
		return;
	memcpy(way_back + way_back_len, s, n);
	way_back_len += n;
}

static void catch_fatal(void)
{
	struct sigaction a = { .sa_handler = on_fatal };

	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		sigaction(fatal[i], &a, &fatal_before[i]);
}

static void set_up(void)
{
	(void)raw(); /* ^C and ^Z are keys; they are answered while the target is stopped, too */
	(void)noecho();
	(void)nonl();
	(void)nodelay(stdscr, TRUE);
	(void)keypad(stdscr, TRUE);
	(void)curs_set(0);
	(void)leaveok(stdscr, TRUE);
	(void)set_escdelay(ESCAPE_DELAY_MS);
	(void)mouseinterval(0);
}

int tui_terminal_open(const struct tui_terminal_options *o, struct err *err)
{
	const char *name = getenv("TERM");

	have_before = tcgetattr(STDIN_FILENO, &before) == 0;
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return err_hint(err, err_set(err, ERR_UNSUPPORTED, "nothing is known about the terminal %.40s",
					     name ? name : "(TERM is not set)"), "no-screen");
	(void)set_term(screen);
	if (!tigetstr("cup") || tigetstr("cup") == (char *)-1) {
		tui_terminal_close();
		return err_hint(err, err_set(err, ERR_UNSUPPORTED, "the terminal %.40s cannot move its cursor",
					     name ? name : "?"), "no-screen");
	}
	way_back_len = 0;
	remember("sgr0");
	remember("rmkx");
	remember("cnorm");
	static const char no_mouse[] = "\033[?1000l\033[?1006l";
	if (o->mouse && tigetstr("kmous") && tigetstr("kmous") != (char *)-1) {
		memcpy(way_back + way_back_len, no_mouse, sizeof no_mouse - 1);
		way_back_len += sizeof no_mouse - 1;
	}
	remember("rmcup");
	catch_fatal();
	set_up();
	colours = o->colour && has_colors() && start_color() == OK && use_default_colors() == OK;
	if (colours) {
		(void)init_pair(1, COLOR_RED, -1);
		(void)init_pair(2, COLOR_GREEN, -1);
		(void)init_pair(3, COLOR_CYAN, -1);
		(void)init_pair(4, COLOR_WHITE, COLOR_RED);
	}
	tui_terminal_mouse(o->mouse);
	return 0;
}

void tui_terminal_close(void)
{
	if (!screen)
		return;
	(void)mousemask(0, NULL);
	(void)endwin();
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal && way_back_len; i++)
		sigaction(fatal[i], &fatal_before[i], NULL);
	delscreen(screen);
	screen = NULL;
	way_back_len = 0;
}

void tui_terminal_size(unsigned *ret_columns, unsigned *ret_rows)
{
	*ret_columns = COLS > 0 ? (unsigned)COLS : 1;
	*ret_rows = LINES > 0 ? (unsigned)LINES : 1;
}

void tui_terminal_mouse(bool on)
{
	(void)mousemask(on ? BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
}

static attr_t attribute(enum tui_ink ink, short *pair)
{
	*pair = 0;
	switch (ink) {
	case TUI_PLAIN:
		return A_NORMAL;
	case TUI_BOLD:
		return A_BOLD;
	case TUI_DIM:
		*pair = colours ? 3 : 0;
		return A_NORMAL;
	case TUI_BAD:
		*pair = colours ? 1 : 0;
		return A_BOLD;
	case TUI_GOOD:
		*pair = colours ? 2 : 0;
		return A_NORMAL;
	case TUI_REVERSE:
		return A_REVERSE;
	case TUI_REVERSE_BAD:
		*pair = colours ? 4 : 0;
		return colours ? A_BOLD : A_REVERSE | A_BOLD;
	case TUI_INKS:
		break;
	}
	return A_NORMAL;
}

static void show_row(const struct tui_grid *g, unsigned row)
{
	const struct tui_glyph *c = &g->at[(size_t)row * g->columns];
	char run[TUI_SIDE_MAX * TUI_GLYPH_BYTES / 4 + TUI_GLYPH_BYTES];
	short pair;

	(void)move((int)row, 0);
	for (unsigned i = 0; i < g->columns;) {
		size_t n = 0;
		uint8_t ink = c[i].ink;
		/* The last cell of the last row cannot be written without scrolling; curses knows. */
		for (; i < g->columns && c[i].ink == ink && n + TUI_GLYPH_BYTES < sizeof run; i++) {
			if (c[i].len) {
				memcpy(run + n, c[i].text, c[i].len);
				n += c[i].len;
			} else if (!c[i].second) {
				run[n++] = ' ';
			}
		}
		attr_t a = attribute((enum tui_ink)ink, &pair);
		(void)attr_set(a, pair, NULL);
		(void)addnstr(run, (int)n);
	}
}

void tui_terminal_show(const struct tui_grid *g, bool everything)
{
	if (!screen)
		return;
	if (everything)
		(void)clearok(stdscr, TRUE);
	(void)attr_set(A_NORMAL, 0, NULL);
	(void)erase();
	for (unsigned row = 0; row < g->rows && row < (unsigned)LINES; row++)
		show_row(g, row);
	(void)wnoutrefresh(stdscr);
	(void)doupdate();
}

static int mouse_key(unsigned *row, unsigned *column)
{
	MEVENT e;

	if (getmouse(&e) != OK || e.x < 0 || e.y < 0)
		return TUI_KEY_NONE;
	*row = (unsigned)e.y;
	*column = (unsigned)e.x;
	if (e.bstate & BUTTON4_PRESSED)
		return TUI_KEY_WHEEL_UP;
	if (e.bstate & BUTTON5_PRESSED)
		return TUI_KEY_WHEEL_DOWN;
	return TUI_KEY_MOUSE;
}

int tui_terminal_key(unsigned *ret_row, unsigned *ret_column)
{
	static const struct {
		int curses, ours;
	} names[] = {
		{ KEY_UP, TUI_KEY_UP },	      { KEY_DOWN, TUI_KEY_DOWN },
		{ KEY_LEFT, TUI_KEY_LEFT },   { KEY_RIGHT, TUI_KEY_RIGHT },
		{ KEY_PPAGE, TUI_KEY_PAGE_UP }, { KEY_NPAGE, TUI_KEY_PAGE_DOWN },
		{ KEY_HOME, TUI_KEY_HOME },   { KEY_END, TUI_KEY_END },
		{ KEY_BTAB, TUI_KEY_BACK_TAB }, { KEY_SLEFT, TUI_KEY_SHIFT_LEFT },
		{ KEY_SRIGHT, TUI_KEY_SHIFT_RIGHT }, { KEY_RESIZE, TUI_KEY_RESIZE },
		{ KEY_BACKSPACE, TUI_KEY_BACKSPACE }, { KEY_ENTER, TUI_KEY_ENTER },
		{ '\r', TUI_KEY_ENTER },
	};
	int key = getch();

	if (key == ERR)
		return TUI_KEY_NONE;
	if (key == KEY_MOUSE)
		return mouse_key(ret_row, ret_column);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].curses == key)
			return names[i].ours;
	if (key > KEY_F0 && key <= KEY_F(12))
		return TUI_KEY_F0 + (key - KEY_F0);
	return key < 256 ? key : -1;
}

void tui_terminal_leave(void)
{
	if (screen)
		(void)endwin();
}

void tui_terminal_return(void)
{
	if (!screen)
		return;
	(void)refresh();
	set_up();
}

void tui_terminal_copy(const void *bytes, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = bytes;

	fputs("\033]52;c;", stdout);
	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) |
			     (i + 2 < n ? p[i + 2] : 0);
		fputc(digits[v >> 18], stdout);
		fputc(digits[v >> 12 & 63], stdout);
		fputc(i + 1 < n ? digits[v >> 6 & 63] : '=', stdout);
		fputc(i + 2 < n ? digits[v & 63] : '=', stdout);
	}
	fputs("\033\\", stdout);
	fflush(stdout);
}
