/* SPDX-License-Identifier: MIT */
/*
 * How the objects of the types that retain most are held: those whose shortest ways have one
 * pattern are one path, told by the way of the object that retains most.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tracer/heap/graph_inside.h"
#include "tracer/heap/graph_rows.h"
#include "tracer/heap/graph_search.h"
#include "tracer/heap/ids.h"

#define CLASSES_MAX 64 /* types made by Python programs */
#define OTHERS_MAX 24
#define PATHS_PER_TYPE 6
#define PATTERNS_MAX (1u << 20)
#define CLIMB_MAX 256
#define ALIKE_MAX (1u << 22) /* objects all paths together may have for steps to be counted */

struct path {
	uint32_t type, pattern;
	uint64_t count, own, retained;
	uint32_t best;
	uint32_t number; /* of the row */
	uint32_t first;	 /* of its objects in the list of all */
	uint64_t alike[GRAPH_WAY_MAX];
};

struct pattern {
	uint32_t type, pattern;
	uint64_t count;
	uint32_t best;
};

struct paths {
	struct heap_graph *g;
	struct graph_search search;
	uint8_t *wanted; /* by type */
	struct VEC(struct pattern) patterns;
	struct map at; /* type << 32 | pattern → index in patterns, then in told */
	struct VEC(struct path) told;
	uint64_t *member; /* bit per rank: objects told of */
	bool nomem;
};

static void paths_deinit(struct paths *p)
{
	graph_search_deinit(&p->search);
	free(p->wanted);
	vec_deinit(&p->patterns);
	map_deinit(&p->at);
	vec_deinit(&p->told);
	free(p->member);
}

struct rated {
	uint32_t type;
	uint64_t retained;
};

