/* SPDX-License-Identifier: MIT */
/*
 * The whole agent as one translation unit, so that the hot path is one piece of straight code.
 * Built twice: freestanding, as the blob that is written into a target, and hosted, for tests.
 */
#include "tracer/agent/final.c"
#include "tracer/agent/label.c"
#include "tracer/agent/put.c"
#include "tracer/agent/sample.c"
#include "tracer/agent/side.c"
#include "tracer/agent/site.c"
#include "tracer/agent/stack.c"
#include "tracer/agent/window.c"
#include "tracer/agent/agent.c" /* last: what it calls is known by then */
#include "tracer/cpython/linetable.c"

#ifndef AGENT_HOSTED

_Static_assert(AGENT_FIXED_OFFSET == 0xf000 && AGENT_GATE_OFFSET == 0x10000 &&
		       AGENT_STATE_OFFSET == 0x20000,
	       "agent.lds repeats the numbers");

/* struct agent_head: the first bytes of the blob (agent.lds puts this section first). */
__asm__(".section .text.agent_head, \"ax\"\n"
	".globl agent_head\n"
	"agent_head:\n"
	".quad 0x746e656761504d50\n" /* AGENT_MAGIC */
	".long 4\n"		     /* AGENT_ABI_VERSION */
	".long agent_end - agent_head\n"
	".long hook_raw_malloc - agent_head, hook_raw_calloc - agent_head\n"
	".long hook_raw_realloc - agent_head, hook_raw_free - agent_head\n"
	".long hook_mem_malloc - agent_head, hook_mem_calloc - agent_head\n"
	".long hook_mem_realloc - agent_head, hook_mem_free - agent_head\n"
	".long hook_obj_malloc - agent_head, hook_obj_calloc - agent_head\n"
	".long hook_obj_realloc - agent_head, hook_obj_free - agent_head\n"
	".previous\n");
_Static_assert(AGENT_MAGIC == 0x746e656761504d50ull && AGENT_ABI_VERSION == 4,
	       "the head above repeats both numbers");

#endif
