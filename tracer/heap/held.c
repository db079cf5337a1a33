/* SPDX-License-Identifier: MIT */
/*
 * Groups by text: the ways of the chosen members are spelled without what differs; those spelled
 * alike are one row, whose container is where their ways part.
 */
#include "tracer/heap/held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/own.h"
#include "tracer/heap/bound.h"
#include "tracer/heap/graph_inside.h"
#include "tracer/heap/held_text.h"
#include "tracer/heap/ids.h"
#include "tracer/heap/method_cache.h"
#include "tracer/heap/walk.h"

#define ROWS_PER_GROUP 4
#define TYPES_MAX 200	   /* that take most memory */
#define CLASSES_MAX 400	   /* of those made by Python programs */
#define PATTERNS_MAX (1u << 18)
#define PATTERNS_PER_TYPE 6
#define PATTERN_SHARE 50   /* of a type's objects: patterns of fewer are not told */
#define PATTERN_SAMPLE 6
#define MEASURED_MAX (1u << 20) /* objects: with more of them, those that come first stand for all */

void held_deinit(struct held *h)
{
	graph_search_deinit(&h->search);
	free(h->root);
	h->root = NULL;
}

/* Climb to what is known, then come down again: every vertex is visited twice at most. */
static int find_roots(struct held *h, struct err *err)
{
	const uint32_t *parent = h->search.parent;

	h->root = calloc((size_t)h->g->n + 1, 1);
	if (!h->root)
		return err_nomem(err);
	for (uint32_t v = 0; v < h->g->n; v++) {
		uint32_t at = v;
		uint8_t kind;

		if (parent[v] == DIGRAPH_NONE || h->root[v])
			continue;
		while (!h->root[at] && parent[at] != at)
			at = parent[at];
		kind = h->root[at];
		if (!kind) {
			const struct graph_root *root = graph_root(h->g, at);

			kind = root ? (uint8_t)root->kind : FACT_ROOT_C_ONLY;
			h->root[at] = kind;
		}
		for (uint32_t back = v; back != at; back = parent[back])
			h->root[back] = kind;
	}
	return 0;
}

int held_init(struct held *h, struct heap_graph *g, struct err *err)
{
	int r;

	*h = (struct held){ .g = g };
	r = graph_search_init(&h->search, g, err);
	if (r == 0)
		r = find_roots(h, err);
	if (r < 0)
		held_deinit(h);
	return r;
}

enum fact_root held_root(const struct held *h, uint32_t vertex)
{
	return vertex < h->g->n ? (enum fact_root)h->root[vertex] : FACT_ROOT_NONE;
}

void held_add(struct held_group *group, uint32_t vertex)
{
	group->stride = group->stride ? group->stride : 1;
	if (group->skip++ % group->stride)
		return;
	if (group->n == 2 * HELD_SAMPLE) {
		for (uint32_t i = 0; i < HELD_SAMPLE; i++)
			group->vertex[i] = group->vertex[2 * i];
		group->n = HELD_SAMPLE;
		group->stride *= 2;
	}
	group->vertex[group->n++] = vertex;
}

/* --- rows --------------------------------------------------------------------------------- */

struct row {
	uint64_t hash;
	uint32_t members; /* of the sample */
	struct held_way way; /* of the first of them */
	size_t common;	     /* steps all of them share */
	bool same[GRAPH_WAY_MAX];
};

struct rows {
	struct row at[ROWS_PER_GROUP];
	size_t n;
	uint32_t members; /* of all rows, and of those there was no room for */
};

static void meet(struct row *row, const struct held_way *way)
{
	size_t n = row->way.n < way->n ? row->way.n : way->n, common = 0;

	while (common < n && row->way.step[common].vertex == way->step[common].vertex)
		common++;
	if (common < row->common)
		row->common = common;
	for (size_t i = 0; i < GRAPH_WAY_MAX; i++) {
		const struct edge_name *a = &row->way.step[i].edge, *b = &way->step[i].edge;

		row->same[i] = row->same[i] && row->way.n == way->n && i < n &&
			       a->edge == b->edge && strcmp(a->name, b->name) == 0;
	}
}

