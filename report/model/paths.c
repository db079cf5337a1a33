/* SPDX-License-Identifier: MIT */
/*
 * The stored graph counts from 1; here vertices count from 0. Roots with a name are preferred
 * to C code and to garbage, as in the tracer.
 */
#include "report/model/paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/digraph.h"
#include "base/dominators.h"
#include "base/map.h"
#include "base/own.h"

#define STEPS_MAX 64
#define DIRECT_MAX 40
#define CLIMB_MAX 4096

struct finder {
	const struct heap_model *m;
	const struct stored_graph *g;
	struct paths *p;
	uint32_t *to, *own;
	struct digraph d;
	struct digraph_search search;
	struct dominators dom;
	uint64_t *retained;
	uint64_t *chosen; /* bit per vertex */
	uint64_t *hash;	  /* of the way to each vertex; 0: not known yet */
	uint32_t top;
};

static void finder_deinit(struct finder *f)
{
	free(f->to);
	free(f->own);
	digraph_search_deinit(&f->search);
	dominators_deinit(&f->dom);
	free(f->retained);
	free(f->chosen);
	free(f->hash);
}

void paths_deinit(struct paths *p)
{
	vec_deinit(&p->ways);
	vec_deinit(&p->steps);
	vec_deinit(&p->direct);
	*p = (struct paths){ 0 };
}

static bool is_root(const struct finder *f, uint32_t v)
{
	return f->g->addr.at[v] == 0;
}

/* --- the graph -------------------------------------------------------------------------------- */

static unsigned turn_of(uint32_t root)
{
	return root == FACT_ROOT_STATIC	 ? 1 :
	       root == FACT_ROOT_C	 ? 2 :
	       root == FACT_ROOT_C_ONLY	 ? 3 :
	       root == FACT_ROOT_GARBAGE ? 4 :
					   0;
}

static void search(struct finder *f)
{
	f->search.parent[f->top] = f->top;
	for (unsigned turn = 0; turn < 5; turn++) {
		for (uint32_t v = 0; v < f->d.n; v++)
			if (is_root(f, v) && v != f->top && turn_of(f->g->type.at[v]) == turn)
				digraph_search_begin(&f->search, v, v);
		digraph_search_run(&f->search, &f->d);
	}
}

static int load(struct finder *f, struct err *err)
{
	size_t n = f->g->addr.len, edges = f->g->to.len;
	int r;

	f->to = malloc((edges + 1) * sizeof(*f->to));
	f->own = malloc((n + 1) * sizeof(*f->own));
	f->chosen = calloc(n / 64 + 1, sizeof(*f->chosen));
	f->hash = calloc(n + 1, sizeof(*f->hash));
	if (!f->to || !f->own || !f->chosen || !f->hash)
		return err_nomem(err);
	for (size_t i = 0; i < edges; i++)
		f->to[i] = f->g->to.at[i] - 1;
	f->top = DIGRAPH_NONE;
	for (size_t i = 0; i < n; i++) {
		uint64_t own = f->g->own_bytes.at[i];

		f->own[i] = own < UINT32_MAX ? (uint32_t)own : UINT32_MAX;
		if (is_root(f, (uint32_t)i) && f->g->type.at[i] == FACT_ROOT_ALL)
			f->top = (uint32_t)i;
	}
	if (f->top == DIGRAPH_NONE)
		return err_set(err, ERR_CORRUPT, "the graph of this snapshot is damaged");
	f->d = (struct digraph){ (uint32_t)n, f->g->first.at, f->to };
	r = digraph_search_init(&f->search, &f->d, err);
	if (r == 0)
		r = dominators_find(&f->d, f->top, &f->dom, err);
	if (r == 0)
		r = dominators_sum(&f->dom, f->own, &f->retained, err);
	if (r == 0)
		search(f);
	return r;
}

/* --- what is asked for -------------------------------------------------------------------------- */

static bool type_matches(const struct fact_heap_type *t, const char *what)
{
	size_t n = strlen(t->module);

	return !strcmp(t->name, what) ||
	       (!strncmp(t->module, what, n) && what[n] == '.' && !strcmp(t->name, what + n + 1));
}

/* *ret: the address what stands for, 0 when it is the name of a type. */
static int read_address(const char *what, uint64_t *ret, struct err *err)
{
	char *end;

	*ret = 0;
	if (what[0] != '0' || (what[1] != 'x' && what[1] != 'X'))
		return 0;
	*ret = strtoull(what, &end, 16);
	if (*end || !*ret)
		return err_hint(err, err_set(err, ERR_USAGE, "'%.40s' is no address (0x7f12a0)", what), "");
	return 0;
}

int paths_check(const char *what, struct err *err)
{
	uint64_t addr;

	return what ? read_address(what, &addr, err) : 0;
}

