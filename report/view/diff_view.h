/* SPDX-License-Identifier: MIT */
/*
 * A view of a comparison: bytes of one format. As view.h, for struct diff.
 */
#ifndef PYMEMPROF_REPORT_VIEW_DIFF_VIEW_H
#define PYMEMPROF_REPORT_VIEW_DIFF_VIEW_H

#include "report/model/diff.h"
#include "report/view/out.h"

#define DIFF_ALL ((1u << DIFF_BYS) - 1)

struct diff_options {
	unsigned by;	/* bit per enum diff_by; DIFF_ALL */
	size_t top;	/* rows of one table; 0: the view's own choice */
	unsigned width; /* columns */
	bool utf8, colour;
	uint64_t min_delta_bytes; /* what --exit-code asks for */
	const char *names[DIFF_FILES_MAX]; /* of the files, as they were given */
};

struct diff_view {
	const char *name; /* as in --format */
	/* Errors: NOMEM, and those of out_check. The caller flushes. */
	int (*draw)(const struct diff *d, const struct diff_options *o, struct out *out,
		    struct err *err);
};

extern const struct diff_view diff_text, diff_json, diff_csv, diff_html;

/* NULL when there is no such view. */
const struct diff_view *diff_view_find(const char *name);

#endif
