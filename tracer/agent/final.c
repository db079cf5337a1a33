/* SPDX-License-Identifier: MIT */
/*
 * The end of the program's own work. Py_FinalizeEx notes the thread that takes the interpreter
 * down (_PyRuntime.finalizing, Python/pylifecycle.c, 3.8 to 3.15) after the exit functions and
 * before it empties the first module; that thread has no Python frame then and allocates, at the
 * latest the names it looks up in sys. There the recording ends: what was alive until then goes to
 * the reader, nothing after it, and the thread waits until the reader has looked at the heap. It
 * goes on at once when the reader is gone, and after the limit the user set for waiting.
 */
#include "tracer/agent/lane.h"

#define SLICE_NS 1000000

/* Until the tracer takes us out (why_pass changes) or is gone (an error on the pipe). */
static void wait_for_reader(void)
{
	for (uint32_t left = agent_fixed.stall_limit_ms; left; left--) {
		struct sys_timespec slice = { 0, SLICE_NS };

		if (__atomic_load_n(&GATE->why_pass, __ATOMIC_ACQUIRE) != AGENT_WHY_FINAL ||
		    sys_ppoll_gone(agent_fixed.pipe_fd, &slice) > 0)
			return;
	}
}

void final_look(void)
{
	uint64_t addr = agent_fixed.finalizing_addr, *at;

	if (!addr || lane_load(addr, 0) != LANE->tstate || COLD->final ||
	    (lane_gate() & AGENT_MODE_MASK) != AGENT_MODE_RECORD)
		return;
	COLD->final = 1;
	if (lane_gate() & AGENT_GATE_SIDE)
		side_drain();
	window_sweep();
	site_flush_temps();
	at = put_reserve(1);
	if (!at)
		return;
	at[0] = STREAM_META | STREAM_FINAL << 8 | 1ull << 16;
	put_commit(1);
	/* first: the reader acts on the record before we run again, and his answer must stand */
	__atomic_store_n(&GATE->why_pass, AGENT_WHY_FINAL, __ATOMIC_RELEASE);
	put_flush();
	if (LANE->out_len) {
		if (GATE->why_pass == AGENT_WHY_FINAL)
			GATE->why_pass = AGENT_WHY_NONE;
		return;
	}
	__atomic_store_n(&GATE->mode, AGENT_MODE_PASS, __ATOMIC_RELEASE);
	wait_for_reader();
}
