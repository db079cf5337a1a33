/* SPDX-License-Identifier: MIT */
/*
 * aarch64: register order, the rt_sigframe of arch/arm64/kernel/signal.c with its FPSIMD and SVE
 * records, the instructions to look for. Compiled and tested on every machine.
 */
#include "tracer/process/arch.h"

#include <string.h>

#include "tracer/process/ptrace.h"

/* Index of each word of NT_PRSTATUS (struct user_pt_regs); x0 … x30 are 0 … 30. */
enum arm_reg { X8 = 8, X30 = 30, ARM_SP = 31, ARM_PC = 32, ARM_PSTATE = 33, ARM_WORDS = 34 };

/* struct rt_sigframe, byte offsets: siginfo, ucontext with its mcontext and records. */
enum arm_frame {
	FRAME_ALTSTACK_FLAGS = 152,
	FRAME_SIGMASK = 168,
	FRAME_REGS = 312, /* x0 … x30, sp, pc, pstate */
	FRAME_RECORDS = 592,
	FRAME_RECORDS_BYTES = 4096,
	FRAME_BYTES = FRAME_RECORDS + FRAME_RECORDS_BYTES,
};

/* Record heads, asm/sigcontext.h. */
#define FPSIMD_MAGIC 0x46508001u
#define FPSIMD_BYTES 528
#define SVE_MAGIC 0x53564501u
#define SVE_HEAD_BYTES 16
#define VREGS_BYTES 512
/* Per 16 bytes of vector length: 32 Z registers, 16 predicates and FFR. */
#define SVE_QUAD_BYTES (32 * 16 + 17 * 2)

/* sigaltstack refuses this value, and sigreturn then leaves the thread's own setting alone. */
#define ALTSTACK_KEEP 0x7fffffffu

#define PSTATE_SINGLE_STEP (1ull << 21)
#define PSTATE_BTYPE (3ull << 10)
#define PSTATE_AARCH32 (1ull << 4)

#define INSTR_SVC 0xd4000001u		/* svc #0 */
#define INSTR_RET 0xd65f03c0u		/* ret */
#define INSTR_CMN_ERRNO 0xb13ffc1fu	/* cmn x0, #0xfff */
#define INSTR_BCS 0x54000002u		/* b.cs … */
#define INSTR_BCS_MASK 0xff00001fu
#define INSTR_MOV_X8_SIGRETURN 0xd2801168u /* mov x8, #139 */

enum arm_nr { NR_NANOSLEEP = 101, NR_CLOCK_NANOSLEEP = 115, NR_RESTART_SYSCALL = 128 };

static void put32(uint8_t *at, uint32_t v)
{
	memcpy(at, &v, sizeof(v));
}

static void put64(uint8_t *at, uint64_t v)
{
	memcpy(at, &v, sizeof(v));
}

static taddr arm_pc(const struct stop_regs *regs)
{
	return taddr_of(regs->word[ARM_PC]);
}

static taddr arm_sp(const struct stop_regs *regs)
{
	return taddr_of(regs->word[ARM_SP]);
}

static bool arm_native(const struct stop_regs *regs)
{
	return regs->count >= ARM_WORDS && !(regs->word[ARM_PSTATE] & PSTATE_AARCH32);
}

/*
 * arm64 has already gone back to the svc instruction when it reports the stop, and tells nobody
 * which kind of restart it has in mind (do_signal). The relative sleeps are the calls that would
 * start over with their whole time.
 */
static enum arch_where arm_where(const struct stop_regs *regs, uint32_t instruction_at_pc)
{
	bool relative;

	if (instruction_at_pc != INSTR_SVC)
		return ARCH_IN_USER;
	relative = regs->word[X8] == NR_NANOSLEEP ||
		   (regs->word[X8] == NR_CLOCK_NANOSLEEP && !(regs->word[1] & 1));
	return relative ? ARCH_IN_RESTART_BLOCK : ARCH_IN_CALL;
}

static uint32_t word_at(const uint8_t *text, size_t i)
{
	uint32_t v;

	memcpy(&v, text + i * 4, sizeof(v));
	return v;
}

/*
 * svc #0; ret. Also svc #0; cmn; b.cs; ret: its error branch sets errno and returns as well,
 * which only matters when we die during a call that fails.
 */
static size_t arm_find_syscall(const uint8_t *text, size_t len)
{
	size_t words = len / 4, second = ARCH_NOT_FOUND;

	for (size_t i = 0; i + 1 < words; i++) {
		if (word_at(text, i) != INSTR_SVC)
			continue;
		if (word_at(text, i + 1) == INSTR_RET)
			return i * 4;
		if (second == ARCH_NOT_FOUND && i + 3 < words &&
		    word_at(text, i + 1) == INSTR_CMN_ERRNO &&
		    (word_at(text, i + 2) & INSTR_BCS_MASK) == INSTR_BCS &&
		    word_at(text, i + 3) == INSTR_RET)
			second = i * 4;
	}
	return second;
}

/* mov x8, #139; svc #0 — the vdso's __kernel_rt_sigreturn. */
static size_t arm_find_sigreturn(const uint8_t *text, size_t len)
{
	size_t words = len / 4;

	for (size_t i = 0; i + 1 < words; i++)
		if (word_at(text, i) == INSTR_MOV_X8_SIGRETURN && word_at(text, i + 1) == INSTR_SVC)
			return i * 4;
	return ARCH_NOT_FOUND;
}

