/* SPDX-License-Identifier: MIT */
/* The files of a gate: read whole, written whole or not at all, and where baselines live. */
#ifndef PYMEMPROF_CLI_CHECK_IO_H
#define PYMEMPROF_CLI_CHECK_IO_H

#include "base/buf.h"
#include "report/view/check_view.h"

#define CHECK_PATH_MAX 512
#define CHECK_REPORTS_MAX 16

/* One --report: where to. */
struct check_output {
	const struct check_view *view;
	const char *path; /* NULL: standard output */
};

/* Read a file of at most `most` bytes. Errors: SYS, DENIED with errno; CORRUPT when longer. */
int check_read(const char *path, size_t most, struct buf *ret, struct err *err) MUST_CHECK;

/* Put a whole new file (mode 0600) in the place of path. Errors: those of the system. */
int check_replace(const char *path, const struct buf *text, struct err *err) MUST_CHECK;

/* "main" → ".pymemprof/baselines/main.json"; a name with '/' or ending in .json is a path. */
int check_baseline_path(const char *name, char ret[CHECK_PATH_MAX], struct err *err) MUST_CHECK;

/* Make the folders of the default store when path lies in it. Errors: those of the system. */
int check_make_store(const char *path, struct err *err) MUST_CHECK;

/*
 * Before anything is measured. Errors: USAGE, hint "file-exists" when path names a regular file and force is
 * not given; its folder is not there or must not be written.
 */
int check_may_write(const char *path, bool force, struct err *err) MUST_CHECK;

enum check_file { CHECK_NEW, CHECK_REPLACE, CHECK_APPEND };

/*
 * Draw into a file, or a descriptor when path is NULL. Errors: those of writing; USAGE hint
 * "file-exists" when the file is to be NEW and is not.
 */
int check_draw(const struct check_view *v, const struct check_report *r, const char *path, int fd,
	       enum check_file how, struct err *err) MUST_CHECK;

#endif
