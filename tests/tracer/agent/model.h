/* SPDX-License-Identifier: MIT */
/*
 * Random programs run against the agent: what the stream says must be what happened, block by
 * block and site by site. Free of any test framework, so that it also runs under an emulator.
 */
#ifndef PYMEMPROF_TESTS_AGENT_MODEL_H
#define PYMEMPROF_TESTS_AGENT_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "tracer/agent/abi.h"

struct model_options {
	enum agent_frame_kind kind;
	uint32_t ops;
	uint64_t seed;
	uint32_t window; /* slots */
	uint32_t max_frames;
	uint32_t depth;	 /* deepest stack */
	uint32_t codes;	 /* alive at a time */
	uint32_t code_churn; /* one in so many operations replaces a code object; 0: none */
	uint64_t flush_ticks;
	uint32_t mode;	 /* extra bits for agent_gate.mode */
	int offgil;	 /* also raw calls of a thread without the GIL */
};

/* 0: all as it should be; else a sentence in why. */
int model_run(const struct model_options *o, char *why, size_t n);

#endif
