/* SPDX-License-Identifier: MIT */
/*
 * Where pymalloc keeps its arena vector: static variables up to 3.11 (found by signature, so
 * stripped builds are no different), in or behind the interpreter state from 3.12.
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

/* Next interpreter in _PyRuntime.interpreters: start with *at = 0; false at the end. */
bool heap_interp_next(struct reader *r, const struct py *py, uint64_t *at, uint32_t *index);

#endif
