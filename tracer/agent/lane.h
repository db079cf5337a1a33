/* SPDX-License-Identifier: MIT */
/*
 * The agent's parts, and the lines between them. "The lane" is the one sequence of events: in
 * AGENT_MODE_RECORD only the GIL holder touches it, in AGENT_MODE_LOCKED whoever holds the big
 * lock. Every function here requires that, unless it says otherwise. Internal to the agent.
 */
#ifndef PYMEMPROF_TRACER_AGENT_LANE_H
#define PYMEMPROF_TRACER_AGENT_LANE_H

#include <stdbool.h>

#include "tracer/agent/state.h"
#include "tracer/agent/sys.h"

#pragma GCC visibility push(hidden)

/* In the blob these are places the linker script fixes; hosted tests define them. */
extern struct agent_fixed agent_fixed;
extern struct agent_gate agent_gate;
extern struct agent_state agent_state;

#define LANE (&agent_state.lane)
#define COLD (&agent_state.cold)
#define PUB (&agent_state.pub)
#define GATE (&agent_gate)

/* Words of the interpreter's memory, whatever it takes them for. */
typedef uint64_t __attribute__((may_alias)) lane_word;
typedef uint32_t __attribute__((may_alias)) lane_half;

static inline uint64_t lane_load(uint64_t addr, int32_t offset)
{
	return *(const lane_word *)(addr + (uint64_t)(int64_t)offset);
}

static inline uint32_t lane_load32(uint64_t addr, int32_t offset)
{
	return *(const lane_half *)(addr + (uint64_t)(int64_t)offset);
}

/*
 * What is before it is done before what is after it, as far as a death between two instructions
 * can tell: the compiler may not move memory accesses across. Also right behind a look at the
 * gate, so that the state is not touched in a child which has none.
 */
