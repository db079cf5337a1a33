/* SPDX-License-Identifier: MIT */
/*
 * The twelve functions the interpreter's allocator tables point to while a tracer is attached.
 * Each calls the saved original with its saved context (never the context it is handed: a thread
 * may have loaded one before the swap and the other after it) and records the call. The usual
 * caller, the holder of the one GIL, is recognised by two loads and goes straight on; everybody
 * else takes the slow path at the end of this file.
 */
#include "tracer/agent/lane.h"

#define ALWAYS static inline __attribute__((always_inline))
#define SMALL_BYTES 512 /* SMALL_REQUEST_THRESHOLD (Include/internal/pycore_obmalloc.h) */
#define COLD_PATH static __attribute__((noinline, cold))

typedef void *malloc_fn(void *ctx, size_t n);
typedef void *calloc_fn(void *ctx, size_t n, size_t size);
typedef void *realloc_fn(void *ctx, void *p, size_t n);
typedef void free_fn(void *ctx, void *p);

/* One allocator call, so that the slow path exists once. calloc: n × size; realloc: ptr, n. */
struct call {
	uint32_t domain, func;
	void *ptr;
	size_t n, size;
};

/* --- originals ------------------------------------------------------------------------------- */

ALWAYS void *ctx_of(uint32_t domain)
{
	return (void *)agent_fixed.original[domain].ctx;
}

ALWAYS uint64_t func_of(uint32_t domain, uint32_t func)
{
	return agent_fixed.original[domain].func[func];
}

ALWAYS void *call_original(const struct call *c)
{
	uint64_t f = func_of(c->domain, c->func);
	void *ctx = ctx_of(c->domain);

	if (c->func == AGENT_MALLOC)
		return ((malloc_fn *)f)(ctx, c->n);
	if (c->func == AGENT_CALLOC)
		return ((calloc_fn *)f)(ctx, c->n, c->size);
	return ((realloc_fn *)f)(ctx, c->ptr, c->n);
}

ALWAYS size_t call_bytes(const struct call *c)
{
	/* no overflow: the original would have returned NULL */
	return c->func == AGENT_CALLOC ? c->n * c->size : c->n;
}

ALWAYS void free_original(uint32_t domain, void *ptr)
{
	((free_fn *)func_of(domain, AGENT_FREE))(ctx_of(domain), ptr);
}

/* --- who calls? -------------------------------------------------------------------------------- */

COLD_PATH uint64_t tstate_from_dtv(uint64_t tp)
{
	/* dtv_t is {val, to_free}; a module's block a thread never touched is −1 (glibc dl-tls) */
	uint64_t block = sys_dtv(tp)[2 * agent_fixed.tstate_tls_module];

	return block == UINT64_MAX ? 0 : lane_load(block, (int32_t)agent_fixed.tstate_tls_offset);
}

ALWAYS uint64_t tstate_now(uint64_t tp)
{
	const struct agent_fixed *fx = &agent_fixed;

	if (SYS_UNLIKELY(fx->tstate_kind == AGENT_TSTATE_TLS_DTV))
		return tstate_from_dtv(tp);
	return lane_load(fx->tstate_base + (tp & fx->tstate_tp_mask), 0);
}

/* The usual caller, the gate being open. The raw domain needs no GIL: there the thread counts, too. */
ALWAYS bool is_lane(uint32_t domain, uint64_t tp)
{
	return tstate_now(tp) == LANE->tstate && (domain != AGENT_RAW || tp == LANE->tp);
}

/* --- the lane ------------------------------------------------------------------------------------ */

