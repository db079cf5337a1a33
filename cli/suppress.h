/* SPDX-License-Identifier: MIT */
/*
 * Suspects the user has explained: the file of --suppressions, the same for reports and for
 * check, into the model before it concludes.
 */
#ifndef PYMEMPROF_CLI_SUPPRESS_H
#define PYMEMPROF_CLI_SUPPRESS_H

#include "report/model/recording.h"

/*
 * Read path (NULL: nothing to do) into r->leaks. Of its lines METRIC PATTERN [until DATE] --
 * REASON those count whose METRIC is leak, type:NAME or *; an expired one becomes a note of r.
 * Errors: USAGE (unreadable, or a line that makes no sense), NOMEM.
 */
int suppress_read(struct recording *r, const char *path, struct err *err) MUST_CHECK;

#endif
