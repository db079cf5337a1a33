/* SPDX-License-Identifier: MIT */
/*
 * The only place where text of the target (function names, file names, thread names, the
 * executable's name) becomes terminal, JSON, CSV, HTML or folded text. Its promise: whatever
 * bytes come in, what goes out is valid UTF-8 (or ASCII), cannot move a cursor, change a
 * colour, reorder a line, end a quoted string, open an element or start a formula in a spreadsheet.
 */
#ifndef PYMEMPROF_REPORT_VIEW_ESCAPE_H
#define PYMEMPROF_REPORT_VIEW_ESCAPE_H

#include <stddef.h>

enum escape_to {
	ESCAPE_UTF8,   /* a terminal or file that shows UTF-8 */
	ESCAPE_ASCII,  /* one that does not: everything above 0x7e is written as an escape */
	ESCAPE_JSON,   /* the inside of a JSON string; the quotes are the caller's */
	ESCAPE_CSV,    /* one whole CSV field, quotes included where they are needed */
	ESCAPE_HTML,   /* text of an element, or inside a quoted attribute */
	ESCAPE_FOLDED, /* one frame of a folded stack: no ';', no line break */
};

/* Longest output for one input byte, and what a CSV field may add around it. */
#define ESCAPE_GROWTH 6
#define ESCAPE_AROUND 3

/*
 * Escape n bytes of text into out (cap bytes; at least 1). Returns the bytes written, not
 * counting the NUL that always ends them. Stops before an escape that would not fit whole;
 * a buffer of n * ESCAPE_GROWTH + ESCAPE_AROUND + 1 bytes always suffices.
 *
 * Terminal forms: control characters and bytes that are not UTF-8 become \xNN; bidirectional
 * controls, invisible format characters, line separators and (in ASCII) everything else
 * become \uNNNN or \UNNNNNNNN; a backslash becomes two. JSON: what JSON asks for, the same
 * invisible characters as \uNNNN, a bad byte as \ufffd. A run of more than four combining
 * marks is cut by escaping the fifth and later ones. HTML: the terminal form in UTF-8, with
 * < > & and both quotes as character references.
 */
size_t escape(enum escape_to to, const char *text, size_t n, char *out, size_t cap);

/*
 * Columns a terminal needs for n bytes of already escaped text (ESCAPE_UTF8 or ESCAPE_ASCII):
 * 2 for East Asian wide characters, 0 for combining marks, 1 for the rest. Knows no locale.
 */
size_t escape_columns(const char *escaped, size_t n);

/*
 * Bytes of the longest prefix of escaped text that fits into `columns`; never splits a
 * character or one of the escapes above. escape_suffix: the same from the end, returning the
 * offset at which the suffix starts.
 */
size_t escape_prefix(const char *escaped, size_t n, size_t columns);
size_t escape_suffix(const char *escaped, size_t n, size_t columns);

#endif
