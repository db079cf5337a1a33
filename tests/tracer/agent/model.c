/* SPDX-License-Identifier: MIT */
/* The reference: a list of blocks and a count per stack, kept by the program itself. */
#include "tests/tracer/agent/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tracer/agent/fake_python.h"
#include "tests/tracer/agent/replay.h"

#define BLOCKS 20000
#define WHERE 16384

struct block {
	void *p;
	size_t size;
	uint32_t site;
	int domain;
};

struct birth {
	char *where;
	uint64_t blocks, bytes;
};

struct model {
	struct model_options o;
	uint64_t random;
	struct block *blocks;
	size_t nblocks;
	struct birth *births;
	size_t nbirths;
	uint64_t allocs, frees, bytes;
	struct fake_code *code[64];
	struct replay replay;
	char where[WHERE];
};

static uint32_t pick(struct model *m, uint32_t n)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (uint32_t)((m->random >> 11) % n);
}

static uint32_t birth_site(struct model *m, const char *where)
{
	for (size_t i = m->nbirths; i > 0; i--)
		if (!strcmp(m->births[i - 1].where, where))
			return (uint32_t)(i - 1);
	m->births = realloc(m->births, (m->nbirths + 1) * sizeof(*m->births));
	m->births[m->nbirths] = (struct birth){ strdup(where), 0, 0 };
	return (uint32_t)m->nbirths++;
}

static void born(struct model *m, void *p, size_t size, int domain, const char *where)
{
	uint32_t site = birth_site(m, where);

	m->blocks[m->nblocks++] = (struct block){ p, size, site, domain };
	m->births[site].blocks++;
	m->births[site].bytes += size;
	m->allocs++;
	m->bytes += size;
}

static void (*const free_hook[])(void *, void *) = { hook_raw_free, hook_mem_free, hook_obj_free };
static void *(*const malloc_hook[])(void *, size_t) = { hook_raw_malloc, hook_mem_malloc,
							hook_obj_malloc };
static void *(*const calloc_hook[])(void *, size_t, size_t) = { hook_raw_calloc, hook_mem_calloc,
								hook_obj_calloc };
static void *(*const realloc_hook[])(void *, void *, size_t) = { hook_raw_realloc, hook_mem_realloc,
								 hook_obj_realloc };

static const char *here(struct model *m)
{
	fake_where(m->where, sizeof(m->where), m->o.max_frames);
	return m->where;
}

static size_t some_size(struct model *m)
{
	switch (pick(m, 20)) {
	case 0:
		return 0;
	case 1:
		return 500 + pick(m, 4000);
	case 2:
		return 60000 + pick(m, 20000);
	default:
		return 1 + pick(m, 300);
	}
}

static void do_alloc(struct model *m)
{
	size_t size = some_size(m);
	int d = (int)pick(m, 3);
	void *p;

	if (m->nblocks == BLOCKS)
		return;
	if (!pick(m, 50))
		fake.fail_next = true;
	p = pick(m, 4) ? malloc_hook[d](NULL, size) : calloc_hook[d](NULL, 1, size);
	fake.fail_next = false;
	if (p)
		born(m, p, size, d, here(m));
}

static void do_free(struct model *m)
{
	size_t i;
	struct block b;

	if (!m->nblocks)
		return;
	/* mostly a young one */
	i = pick(m, 3) ? m->nblocks - 1 - pick(m, m->nblocks < 8 ? (uint32_t)m->nblocks : 8) :
			 pick(m, (uint32_t)m->nblocks);
	b = m->blocks[i];
	m->blocks[i] = m->blocks[--m->nblocks];
	m->frees++;
	free_hook[b.domain](NULL, b.p);
}

static void do_realloc(struct model *m)
{
	size_t size = 1 + some_size(m), i;
	struct block b;
	void *p;

	if (!m->nblocks)
		return;
	i = pick(m, (uint32_t)m->nblocks);
	b = m->blocks[i];
	if (!pick(m, 4))
		fake.fail_next = true;
	p = realloc_hook[b.domain](NULL, b.p, size);
	fake.fail_next = false;
	if (!p)
		return;
	m->blocks[i] = m->blocks[--m->nblocks];
	m->frees++;
	born(m, p, size, b.domain, here(m));
}

