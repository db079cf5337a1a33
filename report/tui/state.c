/* SPDX-License-Identifier: MIT */
/* Keys to actions, actions to states. Sizes pass through clamps, so any screen is a screen. */
#include "report/tui/state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HEAD_ROWS 5
#define TITLE_ROWS 1
#define FOOT_ROWS 2
#define WHEEL_ROWS 3
#define INTERVAL_LEAST_NS UINT64_C(100000000)
#define INTERVAL_MOST_NS UINT64_C(60000000000)

void tui_state_init(struct tui_state *s, unsigned columns, unsigned rows)
{
	memset(s, 0, sizeof *s);
	s->columns = columns;
	s->rows = rows;
	s->follow = true;
	s->mouse = true;
	s->interval_ns = UINT64_C(1000000000);
	for (unsigned i = 0; i < TUI_PANES; i++)
		s->panes[i].sort = tui_pane(i)->sort;
	s->panes[TUI_MEMORY].inverted = true; /* emptiest first */
}

void tui_state_deinit(struct tui_state *s)
{
	for (unsigned i = 0; i < TUI_PANES; i++)
		map_deinit(&s->panes[i].opened);
}

bool tui_too_small(const struct tui_state *s)
{
	return s->columns < TUI_LEAST_COLUMNS || s->rows < TUI_LEAST_ROWS;
}

unsigned tui_page(const struct tui_state *s)
{
	const struct tui_pane *p = tui_pane(s->pane);
	/* A low screen shows fewer header lines; see draw_head.c. */
	unsigned head = s->rows >= 16 ? HEAD_ROWS : s->rows >= 12 ? 3 : 2;
	unsigned used = head + TITLE_ROWS + FOOT_ROWS + (s->rows >= 20 ? p->nabove + p->nbelow : 0);

	return s->rows > used + 1 ? s->rows - used : 1;
}

bool tui_open(const struct tui_state *s, uint64_t key, bool by_itself)
{
	if (s->unfold_all)
		return true;
	return map_has(&s->panes[s->pane].opened, key) ? !by_itself : by_itself;
}

const struct tui_row *tui_current(const struct tui_state *s, const struct tui_rows *rows)
{
	size_t at = s->panes[s->pane].cursor;

	return at < rows->rows.len ? &rows->rows.at[at] : NULL;
}

static void clamp_window(struct tui_state *s, const struct tui_rows *rows)
{
	struct tui_pane_state *p = &s->panes[s->pane];
	size_t n = rows->rows.len, page = tui_page(s);

	if (p->cursor >= n)
		p->cursor = n ? n - 1 : 0;
	if (p->top > p->cursor)
		p->top = p->cursor;
	if (p->cursor >= p->top + page)
		p->top = p->cursor - page + 1;
	if (p->top + page > n)
		p->top = n > page ? n - page : 0;
	p->key = n ? rows->rows.at[p->cursor].key : 0;
}

void tui_settle(struct tui_state *s, const struct tui_rows *rows)
{
	struct tui_pane_state *p = &s->panes[s->pane];

	/* At the top of a list the top is what is looked at; elsewhere, the row. */
	if (s->follow && p->key && (p->cursor > 0 || s->screen == TUI_EVIDENCE))
		for (size_t i = 0; i < rows->rows.len; i++)
			if (rows->rows.at[i].key == p->key) {
				p->cursor = i;
				break;
			}
	clamp_window(s, rows);
}

/* --- prompts ------------------------------------------------------------------------------ */

static void found(struct tui_state *s, const struct tui_rows *rows, size_t at)
{
	if (at == SIZE_MAX) {
		snprintf(s->message, sizeof s->message, "not found: %.100s", s->search);
		return;
	}
	s->panes[s->pane].cursor = at;
	clamp_window(s, rows);
}

static void search(struct tui_state *s, const struct tui_subject *subject,
		   const struct tui_rows *rows, bool next, bool back)
{
	size_t n = rows->rows.len, from = s->panes[s->pane].cursor;

	if (n && s->search[0])
		found(s, rows, tui_rows_find(rows, subject, s->search,
					     next ? (from + (back ? n - 1 : 1)) % n : from, back));
}

