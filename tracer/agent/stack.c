/* SPDX-License-Identifier: MIT */
/*
 * Where is the calling thread? The chain of Python frames is compared with the one seen at the
 * last event; only what changed is hashed again. Frame addresses come from the cache and not from
 * the chain, so the processor loads them all at once; but each is used only after the chain has
 * been seen to lead there, so nothing dead is ever read.
 *
 * A frame's "instr" word tells code and instruction: prev_instr or instr_ptr, an address inside
 * the code object (3.11+), or for ≤3.10 the code object's address with f_lasti, rotated into the
 * bits such an address has not got. What is hashed is what the reader will be told: code serial
 * and line. Paths through one line are one site, and a new code object at an old one's address
 * is another by its serial.
 */
#include "tracer/agent/lane.h"
#include "tracer/cpython/linetable.h"

#define STACK (agent_state.stack)
#define PLACES (agent_state.places)
#define OWNER_GENERATOR 1    /* Include/internal/pycore_frame.h, 3.11+ */
#define OWNER_INTERNAL_MIN 3 /* C stack or interpreter: no Python code behind it (3.12+) */
#define SEARCH_MAX 8	     /* entries from the top in which a frame is looked for */
#define SEED_NONE 0x70796d656d70726full

static inline uint64_t mix(uint64_t hash, uint64_t what)
{
	hash = ((hash << 7 | hash >> 57) ^ what) * 0x9fb21c651e98df25ull;
	return hash ^ hash >> 35;
}

static inline uint64_t instr_of(uint64_t frame, bool object)
{
	const struct agent_offsets *o = &agent_fixed.off;

	if (object) {
		uint64_t lasti = lane_load32(frame, o->frame_instr) & 0x1fffff;

		return lane_load(frame, o->frame_code) ^ (lasti << 47 | lasti >> 17);
	}
	return lane_load(frame, o->frame_instr);
}

static inline uint64_t leaf_of(uint64_t tstate)
{
	const struct agent_offsets *o = &agent_fixed.off;
	uint64_t frame = lane_load(tstate, o->tstate_frame);

	if (agent_fixed.frame_kind == AGENT_FRAME_CFRAME && frame)
		frame = lane_load(frame, o->cframe_current_frame);
	return frame;
}

static uint32_t stack_limit(void)
{
	uint32_t most = agent_fixed.max_frames;

	return most && most < AGENT_FRAMES_MAX ? most : AGENT_FRAMES_MAX;
}

/* --- telling the reader -------------------------------------------------------------------------- */

static uint64_t code_of(uint64_t frame)
{
	const struct agent_offsets *o = &agent_fixed.off;
	uint64_t code = lane_load(frame, o->frame_code);

	if (agent_fixed.frame_kind == AGENT_FRAME_STACKREF)
		code &= ~3ull;
	/* what is no code object: None of the entry frame in 3.13+, or a stub */
	if (!code || lane_load(code, o->ob_type) != agent_fixed.code_type)
		return 0;
	return code;
}

/* Byte offset of the current instruction. */
static int32_t lasti_of(uint64_t frame, uint64_t code)
{
	const struct agent_offsets *o = &agent_fixed.off;

	if (agent_fixed.frame_kind == AGENT_FRAME_OBJECT)
		return (int32_t)lane_load32(frame, o->frame_instr) *
		       (int32_t)agent_fixed.lasti_scale;
	return (int32_t)(lane_load(frame, o->frame_instr) -
			 (code + (uint64_t)(int64_t)o->code_adaptive));
}

/* The frames an interpreter would not show either. */
static bool frame_hidden(uint64_t frame, uint64_t code, int32_t lasti)
{
	const struct agent_offsets *o = &agent_fixed.off;
	uint8_t owner;

	if (!code)
		return true;
	if (o->frame_owner < 0)
		return false;
	owner = *(const uint8_t *)(frame + (uint64_t)o->frame_owner);
	if (owner >= OWNER_INTERNAL_MIN)
		return true;
	return owner != OWNER_GENERATOR && o->code_firsttraceable >= 0 &&
	       lasti < 2 * (int32_t)lane_load32(code, o->code_firsttraceable);
}

static uint32_t line_of(uint64_t code, int32_t lasti)
{
	const struct agent_offsets *o = &agent_fixed.off;
	uint64_t table = lane_load(code, o->code_linetable);
	int32_t first = (int32_t)lane_load32(code, o->code_firstlineno), line;

	if (!table)
		return first > 0 ? (uint32_t)first : 0;
	line = linetable_line(agent_fixed.line_kind, (const uint8_t *)table + o->bytes_data,
			      lane_load(table, o->bytes_size), first, lasti);
	return line > 0 ? (uint32_t)line : 0;
}

