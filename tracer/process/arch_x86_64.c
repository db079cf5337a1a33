/* SPDX-License-Identifier: MIT */
/*
 * x86-64: register order, the rt_sigframe of arch/x86/kernel/signal_64.c, the instructions to
 * look for. Offsets are written out as numbers because the file is also compiled and tested on
 * machines whose headers do not have them.
 */
#include "tracer/process/arch.h"

#include <string.h>

#include "tracer/process/ptrace.h"

/* Index of each word of NT_PRSTATUS (struct user_regs_struct). */
enum x86_reg {
	R15, R14, R13, R12, RBP, RBX, R11, R10, R9, R8, RAX, RCX, RDX, RSI, RDI, ORIG_RAX, RIP, CS,
	EFLAGS, RSP, SS, FS_BASE, GS_BASE, DS, ES, FS, GS, X86_WORDS
};

/* struct rt_sigframe, byte offsets: pretcode, ucontext, siginfo. */
enum x86_frame {
	FRAME_RETURN = 0,
	FRAME_UC_FLAGS = 8,
	FRAME_ALTSTACK_FLAGS = 32,
	FRAME_REGS = 48, /* r8 … rip, see frame_order */
	FRAME_RDI = 112,
	FRAME_EFLAGS = 184,
	FRAME_CS = 192, /* u16 cs, gs, fs, ss */
	FRAME_SS = 198,
	FRAME_FP_ADDR = 232,
	FRAME_SIGMASK = 304,
	FRAME_BYTES = 440,
};

static const uint8_t frame_order[] = { R8,  R9,	 R10, R11, R12, R13, R14, R15, RDI,
				       RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP };

/* uc_flags: FP_XSTATE, SIGCONTEXT_SS, STRICT_RESTORE_SS (asm/ucontext.h). */
#define UC_FLAGS_FP 1u
#define UC_FLAGS_SS 6u
/* sigaltstack refuses this value, and sigreturn then leaves the thread's own setting alone. */
#define ALTSTACK_KEEP 0x7fffffffu

/* struct _fpx_sw_bytes in the last 48 bytes of the legacy area (asm/sigcontext.h). */
#define FP_SW_OFFSET 464
#define FP_MAGIC1 0x46505853u
#define FP_MAGIC2 0x46505845u
#define FP_LEGACY_BYTES 512
#define FP_MIN_XSTATE 576
#define FP_XSTATE_BV 512
/* AMX tiles: not part of a frame unless the thread uses them, see fpu/xstate.c (Linux 5.16). */
#define FP_TILE_BIT (1ull << 18)
#define FP_BYTES_BEFORE_TILES 2816

/* Linux errno values never meant for programs: include/linux/errno.h. */
#define KERNEL_RESTARTSYS (-512)
#define KERNEL_RESTARTNOINTR (-513)
#define KERNEL_RESTARTNOHAND (-514)
#define KERNEL_RESTART_RESTARTBLOCK (-516)
#define KERNEL_EINTR (-4)

#define CS_64BIT 0x33
#define EFLAGS_TRAP 0x100ull
#define EFLAGS_DIRECTION 0x400ull
#define SYSCALL_BYTES 2

enum x86_nr {
	NR_SEMOP = 65,
	NR_RT_SIGTIMEDWAIT = 128,
	NR_FUTEX = 202,
	NR_RESTART_SYSCALL = 219,
	NR_SEMTIMEDOP = 220,
	NR_EPOLL_WAIT = 232,
	NR_EPOLL_PWAIT = 281,
	NR_EPOLL_PWAIT2 = 441,
};

static void put32(uint8_t *at, uint32_t v)
{
	memcpy(at, &v, sizeof(v));
}

