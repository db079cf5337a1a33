/* SPDX-License-Identifier: MIT */
/*
 * The audit: reference counts against references found. What is left over is looked for in C
 * data with a name (static variables of mapped files, memory of C structs the walk has attributed);
 * the rest only C code can hold. Everything that is left over is a root.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tracer/heap/graph_inside.h"
#include "tracer/heap/object.h"

#define STATIC_MAX (UINT64_C(256) << 20) /* of one mapped file */
#define PIECE_WORDS 8192
#define DOUBT_LEAST 4096
#define CHUNK_MAX (UINT64_C(1) << 20)
#define AUDIT_ROWS_MAX 4096

/* How many references to objects of a type one piece of C data explains. */
struct found {
	uint32_t type, root, count;
};

struct audit {
	struct heap_graph *g;
	uint64_t *words;
	struct map root_of; /* type of C data's owner → index of its root */
	struct VEC(struct found) found;
	struct map found_at; /* type << 32 | root → index in found */
};

static void audit_deinit(struct audit *a)
{
	free(a->words);
	map_deinit(&a->root_of);
	map_deinit(&a->found_at);
	vec_deinit(&a->found);
}

/* A pointer in C data: believed when the object has a count to spare. */
static void explain(struct audit *a, uint32_t v, uint32_t root)
{
	struct heap_graph *g = a->g;
	uint32_t type = graph_type(g, v);
	uint64_t *at;
	bool made;

	if (g->nomem || graph_bit(g->immortal, v) || g->left[v] <= 0)
		return;
	graph_root_edge_if_held(g, root, v);
	g->sum.explained++;
	at = map_add(&a->found_at, (uint64_t)type << 32 | root, a->found.len, &made);
	if (!at || (made && !vec_add(&a->found))) {
		g->nomem = true;
		return;
	}
	if (made)
		a->found.at[*at] = (struct found){ .type = type, .root = root };
	a->found.at[*at].count++;
}

static void scan(struct audit *a, uint64_t addr, uint64_t bytes, uint32_t root)
{
	while (bytes >= 8) {
		size_t n = bytes < PIECE_WORDS * 8 ? (size_t)bytes & ~(size_t)7 : PIECE_WORDS * 8;
		size_t got = reader_bulk(&a->g->h->r, addr, a->words, n);

		for (size_t i = 0; i < got / 8; i++) {
			uint32_t v = a->words[i] && a->words[i] % 8 == 0 ?
					     graph_vertex(a->g, a->words[i]) :
					     DIGRAPH_NONE;

			if (v != DIGRAPH_NONE)
				explain(a, v, root);
		}
		if (got < n)
			return;
		addr += n;
		bytes -= n;
	}
}

static uint32_t root_named(struct heap_graph *g, const char *name)
{
	for (uint32_t i = 1; i < g->roots.len; i++)
		if (g->roots.at[i].kind == FACT_ROOT_C && !strcmp(g->roots.at[i].name, name))
			return i;
	return graph_root_add(g, FACT_ROOT_C, GRAPH_ALL, 0, name, "");
}

static void scan_static(struct audit *a)
{
	struct heap *h = a->g->h;

	for (size_t i = 0; i < h->zones.len; i++) {
		const struct zone *z = &h->zones.at[i];
		const char *slash = strrchr(z->path, '/');
		char name[160];
		uint32_t root;

		if (!z->is_static || z->end - z->start > STATIC_MAX)
			continue;
		snprintf(name, sizeof(name), "static data of %.120s", slash ? slash + 1 : z->path);
		root = root_named(a->g, name);
		if (root)
			scan(a, z->start, z->end - z->start, root);
	}
}

/* "C data of re.Pattern": the owner's type, or the pseudo-type's own name. */
static uint32_t owner_root(struct audit *a, uint32_t type)
{
	const struct heap_type *t = types_at(&a->g->h->types, type);
	uint64_t known = map_get(&a->root_of, type, 0);
	char name[200];

	if (known)
		return (uint32_t)known;
	if (!t->addr)
		snprintf(name, sizeof(name), "%.150s", t->name);
	else if (*t->module && strcmp(t->module, "builtins"))
		snprintf(name, sizeof(name), "C data of %.90s.%.90s", t->module, t->name);
	else
		snprintf(name, sizeof(name), "C data of %.90s", t->name);
	known = root_named(a->g, name);
	if (!known || map_set(&a->root_of, type, known) < 0)
		a->g->nomem = true;
	return (uint32_t)known;
}

/* Blocks which are some object's C data, in the arenas. */
static void scan_blocks(struct audit *a)
{
	struct heap *h = a->g->h;

	for (size_t p = 0; p < h->pm.pools.len && !a->g->nomem; p++) {
		const struct pymalloc_pool *pool = &h->pm.pools.at[p];
		uint32_t size = h->pm.block_size[pool->szidx];

		for (uint32_t i = 0; i < pool->blocks; i++) {
			uint32_t state = h->state[pool->first_block + i], root;
			enum buffer_kind sub = STATE_SUB(state);
			enum block_kind kind = STATE_KIND(state);

			if (kind != BLOCK_WEAK && kind != BLOCK_UNKNOWN &&
			    !(kind == BLOCK_BUFFER &&
			      (sub == BUFFER_OTHER || sub == BUFFER_CODE || sub == BUFFER_TYPE ||
			       sub == BUFFER_NODES)))
				continue;
			root = kind == BLOCK_UNKNOWN ? root_named(a->g, "unattributed C data") :
						       owner_root(a, STATE_TYPE(state));
			if (root)
				scan(a, pymalloc_block_addr(&h->pm, pool, pool->first_block + i), size,
				     root);
		}
	}
}

