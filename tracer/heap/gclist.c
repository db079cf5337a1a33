/* SPDX-License-Identifier: MIT */
/*
 * Generational lists (3.8–3.13, 3.14.5+), and the incremental collector's young and two old
 * spaces (3.14.0–3.14.4), whose heads lie where generations lay. `_gc_next` is masked always:
 * its low bits are flags in every version.
 */
#include "tracer/heap/gclist.h"

#include <string.h>

#include "tracer/cpython/interp.h"


#define GC_NEXT_MASK (~UINT64_C(3))
#define GC_PREV_MASK (~UINT64_C(3))

int gclist_next(struct reader *r, const struct gclist *g, unsigned head, uint64_t *at)
{
	uint64_t from = *at ? *at : g->head[head], next, prev;

	if (!reader_u64(r, from, &next))
		return -1;
	next &= GC_NEXT_MASK;
	if (next == g->head[head])
		return 0;
	if (!next || next % 8)
		return -1;
	/* Outside a collection every entry points back (gc_list_append): a cheap proof. */
	if (!g->collecting &&
	    (!reader_u64(r, next + 8, &prev) || (prev & GC_PREV_MASK) != from))
		return -1;
	*at = next;
	return 1;
}

static int32_t i32_at(const uint8_t *p, int32_t off)
{
	return off < 0 ? 0 : (int32_t)le32(p + off);
}

static uint64_t u64_at(const uint8_t *p, int32_t off)
{
	return off < 0 ? 0 : le64(p + off);
}

/* Heads by generation; in the incremental collector, which old space is which alternates. */
static void heads_fill(struct gclist *g, const struct py_layout *l, taddr first)
{
	for (unsigned i = 0; i < GCLIST_GENERATIONS; i++)
		g->head[i] = first.v + i * (uint64_t)l->gc_generation_sizeof;
	g->head[GCLIST_PERMANENT] =
		g->state + (uint64_t)l->gc_runtime_state_permanent_generation;
}

static void counters_fill(struct gclist *g, struct reader *r, const struct py_layout *l)
{
	for (unsigned i = 0; i < GCLIST_GENERATIONS; i++) {
		uint32_t threshold = 0, count = 0;

		(void)reader_u32(r, g->head[i] + (uint64_t)l->gc_generation_threshold, &threshold);
		(void)reader_u32(r, g->head[i] + (uint64_t)l->gc_generation_count, &count);
		g->threshold[i] = (int32_t)threshold;
		g->count[i] = (int32_t)count;
	}
}

static void stats_item(struct gclist *g, unsigned gen, const struct py_layout *l, const uint8_t *p)
{
	g->collections[gen] = le64(p + l->gc_generation_stats_collections);
	g->collected[gen] = le64(p + l->gc_generation_stats_collected);
	g->uncollectable[gen] = le64(p + l->gc_generation_stats_uncollectable);
}

/*
 * 3.15: generation_stats points to rings, one of 11 young and two of 3 old items; the index
 * byte after each ring tells the current item, whose figures are cumulative.
 */
static bool stats_rings(struct gclist *g, struct reader *r, const struct py_layout *l,
			uint64_t stats)
{
	uint64_t item_bytes = (uint64_t)l->gc_generation_stats_sizeof;
	uint64_t at = stats + (uint64_t)l->gc_stats_young;
	uint64_t old_bytes, items;

	if (l->gc_stats_sizeof < 0 || item_bytes == 0 || item_bytes > 256)
		return false;
	items = (uint64_t)l->gc_stats_young_index / item_bytes;
	old_bytes = (uint64_t)l->gc_old_stats_buffer_sizeof;
	for (unsigned gen = 0; gen < GCLIST_GENERATIONS; gen++) {
		uint8_t index = 0, b[256];

		if (gen) {
			at = stats + (uint64_t)l->gc_stats_old + (gen - 1) * old_bytes;
			items = old_bytes / item_bytes;
		}
		if (!reader_get(r, at + items * item_bytes, &index, 1) || index >= items ||
		    !reader_get(r, at + index * item_bytes, b, item_bytes))
			return false;
		stats_item(g, gen, l, b);
	}
	return true;
}

static int state_read(struct reader *r, const struct py *py, struct gclist *g)
{
	const struct py_layout *l = py->layout;
	size_t n = (size_t)l->gc_runtime_state_sizeof;
	uint8_t b[512];
	taddr first;

	if (n > sizeof(b) || !reader_get(r, g->state, b, n) ||
	    interp_gc_generations(py, &r->base, taddr_of(g->interp_addr), &first, NULL) < 0)
		return -1;
	g->head_bytes = (uint32_t)l->PyGC_Head_sizeof;
	g->incremental = l->gc_kind == PY_GC_INCREMENTAL;
	g->enabled = i32_at(b, l->gc_runtime_state_enabled) != 0;
	g->collecting = i32_at(b, l->gc_runtime_state_collecting) != 0;
	g->debug = (uint32_t)i32_at(b, l->gc_runtime_state_debug);
	g->garbage_list = u64_at(b, l->gc_runtime_state_garbage);
	g->long_lived_total = u64_at(b, l->gc_runtime_state_long_lived_total);
	g->long_lived_pending = u64_at(b, l->gc_runtime_state_long_lived_pending);
	heads_fill(g, l, first);
	counters_fill(g, r, l);
	if (g->incremental) {
		/* gc.get_count(): (young, the old space being filled, 0) — Modules/gcmodule.c 3.14.0 */
		int32_t visited = i32_at(b, l->gc_runtime_state_visited_space) & 1;

		g->count[1] = g->count[1 + visited];
		g->count[2] = 0;
		g->threshold[2] = 0;
	}
	if (l->gc_stats_kind == PY_GC_STATS_RINGS)
		return stats_rings(g, r, l, le64(b + l->gc_runtime_state_generation_stats)) ? 0 : -1;
	for (unsigned i = 0; i < GCLIST_GENERATIONS; i++)
		stats_item(g, i, l,
			   b + l->gc_runtime_state_generation_stats +
				   (size_t)i * (size_t)l->gc_generation_stats_sizeof);
	return 0;
}

int gclist_read(struct reader *r, const struct py *py, struct gclists *ret, struct err *err)
{
	const struct py_layout *l = py->layout;
	struct gclists lists = VEC_INIT;
	struct interp_iter it;
	taddr interp;

	if (interp_iter_init(&it, py, &r->base, err) < 0)
		return err_set(err, r->gone ? r->gone : ERR_CORRUPT,
			       "the list of interpreters cannot be read");
	while (interp_next(&it, &interp, NULL) > 0) {
		bool in_runtime = l->gc_home == PY_GC_IN_RUNTIME;
		struct gclist g = { .interp_addr = interp.v, .state = interp_gc(py, interp).v };
		uint64_t id = 0;

		(void)reader_u64(r, interp.v + (uint64_t)l->PyInterpreterState_id, &id);
		g.interp = in_runtime ? 0 : (int64_t)id;
		if (state_read(r, py, &g) < 0)
			continue;
		if (vec_push(&lists, g) < 0) {
			vec_deinit(&lists);
			return err_nomem(err);
		}
		if (in_runtime)
			break;
	}
	if (!lists.len)
		return err_set(err, r->gone ? r->gone : ERR_CORRUPT,
			       "no interpreter's collector state can be read");
	*ret = lists;
	return 0;
}