static void put64(uint8_t *at, uint64_t v)
{
	memcpy(at, &v, sizeof(v));
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static taddr x86_pc(const struct stop_regs *regs)
{
	return taddr_of(regs->word[RIP]);
}

static taddr x86_sp(const struct stop_regs *regs)
{
	return taddr_of(regs->word[RSP]);
}

static taddr x86_tp(const struct stop_regs *regs)
{
	return taddr_of(regs->word[FS_BASE]);
}

static bool x86_native(const struct stop_regs *regs)
{
	return regs->count >= X86_WORDS && regs->word[CS] == CS_64BIT;
}

static bool in_call(const struct stop_regs *regs)
{
	return (int64_t)regs->word[ORIG_RAX] >= 0;
}

static enum arch_where x86_where(const struct stop_regs *regs, uint32_t instruction_at_pc)
{
	(void)instruction_at_pc;
	if (!in_call(regs))
		return ARCH_IN_USER;
	return (int64_t)regs->word[RAX] == KERNEL_RESTART_RESTARTBLOCK ? ARCH_IN_RESTART_BLOCK :
									  ARCH_IN_CALL;
}

/*
 * These calls answer EINTR where others restart (signal(7), "Interruption of system calls …
 * by stop signals"). Only calls without a time limit: a new start would lengthen the others.
 */
static bool x86_mend_interrupted(struct stop_regs *regs)
{
	bool endless;

	if (!in_call(regs) || (int64_t)regs->word[RAX] != KERNEL_EINTR)
		return false;
	switch (regs->word[ORIG_RAX]) {
	case NR_EPOLL_WAIT:
	case NR_EPOLL_PWAIT:
		endless = (int32_t)regs->word[R10] < 0;
		break;
	case NR_EPOLL_PWAIT2:
	case NR_SEMTIMEDOP:
		endless = regs->word[R10] == 0;
		break;
	case NR_RT_SIGTIMEDWAIT:
		endless = regs->word[RDX] == 0;
		break;
	case NR_SEMOP:
		endless = true;
		break;
	default:
		endless = false;
	}
	if (endless)
		regs->word[RAX] = (uint64_t)(int64_t)KERNEL_RESTARTNOHAND;
	return endless;
}

static size_t find_bytes(const uint8_t *text, size_t len, const void *what, size_t n)
{
	const uint8_t *p = memmem(text, len, what, n);

	return p ? (size_t)(p - text) : ARCH_NOT_FOUND;
}

/* syscall; ret */
static size_t x86_find_syscall(const uint8_t *text, size_t len)
{
	return find_bytes(text, len, "\x0f\x05\xc3", 3);
}

/* mov $15, %rax; syscall — glibc's and musl's __restore_rt; or with %eax. */
static size_t x86_find_sigreturn(const uint8_t *text, size_t len)
{
	size_t at = find_bytes(text, len, "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9);

	return at != ARCH_NOT_FOUND ? at :
				      find_bytes(text, len, "\xb8\x0f\x00\x00\x00\x0f\x05", 7);
}

/* futex(FUTEX_WAIT_BITSET) has an absolute time limit: made again it ends when it should. */
static bool absolute_futex(const struct stop_regs *regs)
{
	return regs->word[ORIG_RAX] == NR_FUTEX && (regs->word[RSI] & 0x7f) == 9;
}

/* The restart the kernel does on its way to user mode, which sigreturn leaves out. */
static void restart_by_hand(struct stop_regs *regs)
{
	int64_t answer = (int64_t)regs->word[RAX];

	if (!in_call(regs))
		return;
	if (answer == KERNEL_RESTARTSYS || answer == KERNEL_RESTARTNOINTR ||
	    answer == KERNEL_RESTARTNOHAND ||
	    (answer == KERNEL_RESTART_RESTARTBLOCK && absolute_futex(regs))) {
		regs->word[RAX] = regs->word[ORIG_RAX];
		regs->word[RIP] -= SYSCALL_BYTES;
	} else if (answer == KERNEL_RESTART_RESTARTBLOCK) {
		regs->word[RAX] = NR_RESTART_SYSCALL;
		regs->word[RIP] -= SYSCALL_BYTES;
	}
}

/* How much of the register set a frame may hold; more than the kernel expects loses AVX state. */
static size_t xstate_bytes(const struct arch_state *state, uint64_t *ret_features)
{
	uint64_t features = get64(state->fp + FP_SW_OFFSET);
	uint64_t used = get64(state->fp + FP_XSTATE_BV);
	size_t n = state->fp_len;

	if ((features & FP_TILE_BIT) && !(used & FP_TILE_BIT) && n > FP_BYTES_BEFORE_TILES) {
		features &= ~FP_TILE_BIT;
		n = FP_BYTES_BEFORE_TILES;
	}
	*ret_features = features;
	return n;
}

static void put_fp(const struct arch_state *state, uint8_t *at, size_t n, uint64_t features)
{
	memcpy(at, state->fp, n);
	if (n < FP_MIN_XSTATE)
		return;
	memset(at + FP_SW_OFFSET, 0, FP_LEGACY_BYTES - FP_SW_OFFSET);
	put32(at + FP_SW_OFFSET, FP_MAGIC1);
	put32(at + FP_SW_OFFSET + 4, (uint32_t)n + 4);
	put64(at + FP_SW_OFFSET + 8, features);
	put32(at + FP_SW_OFFSET + 16, (uint32_t)n);
	put32(at + n, FP_MAGIC2);
}

static int x86_frame_build(const struct arch_state *state, enum arch_where where, taddr below,
			   taddr sigreturn_at, struct arch_frame *ret, struct err *err)
{
	struct stop_regs regs = state->regs;
	uint64_t features = 0, fp_addr, addr;
	size_t n = state->fp_len, at = FRAME_REGS;
	bool extended = n >= FP_MIN_XSTATE;
	uint16_t cs = (uint16_t)regs.word[CS], ss = (uint16_t)regs.word[SS];

	(void)where;
	if ((n && n < FP_LEGACY_BYTES) || n > ARCH_FP_MAX)
		return err_set(err, ERR_UNSUPPORTED, "floating point state of %zu bytes", n);
	if (extended)
		n = xstate_bytes(state, &features);
	fp_addr = (below.v - n - 4) & ~63ull;
	addr = ((fp_addr - FRAME_BYTES) & ~15ull) - 8;
	memset(ret->bytes, 0, sizeof(ret->bytes));
	ret->addr = taddr_of(addr);
	ret->len = (size_t)(fp_addr - addr) + n + (extended ? 4 : 0);

	restart_by_hand(&regs);
	put64(ret->bytes + FRAME_RETURN, sigreturn_at.v);
	put64(ret->bytes + FRAME_UC_FLAGS, UC_FLAGS_SS | (extended ? UC_FLAGS_FP : 0));
	put32(ret->bytes + FRAME_ALTSTACK_FLAGS, ALTSTACK_KEEP);
	for (size_t i = 0; i < sizeof(frame_order); i++, at += 8)
		put64(ret->bytes + at, regs.word[frame_order[i]]);
	put64(ret->bytes + FRAME_EFLAGS, regs.word[EFLAGS]);
	memcpy(ret->bytes + FRAME_CS, &cs, sizeof(cs));
	memcpy(ret->bytes + FRAME_SS, &ss, sizeof(ss));
	put64(ret->bytes + FRAME_SIGMASK, state->sigmask);
	if (n == 0)
		return 0;
	put64(ret->bytes + FRAME_FP_ADDR, fp_addr);
	put_fp(state, ret->bytes + (fp_addr - addr), n, features);
	return 0;
}

static void x86_call_regs(const struct stop_regs *from, const struct arch_call *call,
			  struct stop_regs *ret)
{
	static const uint8_t order[6] = { RDI, RSI, RDX, R10, R8, R9 };

	*ret = *from;
	for (int i = 0; i < 6; i++)
		ret->word[order[i]] = call->arg[i];
	ret->word[RAX] = (uint64_t)call->nr;
	/* No call in progress: the kernel must not apply a restart to these registers. */
	ret->word[ORIG_RAX] = UINT64_MAX;
	ret->word[RIP] = call->syscall_at.v;
	ret->word[RSP] = call->frame.v;
	ret->word[EFLAGS] &= ~(EFLAGS_TRAP | EFLAGS_DIRECTION);
}

static int64_t x86_call_result(const struct stop_regs *regs)
{
	return (int64_t)regs->word[RAX];
}

/* With the original number and answer back, the kernel restarts the call by itself. */
static void x86_restore_regs(const struct stop_regs *from, enum arch_where where,
			     struct stop_regs *ret)
{
	(void)where;
	*ret = *from;
}

const struct arch arch_x86_64 = {
	.name = "x86_64",
	.regs_words = X86_WORDS,
	.fp_regset = PTRACE_REGS_XSTATE,
	.tls_regset = 0,
	.red_zone_bytes = 128,
	.instruction_align = 1,
	.pc = x86_pc,
	.sp = x86_sp,
	.tp = x86_tp,
	.native = x86_native,
	.where = x86_where,
	.mend_interrupted = x86_mend_interrupted,
	.find_syscall = x86_find_syscall,
	.find_sigreturn = x86_find_sigreturn,
	.frame_build = x86_frame_build,
	.frame_arg0 = FRAME_RDI,
	.call_regs = x86_call_regs,
	.call_result = x86_call_result,
	.restore_regs = x86_restore_regs,
	/* arch/x86/entry/syscalls/syscall_64.tbl */
	.sys = { .mmap = 9, .munmap = 11, .mprotect = 10, .madvise = 28, .pipe2 = 293, .fcntl = 72,
		 .dup3 = 292, .close = 3, .clone = 56, .wait4 = 61, .fstat = 5, .getpid = 39,
		 .gettid = 186, .memfd_create = 319 },
	.nr_exit_group = 231,
};
