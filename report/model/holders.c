/* SPDX-License-Identifier: MIT */
/*
 * Rows are copied as they come and put in order at the end: a file may be damaged, so numbers
 * are checked before they lead anywhere.
 */
#include "report/model/holders.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

#define ROWS_MAX (1u << 22)

void holders_deinit(struct holders *h)
{
	struct stored_graph *g = &h->stored;

	vec_deinit(&h->rows);
	vec_deinit(&h->first_child);
	vec_deinit(&h->next);
	vec_deinit(&h->paths);
	vec_deinit(&h->steps);
	vec_deinit(&h->refcounts);
	vec_deinit(&h->modules);
	vec_deinit(&g->addr);
	vec_deinit(&g->own_bytes);
	vec_deinit(&g->type);
	vec_deinit(&g->name);
	vec_deinit(&g->where);
	vec_deinit(&g->first);
	vec_deinit(&g->to);
	vec_deinit(&g->edge_name);
	vec_deinit(&g->edge);
	vec_deinit(&g->names);
}

/* --- the sink ----------------------------------------------------------------------------- */

static int copy_text(struct arena *a, const char **text, struct err *err)
{
	const char *s = *text ? *text : "";

	*text = *s ? arena_str(a, s, strlen(s)) : "";
	return *text ? 0 : err_nomem(err);
}

#define PUSH(list, row)                                                                            \
	((list)->len >= ROWS_MAX ? 0 : vec_push((list), (row)) < 0 ? err_nomem(err) : 0)

static int on_graph(void *ctx, const struct fact_heap_graph *f, struct err *err)
{
	struct arena *a;
	struct holders *h = holders_now(ctx, &a);

	if (!h)
		return 0;
	h->known = true;
	h->graph = *f;
	return copy_text(a, &h->graph.skipped, err);
}

static int on_holder(void *ctx, const struct fact_heap_holder *f, struct err *err)
{
	struct arena *a;
	struct holders *h = holders_now(ctx, &a);
	struct fact_heap_holder row = *f;
	int r = h ? copy_text(a, &row.name, err) : 0;

	if (h && r == 0)
		r = copy_text(a, &row.where, err);
	return r < 0 || !h ? r : PUSH(&h->rows, row);
}

static int on_path(void *ctx, const struct fact_heap_path *f, struct err *err)
{
	struct arena *a;
	struct holders *h = holders_now(ctx, &a);

	return h ? PUSH(&h->paths, *f) : 0;
}

static int on_step(void *ctx, const struct fact_heap_step *f, struct err *err)
{
	struct arena *a;
	struct holders *h = holders_now(ctx, &a);
	struct fact_heap_step row = *f;
	int r = h ? copy_text(a, &row.name, err) : 0;

	if (h && r == 0)
		r = copy_text(a, &row.where, err);
	return r < 0 || !h ? r : PUSH(&h->steps, row);
}

static int on_refcount(void *ctx, const struct fact_heap_refcount *f, struct err *err)
{
	struct arena *a;
	struct holders *h = holders_now(ctx, &a);
	struct fact_heap_refcount row = *f;
	int r = h ? copy_text(a, &row.holder, err) : 0;

	return r < 0 || !h ? r : PUSH(&h->refcounts, row);
}

static int on_module(void *ctx, const struct fact_heap_module *f, struct err *err)
{
	struct arena *a;
	struct holders *h = holders_now(ctx, &a);
	struct fact_heap_module row = *f;
	int r = h ? copy_text(a, &row.name, err) : 0;

	return r < 0 || !h ? r : PUSH(&h->modules, row);
}

static int on_name(void *ctx, const struct fact_heap_name *f, struct err *err)
{
	struct arena *a;
	struct holders *h = holders_now(ctx, &a);
	struct stored_graph *g = h ? &h->stored : NULL;
	const char *text = f->text;

	if (!g)
		return 0;
	if (g->names.len == 0 && vec_push(&g->names, "") < 0)
		return err_nomem(err);
	if (f->name != g->names.len) {
		g->broken = true;
		return 0;
	}
	int r = copy_text(a, &text, err);

	return r < 0 ? r : vec_push(&g->names, text) < 0 ? err_nomem(err) : 0;
}

static int edges_add(struct stored_graph *g, const struct fact_heap_edges *f)
{
	uint64_t e = 0;

	for (uint32_t i = 0; i < f->count; i++) {
		if (vec_push(&g->addr, f->addr[i]) < 0 ||
		    vec_push(&g->own_bytes, f->own_bytes[i]) < 0 ||
		    vec_push(&g->type, f->type[i]) < 0 || vec_push(&g->name, f->name[i]) < 0 ||
		    vec_push(&g->where, f->where[i]) < 0)
			return ERR_NOMEM;
		e += f->degree[i];
		if (vec_push(&g->first, (uint32_t)(g->to.len + e)) < 0)
			return ERR_NOMEM;
	}
	if (!f->nedges)
		return 0;
	if (vec_reserve(&g->to, f->nedges) < 0 || vec_reserve(&g->edge, f->nedges) < 0 ||
	    vec_reserve(&g->edge_name, f->nedges) < 0)
		return ERR_NOMEM;
	memcpy(g->to.at + g->to.len, f->to, f->nedges * sizeof *f->to);
	memcpy(g->edge.at + g->edge.len, f->edge, f->nedges);
	memcpy(g->edge_name.at + g->edge_name.len, f->edge_name, f->nedges * sizeof *f->edge_name);
	g->to.len += f->nedges;
	g->edge.len += f->nedges;
	g->edge_name.len += f->nedges;
	return 0;
}

