/* SPDX-License-Identifier: MIT */
/*
 * Steps as Python would spell them. What changes from run to run (addresses, line numbers of
 * frames, thread numbers, indices) is left out, so that two snapshots say the same.
 */
#include "tracer/heap/held_text.h"

#include <stdio.h>
#include <string.h>

#include "tracer/heap/graph_inside.h"

#define NAMED_EDGES_MAX 256 /* in objects with more references, an edge is not searched for its name */
#define PIECE 200

/* Containers whose items have no names. */
static bool numbered(const struct heap_graph *g, uint32_t vertex)
{
	const struct heap_type *t;
	uint32_t degree;

	if (vertex >= g->objects)
		return false;
	t = types_at(&g->h->types, graph_type(g, vertex));
	degree = g->first[vertex + 1] - g->first[vertex];
	if (t->family == HEAP_DICT || t->family == HEAP_ODICT)
		return degree > NAMED_EDGES_MAX && !graph_bit(g->is_dict, vertex) &&
		       !map_has(&g->module_of, vertex);
	/* The others are structs with few references. */
	return degree > NAMED_EDGES_MAX &&
	       (t->family == HEAP_LIST || t->family == HEAP_TUPLE || t->family == HEAP_DEQUE ||
		t->family == HEAP_SET || t->family == HEAP_LRU_CACHE);
}

static void name_step(const struct held *h, uint32_t from, struct graph_step *step)
{
	if (numbered(h->g, from))
		step->edge = (struct edge_name){ .edge = FACT_EDGE_INDEX };
	else
		(void)edge_name(h->g, from, step->vertex, &step->edge);
}

/* function.__closure__[2] is the cell of a variable with a name. */
static void name_closures(const struct held *h, struct held_way *way)
{
	for (size_t i = 1; i + 1 < way->n; i++) {
		char name[EDGE_NAME_BYTES];
		struct edge_name *e = &way->step[i].edge, *next = &way->step[i + 1].edge;

		if (e->edge != FACT_EDGE_FIELD || strcmp(e->name, "__closure__") != 0 ||
		    next->edge != FACT_EDGE_INDEX || way->step[i].cut || way->step[i + 1].cut ||
		    !edge_name_cell(h->g, way->step[i - 1].vertex, next->index, name))
			continue;
		*next = (struct edge_name){ .edge = FACT_EDGE_CELL };
		memcpy(next->name, name, sizeof(name));
	}
}

void held_way(const struct held *h, uint32_t vertex, struct held_way *ret)
{
	const uint32_t *parent = h->search.parent;
	size_t length = 1, at, half = GRAPH_WAY_MAX / 2;

	ret->n = 0;
	if (vertex >= h->g->n || parent[vertex] == DIGRAPH_NONE)
		return;
	for (uint32_t v = vertex; parent[v] != v; v = parent[v])
		length++;
	ret->n = length < GRAPH_WAY_MAX ? length : GRAPH_WAY_MAX;
	at = length;
	for (uint32_t v = vertex;; v = parent[v]) {
		at--;
		if (length <= GRAPH_WAY_MAX || at < half)
			ret->step[at] = (struct graph_step){ .vertex = v };
		else if (length - at <= half)
			ret->step[GRAPH_WAY_MAX - (length - at)] = (struct graph_step){ .vertex = v };
		if (parent[v] == v)
			break;
	}
	for (size_t i = 1; i < ret->n; i++) {
		struct graph_step *step = &ret->step[i];

		step->cut = parent[step->vertex] != ret->step[i - 1].vertex;
		name_step(h, parent[step->vertex], step);
	}
	name_closures(h, ret);
}

/* "worker.py:12" without its line. */
static int file_bytes(const char *where)
{
	const char *colon = strrchr(where, ':');

	return (int)(colon ? (size_t)(colon - where) : strlen(where));
}

