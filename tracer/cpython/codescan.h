/* SPDX-License-Identifier: MIT */
/*
 * Reading a few instructions of exported functions: which addresses they refer to, and how they
 * get at a thread-local variable. Pure functions over bytes; not a disassembler.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_CODESCAN_H
#define PYMEMPROF_TRACER_CPYTHON_CODESCAN_H

#include <stddef.h>
#include <stdint.h>

#include "tracer/cpython/sheet.h"

#define CODESCAN_BYTES 96	/* how much of a function is worth looking at */
#define CODESCAN_TARGETS_MAX 128

/*
 * Every address that n bytes of code at run-time address pc may refer to relative to itself:
 * on x86-64 each 4-byte position taken as a RIP-relative displacement that ends its
 * instruction (far more candidates than references), on aarch64 results of adrp with add,
 * ldr, ldp. At most CODESCAN_TARGETS_MAX; returns their number.
 */
size_t codescan_targets(enum py_arch arch, const uint8_t *code, size_t n, uint64_t pc,
			uint64_t ret[CODESCAN_TARGETS_MAX]);

enum codescan_tls_kind {
	TLS_LOCAL_EXEC = 1, /* offset from the thread pointer is in the code */
	TLS_INITIAL_EXEC,   /* … in a GOT word at `got` */
	TLS_INDEX,	    /* {module, offset} at `got`, plus `offset` from the code */
	TLS_DESCRIPTOR,	    /* {function, argument} at `got` */
};

struct codescan_tls {
	enum codescan_tls_kind kind;
	uint64_t got;	/* run-time address */
	int64_t offset; /* in bytes */
};

/*
 * How a function "return thread_local_variable;" finds it. Returns 1 and fills ret, or 0 when
 * the code is none of the shapes compilers make of it.
 */
int codescan_tls(enum py_arch arch, const uint8_t *code, size_t n, uint64_t pc,
		 struct codescan_tls *ret);

#endif
