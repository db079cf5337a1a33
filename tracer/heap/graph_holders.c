/* SPDX-License-Identifier: MIT */
/*
 * The dominator tree, grouped: what one group dominates directly is put together by type, and by
 * name where the group is a single object. The largest group is opened next, until there are
 * rows enough. Somebody's __dict__ is passed over, and a Python object that dominates others of
 * its class is one group with them, so lists and trees of nodes are one row.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tracer/heap/edge_name.h"
#include "tracer/heap/graph_inside.h"
#include "tracer/heap/graph_rows.h"

#define ROWS_MAX 2000
#define ROOT_CHILDREN_MAX 400 /* modules, threads …, below the root of all */
#define CHILDREN_MAX 24
#define DEPTH_MAX 48
#define LEAST_SHARE 4000 /* of everything: smaller groups are part of the rest */
#define DROP_SHARE 100	 /* of everything: the least a drop is worth telling for */
#define NAMED_MAX 1024	 /* children of one object that are looked at one by one */
#define DEGREE_MAX (1u << 20) /* references of one object looked through for a name */
#define NO_GROUP UINT32_MAX

struct group {
	uint32_t parent;  /* index of the group above */
	uint32_t holder;  /* row number, 0: none */
	uint32_t members; /* first rank of the list through g->next */
	uint32_t type, root; /* of objects; index of a root, or UINT32_MAX */
	uint32_t best, best_from; /* rank that retains most; the vertex that refers to it */
	uint32_t depth;
	enum fact_edge edge;
	const char *name;
	uint64_t count, retained, own, objects, largest_child;
	bool named, rest, opened;
};

struct tree {
	struct heap_graph *g;
	struct VEC(struct group) groups;
	struct map by_key;
	struct VEC(uint32_t) work; /* ranks whose children belong to the group being opened */
	struct map names; /* vertex → place << 56 | index of the reference, of one object */
	uint32_t rows;
	bool nomem;
};

static void tree_deinit(struct tree *t)
{
	vec_deinit(&t->groups);
	map_deinit(&t->by_key);
	vec_deinit(&t->work);
	map_deinit(&t->names);
}

int graph_tree(struct heap_graph *g, struct err *err)
{
	size_t n = (size_t)g->dom.reached + 1;

	g->child = calloc(n, sizeof(*g->child));
	g->next = calloc(n, sizeof(*g->next));
	if (!g->child || !g->next)
		return err_nomem(err);
	for (uint32_t r = g->dom.reached; r-- > 1;) {
		g->next[r] = g->child[g->dom.idom[r]];
		g->child[g->dom.idom[r]] = r;
	}
	return 0;
}

void graph_tree_drop(struct heap_graph *g)
{
	free(TAKE(g->child));
	free(TAKE(g->next));
}

/* --- names of one object's references --------------------------------------------------------- */

static void on_name(void *ctx, uint64_t target, enum ref_place place, uint64_t index)
{
	struct tree *t = ctx;
	uint32_t v = graph_vertex(t->g, target);
	uint64_t *at;

	if (v == DIGRAPH_NONE)
		return;
	at = map_find(&t->names, v);
	/* keys and classes say less than anything else */
	if (at && (*at == UINT64_MAX || *at >> 56 == REF_KEY || *at >> 56 == REF_TYPE))
		*at = (uint64_t)place << 56 | (index & (UINT64_MAX >> 8));
}

/* Where each child of the object at rank is referred to; false when there are too many to ask. */
static bool names_of(struct tree *t, uint32_t rank)
{
	struct heap_graph *g = t->g;
	uint32_t from = g->dom.vertex[rank], n = 0;

	map_clear(&t->names);
	if (from >= g->objects || g->first[from + 1] - g->first[from] > DEGREE_MAX)
		return false;
	for (uint32_t c = g->child[rank]; c; c = g->next[c]) {
		if (++n > NAMED_MAX)
			return false;
		if (map_set(&t->names, g->dom.vertex[c], UINT64_MAX) < 0)
			t->nomem = true;
	}
	refs_of(g->h, graph_type(g, from), graph_addr(g, from), REFS_OWNED, on_name, t);
	return true;
}

