/* SPDX-License-Identifier: MIT */
/*
 * Inside of a remote call, for freeze.c: which thread makes it, and which child a traced clone
 * gave birth to. Nobody outside tracer/process needs it.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_REMOTE_INSIDE_H
#define PYMEMPROF_TRACER_PROCESS_REMOTE_INSIDE_H

#include <sys/types.h>

#include "tracer/process/arch.h"
#include "tracer/process/remote.h"

pid_t remote_tid(const struct remote *r);
struct stop *remote_stop(const struct remote *r);
const struct arch *remote_arch(const struct remote *r);

/* Bytes to put into dead stack before the thread's registers change. */
struct remote_write {
	taddr addr;
	const void *bytes;
	size_t len;
};

/*
 * The dead man's frame the next call will leave behind: where it is, and the call set up to
 * return into it (nr and arguments are zero). What is below the frame is free for more frames,
 * REMOTE_BELOW_BYTES of it for sure.
 */
#define REMOTE_BELOW_BYTES 1280
#define REMOTE_BELOW_ARM_BYTES 9728
int remote_prepare(struct remote *r, struct arch_call *ret_call, struct arch_state *ret_state,
		   struct err *err) MUST_CHECK;

/* Like remote_syscall, with call->frame chosen by the caller and more writes made first. */
int remote_run(struct remote *r, const struct arch_call *call, const struct remote_write *writes,
	       size_t count, int64_t *ret, struct err *err) MUST_CHECK;

/* Child reported by a PTRACE_EVENT_CLONE, FORK or VFORK during the last call, or 0. Forgets it. */
pid_t remote_take_born(struct remote *r);

#endif