static void root_piece(const struct graph_root *root, char ret[PIECE])
{
	const char *name = root->name ? root->name : "", *where = root->where ? root->where : "";

	switch (root->kind) {
	case FACT_ROOT_MODULE:
		snprintf(ret, PIECE, "%.150s", name);
		return;
	case FACT_ROOT_FRAME:
		snprintf(ret, PIECE, "%.100s() %.*s", name, file_bytes(where) < 60 ? file_bytes(where) : 60,
			 where);
		return;
	case FACT_ROOT_THREAD:
		snprintf(ret, PIECE, "thread state");
		return;
	case FACT_ROOT_INTERPRETER:
		snprintf(ret, PIECE, "interpreter%s%.150s", *name ? " " : "", name);
		return;
	case FACT_ROOT_STATIC:
		snprintf(ret, PIECE, "static objects");
		return;
	case FACT_ROOT_C:
		snprintf(ret, PIECE, "%s%.150s", strncmp(name, "C data", 6) == 0 ? "" : "C data ",
			 name);
		return;
	case FACT_ROOT_C_ONLY:
		snprintf(ret, PIECE, "C code");
		return;
	case FACT_ROOT_NONE:
	case FACT_ROOT_ALL:
	case FACT_ROOT_GARBAGE:
	case FACT_ROOTS:
		break;
	}
	snprintf(ret, PIECE, "garbage");
}

/* told: the name or index is the same for all and may be shown. */
static void edge_piece(const struct edge_name *e, bool told, char ret[PIECE])
{
	*ret = '\0';
	switch (e->edge) {
	case FACT_EDGE_ATTRIBUTE:
	case FACT_EDGE_GLOBAL:
	case FACT_EDGE_FIELD:
		snprintf(ret, PIECE, ".%s", e->name);
		return;
	case FACT_EDGE_CELL:
		snprintf(ret, PIECE, ".%s", e->name);
		return;
	case FACT_EDGE_LOCAL:
		snprintf(ret, PIECE, " %s", e->name);
		return;
	case FACT_EDGE_KEY:
		if (told)
			snprintf(ret, PIECE, "['%s']", e->name);
		else
			snprintf(ret, PIECE, "[*]");
		return;
	case FACT_EDGE_INDEX:
	case FACT_EDGE_VALUE:
	case FACT_EDGE_MEMBER:
		snprintf(ret, PIECE, "[*]");
		return;
	case FACT_EDGE_KEY_ITSELF:
		snprintf(ret, PIECE, ".keys()[*]");
		return;
	case FACT_EDGE_TYPE:
		snprintf(ret, PIECE, ".__class__");
		return;
	case FACT_EDGE_STACK:
		snprintf(ret, PIECE, " (value stack)");
		return;
	case FACT_EDGE_CALLBACK:
		snprintf(ret, PIECE, ".__callback__");
		return;
	case FACT_EDGE_WORD:
		snprintf(ret, PIECE, ".(C field)");
		return;
	case FACT_EDGE_NONE:
	case FACT_EDGE_ROOT:
	case FACT_EDGE_DICT:
	case FACT_EDGE_CONTENTS:
	case FACT_EDGE_WEAK:
	case FACT_EDGES:
		return; /* not shown in a path */
	}
}

void held_text(const struct held *h, const struct held_way *way, size_t n, const bool *same,
	       struct buf *ret)
{
	char piece[PIECE], before[PIECE] = "";
	bool repeated = false, cut = false;

	for (size_t i = 0; i < n; i++) {
		const struct graph_root *root = graph_root(h->g, way->step[i].vertex);

		cut |= way->step[i].cut;
		if (root)
			root_piece(root, piece);
		else
			edge_piece(&way->step[i].edge, same && same[i], piece);
		if (!*piece)
			continue;
		/* A chain is told once, however long: ".next*". */
		if (i > 1 && strcmp(piece, before) == 0) {
			if (!repeated)
				(void)buf_str(ret, "*");
			repeated = true;
			cut = false;
			continue;
		}
		if (cut)
			(void)buf_str(ret, " ... ");
		(void)buf_str(ret, root && i > 0 ? " " : "");
		(void)buf_str(ret, piece);
		memcpy(before, piece, sizeof(before));
		repeated = cut = false;
	}
}
