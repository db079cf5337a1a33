/* SPDX-License-Identifier: MIT */
/* The list in the middle, and which screen is shown. */
#include "report/tui/draw.h"
#include "report/view/escape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Columns of one pane on one screen. */
struct layout {
	unsigned shown[TUI_COLUMNS_MAX], width[TUI_COLUMNS_MAX], n;
	unsigned name_at[TUI_NAMES_MAX], name_width[TUI_NAMES_MAX], names;
};

static unsigned column_width(const struct tui_column *c, bool exact)
{
	unsigned n = tui_figure_width(c->figure, exact), title = (unsigned)strlen(c->title);

	return n > title ? n : title;
}

static struct layout lay_out(const struct tui_grid *g, const struct tui_state *state,
			     const struct tui_rows *rows)
{
	const struct tui_pane *p = rows->pane;
	unsigned at = 0, shift = state->panes[state->pane].shift, skipped = 0;
	struct layout l = { 0 };

	for (unsigned i = 0; i < p->ncolumns; i++) {
		unsigned w = column_width(&p->columns[i], state->exact);
		/* What is scrolled away makes room for what the screen is too narrow for. */
		bool fits = g->columns >= p->columns[i].least || shift;
		if (!fits || (skipped < shift && ++skipped))
			continue;
		if (at + w + 1 + 16 > g->columns)
			break;
		l.shown[l.n] = i;
		l.width[l.n++] = w;
		at += w + 1;
	}
	at += l.n ? 1 : 0;
	unsigned left = g->columns > at ? g->columns - at : 0, most = 0;
	for (unsigned i = rows->first_name; i < TUI_NAMES_MAX && p->names[i]; i++)
		if ((i < 2 || g->columns >= 120) && (!rows->last_name || i < rows->last_name))
			most = i + 1;
	if (g->columns < 60 && !p->tree && most > rows->first_name + 2)
		most = rows->first_name + 2;
	for (unsigned i = 0; i < most; i++) {
		unsigned w = left;
		if (i < rows->first_name)
			w = 0;
		else if (i + 1 < most)
			w = i == 0 ? left * p->name_share / 100 : left * 55 / 100;
		if (i >= rows->first_name && i + 1 < most && w < 9)
			w = left < 9 ? left : 9;
		l.name_at[i] = at;
		l.name_width[i] = w > 1 && i + 1 < most ? w - 1 : w;
		at += w;
		left -= w;
	}
	l.names = most;
	return l;
}

static void draw_titles(struct tui_grid *g, unsigned row, const struct tui_state *state,
			const struct tui_rows *rows, const struct layout *l)
{
	const struct tui_pane *p = rows->pane;
	const struct tui_pane_state *q = &state->panes[state->pane];
	unsigned at = 0;

	for (unsigned i = 0; i < l->n; i++) {
		char text[32];
		bool by = !p->tree && l->shown[i] == q->sort;
		const char *title = p->columns[l->shown[i]].title;
		at += l->width[i];
		snprintf(text, sizeof text, "%s", title);
		tui_put_right(g, row, at, by ? TUI_REVERSE : TUI_BOLD, text);
		at++;
		if (by && !state->text) /* without keys there is nothing to sort by */
			tui_put(g, row, at - 1, TUI_BOLD, q->inverted ? "^" : "v");
	}
	for (unsigned i = rows->first_name; i < l->names; i++)
		tui_putf(g, row, l->name_at[i], TUI_BOLD, "%.*s", (int)l->name_width[i], p->names[i]);
}

/* Lines to the left of a tree's name. Returns the columns used. */
static unsigned draw_guide(struct tui_grid *g, unsigned row, unsigned at, const struct tui_row *r)
{
	unsigned start = at;

	for (unsigned d = 1; d < r->depth; d++)
		at += tui_put(g, row, at, TUI_DIM, r->guide >> d & 1 ? "| " : "  ");
	if (r->depth)
		at += tui_put(g, row, at, TUI_DIM, r->last ? "`" : "|");
	at += tui_put(g, row, at, r->folded ? TUI_BOLD : TUI_DIM, r->folded ? "+ " : "- ");
	return at - start;
}

static enum tui_ink figure_ink(enum tui_figure f, double v)
{
	if (isnan(v))
		return TUI_DIM;
	if (f == TUI_BYTES_RATE)
		return v >= 1024 ? TUI_BAD : v <= -1024 ? TUI_GOOD : TUI_PLAIN;
	if (f == TUI_ORDER)
		return TUI_BAD;
	return TUI_PLAIN;
}

static void draw_row(struct tui_grid *g, unsigned at_row, const struct tui_subject *s,
		     const struct tui_state *state, const struct tui_rows *rows,
		     const struct layout *l, const struct tui_row *r)
{
	unsigned at = 0;

	for (unsigned i = 0; i < l->n; i++) {
		enum tui_figure f = rows->pane->columns[l->shown[i]].figure;
		struct units u;
		double v = r->v[l->shown[i]];
		at += l->width[i];
		tui_put_right(g, at_row, at, figure_ink(f, v), isnan(v) && f != TUI_ORDER ? "-" :
			      tui_figure(&u, f, v, state->exact));
		at++;
	}
	for (unsigned i = rows->first_name; i < l->names; i++) {
		struct buf text = BUF_INIT;
		unsigned x = l->name_at[i], w = l->name_width[i];
		if (i == 0 && rows->pane->tree) {
			unsigned used = draw_guide(g, at_row, x, r);
			x += used;
			w = w > used ? w - used : 0;
		}
		rows->pane->name(rows, s, r, i, &text);
		if (!text.failed && w)
			tui_put_name(g, at_row, x, w, r->v[0] < 0 || r->rest ? TUI_DIM : TUI_PLAIN,
				     (const char *)text.bytes, text.len);
		buf_deinit(&text);
	}
}

