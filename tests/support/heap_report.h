/* SPDX-License-Identifier: MIT */
/*
 * What the suites of snapshots share. Everything ends the test by itself when it fails; `who` is
 * for its messages.
 */
#ifndef PYMEMPROF_TESTS_SUPPORT_HEAP_REPORT_H
#define PYMEMPROF_TESTS_SUPPORT_HEAP_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tests/support/target.h"

#define TIME_MS 60000

/* Every interpreter; skips the test when there is none. Borrowed. */
size_t all_pythons(struct python **ret);
/* PYMEMPROF_CYCLES, or the usual number. */
int cycles_wanted(int usual);

/* targets/snapshot.py with these words, at rest. */
void spawn(struct target *t, const struct python *py, const char *const *args);
const char *pid_word(const struct target *t); /* static storage */

/* pymemprof snapshot WORD [more] --format json; the caller owns the report. */
json_t *snapshot(const char *who, const char *word, const char *more);

/* gcore PID into STEM.PID; false where there is no gcore. */
bool run_gcore(pid_t pid, const char *stem);

json_int_t number(const json_t *object, const char *key);
const char *text_of(const json_t *object, const char *key);
bool has_note(const json_t *report, const char *code);
/* Sum of the ledger's lines of depth 0 with this code; NULL: all. */
json_int_t ledger(const json_t *report, const char *code);

/* "module.name count total" of all types, sorted, as one text; addresses are left out. */
char *types_text(const json_t *report);
void expect_same_types(const json_t *a, const json_t *b, const char *who, const char *what);

/* The parts of the heap and of each type add up; nothing is torn. */
void check_parts(const json_t *report, const char *who);

long long smaps_rss(pid_t pid);
int children_of(pid_t pid);
/* Lines of the file an "append" target writes which are not its own process id. */
size_t foreign_lines(const char *path, pid_t pid);
/* No signal, no tracer, no child left. */
void check_unharmed(struct target *t, const char *who);

#endif
