/* SPDX-License-Identifier: MIT */
/*
 * _Py_DebugOffsets (3.13+): the table of its own offsets a CPython carries at the start of
 * _PyRuntime, written for outside readers. It lacks much of what we read, so it is laid over
 * the sheet and doubles as a check of it.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_OFFSETS_H
#define PYMEMPROF_TRACER_CPYTHON_OFFSETS_H

#include <stdbool.h>

#include "base/err.h"
#include "tracer/cpython/layout.h"
#include "tracer/mem/source.h"

/* What is at the same place in every version: cookie, version, free_threaded. */
struct offsets_head {
	uint32_t hexversion;
	bool free_threaded;
};

struct offsets_report {
	uint32_t compared, differ;
	char first[64]; /* name of the first member that differs, or "" */
};

/* 1 and fills ret when a table is at runtime, 0 when there is none. Errors: FAULT, GONE. */
int offsets_head(struct mem_source *mem, taddr runtime, struct offsets_head *ret,
		 struct err *err) MUST_CHECK;

/*
 * Read the table at runtime in the form layout describes and take its values over into layout,
 * after all of them passed: non-negative, below the size of their struct, aligned to their
 * width. On failure layout is unchanged. A layout without the table is left alone: 0.
 * Errors: CORRUPT (absurd value, its name in the text), FAULT, GONE.
 */
int offsets_overlay(struct mem_source *mem, taddr runtime, struct py_layout *layout,
		    struct offsets_report *ret, struct err *err) MUST_CHECK;

#endif
