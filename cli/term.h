/* SPDX-License-Identifier: MIT */
/*
 * What standard output and standard error can show: width, UTF-8, colour.
 */
#ifndef PYMEMPROF_CLI_TERM_H
#define PYMEMPROF_CLI_TERM_H

#include <stdbool.h>

enum term_colour { TERM_COLOUR_AUTO, TERM_COLOUR_ALWAYS, TERM_COLOUR_NEVER };

struct term {
	unsigned width; /* of a report, in columns: of standard output, or 80 */
	bool utf8;
	bool colour;	   /* of standard output */
	bool error_is_tty; /* progress may rewrite its line */
};

/*
 * Ask the environment (LC_ALL …, COLUMNS, TERM, NO_COLOR, CLICOLOR_FORCE) and the terminal.
 * Sets the locale of character types, nothing else.
 */
void term_find(struct term *t, enum term_colour colour);

#endif
