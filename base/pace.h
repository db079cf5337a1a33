/* SPDX-License-Identifier: MIT */
/*
 * A program's own time: the clock without what it waited for others. What it does is even in its own
 * time, however a busy machine cuts it up. Knows nothing of what was measured.
 */
#ifndef PYMEMPROF_BASE_PACE_H
#define PYMEMPROF_BASE_PACE_H

#include <stddef.h>
#include <stdint.h>

/* Spans follow one another. */
struct pace_span {
	uint64_t ns;
	uint64_t
		waited_ns; /* told when a wait was over: more than the span, when it began before */
};

/* What is left of each span without its waits; what exceeds a span is taken off those before it. */
void pace_own(const struct pace_span *spans, size_t n, double *ret_ns);

/* Nanoseconds from the first span's beginning to the instant when half of the own time was over. */
uint64_t pace_half(const struct pace_span *spans, const double *own_ns, size_t n);

#endif
