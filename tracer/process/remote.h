/* SPDX-License-Identifier: MIT */
/*
 * Run one system call in a stopped thread and put everything back. The dead man's frame
 * (docs/ARCHITECTURE.md) makes a SIGKILL of us at any instant harmless: the thread finishes
 * the call and returns through rt_sigreturn to where it was.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_REMOTE_H
#define PYMEMPROF_TRACER_PROCESS_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/mem/source.h"
#include "tracer/process/maps.h"
#include "tracer/process/stop.h"

struct remote; /* opaque: a chosen thread, an existing `syscall; ret`, an existing sigreturn stub */

/*
 * Choose a thread of s and find the instructions in mapped text. Borrows s, mem, maps until
 * remote_free. Errors: UNSUPPORTED (no syscall instruction found), GONE.
 */
int remote_new(struct stop *s, struct mem_source *mem, const struct maps *maps,
	       struct remote **ret, struct err *err) MUST_CHECK;
void remote_free(struct remote *r);

/*
 * One system call; *ret is the kernel's answer (negative errno on failure of the call itself,
 * which is not an error here). Signals are blocked in the thread for the duration.
 */
int remote_syscall(struct remote *r, long nr, const uint64_t arg[6], int64_t *ret,
		   struct err *err) MUST_CHECK;

/* A few bytes (≤ 1024) of scratch in dead stack of the chosen thread, for system calls' structs. */
taddr remote_scratch(struct remote *r);

/* Has the chosen thread a seccomp filter, which may answer an unusual call by killing? */
bool remote_filtered(const struct remote *r);

/* System call numbers of the target's architecture. */
struct remote_sys {
	long mmap, munmap, mprotect, madvise, pipe2, fcntl, dup3, close, clone, wait4, fstat, getpid, gettid;
	long memfd_create;
};
const struct remote_sys *remote_sys(const struct remote *r);

#endif
