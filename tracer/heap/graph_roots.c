/* SPDX-License-Identifier: MIT */
/*
 * What keeps objects alive from outside the heap: modules by name, threads and their frames,
 * interpreters, objects in mapped files. C data that may borrow (method caches, free lists) is
 * believed only as far as reference counts say that somebody holds the object.
 */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "tracer/cpython/code.h"
#include "tracer/cpython/dict.h"
#include "tracer/cpython/frame.h"
#include "tracer/cpython/interp.h"
#include "tracer/cpython/str.h"
#include "tracer/heap/graph_inside.h"
#include "tracer/heap/ids.h"
#include "tracer/heap/method_cache.h"
#include "tracer/heap/object.h"
#include "tracer/heap/refs.h"

#define MODULES_MAX (1u << 20)
#define SLOTS_MAX 4096 /* of one frame looked at */
#define STATE_BYTES_MAX (UINT64_C(4) << 20)
#define INTERNED_LEAST 256 /* strings: every interpreter has thousands */
#define INTERNED_LOOKED_AT 64

/* --- interned strings ----------------------------------------------------------------------- */

/*
 * The table of interned strings does not own them (Objects/unicodeobject.c: their counts are
 * lowered by two). It is known by that: keys are their own values, and some have a lower count
 * than a dict that owns both would give them.
 */
bool graph_interned(struct heap_graph *g, uint64_t addr)
{
	struct heap *h = g->h;
	const struct py_layout *l = h->l;
	struct keys_shape k;
	uint64_t keys, values;
	bool borrowed = false;
	uint32_t alike = 0;

	if (!reader_u64(&h->r, addr + (uint64_t)l->PyDictObject_ma_values, &values) || values ||
	    !reader_u64(&h->r, addr + (uint64_t)l->PyDictObject_ma_keys, &keys) ||
	    !keys_shape_at(&h->r.base, l, keys, &k) || k.entries < INTERNED_LEAST)
		return false;
	for (uint64_t i = 0; i < k.entries && alike < INTERNED_LOOKED_AT; i++) {
		uint64_t at = keys + k.entries_at + i * k.entry_bytes, key, value;
		uint8_t head[16];

		if (!reader_u64(&h->r, at + k.key_at, &key) ||
		    !reader_u64(&h->r, at + k.value_at, &value))
			return false;
		if (!value)
			continue;
		if (key != value || !reader_get(&h->r, key, head, sizeof(head)))
			return false;
		alike++;
		borrowed = borrowed || object_immortal(l, head) || le32(head) < 2;
	}
	for (uint64_t i = k.entries - k.entries / 4; !borrowed && i < k.entries; i++) {
		uint8_t head[16];
		uint64_t key;

		if (reader_u64(&h->r, keys + k.entries_at + i * k.entry_bytes + k.key_at, &key) &&
		    key && reader_get(&h->r, key, head, sizeof(head)))
			borrowed = le32(head) < 2;
	}
	return borrowed && alike == INTERNED_LOOKED_AT;
}

/* --- modules ---------------------------------------------------------------------------------- */

struct modules {
	struct heap_graph *g;
	struct VEC(uint64_t) keys;
};

static void module_add(struct modules *m, uint64_t addr, uint64_t key)
{
	struct heap_graph *g = m->g;
	struct heap *h = g->h;
	uint32_t v = graph_vertex(g, addr), d, root;
	uint64_t dict = 0;
	char name[256];

	if (v == DIGRAPH_NONE || map_has(&g->module_of, v) ||
	    types_at(&h->types, graph_type(g, v))->family != HEAP_MODULE ||
	    str_copy(&h->r.base, h->l, taddr_of(key), name, sizeof(name)) < 0)
		return;
	root = graph_root_add(g, FACT_ROOT_MODULE, GRAPH_ALL, addr, name, "");
	if (!root || map_set(&g->module_of, v, root) < 0) {
		g->nomem = true;
		return;
	}
	graph_root_edge(g, root, v);
	(void)reader_u64(&h->r, addr + (uint64_t)h->l->PyModuleObject_md_dict, &dict);
	d = dict ? graph_vertex(g, dict) : DIGRAPH_NONE;
	if (d == DIGRAPH_NONE || map_has(&g->module_of, d))
		return;
	graph_root_edge(g, root, d);
	if (map_set(&g->module_of, d, root) < 0)
		g->nomem = true;
}

