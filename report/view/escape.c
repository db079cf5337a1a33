/* SPDX-License-Identifier: MIT */
/*
 * One table of characters nobody should see raw, and five ways to write what is left. Ranges are those of Unicode 15 (general categories Cc, Cf, Zl, Zp;
 * East Asian Width W and F; combining marks of the common scripts).
 */
#include "report/view/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define COMBINING_RUN_MAX 4
#define ONE_MAX 16 /* longest form of one character */

struct range {
	uint32_t first, last;
};

/* Format characters: invisible, able to reorder or to hide text. */
static const struct range invisible[] = {
	{ 0xad, 0xad },	      { 0x600, 0x605 },	    { 0x61c, 0x61c },	   { 0x6dd, 0x6dd },
	{ 0x70f, 0x70f },     { 0x890, 0x891 },	    { 0x8e2, 0x8e2 },	   { 0x115f, 0x1160 },
	{ 0x17b4, 0x17b5 },   { 0x180b, 0x180f },   { 0x200b, 0x200f },	   { 0x2028, 0x202e },
	{ 0x2060, 0x206f },   { 0x3164, 0x3164 },   { 0xfdd0, 0xfdef },	   { 0xfe00, 0xfe0f },
	{ 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb },	   { 0xfffe, 0xffff },
	{ 0x110bd, 0x110bd }, { 0x110cd, 0x110cd }, { 0x13430, 0x13455 },  { 0x1bca0, 0x1bca3 },
	{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff },
};

static const struct range combining[] = {
	{ 0x300, 0x36f },   { 0x483, 0x489 },	{ 0x591, 0x5bd },   { 0x5bf, 0x5bf },
	{ 0x5c1, 0x5c2 },   { 0x5c4, 0x5c5 },	{ 0x5c7, 0x5c7 },   { 0x610, 0x61a },
	{ 0x64b, 0x65f },   { 0x670, 0x670 },	{ 0x6d6, 0x6dc },   { 0x6df, 0x6e4 },
	{ 0x6e7, 0x6e8 },   { 0x6ea, 0x6ed },	{ 0x711, 0x711 },   { 0x730, 0x74a },
	{ 0x7a6, 0x7b0 },   { 0x7eb, 0x7f3 },	{ 0x816, 0x82d },   { 0x859, 0x85b },
	{ 0x898, 0x89f },   { 0x8ca, 0x8e1 },	{ 0x8e3, 0x902 },   { 0x93a, 0x93a },
	{ 0x93c, 0x93c },   { 0x941, 0x948 },	{ 0x94d, 0x94d },   { 0x951, 0x957 },
	{ 0xe31, 0xe31 },   { 0xe34, 0xe3a },	{ 0xe47, 0xe4e },   { 0xeb1, 0xeb1 },
	{ 0xeb4, 0xebc },   { 0xec8, 0xece },	{ 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
	{ 0x20d0, 0x20ff }, { 0x302a, 0x302d }, { 0x3099, 0x309a }, { 0xfe20, 0xfe2f },
};

static const struct range wide[] = {
	{ 0x1100, 0x115e },   { 0x231a, 0x231b },   { 0x2329, 0x232a },	  { 0x23e9, 0x23ec },
	{ 0x23f0, 0x23f0 },   { 0x23f3, 0x23f3 },   { 0x25fd, 0x25fe },	  { 0x2614, 0x2615 },
	{ 0x2648, 0x2653 },   { 0x267f, 0x267f },   { 0x2693, 0x2693 },	  { 0x26a1, 0x26a1 },
	{ 0x26aa, 0x26ab },   { 0x26bd, 0x26be },   { 0x26c4, 0x26c5 },	  { 0x26ce, 0x26ce },
	{ 0x26d4, 0x26d4 },   { 0x26ea, 0x26ea },   { 0x26f2, 0x26f3 },	  { 0x26f5, 0x26f5 },
	{ 0x26fa, 0x26fa },   { 0x26fd, 0x26fd },   { 0x2705, 0x2705 },	  { 0x270a, 0x270b },
	{ 0x2728, 0x2728 },   { 0x274c, 0x274c },   { 0x274e, 0x274e },	  { 0x2753, 0x2755 },
	{ 0x2757, 0x2757 },   { 0x2795, 0x2797 },   { 0x27b0, 0x27b0 },	  { 0x27bf, 0x27bf },
	{ 0x2b1b, 0x2b1c },   { 0x2b50, 0x2b50 },   { 0x2b55, 0x2b55 },	  { 0x2e80, 0x303e },
	{ 0x3041, 0x3096 },   { 0x309b, 0x3247 },   { 0x3250, 0x4dbf },	  { 0x4e00, 0xa4c6 },
	{ 0xa960, 0xa97c },   { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },	  { 0xfe10, 0xfe19 },
	{ 0xfe30, 0xfe6b },   { 0xff01, 0xff60 },   { 0xffe0, 0xffe6 },	  { 0x16fe0, 0x18cff },
	{ 0x1aff0, 0x1b2ff }, { 0x1f004, 0x1f004 }, { 0x1f0cf, 0x1f0cf }, { 0x1f18e, 0x1f18e },
	{ 0x1f191, 0x1f19a }, { 0x1f200, 0x1f320 }, { 0x1f32d, 0x1f64f }, { 0x1f680, 0x1f6ff },
	{ 0x1f7e0, 0x1f7eb }, { 0x1f90c, 0x1f9ff }, { 0x1fa70, 0x1faff }, { 0x20000, 0x3fffd },
};

static bool among(uint32_t c, const struct range *r, size_t n)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (c > r[mid].last)
			lo = mid + 1;
		else if (c < r[mid].first)
			hi = mid;
		else
			return true;
	}
	return false;
}

