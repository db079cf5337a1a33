/* SPDX-License-Identifier: MIT */
/* Cells are filled character by character; the width of one is escape_columns' answer. */
#include "report/tui/grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "report/view/escape.h"

#define NAME_BYTES_MAX 4096

static unsigned side(unsigned n)
{
	return n < 1 ? 1 : n > TUI_SIDE_MAX ? TUI_SIDE_MAX : n;
}

int tui_grid_init(struct tui_grid *g, unsigned columns, unsigned rows, bool ascii, struct err *err)
{
	*g = (struct tui_grid){ side(columns), side(rows), ascii, NULL };
	g->at = calloc((size_t)g->columns * g->rows, sizeof *g->at);
	if (g->at)
		return 0;
	*g = (struct tui_grid){ 0 };
	return err_nomem(err);
}

void tui_grid_deinit(struct tui_grid *g)
{
	if (!g)
		return;
	free(g->at);
	*g = (struct tui_grid){ 0 };
}

static struct tui_glyph *cell(struct tui_grid *g, unsigned row, unsigned column)
{
	return &g->at[(size_t)row * g->columns + column];
}

/* Bytes of the character at s, at least 1. */
static size_t character(const char *s)
{
	unsigned char c = (unsigned char)*s;
	size_t want = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4, n = 1;

	while (n < want && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

static void set(struct tui_glyph *c, const char *s, size_t n, enum tui_ink ink)
{
	memcpy(c->text, s, n);
	c->len = (uint8_t)n;
	c->second = false;
	c->ink = (uint8_t)ink;
}

unsigned tui_put(struct tui_grid *g, unsigned row, unsigned column, enum tui_ink ink,
		 const char *safe)
{
	unsigned at = column;

	if (row >= g->rows)
		return 0;
	for (const char *s = safe; *s;) {
		size_t n = character(s), wide = escape_columns(s, n);
		if (at + wide > g->columns)
			break;
		if (wide == 0 && at > 0 && at <= g->columns) {
			struct tui_glyph *c = cell(g, row, at - 1);
			if (c->second && at > 1)
				c = cell(g, row, at - 2);
			if (c->len + n <= TUI_GLYPH_BYTES) {
				memcpy(c->text + c->len, s, n);
				c->len = (uint8_t)(c->len + n);
			}
		} else if (wide > 0) {
			set(cell(g, row, at), s, n, ink);
			if (wide > 1) {
				set(cell(g, row, at + 1), "", 0, ink);
				cell(g, row, at + 1)->second = true;
			}
		}
		at += (unsigned)wide;
		s += n;
	}
	return at - column;
}

unsigned tui_putf(struct tui_grid *g, unsigned row, unsigned column, enum tui_ink ink,
		  const char *fmt, ...)
{
	char line[TUI_SIDE_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	return tui_put(g, row, column, ink, line);
}

void tui_put_right(struct tui_grid *g, unsigned row, unsigned end, enum tui_ink ink,
		   const char *safe)
{
	size_t n = escape_columns(safe, strlen(safe));

	if (end > g->columns)
		end = g->columns;
	tui_put(g, row, n < end ? end - (unsigned)n : 0, ink, safe);
}

/* The start of an escaped name, in at most `columns`. */
static unsigned put_prefix(struct tui_grid *g, unsigned row, unsigned column, unsigned columns,
			   enum tui_ink ink, char *safe, size_t n)
{
	size_t fits = escape_prefix(safe, n, columns);
	char kept = safe[fits];

	safe[fits] = '\0';
	unsigned used = tui_put(g, row, column, ink, safe);
	safe[fits] = kept;
	return used;
}

const char *tui_cut_mark(const struct tui_grid *g)
{
	return g->ascii ? "..." : "\u2026";
}

/*
 * How much of an escaped name's start is worth its place when it must be cut: of a path and of a
 * dotted name the end is what tells, but the words before it ("4,000 x", "frame") do, too; of
 * others both ends do.
 */
static unsigned head_columns(const char *safe, size_t len, unsigned width, unsigned mark)
{
	size_t dot = strcspn(safe, "/."), words = dot;

	while (words > 0 && safe[words - 1] != ' ')
		words--;
	size_t head = escape_columns(safe, words);
	return dot == len || head > width / 2 ? (width - mark) / 2 : (unsigned)head;
}

unsigned tui_put_name(struct tui_grid *g, unsigned row, unsigned column, unsigned width,
		      enum tui_ink ink, const char *name, size_t n)
{
	const size_t most = (NAME_BYTES_MAX - 1) / ESCAPE_GROWTH;
	char safe[NAME_BYTES_MAX];

	if (column >= g->columns || row >= g->rows)
		return 0;
	if (width > g->columns - column)
		width = g->columns - column;
	if (n > most) {
		name += n - most;
		n = most;
	}
	size_t len = escape(g->ascii ? ESCAPE_ASCII : ESCAPE_UTF8, name, n, safe, sizeof safe);
	if (escape_columns(safe, len) <= width || width < 4)
		return put_prefix(g, row, column, width, ink, safe, len);
	unsigned mark = (unsigned)strlen(tui_cut_mark(g)), wide = g->ascii ? mark : 1;
	unsigned used = put_prefix(g, row, column, head_columns(safe, len, width, wide), ink, safe, len);
	used += tui_put(g, row, column + used, ink, tui_cut_mark(g));
	size_t from = escape_suffix(safe, len, width - used);
	return used + tui_put(g, row, column + used, ink, safe + from);
}

void tui_ink(struct tui_grid *g, unsigned row, unsigned column, unsigned n, enum tui_ink ink)
{
	for (unsigned i = column; row < g->rows && i < g->columns && i - column < n; i++)
		cell(g, row, i)->ink = (uint8_t)ink;
}

void tui_grid_line(const struct tui_grid *g, unsigned row, struct buf *out)
{
	size_t end = out->len;

	for (unsigned i = 0; row < g->rows && i < g->columns; i++) {
		const struct tui_glyph *c = &g->at[(size_t)row * g->columns + i];
		bool blank = c->len == 0 || (c->len == 1 && c->text[0] == ' ');
		if (c->len)
			(void)buf_put(out, c->text, c->len);
		else if (!c->second)
			(void)buf_put(out, " ", 1);
		if (!blank)
			end = out->len;
	}
	if (!out->failed)
		buf_cut(out, end);
}
