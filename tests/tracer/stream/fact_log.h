/* SPDX-License-Identifier: MIT */
/*
 * A sink that writes every fact as one line of text, so a test compares what was pushed, and
 * in which order, as a string.
 */
#ifndef PYMEMPROF_TESTS_TRACER_STREAM_FACT_LOG_H
#define PYMEMPROF_TESTS_TRACER_STREAM_FACT_LOG_H

#include "base/buf.h"
#include "tracer/facts.h"

struct fact_log {
	struct fact_sink sink;
	struct buf text;
	int fail_after; /* > 0: this many facts succeed, the next one fails with ERR_SYS */
};

void fact_log_init(struct fact_log *l);
void fact_log_deinit(struct fact_log *l);
const char *fact_log_text(struct fact_log *l);

#endif