static enum tui_wish command(struct tui_state *s)
{
	const char *c = s->typed;
	const char *word = strchr(c, ' ');

	while (word && *word == ' ')
		word++;
	snprintf(s->path, sizeof s->path, "%s", word ? word : "");
	if (strcmp(c, "q") == 0 || strcmp(c, "quit") == 0)
		return TUI_WISH_QUIT;
	if (strcmp(c, "mark") == 0)
		return TUI_WISH_MARK;
	if (strcmp(c, "w") == 0 || strncmp(c, "w ", 2) == 0)
		return TUI_WISH_WRITE;
	if (strcmp(c, "p") == 0 || strncmp(c, "p ", 2) == 0)
		return TUI_WISH_PRINT;
	if (strcmp(c, "filter") == 0 || strncmp(c, "filter ", 7) == 0)
		snprintf(s->filter, sizeof s->filter, "%s", s->path);
	else if (*c)
		snprintf(s->message, sizeof s->message,
			 "no such command; :w FILE  :p FILE  :filter WORDS  :mark  :q");
	return TUI_WISH_NONE;
}

static enum tui_wish prompt_end(struct tui_state *s, const struct tui_subject *subject,
				const struct tui_rows *rows)
{
	enum tui_prompt p = s->prompt;

	s->prompt = TUI_NO_PROMPT;
	switch (p) {
	case TUI_ASK_SEARCH:
		snprintf(s->search, sizeof s->search, "%s", s->typed);
		search(s, subject, rows, false, false);
		break;
	case TUI_ASK_FILTER:
		snprintf(s->filter, sizeof s->filter, "%s", s->typed);
		break;
	case TUI_ASK_COMMAND:
		return command(s);
	case TUI_ASK_PID:
		snprintf(s->path, sizeof s->path, "%s", s->typed);
		return s->path[0] ? TUI_WISH_ATTACH : TUI_WISH_NONE;
	case TUI_NO_PROMPT:
		break;
	}
	return TUI_WISH_NONE;
}

static enum tui_wish prompt_key(struct tui_state *s, const struct tui_subject *subject,
				const struct tui_rows *rows, int key)
{
	size_t n = strlen(s->typed);

	if (key == TUI_KEY_ESCAPE || key == TUI_CTRL('C')) {
		s->prompt = TUI_NO_PROMPT;
		return TUI_WISH_NONE;
	}
	if (key == TUI_KEY_ENTER || key == '\r')
		return prompt_end(s, subject, rows);
	if (key == TUI_CTRL('Z'))
		return TUI_WISH_SUSPEND;
	if (key == TUI_CTRL('U'))
		s->typed[0] = '\0';
	else if ((key == TUI_KEY_BACKSPACE || key == TUI_CTRL('H')) && n) {
		while (n > 1 && ((unsigned char)s->typed[n - 1] & 0xc0) == 0x80)
			n--;
		s->typed[n - 1] = '\0';
	} else if (key >= ' ' && key < 0x100 && key != TUI_KEY_BACKSPACE && n + 1 < sizeof s->typed) {
		s->typed[n] = (char)key;
		s->typed[n + 1] = '\0';
	}
	if (s->prompt == TUI_ASK_SEARCH) {
		snprintf(s->search, sizeof s->search, "%s", s->typed);
		search(s, subject, rows, false, false);
	}
	return TUI_WISH_NONE;
}

static void ask(struct tui_state *s, enum tui_prompt p)
{
	s->prompt = p;
	snprintf(s->typed, sizeof s->typed, "%s", p == TUI_ASK_FILTER ? s->filter : "");
}

/* --- moves -------------------------------------------------------------------------------- */

static void move(struct tui_state *s, const struct tui_rows *rows, long by)
{
	struct tui_pane_state *p = &s->panes[s->pane];
	long at = (long)p->cursor + by, n = (long)rows->rows.len;

	p->cursor = (size_t)(at < 0 ? 0 : at >= n ? (n ? n - 1 : 0) : at);
	clamp_window(s, rows);
}