static void on_module(void *ctx, uint64_t target, enum ref_place place, uint64_t index)
{
	struct modules *m = ctx;

	if (index >= MODULES_MAX)
		return;
	if (place == REF_KEY) {
		while (m->keys.len <= index)
			if (vec_push(&m->keys, 0) < 0) {
				m->g->nomem = true;
				return;
			}
		m->keys.at[index] = target;
	} else if (place == REF_VALUE && index < m->keys.len) {
		module_add(m, target, m->keys.at[index]);
	}
}

int graph_roots_modules(struct heap_graph *g, struct err *err)
{
	struct heap *h = g->h;
	struct modules m = { .g = g };
	struct interp_iter it;
	taddr interp;

	if (interp_iter_init(&it, h->py, &h->r.base, NULL) == 0) {
		while (interp_next(&it, &interp, NULL) > 0) {
			uint64_t at = interp.v + (uint64_t)h->l->PyInterpreterState_imports_modules;
			uint64_t dict;
			uint32_t v;

			if (!reader_u64(&h->r, at, &dict))
				continue;
			v = graph_vertex(g, dict);
			m.keys.len = 0;
			if (v != DIGRAPH_NONE &&
			    types_at(&h->types, graph_type(g, v))->family == HEAP_DICT)
				refs_of(h, graph_type(g, v), dict, REFS_OWNED, on_module, &m);
		}
	}
	vec_deinit(&m.keys);
	return g->nomem ? err_nomem(err) : 0;
}

/* --- threads and frames ------------------------------------------------------------------------- */

/* A word that holds an object for sure: it counts as found. */
static void held(struct heap_graph *g, uint32_t root, uint64_t word)
{
	uint32_t v = word ? graph_vertex(g, word) : DIGRAPH_NONE;

	if (v == DIGRAPH_NONE)
		return;
	g->left[v]--;
	graph_root_edge(g, root, v);
}

static void maybe_held(struct heap_graph *g, uint32_t root, uint64_t word)
{
	uint32_t v = word ? graph_vertex(g, word) : DIGRAPH_NONE;

	if (v != DIGRAPH_NONE)
		graph_root_edge_if_held(g, root, v);
}

static uint32_t frame_root(struct heap_graph *g, uint32_t thread, const struct frame *f)
{
	struct heap *h = g->h;
	const char *name = "?", *file = "";
	char where[160] = "";
	struct code c = { 0 };
	uint32_t root;

	if (code_read(h->py, &h->r.base, f->code, &c, NULL) == 0) {
		const char *slash = strrchr(c.file, '/');

		name = c.name;
		file = slash ? slash + 1 : c.file;
		snprintf(where, sizeof(where), "%.100s:%d, thread %.20s", file, code_line(&c, f->lasti),
			 g->roots.at[thread].name);
	}
	root = graph_root_add(g, FACT_ROOT_FRAME, thread, f->addr.v, name, where);
	if (root)
		g->roots.at[root].code = f->code.v;
	code_deinit(&c);
	return root;
}

/* Slots of an interpreter frame: locals are owned; above the top is what a call left there. */
static void frame_slots(struct heap_graph *g, uint32_t root, const struct frame *f)
{
	struct heap *h = g->h;
	const struct py_layout *l = h->l;
	uint64_t mask = l->frame_kind == PY_FRAME_STACKREF ? ~UINT64_C(3) : UINT64_MAX;
	uint64_t at = f->addr.v + (uint64_t)l->_PyInterpreterFrame_localsplus, top = UINT64_MAX;
	uint32_t nlocals = 0, stack = 0;
	uint64_t word;

	(void)reader_u32(&h->r, f->code.v + (uint64_t)l->PyCodeObject_co_nlocalsplus, &nlocals);
	(void)reader_u32(&h->r, f->code.v + (uint64_t)l->PyCodeObject_co_stacksize, &stack);
	if (l->frame_locals == PY_LOCALS_STACKPOINTER) {
		if (reader_u64(&h->r, f->addr.v + (uint64_t)l->_PyInterpreterFrame_stackpointer,
			       &word) && word >= at)
			top = (word - at) / 8;
	} else if (reader_u64(&h->r, f->addr.v + (uint64_t)l->_PyInterpreterFrame_stacktop, &word)) {
		top = (int32_t)word < 0 ? UINT64_MAX : (uint32_t)word;
	}
	for (uint64_t i = 0; i < (uint64_t)nlocals + stack && i < SLOTS_MAX; i++) {
		if (!reader_u64(&h->r, at + 8 * i, &word))
			return;
		if (word & ~mask & 1)
			continue; /* borrowed */
		if (i < nlocals || (top != UINT64_MAX && i < top))
			held(g, root, word & mask);
		else if (top == UINT64_MAX)
			maybe_held(g, root, word & mask);
	}
}

