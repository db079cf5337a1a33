/* SPDX-License-Identifier: MIT */
/*
 * Each ptrace request once, with errno turned into struct err: ESRCH is GONE. It knows the
 * calls' quirks and nothing about what a stop is for.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_PTRACE_H
#define PYMEMPROF_TRACER_PROCESS_PTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/taddr.h"
#include "tracer/process/stop.h"

/* Note types of PTRACE_GETREGSET, include/uapi/linux/elf.h. */
enum ptrace_regset {
	PTRACE_REGS_GENERAL = 1,  /* NT_PRSTATUS */
	PTRACE_REGS_FP = 2,	  /* NT_PRFPREG */
	PTRACE_REGS_XSTATE = 0x202, /* NT_X86_XSTATE */
	PTRACE_REGS_ARM_TLS = 0x401,
	PTRACE_REGS_ARM_SVE = 0x405,
	PTRACE_REGS_ARM_SSVE = 0x40b,
	PTRACE_REGS_ARM_ZA = 0x40c,
	PTRACE_REGS_ARM_GCS = 0x410,
};

/* What a wait status of a seized thread means. */
enum ptrace_stop_kind {
	PTRACE_STOP_TRAP,    /* PTRACE_EVENT_STOP by PTRACE_INTERRUPT or birth */
	PTRACE_STOP_GROUP,   /* PTRACE_EVENT_STOP because the process is stopped by a signal */
	PTRACE_STOP_SYSCALL, /* entry or exit of a system call (PTRACE_O_TRACESYSGOOD) */
	PTRACE_STOP_EVENT,   /* another event; number in ptrace_stop_event() */
	PTRACE_STOP_SIGNAL,  /* a signal wants to be delivered; number in ptrace_stop_signal() */
	PTRACE_STOP_GONE,    /* exited or killed */
};

enum ptrace_stop_kind ptrace_stop_kind(int status);
int ptrace_stop_event(int status);
int ptrace_stop_signal(int status);

/*
 * PTRACE_O_TRACESYSGOOD is always among the options: without it a tracer that dies while the
 * thread is in a system call stop leaves it a deadly SIGTRAP (ptrace_report_syscall, Linux 6).
 */
int ptrace_seize(pid_t tid, uint32_t options, struct err *err) MUST_CHECK;
int ptrace_options(pid_t tid, uint32_t options, struct err *err) MUST_CHECK;
int ptrace_interrupt(pid_t tid, struct err *err) MUST_CHECK;
int ptrace_cont(pid_t tid, int sig, struct err *err) MUST_CHECK;
int ptrace_to_syscall(pid_t tid, int sig, struct err *err) MUST_CHECK;
int ptrace_listen(pid_t tid, struct err *err) MUST_CHECK;
int ptrace_detach(pid_t tid, struct err *err) MUST_CHECK;
int ptrace_event_message(pid_t tid, unsigned long *ret, struct err *err) MUST_CHECK;

/* In a signal stop: was it raised by the kernel for an instruction (si_code > 0), not sent? */
int ptrace_signal_raised(pid_t tid, bool *ret, struct err *err) MUST_CHECK;

/* General registers. UNSUPPORTED for a thread of another word size. */
int ptrace_get_regs(pid_t tid, struct stop_regs *ret, struct err *err) MUST_CHECK;
int ptrace_set_regs(pid_t tid, const struct stop_regs *regs, struct err *err) MUST_CHECK;

/* Any regset; *len is the room on entry and the kernel's length on return. UNSUPPORTED: absent. */
int ptrace_get_regset(pid_t tid, int type, void *buf, size_t *len, struct err *err) MUST_CHECK;
int ptrace_set_regset(pid_t tid, int type, const void *buf, size_t len, struct err *err) MUST_CHECK;

/* Signal mask, Linux 3.11. In a call with a temporary mask (ppoll) it is the permanent one. */
int ptrace_get_sigmask(pid_t tid, uint64_t *ret, struct err *err) MUST_CHECK;
int ptrace_set_sigmask(pid_t tid, uint64_t mask, struct err *err) MUST_CHECK;

/*
 * Address of the thread's struct rseq, or TADDR_NULL when none is registered or the kernel is
 * too old to say (PTRACE_GET_RSEQ_CONFIGURATION, Linux 5.13).
 */
taddr ptrace_rseq(pid_t tid);

/*
 * Wait for the next stop of one tracee, never of another child of ours. INTERRUPTED after
 * timeout_ms; GONE when there is no such tracee. An exit is reported as a status, not an error.
 */
int ptrace_wait(pid_t tid, unsigned timeout_ms, int *ret_status, struct err *err) MUST_CHECK;
/* The same without waiting: 1 and *ret_status when it has stopped or ended, else 0. */
int ptrace_poll(pid_t tid, int *ret_status);

/* Whole transfers between us and the target's memory; FAULT otherwise. */
int ptrace_read_memory(pid_t pid, taddr addr, void *buf, size_t n, struct err *err) MUST_CHECK;
int ptrace_write_memory(pid_t pid, taddr addr, const void *buf, size_t n,
			struct err *err) MUST_CHECK;

/*
 * Read a word of a stopped tracee as a debugger does, and forget it: when addr is below a mapping that grows down
 * (the main thread's stack) the kernel extends it as if the thread had touched it: __access_remote_vm in mm/memory.c from
 * 6.5 on, find_extend_vma in mm/gup.c before. False: there is nothing and may be nothing.
 */
bool ptrace_touch(pid_t tid, taddr addr);

uint64_t ptrace_clock_ns(void); /* CLOCK_MONOTONIC */

#endif
