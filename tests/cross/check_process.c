/* SPDX-License-Identifier: MIT */
/*
 * Run on aarch64: the frame we build is handed to the real rt_sigreturn, and every register must
 * come back. Also compares our offsets with the C library's structures. Plain main, because the
 * test framework need not exist for that CPU.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "tracer/process/arch.h"
#include "tracer/process/maps.h"

#if !defined(__aarch64__)
#error "built for aarch64 only"
#endif

static int failures;

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			printf("not ok: line %d: %s\n", __LINE__, #what);                          \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

/* What landing() stores at the stack pointer it gets: x0 … x30, q0 … q31, then the way back. */
struct landed {
	uint64_t x[32];
	uint8_t q[32][16];
	uint64_t stack;
};

_Static_assert(offsetof(struct landed, q) == 256, "used by the assembly");
_Static_assert(offsetof(struct landed, stack) == 768, "used by the assembly");

void leave_through(uint64_t frame, struct landed *save);
void landing(void);

__asm__(".text\n"
	".global leave_through\n"
	"leave_through:\n"
	"	stp x29, x30, [sp, #-96]!\n"
	"	stp x19, x20, [sp, #16]\n"
	"	stp x21, x22, [sp, #32]\n"
	"	stp x23, x24, [sp, #48]\n"
	"	stp x25, x26, [sp, #64]\n"
	"	stp x27, x28, [sp, #80]\n"
	"	mov x2, sp\n"
	"	str x2, [x1, #768]\n"
	"	mov sp, x0\n"
	"	mov x8, #139\n"
	"	svc #0\n"
	".global landing\n"
	"landing:\n"
	"	stp x0, x1, [sp]\n"
	"	stp x2, x3, [sp, #16]\n"
	"	stp x4, x5, [sp, #32]\n"
	"	stp x6, x7, [sp, #48]\n"
	"	stp x8, x9, [sp, #64]\n"
	"	stp x10, x11, [sp, #80]\n"
	"	stp x12, x13, [sp, #96]\n"
	"	stp x14, x15, [sp, #112]\n"
	"	stp x16, x17, [sp, #128]\n"
	"	stp x18, x19, [sp, #144]\n"
	"	stp x20, x21, [sp, #160]\n"
	"	stp x22, x23, [sp, #176]\n"
	"	stp x24, x25, [sp, #192]\n"
	"	stp x26, x27, [sp, #208]\n"
	"	stp x28, x29, [sp, #224]\n"
	"	str x30, [sp, #240]\n"
	"	add x0, sp, #256\n"
	"	st1 {v0.16b-v3.16b}, [x0], #64\n"
	"	st1 {v4.16b-v7.16b}, [x0], #64\n"
	"	st1 {v8.16b-v11.16b}, [x0], #64\n"
	"	st1 {v12.16b-v15.16b}, [x0], #64\n"
	"	st1 {v16.16b-v19.16b}, [x0], #64\n"
	"	st1 {v20.16b-v23.16b}, [x0], #64\n"
	"	st1 {v24.16b-v27.16b}, [x0], #64\n"
	"	st1 {v28.16b-v31.16b}, [x0], #64\n"
	"	ldr x0, [sp, #768]\n"
	"	mov sp, x0\n"
	"	ldp x19, x20, [sp, #16]\n"
	"	ldp x21, x22, [sp, #32]\n"
	"	ldp x23, x24, [sp, #48]\n"
	"	ldp x25, x26, [sp, #64]\n"
	"	ldp x27, x28, [sp, #80]\n"
	"	ldp x29, x30, [sp], #96\n"
	"	ret\n");

static void offsets_agree(void)
{
	/* rt_sigframe is a siginfo of 128 bytes and a ucontext. */
	CHECK(128 + offsetof(ucontext_t, uc_stack.ss_flags) == 152);
	CHECK(128 + offsetof(ucontext_t, uc_sigmask) == 168);
	CHECK(128 + offsetof(ucontext_t, uc_mcontext.regs) == 312);
	CHECK(128 + offsetof(ucontext_t, uc_mcontext.sp) == 312 + 31 * 8);
	CHECK(128 + offsetof(ucontext_t, uc_mcontext.pc) == 312 + 32 * 8);
	CHECK(128 + offsetof(ucontext_t, uc_mcontext.pstate) == 312 + 33 * 8);
	CHECK(128 + offsetof(ucontext_t, uc_mcontext.__reserved) == 592);
}

static struct arch_frame frame;
static uint8_t stack[64 << 10] __attribute__((aligned(64)));
static uint8_t fp[528];

static void registers_return_through_the_frame(void)
{
	struct arch_state state = { .fp = fp, .fp_len = sizeof(fp) };
	static struct landed landed __attribute__((aligned(16)));
	struct err err = ERR_INIT;
	sigset_t before, after;

	for (size_t i = 0; i < 31; i++)
		state.regs.word[i] = 0x1111111111111111u * (i % 15 + 1) + i;
	for (size_t i = 0; i < 512; i++)
		fp[i] = (uint8_t)(i * 7 + 3);
	state.regs.word[31] = (uintptr_t)&landed;
	state.regs.word[32] = (uintptr_t)landing;
	state.regs.count = 34;
	sigemptyset(&before);
	sigaddset(&before, SIGUSR2);
	memcpy(&state.sigmask, &before, sizeof(state.sigmask));

	CHECK(arch_aarch64.frame_build(&state, ARCH_IN_USER, taddr_of((uintptr_t)stack + sizeof(stack)),
				       TADDR_NULL, &frame, &err) == 0);
	CHECK(frame.addr.v % 16 == 0);
	CHECK(frame.addr.v >= (uintptr_t)stack && frame.addr.v + frame.len <=
						      (uintptr_t)stack + sizeof(stack));
	memcpy((void *)(uintptr_t)frame.addr.v, frame.bytes, frame.len);
	leave_through(frame.addr.v, &landed);

	for (size_t i = 0; i < 31; i++)
		CHECK(landed.x[i] == state.regs.word[i]);
	CHECK(memcmp(landed.q, fp, 512) == 0);
	sigprocmask(SIG_SETMASK, NULL, &after);
	CHECK(sigismember(&after, SIGUSR2) == 1);
	CHECK(sigismember(&after, SIGUSR1) == 0);
}

extern const uint8_t __executable_start[], etext[];

static void instructions_are_found_in_real_text(void)
{
	size_t len = (size_t)(etext - __executable_start);
	size_t at = arch_aarch64.find_syscall(__executable_start, len);

	CHECK(at != ARCH_NOT_FOUND);
	CHECK(at == ARCH_NOT_FOUND || memcmp(__executable_start + at, "\x01\x00\x00\xd4", 4) == 0);
	at = arch_aarch64.find_sigreturn((const uint8_t *)(uintptr_t)leave_through, 256);
	CHECK(at != ARCH_NOT_FOUND);
}

static void maps_of_this_process_parse(void)
{
	struct maps m;
	struct err err = ERR_INIT;
	int local;

	CHECK(maps_read(getpid(), &m, &err) == 0);
	CHECK(maps_find(&m, taddr_of((uintptr_t)&local)) != NULL);
	maps_deinit(&m);
}

int main(void)
{
	CHECK(arch_native() == &arch_aarch64);
	offsets_agree();
	registers_return_through_the_frame();
	instructions_are_found_in_real_text();
	maps_of_this_process_parse();
	printf(failures ? "%d checks failed\n" : "ok\n", failures);
	return failures != 0;
}