/* The GIL is another thread's for a moment, and this one calls the raw domain. */
static void do_offgil(struct model *m)
{
	uint64_t holder = fake.current;
	size_t size = some_size(m);

	fake.current = pick(m, 2) ? (uint64_t)&fake.thread[FAKE_THREADS - 1] : 0;
	if (m->nblocks < BLOCKS && pick(m, 2)) {
		void *p = hook_raw_malloc(NULL, size);

		born(m, p, size, AGENT_RAW, "t0");
	} else if (m->nblocks) {
		size_t i = m->nblocks - 1 - pick(m, m->nblocks < 8 ? (uint32_t)m->nblocks : 8);
		struct block b = m->blocks[i];

		if (b.domain == AGENT_RAW && pick(m, 2)) {
			m->blocks[i] = m->blocks[--m->nblocks];
			m->frees++;
			hook_raw_free(NULL, b.p);
		} else if (b.domain == AGENT_RAW) {
			void *p;

			fake.fail_next = pick(m, 2);
			p = hook_raw_realloc(NULL, b.p, size + 1);
			fake.fail_next = false;
			if (p) {
				m->blocks[i] = m->blocks[--m->nblocks];
				m->frees++;
				born(m, p, size + 1, AGENT_RAW, "t0");
			}
		}
	}
	fake.current = holder;
}

static const char *const names[] = { "a", "bb", "ccc", "dddd", "eeeee", "ffffff", "g", "hh" };

static bool in_use(const struct fake_code *c)
{
	for (int i = 0; i < FAKE_THREADS; i++) {
		const struct fake_tstate *t = &fake.thread[i];

		for (uint32_t k = 0; k < t->depth; k++)
			if ((t->frames[t->place[k]].code & ~3ull) == (uint64_t)c)
				return true;
	}
	return false;
}

/* Call with a frame on the stack or, as generators', at one of a few places that come again and again. */
static void do_call(struct model *m, struct fake_tstate *t)
{
	struct fake_code *code = m->code[pick(m, m->o.codes)];
	uint32_t instr = pick(m, 32), place = t->depth;

	if (!pick(m, 3))
		place = FAKE_DEPTH - 1 - pick(m, 24);
	for (uint32_t k = 0; k < t->depth; k++)
		if (t->place[k] == place)
			place = t->depth;
	fake_call_at(place, code, instr);
}

static void new_code(struct model *m, uint32_t i)
{
	here(m);
	m->code[i] = fake_code(names[pick(m, 8)], 1 + 100 * pick(m, 30), 32);
	born(m, m->code[i], sizeof(struct fake_code), AGENT_OBJ, m->where);
	m->nblocks--; /* freed by do_code only */
}

/* A new code object, most often at the place of the old one. */
static void do_code(struct model *m)
{
	uint32_t i = pick(m, m->o.codes);

	if (in_use(m->code[i]))
		return;
	m->frees++;
	fake_code_free(m->code[i]);
	new_code(m, i);
}

static void do_python(struct model *m)
{
	struct fake_tstate *t = (struct fake_tstate *)fake.current;

	switch (pick(m, 8)) {
	case 0:
	case 1:
		if (t->depth < m->o.depth)
			do_call(m, t);
		return;
	case 2:
	case 3:
		if (t->depth > 1)
			fake_return();
		return;
	case 4:
		if (!pick(m, 20))
			fake_gil((int)pick(m, FAKE_THREADS - 1));
		return;
	default:
		if (t->depth)
			fake_at(pick(m, 6));
	}
}

static void drain(struct model *m)
{
	size_t n;
	uint8_t *bytes = fake_read(&n);

	replay_feed(&m->replay, bytes, n);
	free(bytes);
}

static int wrong(char *why, size_t n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, n, fmt, ap);
	va_end(ap);
	return -1;
}