static void arm_restore_regs(const struct stop_regs *from, enum arch_where where,
			     struct stop_regs *ret)
{
	*ret = *from;
	if (where == ARCH_IN_RESTART_BLOCK)
		ret->word[X8] = NR_RESTART_SYSCALL;
}

/* NT_PRFPREG: v0 … v31, fpsr, fpcr; the record has the two words first. */
static size_t put_fpsimd(const struct arch_state *state, uint8_t *at)
{
	put32(at, FPSIMD_MAGIC);
	put32(at + 4, FPSIMD_BYTES);
	if (!state->fp_len)
		return FPSIMD_BYTES; /* zeroes: the record itself is not optional */
	memcpy(at + 8, state->fp + VREGS_BYTES, 8);
	memcpy(at + 16, state->fp, VREGS_BYTES);
	return FPSIMD_BYTES;
}

/* NT_ARM_SVE: {size, max, vl, …} then the registers in the order the record wants. */
static int put_sve(const struct arch_state *state, uint8_t *at, struct err *err)
{
	uint16_t vector_bytes;
	size_t payload, n;

	memcpy(&vector_bytes, state->sve + 8, sizeof(vector_bytes));
	payload = (size_t)(vector_bytes / 16) * SVE_QUAD_BYTES;
	n = (SVE_HEAD_BYTES + payload + 15) & ~(size_t)15;
	if (n + FPSIMD_BYTES + 8 > FRAME_RECORDS_BYTES || SVE_HEAD_BYTES + payload > state->sve_len)
		return err_set(err, ERR_UNSUPPORTED, "SVE vectors of %u bytes do not fit the frame",
			       vector_bytes);
	put32(at, SVE_MAGIC);
	put32(at + 4, (uint32_t)n);
	memcpy(at + 8, &vector_bytes, sizeof(vector_bytes));
	memcpy(at + SVE_HEAD_BYTES, state->sve + SVE_HEAD_BYTES, payload);
	return 0;
}

static int arm_frame_build(const struct arch_state *state, enum arch_where where, taddr below,
			   taddr sigreturn_at, struct arch_frame *ret, struct err *err)
{
	struct stop_regs regs;
	size_t at = FRAME_RECORDS;

	(void)sigreturn_at; /* goes into the link register, not into the frame */
	if (state->fp_len && state->fp_len < VREGS_BYTES + 8)
		return err_set(err, ERR_UNSUPPORTED, "floating point state of %zu bytes",
			       state->fp_len);
	memset(ret->bytes, 0, sizeof(ret->bytes));
	ret->len = FRAME_BYTES;
	ret->addr = taddr_of((below.v - FRAME_BYTES) & ~15ull);

	arm_restore_regs(&state->regs, where, &regs);
	put32(ret->bytes + FRAME_ALTSTACK_FLAGS, ALTSTACK_KEEP);
	put64(ret->bytes + FRAME_SIGMASK, state->sigmask);
	for (size_t i = 0; i < ARM_WORDS; i++)
		put64(ret->bytes + FRAME_REGS + i * 8, regs.word[i]);
	at += put_fpsimd(state, ret->bytes + at);
	return state->sve ? put_sve(state, ret->bytes + at, err) : 0;
}

static void arm_call_regs(const struct stop_regs *from, const struct arch_call *call,
			  struct stop_regs *ret)
{
	*ret = *from;
	for (int i = 0; i < 6; i++)
		ret->word[i] = call->arg[i];
	ret->word[X8] = (uint64_t)call->nr;
	ret->word[X30] = call->sigreturn_at.v;
	ret->word[ARM_SP] = call->frame.v;
	ret->word[ARM_PC] = call->syscall_at.v;
	ret->word[ARM_PSTATE] &= ~(PSTATE_SINGLE_STEP | PSTATE_BTYPE);
}

static int64_t arm_call_result(const struct stop_regs *regs)
{
	return (int64_t)regs->word[0];
}

const struct arch arch_aarch64 = {
	.name = "aarch64",
	.regs_words = ARM_WORDS,
	.fp_regset = PTRACE_REGS_FP,
	.tls_regset = PTRACE_REGS_ARM_TLS,
	.red_zone_bytes = 128, /* the ABI has none; compilers have been seen to use some */
	.instruction_align = 4,
	.pc = arm_pc,
	.sp = arm_sp,
	.native = arm_native,
	.where = arm_where,
	.find_syscall = arm_find_syscall,
	.find_sigreturn = arm_find_sigreturn,
	.frame_build = arm_frame_build,
	.frame_arg0 = FRAME_REGS,
	.call_regs = arm_call_regs,
	.call_result = arm_call_result,
	.restore_regs = arm_restore_regs,
	/* include/uapi/asm-generic/unistd.h */
	.sys = { .mmap = 222, .munmap = 215, .mprotect = 226, .madvise = 233, .pipe2 = 59,
		 .fcntl = 25, .dup3 = 24, .close = 57, .clone = 220, .wait4 = 260, .fstat = 80,
		 .getpid = 172, .gettid = 178, .memfd_create = 279 },
	.nr_exit_group = 94,
};