/*
 * Code and line of an entry whose instruction was not seen lately. A hidden frame has code 0.
 * False: the reader cannot be told.
 */
static __attribute__((noinline)) bool describe(const struct agent_frame *f,
					       struct agent_frame_place *e, struct agent_line *ret)
{
	uint64_t code = code_of(f->frame);
	int32_t lasti = code ? lasti_of(f->frame, code) : 0;

	e->code = e->line = 0;
	if (frame_hidden(f->frame, code, lasti))
		return true;
	e->code = site_code(code);
	if (!e->code)
		return false;
	e->line = line_of(code, lasti);
	if (e->code == COLD->label_code) {
		/* not remembered: each time its instruction changes it is to be looked at again */
		COLD->label_frame = f->frame;
		LANE->untold |= AGENT_UNTOLD_LABEL;
		return true;
	}
	*ret = (struct agent_line){ f->instr, e->code, e->line };
	return true;
}

/* Frames of the cached stack, innermost first, into scratch. Their number. */
static uint32_t gather(bool *ret_cut)
{
	uint32_t n = 0, most = stack_limit();

	for (uint32_t i = LANE->depth; i > 0; i--) {
		const struct agent_frame_place *e = &PLACES[i];

		if (n == most) {
			*ret_cut = true;
			return n;
		}
		if (e->code)
			agent_state.scratch[n++] = e->code | (uint64_t)e->line << 32;
	}
	*ret_cut = COLD->truncated;
	return n;
}

static uint64_t put_stack(uint64_t hash, uint32_t thread, uint32_t n, bool cut)
{
	uint32_t words = 1 + sizeof(struct stream_stack) / 8 + n;
	uint64_t *at;
	int32_t site = site_add(hash); /* may send its old holder's counters: before the record */

	at = put_reserve(words);
	if (!at) {
		agent_state.sites[site].serial = 0;
		return 0;
	}
	at[0] = STREAM_META | STREAM_STACK << 8 | (uint64_t)words << 16;
	*(struct stream_stack *)(at + 1) = (struct stream_stack){
		.site = agent_state.sites[site].serial,
		.thread = thread,
		.nframes = n,
		.flags = cut,
	};
	for (uint32_t i = 0; i < n; i++)
		at[1 + sizeof(struct stream_stack) / 8 + i] = agent_state.scratch[i];
	put_commit(words);
	PUB->stack_truncated += cut;
	return AGENT_SITE_WORD(agent_state.sites[site].serial, site);
}

/* The stack in the cache is new to the reader (or was forgotten). 0: it cannot be told. */
static __attribute__((noinline)) uint64_t define(uint64_t hash)
{
	bool cut = false;
	uint32_t n;

	if (!COLD->thread_serial)
		COLD->thread_serial = site_thread(LANE->tstate);
	if (!COLD->thread_serial)
		return 0;
	n = gather(&cut);
	return put_stack(hash, COLD->thread_serial, n, cut);
}

uint64_t stack_site_none(void)
{
	uint64_t hash = mix(SEED_NONE, 0);
	int32_t site = site_find(hash);

	if (site < 0)
		return put_stack(hash, 0, 0, false);
	return AGENT_SITE_WORD(agent_state.sites[site].serial, site);
}

/* --- following the chain ---------------------------------------------------------------------------- */

/*
 * What entry i, current or left over from a deeper stack, says of the instruction it had is still
 * true: forgetting a code object clears it. Not so of what must be looked at each time.
 */
static inline bool entry_knows(uint32_t i, uint64_t instr)
{
	return STACK[i].instr == instr && PLACES[i].code && PLACES[i].code != COLD->label_code;
}

static inline void entry_set(uint32_t i, uint64_t frame, uint64_t instr)
{
	struct agent_line *known = &agent_state.lines[lane_hash(instr) % AGENT_LINES];
	struct agent_frame *f = &STACK[i];
	struct agent_frame_place *e = &PLACES[i];
	bool knows = entry_knows(i, instr);

	f->frame = frame;
	f->instr = instr;
	if (knows) {
		/* depth for depth the calls of a recursion, or of a task that goes on, are the same */
	} else if (SYS_LIKELY(known->instr == instr)) {
		e->code = known->code;
		e->line = known->line;
	} else if (!describe(f, e, known)) {
		LANE->untold |= AGENT_UNTOLD_FRAME;
	}
	e->hash = PLACES[i - 1].hash;
	if (SYS_LIKELY(e->code != 0))
		e->hash = mix(e->hash, e->code | (uint64_t)e->line << 32);
}

