/* SPDX-License-Identifier: MIT */
/*
 * One sink that is many: what is pushed once reaches every sink behind it. A sink that fails
 * is left out from then on, so a full disk does not cost the report on the terminal.
 */
#ifndef PYMEMPROF_TRACER_STREAM_FANOUT_H
#define PYMEMPROF_TRACER_STREAM_FANOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "tracer/facts.h"

#define FANOUT_MAX 8

struct fanout {
	struct fact_sink sink; /* push here; its ctx is the fanout, which must not move */
	const struct fact_sink *behind[FANOUT_MAX]; /* borrowed; NULL once failed */
	size_t count;
	int failed;	/* code of the first failure, 0: none */
	struct err why; /* what it said */
};

/*
 * n sinks, at most FANOUT_MAX. `events`: pass fact_event on; otherwise that callback is NULL,
 * so that nobody makes events that no sink wants. The callbacks fail only when no sink is left
 * that works (and there was one), with the first failure's code and text.
 */
int fanout_init(struct fanout *f, const struct fact_sink *const *sinks, size_t n, bool events,
		struct err *err) MUST_CHECK;

#endif
