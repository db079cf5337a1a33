/* SPDX-License-Identifier: MIT */
/*
 * Cycle counter ticks (rdtsc, cntvct_el0) of the agent's batches as nanoseconds since the
 * recording began. The counter's rate is measured against CLOCK_MONOTONIC while recording;
 * both processes run on one machine, so the counter is common (invariant TSC).
 */
#ifndef PYMEMPROF_TRACER_STREAM_CLOCK_H
#define PYMEMPROF_TRACER_STREAM_CLOCK_H

#include <stdint.h>

struct clock {
	uint64_t start_ns, start_ticks; /* the zero of the recording */
	uint64_t last_ns, last_ticks;	/* newest sample pair */
	double ns_per_tick;
	uint64_t newest_ns; /* largest answer so far: time never runs backwards */
};

/* This thread's cycle counter now; CLOCK_MONOTONIC in ns where the machine has none. */
uint64_t clock_ticks(void);
uint64_t clock_monotonic_ns(void);

/* Take zero now and a first estimate of the rate (sleeps never, spins ≤ 200 µs). */
void clock_start(struct clock *c);

/* Take one more sample pair; call every tick. The rate is then start → now, ever more exact. */
void clock_update(struct clock *c);

/* The same from given samples, for tests and replay. */
void clock_start_at(struct clock *c, uint64_t ns, uint64_t ticks, double ns_per_tick);
void clock_update_at(struct clock *c, uint64_t ns, uint64_t ticks);

/*
 * Nanoseconds since start of a tick value from the target. Hostile-safe: never before zero,
 * never before an earlier answer, never later than the newest sample plus one second.
 */
uint64_t clock_since_start(struct clock *c, uint64_t ticks);

/* Nanoseconds since start, by CLOCK_MONOTONIC. */
uint64_t clock_now(const struct clock *c);

#endif
