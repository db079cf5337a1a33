/* SPDX-License-Identifier: MIT */
/*
 * Weak attribution: blocks no Python object's layout explains, reached through pointers of C
 * data whose owner is known — static variables of a module, an interpreter or thread state, an
 * object of an unknown C type, and what these point to. The owner is a pseudo-type named after
 * where the chain began. Bounded in bytes, so a large C++ heap is not walked for a few blocks.
 */
#include <stdio.h>
#include <string.h>

#include "tracer/heap/freelist.h"
#include "tracer/cpython/interp.h"
#include "tracer/heap/outside.h"
#include "tracer/heap/owner.h"
#include "tracer/heap/roots.h"

#define BUDGET_BYTES (UINT64_C(64) << 20)
#define PIECE_BYTES 65536
#define LARGE_BYTES 65536
#define MALLOC_COST 2048 /* least price of a malloc'ed block: it is looked at again in other places */
#define CHUNK_MAX (UINT64_C(16) << 20)
#define THREADS_MAX 4096

/*
 * Regions of C data still to be read. Large malloc'ed ones wait for all others, since what looks like a
 * pointer to one may be none, and a few of them use up the budget.
 */
struct spread {
	struct heap *h;
	struct claim_queue queue, large;
	uint64_t budget;
	uint8_t *piece;
};

static void region_add(struct spread *s, uint64_t addr, uint64_t bytes, uint32_t owner)
{
	struct claim_late late = { .addr = addr, .bytes = bytes, .owner = owner };

	if (vec_push(&s->queue, late) < 0)
		s->h->nomem = true;
}

/* A malloc'ed block no object has claimed: read it for the same owner, once. */
static void malloc_add(struct spread *s, uint64_t addr, uint32_t owner)
{
	struct heap *h = s->h;
	uint64_t known, chunk;

	if (addr % 16 || addr < h->low || addr >= h->high || heap_zone(h, addr) == NULL ||
	    heap_zone(h, addr)->is_static)
		return;
	known = map_get(&h->outside_index, addr, OUTSIDE_REJECTED);
	if (known != OUTSIDE_REJECTED)
		return;
	chunk = outside_chunk(h, addr, 0);
	if (!chunk || chunk > CHUNK_MAX)
		return;
	if (map_set(&h->outside_index, addr, OUTSIDE_BUFFER | owner) < 0) {
		h->nomem = true;
		return;
	}
	struct claim_late late = { .addr = addr, .bytes = chunk - 8, .owner = owner };

	if (vec_push(chunk > LARGE_BYTES ? &s->large : &s->queue, late) < 0)
		h->nomem = true;
}

static void word_spread(struct spread *s, uint64_t word, uint32_t owner)
{
	struct heap *h = s->h;
	uint32_t off, b, p = pymalloc_pool_of(&h->pm, word);

	if (!p) {
		malloc_add(s, word, owner);
		return;
	}
	b = pymalloc_block_of(&h->pm, word, &off);
	if (b == PYMALLOC_NONE || off != h->lead || STATE_KIND(h->state[b]) != BLOCK_UNKNOWN)
		return;
	h->state[b] = STATE(BLOCK_WEAK, BUFFER_OTHER, owner);
	region_add(s, word, h->pm.block_size[h->pm.pools.at[p - 2].szidx], owner);
}

static void region_spread(struct spread *s, struct claim_late region)
{
	bool malloced = !pymalloc_has(&s->h->pm, region.addr);

	while (region.bytes >= 8 && s->budget) {
		size_t n = region.bytes < PIECE_BYTES ? (size_t)region.bytes : PIECE_BYTES;
		size_t got;

		n = n < s->budget ? n : (size_t)s->budget;
		got = n <= 512 && reader_get(&s->h->r, region.addr, s->piece, n)
			      ? n
			      : reader_bulk(&s->h->r, region.addr, s->piece, n);
		for (size_t i = 0; i + 8 <= got; i += 8)
			word_spread(s, le64(s->piece + i), region.owner);
		if (malloced && n < MALLOC_COST)
			n = MALLOC_COST < s->budget ? MALLOC_COST : (size_t)s->budget;
		s->budget -= n;
		if (got < n)
			return; /* unreadable, or all of it */
		region.addr += n;
		region.bytes -= n;
	}
}

