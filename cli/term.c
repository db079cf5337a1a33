/* SPDX-License-Identifier: MIT */
/*
 * Rules: no-color.org for NO_COLOR, bixense.com/clicolors for CLICOLOR_FORCE; UTF-8 only
 * when the locale says so; a width that was not told is 80.
 */
#include "cli/term.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_UNKNOWN 80

static bool set(const char *name)
{
	const char *v = getenv(name);
	return v && *v;
}

static unsigned find_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	if (columns && *columns) {
		long v = strtol(columns, NULL, 10);
		if (v > 0 && v < 10000)
			return (unsigned)v;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return WIDTH_UNKNOWN;
}

static bool find_colour(enum term_colour wish)
{
	const char *name = getenv("TERM");
	const char *force = getenv("CLICOLOR_FORCE");
	switch (wish) {
	case TERM_COLOUR_ALWAYS:
		return true;
	case TERM_COLOUR_NEVER:
		return false;
	case TERM_COLOUR_AUTO:
		break;
	}
	if (set("NO_COLOR"))
		return false;
	if (force && *force && strcmp(force, "0") != 0)
		return true;
	return isatty(STDOUT_FILENO) && name && *name && strcmp(name, "dumb") != 0;
}

void term_find(struct term *t, enum term_colour colour)
{
	setlocale(LC_CTYPE, "");
	t->width = find_width();
	t->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	t->colour = find_colour(colour);
	t->error_is_tty = isatty(STDERR_FILENO);
}
