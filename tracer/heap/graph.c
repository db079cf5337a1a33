/* SPDX-License-Identifier: MIT */
/*
 * Three passes over the objects: number them, ask each for its references, and hang what
 * nobody holds on roots. Lists of edges grow in the order of vertices, so they need no second
 * pass. What the tool may use of memory is asked for before it is taken.
 */
#include "tracer/heap/graph.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tracer/heap/graph_inside.h"
#include "tracer/heap/ids.h"
#include "tracer/heap/object.h"
#include "tracer/heap/refs.h"
#include "tracer/process/cgroup.h"

#define UNKNOWN_MEMORY (UINT64_C(64) << 20) /* what we allow ourselves where nobody says what there is */
#define EDGE_STEP (1u << 20)
/* Constants of 3.11's frozen modules begin with 999999999 (Include/internal/pycore_object.h) */
#define FROZEN_COUNT_LEAST 500000000

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void graph_free(struct heap_graph *g)
{
	if (!g)
		return;
	free(g->kind);
	free(g->before);
	free(g->id);
	free(g->first);
	free(g->to);
	free(g->own);
	vec_deinit(&g->big);
	free(g->left);
	free(g->immortal);
	free(g->is_dict);
	vec_deinit(&g->roots);
	vec_deinit(&g->root_edges);
	map_deinit(&g->module_of);
	arena_deinit(&g->strings);
	dominators_deinit(&g->dom);
	free(g->retained);
	free(g->child);
	free(g->next);
	vec_deinit(&g->audit);
	free(g);
}

/* --- memory ------------------------------------------------------------------------------- */

/*
 * "MemAvailable:   12345 kB" of /proc/meminfo (proc(5)), or what our control groups leave us, if that
 * is less; half of it is ours to use.
 */
static uint64_t memory_allowed(void)
{
	AUTO_FCLOSE FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];
	struct cgroup_room room;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (cgroup_memory_room(getpid(), &room) && room.bytes / 1024 < kib)
		kib = room.bytes / 1024;
	return kib ? kib * 1024 / 2 : UNKNOWN_MEMORY;
}

bool graph_allow(struct heap_graph *g, uint64_t bytes)
{
	if (bytes > g->max_bytes)
		g->full = true;
	if (bytes > g->peak_bytes)
		g->peak_bytes = bytes;
	return !g->full;
}

static void *zeroed(struct heap_graph *g, size_t n, size_t size)
{
	void *p = calloc(n + 1, size);

	g->nomem = g->nomem || !p;
	return p;
}

/* --- numbering ---------------------------------------------------------------------------- */

static unsigned kind_at(const struct heap_graph *g, uint32_t id)
{
	return (unsigned)(g->kind[id / 32] >> id % 32 * 2 & 3);
}

#define LOW_BITS UINT64_C(0x5555555555555555)

static uint32_t vertex_of_id(const struct heap_graph *g, uint32_t id)
{
	uint64_t w = g->kind[id / 32] & ((UINT64_C(1) << id % 32 * 2) - 1);

	return g->before[id / 32] + (uint32_t)__builtin_popcountll((w | w >> 1) & LOW_BITS);
}

/* As heap_id_of, but from a table that fits into caches. */
uint32_t graph_vertex(const struct heap_graph *g, uint64_t addr)
{
	const struct heap *h = g->h;
	uint32_t off, b = pymalloc_block_of(&h->pm, addr, &off);
	unsigned kind;
	uint64_t index;

	if (b != PYMALLOC_NONE) {
		kind = kind_at(g, b);
		return kind && off == h->lead + 16 * (kind - 1) ? vertex_of_id(g, b) : DIGRAPH_NONE;
	}
	if (addr < h->low || addr >= h->high)
		return DIGRAPH_NONE;
	index = map_get(&h->outside_index, addr, OUTSIDE_REJECTED);
	if (index >= h->outside.len)
		return DIGRAPH_NONE;
	b = (uint32_t)(h->pm.nblocks + index);
	return kind_at(g, b) ? vertex_of_id(g, b) : DIGRAPH_NONE;
}