static void frame_words(struct heap_graph *g, uint32_t root, const struct frame *f)
{
	struct heap *h = g->h;
	const struct py_layout *l = h->l;
	const int32_t owned[] = { l->_PyInterpreterFrame_frame_obj, l->_PyInterpreterFrame_f_locals,
				  l->_PyInterpreterFrame_f_funcobj,
				  l->_PyInterpreterFrame_f_executable };
	uint64_t mask = l->frame_kind == PY_FRAME_STACKREF ? ~UINT64_C(3) : UINT64_MAX, word;

	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		if (owned[i] >= 0 && reader_u64(&h->r, f->addr.v + (uint64_t)owned[i], &word))
			maybe_held(g, root, word & mask);
}

static void frame_hang(struct heap_graph *g, uint32_t thread, const struct frame *f)
{
	const struct py_layout *l = g->h->l;
	uint32_t root = frame_root(g, thread, f);

	if (!root)
		return;
	if (l->frame_kind == PY_FRAME_OBJECT) {
		held(g, root, f->addr.v);
	} else if (f->generator) {
		/* its locals are the generator's */
		maybe_held(g, root, f->addr.v - (uint64_t)l->PyGenObject_gi_iframe);
	} else {
		frame_slots(g, root, f);
		frame_words(g, root, f);
	}
}

/* Words of a state, which may borrow. */
static void state_words(struct heap_graph *g, uint32_t root, uint64_t addr, uint64_t bytes)
{
	uint64_t words[512];

	bytes = bytes < STATE_BYTES_MAX ? bytes : STATE_BYTES_MAX;
	while (bytes >= 8) {
		size_t n = bytes < sizeof(words) ? (size_t)bytes & ~(size_t)7 : sizeof(words);

		if (reader_bulk(&g->h->r, addr, words, n) < n)
			return;
		for (size_t i = 0; i < n / 8; i++)
			if (words[i] % 8 == 0)
				maybe_held(g, root, words[i]);
		addr += n;
		bytes -= n;
	}
}

static void thread_hang(struct heap_graph *g, const struct interp_thread *t, unsigned number)
{
	struct heap *h = g->h;
	struct frame_iter it;
	struct frame f;
	char name[32], where[48] = "";
	uint32_t root;

	snprintf(name, sizeof(name), "%u", number);
	if (t->tid)
		snprintf(where, sizeof(where), "tid %llu", (unsigned long long)t->tid);
	root = graph_root_add(g, FACT_ROOT_THREAD, GRAPH_ALL, t->tstate.v, name, where);
	if (!root)
		return;
	if (frame_iter_init(&it, h->py, &h->r.base, t->tstate, NULL) == 0)
		while (!g->nomem && frame_next(&it, &f, NULL) > 0)
			frame_hang(g, root, &f);
	state_words(g, root, t->tstate.v, (uint64_t)h->l->PyThreadState_sizeof);
}

/* --- interpreters and static objects ------------------------------------------------------------ */

static void interp_known(struct heap_graph *g, uint32_t root, uint64_t interp)
{
	const struct py_layout *l = g->h->l;
	const int32_t owned[] = { l->PyInterpreterState_imports_modules, l->PyInterpreterState_sysdict,
				  l->PyInterpreterState_builtins };
	uint64_t word;

	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		if (owned[i] >= 0 && reader_u64(&g->h->r, interp + (uint64_t)owned[i], &word))
			held(g, root, word);
}