static void scroll(struct tui_state *s, long by)
{
	long page = s->rows > 3 ? (long)s->rows - 3 : 1;
	long most = (long)s->lines > page ? (long)s->lines - page : 0;
	long at = (long)s->scroll + by;

	s->scroll = (size_t)(at < 0 ? 0 : at > most ? most : at);
}

static bool do_move(struct tui_state *s, const struct tui_rows *rows, enum tui_action a)
{
	long page = (long)tui_page(s), by;

	if (a == TUI_DO_UP || a == TUI_DO_DOWN)
		by = 1;
	else if (a == TUI_DO_PAGE_UP || a == TUI_DO_PAGE_DOWN)
		by = page;
	else if (a == TUI_DO_HALF_UP || a == TUI_DO_HALF_DOWN)
		by = page > 1 ? page / 2 : 1;
	else if (a == TUI_DO_HOME || a == TUI_DO_END)
		by = 100000000;
	else
		return false;
	bool up = a == TUI_DO_UP || a == TUI_DO_PAGE_UP || a == TUI_DO_HALF_UP || a == TUI_DO_HOME;
	if (s->screen == TUI_LIST)
		move(s, rows, up ? -by : by);
	else
		scroll(s, up ? -by : by);
	return true;
}

static void toggle(struct tui_state *s, uint64_t key)
{
	struct map *m = &s->panes[s->pane].opened;

	if (s->unfold_all)
		s->unfold_all = false;
	if (!map_del(m, key, NULL) && map_set(m, key, 1) < 0)
		snprintf(s->message, sizeof s->message, "out of memory");
}

static bool do_fold(struct tui_state *s, const struct tui_rows *rows, enum tui_action a)
{
	const struct tui_row *row = tui_current(s, rows);
	struct tui_pane_state *p = &s->panes[s->pane];

	if (a != TUI_DO_FOLD && a != TUI_DO_UNFOLD && a != TUI_DO_FOLD_TOGGLE && a != TUI_DO_UNFOLD_ALL)
		return false;
	if (!row || !rows->pane->tree)
		return true;
	if (a == TUI_DO_UNFOLD_ALL) {
		s->unfold_all = !s->unfold_all;
	} else if (a == TUI_DO_FOLD && !row->open) {
		for (size_t i = p->cursor; i-- > 0;)
			if (rows->rows.at[i].depth < row->depth) {
				p->cursor = i;
				break;
			}
		clamp_window(s, rows);
	} else if (a == TUI_DO_FOLD_TOGGLE ? row->open || row->folded :
		   a == TUI_DO_FOLD	   ? row->open :
					     row->folded) {
		toggle(s, row->key);
	}
	return true;
}

/* The next row in depth-first order whose children keep much less than it does itself. */
static void next_drop(struct tui_state *s, const struct tui_rows *rows, bool back)
{
	size_t n = rows->rows.len, at = s->panes[s->pane].cursor;

	for (size_t i = 1; i < n; i++) {
		size_t k = (at + (back ? n - i : i)) % n;
		const struct tui_row *row = &rows->rows.at[k];
		bool below = k + 1 < n && rows->rows.at[k + 1].depth > row->depth;
		if (row->rest || (below && rows->rows.at[k + 1].v[0] >= row->v[0] / 2))
			continue;
		found(s, rows, k);
		return;
	}
}

/* --- everything else ---------------------------------------------------------------------- */

static void show_pane(struct tui_state *s, unsigned pane)
{
	s->pane = (enum tui_pane_id)(pane % TUI_PANES);
	s->screen = TUI_LIST;
	s->scroll = 0;
}

static enum tui_wish escape_key(struct tui_state *s, const struct tui_subject *subject)
{
	if (s->screen != TUI_LIST) {
		s->screen = TUI_LIST;
		return TUI_WISH_NONE;
	}
	if (subject->walking)
		return TUI_WISH_CANCEL;
	if (s->search[0] || s->filter[0])
		s->search[0] = s->filter[0] = '\0';
	else if (s->step)
		s->step = 0;
	return TUI_WISH_NONE;
}

