/* SPDX-License-Identifier: MIT */
/*
 * Why a process cannot be attached to, in words and with the key of the hint that helps.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_REFUSAL_H
#define PYMEMPROF_TRACER_PROCESS_REFUSAL_H

#include <sys/types.h>

#include "base/err.h"

/*
 * What can be known without trying: 0, or GONE (hints "no-such-process", "zombie"), UNSUPPORTED
 * ("own-pid", "kernel-thread"), USAGE ("thread-not-process"), DENIED ("already-traced").
 */
int refusal_before(pid_t pid, struct err *err) MUST_CHECK;

/*
 * After the kernel said EPERM: find the likely reason, most certain first. Always negative:
 * DENIED with hint "already-traced", "yama", "other-user", "not-dumpable", "user-namespace" or
 * "ptrace-denied"; GONE when the process went away meanwhile.
 */
int refusal_explain(pid_t pid, struct err *err);

/* What is made in a process for as long as it is looked at, with a margin for its own needs meanwhile. */
struct refusal_need {
	uint64_t descriptors, address_bytes, memory_bytes;
};

/*
 * Would that bring the process to a limit of its own, its resource limits or what its control groups leave
 * it? Then what it asks for next is refused because of us. 0, or DENIED with hint "target-limit". What
 * cannot be read is no limit.
 */
int refusal_of_room(pid_t pid, const struct refusal_need *need, struct err *err) MUST_CHECK;

/* rc itself; when it is the kernel's bare no, *err becomes the likely reason and its hint. */
int refusal_better(pid_t pid, int rc, struct err *err);

#endif
