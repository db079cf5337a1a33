/* SPDX-License-Identifier: MIT */
/*
 * The tests of a pytest run: what each made, kept and needed at most, and where it is written.
 * Rows are as the tracer pushed them, copied; the place of a test's function is found among
 * the frames of all stacks by the file and the name its id begins and ends with.
 */
#ifndef PYMEMPROF_REPORT_MODEL_CASES_H
#define PYMEMPROF_REPORT_MODEL_CASES_H

#include "base/arena.h"
#include "base/vec.h"
#include "report/model/stacks.h"
#include "report/model/table.h"
#include "tracer/facts.h"

struct test_case {
	struct fact_test fact;	/* its id lies in the arena */
	const char *file;	/* as in the stacks; else the id's, in the arena */
	const char *function;	/* without class and parameters */
	uint32_t line;		/* where it begins; 0: it is in no stack */
};

struct cases {
	struct arena arena;
	struct VEC(struct test_case) rows; /* in the order they first ran */
};

void cases_deinit(struct cases *c); /* accepts NULL and zeroed; zeroed is empty and usable */

/* Errors: NOMEM. */
int cases_add(struct cases *c, const struct fact_test *f, struct err *err) MUST_CHECK;

/* After the last fact: fill in the places. Errors: NOMEM. */
int cases_locate(struct cases *c, const struct stacks *s, struct err *err) MUST_CHECK;

enum cases_order { CASES_PEAK, CASES_KEPT, CASES_ALLOCATED };

/* Row numbers by falling figure, ties by number. malloc'ed. Errors: NOMEM. */
int cases_sorted(const struct cases *c, enum cases_order by, uint32_t **ret,
		 struct err *err) MUST_CHECK;

/* Largest first; top 0: all. Strings are borrowed from c. The caller calls table_deinit. */
int cases_table(const struct cases *c, enum cases_order by, size_t top, struct table *ret,
		struct err *err) MUST_CHECK;

#endif
