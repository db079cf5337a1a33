/* SPDX-License-Identifier: MIT */
/* What the files of the comparison share. */
#ifndef PYMEMPROF_REPORT_MODEL_DIFF_PRIVATE_H
#define PYMEMPROF_REPORT_MODEL_DIFF_PRIVATE_H

#include "report/model/diff.h"

#define DIFF_KEY_FRAMES_MAX 64 /* innermost frames of a stack that make its key */

/*
 * Rows that changed and would look alike get longer names: sites the first caller, or function within, that is
 * not the same; holders their path. Errors: NOMEM.
 */
int diff_tell_apart(struct diff *d, enum diff_by by, struct err *err) MUST_CHECK;

#endif