/* Lines of ours around the list, one row each, no wrapping. */
static void draw_plain(struct tui_grid *g, const struct tui_lines *l, unsigned row, unsigned n,
		       enum tui_ink ink)
{
	const char *p = (const char *)l->text.bytes, *end = p ? p + l->text.len : NULL;

	for (unsigned i = 0; i < n && p && p < end; i++) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((stop ? stop : end) - p);
		char line[4096];
		snprintf(line, sizeof line, "%.*s", (int)(len < sizeof line ? len : sizeof line - 1), p);
		tui_put(g, row + i, 0, ink, line);
		unsigned wide = g->ascii ? 3 : 1;
		if (escape_columns(line, strlen(line)) > g->columns && g->columns >= wide)
			tui_put(g, row + i, g->columns - wide, TUI_BOLD, tui_cut_mark(g));
		p += len + 1;
	}
}

static void draw_around(struct tui_grid *g, const struct tui_subject *s, const struct tui_state *state,
			const struct tui_rows *rows, unsigned above, unsigned below)
{
	const struct tui_pane *p = rows->pane;
	const struct tui_row *row = tui_current(state, rows);
	bool room = g->rows >= 20;
	struct tui_lines l = { .ascii = g->ascii };

	if (room && p->above)
		p->above(s, &l);
	draw_plain(g, &l, above, p->nabove, TUI_PLAIN);
	buf_clear(&l.text);
	if (room && p->below && row)
		p->below(rows, s, state, row, &l);
	draw_plain(g, &l, below, p->nbelow, TUI_DIM);
	buf_clear(&l.text);
	if (row && !state->text)
		p->status(rows, s, state, row, &l);
	draw_plain(g, &l, g->rows - 2, 1, TUI_DIM);
	buf_deinit(&l.text);
	if (rows->hidden) {
		char text[48];
		snprintf(text, sizeof text, " %zu hidden by the filter", rows->hidden);
		tui_put_right(g, g->rows - 2, g->columns, TUI_BOLD, text);
	}
}

static void draw_list(struct tui_grid *g, const struct tui_subject *s, const struct tui_state *state,
		      const struct tui_rows *rows)
{
	unsigned head = tui_draw_head(g, s, state), page = tui_page(state);
	const struct tui_pane_state *q = &state->panes[state->pane];
	bool room = g->rows >= 20;
	unsigned above = head, titles = head + (room ? rows->pane->nabove : 0), first = titles + 1;

	if (rows->absent[0]) {
		struct tui_lines l = { .ascii = g->ascii };
		tui_say(&l, "%s", rows->absent);
		tui_draw_lines(g, &l, head + 1, g->rows - 2, 0);
		buf_deinit(&l.text);
		return;
	}
	struct layout l = lay_out(g, state, rows);
	draw_titles(g, titles, state, rows, &l);
	for (unsigned i = 0; i < page && q->top + i < rows->rows.len && first + i + 2 < g->rows; i++) {
		draw_row(g, first + i, s, state, rows, &l, &rows->rows.at[q->top + i]);
		if (q->top + i == q->cursor && !state->text)
			tui_ink(g, first + i, 0, g->columns, TUI_REVERSE);
	}
	draw_around(g, s, state, rows, above, g->rows - 2 - (room ? rows->pane->nbelow : 0));
}

static void draw_text(struct tui_grid *g, const struct tui_subject *s, struct tui_state *state,
		      const struct tui_rows *rows)
{
	struct tui_lines l = { .ascii = g->ascii };
	unsigned last = g->rows - 2;
	char end[64];

	if (state->screen == TUI_HELP)
		tui_help_lines(state, s, &l);
	else
		tui_evidence_lines(s, state, rows, &l);
	state->lines = tui_draw_lines(g, &l, 0, last, state->scroll);
	buf_deinit(&l.text);
	if (state->lines <= last)
		snprintf(end, sizeof end, "-- all %zu lines --", state->lines);
	else
		snprintf(end, sizeof end, "-- lines %zu to %zu of %zu --", state->scroll + 1,
			 state->scroll + last < state->lines ? state->scroll + last : state->lines,
			 state->lines);
	tui_put(g, last, 0, TUI_DIM, end);
	if (state->screen != TUI_HELP && g->columns >= 72)
		tui_put_right(g, last, g->columns, TUI_DIM, "c copy  s suppression  [ ] previous, next  q back");
}

void tui_draw(struct tui_grid *g, const struct tui_subject *s, struct tui_state *state,
	      const struct tui_rows *rows)
{
	memset(g->at, 0, sizeof *g->at * g->columns * g->rows);
	if (tui_too_small(state)) {
		tui_putf(g, 0, 0, TUI_BOLD, "need %ux%u, have %ux%u", TUI_LEAST_COLUMNS, TUI_LEAST_ROWS,
			 state->columns, state->rows);
		tui_put(g, 1, 0, TUI_PLAIN, "q quits");
		return;
	}
	if (state->screen == TUI_LIST)
		draw_list(g, s, state, rows);
	else
		draw_text(g, s, state, rows);
	tui_draw_foot(g, state);
}