static inline void lane_order(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline uint32_t lane_gate(void)
{
	return __atomic_load_n(&GATE->mode, __ATOMIC_RELAXED);
}

/* Blocks lie at multiples of 16 mostly; one multiplication spreads them over the table. */
static inline uint64_t lane_hash(uint64_t addr)
{
	return addr * 0x9e3779b97f4a7c15ull >> 40;
}

/* --- put.c: records into the batch, the batch into the pipe ------------------------------- */

/*
 * Room for a record of words ≤ AGENT_OUT_WORDS / 2; sends the batch first when it is full. It
 * counts once put_commit was told the same number. NULL: the pipe is full beyond the user's
 * policy or gone; the caller's record is lost.
 */
uint64_t *put_reserve_slow(uint32_t words);
/* Send what there is, even if it is little. */
void put_flush(void);
/* One TEMP for a block whose site is not in the table any more. */
void put_temp(uint32_t serial, uint64_t size);
/* One TEMP for what a site counted, which becomes nothing. */
void put_temps(struct agent_site *site);
void put_pass(uint32_t why); /* any thread */

static inline uint64_t *put_reserve(uint32_t words)
{
	struct agent_lane *l = LANE;

	if (SYS_LIKELY(l->out_len + words <= l->out_end))
		return &agent_state.out[l->out_len];
	return put_reserve_slow(words);
}

static inline void put_commit(uint32_t words)
{
	lane_order();
	LANE->out_len += words;
	lane_order();
}

static inline void put_word(uint64_t addr, uint32_t kind)
{
	uint64_t *at = put_reserve(1);

	if (SYS_UNLIKELY(!at)) {
		PUB->dropped_events++;
		return;
	}
	*at = addr | kind;
	put_commit(1);
}

/* False: the record is lost. */
static inline bool put_alloc(uint64_t addr, uint64_t size, uint32_t serial, uint32_t domain,
			     uint32_t flags)
{
	bool wide = size >= 0xffff;
	uint64_t *at = serial ? put_reserve(2 + wide) : NULL;

	if (SYS_UNLIKELY(!at)) {
		PUB->dropped_events++;
		PUB->dropped_bytes += size;
		return false;
	}
	at[0] = addr | STREAM_ALLOC | (wide ? 0xffffull : size) << 48;
	at[1] = serial | (uint64_t)domain << 32 | (uint64_t)flags << 40;
	if (wide)
		at[2] = size;
	put_commit(2 + wide);
	return true;
}

/* --- stack.c: where are we? ---------------------------------------------------------------- */

/*
 * The site of the calling thread's Python stack, as its word: one whose serial the reader knows.
 * 0: it could not be defined (the event is to be dropped).
 */
uint64_t stack_site(void);
/* The site of threads without a thread state. */
uint64_t stack_site_none(void);
/* The place of a site is given to another. */
void stack_forget_site(uint32_t index);
/* Another thread state is current from here on (it may be the same again). */
void stack_thread(uint64_t tstate);
/* What is remembered of this code object's instructions is void. */
void stack_forget_lines(uint32_t code);
/* What is remembered of any is. */
void stack_forget_all(void);
/* The block at addr is being freed, and it may be a known code object. */
void stack_code_freed(uint64_t addr);
/* Is it one, as far as the pre-filter can tell? */
static inline bool stack_maybe_code(uint64_t addr)
{
	uint64_t bit = lane_hash(addr) % AGENT_CODE_BITS;

	return agent_state.code_bits[bit / 64] >> (bit % 64) & 1;
}

/* --- label.c: what the program says it is doing --------------------------------------------- */

/* A str in the program's memory, as far as it is compact: PEP 393. chars NULL: it is not. */
struct text {
	const uint8_t *chars;
	uint64_t length;
	uint32_t kind; /* bytes per character */
};

struct text text_of(uint64_t object);
struct text text_first(struct text t, uint64_t most);
struct text text_last(struct text t, uint64_t most);
static inline uint32_t text_words(struct text t)
{
	return (uint32_t)((t.length * t.kind + 7) / 8);
}
void text_copy(uint64_t *to, struct text t);

/* Is the code object at addr, so called, the function that sets the label? */
bool label_knows(uint64_t addr, struct text name, struct text file);
/* Look at its local variable; a new text is sent, after everything that came before it. */
void label_look(void);

/* --- final.c: the end of the program's work ------------------------------------------------------ */

/* Does the calling thread take the interpreter down? Then the reader is told, once, and waited for. */
void final_look(void);

/* --- site.c: what the reader has been told --------------------------------------------------- */

#define SITE_SETS (AGENT_SITES / AGENT_SITE_WAYS)

/* Index of the site with this hash, or -1. */
static inline int32_t site_find(uint64_t hash)
{
	const struct agent_site *set =
		&agent_state.sites[(hash >> 40) % SITE_SETS * AGENT_SITE_WAYS];

	for (int way = 0; way < AGENT_SITE_WAYS; way++)
		if (SYS_LIKELY(set[way].hash == hash && set[way].serial))
			return (int32_t)(&set[way] - agent_state.sites);
	return -1;
}

/* Take a place for it (its old holder's counters are sent) and the next serial. Index. */
int32_t site_add(uint64_t hash);
/* Serial of the code object at addr, telling the reader first if need be; 0: could not, or full. */
uint32_t site_code(uint64_t addr);
/* Too many are known: site_forget_all is due. */
static inline bool site_codes_full(void)
{
	return COLD->codes_used > AGENT_CODES * 3 / 4;
}
/* Forget the code object. Its serial, 0: it was not known. */
uint32_t site_code_forget(uint64_t addr);
/* Serial of a thread state, telling the reader first if need be; 0: could not. */
uint32_t site_thread(uint64_t tstate);
/* Young blocks' counters of all sites become TEMP records. */
void site_flush_temps(void);
/* Tables are too full: forget everything, tell the reader so. False: could not tell. */
bool site_forget_all(void);

/* --- window.c: young blocks ------------------------------------------------------------------ */

/* site: its word. */
void window_alloc(uint64_t addr, uint64_t size, uint32_t domain, uint64_t site);
/* A freed block that was not waiting (or no longer). */
void window_free_miss(uint64_t addr);
/* If addr waits in the window, send it as ALLOC: somebody must know it by address now. */
void window_evict(uint64_t addr);
void window_sweep(void);
/* tick_at is reached: look at the clock, sweep and flush when it is time. */
void window_tick(void);

static inline struct agent_slot *window_slot(uint64_t addr)
{
	return &agent_state.window[lane_hash(addr) & LANE->window_mask];
}

/* Does the block at addr wait in slot s? */
static inline bool window_holds(const struct agent_slot *s, uint64_t addr)
{
	return (s->block ^ addr) << 16 == (uint64_t)STREAM_ALLOC << 16;
}

/* The block in slot s died young. */
static inline void window_cancel(struct agent_slot *s)
{
	uint64_t place = s->place, size = AGENT_SLOT_SIZE(s->block);
	struct agent_site *site = &agent_state.sites[AGENT_PLACE_SITE(place)];

	s->block = 0;
	lane_order();
	LANE->window_bytes -= size;
	if (SYS_LIKELY(site->serial == AGENT_PLACE_SERIAL(place)))
		site->temps += AGENT_TEMPS_ONE(size);
	else
		put_temp(AGENT_PLACE_SERIAL(place), size);
}

/* In exact mode: the block at addr dies. */
static inline void lane_window_free(uint64_t addr)
{
	struct agent_slot *s = window_slot(addr);

	if (SYS_LIKELY(window_holds(s, addr))) {
		window_cancel(s);
	} else {
		PUB->frees++;
		window_free_miss(addr);
	}
}

/* --- sample.c ------------------------------------------------------------------------------ */

void sample_init(void);
/* A block at which sample_left is used up. */
void sample_alloc(uint64_t addr, uint64_t size, uint32_t domain);
/* Of a thread that is not the lane: it is a sample or it is not, and has no stack. */
void sample_elsewhere(uint64_t addr, uint64_t size, uint32_t domain);
/* True when the block was a sampled one; its FREE is sent. */
bool sample_free(uint64_t addr);
static inline uint16_t *sample_page(uint64_t addr)
{
	return &agent_state.sample_pages[(addr >> 10) % AGENT_SAMPLE_PAGES];
}
/* The realloc announced by that FREE failed. */
void sample_unfree(uint64_t addr);
/* −ln(r / 2^64) × mean in bytes, at least 1: the distance to the next sample. r: uniform. */
uint64_t sample_distance(uint64_t r, uint64_t mean);

/* --- side.c: threads which are not the lane ------------------------------------------------------ */

/* In place of a domain: FREE of a block about to be reallocated. It may still be taken back. */
#define SIDE_REALLOC 3

/* Any thread. Queue an event for the lane. */
void side_push(uint64_t addr, uint64_t size, uint32_t kind, uint32_t domain);
enum side_entry { SIDE_ENTERED, SIDE_NESTED, SIDE_FULL };
/* Any thread, before calling an original: is it inside a hook already? Then leave it alone. */
enum side_entry side_enter(uint64_t tp);
void side_leave(uint64_t tp);
/* The lane: take over what the others did before recording anything of its own. */
void side_drain(void);
void side_big_lock(void);
void side_big_unlock(void);

/* --- agent.c ------------------------------------------------------------------------------- */

void lane_init(void);
/* Record a call that is the lane's: after an original returned, before one frees. Returns addr. */
void *lane_record_alloc(uint64_t addr, uint64_t size, uint32_t domain);
void lane_record_free(uint64_t addr);

#pragma GCC visibility pop

#endif