uint32_t graph_type(const struct heap_graph *g, uint32_t vertex)
{
	uint32_t id;

	if (vertex >= g->objects)
		return 0;
	id = g->id[vertex];
	return id < g->h->pm.nblocks ? STATE_TYPE(g->h->state[id]) :
				       g->h->outside.at[id - g->h->pm.nblocks].type;
}

uint64_t graph_addr(const struct heap_graph *g, uint32_t vertex)
{
	struct heap_object o;

	if (vertex >= g->objects || !heap_object(g->h, g->id[vertex], &o))
		return 0;
	return o.addr;
}

const struct graph_root *graph_root(const struct heap_graph *g, uint32_t vertex)
{
	return vertex >= g->objects && vertex < g->n ? &g->roots.at[vertex - g->objects] : NULL;
}

uint64_t graph_retained(const struct heap_graph *g, uint32_t vertex)
{
	uint32_t rank = g->retained && vertex < g->n ? g->dom.rank[vertex] : DIGRAPH_NONE;

	return rank == DIGRAPH_NONE ? 0 : g->retained[rank];
}

static void number(struct heap_graph *g)
{
	uint32_t limit = heap_id_limit(g->h);
	size_t words = limit / 32 + 1;
	struct heap_object o;
	uint64_t pos = 0;

	if (!graph_allow(g, words * 12))
		return;
	g->kind = zeroed(g, words, sizeof(*g->kind));
	g->before = zeroed(g, words, sizeof(*g->before));
	if (g->nomem)
		return;
	while (heap_object_next(g->h, &pos, &o)) {
		uint32_t pre = types_at(&g->h->types, o.type)->pre;

		if (pre % 16 || pre > 32)
			continue;
		g->kind[o.id / 32] |= (uint64_t)(1 + pre / 16) << o.id % 32 * 2;
		g->objects++;
	}
	for (size_t i = 0; i < words; i++) {
		uint64_t w = g->kind[i];

		g->before[i + 1] = g->before[i] +
				   (uint32_t)__builtin_popcountll((w | w >> 1) & LOW_BITS);
	}
}

/* --- edges -------------------------------------------------------------------------------- */

/* Bytes per object while the graph is made: id, own, first, left, two bits. */
#define OBJECT_BYTES 17

static uint64_t edges_bytes(const struct heap_graph *g)
{
	return (uint64_t)g->objects * OBJECT_BYTES + g->to_cap * sizeof(*g->to);
}

static bool edges_room(struct heap_graph *g)
{
	size_t cap = g->to_cap + g->to_cap / 2 + EDGE_STEP;
	uint32_t *more;

	if (cap >= UINT32_MAX) {
		g->full = true;
		return false;
	}
	/* later on edges are turned round, too */
	if (!graph_allow(g, (uint64_t)g->objects * 32 + 2 * cap * sizeof(*g->to)))
		return false;
	more = realloc(g->to, cap * sizeof(*g->to));
	if (!more) {
		g->full = true; /* what the kernel does not give is too much, too */
		return false;
	}
	g->to = more;
	g->to_cap = cap;
	return true;
}

static void edge_add(struct heap_graph *g, uint32_t to)
{
	if (g->nedges == g->to_cap && !edges_room(g))
		return;
	g->to[g->nedges++] = to;
}

bool graph_kept(const struct heap_graph *g, uint32_t to)
{
	const struct outside *o;

	if (g->id[to] < g->h->pm.nblocks)
		return true;
	o = &g->h->outside.at[g->id[to] - g->h->pm.nblocks];
	return !o->is_static || !types_at(&g->h->types, o->type)->leaf;
}

struct visit {
	struct heap_graph *g;
	uint32_t from;
	int32_t dict_offset; /* of the type */
};

