/* SPDX-License-Identifier: MIT */
/*
 * Is a stopped thread inside the agent, will it enter, will it return into it? Program counters
 * and registers first, then every word of the used stack; where a word looks like one of ours,
 * libunwind decides whether it is a return address or a register still in use or the litter of an
 * old call. Two entries side by side are part of a copy of an allocator table, being made or put
 * back: they always count. (Whole copies the caller has given their originals before.)
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
	uint32_t entries;      /* in the order of the tables they are written into */
};

struct inside_result {
	bool inside;
	pid_t tid;	      /* a thread which is, or may be */
	uint32_t stale_words; /* proved to be litter */
};

/*
 * Looks at all threads of s. maps is of this stop; earlier is how often this was asked before,
 * between runs of the threads: a lone address of an entry is believed to be litter only when it
 * has been there for INSIDE_STRAY_TRIES looks. Errors: GONE, FAULT, NOMEM.
 */
#define INSIDE_STRAY_TRIES 8
int inside_check(struct stop *s, struct mem_source *mem, const struct maps *maps,
		 const struct inside_range *range, uint32_t earlier, struct inside_result *ret,
		 struct err *err) MUST_CHECK;

#endif
