/* SPDX-License-Identifier: MIT */
/*
 * What an agent had not sent yet when it was removed or its process died, as ordinary bytes of
 * its stream: the rest of an open or half-sent batch, then what waited in the window, in the
 * counters of young blocks and in the side queue. Pure: from a copy of the agent's memory,
 * which the target may have scribbled over, to bytes a decoder checks like any others.
 */
#ifndef PYMEMPROF_TRACER_AGENT_RESIDUAL_H
#define PYMEMPROF_TRACER_AGENT_RESIDUAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/agent/state.h"

struct residual {
	uint8_t *bytes; /* malloc'ed; NULL when nothing was recorded */
	size_t n;	/* of the stream, a multiple of 8 */
	uint64_t torn;	/* pieces that made no sense and were left out */
	struct agent_public counters; /* with the frees of young blocks and the calls that waited */
};

/*
 * received: bytes of the stream that came through the pipe, all there were. The process was
 * stopped or dead when the state was copied, at whatever instruction: an event then under way is
 * in the result or is not, never half and never twice (state.h has the order of stores this
 * rests on). The caller owns ret->bytes. Errors: NOMEM.
 */
int residual_build(const struct agent_fixed *fixed, const struct agent_state *state,
		   uint64_t received, struct residual *ret, struct err *err) MUST_CHECK;

#endif
