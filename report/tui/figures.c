/* SPDX-License-Identifier: MIT */
/* Powers of 1024 for bytes, of 1000 for counts; three digits and a letter. */
#include "report/tui/figures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char letters[] = " KMGTPE";

static void scaled(struct units *buf, double v, const char *sign, double base, int small)
{
	size_t u = 0;

	while (u + 2 < sizeof letters && (u == 0 ? v >= 999.5 : v >= 999.95)) {
		v /= base;
		u++;
	}
	if (u == 0)
		snprintf(buf->text, sizeof buf->text, "%s%.0f", sign, v);
	else if (u == 1 && v >= 9.95)
		snprintf(buf->text, sizeof buf->text, "%s%.0f%c", sign, v, letters[u]);
	else
		snprintf(buf->text, sizeof buf->text, "%s%.*f%c", sign, v < 9.995 ? small : 1, v,
			 letters[u]);
}

static const char *signed_figure(struct units *buf, enum tui_figure figure, double v, bool exact)
{
	const char *sign = v >= 0.5 ? "+" : v <= -0.5 ? "-" : "";
	double size = *sign ? fabs(v) : 0;

	if (exact)
		snprintf(buf->text, sizeof buf->text, "%s%.0f", sign, size);
	else if (figure == TUI_COUNT_DELTA || figure == TUI_COUNT_RATE)
		(void)(size < 1e7 ? snprintf(buf->text, sizeof buf->text, "%s%.0f", sign, size) :
				    (scaled(buf, size, sign, 1000, 1), 0));
	else
		scaled(buf, size, sign, 1024, figure == TUI_BYTES_RATE ? 2 : 1);
	return buf->text;
}

const char *tui_figure(struct units *buf, enum tui_figure figure, double v, bool exact)
{
	if (isnan(v)) {
		snprintf(buf->text, sizeof buf->text, "%s", figure == TUI_ORDER ? "" : "?");
		return buf->text;
	}
	if (v > 1e18)
		v = 1e18;
	switch (figure) {
	case TUI_BYTES:
		if (exact)
			snprintf(buf->text, sizeof buf->text, "%.0f", v);
		else
			scaled(buf, v, "", 1024, 1);
		return buf->text;
	case TUI_COUNT:
		if (exact || v < 1e7)
			snprintf(buf->text, sizeof buf->text, "%.0f", v);
		else
			scaled(buf, v, "", 1000, 1);
		return buf->text;
	case TUI_BYTES_DELTA:
	case TUI_BYTES_RATE:
	case TUI_COUNT_DELTA:
	case TUI_COUNT_RATE:
		return signed_figure(buf, figure, v, exact);
	case TUI_PERCENT:
		snprintf(buf->text, sizeof buf->text, "%.1f", v);
		return buf->text;
	case TUI_ORDER:
		break;
	}
	if (v > 0)
		snprintf(buf->text, sizeof buf->text, "%.0f", v);
	else
		buf->text[0] = '\0';
	return buf->text;
}

unsigned tui_figure_width(enum tui_figure figure, bool exact)
{
	switch (figure) {
	case TUI_BYTES:
	case TUI_BYTES_DELTA:
		return exact ? 14 : 8;
	case TUI_BYTES_RATE:
		return exact ? 12 : 8;
	case TUI_COUNT:
	case TUI_COUNT_DELTA:
		return exact ? 11 : 8;
	case TUI_COUNT_RATE:
		return 8;
	case TUI_PERCENT:
		return 5;
	case TUI_ORDER:
		break;
	}
	return 2;
}

const char *tui_spark(const uint64_t *values, size_t n, uint64_t top, bool utf8, char *out)
{
	static const char plain[] = "_.-=*#";
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		double share = top ? (double)values[i] / (double)top : 0;
		if (share > 1)
			share = 1;
		if (utf8) { /* U+2581 … U+2588 */
			out[at++] = (char)0xe2;
			out[at++] = (char)0x96;
			out[at++] = (char)(0x81 + (int)(share * 7.0));
		} else {
			out[at++] = plain[(size_t)(share * 5.0)];
		}
	}
	out[at] = '\0';
	return out;
}

const char *tui_clock(uint64_t unix_ns, char ret[TUI_CLOCK_MAX])
{
	time_t at = (time_t)(unix_ns / 1000000000);
	struct tm tm;

	snprintf(ret, TUI_CLOCK_MAX, "?");
	if (unix_ns && gmtime_r(&at, &tm))
		strftime(ret, TUI_CLOCK_MAX, "%H:%M:%S", &tm);
	return ret;
}
