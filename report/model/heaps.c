/* SPDX-License-Identifier: MIT */
/*
 * Copies snapshot rows into one arena and answers small questions about them. A fact arriving
 * before any heap fact belongs to no snapshot and is dropped: a damaged file may begin anywhere.
 */
#include "report/model/heaps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX (1u << 22) /* of one kind in one snapshot */
#define WORD_BYTES 8
#define SIZE_CLASS_BYTES 16
#define ALIKE 8 /* one attribute more or less in so many objects: they are all alike */

void heaps_deinit(struct heaps *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->snapshots.len; i++) {
		struct heap_model *m = &h->snapshots.at[i];

		vec_deinit(&m->types);
		vec_deinit(&m->buffers);
		vec_deinit(&m->classes);
		vec_deinit(&m->arenas);
		vec_deinit(&m->free_lists);
		vec_deinit(&m->unknown);
		vec_deinit(&m->gc);
		vec_deinit(&m->cycles);
		vec_deinit(&m->mallocs);
		vec_deinit(&m->ledger);
		holders_deinit(&m->holders);
		vec_deinit(&m->joins);
		vec_deinit(&m->helds);
		vec_deinit(&m->made);
	}
	vec_deinit(&h->snapshots);
	arena_deinit(&h->arena);
}

/* --- the sink ----------------------------------------------------------------------------- */

static int on_heap(void *ctx, const struct fact_heap *f, struct err *err)
{
	struct heap_model *m = vec_add(&heaps_of(ctx)->snapshots);

	if (!m)
		return err_nomem(err);
	m->heap = *f;
	return 0;
}

static struct heap_model *current(struct heaps *h)
{
	struct heap_model *m = h->snapshots.len ? &h->snapshots.at[h->snapshots.len - 1] : NULL;

	return m && !m->complete ? m : NULL;
}

static int copy_text(struct heaps *h, const char **text, struct err *err)
{
	const char *s = *text ? *text : "";

	*text = arena_str(&h->arena, s, strlen(s));
	return *text ? 0 : err_nomem(err);
}

#define PUSH(list, row)                                                                            \
	(!m || m->list.len >= ROWS_MAX ? 0 : vec_push(&m->list, (row)) < 0 ? err_nomem(err) : 0)

static int on_type(void *ctx, const struct fact_heap_type *f, struct err *err)
{
	struct heaps *h = heaps_of(ctx);
	struct heap_model *m = current(h);
	struct fact_heap_type row = *f;
	int r = m ? copy_text(h, &row.name, err) : 0;

	if (m && r == 0)
		r = copy_text(h, &row.module, err);
	return r < 0 ? r : PUSH(types, row);
}

static int on_buffer(void *ctx, const struct fact_heap_buffer *f, struct err *err)
{
	struct heaps *h = heaps_of(ctx);
	struct heap_model *m = current(h);
	struct fact_heap_buffer row = *f;
	int r = m ? copy_text(h, &row.kind, err) : 0;

	return r < 0 ? r : PUSH(buffers, row);
}

static int on_arena(void *ctx, const struct fact_heap_arena *f, struct err *err)
{
	struct heaps *h = heaps_of(ctx);
	struct heap_model *m = current(h);
	struct fact_heap_arena row = *f;

	if (m && row.occupancy) {
		row.occupancy = arena_copy(&h->arena, row.occupancy, row.pools);
		if (!row.occupancy)
			return err_nomem(err);
	}
	return PUSH(arenas, row);
}

static int on_free_list(void *ctx, const struct fact_heap_free_list *f, struct err *err)
{
	struct heaps *h = heaps_of(ctx);
	struct heap_model *m = current(h);
	struct fact_heap_free_list row = *f;
	int r = m ? copy_text(h, &row.name, err) : 0;

	return r < 0 ? r : PUSH(free_lists, row);
}

static int on_ledger(void *ctx, const struct fact_ledger *f, struct err *err)
{
	struct heaps *h = heaps_of(ctx);
	struct heap_model *m = current(h);
	struct fact_ledger row = *f;
	int r = m ? copy_text(h, &row.code, err) : 0;

	if (m && r == 0)
		r = copy_text(h, &row.label, err);
	return r < 0 ? r : PUSH(ledger, row);
}

static int on_held(void *ctx, const struct fact_heap_held *f, struct err *err)
{
	struct heaps *h = heaps_of(ctx);
	struct heap_model *m = current(h);
	struct fact_heap_held row = *f;
	int r = m ? copy_text(h, &row.holder, err) : 0;

	if (m && r == 0)
		r = copy_text(h, &row.path, err);
	return r < 0 ? r : PUSH(helds, row);
}

