/* SPDX-License-Identifier: MIT */
/*
 * Which test made what. The agent says when pytest goes from one phase of a test to the next
 * (STREAM_LABEL); between two of those, what was allocated belongs to the first. Knows
 * pytest's frames, and so tells what a test's own code made (its function, its fixtures,
 * conftest.py, threads they started) from what pytest made around it. Refuses to know blocks:
 * the ledger keeps a "moment" with each of them, which is a time and a run of a test in one word.
 */
#ifndef PYMEMPROF_TRACER_STREAM_TESTS_H
#define PYMEMPROF_TRACER_STREAM_TESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "tracer/facts.h"
#include "tracer/stream/decode.h"

#define TESTS_RUNS_MAX (1u << 20) /* later runs are counted as nobody's, with a note */
#define TESTS_MOMENTS_MAX (1u << 24)
#define TESTS_ID_BYTES_MAX 1024u

struct tests_moment {
	uint32_t ms, run; /* run 0: between tests */
};

struct tests {
	bool active;  /* a label has come */
	uint32_t run; /* the run that is going on, 0: none */
	uint32_t first; /* words below are plain milliseconds, from before the first label */
	struct VEC(struct tests_moment) moments;
	struct VEC(uint8_t) sites; /* by site: enum tests_site */
	struct tests_private *p;
};

enum tests_site { TESTS_OWN = 1, TESTS_IMPORT = 2 };

/* What a frame says about whose code runs: bits, of its function and file. */
enum tests_kind { TESTS_CALLER = 1, TESTS_CONFTEST = 2, TESTS_IMPORTLIB = 4, TESTS_PYTEST = 8 };

int tests_init(struct tests *t, struct err *err) MUST_CHECK;
void tests_deinit(struct tests *t); /* accepts NULL and zeroed */

/* Kind of a code object; whose code a whole stack of n of them is (enum tests_site), innermost first. */
unsigned tests_kind(const char *function, const char *file);
unsigned tests_whose(const uint8_t *kinds, uint32_t n, bool truncated);

/* A site was defined; whose is what tests_whose said. Errors: NOMEM. */
int tests_define(struct tests *t, uint32_t site, unsigned whose, struct err *err) MUST_CHECK;

/* Take a STREAM_LABEL record. 1: it makes no sense. Errors: NOMEM. */
int tests_label(struct tests *t, const struct record *r, uint64_t at_ns, struct err *err) MUST_CHECK;

/*
 * The word to keep with blocks born at at_ns in the run that goes on. Call when either changes.
 * When memory is short the last one is given again.
 */
uint32_t tests_moment(struct tests *t, uint64_t at_ns);
struct tests_moment tests_when(const struct tests *t, uint32_t moment);

/* A block was born at the newest moment; one of that moment died; n blocks came and went. */
void tests_born(struct tests *t, uint32_t moment, uint32_t site, uint64_t bytes);
void tests_died(struct tests *t, uint32_t moment, uint32_t site, uint64_t bytes);
void tests_passed(struct tests *t, uint32_t site, uint64_t blocks, uint64_t bytes);

/* One fact for each test, in the order they first ran. Errors: NOMEM, or what the sink returned. */
int tests_push(struct tests *t, uint64_t end_ns, const struct fact_sink *sink,
	       struct err *err) MUST_CHECK;

#endif
