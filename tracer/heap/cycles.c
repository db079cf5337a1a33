/* SPDX-License-Identifier: MIT */
/*
 * One word per id: what is left of the reference count after internal references, or that the
 * object is no candidate. Objects of unknown C types are read conservatively, which can only
 * subtract too much; a count that would go below zero is taken as reachable.
 */
#include "tracer/heap/cycles.h"

#include <string.h>

#include "tracer/heap/heap.h"
#include "tracer/heap/ids.h"
#include "tracer/heap/object.h"
#include "tracer/heap/refs.h"

#define NO_CANDIDATE UINT32_MAX
#define REACHED (UINT32_MAX - 1)
#define COUNT_MAX (UINT32_MAX - 16)

struct search {
	struct heap *h;
	uint32_t *left; /* by id */
	uint32_t limit;
	struct VEC(uint32_t) work;
	bool nomem;
};

/* The reference count of an object, immortal ones as high as can be. */
static uint32_t refcount(struct heap *h, uint64_t addr)
{
	uint8_t b[16];
	uint64_t n;

	if (!reader_get(&h->r, addr, b, sizeof(b)) || object_immortal(h->l, b))
		return COUNT_MAX;
	n = h->l->refcount == PY_REFCOUNT_PLAIN ? le64(b) : le32(b);
	return n < COUNT_MAX ? (uint32_t)n : COUNT_MAX;
}

/* Candidates are what the three generations list; not what gc.freeze() put aside. */
static void candidates(struct search *s)
{
	for (size_t i = 0; i < s->h->gcs.len; i++) {
		const struct gclist *g = &s->h->gcs.at[i];

		for (unsigned head = 0; head < GCLIST_GENERATIONS; head++) {
			uint64_t at = 0;

			for (uint32_t n = 0; n < s->limit && gclist_next(&s->h->r, g, head, &at) > 0; n++) {
				uint32_t id = heap_id_of(s->h, at + g->head_bytes);

				if (id != HEAP_ID_NONE)
					s->left[id] = 0;
			}
		}
	}
}

static void subtract(void *ctx, uint64_t target, enum ref_place place, uint64_t index)
{
	struct search *s = ctx;
	uint32_t id = heap_id_of(s->h, target);

	(void)place, (void)index;
	if (id == HEAP_ID_NONE || s->left[id] >= COUNT_MAX)
		return;
	s->left[id] = s->left[id] ? s->left[id] - 1 : COUNT_MAX;
}

static void push(struct search *s, uint32_t id)
{
	s->left[id] = REACHED;
	if (vec_push(&s->work, id) < 0)
		s->nomem = true;
}

static void reach(void *ctx, uint64_t target, enum ref_place place, uint64_t index)
{
	struct search *s = ctx;
	uint32_t id = heap_id_of(s->h, target);

	(void)place, (void)index;
	if (id != HEAP_ID_NONE && s->left[id] < REACHED)
		push(s, id);
}

typedef void step_fn(struct search *s, const struct heap_object *o);

/* Most blocks are no candidates: they cost one look at `left`. */
static void each_candidate(struct search *s, step_fn *fn)
{
	const struct pymalloc *pm = &s->h->pm;
	struct heap_object o;
	uint64_t pos;

	for (size_t p = 0; p < pm->pools.len && !s->nomem; p++) {
		const uint32_t *left = s->left + pm->pools.at[p].first_block;

		for (uint32_t i = 0; i < pm->pools.at[p].blocks; i++) {
			pos = (uint64_t)p << 32 | i;
			if (left[i] != NO_CANDIDATE && heap_object_next(s->h, &pos, &o))
				fn(s, &o);
		}
	}
	pos = (uint64_t)pm->pools.len << 32;
	while (!s->nomem && heap_object_next(s->h, &pos, &o))
		if (s->left[o.id] != NO_CANDIDATE)
			fn(s, &o);
}

static void count_step(struct search *s, const struct heap_object *o)
{
	s->left[o->id] = refcount(s->h, o->addr);
}

static void subtract_step(struct search *s, const struct heap_object *o)
{
	refs_of(s->h, o->type, o->addr, REFS_TRAVERSE, subtract, s);
}

static void reach_step(struct search *s, const struct heap_object *o)
{
	if (s->left[o->id] == REACHED || !s->left[o->id])
		return;
	push(s, o->id);
	while (s->work.len && !s->nomem) {
		struct heap_object at;

		if (heap_object(s->h, s->work.at[--s->work.len], &at))
			refs_of(s->h, at.type, at.addr, REFS_TRAVERSE, reach, s);
	}
}

static void result_step(struct search *s, const struct heap_object *o)
{
	struct heap *h = s->h;
	uint64_t bytes;

	if (s->left[o->id] == REACHED)
		return;
	bytes = heap_object_bytes(h, o->id);
	h->types.list.at[o->type].garbage++;
	h->types.list.at[o->type].garbage_bytes += bytes;
	h->unreachable++;
	h->unreachable_bytes += bytes;
}

int heap_find_cycles(struct heap *h, struct err *err)
{
	struct search s = { .h = h, .limit = heap_id_limit(h) };

	s.left = malloc(((size_t)s.limit + 1) * sizeof(*s.left));
	if (!s.left)
		return err_nomem(err);
	memset(s.left, 0xff, ((size_t)s.limit + 1) * sizeof(*s.left));
	for (size_t i = 0; i < h->types.list.len; i++)
		h->types.list.at[i].garbage = h->types.list.at[i].garbage_bytes = 0;
	h->unreachable = h->unreachable_bytes = 0;
	candidates(&s);
	each_candidate(&s, count_step);
	each_candidate(&s, subtract_step);
	each_candidate(&s, reach_step);
	each_candidate(&s, result_step);
	h->cycles_known = !s.nomem;
	free(s.left);
	vec_deinit(&s.work);
	if (s.nomem)
		return err_nomem(err);
	return h->r.gone ? err_set(err, h->r.gone, "the target went away") : 0;
}
