/* SPDX-License-Identifier: MIT */
/*
 * Figures in columns of a few characters: "812.0M", "+4.1K", "41200". Or exact, to the byte,
 * when the user wants to compare. Every function writes into the caller's buffer and returns it.
 */
#ifndef PYMEMPROF_REPORT_TUI_FIGURES_H
#define PYMEMPROF_REPORT_TUI_FIGURES_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "report/view/units.h"

enum tui_figure {
	TUI_BYTES,	 /* "812.0M", at most six columns */
	TUI_BYTES_DELTA, /* "+22.4M" */
	TUI_BYTES_RATE,	 /* "+0.19M": of a second */
	TUI_COUNT,	 /* "41200", "12.3M" from ten million on: powers of 1000 */
	TUI_COUNT_DELTA, /* "+2880" */
	TUI_COUNT_RATE,
	TUI_PERCENT,	 /* "50.5" */
	TUI_ORDER,	 /* "1"; "" for 0 */
};

/* NAN is "?". exact: bytes and counts to the last digit. */
const char *tui_figure(struct units *buf, enum tui_figure figure, double v, bool exact);

/* Columns such a figure needs at most. */
unsigned tui_figure_width(enum tui_figure figure, bool exact);

/* Values over [0, top], a character each; ASCII unless utf8. out has 4 bytes for each and one more. */
const char *tui_spark(const uint64_t *values, size_t n, uint64_t top, bool utf8, char *out);

/* "12:03:09" UTC; "?" when not known. Returns ret. */
#define TUI_CLOCK_MAX 16
const char *tui_clock(uint64_t unix_ns, char ret[TUI_CLOCK_MAX]);

#endif
