/* SPDX-License-Identifier: MIT */
/*
 * The waist, third part: what a test of pytest made. Included by facts.h. Figures are those of
 * the test's own code (its function, its fixtures, conftest.py, threads they started), not of
 * pytest around it. A test that ran again is one fact: sums, and the largest peak.
 */
#ifndef PYMEMPROF_TRACER_TEST_FACTS_H
#define PYMEMPROF_TRACER_TEST_FACTS_H

#include <stdint.h>

#define FACT_TEST_PHASES 3 /* setup, call, teardown */
#define FACT_TEST_SITES 5

struct fact_test_phase {
	uint64_t alloc_blocks, alloc_bytes;
	uint64_t peak_bytes; /* most that was alive at once in this phase, what setup made included */
};

struct fact_test_site {
	uint32_t site;
	uint64_t bytes;
};

struct fact_test {
	uint32_t test;	/* dense from 1, in the order they first ran */
	const char *id; /* pytest's node id: "tests/test_a.py::test_b[1]" */
	uint32_t runs;
	uint64_t first_ns;    /* since the recording began */
	uint64_t duration_ns; /* of all runs */
	uint64_t alloc_blocks, alloc_bytes;
	uint64_t peak_bytes;
	uint64_t left_blocks, left_bytes; /* alive when it had ended */
	/* Alive still when the last test of all had ended; what imports made is not counted. */
	uint64_t kept_blocks, kept_bytes;
	struct fact_test_phase phase[FACT_TEST_PHASES];
	uint32_t npeak, nkept;
	struct fact_test_site peak[FACT_TEST_SITES]; /* what the peak consists of, largest first */
	struct fact_test_site kept[FACT_TEST_SITES];
};

#endif