static inline struct agent_leaf *leaf_place(uint64_t instr, uint64_t parent)
{
	return &agent_state.leaves[lane_hash(instr ^ parent) % AGENT_LEAVES];
}

/* entry_set for the innermost frame: its site may be known, too. */
static inline void leaf_set(uint32_t i, uint64_t frame, uint64_t instr)
{
	const struct agent_leaf *known = leaf_place(instr, PLACES[i - 1].hash);

	if (SYS_UNLIKELY(known->instr != instr || known->parent != PLACES[i - 1].hash)) {
		entry_set(i, frame, instr);
		return;
	}
	STACK[i] = (struct agent_frame){ frame, instr };
	PLACES[i] = known->at;
	LANE->site = known->site;
}

/*
 * Are entries 1 … k still the chain below entry k (itself known to be current)? Re-hash from the
 * outermost one whose instruction changed. leaf: entry k is the innermost frame. False: the chain
 * leads elsewhere.
 */
static inline bool chain_holds(uint32_t k, bool leaf, bool object)
{
	const int32_t previous = agent_fixed.off.frame_previous;
	uint32_t changed = 0;

	for (uint32_t i = k; i > 0; i--) {
		if (instr_of(STACK[i].frame, object) != STACK[i].instr)
			changed = i;
		if (lane_load(STACK[i].frame, previous) != STACK[i - 1].frame)
			return false;
	}
	if (!changed)
		return true;
	for (uint32_t i = changed; i < k; i++)
		entry_set(i, STACK[i].frame, instr_of(STACK[i].frame, object));
	if (leaf)
		leaf_set(k, STACK[k].frame, instr_of(STACK[k].frame, object));
	else
		entry_set(k, STACK[k].frame, instr_of(STACK[k].frame, object));
	return true;
}

/* How many of the outermost of these n frames in scratch are the cached ones, instructions and all. */
static uint32_t common(uint32_t n, bool object)
{
	const uint32_t most = n < LANE->depth ? n : LANE->depth;
	uint32_t i = 0;

	while (i < most && STACK[i + 1].frame == agent_state.scratch[n - 1 - i] &&
	       STACK[i + 1].instr == instr_of(STACK[i + 1].frame, object))
		i++;
	return i;
}

/*
 * Follow the whole chain; of one that is too long, half as many again as the reader will be
 * shown, so that deep recursion can go up and down a while before it starts over. What is below
 * the first difference stays.
 */
static void walk_all(uint64_t leaf, bool object)
{
	const int32_t previous = agent_fixed.off.frame_previous;
	uint32_t n = 0, most = stack_limit() + stack_limit() / 2, kept = 0;
	uint64_t frame = leaf, seed;

	while (frame && n < most) {
		agent_state.scratch[n++] = frame;
		frame = lane_load(frame, previous);
	}
	seed = COLD->thread_seed ^ (frame != 0);
	if (STACK[0].frame == frame && PLACES[0].hash == seed)
		kept = common(n, object);
	STACK[0].frame = frame;
	COLD->truncated = frame != 0;
	PLACES[0].hash = seed;
	for (uint32_t i = kept + 1; i <= n; i++) {
		uint64_t f = agent_state.scratch[n - i];

		entry_set(i, f, instr_of(f, object));
	}
	LANE->depth = n;
}

/*
 * The cached entry of a frame of the chain, one of the innermost ones; 0: none. A frame may have
 * got another caller at the same address: a coroutine is made in one that is right above whatever
 * is innermost.
 */
static inline uint32_t find_entry(uint64_t frame)
{
	const uint32_t depth = LANE->depth, lowest = depth > SEARCH_MAX ? depth - SEARCH_MAX : 0;
	uint32_t k = depth;

	while (k > lowest && STACK[k].frame != frame)
		k--;
	if (k == lowest || lane_load(frame, agent_fixed.off.frame_previous) != STACK[k - 1].frame)
		return 0;
	return k;
}

