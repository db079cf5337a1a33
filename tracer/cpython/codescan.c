/* SPDX-License-Identifier: MIT */
/*
 * Shapes of compiled code this tool looks for. Shapes were taken from disassembled builds of
 * every supported version (shared and static, gcc); each has a unit test with its real bytes.
 */
#include "tracer/cpython/codescan.h"

#include <string.h>

static uint32_t u32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static int64_t s32_at(const uint8_t *p)
{
	return (int32_t)u32_at(p);
}

static size_t targets_x86_64(const uint8_t *code, size_t n, uint64_t pc, uint64_t *ret)
{
	size_t count = 0;

	for (size_t i = 0; i + 4 <= n && count < CODESCAN_TARGETS_MAX; i++)
		ret[count++] = pc + i + 4 + (uint64_t)s32_at(code + i);
	return count;
}

static int64_t sign_extend(uint64_t v, unsigned bits)
{
	uint64_t top = UINT64_C(1) << (bits - 1);

	return (int64_t)((v ^ top) - top);
}

/* adrp Xd, page: Arm ARM C6.2.11. */
static int is_adrp(uint32_t in, uint64_t pc, uint64_t *ret)
{
	uint64_t imm;

	if ((in & 0x9f000000) != 0x90000000)
		return 0;
	imm = (uint64_t)(in >> 5 & 0x7ffff) << 2 | (in >> 29 & 3);
	*ret = (pc & ~UINT64_C(4095)) + ((uint64_t)sign_extend(imm, 21) << 12);
	return 1;
}

/*
 * Offset which an add (immediate), ldr (unsigned offset) or ldp (signed offset) of 64-bit
 * registers adds to its base register; 0 when in is none of these.
 */
static int is_offset(uint32_t in, int64_t *ret_offset, unsigned *ret_base, unsigned *ret_dest)
{
	*ret_base = in >> 5 & 31;
	*ret_dest = in & 31;
	if ((in & 0xff800000) == 0x91000000) /* add, shift 0 or 12 in bits 22–23 */
		*ret_offset = (int64_t)(in >> 10 & 0xfff) << (in >> 22 & 1 ? 12 : 0);
	else if ((in & 0xffc00000) == 0xf9400000) /* ldr */
		*ret_offset = (int64_t)(in >> 10 & 0xfff) * 8;
	else if ((in & 0xffc00000) == 0xa9400000) /* ldp */
		*ret_offset = sign_extend(in >> 15 & 127, 7) * 8;
	else
		return 0;
	return 1;
}

static size_t targets_aarch64(const uint8_t *code, size_t n, uint64_t pc, uint64_t *ret)
{
	uint64_t reg[32] = { 0 };
	size_t count = 0;

	for (size_t i = 0; i + 4 <= n && count < CODESCAN_TARGETS_MAX; i += 4) {
		uint32_t in = u32_at(code + i);
		unsigned base, dest;
		uint64_t page;
		int64_t offset;

		if (is_adrp(in, pc + i, &page)) {
			reg[in & 31] = page;
		} else if (is_offset(in, &offset, &base, &dest) && reg[base]) {
			ret[count++] = reg[base] + (uint64_t)offset;
			if ((in & 0xff800000) == 0x91000000)
				reg[dest] = reg[base] + (uint64_t)offset;
			else
				reg[dest] = 0;
		}
	}
	return count;
}

size_t codescan_targets(enum py_arch arch, const uint8_t *code, size_t n, uint64_t pc,
			uint64_t ret[CODESCAN_TARGETS_MAX])
{
	if (arch == PY_AARCH64)
		return targets_aarch64(code, n, pc, ret);
	return targets_x86_64(code, n, pc, ret);
}

/* Displacement of a following mov disp(%rax),%rax; 0 for mov (%rax),%rax. */
static int load_rax(const uint8_t *p, const uint8_t *end, int64_t *ret)
{
	if (end - p >= 3 && p[0] == 0x48 && p[1] == 0x8b && p[2] == 0x00) {
		*ret = 0;
		return 1;
	}
	if (end - p >= 4 && p[0] == 0x48 && p[1] == 0x8b && p[2] == 0x40) {
		*ret = (int8_t)p[3]; /* NOLINT(bugprone-signed-char-misuse): a displacement */
		return 1;
	}
	if (end - p >= 7 && p[0] == 0x48 && p[1] == 0x8b && p[2] == 0x80) {
		*ret = s32_at(p + 3);
		return 1;
	}
	return 0;
}