/* The words of an interpreter's state; those of its method cache, when it is in there, are another root's. */
static bool interp_words(struct heap_graph *g, uint32_t root, uint64_t interp, unsigned number)
{
	uint64_t bytes = (uint64_t)g->h->l->PyInterpreterState_sizeof;
	struct method_cache cache;

	if (!method_cache_find(g, interp, bytes < STATE_BYTES_MAX ? bytes : STATE_BYTES_MAX, &cache) ||
	    !method_cache_hang(g, &cache, number)) {
		state_words(g, root, interp, bytes);
		return false;
	}
	state_words(g, root, interp, cache.start - interp);
	state_words(g, root, cache.end, interp + bytes - cache.end);
	return true;
}

/* True when the interpreter has a method cache of its own. */
static bool interp_hang(struct heap_graph *g, taddr interp, unsigned number, unsigned *threads)
{
	struct heap *h = g->h;
	struct interp_thread t, list[64];
	struct thread_iter it;
	unsigned n = 0;
	char name[32] = "";
	uint32_t root;

	if (number > 1)
		snprintf(name, sizeof(name), "%u", number);
	root = graph_root_add(g, FACT_ROOT_INTERPRETER, GRAPH_ALL, interp.v, name, "");
	if (!root)
		return false;
	interp_known(g, root, interp.v);
	if (thread_iter_init(&it, h->py, &h->r.base, interp, NULL) == 0)
		while (thread_next(&it, &t, NULL) > 0) {
			if (n == 64) { /* the newest come first: keep the order of those that fit */
				thread_hang(g, &t, ++*threads);
				continue;
			}
			list[n++] = t;
		}
	while (n)
		thread_hang(g, &list[--n], ++*threads);
	return interp_words(g, root, interp.v, number);
}

static void static_hang(struct heap_graph *g)
{
	const char *path = NULL;
	uint32_t root = 0, first = g->objects;

	/* objects outside the arenas are numbered last */
	while (first > 0 && g->id[first - 1] >= g->h->pm.nblocks)
		first--;
	for (uint32_t v = first; v < g->objects; v++) {
		const struct outside *o = &g->h->outside.at[g->id[v] - g->h->pm.nblocks];
		const struct zone *z = o->is_static ? heap_zone(g->h, o->addr) : NULL;
		const char *slash;

		if (!z)
			continue;
		if (!path || strcmp(path, z->path)) {
			path = z->path;
			slash = strrchr(path, '/');
			root = 0;
			for (uint32_t i = 1; i < g->roots.len && !root; i++)
				if (g->roots.at[i].kind == FACT_ROOT_STATIC &&
				    !strcmp(g->roots.at[i].name, slash ? slash + 1 : path))
					root = i;
			if (!root)
				root = graph_root_add(g, FACT_ROOT_STATIC, GRAPH_ALL, 0,
						      slash ? slash + 1 : path, "");
		}
		if (!root)
			return;
		g->left[v]--; /* they begin with a count of one, which nobody has */
		graph_root_edge(g, root, v);
	}
}

/* Up to 3.9 it is a static variable of the program or of libpython. */
static void static_cache(struct heap_graph *g)
{
	struct method_cache cache, best = { 0 };

	for (size_t i = 0; i < g->h->zones.len; i++) {
		const struct zone *z = &g->h->zones.at[i];

		if (z->is_static && method_cache_find(g, z->start, z->end - z->start, &cache) &&
		    cache.versioned > best.versioned)
			best = cache;
	}
	if (best.end)
		(void)method_cache_hang(g, &best, 1);
}

int graph_roots_known(struct heap_graph *g, struct err *err)
{
	struct heap *h = g->h;
	unsigned number = 0, threads = 0;
	struct interp_iter it;
	bool cached = false;
	taddr interp;

	static_hang(g);
	if (interp_iter_init(&it, h->py, &h->r.base, NULL) == 0)
		while (!g->nomem && interp_next(&it, &interp, NULL) > 0)
			cached = interp_hang(g, interp, ++number, &threads) || cached;
	if (!cached && !g->nomem)
		static_cache(g);
	if (h->r.gone)
		return err_set(err, h->r.gone, "the target went away");
	return g->nomem ? err_nomem(err) : 0;
}
