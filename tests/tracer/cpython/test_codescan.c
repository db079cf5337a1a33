/* SPDX-License-Identifier: MIT */
/* Real instructions of real builds, with the addresses they had there. */
#include "tracer/cpython/codescan.h"

#include <criterion/criterion.h>

TestSuite(tracer_cpython_codescan, .timeout = 10);

static bool has(const uint64_t *targets, size_t n, uint64_t want)
{
	for (size_t i = 0; i < n; i++)
		if (targets[i] == want)
			return true;
	return false;
}

Test(tracer_cpython_codescan, static_program_of_3_14_has_the_offset_in_the_code)
{
	/* endbr64; mov %fs:0xffffffffffffffe8,%rax; ret */
	static const uint8_t code[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0x64, 0x48, 0x8b, 0x04, 0x25, 0xe8,
					0xff, 0xff, 0xff, 0xc3 };
	struct codescan_tls tls;

	cr_assert_eq(codescan_tls(PY_X86_64, code, sizeof(code), 0x842c00, &tls), 1);
	cr_assert_eq(tls.kind, TLS_LOCAL_EXEC);
	cr_assert_eq(tls.offset, -24);
}

Test(tracer_cpython_codescan, shared_library_of_3_13_names_its_index_in_the_got)
{
	/* sub $8,%rsp; data16 lea 0x257b14(%rip),%rdi; data16 data16 rex.W call; mov (%rax),%rax */
	static const uint8_t code[] = { 0x48, 0x83, 0xec, 0x08, 0x66, 0x48, 0x8d, 0x3d, 0x14, 0x7b,
					0x25, 0x00, 0x66, 0x66, 0x48, 0xe8, 0x7c, 0x4f, 0xdf, 0xff,
					0x48, 0x8b, 0x00, 0x48, 0x83, 0xc4, 0x08, 0xc3 };
	struct codescan_tls tls;

	cr_assert_eq(codescan_tls(PY_X86_64, code, sizeof(code), 0x2933a0, &tls), 1);
	cr_assert_eq(tls.kind, TLS_INDEX);
	cr_assert_eq(tls.got, 0x4eaec0);
	cr_assert_eq(tls.offset, 0);
}

Test(tracer_cpython_codescan, local_dynamic_model_adds_the_displacement_of_the_load)
{
	static const uint8_t code[] = { 0x48, 0x8d, 0x3d, 0x00, 0x10, 0x00, 0x00, 0xe8, 0, 0, 0, 0,
					0x48, 0x8b, 0x80, 0x40, 0x01, 0x00, 0x00, 0xc3 };
	struct codescan_tls tls;

	cr_assert_eq(codescan_tls(PY_X86_64, code, sizeof(code), 0x1000, &tls), 1);
	cr_assert_eq(tls.kind, TLS_INDEX);
	cr_assert_eq(tls.got, 0x2007);
	cr_assert_eq(tls.offset, 0x140);
}

Test(tracer_cpython_codescan, initial_exec_model_reads_the_offset_from_the_got)
{
	/* mov 0x2000(%rip),%rax; mov %fs:(%rax),%rax; ret */
	static const uint8_t code[] = { 0x48, 0x8b, 0x05, 0x00, 0x20, 0x00, 0x00,
					0x64, 0x48, 0x8b, 0x00, 0xc3 };
	struct codescan_tls tls;

	cr_assert_eq(codescan_tls(PY_X86_64, code, sizeof(code), 0x1000, &tls), 1);
	cr_assert_eq(tls.kind, TLS_INITIAL_EXEC);
	cr_assert_eq(tls.got, 0x3007);
}

Test(tracer_cpython_codescan, descriptor_dialect_is_recognised)
{
	/* lea 0x2000(%rip),%rax; call *(%rax) */
	static const uint8_t code[] = { 0x48, 0x8d, 0x05, 0x00, 0x20, 0x00, 0x00, 0xff, 0x10,
					0x64, 0x48, 0x8b, 0x00, 0xc3 };
	struct codescan_tls tls;

	cr_assert_eq(codescan_tls(PY_X86_64, code, sizeof(code), 0x1000, &tls), 1);
	cr_assert_eq(tls.kind, TLS_DESCRIPTOR);
	cr_assert_eq(tls.got, 0x3007);
}

Test(tracer_cpython_codescan, code_of_another_shape_is_no_answer)
{
	static const uint8_t ret[] = { 0xc3, 0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0 };
	static const uint8_t cut[] = { 0x64, 0x48, 0x8b, 0x04, 0x25, 0xe8 };
	struct codescan_tls tls;

	cr_assert_eq(codescan_tls(PY_X86_64, ret, sizeof(ret), 0, &tls), 0);
	cr_assert_eq(codescan_tls(PY_X86_64, cut, sizeof(cut), 0, &tls), 0);
	cr_assert_eq(codescan_tls(PY_X86_64, cut, 0, 0, &tls), 0);
	cr_assert_eq(codescan_tls(PY_AARCH64, cut, sizeof(cut), 0, &tls), 0);
}

Test(tracer_cpython_codescan, aarch64_program_adds_to_the_thread_pointer)
{
	/* mrs x0, tpidr_el0; add x0, x0, #0, lsl 12; ldr x0, [x0, #24]; ret */
	static const uint32_t code[] = { 0xd53bd040, 0x91400000, 0xf9400c00, 0xd65f03c0 };
	struct codescan_tls tls;

	cr_assert_eq(codescan_tls(PY_AARCH64, (const uint8_t *)code, sizeof(code), 0x1000, &tls), 1);
	cr_assert_eq(tls.kind, TLS_LOCAL_EXEC);
	cr_assert_eq(tls.offset, 24);
}

Test(tracer_cpython_codescan, aarch64_library_calls_through_a_descriptor)
{
	/* adrp x0, +0x5000; ldr x1, [x0, #0xfd0]; add x0, x0, #0xfd0; blr x1 */
	static const uint32_t code[] = { 0xb0000020, 0xf947e801, 0x913f4000, 0xd63f0020 };
	struct codescan_tls tls;

	cr_assert_eq(codescan_tls(PY_AARCH64, (const uint8_t *)code, sizeof(code), 0x1000, &tls), 1);
	cr_assert_eq(tls.kind, TLS_DESCRIPTOR);
	cr_assert_eq(tls.got, 0x1000 + 0x5000 + 0xfd0);
}

Test(tracer_cpython_codescan, references_of_both_architectures_are_found)
{
	/* mov 0x1234(%rip),%rdi; jmp *0x1236(%rip) */
	static const uint8_t x86[] = { 0x48, 0x8b, 0x3d, 0x34, 0x12, 0x00, 0x00,
				       0xff, 0x25, 0x36, 0x12, 0x00, 0x00 };
	/* adrp x1, +0x1000; add x1, x1, #0x40; ldp x0, x2, [x1, #16] */
	static const uint32_t arm[] = { 0xb0000001, 0x91010021, 0xa9410820 };
	uint64_t target[CODESCAN_TARGETS_MAX];
	size_t n = codescan_targets(PY_X86_64, x86, sizeof(x86), 0x1000, target);

	cr_assert(has(target, n, 0x1000 + 7 + 0x1234));
	cr_assert(has(target, n, 0x1000 + 13 + 0x1236));
	n = codescan_targets(PY_AARCH64, (const uint8_t *)arm, sizeof(arm), 0x1000, target);
	cr_assert(has(target, n, 0x2040));
	cr_assert(has(target, n, 0x2050));
}
