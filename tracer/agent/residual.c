/* SPDX-License-Identifier: MIT */
/* The agent's memory becomes the end of its stream. Indices from the target are bounded here. */
#include "tracer/agent/residual.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/agent/sys.h"

#define HEAD_WORDS (sizeof(struct stream_batch) / 8)
#define STACK_WORDS (1 + sizeof(struct stream_stack) / 8)
/* The most a batch may have (abi.h): 64 KiB. */
#define BATCH_WORDS 8192
#define BATCHES_MAX 16
/* Everything that can be in the state, as records, and their heads. */
#define ROOM_WORDS                                                                                 \
	(AGENT_OUT_WORDS + 3 * AGENT_WINDOW_MAX + 2 * AGENT_SITES + STACK_WORDS + 3 * AGENT_SIDE +  \
	 BATCHES_MAX * HEAD_WORDS)

struct out {
	const struct agent_state *state;
	struct agent_public pub; /* counters, with the side queue's calls */
	uint64_t *words;
	size_t used;
	size_t open; /* index of the open batch's head */
	uint32_t serial;
	uint64_t last_alloc; /* address, when the agent's last record is an ALLOC */
	uint64_t torn;
};

static void close_batch(struct out *o)
{
	struct stream_batch *b = (struct stream_batch *)(o->words + o->open);

	if (o->used - o->open <= HEAD_WORDS) {
		o->used = o->open;
		return;
	}
	*b = (struct stream_batch){
		.magic = STREAM_MAGIC | (uint64_t)AGENT_ABI_VERSION << 48,
		.bytes = (uint32_t)(o->used - o->open) * 8,
		.serial = o->serial++,
		.ticks_open = ((const struct stream_batch *)o->state->out)->ticks_open,
		.ticks_written = sys_ticks(), /* one machine, one counter */
		.allocs = o->pub.allocs,
		.frees = o->pub.frees + o->pub.cancelled,
		.cancelled = o->pub.cancelled,
		.dropped_events = o->pub.dropped_events,
		.window_peak_bytes = o->state->lane.window_peak,
	};
	o->open = o->used;
}

/* Room for a record of n words; there always is (ROOM_WORDS). */
static uint64_t *put(struct out *o, size_t n)
{
	uint64_t *at;

	if (o->used - o->open + n > BATCH_WORDS)
		close_batch(o);
	if (o->used == o->open)
		o->used += HEAD_WORDS;
	at = o->words + o->used;
	o->used += n;
	return at;
}

static bool known_site(const struct out *o, uint32_t serial)
{
	return serial && serial <= o->state->cold.next_site;
}

static bool good_addr(uint64_t addr)
{
	return addr && !(addr & ~STREAM_ADDR_MASK);
}

static void put_alloc(struct out *o, uint64_t addr, uint64_t size, uint32_t serial, uint32_t domain)
{
	bool wide = size >= 0xffff;
	uint64_t *at = put(o, 2 + wide);

	at[0] = addr | STREAM_ALLOC | (wide ? 0xffffull : size) << 48;
	at[1] = serial | (uint64_t)domain << 32;
	if (wide)
		at[2] = size;
}

/* A slot whose block is the last record is one whose block was just leaving. */
static void put_window(struct out *o, const struct agent_fixed *fx)
{
	uint32_t slots = fx->window <= AGENT_WINDOW_MAX ? fx->window : AGENT_WINDOW_MAX;

	if (fx->sample_bytes)
		return;
	for (uint32_t i = 0; i < slots; i++) {
		const struct agent_slot *s = &o->state->window[i];
		uint64_t addr = AGENT_SLOT_ADDR(s->block);

		if (!s->block || addr == o->last_alloc)
			continue;
		if (good_addr(addr) && (s->block & STREAM_KIND_MASK) == STREAM_ALLOC &&
		    AGENT_SLOT_SIZE(s->block) < 0xffff &&
		    known_site(o, AGENT_PLACE_SERIAL(s->place)) &&
		    AGENT_PLACE_DOMAIN(s->place) < AGENT_DOMAINS)
			put_alloc(o, addr, AGENT_SLOT_SIZE(s->block), AGENT_PLACE_SERIAL(s->place),
				  AGENT_PLACE_DOMAIN(s->place));
		else
			o->torn++;
	}
}

static void put_temps(struct out *o)
{
	for (int i = 0; i < AGENT_SITES; i++) {
		const struct agent_site *s = &o->state->sites[i];
		uint64_t *at;

		o->pub.cancelled += AGENT_TEMPS_BLOCKS(s->temps);
		if (!s->temps)
			continue;
		if (!known_site(o, s->serial) ||
		    AGENT_TEMPS_BYTES(s->temps) > AGENT_TEMPS_BLOCKS(s->temps) * 0xffff) {
			o->torn++;
			continue;
		}
		at = put(o, 2);
		at[0] = STREAM_TEMP | (uint64_t)s->serial << 32;
		at[1] = s->temps;
	}
}

