/* SPDX-License-Identifier: MIT */
/*
 * Order of the walk: pool headers, free lists, then every arena once with one large read,
 * claims by owners on the way; then roots and collectors' lists, which lead outside the arenas;
 * at last what only C data points to. A block's state is one word, so order hardly matters: a
 * claim by an owner overrules what a block looked like.
 */
#include "tracer/heap/walk.h"

#include <string.h>

#include "tracer/heap/freelist.h"
#include "tracer/heap/heap.h"
#include "tracer/heap/instance.h"
#include "tracer/heap/object.h"
#include "tracer/heap/outside.h"
#include "tracer/heap/owner.h"
#include "tracer/heap/roots.h"

#define CACHE_BYTES (32u << 20)
#define WINDOW_SLACK 64
#define BLOCKS_PER_POOL_MAX 4096

void heap_free(struct heap *h)
{
	if (!h)
		return;
	free(h->state);
	free(h->gc_next);
	free(h->boring);
	vec_deinit(&h->zones);
	vec_deinit(&h->outside);
	map_deinit(&h->outside_index);
	map_deinit(&h->dict_owner);
	vec_deinit(&h->scans);
	vec_deinit(&h->cdata);
	vec_deinit(&h->overridden);
	vec_deinit(&h->free_lists);
	vec_deinit(&h->gcs);
	types_deinit(&h->types);
	pymalloc_deinit(&h->pm);
	reader_deinit(&h->r);
	free(h);
}

struct fact_heap *heap_totals(struct heap *h)
{
	return &h->total;
}

/* Remember where the collector's list goes from this object. */
static void gc_link(struct heap *h, uint32_t b, const uint8_t *gc)
{
	uint64_t next = le64(gc) & ~UINT64_C(3);
	uint32_t off, nb;

	if (!next)
		return;
	nb = pymalloc_block_of(&h->pm, next, &off);
	h->gc_next[b] = nb == PYMALLOC_NONE || nb >= UINT32_MAX - 2 ? 1 : nb + 2;
}

static void object_account(struct heap *h, uint32_t type, uint32_t block, uint64_t own,
			   const uint8_t *o)
{
	struct heap_type *t = types_at(&h->types, type);
	struct heap_sums *s = &t->sum;
	uint64_t body = own - OBJECT_WORDS_AT;

	s->count++;
	s->immortal += object_immortal(h->l, o);
	s->header += OBJECT_WORDS_AT;
	s->gc_head += t->gc_head;
	s->dict += t->pre - t->gc_head;
	if (t->inline_bytes) {
		uint64_t values = own > t->basic ? own - t->basic : 0;

		s->dict += values;
		body -= values;
	}
	s->payload += body;
	s->rounding += block - t->pre - own;
}

/* A sum which grows by what the buffers of one object cost. */
static uint64_t buffers_of(const struct heap *h, uint32_t type)
{
	const struct heap_sums *s = &types_at(&h->types, type)->sum;

	return s->buffer + s->slack + s->rounding + s->dict;
}

static void block_object(struct heap *h, uint32_t type, uint32_t b, uint64_t at,
			 const uint8_t *bytes, uint32_t size, uint64_t own)
{
	const struct heap_type *t = types_at(&h->types, type);
	uint32_t lead = h->lead + t->pre;
	bool leaf = t->leaf, dict = t->family == HEAP_DICT || t->family == HEAP_ODICT;
	uint64_t before;

	h->state[b] = STATE(BLOCK_OBJECT, 0, type);
	object_account(h, type, size, own, bytes + lead);
	before = dict ? buffers_of(h, type) : 0;
	if (t->gc_head)
		gc_link(h, b, bytes + lead - t->gc_head);
	if (t->python)
		instance_visit(h, type, bytes + lead, size - lead);
	owner_buffers(h, type, at + lead, bytes + lead, size - lead);
	if (dict)
		instance_dict(h, at + lead, size, buffers_of(h, type) - before);
	if (!leaf)
		outside_words(h, bytes, size);
}

static bool buffer_scanned(enum buffer_kind kind)
{
	return kind != BUFFER_TEXT && kind != BUFFER_BYTES && kind != BUFFER_ARRAY;
}

static void block_visit(struct heap *h, uint32_t b, uint64_t at, const uint8_t *bytes, uint32_t size)
{
	uint32_t state = h->state[b], type;
	uint64_t own;

	if (STATE_KIND(state) == BLOCK_FREE_LIST)
		return;
	if (STATE_KIND(state) == BLOCK_BUFFER) {
		if (buffer_scanned(STATE_SUB(state)))
			outside_words(h, bytes, size);
		return;
	}
	type = object_in_block(h, bytes, size, &own);
	if (type) {
		block_object(h, type, b, at, bytes, size, own);
		return;
	}
	/* an object's claim on its own block cannot have happened meanwhile */
	if (STATE_KIND(state) != BLOCK_WEAK)
		h->state[b] = STATE(BLOCK_UNKNOWN, 0, 0);
	outside_words(h, bytes, size);
}