static void on_reference(void *ctx, uint64_t target, enum ref_place place, uint64_t index)
{
	struct visit *v = ctx;
	struct heap_graph *g = v->g;
	uint32_t to = graph_vertex(g, target);

	if (to == DIGRAPH_NONE)
		return;
	g->left[to]--;
	if (place == REF_DICT ||
	    (place == REF_WORD && v->dict_offset > 0 && index == (uint64_t)v->dict_offset))
		graph_set(g->is_dict, to);
	if (to == v->from)
		return;
	if (graph_kept(g, to))
		edge_add(g, to);
}

static bool has_buffers(const struct heap_type *t)
{
	switch (t->family) {
	case HEAP_INT:
	case HEAP_FLAT:
	case HEAP_BYTES:
	case HEAP_TUPLE:
	case HEAP_DATETIME:
	case HEAP_WEAKREF:
	case HEAP_CONTEXTVAR:
	case HEAP_OBJECT:
		return t->opaque || t->shared_values || t->inline_bytes;
	case HEAP_STR:
	case HEAP_BYTEARRAY:
	case HEAP_LIST:
	case HEAP_DICT:
	case HEAP_ODICT:
	case HEAP_SET:
	case HEAP_TYPE:
	case HEAP_CODE:
	case HEAP_FRAME:
	case HEAP_GENERATOR:
	case HEAP_MODULE:
	case HEAP_DEQUE:
	case HEAP_ARRAY:
	case HEAP_STRINGIO:
	case HEAP_BUFFERED:
	case HEAP_NDARRAY:
	case HEAP_MEMORYVIEW:
	case HEAP_LRU_CACHE:
	case HEAP_VAR:
		break;
	}
	return true;
}

static void own_bytes(struct heap_graph *g, uint32_t v, const struct heap_object *o,
		      const struct heap_type *t)
{
	uint64_t bytes = has_buffers(t) ? heap_object_bytes(g->h, o->id) : o->block_bytes;

	if (o->is_static) /* not on the heap; its buffers may be */
		bytes = bytes > o->block_bytes ? bytes - o->block_bytes : 0;
	if (bytes > UINT32_MAX) {
		struct graph_big big = { v, bytes - UINT32_MAX };

		g->nomem = vec_push(&g->big, big) < 0 || g->nomem;
		bytes = UINT32_MAX;
	}
	g->own[v] = (uint32_t)bytes;
}

static void count_weak(struct heap_graph *g, const struct heap_object *o)
{
	uint64_t referent;

	if (reader_u64(&g->h->r, o->addr + (uint64_t)g->h->l->PyWeakReference_wr_object, &referent) &&
	    graph_vertex(g, referent) != DIGRAPH_NONE)
		g->nweak++;
}

static void object_edges(struct heap_graph *g, uint32_t v, const struct heap_object *o)
{
	struct heap *h = g->h;
	const struct heap_type *t = types_at(&h->types, o->type);
	struct visit visit = { g, v, t->dict_offset };
	uint8_t head[16];

	if (reader_get(&h->r, o->addr, head, sizeof(head))) {
		uint64_t count = h->l->refcount == PY_REFCOUNT_PLAIN ? le64(head) : le32(head);

		if (object_immortal(h->l, head) || (o->is_static && count > FROZEN_COUNT_LEAST))
			graph_set(g->immortal, v);
		else
			g->left[v] += count < INT32_MAX / 2 ? (int32_t)count : INT32_MAX / 2;
	}
	own_bytes(g, v, o, t);
	if (t->leaf || (t->family == HEAP_DICT && graph_interned(g, o->addr)))
		return;
	if (t->family == HEAP_WEAKREF)
		count_weak(g, o);
	refs_of(h, o->type, o->addr, REFS_OWNED, on_reference, &visit);
}