void lane_init(void)
{
	const struct agent_fixed *fx = &agent_fixed;
	struct agent_lane *l = LANE;

	l->window_mask = fx->window ? fx->window - 1 : 0;
	l->window_limit = fx->window && !fx->sample_bytes ? (uint64_t)fx->window_max_bytes + 1 : 0;
	if (l->window_limit > 0xffff)
		l->window_limit = 0xffff;
	l->period = 1;
	l->tick_at = PUB->allocs + 1;
	COLD->last_clock = COLD->last_flush = sys_ticks();
	if (fx->sample_bytes)
		sample_init();
	__atomic_fetch_and(&GATE->mode, ~AGENT_GATE_FRESH, __ATOMIC_RELAXED);
}

static void count_dropped(uint64_t size)
{
	PUB->dropped_events++;
	PUB->dropped_bytes += size;
}

static __attribute__((noinline)) void *record_exact(uint64_t addr, uint64_t size, uint32_t domain)
{
	struct agent_lane *l = LANE;
	uint64_t site;

	if (domain == AGENT_RAW)
		l->nested_free = 0;
	if (++PUB->allocs >= l->tick_at)
		window_tick();
	site = stack_site();
	if (site)
		window_alloc(addr, size, domain, site);
	else
		count_dropped(size);
	return (void *)addr;
}

/* Not only one GIL, or others' calls to take over first, or a sample instead of everything. */
static __attribute__((noinline)) void *record_unusual(uint64_t addr, uint64_t size, uint32_t domain)
{
	struct agent_lane *l = LANE;

	if (domain == AGENT_RAW)
		l->nested_free = 0;
	if (lane_gate() & AGENT_GATE_SIDE)
		side_drain();
	if (!(lane_gate() & AGENT_MODE_MASK))
		return (void *)addr;
	if (!(lane_gate() & AGENT_GATE_SAMPLE))
		return record_exact(addr, size, domain);
	PUB->allocs++;
	if (size < l->sample_left) {
		l->sample_left -= size;
		return (void *)addr;
	}
	if (PUB->allocs >= l->tick_at)
		window_tick();
	sample_alloc(addr, size, domain);
	return (void *)addr;
}

/*
 * The usual case calls nothing, so that it needs no registers of others; whatever is not usual
 * begins anew in a function of its own. One for each way to read an instruction.
 */
ALWAYS void *record_near(uint64_t addr, uint64_t size, uint32_t domain, bool object)
{
	struct agent_lane *l = LANE;
	uint64_t site = stack_site_near(object);

	if (SYS_UNLIKELY(!site || PUB->allocs + 1 >= l->tick_at))
		return record_exact(addr, size, domain);
	if (domain == AGENT_RAW)
		l->nested_free = 0;
	if (SYS_UNLIKELY(!window_put_near(addr, size, domain, site)))
		return record_exact(addr, size, domain);
	PUB->allocs++;
	return (void *)addr;
}

static __attribute__((noinline)) void *record_object(uint64_t addr, uint64_t size, uint32_t domain)
{
	return record_near(addr, size, domain, true);
}

void *lane_record_alloc(uint64_t addr, uint64_t size, uint32_t domain)
{
	if (SYS_UNLIKELY(lane_gate() != AGENT_MODE_RECORD))
		return record_unusual(addr, size, domain);
	if (SYS_UNLIKELY(agent_fixed.frame_kind == AGENT_FRAME_OBJECT))
		return record_object(addr, size, domain);
	return record_near(addr, size, domain, false);
}

ALWAYS void record_free(uint64_t addr)
{
	if (SYS_UNLIKELY(lane_gate() & AGENT_GATE_SAMPLE)) {
		PUB->frees++;
		sample_free(addr);
		return;
	}
	lane_window_free(addr);
}

void lane_record_free(uint64_t addr)
{
	if (SYS_UNLIKELY(lane_gate() & AGENT_GATE_SIDE))
		side_drain();
	if (SYS_UNLIKELY(!(lane_gate() & AGENT_MODE_MASK)))
		return;
	record_free(addr);
}

/* What the first half of a realloc must remember in case the second half fails. */
struct undo_free {
	struct agent_slot slot; /* block 0: it did not wait in the window */
	bool recorded, sampled;
};