#define AMONG(c, ranges) among(c, ranges, sizeof(ranges) / sizeof *(ranges))

static size_t terminal_form(char *one, uint32_t c)
{
	if (c < 0x100)
		return (size_t)snprintf(one, ONE_MAX, "\\x%02x", (unsigned)c);
	if (c < 0x10000)
		return (size_t)snprintf(one, ONE_MAX, "\\u%04x", (unsigned)c);
	return (size_t)snprintf(one, ONE_MAX, "\\U%08x", (unsigned)c);
}

static size_t json_form(char *one, uint32_t c)
{
	if (c < 0x10000)
		return (size_t)snprintf(one, ONE_MAX, "\\u%04x", (unsigned)c);
	c -= 0x10000;
	return (size_t)snprintf(one, ONE_MAX, "\\u%04x\\u%04x", 0xd800u | (unsigned)(c >> 10),
				0xdc00u | (unsigned)(c & 0x3ff));
}

/* Written as an escape, whatever the destination (JSON chooses its own form). */
static bool unsafe(uint32_t c, unsigned run)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || AMONG(c, invisible) ||
	       run > COMBINING_RUN_MAX;
}

/* The form of one character, or of one bad byte (len 0), in one[]; returns its length. */
static size_t form(enum escape_to to, const char *s, size_t len, uint32_t c, unsigned run,
		   char *one)
{
	bool bad = len == 0;
	bool mark = bad || unsafe(c, run);
	switch (to) {
	case ESCAPE_JSON:
		if (bad)
			return json_form(one, 0xfffd);
		if (c == '"' || c == '\\') {
			one[0] = '\\';
			one[1] = (char)c;
			return 2;
		}
		if (c < 0x10000 ? mark : AMONG(c, invisible))
			return json_form(one, c);
		break;
	case ESCAPE_CSV:
		if (c == '"' && !bad) {
			one[0] = one[1] = '"';
			return 2;
		}
		if (mark)
			return terminal_form(one, c);
		break;
	case ESCAPE_FOLDED:
		if (mark || c == ';')
			return terminal_form(one, c);
		break;
	case ESCAPE_HTML:
		if (!bad && c < 0x80 && strchr("<>&\"'", (int)c) && c)
			return (size_t)snprintf(one, ONE_MAX, "&#%u;", (unsigned)c);
		/* fall through */
	case ESCAPE_UTF8:
	case ESCAPE_ASCII:
		if (c == '\\' && !bad) {
			one[0] = one[1] = '\\';
			return 2;
		}
		if (mark || (to == ESCAPE_ASCII && c > 0x7e))
			return terminal_form(one, c);
		break;
	}
	memcpy(one, s, len);
	return len;
}