/* The same in malloc'ed memory. */
static void scan_large(struct audit *a)
{
	struct heap *h = a->g->h;
	uint64_t key, value;
	size_t pos = 0;

	while (map_next(&h->outside_index, &pos, &key, &value) && !a->g->nomem) {
		uint64_t size;
		uint32_t root;

		if (value == OUTSIDE_REJECTED || !(value & OUTSIDE_BUFFER) || key % 16 ||
		    !reader_u64(&h->r, key - 8, &size))
			continue;
		size &= ~UINT64_C(7);
		if (size < 16 || size > CHUNK_MAX)
			continue;
		root = owner_root(a, (uint32_t)(value & ~OUTSIDE_BUFFER));
		if (root)
			scan(a, key, size - 8, root);
	}
}

/* --- rows ------------------------------------------------------------------------------------- */

static int by_excess(const void *a, const void *b)
{
	const struct fact_heap_refcount *x = a, *y = b;

	if (x->excess - x->explained != y->excess - y->explained)
		return x->excess - x->explained > y->excess - y->explained ? -1 : 1;
	if (x->excess != y->excess)
		return x->excess > y->excess ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

/* One row per type; index of the row of each type in rows_of. */
static struct fact_heap_refcount *row_of(struct heap_graph *g, struct map *rows_of, uint32_t type)
{
	bool made;
	uint64_t *at = map_add(rows_of, type, g->audit.len, &made);
	struct fact_heap_refcount *row;

	if (!at || (made && !vec_add(&g->audit))) {
		g->nomem = true;
		return NULL;
	}
	row = &g->audit.at[*at];
	if (made)
		*row = (struct fact_heap_refcount){ .type = type, .holder = "" };
	return row;
}

/*
 * Something outside the arenas that looks like an object and hardly anybody refers to, with a
 * count in the thousands: a word that happens to be small, not a count.
 */
static bool doubtful(struct heap_graph *g, uint32_t v)
{
	const struct outside *o;
	uint32_t count;

	if (g->id[v] < g->h->pm.nblocks)
		return false;
	o = &g->h->outside.at[g->id[v] - g->h->pm.nblocks];
	return reader_u32(&g->h->r, o->addr, &count) && (int64_t)count - g->left[v] < count / 1000;
}

/* Before C data is searched: who has more than was found. */
static void count_excess(struct heap_graph *g, struct map *rows_of)
{
	struct fact_heap_graph *s = &g->sum;

	for (uint32_t v = 0; v < g->objects && !g->nomem; v++) {
		struct fact_heap_refcount *row;
		uint64_t more;

		if (graph_bit(g->immortal, v))
			continue;
		if (g->left[v] > DOUBT_LEAST && doubtful(g, v)) {
			graph_set(g->immortal, v);
			continue;
		}
		s->audited++;
		if (g->left[v] <= 0) {
			s->exact += g->left[v] == 0;
			s->fewer += g->left[v] < 0;
			continue;
		}
		more = (uint64_t)g->left[v];
		s->more++;
		s->excess += more;
		row = row_of(g, rows_of, graph_type(g, v));
		if (!row)
			return;
		row->objects++;
		row->excess += more;
		if (more > row->largest) {
			row->largest = more;
			row->addr = graph_addr(g, v);
		}
	}
}

static int by_type_and_count(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->count > y->count ? -1 : x->count < y->count;
}

static void name_holders(struct audit *a, struct map *rows_of)
{
	struct heap_graph *g = a->g;

	vec_sort(&a->found, by_type_and_count);
	for (size_t i = 0; i < a->found.len; i++) {
		const struct found *f = &a->found.at[i];
		uint64_t *at = map_find(rows_of, f->type);

		if (!at)
			continue;
		g->audit.at[*at].explained += f->count;
		if (i == 0 || a->found.at[i - 1].type != f->type)
			g->audit.at[*at].holder = g->roots.at[f->root].name;
	}
}

/* What nothing explains: held by C code, each a root's. */
static void hang_rest(struct heap_graph *g)
{
	uint32_t root = 0;

	for (uint32_t v = 0; v < g->objects && !g->nomem; v++) {
		if (graph_bit(g->immortal, v) || g->left[v] <= 0)
			continue;
		if (!root)
			root = graph_root_add(g, FACT_ROOT_C_ONLY, GRAPH_ALL, 0, "", "");
		if (root)
			graph_root_edge(g, root, v);
		g->sum.c_only_objects++;
	}
}

int graph_audit(struct heap_graph *g, struct err *err)
{
	AUTO(audit_deinit) struct audit a = { .g = g };
	AUTO_MAP struct map rows_of = MAP_INIT;

	a.words = malloc(PIECE_WORDS * 8);
	if (!a.words)
		return err_nomem(err);
	count_excess(g, &rows_of);
	if (g->sum.excess && !g->nomem) {
		scan_blocks(&a);
		scan_large(&a);
		scan_static(&a);
	}
	if (g->nomem) /* rows_of may know a row there was no room for */
		return err_nomem(err);
	name_holders(&a, &rows_of);
	hang_rest(g);
	vec_sort(&g->audit, by_excess);
	if (g->audit.len > AUDIT_ROWS_MAX)
		g->audit.len = AUDIT_ROWS_MAX;
	if (g->h->r.gone)
		return err_set(err, g->h->r.gone, "the target went away");
	return g->nomem ? err_nomem(err) : 0;
}