static bool own_name(enum fact_edge edge)
{
	return edge == FACT_EDGE_ATTRIBUTE || edge == FACT_EDGE_GLOBAL || edge == FACT_EDGE_KEY ||
	       edge == FACT_EDGE_LOCAL || edge == FACT_EDGE_FIELD;
}

/* The name by which `from` knows v, from names_of or, for roots, by a look. */
static void name_child(struct tree *t, uint32_t from, uint32_t v, bool known, struct edge_name *ret)
{
	const struct graph_root *root = graph_root(t->g, from);
	uint64_t place;

	*ret = (struct edge_name){ .edge = FACT_EDGE_NONE };
	if (root && (root->kind == FACT_ROOT_FRAME || root->kind == FACT_ROOT_MODULE)) {
		edge_name(t->g, from, v, ret);
		return;
	}
	place = known ? map_get(&t->names, v, UINT64_MAX) : UINT64_MAX;
	if (place != UINT64_MAX)
		edge_name_at(t->g, from, (enum ref_place)(place >> 56), place & (UINT64_MAX >> 8), ret);
}

/* --- opening a group ---------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t key_of(uint32_t type, uint32_t root, const struct edge_name *name)
{
	uint64_t h = mix(mix(1, type), root);

	if (name->edge != FACT_EDGE_NONE) {
		h = mix(h, name->edge);
		for (const char *s = own_name(name->edge) ? name->name : ""; *s; s++)
			h = mix(h, (unsigned char)*s);
	}
	return h;
}

static struct group *group_for(struct tree *t, uint32_t above, uint32_t type, uint32_t root,
			       const struct edge_name *name)
{
	uint64_t *at;
	bool made;
	struct group *x;

	at = map_add(&t->by_key, key_of(type, root, name), t->groups.len, &made);
	if (!at || (made && !vec_add(&t->groups))) {
		t->nomem = true;
		return NULL;
	}
	x = &t->groups.at[*at];
	if (!made)
		return x;
	*x = (struct group){ .parent = above, .type = type, .root = root, .name = "",
			     .depth = t->groups.at[above].depth + 1 };
	if (name->edge != FACT_EDGE_NONE) {
		x->edge = name->edge;
		x->named = true;
		if (own_name(name->edge) || name->edge == FACT_EDGE_VALUE) {
			x->name = arena_str(&t->g->strings, name->name, strlen(name->name));
			t->nomem = t->nomem || !x->name;
		}
	}
	return t->nomem ? NULL : x;
}

static void put(struct tree *t, uint32_t above, uint32_t rank, uint32_t from,
		const struct edge_name *name)
{
	struct heap_graph *g = t->g;
	uint32_t v = g->dom.vertex[rank];
	uint32_t root = v >= g->objects ? v - g->objects : UINT32_MAX;
	struct group *x = group_for(t, above, graph_type(g, v), root, name);

	if (!x)
		return;
	g->next[rank] = x->members;
	x->members = rank;
	x->count++;
	x->retained += g->retained[rank];
	if (!x->best || g->retained[rank] > g->retained[x->best]) {
		x->best = rank;
		x->best_from = from;
	}
}

/* Is the object at rank one with the group, though below it? */
static bool recursive(const struct tree *t, uint32_t group, uint32_t v)
{
	const struct group *x = &t->groups.at[group];
	uint32_t type = graph_type(t->g, v);

	return type && type == x->type && types_at(&t->g->h->types, type)->python;
}

/* A __dict__ below its owner, a module's namespace below the module. */
static bool namespace_of(const struct heap_graph *g, uint32_t from, uint32_t v)
{
	const struct graph_root *root = graph_root(g, from);

	return v < g->objects && graph_bit(g->is_dict, v) && (!root || root->kind == FACT_ROOT_MODULE);
}