/* A block that waits is taken out quietly, so that it can be put back; else FREE is sent. */
static struct undo_free realloc_begin(uint64_t addr, bool exclusive)
{
	struct undo_free u = { { 0, 0 }, true, false };
	struct agent_slot *s;

	if (lane_gate() & AGENT_GATE_SIDE)
		side_drain();
	if (!(lane_gate() & AGENT_MODE_MASK))
		return (struct undo_free){ { 0, 0 }, false, false };
	if (agent_fixed.sample_bytes) {
		PUB->frees++;
		u.sampled = sample_free(addr);
		return u;
	}
	s = window_slot(addr);
	if (window_holds(s, addr)) {
		if (exclusive && agent_state.sites[AGENT_PLACE_SITE(s->place)].serial ==
					 AGENT_PLACE_SERIAL(s->place))
			u.slot = *s;
		else
			window_evict(addr);
	}
	record_free(addr);
	return u;
}

/* The block goes back to its place; whoever took it meanwhile goes on his way. */
static void realloc_failed(uint64_t addr, const struct undo_free *u)
{
	struct agent_site *site = &agent_state.sites[AGENT_PLACE_SITE(u->slot.place)];
	struct agent_slot *s = window_slot(addr);
	uint64_t size = AGENT_SLOT_SIZE(u->slot.block);

	if (!u->recorded || !(lane_gate() & AGENT_MODE_MASK))
		return;
	if (u->slot.block) {
		if (s->block)
			window_evict(AGENT_SLOT_ADDR(s->block));
		site->temps -= AGENT_TEMPS_ONE(size);
		s->place = u->slot.place;
		lane_order();
		s->block = u->slot.block;
		LANE->window_bytes += size;
		return;
	}
	PUB->frees--;
	if (!agent_fixed.sample_bytes)
		put_word(addr, STREAM_UNFREE);
	else if (u->sampled)
		sample_unfree(addr);
}

static void *move_block(uint32_t domain, void *ptr, size_t n, uint64_t tp)
{
	const struct call c = { domain, AGENT_REALLOC, ptr, n, 0 };
	struct undo_free u = { { 0, 0 }, false, false };
	void *p;

	if (lane_gate() == (AGENT_MODE_RECORD | AGENT_GATE_SAMPLE) && n < LANE->sample_left &&
	    !*sample_page((uint64_t)ptr)) {
		/* neither the old block is a sample nor the new one */
		LANE->sample_left -= n;
		PUB->allocs++;
		PUB->frees += ptr != NULL;
		LANE->inside = tp;
		p = call_original(&c);
		LANE->inside = 0;
		return p;
	}
	if (ptr)
		u = realloc_begin((uint64_t)ptr, true);
	LANE->nested_free = (uint64_t)ptr;
	LANE->inside = tp;
	p = call_original(&c);
	LANE->inside = 0;
	LANE->nested_free = 0;
	if (p)
		lane_record_alloc((uint64_t)p, n, domain);
	else if (ptr)
		realloc_failed((uint64_t)ptr, &u);
	return p;
}

/*
 * We may wait for room in the pipe behind the original, when the old block is gone and a list, say,
 * points there until we return: no instant for a snapshot, which the reader has to be told.
 */
static __attribute__((noinline)) void *lane_realloc(uint32_t domain, void *ptr, size_t n,
						    uint64_t tp)
{
	void *p;

	LANE->in_realloc = ptr != NULL;
	lane_order();
	p = move_block(domain, ptr, n, tp);
	lane_order();
	LANE->in_realloc = 0;
	return p;
}

/* --- everybody else --------------------------------------------------------------------------------- */

enum who { WHO_PASS, WHO_LANE, WHO_NESTED, WHO_SIDE, WHO_LOCKED };

/*
 * Does this thread state belong to an interpreter with a GIL of its own (3.12+)? Attached before
 * the first interpreter was (`run`), the first GIL seen is the main one.
 */
