/* SPDX-License-Identifier: MIT */
/* Both CPU tables on bytes by hand: they are pure, so either is tested on any machine. */
#include "tracer/process/arch.h"

#include <criterion/criterion.h>
#include <string.h>

enum { RAX = 10, RSI = 13, RDI = 14, ORIG_RAX = 15, RIP = 16, EFLAGS = 18, RSP = 19, R10 = 7 };

static uint64_t at64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t at32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static struct arch_state x86_state(const uint8_t *fp, size_t fp_len)
{
	struct arch_state s = { .fp = fp, .fp_len = fp_len, .sigmask = 0x1234 };

	s.regs.count = 27;
	for (size_t i = 0; i < s.regs.count; i++)
		s.regs.word[i] = 0x100 + i;
	s.regs.word[17] = 0x33; /* cs */
	s.regs.word[20] = 0x2b; /* ss */
	s.regs.word[ORIG_RAX] = UINT64_MAX;
	return s;
}

Test(tracer_process_arch, x86_instructions_are_found_at_any_offset)
{
	const uint8_t text[] = "\x90\x0f\x05\x48\x0f\x05\xc3\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05";

	cr_expect_eq(arch_x86_64.find_syscall(text, sizeof(text) - 1), 4);
	cr_expect_eq(arch_x86_64.find_syscall(text, 6), ARCH_NOT_FOUND);
	cr_expect_eq(arch_x86_64.find_sigreturn(text, sizeof(text) - 1), 7);
	cr_expect_eq(arch_x86_64.find_sigreturn(text, sizeof(text) - 2), ARCH_NOT_FOUND);
	cr_expect_eq(arch_x86_64.find_sigreturn((const uint8_t *)"\xb8\x0f\x00\x00\x00\x0f\x05", 7), 0);
}

Test(tracer_process_arch, x86_call_registers_carry_the_arguments)
{
	uint8_t fp[512] = { 0 };
	struct arch_state s = x86_state(fp, sizeof(fp));
	struct arch_call call = { .nr = 9,
				  .arg = { 1, 2, 3, 4, 5, 6 },
				  .syscall_at = { 0x7000 },
				  .sigreturn_at = { 0x8000 },
				  .frame = { 0x9008 } };
	struct stop_regs r;

	s.regs.word[EFLAGS] = 0x746; /* with trap and direction flags */
	arch_x86_64.call_regs(&s.regs, &call, &r);
	cr_expect_eq(r.word[RAX], 9);
	cr_expect_eq(r.word[RDI], 1);
	cr_expect_eq(r.word[RSI], 2);
	cr_expect_eq(r.word[12], 3);
	cr_expect_eq(r.word[R10], 4);
	cr_expect_eq(r.word[9], 5);
	cr_expect_eq(r.word[8], 6);
	cr_expect_eq(r.word[ORIG_RAX], UINT64_MAX);
	cr_expect_eq(r.word[RIP], 0x7000);
	cr_expect_eq(r.word[RSP], 0x9008);
	cr_expect_eq(r.word[EFLAGS], 0x246);
	cr_expect_eq(r.word[21], s.regs.word[21], "the thread pointer stays");
}