/* Find the innermost frame that is in the cache, verify below it, push what is above it. */
static void resync(uint64_t leaf, bool object)
{
	const int32_t previous = agent_fixed.off.frame_previous;
	const uint32_t depth = LANE->depth;
	uint32_t fresh = 0, k = 0;
	uint64_t frame = leaf;

	if (leaf && depth && lane_load(leaf, previous) == STACK[depth].frame) {
		/* a call of the last innermost frame */
		agent_state.scratch[fresh++] = leaf;
		frame = STACK[depth].frame;
	}
	while (frame && fresh < SEARCH_MAX) {
		k = find_entry(frame);
		if (k)
			break;
		agent_state.scratch[fresh++] = frame;
		frame = lane_load(frame, previous);
	}
	if (!k || k + fresh > 2 * stack_limit() || (COLD->truncated && k + fresh < stack_limit()) ||
	    !chain_holds(k, !fresh, object)) {
		walk_all(leaf, object);
		return;
	}
	for (uint32_t i = 0; i + 1 < fresh; i++) {
		uint64_t f = agent_state.scratch[fresh - 1 - i];

		entry_set(k + 1 + i, f, instr_of(f, object));
	}
	if (fresh)
		leaf_set(k + fresh, leaf, instr_of(leaf, object));
	LANE->depth = k + fresh;
}

/*
 * Nothing changed since the last event but, perhaps, the innermost instruction? One function per
 * way to read an instruction, so that the loop has no decisions.
 */
static inline __attribute__((always_inline)) bool stack_same(uint64_t leaf, bool object)
{
	const struct agent_offsets *o = &agent_fixed.off;
	const int32_t previous = o->frame_previous;
	const struct agent_frame *e = &STACK[LANE->depth];
	uint64_t frame = leaf;

	if (!LANE->depth || e->frame != leaf)
		return false;
	for (;;) {
		uint64_t next = lane_load(frame, previous);

		e--;
		if (next != e->frame)
			return false;
		if (e == STACK)
			return true;
		frame = e->frame;
		if (instr_of(frame, object) != e->instr)
			return false;
	}
}

/*
 * A frame of this stack could not be described: the pipe is full, or the table of code objects is.
 * In the second case everything is forgotten and the stack taken anew. False: the event is lost.
 */
static bool start_over(void)
{
	LANE->untold = 0;
	LANE->depth = 0;
	if (!site_codes_full() || !site_forget_all())
		return false;
	walk_all(leaf_of(LANE->tstate), agent_fixed.frame_kind == AGENT_FRAME_OBJECT);
	if (!(LANE->untold & AGENT_UNTOLD_FRAME))
		return true;
	LANE->untold = 0;
	LANE->depth = 0;
	return false;
}

/* The stack in the cache is no ordinary one. False: the event is lost. */
static __attribute__((noinline)) bool look_again(void)
{
	if (LANE->untold & AGENT_UNTOLD_FRAME && !start_over())
		return false;
	if (LANE->untold)
		label_look();
	LANE->untold = 0;
	return true;
}

/* Site of the stack in the cache, which was just changed. */
static uint64_t site_of_cached(void)
{
	bool ordinary = !LANE->untold, frameless;
	uint64_t hash, word;
	uint32_t depth;
	int32_t site;

	if (SYS_UNLIKELY(!ordinary) && !look_again())
		return 0;
	depth = LANE->depth;
	hash = PLACES[depth].hash;
	frameless = hash == COLD->thread_seed;
	if (SYS_UNLIKELY(frameless))
		final_look();
	site = site_find(hash);
	if (SYS_LIKELY(site >= 0)) {
		word = AGENT_SITE_WORD(agent_state.sites[site].serial, site);
	} else {
		word = define(hash);
		if (!word)
			return 0;
	}
	LANE->site = word;
	if (SYS_UNLIKELY(frameless)) {
		LANE->depth = 0; /* the next event comes here again */
		return word;
	}
	if (ordinary && depth) {
		struct agent_leaf *leaf = leaf_place(STACK[depth].instr, PLACES[depth - 1].hash);

		*leaf = (struct agent_leaf){
			.instr = STACK[depth].instr,
			.parent = PLACES[depth - 1].hash,
			.at = PLACES[depth],
			.site = word,
		};
		agent_state.sites[AGENT_PLACE_SITE(word)].leaves |=
			1ull << (leaf - agent_state.leaves) / AGENT_LEAVES_PER_BIT;
	}
	return word;
}

/* The frames are those of the last event, or not; their instructions not all. */
static inline __attribute__((always_inline)) uint64_t site_changed(uint64_t leaf, bool object)
{
	LANE->site = 0;
	if (stack_same(leaf, object)) {
		if (instr_of(leaf, object) != STACK[LANE->depth].instr)
			entry_set(LANE->depth, leaf, instr_of(leaf, object));
	} else {
		resync(leaf, object);
	}
	/* the leaf was known; unless a frame below it was not */
	if (LANE->site && SYS_LIKELY(!LANE->untold))
		return LANE->site;
	LANE->site = 0;
	return site_of_cached();
}