static void children(struct tree *t, uint32_t group, uint32_t rank, bool single)
{
	struct heap_graph *g = t->g;
	uint32_t from = g->dom.vertex[rank], next;
	bool known = single && names_of(t, rank);

	for (uint32_t c = g->child[rank]; c && !t->nomem; c = next) {
		uint32_t v = g->dom.vertex[c];
		struct edge_name name = { .edge = FACT_EDGE_NONE };
		bool same = recursive(t, group, v);

		next = g->next[c];
		if (same || namespace_of(g, from, v)) {
			t->groups.at[group].count += same;
			if (vec_push(&t->work, c) < 0)
				t->nomem = true;
			continue;
		}
		if (known || (single && from >= g->objects && from != graph_top(g)))
			name_child(t, from, v, known, &name);
		put(t, group, c, from, &name);
	}
}

/* What two of a group's members are called, when that is the same. */
static void name_group(struct tree *t, struct group *x)
{
	struct heap_graph *g = t->g;
	uint32_t best = g->dom.vertex[x->best], some = g->dom.vertex[x->members];
	uint32_t some_from = g->dom.vertex[g->dom.idom[x->members]];
	struct edge_name a, b;

	if (x->named || x->root != UINT32_MAX || x->best_from == graph_top(g))
		return;
	x->named = true;
	if (x->best_from < g->objects &&
	    g->first[x->best_from + 1] - g->first[x->best_from] > DEGREE_MAX)
		return;
	if (!edge_name(g, x->best_from, best, &a) ||
	    (some != best && (!edge_name(g, some_from, some, &b) || a.edge != b.edge)))
		return;
	x->edge = a.edge;
	if (*a.name && (some == best || !strcmp(a.name, b.name))) {
		x->name = arena_str(&g->strings, a.name, strlen(a.name));
		t->nomem = t->nomem || !x->name;
		x->name = x->name ? x->name : "";
	} else if (own_name(a.edge)) {
		x->edge = FACT_EDGE_NONE;
	}
}

static int by_retained(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->retained > y->retained ? -1 : x->retained < y->retained;
}

/* Keep the largest of the groups from `first` on; put the others together. */
static void cut(struct tree *t, uint32_t above, size_t first, size_t most, uint64_t least)
{
	size_t n = t->groups.len - first, keep = 0;
	struct group rest = { .parent = above, .root = UINT32_MAX, .name = "", .rest = true,
			      .depth = t->groups.at[above].depth + 1, .opened = true };

	if (n > 1)
		qsort(&t->groups.at[first], n, sizeof(*t->groups.at), by_retained);
	while (keep < n && keep < most && t->groups.at[first + keep].retained >= least)
		keep++;
	for (size_t i = first + keep; i < first + n; i++) {
		rest.count += t->groups.at[i].count;
		rest.retained += t->groups.at[i].retained;
	}
	t->groups.len = first + keep;
	if (rest.count && rest.retained && vec_push(&t->groups, rest) < 0)
		t->nomem = true;
}

static void open_group(struct tree *t, uint32_t group)
{
	struct heap_graph *g = t->g;
	struct group *x = &t->groups.at[group];
	size_t first = t->groups.len, most = group ? CHILDREN_MAX : ROOT_CHILDREN_MAX;
	bool single = x->count == 1;

	x->opened = true;
	map_clear(&t->by_key);
	vec_clear(&t->work);
	for (uint32_t r = x->members; r && !t->nomem; r = g->next[r])
		if (vec_push(&t->work, r) < 0)
			t->nomem = true;
	if (!group && vec_push(&t->work, 0) < 0) /* rank 0 ends lists: it is the root of all */
		t->nomem = true;
	while (t->work.len && !t->nomem)
		children(t, group, t->work.at[--t->work.len], single);
	if (t->nomem)
		return;
	cut(t, group, first, most, g->retained[0] / LEAST_SHARE);
	x = &t->groups.at[group];
	for (size_t i = first; i < t->groups.len && !t->nomem; i++) {
		struct group *c = &t->groups.at[i];

		if (!c->rest && g->retained[c->best] > x->largest_child)
			x->largest_child = g->retained[c->best];
		if (!c->rest)
			name_group(t, c);
	}
}

/* The group opened next: the largest that has something below it. */
static uint32_t next_group(const struct tree *t)
{
	uint32_t best = NO_GROUP;

	for (uint32_t i = 0; i < t->groups.len; i++) {
		const struct group *x = &t->groups.at[i];

		if (!x->opened && x->depth < DEPTH_MAX &&
		    (best == NO_GROUP || x->retained > t->groups.at[best].retained))
			best = i;
	}
	return best;
}

