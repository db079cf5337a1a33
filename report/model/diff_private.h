/* SPDX-License-Identifier: MIT */
/* What the files of the comparison share. */
#ifndef PYMEMPROF_REPORT_MODEL_DIFF_PRIVATE_H
#define PYMEMPROF_REPORT_MODEL_DIFF_PRIVATE_H

#include "report/model/diff.h"

/* What the rows of one type tell of its objects in each file. */
struct diff_told {
	uint64_t count[DIFF_FILES_MAX];
	size_t rows[DIFF_FILES_MAX];
};

/*
 * A row by holder that a file lacks: is none there, or is it one of those a snapshot does not tell? Told are
 * the six largest patterns of a type, of a 50th of its objects at least (tracer/heap/held.c). `type` is the
 * type's own row, `told` its sums.
 */
void diff_bound(struct diff_row *row, const struct diff_row *type, const struct diff_told *told,
		size_t nfiles);

#define DIFF_KEY_FRAMES_MAX 64 /* innermost frames of a stack that make its key */

/*
 * Rows that changed and would look alike get longer names: sites the first caller, or function within, that is
 * not the same; holders their path. Errors: NOMEM.
 */
int diff_tell_apart(struct diff *d, enum diff_by by, struct err *err) MUST_CHECK;

#endif
