/* SPDX-License-Identifier: MIT */
/*
 * From a recording in memory to bytes in a file or on standard output. Shared by the commands
 * that end in a report.
 */
#ifndef PYMEMPROF_CLI_DRAW_H
#define PYMEMPROF_CLI_DRAW_H

#include "cli/command.h"
#include "report/view/view.h"

struct draw_wish {
	const struct cli *cli;
	const struct view *view;
	struct view_options options; /* question, metric, top, file; the rest is filled in */
	const char *path;	     /* NULL or "-": standard output */
	bool force;
	bool to_error; /* standard error instead of standard output */
	const char *source; /* the recording's file, carried in a page when it fits; NULL: none */
};

/*
 * The view called name, to be written to path, or to fd without one. Errors: USAGE: there is none of
 * that name, or it is no text and fd is a terminal.
 */
int draw_format(const char *name, const char *path, int fd, const struct view **ret, struct err *err) MUST_CHECK;

/*
 * Conclude the recording and draw it. Returns the exit status: STATUS_FINE, or
 * STATUS_INCOMPLETE when data is missing from the recording. A file is created with mode 0600
 * and never replaces another one unless forced.
 * Errors: USAGE (exists, hint "file-exists"), those of views and of writing.
 */
int draw_recording(struct recording *r, const struct draw_wish *wish, struct err *err) MUST_CHECK;

/*
 * The HTML page of --html into path. draw_page_check says before any work is done what is known to
 * fail: the file exists already, its folder does not, or neither may be written. It makes nothing. Of
 * like, the cli and the source count. path NULL: nothing. Errors: those of draw_recording.
 */
int draw_page_check(const char *path, bool force, struct err *err) MUST_CHECK;
int draw_page(struct recording *r, const struct draw_wish *like, const char *path, bool force,
	      struct err *err) MUST_CHECK;

/*
 * The -o of a command that records keeps the recording: a name that says page or table was meant for something
 * else. path may be NULL. Errors: USAGE.
 */
int draw_keep_check(const char *path, struct err *err) MUST_CHECK;

/*
 * A new file for output, mode 0600; an existing regular one is replaced when forced only.
 * Errors: USAGE (exists, hint "file-exists"), SYS, DENIED (hint "cannot-create").
 */
int draw_open(const char *path, bool force, int *ret_fd, struct err *err) MUST_CHECK;

/* What is missing from an incomplete recording, on standard error: not every format has a place for it. */
void draw_tell_missing(const struct cli *cli, const char *file, const struct recording *r);

/* STATUS_FINE or STATUS_INCOMPLETE, from the end and the notes of a recording. */
int draw_status(const struct recording *r);

#endif
