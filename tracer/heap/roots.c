/* SPDX-License-Identifier: MIT */
/*
 * Roots and lists. Lists are bounded by the number of objects there can be, so a cycle that
 * misses its head ends, counted as torn.
 */
#include "tracer/heap/roots.h"

#include <string.h>

#include "tracer/cpython/interp.h"
#include "tracer/heap/object.h"
#include "tracer/heap/outside.h"
#include "tracer/heap/owner.h"

#define CHUNKS_MAX 65536
#define CHUNK_BYTES_MAX (1u << 28)
#define ZONE_BYTES_MAX (1u << 28)

static void frame_chunks(struct heap *h, uint64_t tstate)
{
	const struct py_layout *l = h->l;
	uint64_t chunk, size;

	if (l->PyThreadState_datastack_chunk < 0 ||
	    !reader_u64(&h->r, tstate + (uint64_t)l->PyThreadState_datastack_chunk, &chunk))
		return;
	for (uint32_t i = 0; chunk && i < CHUNKS_MAX; i++) {
		if (!reader_u64(&h->r, chunk + (uint64_t)l->_PyStackChunk_size, &size) ||
		    size > CHUNK_BYTES_MAX)
			return;
		outside_region(h, chunk, size);
		if (!reader_u64(&h->r, chunk + (uint64_t)l->_PyStackChunk_previous, &chunk))
			return;
	}
}

static void threads_visit(struct heap *h, taddr interp)
{
	struct thread_iter it;
	struct interp_thread t;

	if (thread_iter_init(&it, h->py, &h->r.base, interp, NULL) < 0)
		return;
	while (thread_next(&it, &t, NULL) > 0) {
		outside_region(h, t.tstate.v, (uint64_t)h->l->PyThreadState_sizeof);
		frame_chunks(h, t.tstate.v);
	}
}

void roots_visit(struct heap *h)
{
	struct interp_iter it;
	taddr interp;

	for (size_t i = 0; i < h->zones.len; i++) {
		const struct zone *z = &h->zones.at[i];

		if (z->is_static && z->end - z->start <= ZONE_BYTES_MAX)
			outside_region(h, z->start, z->end - z->start);
	}
	if (interp_iter_init(&it, h->py, &h->r.base, NULL) < 0)
		return;
	while (interp_next(&it, &interp, NULL) > 0) {
		h->total.interpreters++;
		outside_region(h, interp.v, (uint64_t)h->l->PyInterpreterState_sizeof);
		threads_visit(h, interp);
	}
}

static void tracked(struct heap *h, struct gclist *g, uint32_t type, unsigned head)
{
	struct heap_sums *s = &types_at(&h->types, type)->sum;

	if (head == GCLIST_PERMANENT)
		s->frozen++;
	else
		s->tracked++;
	g->objects[head]++;
}

/* A listed block that did not look like an object: the list proves it is one. */
static uint32_t listed_block(struct heap *h, uint32_t b, uint64_t gc)
{
	const struct pymalloc_pool *pool = pymalloc_pool_of_block(&h->pm, b);
	uint64_t addr = gc + (uint64_t)h->l->PyGC_Head_sizeof, meta;
	uint32_t type, size, lead;
	uint8_t bytes[512 + 64] = { 0 };
	struct heap_type *t;

	if (!pool || !reader_u64(&h->r, addr + (uint64_t)h->l->PyObject_ob_type, &meta))
		return 0;
	type = types_resolve(&h->types, meta);
	if (!type)
		return 0;
	t = types_at(&h->types, type);
	size = h->pm.block_size[pool->szidx];
	h->state[b] = STATE(BLOCK_OBJECT, 0, type);
	t->sum.count++;
	t->sum.header += OBJECT_WORDS_AT;
	t->sum.gc_head += t->gc_head;
	t->sum.dict += t->pre - t->gc_head;
	lead = h->lead + t->pre;
	t->sum.payload += size > lead + OBJECT_WORDS_AT ? size - lead - OBJECT_WORDS_AT : 0;
	if (size <= 512 && lead + OBJECT_WORDS_AT < size &&
	    reader_get(&h->r, pymalloc_block_addr(&h->pm, pool, b), bytes, size))
		owner_buffers(h, type, addr, bytes + lead, size - lead);
	return type;
}

/*
 * One step of a list walk. cur is the block index + 2 of an object in an arena (then *at is
 * unused until needed), or 1 and *at is the address of a PyGC_Head.
 */
struct step {
	uint32_t cur;
	uint64_t at;
};

static bool step_from(struct heap *h, uint64_t gc, struct step *ret)
{
	uint32_t off, b = pymalloc_block_of(&h->pm, gc, &off);

	ret->at = gc;
	ret->cur = b == PYMALLOC_NONE || b >= UINT32_MAX - 2 ? 1 : b + 2;
	return gc != 0;
}

/* Address of the PyGC_Head in a block holding an object. */
static uint64_t gc_of_block(struct heap *h, uint32_t b)
{
	const struct pymalloc_pool *pool = pymalloc_pool_of_block(&h->pm, b);
	const struct heap_type *t = types_at(&h->types, STATE_TYPE(h->state[b]));

	return pymalloc_block_addr(&h->pm, pool, b) + h->lead + t->pre - t->gc_head;
}

/* Has the walk come back to where it was? Brent's way: remember one place, ever less often. */
static bool in_a_circle(const struct step *s, uint64_t n, struct step *was)
{
	if (s->cur == was->cur && (s->cur != 1 || s->at == was->at))
		return true;
	if ((n & (n + 1)) == 0)
		*was = *s;
	return false;
}

