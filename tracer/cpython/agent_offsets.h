/* SPDX-License-Identifier: MIT */
/*
 * What the injected agent must know about the interpreter, in the words of agent/abi.h. The
 * only place where a layout becomes numbers for the agent.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_AGENT_OFFSETS_H
#define PYMEMPROF_TRACER_CPYTHON_AGENT_OFFSETS_H

#include "tracer/agent/abi.h"
#include "tracer/cpython/py.h"

/* Offsets alone, for any sheet. */
void agent_offsets_of(const struct py_layout *layout, struct agent_offsets *ret);

/*
 * Everything in agent_fixed that follows from the interpreter: off, tstate_kind and what
 * belongs to it, thread_id_bias, frame_kind, line_kind, lasti_scale, main_interp, code_type and
 * table_addr. Touches no other member. py_find_tstate_access must have succeeded on py.
 */
void agent_offsets_fill(const struct py *py, struct agent_fixed *ret);

#endif
