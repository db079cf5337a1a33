/* SPDX-License-Identifier: MIT */
/*
 * The members about who holds what: graph, holders, paths, refcounts, modules. Names and
 * meaning: pymemprof-json(5), "Holders".
 */
#include <inttypes.h>
#include <stdio.h>

#include "report/model/paths.h"
#include "report/view/json_put.h"

static void put_addr(struct json *j, const char *name, uint64_t addr)
{
	char text[24];

	if (!addr) {
		json_nothing(j, name);
		return;
	}
	snprintf(text, sizeof text, "0x%" PRIx64, addr);
	json_word(j, name, text);
}

static void put_type(struct json *j, const struct heap_model *m, uint32_t type)
{
	const struct fact_heap_type *t = type ? heap_type_of(m, type) : NULL;
	char label[512];

	if (t)
		json_word(j, "type", heap_type_label(t, label, sizeof label));
	else
		json_nothing(j, "type");
}

static void put_graph(struct json *j, const struct fact_heap_graph *g)
{
	json_open(j, "graph", '{');
	if (*g->skipped)
		json_word(j, "skipped", g->skipped);
	else
		json_nothing(j, "skipped");
	json_bool(j, "stored", g->stored);
	json_number(j, "objects", g->objects);
	json_number(j, "edges", g->edges);
	json_number(j, "weak_edges", g->weak_edges);
	json_number(j, "roots", g->roots);
	json_number(j, "reached_bytes", g->reached_bytes);
	json_number(j, "c_only_objects", g->c_only_objects);
	json_number(j, "c_only_bytes", g->c_only_bytes);
	json_number(j, "garbage_bytes", g->garbage_bytes);
	json_number(j, "tool_bytes", g->tool_bytes);
	json_number(j, "edge_tool_bytes", g->edge_tool_bytes);
	json_number(j, "build_ns", g->build_ns);
	json_number(j, "solve_ns", g->solve_ns);
	json_number(j, "audited", g->audited);
	json_number(j, "exact", g->exact);
	json_number(j, "more", g->more);
	json_number(j, "fewer", g->fewer);
	json_number(j, "excess", g->excess);
	json_number(j, "explained", g->explained);
	json_close(j, '}');
}

static void put_holder(struct json *j, const struct heap_model *m, const struct fact_heap_holder *f)
{
	json_open(j, NULL, '{');
	json_number(j, "holder", f->holder);
	json_number(j, "parent", f->parent);
	json_word(j, "root", holders_root_name(f->root));
	json_word(j, "edge", holders_edge_name(f->edge));
	json_word(j, "name", f->name);
	json_word(j, "where", f->where);
	put_type(j, m, f->type);
	json_number(j, "count", f->count);
	json_number(j, "own_bytes", f->own_bytes);
	json_number(j, "retained_objects", f->retained_objects);
	json_number(j, "retained_bytes", f->retained_bytes);
	put_addr(j, "largest", f->addr);
	json_number(j, "largest_retained_bytes", f->addr_retained_bytes);
	json_bool(j, "drop", f->drop);
	json_close(j, '}');
}

static void put_steps(struct json *j, const char *member, const struct heap_model *m,
		      const struct fact_heap_step *s, size_t n)
{
	json_open(j, member, '[');
	for (size_t i = 0; i < n; i++) {
		json_open(j, NULL, '{');
		json_word(j, "root", holders_root_name(s[i].root));
		json_word(j, "edge", holders_edge_name(s[i].edge));
		json_word(j, "name", s[i].name);
		json_word(j, "where", s[i].where);
		json_number(j, "index", s[i].index);
		put_type(j, m, s[i].type);
		put_addr(j, "addr", s[i].addr);
		json_number(j, "alike", s[i].alike);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_path(struct json *j, const struct heap_model *m, const struct fact_heap_path *f)
{
	size_t n;
	const struct fact_heap_step *steps = holders_steps(&m->holders, f, &n);

	json_open(j, NULL, '{');
	put_type(j, m, f->type);
	json_number(j, "count", f->count);
	json_number(j, "own_bytes", f->own_bytes);
	json_number(j, "retained_bytes", f->retained_bytes);
	put_addr(j, "addr", f->addr);
	put_steps(j, "steps", m, steps, n);
	json_close(j, '}');
}

static int put_asked(struct json *j, const struct heap_model *m, const char *what, struct err *err)
{
	struct paths p;
	int r = paths_find(m, what, &p, err);

	if (r < 0)
		return r;
	json_open(j, "asked", '{');
	json_word(j, "what", what);
	put_type(j, m, p.type);
	json_number(j, "objects", p.objects);
	json_number(j, "ways", p.ways_found);
	json_open(j, "paths", '[');
	for (size_t i = 0; i < p.ways.len; i++) {
		const struct held_alike *w = &p.ways.at[i];

		json_open(j, NULL, '{');
		json_number(j, "count", w->count);
		json_number(j, "own_bytes", w->own_bytes);
		json_number(j, "retained_bytes", w->retained_bytes);
		put_addr(j, "addr", w->addr);
		put_steps(j, "steps", m, &p.steps.at[w->first], w->steps);
		json_close(j, '}');
	}
	json_close(j, ']');
	put_steps(j, "direct", m, p.direct.at, p.direct.len);
	json_close(j, '}');
	paths_deinit(&p);
	return 0;
}

static void put_refcounts(struct json *j, const struct heap_model *m)
{
	json_open(j, "refcounts", '[');
	for (size_t i = 0; i < m->holders.refcounts.len; i++) {
		const struct fact_heap_refcount *f = &m->holders.refcounts.at[i];

		json_open(j, NULL, '{');
		put_type(j, m, f->type);
		json_number(j, "objects", f->objects);
		json_number(j, "excess", f->excess);
		json_number(j, "explained", f->explained);
		json_word(j, "holder", f->holder);
		json_number(j, "largest", f->largest);
		put_addr(j, "addr", f->addr);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_modules(struct json *j, const struct heap_model *m)
{
	json_open(j, "modules", '[');
	for (size_t i = 0; i < m->holders.modules.len; i++) {
		const struct fact_heap_module *f = &m->holders.modules.at[i];

		json_open(j, NULL, '{');
		json_word(j, "name", f->name);
		json_number(j, "names", f->objects);
		json_number(j, "retained_objects", f->retained_objects);
		json_number(j, "retained_bytes", f->retained_bytes);
		json_number(j, "importers", f->importers);
		json_number(j, "functions", f->functions);
		json_number(j, "called", f->called);
		json_bool(j, "extension", f->extension);
		json_bool(j, "idle", f->idle);
		json_close(j, '}');
	}
	json_close(j, ']');
}

int json_holders(struct json *j, const struct heap_model *m, const char *what, struct err *err)
{
	if (!m->holders.known) {
		json_nothing(j, "graph");
		return what ? put_asked(j, m, what, err) : 0;
	}
	put_graph(j, &m->holders.graph);
	json_open(j, "holders", '[');
	for (size_t i = 0; i < m->holders.rows.len; i++)
		put_holder(j, m, &m->holders.rows.at[i]);
	json_close(j, ']');
	json_open(j, "paths", '[');
	for (size_t i = 0; i < m->holders.paths.len; i++)
		put_path(j, m, &m->holders.paths.at[i]);
	json_close(j, ']');
	put_refcounts(j, m);
	put_modules(j, m);
	return what ? put_asked(j, m, what, err) : 0;
}