static int tls_x86_64(const uint8_t *code, size_t n, uint64_t pc, struct codescan_tls *ret)
{
	const uint8_t *end = code + n;

	for (const uint8_t *p = code; p + 9 <= end; p++) {
		uint64_t after = pc + (uint64_t)(p - code);

		if (p[0] == 0xc3)
			return 0; /* ret: the function is over */
		/* mov %fs:disp32,%rax */
		if (p[0] == 0x64 && p[1] == 0x48 && p[2] == 0x8b && p[3] == 0x04 && p[4] == 0x25) {
			*ret = (struct codescan_tls){ TLS_LOCAL_EXEC, 0, s32_at(p + 5) };
			return 1;
		}
		/* mov got(%rip),%rax; mov %fs:(%rax),%rax */
		if (p + 11 <= end && p[0] == 0x48 && p[1] == 0x8b && p[2] == 0x05 &&
		    p[7] == 0x64 && p[8] == 0x48 && p[9] == 0x8b && p[10] == 0x00) {
			*ret = (struct codescan_tls){ TLS_INITIAL_EXEC,
						      after + 7 + (uint64_t)s32_at(p + 3), 0 };
			return 1;
		}
		/* [data16] lea got(%rip),%rdi; call __tls_get_addr; mov disp(%rax),%rax */
		if (p[0] == 0x48 && p[1] == 0x8d && p[2] == 0x3d) {
			ret->kind = TLS_INDEX;
			ret->got = after + 7 + (uint64_t)s32_at(p + 3);
			for (const uint8_t *q = p + 12; q < end && q < p + 20; q++)
				if (load_rax(q, end, &ret->offset))
					return 1;
			return 0;
		}
		/* lea got(%rip),%rax; call *(%rax): -mtls-dialect=gnu2 */
		if (p[0] == 0x48 && p[1] == 0x8d && p[2] == 0x05 && p[7] == 0xff && p[8] == 0x10) {
			*ret = (struct codescan_tls){ TLS_DESCRIPTOR,
						      after + 7 + (uint64_t)s32_at(p + 3), 0 };
			return 1;
		}
	}
	return 0;
}

static int tls_aarch64(const uint8_t *code, size_t n, uint64_t pc, struct codescan_tls *ret)
{
	uint64_t reg[32] = { 0 };
	int64_t from_tp[32] = { 0 };
	uint32_t is_tp = 0; /* bit: register holds thread pointer + from_tp */

	for (size_t i = 0; i + 4 <= n; i += 4) {
		uint32_t in = u32_at(code + i);
		unsigned base, dest;
		uint64_t page;
		int64_t offset;

		if (in == 0xd65f03c0) /* ret */
			return 0;
		if ((in & 0xffffffe0) == 0xd53bd040) { /* mrs Xd, tpidr_el0 */
			is_tp |= UINT32_C(1) << (in & 31);
			from_tp[in & 31] = 0;
		} else if (is_adrp(in, pc + i, &page)) {
			reg[in & 31] = page;
		} else if (is_offset(in, &offset, &base, &dest)) {
			int add = (in & 0xff800000) == 0x91000000;

			if (is_tp >> base & 1) {
				offset += from_tp[base];
				if (!add) {
					*ret = (struct codescan_tls){ TLS_LOCAL_EXEC, 0, offset };
					return 1;
				}
				is_tp |= UINT32_C(1) << dest;
				from_tp[dest] = offset;
			} else if (add && reg[base] && dest == 0) {
				reg[0] = reg[base] + (uint64_t)offset;
			} else if (!add && reg[base]) {
				/* ldr from the GOT: initial exec, or a descriptor's function */
				ret->got = reg[base] + (uint64_t)offset;
				ret->offset = 0;
				ret->kind = TLS_INITIAL_EXEC;
			}
		} else if ((in & 0xfffffc1f) == 0xd63f0000 && ret->got) { /* blr Xn */
			ret->kind = TLS_DESCRIPTOR;
			return 1;
		} else if ((in & 0xffe0fc00) == 0xf8606800 && ret->got) { /* ldr Xt, [Xn, Xm] */
			return 1;
		}
	}
	return 0;
}

int codescan_tls(enum py_arch arch, const uint8_t *code, size_t n, uint64_t pc,
		 struct codescan_tls *ret)
{
	*ret = (struct codescan_tls){ 0 };
	if (arch == PY_AARCH64)
		return tls_aarch64(code, n, pc, ret);
	return tls_x86_64(code, n, pc, ret);
}
