/* SPDX-License-Identifier: MIT */
/*
 * The whole graph as facts, a few thousand objects at a time, every edge with its name. Names
 * are looked up once: by the key's address, or by type and place.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/strtab.h"
#include "tracer/heap/edge_name.h"
#include "tracer/heap/graph_inside.h"
#include "tracer/heap/graph_rows.h"
#include "tracer/heap/ids.h"

#define PIECE_OBJECTS 4096
#define PIECE_EDGES (1u << 18) /* a piece ends early when it has as many */
#define KEYS_MAX (1u << 24)

struct export {
	struct heap_graph *g;
	const struct fact_sink *sink;
	struct strtab *names;
	uint32_t pushed; /* names so far */
	struct map by_key;   /* address of a key → name << 8 | kind */
	struct map by_place; /* type, place, index → the same */
	struct map closure_of; /* a function's tuple of cells → the function */
	struct VEC(uint64_t) keys; /* of the dict being read */
	uint32_t from;
	struct VEC(uint64_t) addr, own;
	struct VEC(uint32_t) type, name, where, degree, to, edge_name;
	struct VEC(uint8_t) kind;
	bool nomem;
};

static void export_deinit(struct export *x)
{
	strtab_free(x->names);
	map_deinit(&x->by_key);
	map_deinit(&x->by_place);
	map_deinit(&x->closure_of);
	vec_deinit(&x->keys);
	vec_deinit(&x->addr);
	vec_deinit(&x->own);
	vec_deinit(&x->type);
	vec_deinit(&x->name);
	vec_deinit(&x->where);
	vec_deinit(&x->degree);
	vec_deinit(&x->to);
	vec_deinit(&x->edge_name);
	vec_deinit(&x->kind);
}

static uint32_t name_id(struct export *x, const char *text)
{
	uint32_t id = 0;

	if (*text && strtab_add_str(x->names, text, &id, NULL) < 0)
		x->nomem = true;
	return id;
}

/* Name and kind of an edge as one word; numbers instead of names where they say more. */
static uint64_t word_of(struct export *x, const struct edge_name *e)
{
	bool numbered = e->edge == FACT_EDGE_INDEX || e->edge == FACT_EDGE_STACK ||
			e->edge == FACT_EDGE_WORD;
	uint64_t name = numbered ? e->index < UINT32_MAX ? e->index : UINT32_MAX :
				   name_id(x, e->name);

	return name << 8 | (uint64_t)e->edge;
}

static uint64_t edge_word(struct export *x, enum ref_place place, uint64_t index)
{
	struct heap_graph *g = x->g;
	struct map *known = NULL;
	struct edge_name e = { 0 };
	uint64_t key = 0, word, *at;

	if (place == REF_ITEM && map_has(&x->closure_of, x->from) &&
	    edge_name_cell(g, (uint32_t)map_get(&x->closure_of, x->from, 0), index, e.name)) {
		e.edge = FACT_EDGE_CELL;
		return word_of(x, &e);
	}
	if (place == REF_ITEM)
		return (index < UINT32_MAX ? index : UINT32_MAX) << 8 | FACT_EDGE_INDEX;
	if (place == REF_VALUE && index < x->keys.len && x->keys.at[index]) {
		known = &x->by_key;
		/* the same key is an attribute here, a variable there */
		key = x->keys.at[index] + (map_has(&g->module_of, x->from) ? 1 :
					   graph_bit(g->is_dict, x->from)  ? 2 :
									     0);
	} else if (place == REF_ATTRIBUTE || place == REF_WORD) {
		known = &x->by_place;
		key = (uint64_t)graph_type(g, x->from) << 32 | (uint64_t)place << 28 |
		      (index & 0xfffffff);
	}
	at = known ? map_find(known, key) : NULL;
	if (at)
		return *at;
	edge_name_at(g, x->from, place, index, &e);
	word = word_of(x, &e);
	if (known && map_set(known, key, word) < 0)
		x->nomem = true;
	return word;
}

static void edge_put(struct export *x, uint32_t to, uint64_t word)
{
	if (vec_push(&x->to, to + 1) < 0 || vec_push(&x->edge_name, (uint32_t)(word >> 8)) < 0 ||
	    vec_push(&x->kind, (uint8_t)word) < 0)
		x->nomem = true;
	else
		vec_last(&x->degree)[0]++;
}