Test(tracer_process_arch, x86_frame_has_registers_mask_and_extended_state)
{
	static uint8_t fp[2696];
	static struct arch_frame f;
	struct arch_state s = x86_state(fp, sizeof(fp));
	uint64_t fp_addr;

	for (size_t i = 0; i < sizeof(fp); i++)
		fp[i] = (uint8_t)i;
	memcpy(fp + 464, &(uint64_t){ 0x2e7 }, 8);
	memcpy(fp + 512, &(uint64_t){ 0x7 }, 8);
	cr_assert_eq(arch_x86_64.frame_build(&s, ARCH_IN_USER, taddr_of(0x7ffff000),
					     taddr_of(0xabcd), &f, NULL), 0);
	cr_expect_leq(f.addr.v + f.len, 0x7ffff000);
	cr_expect_eq((f.addr.v + 8) % 16, 0);
	cr_expect_eq(at64(f.bytes), 0xabcd);
	cr_expect_eq(at64(f.bytes + 48), s.regs.word[9], "r8 comes first");
	cr_expect_eq(at64(f.bytes + 168), s.regs.word[RSP]);
	cr_expect_eq(at64(f.bytes + 176), s.regs.word[RIP]);
	cr_expect_eq(f.bytes[192], 0x33);
	cr_expect_eq(f.bytes[198], 0x2b);
	cr_expect_eq(at64(f.bytes + 304), 0x1234);
	fp_addr = at64(f.bytes + 232);
	cr_expect_eq(fp_addr % 64, 0);
	cr_expect_eq(memcmp(f.bytes + (fp_addr - f.addr.v), fp, 464), 0);
	cr_expect_eq(at32(f.bytes + (fp_addr - f.addr.v) + 464), 0x46505853);
	cr_expect_eq(at64(f.bytes + (fp_addr - f.addr.v) + 472), 0x2e7);
	cr_expect_eq(at32(f.bytes + (fp_addr - f.addr.v) + 480), sizeof(fp));
	cr_expect_eq(at32(f.bytes + (fp_addr - f.addr.v) + sizeof(fp)), 0x46505845);
}

Test(tracer_process_arch, x86_frame_leaves_unused_tiles_out)
{
	static uint8_t fp[11008];
	static struct arch_frame f;
	struct arch_state s = x86_state(fp, sizeof(fp));
	uint64_t fp_at;

	memcpy(fp + 464, &(uint64_t){ 0x602e7 }, 8);
	memcpy(fp + 512, &(uint64_t){ 0x7 }, 8);
	cr_assert_eq(arch_x86_64.frame_build(&s, ARCH_IN_USER, taddr_of(0x7ffff000),
					     taddr_of(0xabcd), &f, NULL), 0);
	fp_at = at64(f.bytes + 232) - f.addr.v;
	cr_expect_eq(at64(f.bytes + fp_at + 472), 0x202e7);
	cr_expect_eq(at32(f.bytes + fp_at + 480), 2816);
	memcpy(fp + 512, &(uint64_t){ 0x40007 }, 8);
	cr_assert_eq(arch_x86_64.frame_build(&s, ARCH_IN_USER, taddr_of(0x7ffff000),
					     taddr_of(0xabcd), &f, NULL), 0);
	fp_at = at64(f.bytes + 232) - f.addr.v;
	cr_expect_eq(at32(f.bytes + fp_at + 480), sizeof(fp));
}

Test(tracer_process_arch, x86_state_without_extension_has_no_magic_words)
{
	static uint8_t fp[512];
	static struct arch_frame f;
	struct arch_state s = x86_state(fp, sizeof(fp));

	cr_assert_eq(arch_x86_64.frame_build(&s, ARCH_IN_USER, taddr_of(0x7ffff000),
					     taddr_of(0xabcd), &f, NULL), 0);
	cr_expect_eq(at64(f.bytes + 8) & 1, 0);
	s.fp_len = 100;
	cr_expect_eq(arch_x86_64.frame_build(&s, ARCH_IN_USER, taddr_of(0x7ffff000),
					     taddr_of(0xabcd), &f, NULL), ERR_UNSUPPORTED);
}