static enum tui_wish change_interval(struct tui_state *s, bool slower)
{
	uint64_t ns = slower ? s->interval_ns * 2 : s->interval_ns / 2;

	if (ns < INTERVAL_LEAST_NS || ns > INTERVAL_MOST_NS)
		return TUI_WISH_NONE;
	s->interval_ns = ns;
	snprintf(s->message, sizeof s->message, "interval %.3g s", (double)ns / 1e9);
	return TUI_WISH_INTERVAL;
}

static void change_sort(struct tui_state *s, bool next)
{
	const struct tui_pane *p = tui_pane(s->pane);
	struct tui_pane_state *q = &s->panes[s->pane];

	if (p->tree) {
		snprintf(s->message, sizeof s->message, "a tree keeps its order: largest first");
		return;
	}
	q->sort = (q->sort + (next ? 1 : p->ncolumns - 1)) % p->ncolumns;
	q->inverted = false;
	q->cursor = q->top = 0;
	q->key = 0;
	snprintf(s->message, sizeof s->message, "sorted by %s", p->columns[q->sort].title);
}

static void choose_mark(struct tui_state *s, const struct tui_subject *subject)
{
	if (subject->nmarks < 2) {
		snprintf(s->message, sizeof s->message, "no mark yet: m makes one");
		return;
	}
	s->mark = (s->mark + 1) % subject->nmarks;
	if (s->mark)
		snprintf(s->message, sizeof s->message, "growth counts from mark %c",
			 subject->marks[s->mark].letter);
	else
		snprintf(s->message, sizeof s->message, "growth counts from the start");
}

static void change_step(struct tui_state *s, const struct tui_subject *subject, bool back)
{
	if (back && s->step < subject->steps)
		s->step++;
	else if (!back && s->step > 0)
		s->step--;
	else
		snprintf(s->message, sizeof s->message, back ? "this is the oldest sample kept" :
							       "this is the newest sample");
}

static bool do_toggle(struct tui_state *s, enum tui_action a)
{
	struct tui_pane_state *p = &s->panes[s->pane];
	bool *what = a == TUI_DO_INVERT_ORDER ? &p->inverted :
		     a == TUI_DO_FOLLOW	      ? &s->follow :
		     a == TUI_DO_INVERT_TREE  ? &s->inverted_tree :
		     a == TUI_DO_UNITS	      ? &s->exact :
		     a == TUI_DO_PAUSE	      ? &s->paused :
						NULL;
	if (what) {
		*what = !*what;
		if (a == TUI_DO_FOLLOW)
			snprintf(s->message, sizeof s->message, "the cursor follows the %s",
				 s->follow ? "row" : "place");
		return true;
	}
	if (a == TUI_DO_CHARSET) {
		if (s->utf8_possible)
			s->ascii = !s->ascii;
		else
			snprintf(s->message, sizeof s->message, "this terminal shows ASCII only");
		return true;
	}
	if (a == TUI_DO_COLUMNS_LEFT || a == TUI_DO_COLUMNS_RIGHT) {
		if (a == TUI_DO_COLUMNS_LEFT)
			p->shift -= p->shift > 0;
		else
			p->shift += p->shift + 1 < tui_pane(s->pane)->ncolumns;
		return true;
	}
	return false;
}

static bool do_ask(struct tui_state *s, enum tui_action a)
{
	if (a == TUI_DO_SEARCH)
		ask(s, TUI_ASK_SEARCH);
	else if (a == TUI_DO_FILTER)
		ask(s, TUI_ASK_FILTER);
	else if (a == TUI_DO_COMMAND)
		ask(s, TUI_ASK_COMMAND);
	else
		return false;
	return true;
}

/* The number may be another one by now: a supervisor starts the service anew. */
static void ask_again(struct tui_state *s, const struct tui_subject *subject)
{
	if (subject->kind == TUI_FILE) {
		snprintf(s->message, sizeof s->message, "a file has no process");
	} else if (!subject->gone[0]) {
		snprintf(s->message, sizeof s->message, "it is not gone");
	} else {
		ask(s, TUI_ASK_PID);
		snprintf(s->typed, sizeof s->typed, "%d", subject->pid);
	}
}

