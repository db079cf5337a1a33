/* SPDX-License-Identifier: MIT */
/*
 * What a removed agent had not sent yet, as ordinary bytes of its stream: the rest of an open or
 * half-sent batch, then one more batch with what waited in the window, in the counters of young
 * blocks and in the side queue. Pure: from a copy of the agent's memory, which the target may
 * have scribbled over, to bytes a decoder checks like any others.
 */
#ifndef PYMEMPROF_TRACER_AGENT_RESIDUAL_H
#define PYMEMPROF_TRACER_AGENT_RESIDUAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/agent/state.h"

/*
 * The result is malloc'ed, caller frees; NULL and 0 when nothing was recorded. Errors: NOMEM.
 */
int residual_build(const struct agent_fixed *fixed, const struct agent_state *state, uint8_t **ret,
		   size_t *ret_bytes, struct err *err) MUST_CHECK;

#endif
