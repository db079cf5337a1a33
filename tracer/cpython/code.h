/* SPDX-License-Identifier: MIT */
/*
 * What a code object says about a place in a program: names, file, lines. Copied out of the
 * target once, asked many times.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_CODE_H
#define PYMEMPROF_TRACER_CPYTHON_CODE_H

#include "tracer/cpython/py.h"

#define CODE_NAME_MAX 1024
#define CODE_FILE_MAX 4096
#define CODE_TABLE_MAX (4u << 20)

struct code {
	taddr addr;
	char *name; /* co_qualname from 3.11 on, co_name before; UTF-8 */
	char *file;
	int32_t firstline;
	uint32_t line_kind; /* enum linetable_kind */
	uint8_t *linetable;
	size_t linetable_bytes;
};

/* 1 when the object at addr is a code object, 0 when not. Errors: FAULT, GONE. */
int code_check(const struct py *py, struct mem_source *mem, taddr addr, struct err *err) MUST_CHECK;

/*
 * Read the code object at addr, which code_check believed. The caller frees with code_deinit.
 * Errors: CORRUPT, FAULT, GONE, NOMEM.
 */
int code_read(const struct py *py, struct mem_source *mem, taddr addr, struct code *ret,
	      struct err *err) MUST_CHECK;
void code_deinit(struct code *c); /* accepts a zeroed one */

/* Line of the instruction at byte offset lasti; 0 when unknown. */
int32_t code_line(const struct code *c, int32_t lasti);

#endif
