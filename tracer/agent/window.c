/* SPDX-License-Identifier: MIT */
/*
 * Young blocks. Most die within a few hundred calls of their birth; here they wait in a
 * direct-mapped table, and those which die there leave only a count at their site. Refuses to
 * know stacks: a site is an index.
 */
#include "tracer/agent/lane.h"

#define PERIOD_MAX 1024 /* allocations between two looks at the clock, at most */

/* First into the stream, then out of the slot: the caller frees it or gives it to another. */
static inline void send_slot(const struct agent_slot *s)
{
	uint64_t info = s->info;

	LANE->window_bytes -= AGENT_SLOT_SIZE(info);
	put_alloc(s->addr, AGENT_SLOT_SIZE(info), AGENT_SLOT_SERIAL(info), AGENT_SLOT_DOMAIN(info),
		  0);
}

static void evict(struct agent_slot *s)
{
	send_slot(s);
	lane_order();
	s->addr = 0;
	lane_order();
}

void window_alloc(uint64_t addr, uint64_t size, uint32_t domain, int32_t site)
{
	struct agent_lane *l = LANE;
	struct agent_slot *s = window_slot(addr);
	uint32_t serial = agent_state.sites[site].serial;

	if (SYS_UNLIKELY(size >= l->window_limit)) {
		/* its last tenant's death escaped us */
		if (s->addr == addr)
			evict(s);
		put_alloc(addr, size, serial, domain, 0);
		return;
	}
	if (s->addr)
		send_slot(s);
	s->info = AGENT_SLOT_INFO(serial, size, site, domain);
	lane_order();
	s->addr = addr;
	l->window_bytes += size;
	if (l->window_bytes > l->window_peak)
		l->window_peak = l->window_bytes;
}

void window_free_miss(uint64_t addr)
{
	if (SYS_UNLIKELY(stack_maybe_code(addr)))
		stack_code_freed(addr);
	put_word(addr, STREAM_FREE);
}

void window_evict(uint64_t addr)
{
	struct agent_slot *s = window_slot(addr);

	if (!agent_fixed.sample_bytes && s->addr == addr)
		evict(s);
}

void window_sweep(void)
{
	if (agent_fixed.sample_bytes)
		return;
	for (uint64_t i = 0; i <= LANE->window_mask; i++)
		if (agent_state.window[i].addr)
			evict(&agent_state.window[i]);
}

/*
 * The clock costs as much as a whole event, so it is read every `period` allocations, and the
 * period follows the program: a slow one is not kept waiting for its next thousand.
 */
void window_tick(void)
{
	struct agent_lane *l = LANE;
	struct agent_cold *c = COLD;
	uint64_t now = sys_ticks(), spent = now - c->last_clock, due = agent_fixed.flush_ticks;

	c->last_clock = now;
	if (spent > due / 8)
		l->period = l->period > 16 ? l->period / 16 : 1;
	else if (spent < due / 64 && l->period < PERIOD_MAX)
		l->period *= 2;
	l->countdown = l->period;
	if (now - c->last_flush < due && PUB->cancelled - c->last_cancelled < AGENT_TEMPS_MAX)
		return;
	c->last_flush = now;
	c->last_cancelled = PUB->cancelled;
	window_sweep();
	site_flush_temps();
	put_flush();
}
