/* SPDX-License-Identifier: MIT */
/*
 * How an error ends: its exit status and the one sentence that helps. The keys of hints are
 * set where errors arise; the sentences exist here and in the manual's DIAGNOSTICS.
 */
#ifndef PYMEMPROF_CLI_OUTCOME_H
#define PYMEMPROF_CLI_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Exit status of an error code (enum status). */
int outcome_status(int code);

/* The sentence of a hint key; NULL when there is none (or key is NULL). */
const char *outcome_hint(const char *key);

/* The keys in order, for tests and the manual; NULL after the last. */
const char *outcome_key(size_t i);

/* One line, "pymemprof: what: why", and at most one hint, on standard error. */
void outcome_print(const struct err *err, bool hints);

#endif