static void drain(struct spread *s)
{
	while (s->queue.len && s->budget && !s->h->nomem)
		region_spread(s, s->queue.at[--s->queue.len]);
	vec_clear(&s->queue);
}

static void drain_large(struct spread *s)
{
	while (s->large.len && s->budget && !s->h->nomem) {
		region_spread(s, s->large.at[--s->large.len]);
		drain(s);
	}
}

/* Blocks already attributed to unknown C types, and their module states and nodes. */
static void seeds_blocks(struct spread *s)
{
	struct heap *h = s->h;

	for (size_t p = 0; p < h->pm.pools.len; p++) {
		const struct pymalloc_pool *pool = &h->pm.pools.at[p];
		uint32_t size = h->pm.block_size[pool->szidx];

		for (uint32_t i = 0; i < pool->blocks; i++) {
			uint32_t state = h->state[pool->first_block + i];
			enum buffer_kind sub = STATE_SUB(state);
			uint64_t at = pymalloc_block_addr(&h->pm, pool, pool->first_block + i);

			if (STATE_KIND(state) == BLOCK_WEAK ||
			    (STATE_KIND(state) == BLOCK_BUFFER &&
			     (sub == BUFFER_STATE || sub == BUFFER_CODE || sub == BUFFER_TYPE)))
				region_add(s, at, size, STATE_TYPE(state));
			if (STATE_KIND(state) == BLOCK_OBJECT &&
			    types_at(&h->types, STATE_TYPE(state))->opaque)
				region_add(s, at, size, STATE_TYPE(state));
		}
	}
	for (size_t i = 0; i < h->outside.len; i++) {
		const struct outside *o = &h->outside.at[i];

		if (!o->is_static && types_at(&h->types, o->type)->opaque)
			region_add(s, o->addr, o->block_bytes, o->type);
	}
	for (size_t i = 0; i < h->cdata.len; i++)
		region_add(s, h->cdata.at[i].addr, h->cdata.at[i].bytes, h->cdata.at[i].owner);
}

static void seeds_states(struct spread *s)
{
	struct heap *h = s->h;
	const struct py_layout *l = h->l;
	uint32_t owner = types_pseudo(&h->types, "", "interpreter state");
	uint32_t thread = types_pseudo(&h->types, "", "thread state");
	struct interp_iter it;
	taddr interp;

	if (!owner || !thread) {
		h->nomem = true;
		return;
	}
	region_add(s, h->py->runtime.v, h->py->runtime_bytes, owner);
	if (interp_iter_init(&it, h->py, &h->r.base, NULL) < 0)
		return;
	while (interp_next(&it, &interp, NULL) > 0) {
		struct thread_iter threads;
		struct interp_thread t;

		region_add(s, interp.v, (uint64_t)l->PyInterpreterState_sizeof, owner);
		if (thread_iter_init(&threads, h->py, &h->r.base, interp, NULL) < 0)
			continue;
		while (thread_next(&threads, &t, NULL) > 0)
			region_add(s, t.tstate.v, (uint64_t)l->PyThreadState_sizeof, thread);
	}
}

static void seeds_static(struct spread *s)
{
	struct heap *h = s->h;

	for (size_t i = 0; i < h->zones.len; i++) {
		const struct zone *z = &h->zones.at[i];
		const char *slash = strrchr(z->path, '/');
		char name[160];
		uint32_t owner;

		if (!z->is_static)
			continue;
		snprintf(name, sizeof(name), "static data of %.120s", slash ? slash + 1 : z->path);
		owner = types_pseudo(&h->types, "", name);
		if (!owner) {
			h->nomem = true;
			return;
		}
		region_add(s, z->start, z->end - z->start, owner);
	}
}

void roots_weak(struct heap *h)
{
	struct spread s = { .h = h, .budget = BUDGET_BYTES };

	freelist_mark_dead(h);
	s.piece = malloc(PIECE_BYTES);
	if (!s.piece) {
		h->nomem = true;
		return;
	}
	seeds_blocks(&s);
	drain(&s);
	seeds_states(&s);
	drain(&s);
	seeds_static(&s);
	drain(&s);
	drain_large(&s);
	free(s.piece);
	vec_deinit(&s.queue);
	vec_deinit(&s.large);
}