#define PLAIN(name, type, list)                                                                    \
	static int on_##name(void *ctx, const struct type *f, struct err *err)                     \
	{                                                                                          \
		struct heap_model *m = current(heaps_of(ctx));                                     \
		return PUSH(list, *f);                                                             \
	}

PLAIN(class, fact_heap_class, classes)
PLAIN(unknown, fact_heap_unknown, unknown)
PLAIN(gc, fact_heap_gc, gc)
PLAIN(cycle, fact_heap_cycle, cycles)
PLAIN(malloc, fact_heap_malloc, mallocs)
PLAIN(join, fact_heap_join, joins)

static int by_type(const void *a, const void *b)
{
	uint32_t x = ((const struct fact_heap_type *)a)->type;
	uint32_t y = ((const struct fact_heap_type *)b)->type;

	return x < y ? -1 : x > y;
}

static int buffer_by_type(const void *a, const void *b)
{
	uint32_t x = ((const struct fact_heap_buffer *)a)->type;
	uint32_t y = ((const struct fact_heap_buffer *)b)->type;

	return x < y ? -1 : x > y;
}

static int join_order(const void *a, const void *b)
{
	const struct fact_heap_join *x = a, *y = b;

	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	return x->type != y->type ? (x->type < y->type ? -1 : 1) : x->use - y->use;
}

static int held_order(const void *a, const void *b)
{
	const struct fact_heap_held *x = a, *y = b;

	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->objects != y->objects ? (x->objects > y->objects ? -1 : 1) :
					  strcmp(x->path, y->path);
}

/* There may be a hundred thousand types: rows are found by halving. They mostly come in order. */
static void put_in_order(struct heap_model *m)
{
	bool types = true, buffers = true;

	for (size_t i = 1; i < m->types.len; i++)
		types = types && m->types.at[i - 1].type <= m->types.at[i].type;
	for (size_t i = 1; i < m->buffers.len; i++)
		buffers = buffers && m->buffers.at[i - 1].type <= m->buffers.at[i].type;
	if (!types)
		qsort(m->types.at, m->types.len, sizeof *m->types.at, by_type);
	if (!buffers)
		qsort(m->buffers.at, m->buffers.len, sizeof *m->buffers.at, buffer_by_type);
	vec_sort(&m->joins, join_order);
	vec_sort(&m->helds, held_order);
}

static int on_end(void *ctx, uint32_t snapshot, struct err *err)
{
	struct heap_model *m = current(heaps_of(ctx));
	int r;

	(void)snapshot;
	if (!m)
		return 0;
	put_in_order(m);
	m->complete = true;
	r = heap_model_made(m, err);
	return r < 0 ? r : holders_end(&m->holders, err);
}

void heaps_sink(struct fact_sink *sink)
{
	sink->heap = on_heap;
	sink->heap_type = on_type;
	sink->heap_buffer = on_buffer;
	sink->heap_class = on_class;
	sink->heap_arena = on_arena;
	sink->heap_free_list = on_free_list;
	sink->heap_unknown = on_unknown;
	sink->heap_gc = on_gc;
	sink->heap_cycle = on_cycle;
	sink->heap_malloc = on_malloc;
	sink->heap_join = on_join;
	sink->heap_held = on_held;
	sink->ledger = on_ledger;
	sink->heap_end = on_end;
	holders_sink(sink);
}

struct holders *holders_now(void *ctx, struct arena **ret_arena)
{
	struct heaps *h = heaps_of(ctx);
	struct heap_model *m = current(h);

	*ret_arena = &h->arena;
	return m ? &m->holders : NULL;
}

/* --- questions ---------------------------------------------------------------------------- */

const struct heap_model *heaps_last(const struct heaps *h)
{
	for (size_t i = h->snapshots.len; i-- > 0;)
		if (h->snapshots.at[i].complete)
			return &h->snapshots.at[i];
	return NULL;
}

const struct heap_model *heaps_baseline(const struct heaps *h)
{
	const struct heap_model *last = heaps_last(h);

	for (size_t i = 0; i < h->snapshots.len; i++)
		if (h->snapshots.at[i].complete)
			return &h->snapshots.at[i] == last ? NULL : &h->snapshots.at[i];
	return NULL;
}

