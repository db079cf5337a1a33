/* SPDX-License-Identifier: MIT */
/*
 * Threads which are not the lane: raw calls made without the GIL, interpreters with a GIL of
 * their own. They queue what they did under a small lock, and the lane takes it over before it
 * records anything itself: a block handed from one to the other is seen in the right order.
 */
#include "tracer/agent/lane.h"

#define SPINS 64

static void lock(uint32_t *word)
{
	for (uint32_t n = 0; __atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE); n++) {
		if (n < SPINS)
			sys_pause();
		else
			sys_yield(); /* its holder may have been preempted */
	}
}

static void unlock(uint32_t *word)
{
	__atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

void side_big_lock(void)
{
	lock(&COLD->big_lock);
}

void side_big_unlock(void)
{
	unlock(&COLD->big_lock);
}

void side_push(uint64_t addr, uint64_t size, uint32_t kind, uint32_t domain)
{
	struct agent_cold *c = COLD;

	lock(&c->side_lock);
	if (c->side_tail - c->side_head == AGENT_SIDE) {
		PUB->offgil_dropped++;
	} else {
		agent_state.side[c->side_tail % AGENT_SIDE] = (struct agent_side_event){
			addr | kind | (uint64_t)domain << 48, size
		};
		lane_order();
		c->side_tail++;
	}
	unlock(&c->side_lock);
	__atomic_fetch_or(&GATE->mode, AGENT_GATE_SIDE, __ATOMIC_RELEASE);
}

/*
 * Each thread has a home among the places. Only while somebody found his taken need a thread look
 * anywhere else for itself; it counted itself then, so it cannot miss that.
 */
enum side_entry side_enter(uint64_t tp)
{
	uint64_t first = lane_hash(tp) % AGENT_INSIDE;
	bool strays = __atomic_load_n(&COLD->inside_strays, __ATOMIC_RELAXED) != 0;

	/* a free place does not end the search: ours may lie behind one that was left since */
	for (uint64_t i = 0; i < (strays ? AGENT_INSIDE : 1); i++)
		if (__atomic_load_n(&agent_state.inside[(first + i) % AGENT_INSIDE],
				    __ATOMIC_RELAXED) == tp)
			return SIDE_NESTED;
	for (uint64_t i = 0; i < AGENT_INSIDE; i++) {
		uint64_t *at = &agent_state.inside[(first + i) % AGENT_INSIDE], none = 0;

		if (__atomic_load_n(at, __ATOMIC_RELAXED) ||
		    !__atomic_compare_exchange_n(at, &none, tp, false, __ATOMIC_RELAXED,
						 __ATOMIC_RELAXED))
			continue;
		if (i > 0)
			__atomic_fetch_add(&COLD->inside_strays, 1, __ATOMIC_RELAXED);
		return SIDE_ENTERED;
	}
	return SIDE_FULL;
}

void side_leave(uint64_t tp)
{
	uint64_t first = lane_hash(tp) % AGENT_INSIDE;

	for (uint64_t i = 0; i < AGENT_INSIDE; i++) {
		uint64_t *at = &agent_state.inside[(first + i) % AGENT_INSIDE];

		if (__atomic_load_n(at, __ATOMIC_RELAXED) == tp) {
			__atomic_store_n(at, 0, __ATOMIC_RELAXED);
			if (i > 0)
				__atomic_fetch_sub(&COLD->inside_strays, 1, __ATOMIC_RELAXED);
			return;
		}
	}
}

/* One at a time: a death in between costs one event and not a chunk of them. */
static bool take(struct agent_side_event *ret)
{
	struct agent_cold *c = COLD;
	bool waits;

	lock(&c->side_lock);
	waits = c->side_head != c->side_tail;
	if (waits)
		*ret = agent_state.side[c->side_head++ % AGENT_SIDE];
	unlock(&c->side_lock);
	return waits;
}

static void replay(const struct agent_side_event *e)
{
	uint64_t addr = e->word & STREAM_ADDR_MASK;
	uint32_t domain = (uint32_t)(e->word >> 48 & 3);
	uint64_t site;

	switch (e->word & STREAM_KIND_MASK) {
	case STREAM_FREE:
		if (agent_fixed.sample_bytes) {
			PUB->frees++;
			if (sample_free(addr) && domain == SIDE_REALLOC)
				COLD->side_moved = addr;
			return;
		}
		if (domain == SIDE_REALLOC)
			window_evict(addr);
		lane_window_free(addr);
		return;
	case STREAM_UNFREE:
		PUB->frees--;
		if (!agent_fixed.sample_bytes)
			put_word(addr, STREAM_UNFREE);
		else if (COLD->side_moved == addr)
			sample_unfree(addr);
		return;
	default:
		PUB->allocs++;
		LANE->nested_free = 0;
		if (agent_fixed.sample_bytes) {
			sample_elsewhere(addr, e->size, domain);
			return;
		}
		site = stack_site_none();
		if (!site) {
			PUB->dropped_events++;
			PUB->dropped_bytes += e->size;
			return;
		}
		window_alloc(addr, e->size, domain, site);
	}
}

void side_drain(void)
{
	struct agent_side_event e;

	/* first the mark, then the queue: what comes in between is marked again */
	__atomic_fetch_and(&GATE->mode, ~AGENT_GATE_SIDE, __ATOMIC_ACQ_REL);
	while (take(&e))
		replay(&e);
}