static void list_walk(struct heap *h, struct gclist *g, unsigned head)
{
	struct step s, was = { 0 };
	uint64_t at;

	if (!reader_u64(&h->r, g->head[head], &at) || !step_from(h, at & ~UINT64_C(3), &s)) {
		heap_torn(h, g->head[head]);
		return;
	}
	for (uint64_t n = 0; n <= h->pm.nblocks + h->outside.len; n++) {
		uint32_t b = s.cur - 2, type = 0, link = 1;

		if (in_a_circle(&s, n, &was))
			break;

		if (s.cur == 1) {
			uint32_t o;

			if (s.at == g->head[head])
				return;
			o = outside_object(h, s.at + g->head_bytes);
			if (o != PYMALLOC_NONE)
				type = h->outside.at[o].type;
		} else if (STATE_KIND(h->state[b]) == BLOCK_OBJECT) {
			type = STATE_TYPE(h->state[b]);
			link = h->gc_next[b];
			s.at = 0;
		} else {
			if (!s.at)
				break; /* arrived by link at a block which is no object */
			type = listed_block(h, b, s.at);
		}
		if (!type || !link)
			break;
		tracked(h, g, type, head);
		if (link > 1) {
			uint32_t nb = link - 2;

			if (STATE_KIND(h->state[nb]) == BLOCK_OBJECT) {
				s = (struct step){ .cur = link };
				continue;
			}
		}
		if (!s.at)
			s.at = gc_of_block(h, b);
		if (!reader_u64(&h->r, s.at, &at) || !step_from(h, at & ~UINT64_C(3), &s))
			break;
	}
	heap_torn(h, s.at ? s.at : g->head[head]);
}

void roots_gc_lists(struct heap *h)
{
	for (size_t i = 0; i < h->gcs.len; i++) {
		for (unsigned head = 0; head < GCLIST_HEADS; head++)
			list_walk(h, &h->gcs.at[i], head);
		h->total.collecting |= h->gcs.at[i].collecting;
	}
}

void roots_undo_overridden(struct heap *h)
{
	for (size_t i = 0; i < h->overridden.len; i++) {
		uint64_t at = h->overridden.at[i].block;
		struct heap_type *t = types_at(&h->types, h->overridden.at[i].type);
		struct heap_sums *s = &t->sum;
		uint32_t p = pymalloc_pool_of(&h->pm, at);
		uint32_t size = p >= 2 ? h->pm.block_size[h->pm.pools.at[p - 2].szidx] : 0;
		uint8_t bytes[512 + 64] = { 0 };
		uint64_t own, body, values;

		if (!size || size > 512 || !reader_get(&h->r, at, bytes, size))
			continue;
		own = object_fits(h, h->overridden.at[i].type, bytes, size, t->pre);
		if (!own)
			continue;
		values = t->inline_bytes && own > t->basic ? own - t->basic : 0;
		body = own - OBJECT_WORDS_AT - values;
		s->count--;
		s->header -= OBJECT_WORDS_AT;
		s->gc_head -= t->gc_head;
		s->dict -= t->pre - t->gc_head + values;
		s->payload -= body;
		s->rounding -= size - t->pre - own;
	}
}

/* Sum of what a block's state says, into totals. */
static void total_block(struct heap *h, uint32_t b, uint32_t size)
{
	struct fact_heap *f = &h->total;
	uint32_t state = h->state[b];
	struct heap_sums *s;

	switch (STATE_KIND(state)) {
	case BLOCK_UNSEEN:
	case BLOCK_FREE:
		return;
	case BLOCK_OBJECT:
		f->object_bytes += size;
		break;
	case BLOCK_WEAK:
		s = &types_at(&h->types, STATE_TYPE(state))->sum;
		s->buffer += size;
		f->weak_bytes += size;
		f->buffer_bytes += size;
		break;
	case BLOCK_BUFFER:
		f->buffer_bytes += size;
		break;
	case BLOCK_FREE_LIST:
		f->free_list_bytes += size;
		break;
	case BLOCK_UNKNOWN:
		f->unknown_bytes += size;
		break;
	}
	f->blocks++;
	f->block_bytes += size;
}

void roots_totals(struct heap *h)
{
	const struct pymalloc *pm = &h->pm;
	struct fact_heap *f = &h->total;

	for (size_t p = 0; p < pm->pools.len; p++) {
		const struct pymalloc_pool *pool = &pm->pools.at[p];
		uint32_t size = pm->block_size[pool->szidx];

		for (uint32_t i = 0; i < pool->blocks; i++)
			total_block(h, pool->first_block + i, size);
		f->pool_tail_bytes += pm->pool_bytes - pm->header_bytes - (uint64_t)pool->blocks * size;
	}
	f->arenas = (uint32_t)pm->arenas.len;
	f->pool_size_bytes = pm->pool_bytes;
	if (pm->arenas.len)
		f->arena_size_bytes = (pm->arenas.at[0].pools +
				       (pm->arenas.at[0].base != pm->arenas.at[0].address)) *
				      pm->pool_bytes;
	f->arena_bytes = pm->arena_bytes;
	f->free_bytes = pm->free_bytes;
	f->free_pool_bytes = pm->free_pools * pm->pool_bytes;
	f->pool_header_bytes = pm->pools.len * (uint64_t)pm->header_bytes;
	f->arena_align_bytes = pm->align_bytes;
	for (size_t i = 0; i < pm->heaps.len; i++)
		f->raw_blocks += pm->heaps.at[i].raw_blocks;
	f->torn += pm->torn;
	if (!f->first_torn)
		f->first_torn = pm->first_torn;
	f->unreadable = h->r.faults;
}