/* The last step that may be what the objects gather in, when one object alone tells. */
static size_t last_container(const struct held_way *way)
{
	for (size_t i = way->n; i-- > 1;) {
		enum fact_edge e = way->step[i].edge.edge;

		if (e == FACT_EDGE_INDEX || e == FACT_EDGE_VALUE || e == FACT_EDGE_KEY ||
		    e == FACT_EDGE_MEMBER || e == FACT_EDGE_KEY_ITSELF)
			return i;
	}
	return way->n > 1 ? way->n - 1 : way->n;
}

static int take_member(struct held *h, uint32_t vertex, struct rows *rows, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct held_way way;
	uint64_t hash;

	held_way(h, vertex, &way);
	held_text(h, &way, way.n, NULL, &text);
	if (text.failed)
		return err_nomem(err);
	hash = hash_bytes(HASH_START, (const char *)text.bytes, text.len);
	rows->members++;
	for (size_t i = 0; i < rows->n; i++)
		if (rows->at[i].hash == hash) {
			rows->at[i].members++;
			meet(&rows->at[i], &way);
			return 0;
		}
	if (rows->n == ROWS_PER_GROUP)
		return 0;
	struct row *row = &rows->at[rows->n++];
	*row = (struct row){ .hash = hash, .members = 1, .way = way, .common = way.n };
	memset(row->same, true, sizeof(row->same));
	return 0;
}

/* Is one of the containers on the way limited? */
static void find_bound(const struct held *h, const struct row *row, bool containers,
		       struct fact_heap_held *f)
{
	const struct graph_root *root =
		row->way.n == 2 ? graph_root(h->g, row->way.step[0].vertex) : NULL;

	if (root && root->cached) {
		f->bound = FACT_BOUND_METHOD_CACHE;
		f->bound_size = METHOD_CACHE_ENTRIES;
		f->bound_used = root->cached;
	}
	for (size_t i = 1; i + !containers < row->way.n; i++) {
		uint64_t next =
			i + 1 < row->way.n ? graph_addr(h->g, row->way.step[i + 1].vertex) : 0;
		struct heap_bound bound;

		if (!heap_bound_of(h->g, row->way.step[i].vertex, &bound) ||
		    (bound.beside && bound.beside == next))
			continue;
		f->bound = bound.kind;
		f->bound_size = bound.size;
		f->bound_used = bound.used;
	}
}

/* "list feed.listeners": the type of the container and where it is. */
static void holder_text(const struct held *h, const struct row *row, struct buf *ret)
{
	size_t n = row->members > 1 && row->common < row->way.n ? row->common :
								    last_container(&row->way);
	uint32_t v;

	/* A namespace is not a container of anybody's: what it belongs to is. */
	while (n > 1 && row->way.step[n - 1].vertex < h->g->objects &&
	       graph_bit(h->g->is_dict, row->way.step[n - 1].vertex))
		n--;
	if (n == 0)
		return;
	v = row->way.step[n - 1].vertex;
	if (v < h->g->objects)
		(void)buf_printf(ret, "%.100s ",
				 types_at(&h->g->h->types, graph_type(h->g, v))->name);
	held_text(h, &row->way, n, row->same, ret);
}

static int row_order(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->members != y->members ? (x->members > y->members ? -1 : 1) :
	       x->hash < y->hash	? -1 :
					  x->hash > y->hash;
}