static void edges(struct heap_graph *g)
{
	struct heap_object o;
	uint64_t pos = 0;
	uint32_t v = 0;

	if (!graph_allow(g, edges_bytes(g)))
		return;
	g->id = zeroed(g, g->objects, sizeof(*g->id));
	g->own = zeroed(g, g->objects, sizeof(*g->own));
	g->first = zeroed(g, g->objects + 1, sizeof(*g->first));
	g->left = zeroed(g, g->objects, sizeof(*g->left));
	g->immortal = zeroed(g, g->objects / 64 + 1, sizeof(*g->immortal));
	g->is_dict = zeroed(g, g->objects / 64 + 1, sizeof(*g->is_dict));
	if (g->nomem)
		return;
	while (heap_object_next(g->h, &pos, &o))
		if (kind_at(g, o.id))
			g->id[v++] = o.id;
	pos = v = 0;
	while (heap_object_next(g->h, &pos, &o) && !g->h->r.gone && !g->full) {
		if (!kind_at(g, o.id))
			continue;
		g->first[v] = (uint32_t)g->nedges;
		object_edges(g, v++, &o);
	}
	g->first[v] = (uint32_t)g->nedges;
}

/*
 * Whoever holds a module or its namespace holds the module: both are reached through their root
 * only, which then retains what nobody reaches otherwise.
 */
static void redirect_modules(struct heap_graph *g)
{
	AUTO_FREE uint64_t *marked = zeroed(g, g->objects / 64 + 1, sizeof(*marked));
	uint64_t key, value;
	size_t pos = 0;

	if (!marked)
		return;
	while (map_next(&g->module_of, &pos, &key, &value))
		graph_set(marked, (uint32_t)key);
	for (uint64_t e = 0; e < g->nedges; e++)
		if (graph_bit(marked, g->to[e]))
			g->to[e] = g->objects + (uint32_t)map_get(&g->module_of, g->to[e], 0);
}

/* --- roots, last in the lists --------------------------------------------------------------- */

uint32_t graph_root_add(struct heap_graph *g, enum fact_root kind, uint32_t parent, uint64_t addr,
			const char *name, const char *where)
{
	struct graph_root root = { .kind = kind, .addr = addr, .parent = parent };

	root.name = *name ? arena_str(&g->strings, name, strlen(name)) : "";
	root.where = *where ? arena_str(&g->strings, where, strlen(where)) : "";
	if (!root.name || !root.where || vec_push(&g->roots, root) < 0) {
		g->nomem = true;
		return 0;
	}
	return (uint32_t)g->roots.len - 1;
}

void graph_root_edge(struct heap_graph *g, uint32_t root, uint32_t to)
{
	struct graph_root_edge e = { root, to };

	/* who holds a module's namespace holds the module */
	if (to < g->objects && g->roots.at[root].kind != FACT_ROOT_MODULE)
		e.to = g->objects + (uint32_t)map_get(&g->module_of, to, (uint64_t)to - g->objects);
	if (vec_push(&g->root_edges, e) < 0)
		g->nomem = true;
}

void graph_root_edge_if_held(struct heap_graph *g, uint32_t root, uint32_t to)
{
	if (graph_bit(g->immortal, to) || g->left[to] <= 0)
		return;
	g->left[to]--;
	graph_root_edge(g, root, to);
}

