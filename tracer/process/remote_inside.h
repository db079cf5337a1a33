/* SPDX-License-Identifier: MIT */
/*
 * Inside of a remote call, for freeze.c: which thread makes it, and which child a traced clone
 * gave birth to. Nobody outside tracer/process needs it.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_REMOTE_INSIDE_H
#define PYMEMPROF_TRACER_PROCESS_REMOTE_INSIDE_H

#include <sys/types.h>

#include "tracer/process/remote.h"

pid_t remote_tid(const struct remote *r);

/* Child reported by a PTRACE_EVENT_CLONE, FORK or VFORK during the last call, or 0. Forgets it. */
pid_t remote_take_born(struct remote *r);

#endif