static bool other_gil(uint64_t tstate)
{
	const struct agent_fixed *fx = &agent_fixed;
	uint64_t interp, gil, main_gil = fx->main_gil ? fx->main_gil : COLD->main_gil;

	if (fx->off.interp_gil < 0)
		return false;
	interp = lane_load(tstate, fx->off.tstate_interp);
	gil = interp ? lane_load(interp, fx->off.interp_gil) : 0;
	if (!main_gil)
		COLD->main_gil = main_gil = gil;
	return gil != main_gil;
}

static void lane_thread(uint64_t tstate, uint64_t tp)
{
	if (lane_gate() & AGENT_GATE_FRESH)
		lane_init();
	if (LANE->tstate != tstate)
		stack_thread(tstate);
	LANE->tp = tp;
}

static enum who classify(uint32_t domain, uint64_t tp)
{
	const struct agent_fixed *fx = &agent_fixed;
	uint32_t mode = lane_gate() & AGENT_MODE_MASK;
	uint64_t tstate;

	if (mode == AGENT_MODE_PASS)
		return WHO_PASS;
	lane_order();
	if (mode == AGENT_MODE_LOCKED)
		return WHO_LOCKED;
	tstate = tstate_now(tp);
	if (!tstate)
		return WHO_SIDE;
	/* ≤3.11: the word is the holder's state, whoever asks */
	if (domain == AGENT_RAW && fx->tstate_kind == AGENT_TSTATE_GLOBAL &&
	    lane_load(tstate, fx->off.tstate_thread_id) != tp + (uint64_t)fx->thread_id_bias)
		return WHO_SIDE;
	if (tstate != LANE->tstate && other_gil(tstate))
		return WHO_SIDE;
	if (LANE->inside == tp)
		return WHO_NESTED;
	lane_thread(tstate, tp);
	return WHO_LANE;
}

static void *side_call(const struct call *c, uint64_t tp)
{
	enum side_entry entry = side_enter(tp);
	void *p;

	if (entry != SIDE_ENTERED) {
		if (entry == SIDE_FULL)
			__atomic_fetch_add(&PUB->offgil_dropped, 1, __ATOMIC_RELAXED);
		return call_original(c);
	}
	if (c->func == AGENT_REALLOC && c->ptr)
		side_push((uint64_t)c->ptr, 0, STREAM_FREE, SIDE_REALLOC);
	p = call_original(c);
	if (p)
		side_push((uint64_t)p, call_bytes(c), STREAM_ALLOC, c->domain);
	else if (c->func == AGENT_REALLOC && c->ptr)
		side_push((uint64_t)c->ptr, 0, STREAM_UNFREE, c->domain);
	side_leave(tp);
	return p;
}

static void side_call_free(uint32_t domain, void *ptr, uint64_t tp)
{
	enum side_entry entry = side_enter(tp);

	if (entry == SIDE_FULL)
		__atomic_fetch_add(&PUB->offgil_dropped, 1, __ATOMIC_RELAXED);
	if (entry == SIDE_ENTERED)
		side_push((uint64_t)ptr, 0, STREAM_FREE, domain);
	free_original(domain, ptr);
	if (entry == SIDE_ENTERED)
		side_leave(tp);
}

/* Enter the lane under the big lock, as a thread with or without a thread state. */
static void locked_enter(uint64_t tp)
{
	side_big_lock();
	lane_thread(tstate_now(tp), tp);
}

static void *locked_call(const struct call *c, uint64_t tp)
{
	struct undo_free u = { { 0, 0 }, false, false };
	bool moves = c->func == AGENT_REALLOC && c->ptr;
	enum side_entry entry = side_enter(tp);
	void *p;

	if (entry != SIDE_ENTERED) {
		if (entry == SIDE_FULL)
			__atomic_fetch_add(&PUB->offgil_dropped, 1, __ATOMIC_RELAXED);
		return call_original(c);
	}
	if (moves) {
		locked_enter(tp);
		u = realloc_begin((uint64_t)c->ptr, false);
		side_big_unlock();
	}
	p = call_original(c);
	if (p || moves) {
		locked_enter(tp);
		if (p)
			lane_record_alloc((uint64_t)p, call_bytes(c), c->domain);
		else
			realloc_failed((uint64_t)c->ptr, &u);
		side_big_unlock();
	}
	side_leave(tp);
	return p;
}