const struct fact_heap_type *heap_type_of(const struct heap_model *m, uint32_t type)
{
	struct fact_heap_type key = { .type = type };

	return m->types.len ?
		       bsearch(&key, m->types.at, m->types.len, sizeof *m->types.at, by_type) :
		       NULL;
}

size_t heap_type_buffers(const struct heap_model *m, uint32_t type)
{
	size_t low = 0, high = m->buffers.len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->buffers.at[mid].type < type)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t heap_helds_of(const struct heap_model *m, uint32_t site, uint32_t type)
{
	size_t low = 0, high = m->helds.len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct fact_heap_held *f = &m->helds.at[mid];

		if (f->site < site || (f->site == site && f->type < type))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const char *heap_type_label(const struct fact_heap_type *t, char *ret, size_t n)
{
	if (t->module[0] && strcmp(t->module, "builtins") != 0)
		snprintf(ret, n, "%s.%s", t->module, t->name);
	else
		snprintf(ret, n, "%s", t->name);
	return ret;
}

const struct fact_heap_type *heap_type_in(const struct heap_model *m, const struct fact_heap_type *t)
{
	const struct fact_heap_type *same_name = NULL;

	for (size_t i = 0; m && i < m->types.len; i++) {
		const struct fact_heap_type *o = &m->types.at[i];

		if (strcmp(o->name, t->name) != 0 || strcmp(o->module, t->module) != 0)
			continue;
		if (o->addr == t->addr)
			return o;
		same_name = same_name ? same_name : o;
	}
	return same_name;
}

struct heap_saving heap_type_slots_saving(const struct fact_heap_type *t)
{
	struct heap_saving s = { 0, 0 };

	if (!t->bare_bytes || !t->has_dict || t->count == 0)
		return s;
	uint64_t now = t->payload_bytes + t->header_bytes + t->gc_head_bytes + t->dict_bytes + t->rounding_bytes +
		       t->instance_dict_bytes;
	/* A word per attribute; a size class adds a word to objects of an odd number of words. */
	uint64_t mean = (t->attributes + t->count / 2) / t->count, all = mean * t->count;
	uint64_t odd = all > t->attributes ? all - t->attributes : t->attributes - all;
	uint64_t after = t->count * t->bare_bytes + WORD_BYTES * t->attributes;
	uint64_t rounded = after + t->count * (SIZE_CLASS_BYTES - WORD_BYTES);
	if (odd <= t->count / ALIKE) {
		after = t->bare_bytes + WORD_BYTES * mean;
		after = rounded = (after + SIZE_CLASS_BYTES - 1) / SIZE_CLASS_BYTES * SIZE_CLASS_BYTES * t->count;
	}
	s.least = now > rounded ? now - rounded : 0;
	s.most = now > after ? now - after : 0;
	return s;
}

uint64_t heap_model_free_bytes(const struct heap_model *m)
{
	return m->heap.free_bytes + m->heap.free_pool_bytes + m->heap.arena_align_bytes;
}

double heap_model_fragmentation(const struct heap_model *m)
{
	return m->heap.arena_bytes ?
		       (double)heap_model_free_bytes(m) / (double)m->heap.arena_bytes :
		       0.0;
}

size_t heap_model_nearly_empty(const struct heap_model *m, double max_share, uint64_t *ret_live_bytes,
			       uint64_t *ret_arena_bytes)
{
	size_t n = 0;

	*ret_live_bytes = *ret_arena_bytes = 0;
	for (size_t i = 0; i < m->arenas.len; i++) {
		const struct fact_heap_arena *a = &m->arenas.at[i];

		if ((double)a->live_bytes > max_share * m->heap.arena_size_bytes)
			continue;
		n++;
		*ret_live_bytes += a->live_bytes;
		*ret_arena_bytes += m->heap.arena_size_bytes;
	}
	return n;
}

bool heap_arena_told(const struct fact_heap_arena *a)
{
	return a->header_bytes || !a->used_pools;
}

uint64_t heap_arena_bytes(const struct heap_model *m, const struct fact_heap_arena *a)
{
	return (uint64_t)a->pools * m->heap.pool_size_bytes + a->align_bytes;
}

const char *heap_arena_map(const struct fact_heap_arena *a, char *ret)
{
	size_t n = 0;

	for (; a->occupancy && n < a->pools; n++) {
		uint8_t o = a->occupancy[n];

		ret[n] = o == 0 ? '.' : o == 255 ? '#' : (char)('a' + (o - 1) * 10 / 254);
	}
	ret[n] = 0;
	return ret;
}