static int push_row(const struct held *h, const struct held_group *group, const struct rows *rows,
		    const struct row *row, const struct fact_sink *sink, struct err *err)
{
	AUTO_BUF struct buf path = BUF_INIT;
	AUTO_BUF struct buf holder = BUF_INIT;
	enum fact_root root = held_root(h, row->way.step[row->way.n - 1].vertex);
	double share = (double)row->members / (double)rows->members;
	struct fact_heap_held f = { .site = group->site, .type = group->type,
				    .objects = (uint64_t)((double)group->objects * share + 0.5),
				    .bytes = (uint64_t)((double)group->bytes * share + 0.5),
				    .holder = "", .path = "" };

	if (root != FACT_ROOT_GARBAGE && root != FACT_ROOT_C_ONLY && root != FACT_ROOT_NONE) {
		held_text(h, &row->way, row->way.n, row->same, &path);
		holder_text(h, row, &holder);
		find_bound(h, row, group->containers, &f);
		f.path = buf_cstr(&path);
		f.holder = buf_cstr(&holder);
		if (!f.path || !f.holder)
			return err_nomem(err);
	}
	return sink->heap_held(sink->ctx, &f, err);
}

int held_push(struct held *h, const struct held_group *group, const struct fact_sink *sink,
	      struct err *err)
{
	AUTO_FREE struct rows *rows = calloc(1, sizeof(*rows));
	int r = 0;

	if (!rows)
		return err_nomem(err);
	for (uint32_t i = 0; i < group->n && r == 0; i++)
		if (h->search.parent[group->vertex[i]] != DIGRAPH_NONE)
			r = take_member(h, group->vertex[i], rows, err);
	if (r == 0 && rows->n)
		qsort(rows->at, rows->n, sizeof(*rows->at), row_order);
	for (size_t i = 0; i < rows->n && r == 0 && sink->heap_held; i++)
		r = push_row(h, group, rows, &rows->at[i], sink, err);
	return r;
}

/* --- owners ------------------------------------------------------------------------------- */

/* Offsets of the pointers to a container's items; 0: none. */
static void item_pointers(const struct py_layout *l, enum heap_family family, int32_t ret[2])
{
	ret[0] = ret[1] = 0;
	if (family == HEAP_LIST) {
		ret[0] = l->PyListObject_ob_item;
	} else if (family == HEAP_DICT || family == HEAP_ODICT) {
		ret[0] = l->PyDictObject_ma_keys;
	} else if (family == HEAP_SET) {
		ret[0] = l->PySetObject_table;
	} else if (family == HEAP_DEQUE) {
		ret[0] = l->dequeobject_rightblock;
		ret[1] = l->dequeobject_leftblock;
	}
}

int held_owners(struct held *h, const struct map *blocks, held_owner_fn *fn, void *ctx,
		struct err *err)
{
	struct heap *heap = h->g->h;
	int r = 0;

	for (uint32_t v = 0; v < h->g->objects && blocks->len && r == 0; v++) {
		const struct heap_type *t = types_at(&heap->types, graph_type(h->g, v));
		int32_t offset[2];

		item_pointers(heap->l, t->family, offset);
		for (size_t i = 0; i < 2 && offset[i] > 0 && r == 0; i++) {
			uint64_t items;
			const uint64_t *value;

			if (!reader_u64(&heap->r, graph_addr(h->g, v) + (uint64_t)offset[i], &items))
				continue;
			value = map_find(blocks, items - heap->lead);
			r = value ? fn(ctx, *value, v, err) : 0;
		}
	}
	return r;
}

/* --- all types ---------------------------------------------------------------------------- */

struct pattern {
	uint32_t type, hash;
	uint64_t objects, bytes; /* bytes of those measured */
	uint32_t measured;
	uint32_t vertex[PATTERN_SAMPLE], n;
};

struct patterns {
	struct VEC(struct pattern) at;
	struct map index; /* type << 32 | pattern */
	uint8_t *wanted;  /* by type */
	uint32_t measured; /* objects whose bytes were looked up */
};

static void patterns_deinit(struct patterns *p)
{
	vec_deinit(&p->at);
	map_deinit(&p->index);
	free(p->wanted);
}

struct weight {
	uint32_t type;
	uint64_t bytes;
	bool class;
};

static int heavy_first(const void *a, const void *b)
{
	const struct weight *x = a, *y = b;

	return x->bytes != y->bytes ? (x->bytes > y->bytes ? -1 : 1) :
	       x->type < y->type    ? -1 :
				      x->type > y->type;
}

