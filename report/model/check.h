/* SPDX-License-Identifier: MIT */
/*
 * Is this run worse than it may be? Figures of measured runs and of a baseline have one shape;
 * rules compare them; what came out is a finding per rule with the sites that make up the
 * difference. Pure: knows no file, no clock and no process.
 *
 * Figures count what was made under a Python frame. What the interpreter makes outside any
 * (its start, its end) depends on the environment and is the same before and after a change.
 */
#ifndef PYMEMPROF_REPORT_MODEL_CHECK_H
#define PYMEMPROF_REPORT_MODEL_CHECK_H

#include "base/arena.h"
#include "base/vec.h"
#include "report/model/recording.h"

/* Those that repeat exactly come first. The first CHECK_SITE_KINDS are sums over sites. */
enum check_kind {
	CHECK_ALLOC_BYTES,
	CHECK_ALLOCS,
	CHECK_PEAK,
	CHECK_LIVE,
	CHECK_LEAKED,
	CHECK_LEAK_RATE, /* bytes per second, or per iteration */
	CHECK_RSS_PEAK,
	CHECK_FRAG, /* share, 0…1; needs a snapshot */
	CHECK_TYPE, /* objects of one type; needs a snapshot */
	CHECK_RETAINED, /* bytes that would go with all objects of a type; needs a snapshot */
	CHECK_TEST, /* a figure of each test whose id matches: what `of` says */
};
#define CHECK_KINDS 11
#define CHECK_SITE_KINDS 5
#define CHECK_NAME_MAX 160
#define CHECK_TESTS_SHOWN 100 /* findings of tests a rule may add; the others are counted */
#define CHECK_RUNS_MAX 100

struct check_metric {
	enum check_kind kind;
	enum check_kind of; /* what its values are: kind itself, or of a test PEAK, LEAKED … */
	char name[CHECK_NAME_MAX]; /* "peak", "type:Session", "test:a.py::*:peak" */
};

/* Errors: USAGE, with the list of names. */
int check_metric_parse(const char *text, size_t n, struct check_metric *ret,
		       struct err *err) MUST_CHECK;

enum check_option { CHECK_OPTION_MAX, CHECK_OPTION_MAX_INCREASE, CHECK_OPTION_WARN };

struct check_rule {
	struct check_metric metric;
	bool increase; /* over the baseline; else a limit */
	bool relative; /* limit is a share of the baseline */
	bool warn;     /* tell, do not fail */
	double limit;
	char text[32]; /* as it was written: "5%", "64MiB" */
};

/* "peak=64MiB", "peak=5%"; warn: "peak=64MiB" is a limit, "peak=5%" and "peak=+1MiB" are increases. */
int check_rule_parse(enum check_option option, const char *text, struct check_rule *ret,
		     struct err *err) MUST_CHECK;

/* "65536", "64KiB", "1MB" as on the command line. False: it is no size. */
bool check_size_parse(const char *text, double *ret);

struct check_site {
	const char *file, *function; /* in the arena of the figures; see check_file_name */
	uint32_t line;
	double value[CHECK_SITE_KINDS];
	uint32_t part, nparts; /* in parts of the figures */
};

/* What one line of a site has when one function of own code calls it. */
struct check_part {
	const char *file, *caller; /* "": nobody in own code */
	uint32_t caller_line;	   /* 0: not known */
	uint32_t line;
	double value[CHECK_SITE_KINDS];
};

/* What made up one run of several. */
struct check_run_sites {
	double peak;
	struct VEC(struct check_site) sites;
	struct VEC(struct check_part) parts;
};

struct check_place {
	const char *file, *function; /* in the arena of the figures */
	uint32_t line;
	double value;
};

#define CHECK_PLACES 5

struct check_series {
	struct check_metric metric;
	struct VEC(double) runs;
	double noise; /* known beyond the spread of the runs: half a confidence interval */
};

/* Why a metric was not measured. */
#define CHECK_NOTHING_RECORDED "nothing was recorded"
#define CHECK_TOO_SHORT "the recording is too short to tell"

/* The figures of a test that a rule may be about, in this order. */
enum check_test_figure { CHECK_TEST_PEAK, CHECK_TEST_LEAKED, CHECK_TEST_ALLOC_BYTES, CHECK_TEST_ALLOCS };
#define CHECK_TEST_FIGURES 4