static void on_reference(void *ctx, uint64_t target, enum ref_place place, uint64_t index)
{
	struct export *x = ctx;
	struct heap_graph *g = x->g;
	uint32_t to;

	if (place == REF_KEY && index < KEYS_MAX) {
		while (x->keys.len <= index && !x->nomem)
			x->nomem = vec_push(&x->keys, 0) < 0;
		if (index < x->keys.len)
			x->keys.at[index] = target;
	}
	to = graph_vertex(g, target);
	if (to == DIGRAPH_NONE || to == x->from || x->nomem || !graph_kept(g, to))
		return;
	to = g->objects + (uint32_t)map_get(&g->module_of, to, (uint64_t)to - g->objects);
	edge_put(x, to, edge_word(x, place, index));
}

static void vertex_put(struct export *x, uint32_t v)
{
	struct heap_graph *g = x->g;
	const struct graph_root *root = graph_root(g, v);

	x->from = v;
	x->keys.len = 0;
	if (vec_push(&x->addr, graph_addr(g, v)) < 0 ||
	    vec_push(&x->own, root ? 0 : heap_object_bytes(g->h, g->id[v])) < 0 ||
	    vec_push(&x->type, root ? (uint32_t)root->kind : graph_type(g, v)) < 0 ||
	    vec_push(&x->name, root ? name_id(x, root->name) : 0) < 0 ||
	    vec_push(&x->where, root ? name_id(x, root->where) : 0) < 0 ||
	    vec_push(&x->degree, 0) < 0) {
		x->nomem = true;
		return;
	}
	if (!root) {
		if (g->first[v + 1] > g->first[v])
			refs_of(g->h, graph_type(g, v), graph_addr(g, v), REFS_OWNED, on_reference, x);
		return;
	}
	for (uint32_t e = g->first[v]; e < g->first[v + 1]; e++) {
		struct edge_name name = { .edge = FACT_EDGE_ROOT };

		if (root->kind == FACT_ROOT_FRAME)
			(void)edge_name(g, v, g->to[e], &name);
		edge_put(x, g->to[e], word_of(x, &name));
	}
}

static int push_piece(struct export *x, uint32_t node, struct err *err)
{
	struct fact_heap_edges f = {
		.node = node + 1,
		.count = (uint32_t)x->addr.len,
		.addr = x->addr.at,
		.type = x->type.at,
		.own_bytes = x->own.at,
		.name = x->name.at,
		.where = x->where.at,
		.degree = x->degree.at,
		.nedges = x->to.len,
		.to = x->to.at,
		.edge = x->kind.at,
		.edge_name = x->edge_name.at,
	};
	int r = 0;

	for (uint32_t n = strtab_count(x->names); x->pushed + 1 < n && r == 0;) {
		struct fact_heap_name name = { ++x->pushed, strtab_get(x->names, x->pushed, NULL) };

		r = x->sink->heap_name ? x->sink->heap_name(x->sink->ctx, &name, err) : 0;
	}
	if (r == 0)
		r = x->sink->heap_edges(x->sink->ctx, &f, err);
	x->addr.len = x->own.len = x->type.len = x->name.len = x->where.len = x->degree.len = 0;
	x->to.len = x->edge_name.len = x->kind.len = 0;
	return r;
}

/* Items of those tuples are closure variables, whose names only the function's code knows. */
static void find_closures(struct export *x)
{
	struct heap_graph *g = x->g;
	uint64_t tuple;

	for (uint32_t v = 0; v < g->objects && !x->nomem; v++) {
		const struct heap_type *t = types_at(&g->h->types, graph_type(g, v));

		if (strcmp(t->name, "function") || strcmp(t->module, "builtins") ||
		    !reader_u64(&g->h->r,
				graph_addr(g, v) + (uint64_t)g->h->l->PyFunctionObject_func_closure,
				&tuple) ||
		    !tuple)
			continue;
		uint32_t to = graph_vertex(g, tuple);
		x->nomem = to < g->objects && map_set(&x->closure_of, to, v) < 0;
	}
}

int graph_push_edges(struct heap_graph *g, const struct fact_sink *sink, struct err *err)
{
	AUTO(export_deinit) struct export x = { .g = g, .sink = sink };
	uint32_t begun = 0;
	int r;

	if (!sink->heap_edges)
		return 0;
	r = strtab_new(&x.names, err);
	if (r == 0)
		find_closures(&x);
	for (uint32_t v = 0; v < g->n && r == 0; v++) {
		vertex_put(&x, v);
		if (x.nomem)
			return err_nomem(err);
		if (g->h->r.gone)
			return err_set(err, g->h->r.gone, "the target went away");
		if (x.addr.len < PIECE_OBJECTS && x.to.len < PIECE_EDGES && v + 1 < g->n)
			continue;
		r = push_piece(&x, begun, err);
		begun = v + 1;
	}
	return r;
}