uint64_t stack_site(void)
{
	uint64_t tstate = LANE->tstate;

	if (SYS_UNLIKELY(!tstate))
		return stack_site_none();
	/* another thread's state may have been born where a dead one was */
	if (SYS_UNLIKELY(lane_load(tstate, agent_fixed.off.tstate_id) != LANE->tstate_id))
		stack_thread(tstate);
	if (agent_fixed.frame_kind == AGENT_FRAME_OBJECT)
		return site_changed(leaf_of(tstate), true);
	return site_changed(leaf_of(tstate), false);
}

/*
 * stack_site when nothing or only the innermost instruction changed since the last event; 0:
 * something else did, and nothing was done. Calls nothing.
 */
static inline __attribute__((always_inline)) uint64_t site_near(uint64_t leaf, bool object)
{
	struct agent_lane *l = LANE;
	const uint32_t depth = l->depth;
	const struct agent_leaf *known;
	uint64_t instr;

	if (SYS_UNLIKELY(!stack_same(leaf, object)))
		return 0;
	instr = instr_of(leaf, object);
	if (SYS_LIKELY(instr == STACK[depth].instr))
		return l->site;
	known = leaf_place(instr, PLACES[depth - 1].hash);
	if (SYS_UNLIKELY(known->instr != instr || known->parent != PLACES[depth - 1].hash))
		return 0;
	STACK[depth].instr = instr;
	PLACES[depth] = known->at;
	l->site = known->site;
	return known->site;
}

static inline __attribute__((always_inline)) uint64_t stack_site_near(bool object)
{
	uint64_t tstate = LANE->tstate, leaf;

	if (SYS_UNLIKELY(!tstate) ||
	    SYS_UNLIKELY(lane_load(tstate, agent_fixed.off.tstate_id) != LANE->tstate_id))
		return 0;
	leaf = object ? lane_load(tstate, agent_fixed.off.tstate_frame) : leaf_of(tstate);
	return site_near(leaf, object);
}

void stack_forget_site(uint32_t index)
{
	/* where thousands of stacks take turns this is once per event: not all of them are looked at */
	for (uint64_t bits = agent_state.sites[index].leaves; bits; bits &= bits - 1) {
		struct agent_leaf *leaf = &agent_state.leaves[__builtin_ctzll(bits) * AGENT_LEAVES_PER_BIT];

		for (int i = 0; i < AGENT_LEAVES_PER_BIT; i++)
			if (AGENT_PLACE_SITE(leaf[i].site) == index)
				leaf[i].instr = 0;
	}
	if (AGENT_PLACE_SITE(LANE->site) == index)
		LANE->site = 0;
}

void stack_thread(uint64_t tstate)
{
	const struct agent_offsets *o = &agent_fixed.off;

	LANE->tstate = tstate;
	LANE->depth = 0;
	LANE->site = 0;
	COLD->thread_serial = 0;
	if (!tstate)
		return;
	LANE->tstate_id = lane_load(tstate, o->tstate_id);
	/* ids of thread states are unique within their interpreter only */
	COLD->thread_seed =
		mix(LANE->tstate_id ^ agent_fixed.seed, lane_load(tstate, o->tstate_interp));
}

void stack_forget_lines(uint32_t code)
{
	for (int i = 0; i < AGENT_LINES; i++)
		if (agent_state.lines[i].code == code)
			agent_state.lines[i] = (struct agent_line){ 0 };
	for (int i = 0; i < AGENT_LEAVES; i++)
		agent_state.leaves[i].instr = 0;
	for (int i = 0; i <= AGENT_STACK_MAX; i++)
		if (PLACES[i].code == code)
			STACK[i].instr = 0;
}

void stack_forget_all(void)
{
	for (int i = 0; i < AGENT_LINES; i++)
		agent_state.lines[i] = (struct agent_line){ 0 };
	for (int i = 0; i < AGENT_LEAVES; i++)
		agent_state.leaves[i].instr = 0;
	for (int i = 0; i <= AGENT_STACK_MAX; i++)
		STACK[i].instr = 0;
	LANE->depth = 0;
	LANE->site = 0;
}

void stack_code_freed(uint64_t addr)
{
	uint32_t serial = site_code_forget(addr);

	if (!serial)
		return;
	/* another one may be born here, and its instructions will have the same addresses */
	stack_forget_lines(serial);
	LANE->depth = 0;
	LANE->site = 0;
}
