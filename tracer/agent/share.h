/* SPDX-License-Identifier: MIT */
/*
 * The agent's state as memory of two processes: a memfd (or, where a seccomp filter might kill for
 * making one and we may look into /proc/PID/map_files, nameless shared memory), mapped in the
 * target and held by us. It outlives the target, so nothing it says is lost when the target exits, executes another
 * program or is killed. Read with pread and never mapped here: a file the target could still
 * get at must not be able to fault us, and holes are read without becoming memory.
 */
#ifndef PYMEMPROF_TRACER_AGENT_SHARE_H
#define PYMEMPROF_TRACER_AGENT_SHARE_H

#include "tracer/agent/inject_inside.h"

/* Bytes of the state's part of the mapping, from AGENT_STATE_OFFSET on. */
#define SHARE_BYTES (AGENT_MAP_BYTES - AGENT_STATE_OFFSET)

/*
 * Put the state where both can see it, over what is mapped there, and keep children out of it;
 * in->share_fd is ours then. Where that cannot be done without risk or at all, the state is
 * private and is wiped in children, in->share_fd is -1. The part's pages must be untouched. Errors: those of a target
 * that cannot be worked on.
 */
int share_make(struct inject *in, struct undo *undo, struct err *err) MUST_CHECK;

/* n bytes of the state from offset on. Errors: SYS. Requires share_fd ≥ 0. */
int share_read(const struct inject *in, size_t offset, void *to, size_t n,
	       struct err *err) MUST_CHECK;

/* Does this link of /proc/PID/fd lead to the memfd of that name? */
bool share_is_link(const char *link, const char *name);

#endif
