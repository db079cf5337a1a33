/* SPDX-License-Identifier: MIT */
/*
 * Young blocks. Most die within a few hundred calls of their birth; here they wait in a
 * direct-mapped table, and those which die there leave only a count at their site. Refuses to
 * know stacks: a site is an index.
 */
#include "tracer/agent/lane.h"

#define PERIOD_MAX 1024 /* allocations between two looks at the clock, at most */

static __attribute__((noinline, cold)) void drop_slot(const struct agent_slot *s)
{
	PUB->dropped_events++;
	PUB->dropped_bytes += AGENT_SLOT_SIZE(s->block);
}

/* First into the stream, then out of the slot: the caller frees it or gives it to another. */
static inline void send_slot(const struct agent_slot *s)
{
	uint64_t *at = put_reserve(2);

	LANE->window_bytes -= AGENT_SLOT_SIZE(s->block);
	if (SYS_UNLIKELY(!at)) {
		drop_slot(s);
		return;
	}
	at[0] = s->block;
	at[1] = s->place;
	put_commit(2);
}

static void evict(struct agent_slot *s)
{
	send_slot(s);
	lane_order();
	s->block = 0;
	lane_order();
}

/* Blocks that do not wait. */
static __attribute__((noinline)) void large_alloc(uint64_t addr, uint64_t size, uint32_t domain,
						  uint64_t site)
{
	struct agent_slot *s = window_slot(addr);

	/* its last tenant's death escaped us */
	if (window_holds(s, addr))
		evict(s);
	put_alloc(addr, size, (uint32_t)site, domain, 0);
}

void window_alloc(uint64_t addr, uint64_t size, uint32_t domain, uint64_t site)
{
	struct agent_lane *l = LANE;
	struct agent_slot *s = window_slot(addr);

	if (SYS_UNLIKELY(size >= l->window_limit)) {
		large_alloc(addr, size, domain, site);
		return;
	}
	if (s->block)
		send_slot(s);
	s->place = site | (uint64_t)domain << 32;
	lane_order();
	s->block = AGENT_SLOT_BLOCK(addr, size);
	l->window_bytes += size;
	if (SYS_UNLIKELY(l->window_bytes > l->window_peak))
		l->window_peak = l->window_bytes;
}

/* window_alloc when nothing needs more than a few stores; false: nothing was done. Calls nothing. */
static inline __attribute__((always_inline)) bool window_put_near(uint64_t addr, uint64_t size,
								  uint32_t domain, uint64_t site)
{
	struct agent_lane *l = LANE;
	struct agent_slot *s = window_slot(addr);

	if (SYS_UNLIKELY(size >= l->window_limit))
		return false;
	if (s->block) {
		uint64_t *at = &agent_state.out[l->out_len];

		if (SYS_UNLIKELY(l->out_len + 2 > l->out_end))
			return false;
		at[0] = s->block;
		at[1] = s->place;
		l->window_bytes -= AGENT_SLOT_SIZE(s->block);
		put_commit(2);
	}
	s->place = site | (uint64_t)domain << 32;
	lane_order();
	s->block = AGENT_SLOT_BLOCK(addr, size);
	l->window_bytes += size;
	if (SYS_UNLIKELY(l->window_bytes > l->window_peak))
		l->window_peak = l->window_bytes;
	return true;
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

	if (!agent_fixed.sample_bytes && window_holds(s, addr))
		evict(s);
}

void window_sweep(void)
{
	if (agent_fixed.sample_bytes)
		return;
	for (uint64_t i = 0; i <= LANE->window_mask; i++)
		if (agent_state.window[i].block)
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
	l->tick_at = PUB->allocs + l->period;
	if (now - c->last_flush < due && PUB->allocs - c->last_allocs < AGENT_TEMPS_MAX)
		return;
	c->last_flush = now;
	c->last_allocs = PUB->allocs;
	window_sweep();
	site_flush_temps();
	put_flush();
}
