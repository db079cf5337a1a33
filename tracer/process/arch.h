/* SPDX-License-Identifier: MIT */
/*
 * What differs between CPUs when one system call is run in a stopped thread: where registers
 * are, what the signal frame looks like, which bytes are the instructions needed. Pure: bytes
 * in, bytes out, so each table is tested on every machine. One const struct per CPU.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_ARCH_H
#define PYMEMPROF_TRACER_PROCESS_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/taddr.h"
#include "tracer/process/remote.h"
#include "tracer/process/stop.h"

/* Room for one signal frame: AMX state alone is 8 KiB, an SVE frame stays below 4.5 KiB. */
#define ARCH_FRAME_MAX 20480
#define ARCH_FP_MAX 16384
#define ARCH_NOT_FOUND SIZE_MAX

/* What a stopped thread was doing, as far as restarting it is concerned. */
enum arch_where {
	ARCH_IN_USER,	       /* between two instructions of the program */
	ARCH_IN_CALL,	       /* in a call that is over or restarts by being made again */
	ARCH_IN_RESTART_BLOCK, /* in a call the kernel restarts with its own memory of it */
};

/* Everything a signal frame holds. fp is the bytes of the arch's fp_regset. */
struct arch_state {
	struct stop_regs regs;
	uint64_t sigmask;
	const uint8_t *fp;
	size_t fp_len;
	const uint8_t *sve; /* aarch64: NT_ARM_SVE with live SVE registers, or NULL */
	size_t sve_len;
};

struct arch_call {
	long nr;
	uint64_t arg[6];
	taddr syscall_at;   /* an existing system call instruction followed by a return */
	taddr sigreturn_at; /* an existing sigreturn stub */
	taddr frame;	    /* where the dead man's frame is */
};

/* The signal frame being built: bytes for the target's address range [addr, addr + len). */
struct arch_frame {
	uint8_t bytes[ARCH_FRAME_MAX];
	size_t len;
	taddr addr;
};

struct arch {
	const char *name;
	size_t regs_words;	  /* of NT_PRSTATUS */
	int fp_regset;		  /* enum ptrace_regset */
	int tls_regset;		  /* 0: the thread pointer is among the general registers */
	size_t red_zone_bytes;	  /* below the stack pointer, still the program's */
	size_t instruction_align; /* of the two searches' results */

	taddr (*pc)(const struct stop_regs *regs);
	taddr (*sp)(const struct stop_regs *regs);
	taddr (*tp)(const struct stop_regs *regs); /* NULL when tls_regset is set */
	bool (*native)(const struct stop_regs *regs); /* a thread in this CPU's full mode */
	enum arch_where (*where)(const struct stop_regs *regs, uint32_t instruction_at_pc);

	/*
	 * A call without time limit that the kernel ended with EINTR only because we stopped the
	 * thread: turn the answer into "restart unless a handler runs". False: nothing to do.
	 */
	bool (*mend_interrupted)(struct stop_regs *regs);

	/* Offset of the instructions in text, or ARCH_NOT_FOUND. */
	size_t (*find_syscall)(const uint8_t *text, size_t len);
	size_t (*find_sigreturn)(const uint8_t *text, size_t len);

	/*
	 * Build the frame so that it ends at or below `below`. The saved registers are those the
	 * thread continues with when nobody restores it: a restart is applied by hand. fp_len 0:
	 * the thread gets the initial floating point state (for frames that only lead to a call).
	 * UNSUPPORTED: this thread's state does not fit a frame we can build.
	 */
	int (*frame_build)(const struct arch_state *state, enum arch_where where, taddr below,
			   taddr sigreturn_at, struct arch_frame *ret, struct err *err);
	size_t frame_arg0; /* offset of the first argument's register in the frame */

	/* Registers with which the thread makes the call and then returns into the frame. */
	void (*call_regs)(const struct stop_regs *from, const struct arch_call *call,
			  struct stop_regs *ret);
	int64_t (*call_result)(const struct stop_regs *regs);

	/* Registers to put back so that the program goes on where it was. */
	void (*restore_regs)(const struct stop_regs *from, enum arch_where where,
			     struct stop_regs *ret);

	struct remote_sys sys;
	long nr_exit_group;
};

extern const struct arch arch_x86_64;
extern const struct arch arch_aarch64;

/* The CPU this build runs on. */
const struct arch *arch_native(void);

#endif
