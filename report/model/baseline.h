/* SPDX-License-Identifier: MIT */
/*
 * The two files of a gate that live beside the code and are reviewed like code: baselines
 * (figures of an earlier run, schema pymemprof-baseline/1) and budgets (rules and
 * suppressions, schema pymemprof-budget/1). Text in, structs out and back; opens no files.
 * Both are documented in pymemprof-check(1).
 */
#ifndef PYMEMPROF_REPORT_MODEL_BASELINE_H
#define PYMEMPROF_REPORT_MODEL_BASELINE_H

#include "base/buf.h"
#include "report/model/check.h"

#define BASELINE_SCHEMA "pymemprof-baseline/1"
#define BUDGET_SCHEMA "pymemprof-budget/1"
#define BASELINE_SITES_MAX 200
#define BASELINE_PARTS_MAX 12 /* of a site */
#define BASELINE_TESTS_MAX 20000
#define BASELINE_BYTES_MAX ((size_t)4 << 20) /* longer files are refused */

/*
 * Read hostile text. Errors: UNSUPPORTED hint "baseline" (another schema); CORRUPT hint
 * "baseline" saying where; NOMEM. *ret is released by check_figures_deinit.
 */
int baseline_parse(const char *text, size_t n, struct check_figures *ret,
		   struct err *err) MUST_CHECK;

/*
 * Append the JSON of figures: one run value list per metric, one site per line by name, so
 * that a diff shows what changed. Only sites with at least 1/1000 of a metric are kept, and at
 * most BASELINE_SITES_MAX; one test per line. Errors: NOMEM.
 */
int baseline_print(const struct check_figures *f, struct buf *out, struct err *err) MUST_CHECK;

/* Of figures that were read: a site that is not in them had less than this share of every metric. */
double baseline_least_share(const struct check_figures *f);

struct budget {
	struct arena arena;
	struct VEC(struct check_rule) rules;
	struct VEC(struct check_suppression) suppressions;
	const char *baseline;	/* NULL: none named */
	const char *min_delta;	/* NULL: not given */
	uint64_t repeat, warmup; /* 0: not given */
};

void budget_deinit(struct budget *b); /* accepts NULL and zeroed; zeroed is empty */

/*
 * Add what a budget file says. today is "2026-11-21": suppressions until an earlier day have
 * expired. Errors: USAGE naming the member; NOMEM.
 */
int budget_parse(struct budget *b, const char *text, size_t n, const char *today,
		 struct err *err) MUST_CHECK;

/*
 * Add suppressions, one a line: METRIC PATTERN [until DATE] -- REASON. Lines that are empty or
 * begin with # mean nothing. Errors: USAGE naming the line; NOMEM.
 */
int budget_parse_suppressions(struct budget *b, const char *text, size_t n, const char *today,
			      struct err *err) MUST_CHECK;

#endif