static int by_root(const void *a, const void *b)
{
	const struct graph_root_edge *x = a, *y = b;

	if (x->root != y->root)
		return x->root < y->root ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

/* Edges of roots behind those of objects; every root hangs below its parent. */
static void append_roots(struct heap_graph *g)
{
	uint32_t *first, *shrunk;
	size_t at = 0;

	for (uint32_t i = 1; i < g->roots.len; i++)
		graph_root_edge(g, g->roots.at[i].parent, g->objects + i);
	vec_sort(&g->root_edges, by_root);
	g->n = g->objects + (uint32_t)g->roots.len;
	first = realloc(g->first, ((size_t)g->n + 2) * sizeof(*first));
	if (!first) {
		g->nomem = true;
		return;
	}
	g->first = first;
	for (uint32_t i = 0; i < g->roots.len; i++) {
		g->first[g->objects + i] = (uint32_t)g->nedges;
		for (; at < g->root_edges.len && g->root_edges.at[at].root == i; at++)
			edge_add(g, g->root_edges.at[at].to);
	}
	g->first[g->n] = (uint32_t)g->nedges;
	shrunk = realloc(g->to, (g->nedges + 1) * sizeof(*g->to));
	if (shrunk) {
		g->to = shrunk;
		g->to_cap = g->nedges + 1;
	}
}

/* --- dominators --------------------------------------------------------------------------- */

static void mark_from(struct heap_graph *g, uint32_t v, uint64_t *seen, uint32_t *stack)
{
	size_t depth = 0;

	graph_set(seen, v);
	stack[depth++] = v;
	while (depth) {
		uint32_t at = stack[--depth];

		for (uint32_t e = g->first[at]; e < g->first[at + 1]; e++) {
			if (graph_bit(seen, g->to[e]))
				continue;
			graph_set(seen, g->to[e]);
			stack[depth++] = g->to[e];
		}
	}
}

/*
 * What no root reaches is garbage: hang it below a root of its own, beginning with objects no
 * other garbage refers to, then anywhere in what is left: those are cycles.
 */
static void hang_garbage(struct heap_graph *g)
{
	AUTO_FREE uint64_t *seen = zeroed(g, g->n / 64 + 1, sizeof(*seen));
	AUTO_FREE uint64_t *held = zeroed(g, g->n / 64 + 1, sizeof(*held));
	AUTO_FREE uint32_t *stack = malloc(((size_t)g->n + 1) * sizeof(*stack));
	uint32_t root = 0;

	g->nomem = g->nomem || !stack;
	if (g->nomem)
		return;
	for (uint32_t i = 0; i < g->roots.len; i++)
		if (!graph_bit(seen, g->objects + i))
			mark_from(g, g->objects + i, seen, stack);
	for (uint32_t v = 0; v < g->objects; v++)
		for (uint32_t e = g->first[v]; !graph_bit(seen, v) && e < g->first[v + 1]; e++)
			graph_set(held, g->to[e]);
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t v = 0; v < g->objects; v++) {
			if (graph_bit(seen, v) || (pass == 0 && graph_bit(held, v)))
				continue;
			if (!root)
				root = graph_root_add(g, FACT_ROOT_GARBAGE, GRAPH_ALL, 0, "", "");
			graph_root_edge(g, root, v);
			mark_from(g, v, seen, stack);
		}
	}
}

static int solve(struct heap_graph *g, struct err *err)
{
	struct digraph d = graph_digraph(g);
	int r = dominators_find(&d, graph_top(g), &g->dom, err);

	if (r < 0)
		return r;
	r = dominators_sum(&g->dom, g->own, &g->retained, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < g->big.len; i++) {
		uint32_t rank = g->dom.rank[g->big.at[i].vertex];

		for (;; rank = g->dom.idom[rank]) {
			if (rank == DIGRAPH_NONE)
				break;
			g->retained[rank] += g->big.at[i].more;
			if (rank == 0)
				break;
		}
	}
	return 0;
}