static int on_edges(void *ctx, const struct fact_heap_edges *f, struct err *err)
{
	struct arena *a;
	struct holders *h = holders_now(ctx, &a);
	struct stored_graph *g = h ? &h->stored : NULL;

	if (!g || g->broken)
		return 0;
	if (g->first.len == 0 && vec_push(&g->first, 0) < 0)
		return err_nomem(err);
	if (f->node != g->addr.len + 1 || f->nedges > UINT32_MAX - g->to.len) {
		g->broken = true;
		return 0;
	}
	return edges_add(g, f) < 0 ? err_nomem(err) : 0;
}

void holders_sink(struct fact_sink *sink)
{
	sink->heap_graph = on_graph;
	sink->heap_holder = on_holder;
	sink->heap_path = on_path;
	sink->heap_step = on_step;
	sink->heap_refcount = on_refcount;
	sink->heap_module = on_module;
	sink->heap_name = on_name;
	sink->heap_edges = on_edges;
}

/* --- order -------------------------------------------------------------------------------- */

static int by_retained(const void *a, const void *b)
{
	const struct fact_heap_path *x = a, *y = b;

	if (x->retained_bytes != y->retained_bytes)
		return x->retained_bytes > y->retained_bytes ? -1 : 1;
	return x->path < y->path ? -1 : x->path > y->path;
}

static int by_step(const void *a, const void *b)
{
	const struct fact_heap_step *x = a, *y = b;

	if (x->path != y->path)
		return x->path < y->path ? -1 : 1;
	return x->step < y->step ? -1 : x->step > y->step;
}

/* Only rows numbered as they should be, below rows before them, count. */
static size_t sound_rows(const struct holders *h)
{
	size_t n = 0;

	while (n < h->rows.len && h->rows.at[n].holder == n + 1 && h->rows.at[n].parent <= n)
		n++;
	return n;
}

static int by_parent_and_size(const void *a, const void *b)
{
	const struct fact_heap_holder *x = *(const struct fact_heap_holder *const *)a;
	const struct fact_heap_holder *y = *(const struct fact_heap_holder *const *)b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->retained_bytes != y->retained_bytes)
		return x->retained_bytes > y->retained_bytes ? -1 : 1;
	return x->holder < y->holder ? -1 : 1;
}

/* Children come out in order of size. */
static int link_children(struct holders *h, struct err *err)
{
	AUTO_FREE const struct fact_heap_holder **order =
		malloc((h->rows.len + 1) * sizeof(*order));

	if (!order)
		return err_nomem(err);
	for (size_t i = 0; i < h->rows.len; i++)
		order[i] = &h->rows.at[i];
	if (h->rows.len > 1)
		qsort(order, h->rows.len, sizeof(*order), by_parent_and_size);
	for (size_t i = 0; i < h->rows.len; i++) {
		bool first = i == 0 || order[i - 1]->parent != order[i]->parent;

		if (first)
			h->first_child.at[order[i]->parent] = order[i]->holder;
		else
			h->next.at[order[i - 1]->holder] = order[i]->holder;
	}
	return 0;
}

/* Names and targets the rest may follow without a look. */
static void check_stored(struct stored_graph *g)
{
	for (size_t i = 0; i < g->to.len; i++)
		if (g->to.at[i] > g->addr.len)
			g->broken = true;
	for (size_t i = 0; i < g->addr.len; i++)
		if (g->name.at[i] > g->names.len || g->where.at[i] > g->names.len)
			g->broken = true;
}

int holders_end(struct holders *h, struct err *err)
{
	if (h->steps.len > 1)
		qsort(h->steps.at, h->steps.len, sizeof *h->steps.at, by_step);
	if (h->paths.len > 1)
		qsort(h->paths.at, h->paths.len, sizeof *h->paths.at, by_retained);
	h->rows.len = sound_rows(h);
	check_stored(&h->stored);
	vec_clear(&h->first_child);
	vec_clear(&h->next);
	if (vec_reserve(&h->first_child, h->rows.len + 1) < 0 ||
	    vec_reserve(&h->next, h->rows.len + 1) < 0)
		return err_nomem(err);
	memset(h->first_child.at, 0, (h->rows.len + 1) * sizeof *h->first_child.at);
	memset(h->next.at, 0, (h->rows.len + 1) * sizeof *h->next.at);
	h->first_child.len = h->next.len = h->rows.len + 1;
	return link_children(h, err);
}

/* --- questions ---------------------------------------------------------------------------- */