/* What follows ^X. */
static enum tui_wish prefixed_key(struct tui_state *s, int key)
{
	s->prefixed = false;
	if (key != 'm') {
		snprintf(s->message, sizeof s->message, "after ^X there is only m: mouse on, off");
		return TUI_WISH_NONE;
	}
	s->mouse = !s->mouse;
	snprintf(s->message, sizeof s->message, s->mouse ? "the mouse is ours" : "the mouse is the terminal's");
	return TUI_WISH_MOUSE;
}

static enum tui_wish wish_of(struct tui_state *s, enum tui_action a)
{
	s->path[0] = '\0';
	if (a == TUI_DO_SUSPEND)
		return TUI_WISH_SUSPEND;
	if (a == TUI_DO_REDRAW)
		return TUI_WISH_REDRAW;
	if (a == TUI_DO_WALK)
		return TUI_WISH_WALK;
	if (a == TUI_DO_MARK)
		return TUI_WISH_MARK;
	if (a == TUI_DO_WRITE)
		return TUI_WISH_WRITE;
	if (a == TUI_DO_PRINT)
		return TUI_WISH_PRINT;
	if (a == TUI_DO_COPY)
		return TUI_WISH_COPY;
	if (a == TUI_DO_SUPPRESS)
		return TUI_WISH_SUPPRESS;
	if (a == TUI_DO_FASTER || a == TUI_DO_SLOWER)
		return change_interval(s, a == TUI_DO_SLOWER);
	if (a != TUI_DO_QUIT)
		return TUI_WISH_NONE;
	if (s->screen == TUI_LIST)
		return TUI_WISH_QUIT;
	s->screen = TUI_LIST;
	return TUI_WISH_NONE;
}

static void do_rest(struct tui_state *s, const struct tui_subject *subject,
		    const struct tui_rows *rows, enum tui_action a)
{
	if (a == TUI_DO_ATTACH)
		ask_again(s, subject);
	else if (a == TUI_DO_PREFIX)
		s->prefixed = true;
	else if (a >= TUI_DO_PANE_1 && a <= TUI_DO_PANE_6)
		show_pane(s, a - TUI_DO_PANE_1);
	else if (a == TUI_DO_PANE_NEXT)
		show_pane(s, s->pane + 1);
	else if (a == TUI_DO_PANE_BEFORE)
		show_pane(s, s->pane + TUI_PANES - 1);
	else if (a == TUI_DO_SEARCH_NEXT || a == TUI_DO_SEARCH_BEFORE)
		search(s, subject, rows, true, a == TUI_DO_SEARCH_BEFORE);
	else if (a == TUI_DO_SORT_NEXT || a == TUI_DO_SORT_BEFORE)
		change_sort(s, a == TUI_DO_SORT_NEXT);
	else if (a == TUI_DO_MARK_CHOOSE)
		choose_mark(s, subject);
	else if (a == TUI_DO_STEP_BACK || a == TUI_DO_STEP_ON)
		change_step(s, subject, a == TUI_DO_STEP_BACK);
	else if (a == TUI_DO_DROP_NEXT || a == TUI_DO_DROP_BEFORE) {
		if (s->screen == TUI_EVIDENCE) {
			move(s, rows, a == TUI_DO_DROP_NEXT ? 1 : -1);
			s->scroll = 0;
		} else {
			next_drop(s, rows, a == TUI_DO_DROP_BEFORE);
		}
	} else if (a == TUI_DO_HELP) {
		s->screen = s->screen == TUI_HELP ? TUI_LIST : TUI_HELP;
		s->scroll = 0;
	} else if (a == TUI_DO_EVIDENCE && s->screen == TUI_LIST && tui_current(s, rows)) {
		s->screen = TUI_EVIDENCE;
		s->scroll = 0;
	}
}