static int choose(struct finder *f, const char *what, struct err *err)
{
	uint64_t addr = 0, any = 0;
	int rc = read_address(what, &addr, err);

	if (rc < 0)
		return rc;
	for (uint32_t v = 0; v < f->d.n; v++) {
		const struct fact_heap_type *t;
		bool wanted;

		if (is_root(f, v))
			continue;
		t = addr ? NULL : heap_type_of(f->m, f->g->type.at[v]);
		wanted = addr ? f->g->addr.at[v] == addr : t && type_matches(t, what);
		if (!wanted)
			continue;
		f->chosen[v / 64] |= UINT64_C(1) << v % 64;
		f->p->type = f->g->type.at[v];
		any++;
	}
	f->p->objects = any;
	if (!any && addr)
		return err_hint(err,
				err_set(err, ERR_USAGE, "no object at 0x%llx in this snapshot",
					(unsigned long long)addr),
				"no-such-type");
	if (!any)
		return err_hint(err,
				err_set(err, ERR_USAGE, "no object of a type named '%.80s' in this snapshot",
					what),
				"no-such-type");
	return 0;
}

static bool chosen(const struct finder *f, uint32_t v)
{
	return f->chosen[v / 64] >> v % 64 & 1;
}

/* --- edges ---------------------------------------------------------------------------------------- */

/* The edge from one vertex to another that says most; edges' length when there is none. */
static uint32_t edge_between(const struct finder *f, uint32_t from, uint32_t to)
{
	uint32_t best = (uint32_t)f->g->to.len;

	for (uint32_t e = f->d.first[from]; e < f->d.first[from + 1]; e++) {
		enum fact_edge kind = f->g->edge.at[e];

		if (f->to[e] != to)
			continue;
		if (kind != FACT_EDGE_KEY_ITSELF && kind != FACT_EDGE_TYPE && kind != FACT_EDGE_WORD)
			return e;
		best = best < f->g->to.len ? best : e;
	}
	return best;
}

static bool has_index(enum fact_edge kind)
{
	return kind == FACT_EDGE_INDEX || kind == FACT_EDGE_STACK || kind == FACT_EDGE_WORD;
}

static const char *name_of(const struct finder *f, uint32_t name)
{
	return name < f->g->names.len ? f->g->names.at[name] : "";
}

static void edge_into(const struct finder *f, uint32_t e, struct fact_heap_step *s)
{
	s->name = "";
	if (e >= f->g->to.len)
		return;
	s->edge = f->g->edge.at[e];
	if (has_index(s->edge))
		s->index = f->g->edge_name.at[e];
	else
		s->name = name_of(f, f->g->edge_name.at[e]);
}

/* --- ways ------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 31;
}

/* Keys and indices differ among objects held alike; names of attributes do not. */
static uint64_t step_hash(const struct finder *f, uint32_t parent, uint32_t v)
{
	uint32_t e;
	enum fact_edge kind;
	uint64_t h;

	if (is_root(f, v))
		return mix(7, v + 1);
	e = edge_between(f, parent, v);
	kind = e < f->g->to.len ? f->g->edge.at[e] : FACT_EDGE_NONE;
	h = mix(f->g->type.at[v], kind);
	if (kind == FACT_EDGE_ATTRIBUTE || kind == FACT_EDGE_GLOBAL || kind == FACT_EDGE_LOCAL ||
	    kind == FACT_EDGE_CELL || kind == FACT_EDGE_FIELD)
		h = mix(h, f->g->edge_name.at[e]);
	return h;
}

/* Known from the nearest ancestor whose way is known: climb, then come down. */
static int way_hash(struct finder *f, uint32_t v, uint64_t *ret, struct err *err)
{
	struct VEC(uint32_t) way = VEC_INIT;
	const uint32_t *parent = f->search.parent;
	int r = 0;

	for (uint32_t at = v; !f->hash[at] && r == 0; at = parent[at]) {
		r = vec_push(&way, at);
		if (parent[at] == at)
			break;
	}
	while (way.len && r == 0) {
		uint32_t at = way.at[--way.len];
		uint64_t above = parent[at] == at ? 1 : f->hash[parent[at]];

		f->hash[at] = mix(above, step_hash(f, parent[at], at)) | 1;
	}
	vec_deinit(&way);
	*ret = f->hash[v];
	return r < 0 ? err_nomem(err) : 0;
}

static uint64_t retained_of(const struct finder *f, uint32_t v)
{
	uint32_t rank = f->dom.rank[v];

	return rank == DIGRAPH_NONE ? 0 : f->retained[rank];
}

/* Does another chosen object dominate it? Then that one's bytes include its own. */
static bool below_chosen(const struct finder *f, uint32_t v)
{
	uint32_t rank = f->dom.rank[v];

	for (int i = 0; i < CLIMB_MAX && rank != DIGRAPH_NONE && rank; i++) {
		rank = f->dom.idom[rank];
		if (chosen(f, f->dom.vertex[rank]))
			return true;
	}
	return false;
}