static void put_side_event(struct out *o, const struct agent_side_event *e, uint32_t site)
{
	uint64_t addr = e->word & STREAM_ADDR_MASK, kind = e->word & STREAM_KIND_MASK;
	uint32_t domain = (uint32_t)(e->word >> 48 & 3);

	if (good_addr(addr) && kind == STREAM_ALLOC && domain < AGENT_DOMAINS &&
	    e->size < 1ull << 48) {
		put_alloc(o, addr, e->size, site, domain);
		o->pub.allocs++;
	} else if (good_addr(addr) && (kind == STREAM_FREE || kind == STREAM_UNFREE)) {
		*put(o, 1) = addr | kind;
		o->pub.frees += kind == STREAM_FREE ? 1 : (uint64_t)-1;
	} else {
		o->torn++;
	}
}

/* Calls the lane had not taken over. Their site is the one of threads without a thread state. */
static void put_side(struct out *o, const struct agent_fixed *fx)
{
	const struct agent_cold *c = &o->state->cold;
	uint32_t n = c->side_tail - c->side_head, site = c->next_site + 1;
	uint64_t *at;

	if (!n || fx->sample_bytes)
		return;
	if (n > AGENT_SIDE || !site) {
		o->torn++;
		return;
	}
	at = put(o, STACK_WORDS);
	at[0] = STREAM_META | STREAM_STACK << 8 | (uint64_t)STACK_WORDS << 16;
	*(struct stream_stack *)(at + 1) = (struct stream_stack){ .site = site };
	for (uint32_t i = 0; i < n; i++)
		put_side_event(o, &o->state->side[(c->side_head + i) % AGENT_SIDE], site);
}

/* Words of the record at p of at most `left`, 0: none begins there. */
static size_t record_words(const uint64_t *p, size_t left)
{
	size_t n = 0;

	switch (*p & STREAM_KIND_MASK) {
	case STREAM_FREE:
	case STREAM_UNFREE:
		n = 1;
		break;
	case STREAM_ALLOC:
		n = *p >> 48 == 0xffff ? 3 : 2;
		break;
	case STREAM_TEMP:
		n = 2;
		break;
	case STREAM_META:
		n = *p >> 16;
		break;
	}
	return n <= left ? n : 0;
}

/*
 * A TEMP that was on its way: its site has forgotten already, and the record is written but does
 * not count yet. Then it does now. Returns the words that count.
 */
static size_t finish_moving(struct out *o, size_t words)
{
	uint64_t moving = o->state->cold.moving;
	uint32_t index = (uint32_t)moving - 1;
	size_t then = moving >> 32;

	if (!moving)
		return words;
	if (index >= AGENT_SITES || then < HEAD_WORDS + 2 || then > AGENT_OUT_WORDS) {
		o->torn++;
		return words;
	}
	if (o->state->sites[index].temps || words == then)
		return words;
	if (words + 2 == then &&
	    o->state->out[words] ==
		    (STREAM_TEMP | (uint64_t)o->state->sites[index].serial << 32))
		return then;
	o->torn++;
	return words;
}

/* Its head is not filled in, and its last record may stop anywhere. */
static void put_open(struct out *o, size_t words)
{
	const uint64_t *out = o->state->out;
	size_t at = HEAD_WORDS, n;

	words = finish_moving(o, words);
	for (; at < words; at += n) {
		n = record_words(out + at, words - at);
		if (!n) {
			o->torn++;
			break;
		}
		o->last_alloc = (out[at] & STREAM_KIND_MASK) == STREAM_ALLOC ?
					out[at] & STREAM_ADDR_MASK :
					0;
	}
	memcpy(put(o, at - HEAD_WORDS), out + HEAD_WORDS, (at - HEAD_WORDS) * 8);
}

/*
 * One with a head, which the pipe took none, some or all of: more than out_sent tells, when the
 * process was killed in its write. What came out of the pipe tells exactly.
 */
static void put_closed(struct out *o, size_t words, uint64_t received)
{
	const struct stream_batch *b = (const struct stream_batch *)o->state->out;
	uint64_t sent = received - o->pub.bytes_written;

	if ((b->magic & ((1ull << 48) - 1)) != STREAM_MAGIC || b->bytes != words * 8 ||
	    sent > b->bytes || sent % 8) {
		o->torn++;
		return;
	}
	memcpy(o->words, o->state->out + sent / 8, b->bytes - sent);
	o->used = o->open = words - sent / 8;
	o->serial = b->serial + 1;
}

int residual_build(const struct agent_fixed *fixed, const struct agent_state *state,
		   uint64_t received, struct residual *ret, struct err *err)
{
	const size_t words = state->lane.out_len;
	struct out o = { .state = state, .pub = state->pub, .serial = state->cold.batch_serial };

	*ret = (struct residual){ 0 };
	if (!state->cold.hello_sent)
		return 0;
	o.words = calloc(ROOM_WORDS, 8);
	if (!o.words)
		return err_nomem(err);
	if (words > AGENT_OUT_WORDS)
		o.torn++;
	else if (words > HEAD_WORDS && state->lane.out_end)
		put_open(&o, words);
	else if (words > HEAD_WORDS)
		put_closed(&o, words, received);
	put_window(&o, fixed);
	put_temps(&o);
	put_side(&o, fixed);
	close_batch(&o);
	o.pub.frees += o.pub.cancelled;
	*ret = (struct residual){ (uint8_t *)o.words, o.used * 8, o.torn, o.pub };
	return 0;
}