static int by_retained(const void *a, const void *b)
{
	const struct rated *x = a, *y = b;

	if (x->retained != y->retained)
		return x->retained > y->retained ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

static int want_types(struct paths *p, struct err *err)
{
	const struct types *types = &p->g->h->types;
	AUTO_FREE struct rated *rated = calloc(types->list.len + 1, sizeof(*rated));
	unsigned classes = 0, others = 0;

	p->wanted = calloc(types->list.len + 1, 1);
	if (!rated || !p->wanted)
		return err_nomem(err);
	for (uint32_t i = 1; i < types->list.len; i++)
		rated[i] = (struct rated){ i, types->list.at[i].retained };
	qsort(rated, types->list.len, sizeof(*rated), by_retained);
	for (size_t i = 0; i < types->list.len && rated[i].retained; i++) {
		bool class = types->list.at[rated[i].type].python;

		if (class ? classes++ < CLASSES_MAX : others++ < OTHERS_MAX)
			p->wanted[rated[i].type] = 1;
	}
	return 0;
}

static uint64_t key_of(uint32_t type, uint32_t pattern)
{
	return (uint64_t)type << 32 | pattern;
}

static void count_patterns(struct paths *p)
{
	struct heap_graph *g = p->g;

	for (uint32_t v = 0; v < g->objects && !p->nomem; v++) {
		uint32_t type = graph_type(g, v);
		struct pattern *x;
		uint64_t *at;
		bool made;

		if (!p->wanted[type] || p->search.parent[v] == DIGRAPH_NONE ||
		    p->patterns.len >= PATTERNS_MAX)
			continue;
		at = map_add(&p->at, key_of(type, p->search.pattern[v]), p->patterns.len, &made);
		if (!at || (made && !vec_add(&p->patterns))) {
			p->nomem = true;
			return;
		}
		x = &p->patterns.at[*at];
		if (made)
			*x = (struct pattern){ type, p->search.pattern[v], 0, v };
		x->count++;
		if (graph_retained(g, v) > graph_retained(g, x->best))
			x->best = v;
	}
}

static int by_type_and_count(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->best < y->best ? -1 : x->best > y->best;
}

/* The most frequent patterns of each type are told. */
static void choose(struct paths *p)
{
	uint32_t of_type = 0;

	vec_sort(&p->patterns, by_type_and_count);
	map_clear(&p->at);
	for (size_t i = 0; i < p->patterns.len && !p->nomem; i++) {
		const struct pattern *x = &p->patterns.at[i];
		struct path *path;

		of_type = i && p->patterns.at[i - 1].type == x->type ? of_type + 1 : 0;
		if (of_type >= PATHS_PER_TYPE)
			continue;
		path = vec_add(&p->told);
		if (!path || map_set(&p->at, key_of(x->type, x->pattern), p->told.len - 1) < 0) {
			p->nomem = true;
			return;
		}
		*path = (struct path){ .type = x->type, .pattern = x->pattern, .best = x->best,
				       .number = (uint32_t)p->told.len };
	}
	vec_deinit(&p->patterns);
}

static struct path *path_of(const struct paths *p, uint32_t v)
{
	uint32_t type = graph_type(p->g, v);
	uint64_t i;

	if (!p->wanted[type] || p->search.parent[v] == DIGRAPH_NONE)
		return NULL;
	i = map_get(&p->at, key_of(type, p->search.pattern[v]), UINT64_MAX);
	return i == UINT64_MAX ? NULL : &p->told.at[i];
}

/* Is the object below another one of its path? Then that one retains it already. */
static bool below_another(const struct paths *p, uint32_t v, const struct path *path)
{
	const struct heap_graph *g = p->g;
	uint32_t r = g->dom.rank[v];

	if (r == DIGRAPH_NONE)
		return true;
	for (int i = 0; i < CLIMB_MAX && r; i++) {
		r = g->dom.idom[r];
		if (graph_bit(p->member, r) && path_of(p, g->dom.vertex[r]) == path)
			return true;
	}
	return false;
}

static void members(struct paths *p)
{
	struct heap_graph *g = p->g;

	for (uint32_t v = 0; v < g->objects; v++)
		if (path_of(p, v) && g->dom.rank[v] != DIGRAPH_NONE)
			graph_set(p->member, g->dom.rank[v]);
	for (uint32_t v = 0; v < g->objects; v++) {
		struct path *path = path_of(p, v);
		struct heap_object o;

		if (!path || !heap_object(g->h, g->id[v], &o))
			continue;
		path->count++;
		path->own += o.block_bytes;
		if (!below_another(p, v, path))
			path->retained += graph_retained(g, v);
	}
}

/* Objects at each step: ways are equally long, and meet in trees. */
static void count_alike(struct paths *p, const uint32_t *objects, struct path *path, uint64_t *seen)
{
	const uint32_t *parent = p->search.parent;
	size_t depth = 0;

	for (uint32_t at = path->best; parent[at] != at; at = parent[at])
		depth++;
	if (depth >= GRAPH_WAY_MAX)
		return;
	for (uint64_t i = path->first; i < path->first + path->count; i++) {
		size_t d = depth;

		for (uint32_t at = objects[i]; !graph_bit(seen, at); at = parent[at], d--) {
			graph_set(seen, at);
			path->alike[d]++;
			if (parent[at] == at || d == 0)
				break;
		}
	}
	for (uint64_t i = path->first; i < path->first + path->count; i++)
		for (uint32_t at = objects[i]; graph_bit(seen, at); at = parent[at])
			seen[at / 64] &= ~(UINT64_C(1) << at % 64);
}

static int alike(struct paths *p, struct err *err)
{
	AUTO_FREE uint64_t *seen = calloc(p->g->n / 64 + 1, sizeof(*seen));
	AUTO_FREE uint32_t *objects = NULL;
	uint64_t all = 0;

	for (size_t i = 0; i < p->told.len; i++) {
		p->told.at[i].first = (uint32_t)all;
		all += p->told.at[i].count;
	}
	if (all > ALIKE_MAX)
		return 0;
	objects = malloc((all + 1) * sizeof(*objects));
	if (!seen || !objects)
		return err_nomem(err);
	for (uint32_t v = 0; v < p->g->objects; v++) {
		struct path *path = path_of(p, v);

		if (path)
			objects[path->first++] = v;
	}
	for (size_t i = 0; i < p->told.len; i++) {
		p->told.at[i].first -= (uint32_t)p->told.at[i].count;
		count_alike(p, objects, &p->told.at[i], seen);
	}
	return 0;
}

static int push_step(struct paths *p, const struct path *path, uint32_t i, const struct graph_step *s,
		     const struct fact_sink *sink, struct err *err)
{
	const struct graph_root *root = graph_root(p->g, s->vertex);
	struct fact_heap_step f = {
		.path = path->number,
		.step = i,
		.root = root ? root->kind : FACT_ROOT_NONE,
		.type = graph_type(p->g, s->vertex),
		.addr = root ? 0 : graph_addr(p->g, s->vertex),
		.edge = root ? FACT_EDGE_ROOT : s->edge.edge,
		.name = root ? root->name : s->edge.name,
		.where = root ? root->where : "",
		.index = s->edge.index,
		.alike = i < GRAPH_WAY_MAX ? path->alike[i] : 0,
	};

	return sink->heap_step ? sink->heap_step(sink->ctx, &f, err) : 0;
}

static int push_path(struct paths *p, struct path *path, const struct fact_sink *sink, struct err *err)
{
	struct graph_step way[GRAPH_WAY_MAX];
	size_t n = graph_way(p->g, &p->search, path->best, way);
	struct fact_heap_path f = {
		.path = path->number,
		.type = path->type,
		.count = path->count,
		.own_bytes = path->own,
		.retained_bytes = path->retained,
		.addr = graph_addr(p->g, path->best),
		.steps = (uint32_t)n,
	};
	int r;

	r = sink->heap_path ? sink->heap_path(sink->ctx, &f, err) : 0;
	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = push_step(p, path, i, &way[i], sink, err);
	return r;
}

int graph_push_paths(struct heap_graph *g, const struct fact_sink *sink, struct err *err)
{
	AUTO(paths_deinit) struct paths p = { .g = g };
	int r;

	if (!sink->heap_path && !sink->heap_step)
		return 0;
	p.member = calloc(g->n / 64 + 1, sizeof(*p.member));
	if (!p.member)
		return err_nomem(err);
	r = want_types(&p, err);
	if (r == 0)
		r = graph_search_init(&p.search, g, err);
	if (r < 0)
		return r;
	count_patterns(&p);
	choose(&p);
	if (p.nomem)
		return err_nomem(err);
	members(&p);
	r = alike(&p, err);
	for (size_t i = 0; i < p.told.len && r == 0; i++)
		r = push_path(&p, &p.told.at[i], sink, err);
	return r;
}