static void locked_free(uint32_t domain, void *ptr, uint64_t tp)
{
	enum side_entry entry = side_enter(tp);

	if (entry == SIDE_FULL)
		__atomic_fetch_add(&PUB->offgil_dropped, 1, __ATOMIC_RELAXED);
	if (entry == SIDE_ENTERED) {
		locked_enter(tp);
		lane_record_free((uint64_t)ptr);
		side_big_unlock();
	}
	free_original(domain, ptr);
	if (entry == SIDE_ENTERED)
		side_leave(tp);
}

COLD_PATH void *slow_alloc(struct call c)
{
	uint64_t tp = sys_thread_pointer();
	void *p;

	switch (classify(c.domain, tp)) {
	case WHO_PASS:
	case WHO_NESTED:
		break;
	case WHO_SIDE:
		return side_call(&c, tp);
	case WHO_LOCKED:
		return locked_call(&c, tp);
	case WHO_LANE:
		if (c.func == AGENT_REALLOC)
			return lane_realloc(c.domain, c.ptr, c.n, tp);
		LANE->inside = tp;
		p = call_original(&c);
		LANE->inside = 0;
		if (p)
			lane_record_alloc((uint64_t)p, call_bytes(&c), c.domain);
		return p;
	}
	return call_original(&c);
}

COLD_PATH void slow_free(uint32_t domain, void *ptr)
{
	uint64_t tp = sys_thread_pointer();

	switch (ptr ? classify(domain, tp) : WHO_PASS) {
	case WHO_PASS:
		break;
	case WHO_NESTED:
		/* the debug allocators' block begins two words before what they hand out */
		if (LANE->nested_free - (uint64_t)ptr <= 2 * sizeof(uint64_t))
			LANE->nested_free = 0;
		else if (domain == AGENT_RAW)
			lane_record_free((uint64_t)ptr);
		break;
	case WHO_SIDE:
		side_call_free(domain, ptr, tp);
		return;
	case WHO_LOCKED:
		locked_free(domain, ptr, tp);
		return;
	case WHO_LANE:
		if (domain == AGENT_RAW && (uint64_t)ptr == LANE->nested_free) {
			LANE->nested_free = 0;
			break;
		}
		lane_record_free((uint64_t)ptr);
		LANE->nested_free = domain == AGENT_RAW ? 0 : (uint64_t)ptr;
		LANE->inside = tp;
		free_original(domain, ptr);
		LANE->inside = 0;
		return;
	}
	free_original(domain, ptr);
}

/* --- the hooks ---------------------------------------------------------------------------------------- */

/*
 * A sample of blocks costs those that are not in it a subtraction. Small ones of the obj and mem
 * domains call no other table, so nothing needs to be remembered while the original runs. An
 * interpreter with a GIL of its own may come by here, too: each of the two takes its bytes off
 * what it saw, so the distance to the next sample stays right but for a race's few bytes.
 */
ALWAYS bool sampled_out(const struct call *c)
{
	const uint64_t left = LANE->sample_left, size = call_bytes(c);

	if (c->domain == AGENT_RAW || c->func == AGENT_REALLOC || size > SMALL_BYTES || size >= left)
		return false;
	LANE->sample_left = left - size;
	PUB->allocs++;
	return true;
}