Test(tracer_process_arch, x86_frame_restarts_calls_by_hand)
{
	static uint8_t fp[512];
	static struct arch_frame f;
	static const struct {
		int64_t answer;
		uint64_t nr, rsi, rip, rax;
	} cases[] = {
		{ -512, 0, 0, 0x4ffe, 0 },	/* read */
		{ -513, 0, 0, 0x4ffe, 0 },
		{ -514, 7, 0, 0x4ffe, 7 },	/* poll */
		{ -516, 35, 0, 0x4ffe, 219 },	/* nanosleep: restart_syscall */
		{ -516, 202, 0x189, 0x4ffe, 202 }, /* futex with an absolute limit */
		{ -4, 0, 0, 0x5000, (uint64_t)-4 }, /* answered: nothing to restart */
		{ 17, 0, 0, 0x5000, 17 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct arch_state s = x86_state(fp, sizeof(fp));

		s.regs.word[RIP] = 0x5000;
		s.regs.word[RAX] = (uint64_t)cases[i].answer;
		s.regs.word[ORIG_RAX] = cases[i].nr;
		s.regs.word[RSI] = cases[i].rsi;
		cr_assert_eq(arch_x86_64.frame_build(&s, arch_x86_64.where(&s.regs, 0),
						     taddr_of(0x7ffff000), taddr_of(1), &f, NULL), 0);
		cr_expect_eq(at64(f.bytes + 176), cases[i].rip, "case %zu", i);
		cr_expect_eq(at64(f.bytes + 152), cases[i].rax, "case %zu", i);
	}
}

Test(tracer_process_arch, x86_endless_calls_are_mended_and_others_are_not)
{
	uint8_t fp[512];
	struct arch_state s = x86_state(fp, sizeof(fp));

	s.regs.word[RAX] = (uint64_t)-4;
	s.regs.word[ORIG_RAX] = 232; /* epoll_wait */
	s.regs.word[R10] = 0xffffffff;
	cr_expect(arch_x86_64.mend_interrupted(&s.regs));
	cr_expect_eq((int64_t)s.regs.word[RAX], -514);
	s.regs.word[RAX] = (uint64_t)-4;
	s.regs.word[R10] = 1000;
	cr_expect_not(arch_x86_64.mend_interrupted(&s.regs));
	s.regs.word[R10] = 0xffffffff;
	s.regs.word[RAX] = 3;
	cr_expect_not(arch_x86_64.mend_interrupted(&s.regs));
	s.regs.word[RAX] = (uint64_t)-4;
	s.regs.word[ORIG_RAX] = UINT64_MAX;
	cr_expect_not(arch_x86_64.mend_interrupted(&s.regs));
}

Test(tracer_process_arch, arm_instructions_are_found_when_aligned)
{
	const uint32_t text[] = { 0xd4000001, 0xb13ffc1f, 0x540000a2, 0xd65f03c0,
				  0xd2801168, 0xd4000001, 0xd4000001, 0xd65f03c0 };
	const uint8_t *bytes = (const uint8_t *)text;

	cr_expect_eq(arch_aarch64.find_syscall(bytes, sizeof(text)), 24, "svc; ret is preferred");
	cr_expect_eq(arch_aarch64.find_syscall(bytes, 16), 0, "svc; cmn; b.cs; ret will do");
	cr_expect_eq(arch_aarch64.find_syscall(bytes, 12), ARCH_NOT_FOUND);
	cr_expect_eq(arch_aarch64.find_sigreturn(bytes, sizeof(text)), 16);
	cr_expect_eq(arch_aarch64.find_sigreturn(bytes, 20), ARCH_NOT_FOUND);
}

static struct arch_state arm_state(const uint8_t *fp)
{
	struct arch_state s = { .fp = fp, .fp_len = 528, .sigmask = 0x1234 };

	s.regs.count = 34;
	for (size_t i = 0; i < 34; i++)
		s.regs.word[i] = 0x100 + i;
	return s;
}

Test(tracer_process_arch, arm_frame_has_registers_mask_and_vectors)
{
	static uint8_t fp[528];
	static struct arch_frame f;
	struct arch_state s = arm_state(fp);

	memset(fp, 0x5a, 512);
	memcpy(fp + 512, &(uint64_t){ 0x2222222211111111 }, 8);
	cr_assert_eq(arch_aarch64.frame_build(&s, ARCH_IN_USER, taddr_of(0x7fffffff0008),
					      TADDR_NULL, &f, NULL), 0);
	cr_expect_eq(f.addr.v % 16, 0);
	cr_expect_leq(f.addr.v + f.len, 0x7fffffff0008);
	cr_expect_eq(at64(f.bytes + 168), 0x1234);
	for (size_t i = 0; i < 34; i++)
		cr_expect_eq(at64(f.bytes + 312 + 8 * i), 0x100 + i);
	cr_expect_eq(at32(f.bytes + 592), 0x46508001);
	cr_expect_eq(at32(f.bytes + 596), 528);
	cr_expect_eq(at32(f.bytes + 600), 0x11111111);
	cr_expect_eq(at32(f.bytes + 604), 0x22222222);
	cr_expect_eq(memcmp(f.bytes + 608, fp, 512), 0);
	cr_expect_eq(at64(f.bytes + 592 + 528), 0, "the list of records ends");
}

Test(tracer_process_arch, arm_frame_takes_scalable_vectors_that_fit)
{
	static uint8_t fp[528], sve[16 + 4 * 546];
	static struct arch_frame f;
	struct arch_state s = arm_state(fp);
	uint16_t bytes = 64;

	memset(sve, 0x77, sizeof(sve));
	memcpy(sve + 8, &bytes, 2);
	s.sve = sve;
	s.sve_len = sizeof(sve);
	cr_assert_eq(arch_aarch64.frame_build(&s, ARCH_IN_USER, taddr_of(0x7fffffff0000),
					      TADDR_NULL, &f, NULL), 0);
	cr_expect_eq(at32(f.bytes + 592 + 528), 0x53564501);
	cr_expect_eq(at32(f.bytes + 592 + 532), 2208);
	bytes = 256;
	memcpy(sve + 8, &bytes, 2);
	cr_expect_eq(arch_aarch64.frame_build(&s, ARCH_IN_USER, taddr_of(0x7fffffff0000),
					      TADDR_NULL, &f, NULL), ERR_UNSUPPORTED);
}

Test(tracer_process_arch, arm_relative_sleeps_are_resumed_and_other_calls_made_again)
{
	uint8_t fp[528] = { 0 };
	struct arch_state s = arm_state(fp);
	struct stop_regs r;

	s.regs.word[8] = 101;
	cr_expect_eq(arch_aarch64.where(&s.regs, 0xd4000001), ARCH_IN_RESTART_BLOCK);
	cr_expect_eq(arch_aarch64.where(&s.regs, 0xd65f03c0), ARCH_IN_USER);
	arch_aarch64.restore_regs(&s.regs, ARCH_IN_RESTART_BLOCK, &r);
	cr_expect_eq(r.word[8], 128);
	s.regs.word[8] = 115;
	s.regs.word[1] = 1; /* TIMER_ABSTIME */
	cr_expect_eq(arch_aarch64.where(&s.regs, 0xd4000001), ARCH_IN_CALL);
	arch_aarch64.restore_regs(&s.regs, ARCH_IN_CALL, &r);
	cr_expect_eq(r.word[8], 115);
}

Test(tracer_process_arch, arm_call_returns_into_the_stub)
{
	uint8_t fp[528] = { 0 };
	struct arch_state s = arm_state(fp);
	struct arch_call call = { .nr = 222, .arg = { 1, 2, 3, 4, 5, 6 }, .syscall_at = { 0x7000 },
				  .sigreturn_at = { 0x8000 }, .frame = { 0x9000 } };
	struct stop_regs r;

	s.regs.word[33] = 0x60200c00; /* flags, single step, BTYPE */
	arch_aarch64.call_regs(&s.regs, &call, &r);
	for (size_t i = 0; i < 6; i++)
		cr_expect_eq(r.word[i], i + 1);
	cr_expect_eq(r.word[8], 222);
	cr_expect_eq(r.word[30], 0x8000);
	cr_expect_eq(r.word[31], 0x9000);
	cr_expect_eq(r.word[32], 0x7000);
	cr_expect_eq(r.word[33], 0x60000000);
}