static int by_count(const void *a, const void *b)
{
	const struct held_alike *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* First holds the example's vertex until its steps are written. */
static int group(struct finder *f, struct err *err)
{
	AUTO_MAP struct map at = MAP_INIT;

	for (uint32_t v = 0; v < f->d.n; v++) {
		struct held_alike *w;
		uint64_t hash, *i;
		bool made;
		int r;

		if (!chosen(f, v))
			continue;
		if (f->search.parent[v] == DIGRAPH_NONE) {
			f->p->unreached++;
			continue;
		}
		r = way_hash(f, v, &hash, err);
		if (r < 0)
			return r;
		i = map_add(&at, hash, f->p->ways.len, &made);
		if (!i || (made && !vec_add(&f->p->ways)))
			return err_nomem(err);
		w = &f->p->ways.at[*i];
		if (made || retained_of(f, v) > retained_of(f, (uint32_t)w->first)) {
			w->first = v;
			w->addr = f->g->addr.at[v];
		}
		w->count++;
		w->own_bytes += f->g->own_bytes.at[v];
		w->retained_bytes += below_chosen(f, v) ? 0 : retained_of(f, v);
	}
	f->p->ways_found = f->p->ways.len;
	vec_sort(&f->p->ways, by_count);
	if (f->p->ways.len > PATHS_MOST)
		f->p->ways.len = PATHS_MOST;
	return 0;
}

static struct fact_heap_step step_of(const struct finder *f, uint32_t v)
{
	struct fact_heap_step s = { .name = "", .where = "", .addr = f->g->addr.at[v] };

	if (is_root(f, v)) {
		s.root = f->g->type.at[v] < FACT_ROOTS ? f->g->type.at[v] : FACT_ROOT_NONE;
		s.edge = FACT_EDGE_ROOT;
		s.name = name_of(f, f->g->name.at[v]);
		s.where = name_of(f, f->g->where.at[v]);
	} else {
		s.type = f->g->type.at[v];
	}
	return s;
}

static int tell_way(struct finder *f, struct held_alike *w, struct err *err)
{
	uint32_t v = (uint32_t)w->first, n = 1;
	const uint32_t *parent = f->search.parent;

	for (uint32_t at = v; parent[at] != at; at = parent[at])
		n++;
	w->steps = n < STEPS_MAX ? n : STEPS_MAX;
	w->first = f->p->steps.len;
	if (vec_reserve(&f->p->steps, w->steps) < 0)
		return err_nomem(err);
	f->p->steps.len += w->steps;
	/* of a very long way the end is told, and its root */
	for (uint32_t at = v, i = (uint32_t)w->steps; i-- > 0; at = parent[at]) {
		struct fact_heap_step *s = &f->p->steps.at[w->first + i];

		if (i == 0)
			while (parent[at] != at)
				at = parent[at];
		*s = step_of(f, at);
		s->step = i;
		if (parent[at] != at && !is_root(f, at))
			edge_into(f, edge_between(f, parent[at], at), s);
	}
	vec_last(&f->p->steps)->alike = w->count;
	return 0;
}

/* Who refers to it, roots too, with the edge's name. */
static int direct(struct finder *f, uint32_t v, struct err *err)
{
	for (uint32_t from = 0; from < f->d.n && f->p->direct.len < DIRECT_MAX; from++) {
		struct fact_heap_step s;
		uint32_t e;

		if (from == f->top)
			continue;
		for (e = f->d.first[from]; e < f->d.first[from + 1]; e++)
			if (f->to[e] == v)
				break;
		if (e == f->d.first[from + 1])
			continue;
		s = step_of(f, from);
		if (!s.root)
			edge_into(f, edge_between(f, from, v), &s);
		if (vec_push(&f->p->direct, s) < 0)
			return err_nomem(err);
	}
	return 0;
}

int paths_find(const struct heap_model *m, const char *what, struct paths *ret, struct err *err)
{
	AUTO(finder_deinit) struct finder f = { .m = m, .g = &m->holders.stored, .p = ret };
	int r;

	*ret = (struct paths){ 0 };
	if (!f.g->addr.len)
		return err_hint(err,
				err_set(err, ERR_USAGE, "this snapshot does not hold its graph"),
				"no-graph");
	if (f.g->broken || f.g->first.len != f.g->addr.len + 1)
		return err_set(err, ERR_CORRUPT, "the graph of this snapshot is damaged");
	r = load(&f, err);
	if (r == 0)
		r = choose(&f, what, err);
	if (r == 0)
		r = group(&f, err);
	for (size_t i = 0; i < ret->ways.len && r == 0; i++)
		r = tell_way(&f, &ret->ways.at[i], err);
	for (uint32_t v = 0; r == 0 && ret->objects == 1 && v < f.d.n; v++)
		if (chosen(&f, v))
			r = direct(&f, v, err);
	if (r < 0)
		paths_deinit(ret);
	return r;
}