const struct fact_heap_holder *holders_row(const struct holders *h, uint32_t holder)
{
	return holder && holder <= h->rows.len ? &h->rows.at[holder - 1] : NULL;
}

uint32_t holders_child(const struct holders *h, uint32_t holder)
{
	return holder < h->first_child.len ? h->first_child.at[holder] : 0;
}

uint32_t holders_next(const struct holders *h, uint32_t holder)
{
	return holder < h->next.len ? h->next.at[holder] : 0;
}

const struct fact_heap_step *holders_steps(const struct holders *h, const struct fact_heap_path *path,
					   size_t *ret_n)
{
	size_t low = 0, high = h->steps.len, n = 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (h->steps.at[mid].path < path->path)
			low = mid + 1;
		else
			high = mid;
	}
	while (low + n < h->steps.len && h->steps.at[low + n].path == path->path)
		n++;
	*ret_n = n;
	return n ? &h->steps.at[low] : NULL;
}

const char *holders_edge_text(enum fact_edge edge, const char *name, uint64_t index, bool many,
			      char *ret, size_t n)
{
	*ret = '\0';
	switch (edge) {
	case FACT_EDGE_NONE:
	case FACT_EDGE_ROOT:
	case FACT_EDGE_DICT:
	case FACT_EDGES:
		break;
	case FACT_EDGE_ATTRIBUTE:
	case FACT_EDGE_GLOBAL:
	case FACT_EDGE_FIELD:
		snprintf(ret, n, ".%s", name);
		break;
	case FACT_EDGE_KEY:
		if (many)
			snprintf(ret, n, "[*]");
		else
			snprintf(ret, n, "['%s']", name);
		break;
	case FACT_EDGE_VALUE:
		snprintf(ret, n, "[%s]", *name ? name : "…");
		break;
	case FACT_EDGE_KEY_ITSELF:
		snprintf(ret, n, " key");
		break;
	case FACT_EDGE_INDEX:
		if (many)
			snprintf(ret, n, "[*]");
		else
			snprintf(ret, n, "[%" PRIu64 "]", index);
		break;
	case FACT_EDGE_MEMBER:
		snprintf(ret, n, "{*}");
		break;
	case FACT_EDGE_LOCAL:
		snprintf(ret, n, " local %s", name);
		break;
	case FACT_EDGE_STACK:
		snprintf(ret, n, " value stack");
		break;
	case FACT_EDGE_CELL:
		snprintf(ret, n, " closure %s", name);
		break;
	case FACT_EDGE_TYPE:
		snprintf(ret, n, ".__class__");
		break;
	case FACT_EDGE_WORD:
		snprintf(ret, n, " C field +%" PRIu64, index);
		break;
	case FACT_EDGE_CONTENTS:
		snprintf(ret, n, ".cell_contents");
		break;
	case FACT_EDGE_CALLBACK:
		snprintf(ret, n, " callback");
		break;
	case FACT_EDGE_WEAK:
		snprintf(ret, n, " weakly");
		break;
	}
	return ret;
}

const char *holders_root_text(enum fact_root root, const char *name, const char *where, char *ret,
			      size_t n)
{
	const char *with = *where ? " (" : "", *end = *where ? ")" : "";

	*ret = '\0';
	switch (root) {
	case FACT_ROOT_NONE:
	case FACT_ROOTS:
		break;
	case FACT_ROOT_ALL:
		snprintf(ret, n, "all roots");
		break;
	case FACT_ROOT_MODULE:
		snprintf(ret, n, "module %s", name);
		break;
	case FACT_ROOT_THREAD:
		snprintf(ret, n, "thread %s%s%s%s", name, with, where, end);
		break;
	case FACT_ROOT_FRAME:
		snprintf(ret, n, "frame %s%s%s%s", name, with, where, end);
		break;
	case FACT_ROOT_INTERPRETER:
		snprintf(ret, n, "interpreter state%s%s", *name ? ": " : "", name);
		break;
	case FACT_ROOT_STATIC:
		snprintf(ret, n, "static objects%s%s", *name ? " of " : "", name);
		break;
	case FACT_ROOT_C:
		snprintf(ret, n, "%s", *name ? name : "C data");
		break;
	case FACT_ROOT_C_ONLY:
		snprintf(ret, n, "C code (references not found in the heap)");
		break;
	case FACT_ROOT_GARBAGE:
		snprintf(ret, n, "unreachable cycles");
		break;
	}
	return ret;
}

const char *holders_root_name(enum fact_root root)
{
	static const char *const names[FACT_ROOTS] = {
		"none",	       "all",	 "module", "thread", "frame",
		"interpreter", "static", "c",	   "c_only", "garbage",
	};

	return root < FACT_ROOTS ? names[root] : "none";
}

const char *holders_edge_name(enum fact_edge edge)
{
	static const char *const names[FACT_EDGES] = {
		"none",	  "root",   "attribute", "dict",  "key",   "value",    "key_itself",
		"index",  "member", "global",	 "local", "stack", "cell",     "type",
		"field",  "word",   "contents",	 "callback", "weak",
	};

	return edge < FACT_EDGES ? names[edge] : "none";
}