static int compare(struct model *m, char *why, size_t n)
{
	const struct replay *r = &m->replay;
	size_t codes = 0;

	if (r->bad[0])
		return wrong(why, n, "stream refused: %s", r->bad);
	if (agent_state.pub.dropped_events || agent_state.pub.offgil_dropped)
		return wrong(why, n, "%llu events were dropped",
			     (unsigned long long)agent_state.pub.dropped_events);
	if (r->foreign_frees || r->doubled)
		return wrong(why, n, "%llu frees of nothing, %llu births of the living",
			     (unsigned long long)r->foreign_frees, (unsigned long long)r->doubled);
	for (size_t i = 0; i < m->nblocks; i++) {
		const struct block *b = &m->blocks[i];
		const struct replay_block *x = replay_find(r, (uint64_t)b->p);

		if (!x)
			return wrong(why, n, "block %p of %zu bytes is missing", b->p, b->size);
		if (x->size != b->size || x->domain != b->domain ||
		    strcmp(r->sites[x->site].where, m->births[b->site].where))
			return wrong(why, n, "block %p: %llu bytes at %s, not %zu at %s", b->p,
				     (unsigned long long)x->size, r->sites[x->site].where, b->size,
				     m->births[b->site].where);
	}
	for (uint32_t i = 0; i < m->o.codes; i++)
		codes += replay_find(r, (uint64_t)m->code[i]) != NULL;
	if (codes != m->o.codes || r->live != m->nblocks + codes)
		return wrong(why, n, "%llu live, not %zu", (unsigned long long)r->live,
			     m->nblocks + m->o.codes);
	for (size_t i = 0; i < m->nbirths; i++) {
		const struct birth *b = &m->births[i];
		long s = replay_site(r, b->where);

		if (s < 0)
			return wrong(why, n, "site %s is missing", b->where);
		if (r->sites[s].births != b->blocks || r->sites[s].birth_bytes != b->bytes)
			return wrong(why, n, "%s: %llu births of %llu bytes, not %llu of %llu",
				     b->where, (unsigned long long)r->sites[s].births,
				     (unsigned long long)r->sites[s].birth_bytes,
				     (unsigned long long)b->blocks, (unsigned long long)b->bytes);
	}
	if (r->last.allocs != m->allocs || r->last.frees != m->frees)
		return wrong(why, n, "counted %llu and %llu, not %llu and %llu",
			     (unsigned long long)r->last.allocs, (unsigned long long)r->last.frees,
			     (unsigned long long)m->allocs, (unsigned long long)m->frees);
	return 0;
}

static void start(struct model *m)
{
	const struct model_options *o = &m->o;

	m->random = o->seed * 0x9e3779b97f4a7c15ull | 1;
	m->blocks = calloc(BLOCKS + 1, sizeof(*m->blocks));
	replay_init(&m->replay);
	fake_init(o->kind);
	fake.thread[FAKE_THREADS - 1].thread_id = 1; /* never this thread */
	agent_fixed.window = o->window;
	agent_fixed.max_frames = o->max_frames;
	agent_fixed.flush_ticks = o->flush_ticks;
	fake_go();
	agent_gate.mode |= o->mode;
	for (uint32_t i = 0; i < o->codes; i++)
		new_code(m, i);
	for (int t = FAKE_THREADS - 2; t >= 0; t--) {
		fake_gil(t);
		fake_call(m->code[0], 0);
	}
}

int model_run(const struct model_options *o, char *why, size_t n)
{
	struct model m = { .o = *o };
	int r;

	start(&m);
	for (uint32_t i = 0; i < o->ops; i++) {
		uint32_t what = pick(&m, 10);

		if (o->code_churn && !pick(&m, o->code_churn))
			do_code(&m);
		if (what < 3)
			do_alloc(&m);
		else if (what < 6)
			do_free(&m);
		else if (what == 6)
			do_realloc(&m);
		else if (what == 7 && o->offgil)
			do_offgil(&m);
		else
			do_python(&m);
		if (i % 256 == 0)
			drain(&m);
	}
	/* one more of the lane's own events, so that the last figures are in a batch's head */
	fake_flush();
	hook_obj_free(NULL, m.code[0]);
	m.code[0] = m.code[--m.o.codes];
	m.frees++;
	fake_flush();
	drain(&m);
	r = compare(&m, why, n);
	fake_done();
	for (size_t i = 0; i < m.nbirths; i++)
		free(m.births[i].where);
	for (size_t i = 0; i < m.nblocks; i++)
		free_hook[m.blocks[i].domain](NULL, m.blocks[i].p); /* the agent passes it on */
	free(m.births);
	free(m.blocks);
	replay_deinit(&m.replay);
	return r;
}
