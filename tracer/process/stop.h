/* SPDX-License-Identifier: MIT */
/*
 * All threads of one process, seized (PTRACE_SEIZE) and stopped (PTRACE_INTERRUPT, never
 * SIGSTOP), also threads born meanwhile. Letting go delivers every signal that arrived,
 * restarts interrupted system calls and keeps a group-stop stopped.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_STOP_H
#define PYMEMPROF_TRACER_PROCESS_STOP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/taddr.h"

struct stop; /* opaque */

/* General registers of one stopped thread, by architecture, as the kernel's NT_PRSTATUS gives them. */
struct stop_regs {
	uint64_t word[40];
	size_t count;
};

/*
 * Seize and stop every thread of pid. On failure nothing stays seized. Errors: GONE (no such
 * process, zombie), DENIED (hint "ptrace-denied", "other-user", "yama" …; already traced: hint
 * "already-traced"), UNSUPPORTED (own pid, kernel thread). While it holds, the caller's nice value is
 * −20 where setpriority(2) allows that; stop_detach puts it back.
 */
int stop_attach(pid_t pid, struct stop **ret, struct err *err) MUST_CHECK;

/* Resume and detach all threads, free. Accepts NULL. Returns GONE when the target died meanwhile. */
int stop_detach(struct stop *s, struct err *err);

/* Let all threads run for about usec microseconds and stop them again (to leave a bad instant). */
int stop_step(struct stop *s, unsigned usec, struct err *err) MUST_CHECK;

pid_t stop_pid(const struct stop *s);
size_t stop_count(const struct stop *s);
pid_t stop_tid(const struct stop *s, size_t i);
int stop_get_regs(struct stop *s, size_t i, struct stop_regs *ret, struct err *err) MUST_CHECK;
/* Program counter, stack pointer and thread pointer (fs base / tpidr_el0) of thread i. */
int stop_pc_sp_tp(struct stop *s, size_t i, taddr *ret_pc, taddr *ret_sp, taddr *ret_tp,
		  struct err *err) MUST_CHECK;
/* Since the first thread was interrupted, without the time the threads ran in stop_step. */
uint64_t stop_elapsed_ns(const struct stop *s);

#endif
