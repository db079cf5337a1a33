/* SPDX-License-Identifier: MIT */
/*
 * A frozen copy of a process: a copy-on-write child that is born traced, never executes an
 * instruction of the program and is read through live_new(freeze_pid()). The target goes on as
 * soon as it is detached.
 *
 * Should we die, the kernel lets the copy go; all it can do then is exit_group: its stack pointer
 * was set by clone to a frame that leads there. The target's own way home then also waits for the
 * copy. Only a copy abandoned while the target already runs stays behind as a zombie without
 * memory, which freeze_reap_orphans removes on the next occasion.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_FREEZE_H
#define PYMEMPROF_TRACER_PROCESS_FREEZE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "tracer/process/remote.h"

struct freeze; /* opaque */

/*
 * Make the copy. The target is stopped; r is the remote of that stop and only borrowed during
 * the call. The copy has one thread and is not to be read before freeze_settle; registers of the others must be read from the target. Shared
 * mappings are not frozen. Errors: SYS with hint "clone-refused" (RLIMIT_NPROC, pids cgroup,
 * memory overcommit, seccomp: err->sys tells), GONE, UNSUPPORTED, NOMEM.
 */
int freeze_new(struct remote *r, struct freeze **ret, struct err *err) MUST_CHECK;

/*
 * Wait for the copy's first stop, which comes before its first instruction; from then on nothing
 * can reach it. To be called once before it is read, best when the target runs again: on a busy
 * machine the copy may wait long for a processor. Should we die before, it can only exit, as
 * ever. Errors: GONE, SYS.
 */
int freeze_settle(struct freeze *f, struct err *err) MUST_CHECK;

/* Pid of the copy, for live_new and maps_read. */
pid_t freeze_pid(const struct freeze *f);

/* How long the clone itself took, almost all of it the copy of the page tables. */
uint64_t freeze_clone_ns(const struct freeze *f);

/* Kill the copy and wait for its end, while the target runs. freeze_free is still to be called. */
void freeze_kill(struct freeze *f);

/*
 * Kill the copy and make the target reap it: with r, a remote of the same target, stopped by the
 * caller; without, by a short stop of its own, which fails when somebody traces the target.
 * Frees f in any case; accepts NULL. Returns 0 also when the target has gone meanwhile.
 */
int freeze_free(struct freeze *f, struct remote *r, struct err *err);

/*
 * Put away the copies a killed pymemprof has left to the process of r: zombies without exit
 * signal, and a copy whose birth was not over when we attached. To be called once after the
 * attach, while no copy of our own exists. Returns how many, or a negative code.
 */
int freeze_reap_orphans(struct remote *r, struct err *err);

/*
 * The same by a short stop of its own, and without any where there is nothing to put away.
 * Additional errors: those of stop_attach.
 */
int freeze_put_away(pid_t target, struct err *err);

#endif
