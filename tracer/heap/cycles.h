/* SPDX-License-Identifier: MIT */
/*
 * Garbage nobody has collected yet: objects only their own cycles hold, found from outside by
 * the collector's rule — subtract from each reference count what comes from inside the set, and
 * whatever is not reachable from a positive rest is unreachable (Python/gc.c, deduce_unreachable).
 */
#ifndef PYMEMPROF_TRACER_HEAP_CYCLES_H
#define PYMEMPROF_TRACER_HEAP_CYCLES_H

#include "base/err.h"

struct heap;

/*
 * Compute the unreachable set of all generations, permanent ones not. Afterwards heap_push
 * also pushes the cycle rows. Costs four bytes per block and one visit of every container,
 * so it is a step of its own. Errors: NOMEM, GONE.
 */
int heap_find_cycles(struct heap *h, struct err *err) MUST_CHECK;

#endif