static int want(struct patterns *p, struct heap *h, struct err *err)
{
	size_t n = heap_type_count(h), types = 0, classes = 0;
	AUTO_FREE struct weight *w = calloc(n + 1, sizeof(*w));

	p->wanted = calloc(n + 2, 1);
	if (!w || !p->wanted)
		return err_nomem(err);
	for (uint32_t i = 1; i <= n; i++) {
		struct fact_heap_type row;

		heap_type_row(h, i, &row);
		w[i - 1] = (struct weight){ i, row.count ? row.total_bytes : 0, row.is_heap_type };
	}
	qsort(w, n, sizeof(*w), heavy_first);
	for (size_t i = 0; i < n && w[i].bytes; i++)
		p->wanted[w[i].type] = w[i].class ? classes++ < CLASSES_MAX : types++ < TYPES_MAX;
	return 0;
}

static int count(struct patterns *p, const struct held *h, struct err *err)
{
	for (uint32_t v = 0; v < h->g->objects; v++) {
		uint32_t type = graph_type(h->g, v), hash;
		struct pattern *x;
		uint64_t *at;
		bool fresh;

		if (!p->wanted[type] || h->search.parent[v] == DIGRAPH_NONE)
			continue;
		hash = h->search.pattern[v];
		if (p->at.len >= PATTERNS_MAX && !map_has(&p->index, (uint64_t)type << 32 | hash))
			continue;
		at = map_add(&p->index, (uint64_t)type << 32 | hash, p->at.len, &fresh);
		if (!at || (fresh && !vec_add(&p->at)))
			return err_nomem(err);
		x = &p->at.at[*at];
		x->type = type;
		x->hash = hash;
		if (x->n < PATTERN_SAMPLE && (x->objects & (x->objects + 1)) == 0)
			x->vertex[x->n++] = v; /* the 1st, 2nd, 4th, 8th … */
		x->objects++;
		if (p->measured < MEASURED_MAX) {
			p->measured++;
			x->measured++;
			x->bytes += heap_object_bytes(h->g->h, h->g->id[v]);
		}
	}
	return 0;
}

static int by_type(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->objects != y->objects)
		return x->objects > y->objects ? -1 : 1;
	return x->vertex[0] < y->vertex[0] ? -1 : 1;
}

static int push_pattern(struct held *h, const struct pattern *x, const struct fact_heap_type *t,
			const struct fact_sink *sink, struct err *err)
{
	AUTO_FREE struct held_group *group = calloc(1, sizeof(*group));

	if (!group)
		return err_nomem(err);
	group->type = x->type;
	group->objects = x->objects;
	group->bytes = x->measured == x->objects ? x->bytes :
		       x->measured ? (uint64_t)((double)x->bytes * (double)x->objects / x->measured) :
		       t->count	   ? (uint64_t)((double)t->total_bytes * (double)x->objects /
					  (double)t->count) :
				     0;
	for (uint32_t i = 0; i < x->n; i++)
		held_add(group, x->vertex[i]);
	return held_push(h, group, sink, err);
}

int held_push_types(struct held *h, const struct fact_sink *sink, struct err *err)
{
	AUTO(patterns_deinit) struct patterns p = { 0 };
	uint32_t of_type = 0;
	int r = sink->heap_held ? want(&p, h->g->h, err) : 0;

	if (r == 0 && sink->heap_held)
		r = count(&p, h, err);
	vec_sort(&p.at, by_type);
	for (size_t i = 0; i < p.at.len && r == 0; i++) {
		const struct pattern *x = &p.at.at[i];
		struct fact_heap_type t;

		of_type = i && p.at.at[i - 1].type == x->type ? of_type + 1 : 0;
		heap_type_row(h->g->h, x->type, &t);
		if (of_type >= PATTERNS_PER_TYPE || (of_type && x->objects * PATTERN_SHARE < t.count))
			continue;
		r = push_pattern(h, x, &t, sink, err);
	}
	return r;
}