enum tui_wish tui_key(struct tui_state *s, const struct tui_subject *subject,
		      const struct tui_rows *rows, int key)
{
	enum tui_action a = tui_action_of(key);

	s->message[0] = '\0';
	if (s->prompt != TUI_NO_PROMPT)
		return prompt_key(s, subject, rows, key);
	if (tui_too_small(s))
		return a == TUI_DO_QUIT ? TUI_WISH_QUIT : a == TUI_DO_SUSPEND ? TUI_WISH_SUSPEND :
										TUI_WISH_NONE;
	if (key == TUI_CTRL('C'))
		return TUI_WISH_QUIT;
	if (s->prefixed)
		return prefixed_key(s, key);
	if (a == TUI_DO_ESCAPE)
		return escape_key(s, subject);
	if (do_move(s, rows, a) || (s->screen == TUI_LIST && do_fold(s, rows, a)) ||
	    do_toggle(s, a) || do_ask(s, a))
		return TUI_WISH_NONE;
	do_rest(s, subject, rows, a);
	return wish_of(s, a);
}

unsigned tui_tab(const struct tui_state *s, unsigned pane, char ret[TUI_TAB_MAX])
{
	unsigned whole = 0;

	for (unsigned i = 0; i < TUI_PANES; i++)
		whole += (unsigned)strlen(tui_pane(i)->title) + 4;
	if (pane == s->pane)
		snprintf(ret, TUI_TAB_MAX, "[%u %s]", pane + 1, tui_pane(pane)->title);
	else if (whole <= s->columns)
		snprintf(ret, TUI_TAB_MAX, " %u %s ", pane + 1, tui_pane(pane)->title);
	else
		snprintf(ret, TUI_TAB_MAX, " %u ", pane + 1);
	return (unsigned)strlen(ret);
}

/* Which tab is at a column. */
static int tab_at(const struct tui_state *s, unsigned column)
{
	char text[TUI_TAB_MAX];
	unsigned at = 0;

	for (unsigned i = 0; i < TUI_PANES; i++) {
		unsigned n = tui_tab(s, i, text);
		if (column >= at && column < at + n)
			return (int)i;
		at += n;
	}
	return -1;
}

enum tui_wish tui_mouse(struct tui_state *s, const struct tui_subject *subject,
			const struct tui_rows *rows, int key, unsigned row, unsigned column)
{
	static const int feet[] = { TUI_KEY_F0 + 1, TUI_KEY_F0 + 3, TUI_KEY_F0 + 4, TUI_KEY_F0 + 5,
				    TUI_KEY_F0 + 6, TUI_KEY_F0 + 9, 'Z' };
	static const unsigned ends[] = { 7, 16, 25, 32, 39, 46, 53 };
	struct tui_pane_state *p = &s->panes[s->pane];
	unsigned above = s->rows >= 20 ? tui_pane(s->pane)->nabove : 0;
	unsigned head = s->rows >= 16 ? HEAD_ROWS : s->rows >= 12 ? 3 : 2;

	s->message[0] = '\0';
	if (key == TUI_KEY_WHEEL_UP || key == TUI_KEY_WHEEL_DOWN) {
		long by = key == TUI_KEY_WHEEL_UP ? -WHEEL_ROWS : WHEEL_ROWS;
		if (s->screen == TUI_LIST)
			move(s, rows, by);
		else
			scroll(s, by);
		return TUI_WISH_NONE;
	}
	if (tui_too_small(s) || s->prompt != TUI_NO_PROMPT)
		return TUI_WISH_NONE;
	if (row + 1 == s->rows) {
		for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
			if (column < ends[i])
				return tui_key(s, subject, rows, feet[i]);
		return column + 7 >= s->columns ? tui_key(s, subject, rows, 'q') : TUI_WISH_NONE;
	}
	if (row + 1 == head && tab_at(s, column) >= 0) {
		show_pane(s, (unsigned)tab_at(s, column));
	} else if (s->screen == TUI_LIST && row >= head + above + TITLE_ROWS) {
		size_t at = p->top + row - head - above - TITLE_ROWS;
		if (at < rows->rows.len && row - head - above - TITLE_ROWS < tui_page(s)) {
			p->cursor = at;
			clamp_window(s, rows);
		}
	}
	return TUI_WISH_NONE;
}
