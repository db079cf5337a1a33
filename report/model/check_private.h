/* SPDX-License-Identifier: MIT */
/* What the files of the judgement share: check.c judges figures, check_tests.c those of tests. */
#ifndef PYMEMPROF_REPORT_MODEL_CHECK_PRIVATE_H
#define PYMEMPROF_REPORT_MODEL_CHECK_PRIVATE_H

#include "report/model/check.h"

struct check_compared {
	const struct check_series *now, *base; /* base NULL: there is none */
	double off_now, off_base;	       /* what suppressions take off */
};

/* Fill in everything of *f (whose rule is set) but its name and its culprits. */
void check_judge_one(const struct check_question *q, const struct check_compared *c,
		     struct check_finding *f);

/* One finding for each test that is told, one for the rest. */
int check_judge_tests(const struct check_question *q, const struct check_rule *rule,
		      struct check_answer *ret, struct err *err) MUST_CHECK;

/* Innermost frame of the program's own code, else of any; false: a stack without frames. */
bool check_place_of(const struct stacks *s, uint32_t stack, struct stack_text *ret,
		    bool *ret_importing);

/* Add the tests of one run. */
int check_tests_add(struct check_figures *f, const struct recording *r, const char *root,
		    struct err *err) MUST_CHECK;

#endif