/* Of the usual caller, as far as the gate can tell. */
ALWAYS void *lane_alloc(struct call c)
{
	uint64_t tp = sys_thread_pointer();
	void *p;

	if (SYS_UNLIKELY(!is_lane(c.domain, tp)))
		return slow_alloc(c);
	if (c.domain == AGENT_RAW && SYS_UNLIKELY(LANE->inside))
		return call_original(&c);
	if (c.func == AGENT_REALLOC)
		return lane_realloc(c.domain, c.ptr, c.n, tp);
	LANE->inside = tp;
	p = call_original(&c);
	LANE->inside = 0;
	if (SYS_UNLIKELY(!p))
		return p;
	return lane_record_alloc((uint64_t)p, call_bytes(&c), c.domain);
}

/* Record the usual free; false: nothing was done, it needs more. Calls nothing. */
ALWAYS bool record_free_near(uint64_t addr)
{
	struct agent_slot *s = window_slot(addr);

	if (SYS_LIKELY(window_holds(s, addr))) {
		const uint64_t place = s->place, size = AGENT_SLOT_SIZE(s->block);
		struct agent_site *site = &agent_state.sites[AGENT_PLACE_SITE(place)];

		if (SYS_UNLIKELY(site->serial != AGENT_PLACE_SERIAL(place)))
			return false;
		s->block = 0;
		lane_order();
		LANE->window_bytes -= size;
		site->temps += AGENT_TEMPS_ONE(size);
		return true;
	}
	if (SYS_UNLIKELY(stack_maybe_code(addr) || LANE->out_len >= LANE->out_end))
		return false;
	agent_state.out[LANE->out_len] = addr | STREAM_FREE;
	put_commit(1);
	PUB->frees++;
	return true;
}

/* What the original's own free of a block looks like when we see it. */
ALWAYS bool is_nested_free(uint32_t domain, void *ptr)
{
	if (domain != AGENT_RAW) {
		LANE->nested_free = (uint64_t)ptr;
		return false;
	}
	if ((uint64_t)ptr != LANE->nested_free)
		return false;
	LANE->nested_free = 0;
	return true;
}

static __attribute__((noinline)) void record_and_free(uint32_t domain, void *ptr)
{
	lane_record_free((uint64_t)ptr);
	free_original(domain, ptr);
}

/*
 * The original is called last and as a jump: nothing of ours stays on the stack. Its own raw free
 * of the same block is told by the address, nested_free, which any raw allocation forgets. Other
 * raw frees while an original runs are those of a tool on top of us: a realloc of ours makes
 * tracemalloc drop its old trace (tracemalloc_realloc, reentrant call), and that block is known.
 */
ALWAYS void lane_free(uint32_t domain, void *ptr)
{
	if (SYS_UNLIKELY(!is_lane(domain, sys_thread_pointer()) || !ptr))
		slow_free(domain, ptr);
	else if (is_nested_free(domain, ptr) || SYS_LIKELY(record_free_near((uint64_t)ptr)))
		free_original(domain, ptr);
	else
		record_and_free(domain, ptr);
}

/* A block near a live sample, perhaps one itself. */
static __attribute__((noinline)) void sampled_near(uint32_t domain, void *ptr)
{
	if (!is_lane(domain, sys_thread_pointer()) || !ptr)
		slow_free(domain, ptr);
	else if (is_nested_free(domain, ptr))
		free_original(domain, ptr);
	else
		record_and_free(domain, ptr);
}

/* --- the entries: the gate decides, and none of them needs a stack ---------------------------------- */

/* No sample is near ptr; an original's own raw free passes here just so. */
ALWAYS bool not_sampled(uint32_t domain, void *ptr)
{
	if (*sample_page((uint64_t)ptr))
		return false;
	PUB->frees += domain != AGENT_RAW && ptr;
	return true;
}

#define ENTRY(name, domain, func, params, ...)                                                     \
	static __attribute__((noinline)) void *lane_##name params                                  \
	{                                                                                          \
		return lane_alloc((struct call){ domain, func, __VA_ARGS__ });                     \
	}                                                                                          \
	COLD_PATH void *other_##name params                                                        \
	{                                                                                          \
		return slow_alloc((struct call){ domain, func, __VA_ARGS__ });                     \
	}

