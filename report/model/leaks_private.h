/* SPDX-License-Identifier: MIT */
/*
 * What the files of leaks share: leaks.c makes rows of what was judged and joined,
 * leaks_merge.c finds which of them are one leak, leaks_words.c says so.
 */
#ifndef PYMEMPROF_REPORT_MODEL_LEAKS_PRIVATE_H
#define PYMEMPROF_REPORT_MODEL_LEAKS_PRIVATE_H

#include "report/model/leaks.h"
#include "report/model/recording.h"

/* The frame a stack is blamed on: the innermost that is no library's, else the innermost. */
uint32_t leaks_blamed(const struct stacks *s, uint32_t stack);

/* Fill in blamed, caller and by_library from the row's stack. */
void leaks_place(const struct stacks *s, struct leak *row);

/* Set put of every row. Errors: NOMEM. */
int leaks_put(struct leaks *l, const struct recording *r, struct err *err) MUST_CHECK;

/* Of merged rows: set place, and blamed when another line than their own is the one to believe. */
void leaks_believe(struct leaks *l, const struct recording *r);

/* Are two frames of one function, whatever their lines? Neither is STACKS_NONE. */
bool leaks_one_function(const struct stacks *s, uint32_t a, uint32_t b);

/* Is a file of the standard library, of an installed package, or of the interpreter itself? */
bool leaks_library(const char *file);

/* Set lead of every row. Errors: NOMEM. */
int leaks_merge(struct leaks *l, const struct recording *r, struct err *err) MUST_CHECK;

/*
 * Acquit or suppress, from what is known of a row; sets state and reason. A row is judged
 * before it is merged. Errors: NOMEM.
 */
int leaks_judge(struct leaks *l, const struct recording *r, struct leak *row,
		struct err *err) MUST_CHECK;

/* Did these come evenly over the time, and stay? Of what is replaced, hardly any is old. */
bool leaks_steady(uint64_t objects, uint64_t early);

/* Fill in sentence, why and unless. Errors: NOMEM. */
int leaks_say(struct leaks *l, const struct recording *r, struct leak *row,
	      struct err *err) MUST_CHECK;

/* Does path a lead to b: is b the same or something held by it? */
bool leaks_path_within(const char *outer, const char *inner);

#endif