struct check_test {
	const char *id;
	struct check_place own; /* its function */
	struct check_series figure[CHECK_TEST_FIGURES];
	struct check_place places[2][CHECK_PLACES]; /* of the peak, of what leaked */
	size_t nplaces[2];
};

/* A type, or a holder by the expression that leads to it, in a snapshot. */
struct check_share {
	const char *name;
	double bytes; /* of a type its objects and buffers; of a holder what it retains */
	double count; /* of a type */
	bool parts;   /* of a holder: what it holds is held by no single one below it */
};

#define CHECK_SHARES_MAX 100 /* kept of each */

struct check_figures {
	struct arena arena;
	bool attached; /* the program ran already: a snapshot has what was there before the recording, too */
	char python[32], implementation[32], arch[32], hash_seed[32];
	uint32_t word_bytes;
	struct VEC(struct check_series) series;
	struct VEC(struct check_site) sites; /* by file, then function */
	struct VEC(struct check_part) parts; /* by site, line and caller */
	bool cut; /* a run has no end: its peak and what it allocated are at least as told */
	const char *unknown[CHECK_KINDS]; /* by metric: why a run has no figure; NULL: it has, or need not have one */
	double peak_most; /* 0: peaks are as told; else they are at least so, and at most this */
	double sites_peak; /* of the run they are of: that with the middle peak; the others wait */
	struct VEC(struct check_run_sites) other_runs;
	struct VEC(struct check_test) tests; /* by id */
	/* Of the newest snapshot, largest first; empty without one. */
	struct VEC(struct check_share) types, holders;
};

void check_figures_deinit(struct check_figures *f); /* accepts NULL and zeroed; zeroed is empty */

/* The series of a metric, made when there is none; NULL: no memory. find: NULL when there is none. */
struct check_series *check_series_of(struct check_figures *f, const struct check_metric *metric);
const struct check_series *check_series_find(const struct check_figures *f, const char *name);
double check_median(const struct check_series *s);

/*
 * Add one run. `root` is the folder names of files are relative to ("" : none). Series of frag
 * and types are made for the rules that ask. Sites are those of the run with the middle peak. Errors: NOMEM;
 * USAGE when a rule asks for what the recording does not hold.
 */
int check_figures_add(struct check_figures *f, const struct recording *r, const char *root,
		      const struct check_rule *rules, size_t nrules, struct err *err) MUST_CHECK;

/* Types and holders of the newest snapshot of r; none: nothing is changed. Errors: NOMEM. */
int check_shares_add(struct check_figures *f, const struct recording *r, struct err *err) MUST_CHECK;

/* Bytes that would go with all objects of the type so called ("module.Name"). */
double check_retained(const struct heap_model *m, const char *type);

/* Value of one metric that is a sum over sites, from figures of one recording already added. */
double check_last(const struct check_figures *f, const char *name);

struct check_slope {
	double slope, half_width; /* 95 % confidence: slope ± half_width */
};

/* Least squares of y on x; n at least 3 and x not all the same, else zeroes. */
struct check_slope check_regress(const double *x, const double *y, size_t n);

/*
 * Is `now` more than `allowed` above `base`, beyond what chance does? From four runs on both
 * sides: one-sided Mann–Whitney test, 5 %. With fewer: every run above every run.
 */
bool check_proven(const double *now, size_t nnow, const double *base, size_t nbase,
		  double allowed);

struct check_suppression {
	const char *metric; /* a name, "*", or of tests "test:peak" and the like */
	const char *site;   /* shell pattern on "file:function", of tests on their ids */
	const char *reason, *until; /* until: "2027-01-31" or NULL */
	bool expired;
	unsigned used; /* sites it took out */
};

enum check_verdict {
	CHECK_FINE,
	CHECK_IMPROVED,
	CHECK_SMALL,	  /* above the tolerance, below --min-delta */
	CHECK_NOT_PROVEN, /* above the tolerance, within the noise; or not above what is known at least */
	CHECK_NO_BASE,	  /* nothing to compare with, and that was allowed */
	CHECK_NOT_MEASURED, /* now is NAN: the recording does not tell */
	CHECK_WARNED,
	CHECK_FAILED,
};

#define CHECK_CULPRITS 5       /* of sites */
#define CHECK_SHARE_CULPRITS 3 /* of types, and of holders */

enum check_what { CHECK_SITE, CHECK_OF_TYPE, CHECK_HOLDER };

