/* SPDX-License-Identifier: MIT */
/*
 * Rate of the cycle counter by two-point measurement: zero of the recording and now. The
 * longer the recording, the smaller the error; the first estimate comes from a short spin.
 */
#include "tracer/stream/clock.h"

#include <time.h>

#define SPIN_NS 200000u
#define AHEAD_MAX_NS 1000000000.0

uint64_t clock_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t clock_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
	return clock_monotonic_ns();
#endif
}

void clock_start_at(struct clock *c, uint64_t ns, uint64_t ticks, double ns_per_tick)
{
	*c = (struct clock){
		.start_ns = ns,
		.start_ticks = ticks,
		.last_ns = ns,
		.last_ticks = ticks,
		.ns_per_tick = ns_per_tick,
	};
}

void clock_update_at(struct clock *c, uint64_t ns, uint64_t ticks)
{
	if (ns <= c->start_ns || ticks <= c->start_ticks)
		return;
	c->last_ns = ns;
	c->last_ticks = ticks;
	/* Below a millisecond the pair says less than the spin did. */
	if (ns - c->start_ns > 1000000u)
		c->ns_per_tick = (double)(ns - c->start_ns) / (double)(ticks - c->start_ticks);
}

void clock_start(struct clock *c)
{
	uint64_t ns0 = clock_monotonic_ns(), t0 = clock_ticks(), ns1, t1;

	do {
		ns1 = clock_monotonic_ns();
		t1 = clock_ticks();
	} while (ns1 - ns0 < SPIN_NS);
	double rate = t1 > t0 ? (double)(ns1 - ns0) / (double)(t1 - t0) : 1.0;
	clock_start_at(c, ns0, t0, rate);
}

void clock_update(struct clock *c)
{
	uint64_t ns = clock_monotonic_ns();

	clock_update_at(c, ns, clock_ticks());
}

uint64_t clock_since_start(struct clock *c, uint64_t ticks)
{
	double ns = 0;

	if (ticks > c->start_ticks)
		ns = (double)(ticks - c->start_ticks) * c->ns_per_tick;
	double limit = (double)(c->last_ns - c->start_ns) + AHEAD_MAX_NS;
	if (ns > limit)
		ns = limit;
	if ((uint64_t)ns > c->newest_ns)
		c->newest_ns = (uint64_t)ns;
	return c->newest_ns;
}

uint64_t clock_now(const struct clock *c)
{
	uint64_t now = clock_monotonic_ns();

	return now > c->start_ns ? now - c->start_ns : 0;
}
