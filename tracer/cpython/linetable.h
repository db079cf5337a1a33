/* SPDX-License-Identifier: MIT */
/*
 * Line of an instruction from a code object's line table. Pure functions over bytes, shared
 * by the tracer and the injected agent: only <stddef.h> and <stdint.h>, no memory outside the
 * table is touched, work is bounded by its length, whatever the bytes are.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_LINETABLE_H
#define PYMEMPROF_TRACER_CPYTHON_LINETABLE_H

#include <stddef.h>
#include <stdint.h>

/* The same numbers as enum py_line_kind and enum agent_line_kind. */
enum linetable_kind {
	LINETABLE_LNOTAB = 1,	 /* ≤3.9: Objects/lnotab_notes.txt of 3.9 */
	LINETABLE_PEP626 = 2,	 /* 3.10: Objects/lnotab_notes.txt of 3.10 */
	LINETABLE_LOCATIONS = 3, /* 3.11+: Objects/locations.md, later InternalDocs/code_objects.md */
};

/*
 * Line of the instruction at byte offset lasti of the code, or 0 when unknown. firstline is
 * co_firstlineno, also the answer when nothing ran yet (lasti < 0). Where the table says "no
 * line" the nearest earlier line is given: threads waiting for the GIL in 3.10 and 3.11 stand
 * on an instruction without one, the jump that closes a loop.
 */
int32_t linetable_line(uint32_t kind, const uint8_t *table, size_t len, int32_t firstline,
		       int32_t lasti);

#endif
