/* SPDX-License-Identifier: MIT */
/*
 * What the reader of the stream has been told: sites, code objects and threads, each in a small
 * fixed table. An entry exists only while its definition was really sent; what is forgotten is
 * defined again under a new serial. Refuses to know how a stack is found.
 */
#include "tracer/agent/lane.h"

static struct agent_site *site_set(uint64_t hash)
{
	return &agent_state.sites[(hash >> 40) % SITE_SETS * AGENT_SITE_WAYS];
}

int32_t site_add(uint64_t hash)
{
	struct agent_site *set = site_set(hash), *s = &set[hash & 1];

	/* prefer a free place, then one whose site is idle */
	for (int way = 0; way < AGENT_SITE_WAYS; way++) {
		if (!set[way].serial) {
			s = &set[way];
			break;
		}
		if (!set[way].temps && s->temps)
			s = &set[way];
	}
	put_temps(s);
	if (s->serial)
		stack_forget_site((uint32_t)(s - agent_state.sites));
	*s = (struct agent_site){ .hash = hash, .serial = ++COLD->next_site };
	return (int32_t)(s - agent_state.sites);
}

void site_flush_temps(void)
{
	for (int i = 0; i < AGENT_SITES; i++)
		put_temps(&agent_state.sites[i]);
}

/* --- code objects --------------------------------------------------------------------------- */

static bool put_code(uint64_t addr, uint32_t serial)
{
	const struct agent_offsets *o = &agent_fixed.off;
	struct text name = text_first(text_of(lane_load(addr, o->code_name)), AGENT_NAME_CHARS);
	struct text file = text_last(text_of(lane_load(addr, o->code_filename)), AGENT_FILE_CHARS);
	uint32_t words = 1 + sizeof(struct stream_code) / 8 + text_words(name) + text_words(file);
	uint64_t *at = put_reserve(words);
	struct stream_code *c;

	if (!at)
		return false;
	at[0] = STREAM_META | STREAM_CODE << 8 | (uint64_t)words << 16;
	c = (struct stream_code *)(at + 1);
	*c = (struct stream_code){
		.serial = serial,
		.firstlineno = (int32_t)lane_load32(addr, o->code_firstlineno),
		.name_chars = (uint16_t)name.length,
		.file_chars = (uint16_t)file.length,
		.name_kind = (uint8_t)name.kind,
		.file_kind = (uint8_t)file.kind,
	};
	text_copy((uint64_t *)(c + 1), name);
	text_copy((uint64_t *)(c + 1) + text_words(name), file);
	put_commit(words);
	if (label_knows(addr, name, file))
		COLD->label_code = serial;
	return true;
}

static struct agent_code *code_place(uint64_t addr)
{
	uint64_t i = lane_hash(addr) % AGENT_CODES;

	while (agent_state.codes[i].addr && agent_state.codes[i].addr != addr)
		i = (i + 1) % AGENT_CODES;
	return &agent_state.codes[i];
}

uint32_t site_code(uint64_t addr)
{
	struct agent_code *c = code_place(addr);
	uint64_t bit = lane_hash(addr) % AGENT_CODE_BITS;

	if (c->addr)
		return c->serial;
	if (site_codes_full() || !put_code(addr, COLD->next_code + 1))
		return 0;
	/* its death must be seen, so it may not die unseen in the window */
	window_evict(addr);
	c->addr = addr;
	c->serial = ++COLD->next_code;
	COLD->codes_used++;
	agent_state.code_bits[bit / 64] |= 1ull << (bit % 64);
	++*sample_page(addr);
	return c->serial;
}

uint32_t site_code_forget(uint64_t addr)
{
	struct agent_code *c = code_place(addr);
	uint64_t hole = (uint64_t)(c - agent_state.codes), i = hole;
	uint32_t serial = c->serial;

	if (!c->addr)
		return 0;
	/* close the gap: move up whatever may not be found beyond it (Knuth 6.4, algorithm R) */
	for (;;) {
		uint64_t home;

		i = (i + 1) % AGENT_CODES;
		if (!agent_state.codes[i].addr)
			break;
		home = lane_hash(agent_state.codes[i].addr) % AGENT_CODES;
		if ((i - home) % AGENT_CODES < (i - hole) % AGENT_CODES)
			continue;
		agent_state.codes[hole] = agent_state.codes[i];
		hole = i;
	}
	agent_state.codes[hole].addr = 0;
	if (serial == COLD->label_code)
		COLD->label_code = 0;
	COLD->codes_used--;
	--*sample_page(addr);
	return serial;
}

/* --- threads ---------------------------------------------------------------------------------- */

uint32_t site_thread(uint64_t tstate)
{
	const struct agent_offsets *o = &agent_fixed.off;
	uint64_t id = lane_load(tstate, o->tstate_id), interp = lane_load(tstate, o->tstate_interp);
	struct agent_thread *t = &agent_state.threads[lane_hash(id ^ interp) % AGENT_THREADS];
	struct stream_thread *s;
	uint32_t tid = sys_gettid();
	uint64_t *at;

	if (t->serial && t->tstate_id == id && t->interp == interp && t->tid == tid)
		return t->serial;
	at = put_reserve(1 + sizeof(*s) / 8);
	if (!at)
		return 0;
	at[0] = STREAM_META | STREAM_THREAD << 8 | (uint64_t)(1 + sizeof(*s) / 8) << 16;
	*t = (struct agent_thread){ id, interp, ++COLD->next_thread, tid };
	s = (struct stream_thread *)(at + 1);
	*s = (struct stream_thread){
		.serial = t->serial, .tid = tid, .tstate_id = id, .interp_id_or_addr = interp
	};
	put_commit(1 + sizeof(*s) / 8);
	return t->serial;
}

/* --- starting over ------------------------------------------------------------------------------ */

bool site_forget_all(void)
{
	uint64_t *at;

	/* waiting blocks name old serials: out with them first */
	window_sweep();
	site_flush_temps();
	at = put_reserve(1);
	if (!at)
		return false;
	at[0] = STREAM_META | STREAM_RESET << 8 | 1ull << 16;
	put_commit(1);
	for (int i = 0; i < AGENT_SITES; i++)
		agent_state.sites[i] = (struct agent_site){ 0 };
	for (int i = 0; i < AGENT_CODES; i++) {
		if (agent_state.codes[i].addr)
			--*sample_page(agent_state.codes[i].addr);
		agent_state.codes[i] = (struct agent_code){ 0 };
	}
	for (int i = 0; i < AGENT_CODE_BITS / 64; i++)
		agent_state.code_bits[i] = 0;
	for (int i = 0; i < AGENT_THREADS; i++)
		agent_state.threads[i] = (struct agent_thread){ 0 };
	COLD->next_site = COLD->next_code = COLD->next_thread = 0;
	COLD->codes_used = COLD->thread_serial = COLD->label_code = 0;
	stack_forget_all();
	return true;
}
