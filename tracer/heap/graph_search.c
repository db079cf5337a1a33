/* SPDX-License-Identifier: MIT */
/*
 * Patterns are hashes down the tree of shortest ways: of types, and of the objects themselves
 * where a root or a module's namespace gives them names of their own.
 */
#include "tracer/heap/graph_search.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tracer/heap/bound.h"
#include "tracer/heap/graph_inside.h"

void graph_search_deinit(struct graph_search *s)
{
	free(s->parent);
	free(s->pattern);
	*s = (struct graph_search){ 0 };
}

/* The search's turns: kinds of roots, the preferred first. */
static unsigned turn_of(enum fact_root kind)
{
	switch (kind) {
	case FACT_ROOT_MODULE:
	case FACT_ROOT_THREAD:
	case FACT_ROOT_FRAME:
		return 0;
	/* Its words may borrow: the free lists of 3.10 keep pointers to what is in use again. */
	case FACT_ROOT_INTERPRETER:
		return 1;
	case FACT_ROOT_STATIC:
		return 2;
	case FACT_ROOT_C:
		return 3;
	case FACT_ROOT_C_ONLY:
		return 4;
	case FACT_ROOT_NONE:
	case FACT_ROOT_ALL:
	case FACT_ROOT_GARBAGE:
	case FACT_ROOTS:
		break;
	}
	return 5;
}

#define TURNS 6
#define LIMITED_LAST 1 /* before this turn ways through limited containers are not taken */

static uint32_t mix(uint32_t h, uint32_t v)
{
	uint64_t x = ((uint64_t)h << 32 | v) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(x >> 32) ^ (uint32_t)(x >> 7);
}

/* A vertex known by itself: a root, or what a namespace or a frame names. */
static bool by_itself(const struct heap_graph *g, uint32_t v, uint32_t parent)
{
	return v >= g->objects || parent >= g->objects || map_has(&g->module_of, parent);
}

static uint32_t pattern_of(const struct heap_graph *g, const struct graph_search *s, uint32_t v)
{
	uint32_t parent = s->parent[v], p;

	p = parent == v ? mix(1, v) :
	    by_itself(g, v, parent) ? mix(s->pattern[parent], v) :
				      mix(s->pattern[parent], UINT32_MAX - graph_type(g, v));
	return p ? p : 1;
}

/* Without the order of the search: climb to what is known, then come down again. */
static int patterns(struct heap_graph *g, struct graph_search *s, struct err *err)
{
	struct VEC(uint32_t) way = VEC_INIT;
	bool nomem = false;

	s->pattern = calloc((size_t)g->n + 1, sizeof(*s->pattern));
	if (!s->pattern)
		return err_nomem(err);
	for (uint32_t v = 0; v < g->n && !nomem; v++) {
		if (s->parent[v] == DIGRAPH_NONE)
			continue;
		for (uint32_t at = v; !s->pattern[at] && !nomem; at = s->parent[at]) {
			nomem = vec_push(&way, at) < 0;
			if (s->parent[at] == at)
				break;
		}
		while (way.len) {
			uint32_t at = way.at[--way.len];

			s->pattern[at] = pattern_of(g, s, at);
		}
	}
	vec_deinit(&way);
	return nomem ? err_nomem(err) : 0;
}

/*
 * What has a limited container for one holder and something else for another stays when the first lets it go, so
 * the other is the one to tell: a listener is in a list, and in the lru_cache of who inspects listeners.
 */
static int put_off_limited(const struct heap_graph *g, const struct digraph *d,
			   struct digraph_search *search, struct err *err)
{
	struct heap_bound bound;
	int r = 0;

	for (uint32_t v = 0; v < g->objects && r == 0; v++)
		if (heap_bound_of(g, v, &bound) && bound.size > 0)
			r = digraph_search_put_off(search, d, v, err);
	return r;
}

int graph_search_init(struct graph_search *s, struct heap_graph *g, struct err *err)
{
	struct digraph d = graph_digraph(g);
	struct digraph_search search;
	int r = digraph_search_init(&search, &d, err);

	*s = (struct graph_search){ 0 };
	if (r == 0)
		r = put_off_limited(g, &d, &search, err);
	if (r < 0) {
		digraph_search_deinit(&search);
		return r;
	}
	/* the root of all leads to every other: it is no step of a way */
	search.parent[graph_top(g)] = graph_top(g);
	for (unsigned turn = 0; turn < TURNS; turn++) {
		if (turn == LIMITED_LAST) {
			digraph_search_release(&search);
			digraph_search_run(&search, &d);
		}
		for (uint32_t i = 1; i < g->roots.len; i++)
			if (turn_of(g->roots.at[i].kind) == turn)
				digraph_search_begin(&search, g->objects + i, g->objects + i);
		digraph_search_run(&search, &d);
	}
	search.parent[graph_top(g)] = DIGRAPH_NONE;
	s->parent = TAKE(search.parent);
	digraph_search_deinit(&search);
	r = patterns(g, s, err);
	if (r < 0)
		graph_search_deinit(s);
	return r;
}

static bool is_field(const struct edge_name *e, const char *name)
{
	return e->edge == FACT_EDGE_FIELD && !strcmp(e->name, name);
}

/* function.__closure__[2].cell_contents is the closure variable of that name. */
static void tell_closures(struct heap_graph *g, struct graph_step *way, size_t n)
{
	for (size_t i = 1; i + 1 < n; i++) {
		char name[EDGE_NAME_BYTES];

		if (!is_field(&way[i].edge, "__closure__") ||
		    way[i + 1].edge.edge != FACT_EDGE_INDEX || way[i + 1].cut ||
		    !edge_name_cell(g, way[i - 1].vertex, way[i + 1].edge.index, name))
			continue;
		way[i + 1].edge = (struct edge_name){ .edge = FACT_EDGE_CELL };
		memcpy(way[i + 1].edge.name, name, sizeof(name));
	}
}

size_t graph_way(struct heap_graph *g, const struct graph_search *s, uint32_t vertex,
		 struct graph_step ret[GRAPH_WAY_MAX])
{
	size_t length = 1, n = 0, at;

	if (vertex >= g->n || s->parent[vertex] == DIGRAPH_NONE)
		return 0;
	for (uint32_t v = vertex; s->parent[v] != v; v = s->parent[v])
		length++;
	at = length;
	for (uint32_t v = vertex;; v = s->parent[v]) {
		size_t place = --at;

		/* of a long way its first half and its last steps are told */
		if (length > GRAPH_WAY_MAX)
			place = place < GRAPH_WAY_MAX / 2 ? place :
				length - place <= GRAPH_WAY_MAX / 2 ? GRAPH_WAY_MAX - (length - place) :
								      SIZE_MAX;
		if (place != SIZE_MAX) {
			ret[place] = (struct graph_step){ .vertex = v };
			n++;
		}
		if (s->parent[v] == v)
			break;
	}
	for (size_t i = 1; i < n; i++) {
		ret[i].cut = s->parent[ret[i].vertex] != ret[i - 1].vertex;
		if (!ret[i].cut)
			(void)edge_name(g, ret[i - 1].vertex, ret[i].vertex, &ret[i].edge);
	}
	tell_closures(g, ret, n);
	return n;
}
