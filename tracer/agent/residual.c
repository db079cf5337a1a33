/* SPDX-License-Identifier: MIT */
/* The agent's memory becomes the end of its stream. Indices from the target are bounded here. */
#include "tracer/agent/residual.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/agent/sys.h"

#define HEAD_WORDS (sizeof(struct stream_batch) / 8)
/* The most a batch may have (abi.h): 64 KiB. */
#define BATCH_WORDS 8192

struct out {
	uint64_t *words;
	size_t used, room;
	size_t open; /* index of the open batch's head */
	uint32_t serial;
	const struct agent_public *pub;
	const struct stream_batch *like; /* times */
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
		.ticks_open = o->like->ticks_open,
		.ticks_written = sys_ticks(), /* one machine, one counter */
		.allocs = o->pub->allocs,
		.frees = o->pub->frees,
		.alloc_bytes = o->pub->alloc_bytes,
		.cancelled = o->pub->cancelled,
		.dropped_events = o->pub->dropped_events,
	};
	o->open = o->used;
}

/* Room for a record of n words; there is always room (residual_build counted). */
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

static void put_alloc(struct out *o, uint64_t addr, uint64_t size, uint32_t serial, uint32_t domain)
{
	bool wide = size >= 0xffff;
	uint64_t *at = put(o, 2 + wide);

	at[0] = (addr & STREAM_ADDR_MASK) | STREAM_ALLOC | (wide ? 0xffffull : size) << 48;
	at[1] = serial | (uint64_t)domain << 32;
	if (wide)
		at[2] = size;
}

static void put_window(struct out *o, const struct agent_fixed *fx, const struct agent_state *st)
{
	uint32_t slots = fx->window <= AGENT_WINDOW_MAX ? fx->window : AGENT_WINDOW_MAX;

	if (fx->sample_bytes)
		return;
	for (uint32_t i = 0; i < slots; i++) {
		const struct agent_slot *s = &st->window[i];

		if (s->addr)
			put_alloc(o, s->addr, AGENT_SLOT_SIZE(s->info), AGENT_SLOT_SERIAL(s->info),
				  AGENT_SLOT_DOMAIN(s->info));
	}
}

static void put_temps(struct out *o, const struct agent_state *st)
{
	for (int i = 0; i < AGENT_SITES; i++) {
		const struct agent_site *s = &st->sites[i];
		uint64_t blocks = s->temp_blocks, bytes = s->temp_bytes;

		while (s->serial && blocks) {
			uint64_t n = blocks < 0xffffff ? blocks : 0xffffff;
			uint64_t size = bytes < n * 0xffff ? bytes : n * 0xffff;
			uint64_t *at = put(o, 2);

			at[0] = STREAM_TEMP | (uint64_t)s->serial << 32;
			at[1] = n | size << 24;
			blocks -= n;
			bytes -= size;
		}
	}
}

/* Calls the lane had not taken over. Their site is the one of threads without a thread state. */
static void put_side(struct out *o, const struct agent_fixed *fx, const struct agent_state *st,
		     struct agent_public *pub)
{
	uint32_t head = st->cold.side_head, n = st->cold.side_tail - head;
	uint32_t site = st->cold.next_site + 1;
	uint64_t *at;

	if (!n || n > AGENT_SIDE || fx->sample_bytes)
		return;
	at = put(o, 1 + sizeof(struct stream_stack) / 8);
	at[0] = STREAM_META | STREAM_STACK << 8 | (1 + sizeof(struct stream_stack) / 8) << 16;
	*(struct stream_stack *)(at + 1) = (struct stream_stack){ .site = site };
	for (uint32_t i = 0; i < n; i++) {
		const struct agent_side_event *e = &st->side[(head + i) % AGENT_SIDE];
		uint64_t kind = e->word & STREAM_KIND_MASK;

		if (kind == STREAM_ALLOC) {
			put_alloc(o, e->word, e->size, site, (uint32_t)(e->word >> 48 & 3));
			pub->allocs++;
			pub->alloc_bytes += e->size;
		} else if (kind == STREAM_FREE || kind == STREAM_UNFREE) {
			*put(o, 1) = (e->word & STREAM_ADDR_MASK) | kind;
			pub->frees += kind == STREAM_FREE ? 1 : (uint64_t)-1;
		}
	}
}

/*
 * The batch in the agent's buffer: open (its head is not filled in), or partly sent, or only
 * refused by a full pipe.
 */
static void put_pending(struct out *o, const struct agent_state *st)
{
	size_t words = st->lane.out_len <= AGENT_OUT_WORDS ? st->lane.out_len : 0;
	size_t sent = st->cold.out_sent / 8;

	if (words <= HEAD_WORDS)
		return;
	if (st->lane.out_end) {
		memcpy(o->words, st->out, words * 8);
		o->used = words;
		close_batch(o);
		return;
	}
	/* its serial was given out already; a pipe takes whole pages, a page is whole words */
	if (sent < words) {
		memcpy(o->words, st->out + sent, (words - sent) * 8);
		o->used = o->open = words - sent;
	}
}

int residual_build(const struct agent_fixed *fixed, const struct agent_state *state, uint8_t **ret,
		   size_t *ret_bytes, struct err *err)
{
	struct agent_public pub = state->pub;
	struct out o = {
		.serial = state->cold.batch_serial, .pub = &pub,
		.like = (const struct stream_batch *)state->out,
	};

	*ret = NULL;
	*ret_bytes = 0;
	if (!state->cold.hello_sent)
		return 0;
	o.room = AGENT_OUT_WORDS + 3 * AGENT_WINDOW_MAX + 2 * 256 * (size_t)AGENT_SITES +
		 3 * (size_t)AGENT_SIDE + 1024 * HEAD_WORDS;
	o.words = calloc(o.room, 8);
	if (!o.words)
		return err_nomem(err);
	put_pending(&o, state);
	put_window(&o, fixed, state);
	put_temps(&o, state);
	put_side(&o, fixed, state, &pub);
	close_batch(&o);
	*ret = (uint8_t *)o.words;
	*ret_bytes = o.used * 8;
	return 0;
}
