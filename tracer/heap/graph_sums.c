/* SPDX-License-Identifier: MIT */
/*
 * Sums over the dominator tree: what all objects of one type retain together, what modules cost.
 * An object below another of its type is not counted again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tracer/cpython/code.h"
#include "tracer/heap/graph_inside.h"
#include "tracer/heap/graph_rows.h"
#include "tracer/heap/object.h"

int graph_types(struct heap_graph *g, struct err *err)
{
	struct types *types = &g->h->types;
	AUTO_FREE uint32_t *above = calloc(types->list.len + 1, sizeof(*above));
	uint32_t r = 0;
	int code;

	if (!g->retained)
		return 0;
	code = above ? graph_tree(g, err) : err_nomem(err);
	if (code < 0)
		return code;
	for (size_t i = 0; i < types->list.len; i++)
		types->list.at[i].retained = 0;
	for (;;) {
		uint32_t type = graph_type(g, g->dom.vertex[r]);

		if (!above[type]++ && type)
			types->list.at[type].retained += g->retained[r];
		if (g->child[r]) {
			r = g->child[r];
			continue;
		}
		/* up, until there is somebody beside */
		for (;;) {
			above[graph_type(g, g->dom.vertex[r])]--;
			if (r == 0 || g->next[r])
				break;
			r = g->dom.idom[r];
		}
		if (r == 0)
			break;
		r = g->next[r];
	}
	graph_tree_drop(g);
	return 0;
}

/* --- modules ---------------------------------------------------------------------------------- */

/* Opcode of a RESUME nobody has executed: running replaces it by RESUME_CHECK (3.13+). */
static int fresh_resume(const struct py_layout *l)
{
	switch (l->minor) {
	case 13:
		return 149; /* Include/opcode_ids.h of 3.13 */
	case 14:
	case 15:
		return 128; /* and of 3.14, 3.15 */
	default:
		return -1;
	}
}

#define WARMUP_BEGINS (-8) /* QUICKENING_INITIAL_WARMUP_VALUE, 3.11 */

enum called { CALLED_UNKNOWN, CALLED_NEVER, CALLED_ONCE };

/* Does the code object show that it ever ran? */
static enum called code_called(struct heap_graph *g, uint64_t code)
{
	const struct py_layout *l = g->h->l;
	uint32_t word, first;
	uint8_t op;

	if (l->PyCodeObject_co_opcache_flag >= 0) /* counts calls, up to 3.10 */
		return !reader_u32(&g->h->r, code + (uint64_t)l->PyCodeObject_co_opcache_flag, &word) ?
			       CALLED_UNKNOWN :
		       word ? CALLED_ONCE :
			      CALLED_NEVER;
	if (l->PyCodeObject_co_warmup >= 0)
		return !reader_u32(&g->h->r, code + (uint64_t)l->PyCodeObject_co_warmup, &word) ?
			       CALLED_UNKNOWN :
		       (int16_t)word == WARMUP_BEGINS ? CALLED_NEVER :
							CALLED_ONCE;
	if (fresh_resume(l) < 0 || l->PyCodeObject__co_firsttraceable < 0 ||
	    !reader_u32(&g->h->r, code + (uint64_t)l->PyCodeObject__co_firsttraceable, &first) ||
	    !reader_get(&g->h->r, code + (uint64_t)l->PyCodeObject_co_code_adaptive + 2 * (uint64_t)first,
			&op, 1))
		return CALLED_UNKNOWN;
	return op == fresh_resume(l) ? CALLED_NEVER : CALLED_ONCE;
}

struct module_sums {
	struct heap_graph *g;
	struct fact_heap_module *rows; /* by root */
	uint32_t *seen;		       /* by root: the last root that counted as its importer */
	uint32_t function_type;
};

static uint32_t function_type(const struct heap_graph *g)
{
	for (uint32_t i = 1; i < g->h->types.list.len; i++) {
		const struct heap_type *t = types_at(&g->h->types, i);

		if (!strcmp(t->name, "function") && !strcmp(t->module, "builtins") && t->addr)
			return i;
	}
	return 0;
}