struct check_culprit {
	const char *file, *function; /* of types and holders file is "" and function the name */
	uint32_t line;
	double base, now; /* of the whole function, */
	double line_base, line_now; /* and of that line alone; zeroes: not known */
	bool alone; /* nothing to compare it with: what it has, not what it grew by */
	enum check_what what;
	/* Of a site that several functions call: the one for which it makes most of the difference. */
	const char *caller_file, *caller; /* NULL: none is told */
	uint32_t caller_line;
	double caller_base, caller_now;
};

struct check_finding {
	const struct check_rule *rule;
	const char *name;     /* of the metric; of a test's "test:tests/test_a.py::test_b:peak" */
	enum check_kind kind; /* what the figures are */
	const char *each;     /* of a rate: "/s", "/iteration"; else NULL */
	unsigned alike;	      /* tests for which this one, the worst of them, stands; else 0 */
	enum check_verdict verdict;
	bool have_base;
	bool at_least; /* now may be more: the recording has no end, or does not tell the peak of what is counted */
	const char *unknown; /* why it was not measured; else NULL */
	double base, now, allowed, noise; /* allowed: highest value that is fine */
	struct check_culprit culprits[CHECK_CULPRITS]; /* sites */
	size_t nculprits;
	struct check_culprit shares[2 * CHECK_SHARE_CULPRITS]; /* types, then holders */
	size_t nshares;
	bool older; /* now counts from the attach on; shares are of the whole heap */
};

struct check_question {
	const struct check_figures *now, *base; /* base NULL: none */
	const struct check_figures *least; /* of fewest iterations; NULL: none */
	const struct check_rule *rules;
	size_t nrules;
	struct check_suppression *suppressions;
	size_t nsuppressions;
	double min_delta; /* bytes; for metrics in bytes */
	bool lenient;	  /* a metric the baseline lacks is no error */
};

struct check_answer {
	struct arena arena;
	/* One per rule, of tests one per test that is told; failures first. */
	struct VEC(struct check_finding) findings;
	unsigned failed, warned, not_proven;
	const struct check_finding *unknown; /* the first that was not measured and may fail; NULL: none */
};

/*
 * Errors: NOMEM; UNSUPPORTED hint "baseline" when the baseline lacks a metric and not lenient;
 * USAGE when no test matches a rule.
 */
int check_judge(const struct check_question *q, struct check_answer *ret,
		struct err *err) MUST_CHECK;
void check_answer_deinit(struct check_answer *a); /* accepts NULL and zeroed */

/* A finding whose culprits are looked for; of memory that is held: types and holders too. */
bool check_wants_culprits(const struct check_finding *f);
bool check_wants_shares(const struct check_finding *f);

/* Fill in types and holders from q->now and q->base. */
void check_find_shares(const struct check_question *q, struct check_finding *f);

/* The test with this id, or NULL. */
const struct check_test *check_test_find(const struct check_figures *f, const char *id);

/* A test of this id, made when there is none; NULL: no memory. Sorted again by check_tests_sort. */
struct check_test *check_test_of(struct check_figures *f, const char *id);
void check_tests_sort(struct check_figures *f);

/* "peak", "leaked", "alloc_bytes", "allocs". */
extern const char *const check_test_figures[CHECK_TEST_FIGURES];

/* Does the id match the pattern of this metric (kind TEST)? */
bool check_test_matches(const struct check_metric *m, const char *id);

/* Can these be compared? Errors: UNSUPPORTED hint "baseline" naming the difference. */
int check_comparable(const struct check_figures *now, const struct check_figures *base,
		     struct err *err) MUST_CHECK;

/*
 * Names that are the same on another machine: file relative to root, to site-packages or to
 * the standard library, else its last two components; function without its class. Written
 * into ret (n bytes).
 */
void check_file_name(const char *file, const char *root, char *ret, size_t n);
const char *check_function_name(const char *function);

/* Code its owner can change: no standard library, no installed package, nothing frozen. */
bool check_own_code(const char *file);
/* Comprehensions: from 3.12 on they have no frame of their own. */
bool check_inlined_later(const char *function);

bool check_needs_snapshot(enum check_kind k);
const char *check_verdict_name(enum check_verdict v); /* "ok", "failed" … */
/* What a figure is for each of: "/s", "/iteration"; NULL: it is no rate. */
const char *check_each(const struct check_question *q, enum check_kind k);
const char *check_kind_unit(enum check_kind k);	      /* "bytes", "count", "bytes/s", "share" */

#endif
