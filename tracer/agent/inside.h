/* SPDX-License-Identifier: MIT */
/*
 * Is a stopped thread inside the agent, will it enter, will it return into it? Program counters
 * and registers first, then every word of the used stack; where a word looks like one of ours,
 * libunwind decides whether it is a return address still in use or the litter of an old call.
 */
#ifndef PYMEMPROF_TRACER_AGENT_INSIDE_H
#define PYMEMPROF_TRACER_AGENT_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/mem/source.h"
#include "tracer/process/maps.h"
#include "tracer/process/stop.h"

struct inside_range {
	uint64_t start, end;   /* the agent's text */
	const uint64_t *entry; /* its entry points: one in a register is about to be called */
	uint32_t entries;
};

struct inside_result {
	bool inside;
	pid_t tid;	      /* a thread which is, or may be */
	uint32_t stale_words; /* return addresses proved to be litter */
};

/* Looks at all threads of s. maps is of this stop. Errors: GONE, FAULT, NOMEM. */
int inside_check(struct stop *s, struct mem_source *mem, const struct maps *maps,
		 const struct inside_range *range, struct inside_result *ret,
		 struct err *err) MUST_CHECK;

#endif