/* --- rows --------------------------------------------------------------------------------------- */

/* Objects and own bytes of groups: each object counts for the lowest group above it. */
static void count_below(struct tree *t)
{
	struct heap_graph *g = t->g;
	uint32_t *group = g->child; /* nobody is opened any more */

	memset(group, 0xff, ((size_t)g->dom.reached + 1) * sizeof(*group));
	for (uint32_t i = 0; i < t->groups.len; i++)
		for (uint32_t r = t->groups.at[i].members; r; r = g->next[r])
			group[r] = i;
	group[0] = 0;
	for (uint32_t r = 1; r < g->dom.reached; r++) {
		if (group[r] == NO_GROUP)
			group[r] = group[g->dom.idom[r]];
		t->groups.at[group[r]].objects += g->dom.vertex[r] < g->objects;
	}
	for (size_t i = t->groups.len; i-- > 1;)
		t->groups.at[t->groups.at[i].parent].objects += t->groups.at[i].objects;
}

static void own_bytes_of(struct tree *t)
{
	for (size_t i = 0; i < t->groups.len; i++)
		t->groups.at[i].own = t->groups.at[i].retained;
	for (size_t i = 0; i < t->groups.len; i++) {
		struct group *x = &t->groups.at[i];

		for (uint32_t r = x->opened ? 0 : x->members; r; r = t->g->next[r])
			for (uint32_t c = t->g->child[r]; c; c = t->g->next[c])
				x->own -= t->g->retained[c] < x->own ? t->g->retained[c] : x->own;
	}
	for (size_t i = 1; i < t->groups.len; i++) {
		struct group *above = &t->groups.at[t->groups.at[i].parent];

		above->own -= t->groups.at[i].retained < above->own ? t->groups.at[i].retained :
								      above->own;
	}
}

static int push_row(struct tree *t, struct group *x, const struct fact_sink *sink, struct err *err)
{
	struct heap_graph *g = t->g;
	const struct graph_root *root = x->root < g->roots.len ? &g->roots.at[x->root] : NULL;
	struct fact_heap_holder f = {
		.holder = x->holder = ++t->rows,
		.parent = x->root == GRAPH_ALL ? 0 : t->groups.at[x->parent].holder,
		.root = root ? root->kind : FACT_ROOT_NONE,
		.type = x->type,
		.edge = root ? FACT_EDGE_ROOT : x->edge,
		.name = root ? root->name : x->rest ? "others" : x->name,
		.where = root ? root->where : "",
		.count = x->count,
		.own_bytes = x->own,
		.retained_objects = x->objects,
		.retained_bytes = x->retained,
	};

	if (!root && x->best) {
		f.addr = graph_addr(g, g->dom.vertex[x->best]);
		f.addr_retained_bytes = g->retained[x->best];
	}
	f.drop = !root && x->count == 1 && x->opened && x->retained >= g->retained[0] / DROP_SHARE &&
		 x->largest_child < x->retained / 2;
	return sink->heap_holder(sink->ctx, &f, err);
}

int graph_push_holders(struct heap_graph *g, const struct fact_sink *sink, struct err *err)
{
	AUTO(tree_deinit) struct tree t = { .g = g };
	struct group *all;
	uint32_t at;
	int r;

	if (!sink->heap_holder)
		return 0;
	r = graph_tree(g, err);
	all = r == 0 ? vec_add(&t.groups) : NULL;
	if (r < 0 || !all)
		return r < 0 ? r : err_nomem(err);
	all->root = GRAPH_ALL;
	all->name = "";
	all->count = 1;
	all->retained = g->retained[0];
	while (t.groups.len < ROWS_MAX && !t.nomem && !g->h->r.gone &&
	       (at = next_group(&t)) != NO_GROUP)
		open_group(&t, at);
	if (t.nomem)
		return err_nomem(err);
	own_bytes_of(&t);
	count_below(&t);
	graph_tree_drop(g);
	for (size_t i = 0; i < t.groups.len && r == 0; i++)
		r = push_row(&t, &t.groups.at[i], sink, err);
	return r;
}