static void pool_visit(struct heap *h, uint32_t index, const uint8_t *bytes)
{
	struct pymalloc_pool pool = h->pm.pools.at[index];
	uint32_t size = h->pm.block_size[pool.szidx];
	uint8_t live[BLOCKS_PER_POOL_MAX];

	(void)pymalloc_live(&h->pm, &pool, bytes, live);
	for (uint32_t i = 0; i < pool.blocks; i++) {
		uint32_t b = pool.first_block + i;
		uint32_t off = h->pm.header_bytes + i * size;

		if (live[i]) {
			block_visit(h, b, pool.addr + off, bytes + off, size);
			continue;
		}
		if (STATE_KIND(h->state[b]) == BLOCK_BUFFER)
			heap_torn(h, pool.addr + off);
		h->state[b] = STATE(BLOCK_FREE, 0, 0);
	}
}

static void arena_visit(struct heap *h, const struct pymalloc_arena *a, uint8_t *window)
{
	uint64_t bytes = (uint64_t)a->carved * h->pm.pool_bytes;
	size_t got = reader_bulk(&h->r, a->base, window, bytes);

	if (got < bytes) {
		heap_torn(h, a->base + got);
		memset(window + got, 0, bytes - got);
	}
	h->window = window;
	h->window_at = a->base;
	h->window_bytes = got;
	for (uint32_t i = a->first_pool; i < a->first_pool + a->used_pools; i++)
		pool_visit(h, i, window + (h->pm.pools.at[i].addr - a->base));
	h->window_bytes = 0;
}

static int arenas_visit(struct heap *h, struct err *err)
{
	AUTO_FREE uint8_t *window = NULL;
	uint64_t most = 0;

	for (size_t i = 0; i < h->pm.arenas.len; i++)
		most = h->pm.arenas.at[i].carved > most ? h->pm.arenas.at[i].carved : most;
	window = calloc(1, most * h->pm.pool_bytes + WINDOW_SLACK);
	if (!window)
		return err_nomem(err);
	for (size_t i = 0; i < h->pm.arenas.len && !h->r.gone && !h->nomem; i++)
		arena_visit(h, &h->pm.arenas.at[i], window);
	return 0;
}

static int heap_tables(struct heap *h, struct err *err)
{
	h->state = calloc(h->pm.nblocks + 1, sizeof(*h->state));
	h->gc_next = calloc(h->pm.nblocks + 1, sizeof(*h->gc_next));
	h->boring = calloc(BORING, sizeof(*h->boring));
	return h->state && h->gc_next && h->boring ? 0 : err_nomem(err);
}

static int walk_all(struct heap *h, const struct maps *maps, struct err *err)
{
	int code = outside_zones(h, maps, err);

	if (code == 0)
		code = pymalloc_read(&h->r, h->py, &h->pm, err);
	if (code == 0)
		code = gclist_read(&h->r, h->py, &h->gcs, err);
	if (code == 0)
		code = types_init(&h->types, &h->r, h->py, err);
	if (code == 0)
		code = heap_tables(h, err);
	if (code < 0)
		return code;
	if (!types_resolve(&h->types, h->py->type_type.v) && !h->types.nomem)
		return err_set(err, ERR_CORRUPT, "PyType_Type is not what it should be");
	freelist_mark(h);
	code = arenas_visit(h, err);
	if (code < 0)
		return code;
	roots_visit(h);
	outside_drain(h);
	roots_gc_lists(h);
	outside_drain(h);
	roots_undo_overridden(h);
	roots_weak(h);
	roots_totals(h);
	if (h->r.spent)
		heap_torn(h, h->py->runtime.v);
	if (h->nomem || h->types.nomem)
		return err_nomem(err);
	return h->r.gone ? err_set(err, h->r.gone, "the target went away during the walk") : 0;
}

int heap_walk(struct mem_source *mem, const struct py *py, const struct maps *maps,
	      const struct heap_options *opt, struct heap **ret, struct err *err)
{
	struct heap *h;
	int code;

	if (mem->word_bytes != 8)
		return err_set(err, ERR_UNSUPPORTED, "heaps of 32-bit programs cannot be walked yet");
	h = calloc(1, sizeof(*h));
	if (!h)
		return err_nomem(err);
	h->py = py;
	h->l = py->layout;
	if (py->debug_allocators) {
		/* Objects/obmalloc.c, _PyMem_DebugRawAlloc: size and id in front, pattern behind */
		h->lead = 16;
		h->trail = 8;
	}
	code = reader_init(&h->r, mem, opt && opt->cache_bytes ? opt->cache_bytes : CACHE_BYTES, err);
	if (opt)
		reader_limit(&h->r, opt->resident_bytes);
	if (code == 0)
		code = walk_all(h, maps, err);
	if (code < 0 && h->r.spent)
		code = err_set(err, ERR_CORRUPT, "its heap claims to be far larger than its memory");
	if (code < 0) {
		heap_free(h);
		return code;
	}
	*ret = h;
	return 0;
}