#define DISPATCH(name, domain, func, args, ...)                                                    \
	const struct call c = { domain, func, __VA_ARGS__ };                                       \
	uint32_t gate = lane_gate();                                                               \
	(void)ctx;                                                                                 \
	if (SYS_LIKELY(gate == AGENT_MODE_RECORD)) {                                               \
		lane_order();                                                                      \
		return lane_##name args;                                                           \
	}                                                                                          \
	if (SYS_LIKELY(gate == (AGENT_MODE_RECORD | AGENT_GATE_SAMPLE))) {                         \
		lane_order();                                                                      \
		return SYS_LIKELY(sampled_out(&c)) ? call_original(&c) : lane_##name args;         \
	}                                                                                          \
	return gate & AGENT_MODE_MASK ? other_##name args : call_original(&c)

#define HOOKS(name, domain)                                                                        \
	__attribute__((used)) void *hook_##name##_malloc(void *ctx, size_t n);                     \
	__attribute__((used)) void *hook_##name##_calloc(void *ctx, size_t n, size_t size);        \
	__attribute__((used)) void *hook_##name##_realloc(void *ctx, void *ptr, size_t n);         \
	__attribute__((used)) void hook_##name##_free(void *ctx, void *ptr);                       \
	ENTRY(name##_malloc, domain, AGENT_MALLOC, (size_t n), NULL, n, 0)                         \
	ENTRY(name##_calloc, domain, AGENT_CALLOC, (size_t n, size_t size), NULL, n, size)         \
	ENTRY(name##_realloc, domain, AGENT_REALLOC, (void *ptr, size_t n), ptr, n, 0)             \
	static __attribute__((noinline)) void lane_##name##_free(void *ptr)                        \
	{                                                                                          \
		lane_free(domain, ptr);                                                            \
	}                                                                                          \
	void *hook_##name##_malloc(void *ctx, size_t n)                                            \
	{                                                                                          \
		DISPATCH(name##_malloc, domain, AGENT_MALLOC, (n), NULL, n, 0);                    \
	}                                                                                          \
	void *hook_##name##_calloc(void *ctx, size_t n, size_t size)                               \
	{                                                                                          \
		DISPATCH(name##_calloc, domain, AGENT_CALLOC, (n, size), NULL, n, size);           \
	}                                                                                          \
	void *hook_##name##_realloc(void *ctx, void *ptr, size_t n)                                \
	{                                                                                          \
		DISPATCH(name##_realloc, domain, AGENT_REALLOC, (ptr, n), ptr, n, 0);              \
	}                                                                                          \
	void hook_##name##_free(void *ctx, void *ptr)                                              \
	{                                                                                          \
		uint32_t gate = lane_gate();                                                       \
		(void)ctx;                                                                         \
		if (SYS_LIKELY(gate == AGENT_MODE_RECORD)) {                                       \
			lane_order();                                                              \
			lane_##name##_free(ptr);                                                   \
		} else if (SYS_LIKELY(gate == (AGENT_MODE_RECORD | AGENT_GATE_SAMPLE))) {          \
			lane_order();                                                              \
			if (SYS_LIKELY(not_sampled(domain, ptr)))                                  \
				free_original(domain, ptr);                                        \
			else                                                                       \
				sampled_near(domain, ptr);                                         \
		} else if (gate & AGENT_MODE_MASK) {                                               \
			slow_free(domain, ptr);                                                    \
		} else {                                                                           \
			free_original(domain, ptr);                                                \
		}                                                                                  \
	}

#pragma GCC visibility push(hidden)
HOOKS(raw, AGENT_RAW)
HOOKS(mem, AGENT_MEM)
HOOKS(obj, AGENT_OBJ)
#pragma GCC visibility pop
