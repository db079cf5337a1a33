/* SPDX-License-Identifier: MIT */
/* From the hosted agent through its pipe into a replay: for suites, which have Criterion. */
#ifndef PYMEMPROF_TESTS_TRACER_AGENT_COLLECT_H
#define PYMEMPROF_TESTS_TRACER_AGENT_COLLECT_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/tracer/agent/fake_python.h"
#include "tests/tracer/agent/replay.h"

/* All that was recorded until now, which ends with a whole batch. */
static inline void collect_into(struct replay *r)
{
	size_t n;
	uint8_t *bytes;

	fake_flush();
	bytes = fake_read(&n);
	cr_assert(replay_feed(r, bytes, n), "%s", r->bad);
	cr_assert_eq(r->nrest, 0, "half a batch");
	free(bytes);
}

#endif
