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

/* A stack as a gate speaks of it. */
struct check_where {
	struct stack_text frame;  /* innermost of the program's own code, else of any */
	struct stack_text caller; /* the next function of own code, if has_caller */
	bool has_caller, importing;
};

/* False: a stack without frames. */
bool check_place_of(const struct stacks *s, uint32_t stack, struct check_where *ret);

bool check_suppressed(const struct check_question *q, const struct check_rule *rule,
		      const struct check_site *site, bool count);

/* Order of sites: by file, then function. */
int check_by_site(const void *a, const void *b);

/* Sites by what they have more than in the baseline; without one, by what they have. */
void check_find_culprits(const struct check_question *q, struct check_finding *f);

/* Add the tests of one run. */
int check_tests_add(struct check_figures *f, const struct recording *r, const char *root,
		    struct err *err) MUST_CHECK;

#endif
