/* SPDX-License-Identifier: MIT */
/*
 * The pymalloc states of a program, as the walk wants them: one for all interpreters, or one
 * for each that has arenas of its own (3.12+).
 */
#ifndef PYMEMPROF_TRACER_HEAP_PYMALLOC_STATE_H
#define PYMEMPROF_TRACER_HEAP_PYMALLOC_STATE_H

#include "tracer/heap/pymalloc.h"

/*
 * Fill pm->heaps; pm's geometry is set. No heap at all is fine when pymalloc is not in use.
 * Errors: NOMEM; CORRUPT when pymalloc is in use and nothing fits.
 */
int pymalloc_state_find(struct reader *r, const struct py *py, struct pymalloc *pm,
			struct err *err) MUST_CHECK;

#endif