static void importer(struct module_sums *m, uint32_t of, uint32_t by)
{
	if (of == by || m->seen[of] == by + 1 || m->g->roots.at[of].kind != FACT_ROOT_MODULE)
		return;
	m->seen[of] = by + 1;
	m->rows[of].importers++;
}

/* The module a function belongs to: the root its __globals__ lead to; 0: none. */
static uint32_t home_of(const struct heap_graph *g, uint32_t function)
{
	for (uint32_t e = g->first[function]; e < g->first[function + 1]; e++)
		if (g->to[e] >= g->objects)
			return g->to[e] - g->objects;
	return 0;
}

/* Whom does the namespace of one module refer to? */
static void namespace_refs(struct module_sums *m, uint32_t dict, uint32_t root)
{
	const struct heap_graph *g = m->g;

	m->rows[root].objects = g->first[dict + 1] - g->first[dict];
	for (uint32_t e = g->first[dict]; e < g->first[dict + 1]; e++) {
		uint32_t to = g->to[e];

		if (to >= g->objects)
			importer(m, to - g->objects, root);
		else if (graph_type(g, to) == m->function_type)
			importer(m, home_of(g, to), root);
	}
}

static void functions(struct module_sums *m)
{
	struct heap_graph *g = m->g;

	for (uint32_t v = 0; v < g->objects; v++) {
		uint32_t root;
		uint64_t code;
		enum called called;

		if (graph_type(g, v) != m->function_type || !(root = home_of(g, v)) ||
		    !reader_u64(&g->h->r, graph_addr(g, v) + (uint64_t)g->h->l->PyFunctionObject_func_code,
				&code))
			continue;
		called = code_called(g, code);
		m->rows[root].functions += called != CALLED_UNKNOWN;
		m->rows[root].called += called == CALLED_ONCE;
	}
}

/* Objects each module dominates: the nearest module above each object. */
static void dominated(struct module_sums *m, uint32_t *nearest)
{
	struct heap_graph *g = m->g;

	nearest[0] = 0;
	for (uint32_t r = 1; r < g->dom.reached; r++) {
		uint32_t v = g->dom.vertex[r];

		nearest[r] = nearest[g->dom.idom[r]];
		if (v >= g->objects && g->roots.at[v - g->objects].kind == FACT_ROOT_MODULE)
			nearest[r] = v - g->objects;
		else if (nearest[r])
			m->rows[nearest[r]].retained_objects++;
	}
}

static int push_module(struct module_sums *m, uint32_t root, const struct fact_sink *sink,
		       struct err *err)
{
	const struct graph_root *at = &m->g->roots.at[root];
	struct fact_heap_module *f = &m->rows[root];
	uint64_t def = 0;

	f->addr = at->addr;
	f->name = at->name;
	f->retained_bytes = graph_retained(m->g, m->g->objects + root);
	/* modules made by C code have a PyModuleDef */
	f->extension = reader_u64(&m->g->h->r, at->addr + (uint64_t)m->g->h->l->PyModuleObject_md_def,
				  &def) && def;
	f->idle = !f->extension && f->functions && !f->called;
	return sink->heap_module(sink->ctx, f, err);
}

int graph_push_modules(struct heap_graph *g, const struct fact_sink *sink, struct err *err)
{
	AUTO_FREE struct fact_heap_module *rows = calloc(g->roots.len + 1, sizeof(*rows));
	AUTO_FREE uint32_t *seen = calloc(g->roots.len + 1, sizeof(*seen));
	AUTO_FREE uint32_t *nearest = malloc(((size_t)g->dom.reached + 1) * sizeof(*nearest));
	struct module_sums m = { g, rows, seen, function_type(g) };
	uint64_t key, value;
	size_t pos = 0;
	int r = 0;

	if (!sink->heap_module)
		return 0;
	if (!rows || !seen || !nearest)
		return err_nomem(err);
	while (map_next(&g->module_of, &pos, &key, &value))
		if (graph_bit(g->is_dict, (uint32_t)key))
			namespace_refs(&m, (uint32_t)key, (uint32_t)value);
	functions(&m);
	dominated(&m, nearest);
	for (uint32_t i = 1; i < g->roots.len && r == 0; i++)
		if (g->roots.at[i].kind == FACT_ROOT_MODULE)
			r = push_module(&m, i, sink, err);
	return r;
}
