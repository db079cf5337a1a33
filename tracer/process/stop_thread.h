/* SPDX-License-Identifier: MIT */
/*
 * Inside of a stop, shared by stop.c and remote.c: one held thread and the wait that brings it
 * back to rest. Nobody outside tracer/process needs it.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_STOP_THREAD_H
#define PYMEMPROF_TRACER_PROCESS_STOP_THREAD_H

#include <stdbool.h>

#include "tracer/process/stop.h"

struct stop_thread {
	pid_t tid;
	bool stopped;	    /* at rest in PTRACE_EVENT_STOP */
	bool interrupted;   /* PTRACE_INTERRUPT sent, not yet arrived */
	bool lost;	    /* found dead when let go */
	bool group_stopped; /* at rest because the process is stopped by a signal */
};

/* Borrowed from s; dies with the next stop_step. */
struct stop_thread *stop_thread_at(struct stop *s, size_t i);

/* Changes whenever the threads have run: what was read from their registers is old then. */
unsigned stop_generation(const struct stop *s);

/*
 * Wait until an interrupted thread is at rest; signals that come first are delivered. Errors:
 * GONE (it exited), INTERRUPTED (it did not stop in time; it is still running).
 */
int stop_thread_settle(struct stop_thread *t, unsigned timeout_ms, struct err *err) MUST_CHECK;

#endif