static size_t escape_plain(enum escape_to to, const char *text, size_t n, char *out, size_t cap)
{
	size_t at = 0;
	unsigned run = 0;
	for (size_t i = 0; i < n;) {
		uint32_t c;
		size_t len = utf8_decode(text + i, n - i, &c);
		if (len == 0)
			c = (unsigned char)text[i];
		run = len > 1 && AMONG(c, combining) ? run + 1 : 0;
		char one[ONE_MAX];
		size_t m = form(to, text + i, len, c, run, one);
		if (at + m >= cap)
			break;
		memcpy(out + at, one, m);
		at += m;
		i += len ? len : 1;
	}
	out[at] = '\0';
	return at;
}

static bool csv_needs_quotes(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] == ',' || text[i] == '"' || text[i] == ' ' || text[i] == ';')
			return true;
	return false;
}

static size_t escape_csv(const char *text, size_t n, char *out, size_t cap)
{
	bool formula = n > 0 && strchr("=+-@", text[0]) && text[0];
	bool quotes = formula || csv_needs_quotes(text, n);
	if (!quotes)
		return escape_plain(ESCAPE_CSV, text, n, out, cap);
	if (cap < ESCAPE_AROUND + 1) {
		out[0] = '\0';
		return 0;
	}
	size_t at = 0;
	out[at++] = '"';
	if (formula)
		out[at++] = '\'';
	at += escape_plain(ESCAPE_CSV, text, n, out + at, cap - at - 1);
	out[at++] = '"';
	out[at] = '\0';
	return at;
}

size_t escape(enum escape_to to, const char *text, size_t n, char *out, size_t cap)
{
	if (to == ESCAPE_CSV)
		return escape_csv(text, n, out, cap);
	return escape_plain(to, text, n, out, cap);
}

/* Length in bytes of the unit (character or backslash escape) at s, and its columns. */
static size_t unit_at(const char *s, size_t n, size_t *ret_columns)
{
	if (s[0] == '\\' && n > 1) {
		size_t len = s[1] == 'x' ? 4 : s[1] == 'u' ? 6 : s[1] == 'U' ? 10 : 2;
		len = len > n ? n : len;
		*ret_columns = len;
		return len;
	}
	uint32_t c = 0;
	size_t len = utf8_decode(s, n, &c);
	if (len == 0) {
		*ret_columns = 1;
		return 1;
	}
	*ret_columns = len > 1 && AMONG(c, combining) ? 0 : len > 1 && AMONG(c, wide) ? 2 : 1;
	return len;
}

size_t escape_columns(const char *escaped, size_t n)
{
	size_t columns = 0, one;
	for (size_t i = 0; i < n; columns += one)
		i += unit_at(escaped + i, n - i, &one);
	return columns;
}

size_t escape_prefix(const char *escaped, size_t n, size_t columns)
{
	size_t used = 0, i = 0, one;
	while (i < n) {
		size_t len = unit_at(escaped + i, n - i, &one);
		if (used + one > columns)
			break;
		used += one;
		i += len;
	}
	return i;
}

size_t escape_suffix(const char *escaped, size_t n, size_t columns)
{
	size_t total = escape_columns(escaped, n), i = 0, one;
	while (i < n && total > columns) {
		i += unit_at(escaped + i, n - i, &one);
		total -= one;
	}
	return i;
}