/* Roots have no bytes of their own. */
static int own_of_roots(struct heap_graph *g)
{
	uint32_t *own = realloc(g->own, ((size_t)g->n + 1) * sizeof(*own));

	if (!own)
		return ERR_NOMEM;
	memset(own + g->objects, 0, (g->n - g->objects) * sizeof(*own));
	g->own = own;
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------ */

static int make(struct heap_graph *g, struct err *err)
{
	int r = 0;

	/* the collectors' lists have been walked: their memory becomes ours */
	if (g->h->gc_next)
		g->given_back = (g->h->pm.nblocks + 1) * sizeof(*g->h->gc_next);
	free(TAKE(g->h->gc_next));
	number(g);
	if (!g->full && !g->nomem)
		edges(g);
	if (g->nomem || g->full || g->h->r.gone)
		return 0;
	(void)graph_root_add(g, FACT_ROOT_ALL, GRAPH_ALL, 0, "", "");
	r = graph_roots_modules(g, err);
	if (r == 0)
		redirect_modules(g);
	if (r == 0)
		r = graph_roots_known(g, err);
	if (r == 0)
		r = graph_audit(g, err);
	free(TAKE(g->left));
	return r;
}

static int finish(struct heap_graph *g, struct err *err)
{
	uint64_t before = g->nedges;
	int r;

	append_roots(g);
	if (g->nomem || g->full)
		return 0;
	hang_garbage(g);
	/* once more with garbage below its root */
	g->nedges = before;
	for (size_t i = g->root_edges.len; i-- > 0;)
		if (g->root_edges.at[i].to >= g->objects)
			g->root_edges.at[i] = g->root_edges.at[--g->root_edges.len];
	append_roots(g);
	if (g->nomem || g->full || own_of_roots(g) < 0)
		return g->full ? 0 : err_nomem(err);
	r = solve(g, err);
	return r;
}

/* Two bits and a rank of every id, two bits of every object. */
static uint64_t marks_bytes(const struct heap_graph *g)
{
	return heap_id_limit(g->h) * UINT64_C(12) / 32 + g->objects / 4;
}

static void sums(struct heap_graph *g)
{
	struct fact_heap_graph *s = &g->sum;

	s->objects = g->objects;
	s->edges = g->nedges;
	s->weak_edges = g->nweak;
	s->roots = g->roots.len;
	/* while dominators are found: theirs, id and own of each object, marks; edges both ways */
	s->edge_tool_bytes = (g->nedges + g->n) * sizeof(uint32_t) + g->dom.reverse_bytes;
	s->tool_bytes = s->edge_tool_bytes + g->dom.peak_bytes - g->dom.reverse_bytes +
			(uint64_t)g->objects * 2 * sizeof(uint32_t) + marks_bytes(g) - g->given_back;
	for (uint32_t i = 0; i < g->roots.len; i++) {
		uint32_t v = g->objects + i;
		enum fact_root kind = g->roots.at[i].kind;

		if (kind == FACT_ROOT_C_ONLY)
			s->c_only_bytes += graph_retained(g, v);
		else if (kind == FACT_ROOT_GARBAGE)
			s->garbage_bytes += graph_retained(g, v);
	}
	s->reached_bytes = g->retained[0] - s->garbage_bytes;
}

static int skipped(struct heap_graph *g, int r, struct err *err)
{
	if (g->h->r.gone)
		return err_set(err, g->h->r.gone, "the target went away");
	if (g->full || g->nomem || r == ERR_NOMEM) {
		g->sum.skipped = "the graph of this heap does not fit into the memory available";
		g->sum.objects = g->objects;
		return 0;
	}
	return r;
}

int graph_new(struct heap *h, const struct graph_options *opt, struct heap_graph **ret,
	      struct err *err)
{
	struct heap_graph *g = calloc(1, sizeof(*g));
	uint64_t begun = cpu_ns(), built;
	int r;

	if (!g)
		return err_nomem(err);
	g->h = h;
	g->sum.skipped = "";
	g->max_bytes = opt && opt->max_bytes ? opt->max_bytes : memory_allowed();
	r = make(g, err);
	built = cpu_ns();
	g->sum.build_ns = built - begun;
	if (r == 0 && !g->nomem && !g->full && !h->r.gone)
		r = finish(g, err);
	if (r == 0 && g->retained)
		sums(g);
	g->sum.solve_ns = cpu_ns() - built;
	if (r < 0 || !g->retained)
		r = skipped(g, r, err);
	free(TAKE(g->own));
	if (r < 0) {
		graph_free(g);
		return r;
	}
	*ret = g;
	return 0;
}
