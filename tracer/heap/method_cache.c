/* SPDX-License-Identifier: MIT */
/* See method_cache.h. It has no symbol and another place in each version, but always the same look. */
#include "tracer/heap/method_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tracer/heap/graph_inside.h"

#define ENTRY_WORDS 3
#define NAMES_LEAST 16 /* a table with fewer is of no interest to anybody */
#define BYTES_MAX (UINT64_C(16) << 20)

enum entry {
	ENTRY_NONE, /* not an entry */
	ENTRY_UNUSED,
	ENTRY_NAMED,
	/*
	 * The first lookup of a process: versions are handed out from 0 up to 3.10 (assign_version_tag(),
	 * Objects/typeobject.c), and it stays until another lookup falls on it. Any two words of which
	 * the first is 0 and the second a str's address look the same.
	 */
	ENTRY_FIRST,
};

static enum entry entry_at(struct heap_graph *g, const uint64_t *words)
{
	uint64_t version = words[0], name = words[1];
	uint32_t v = name && name % 8 == 0 ? graph_vertex(g, name) : DIGRAPH_NONE;
	const struct heap_type *t;

	/* below 4 GiB an address looks like a version, too: of a program that is not position independent */
	if (version >> 32 || name % 8 || (version && heap_zone(g->h, version)))
		return ENTRY_NONE;
	if (v == DIGRAPH_NONE)
		return ENTRY_UNUSED;
	if (v >= g->objects)
		return ENTRY_NONE;
	t = types_at(&g->h->types, graph_type(g, v));
	if (t->family == HEAP_STR)
		return version ? ENTRY_NAMED : ENTRY_FIRST;
	return strcmp(t->name, "NoneType") == 0 ? ENTRY_UNUSED : ENTRY_NONE;
}

/*
 * The table's worth of entries in a row with most names, and at most one first lookup, of those that
 * begin at words[phase] or three words on. Beside the table lies what may look like a first lookup:
 * of two with as many names the one without has it.
 */
static void best_window(struct heap_graph *g, const uint64_t *words, size_t n, size_t phase, uint64_t addr,
			uint8_t *kinds, struct method_cache *best)
{
	uint32_t count[ENTRY_FIRST + 1] = { 0 };
	size_t run = 0, entry = 0;

	for (size_t i = phase; i + ENTRY_WORDS <= n; i += ENTRY_WORDS, entry++) {
		kinds[entry] = (uint8_t)entry_at(g, &words[i]);
		if (kinds[entry] == ENTRY_NONE) {
			memset(count, 0, sizeof(count));
			run = 0;
			continue;
		}
		count[kinds[entry]]++;
		if (++run > METHOD_CACHE_ENTRIES)
			count[kinds[entry - METHOD_CACHE_ENTRIES]]--;
		if (run < METHOD_CACHE_ENTRIES || count[ENTRY_FIRST] > 1 || count[ENTRY_NAMED] < best->versioned ||
		    (count[ENTRY_NAMED] == best->versioned && count[ENTRY_FIRST] >= best->names - best->versioned))
			continue;
		*best = (struct method_cache){
			.start = addr + 8 * (i - (METHOD_CACHE_ENTRIES - 1) * ENTRY_WORDS),
			.end = addr + 8 * (i + ENTRY_WORDS),
			.names = count[ENTRY_NAMED] + count[ENTRY_FIRST],
			.versioned = count[ENTRY_NAMED],
		};
	}
}

bool method_cache_find(struct heap_graph *g, uint64_t addr, uint64_t bytes, struct method_cache *ret)
{
	size_t n = (size_t)((bytes < BYTES_MAX ? bytes : BYTES_MAX) / 8);
	AUTO_FREE uint64_t *words = malloc(n * 8 + 8);
	AUTO_FREE uint8_t *kinds = malloc(n / ENTRY_WORDS + 1);

	*ret = (struct method_cache){ 0 };
	if (!words || !kinds) {
		g->nomem = true;
		return false;
	}
	n = reader_bulk(&g->h->r, addr, words, n * 8) / 8;
	for (size_t phase = 0; phase < ENTRY_WORDS; phase++)
		best_window(g, words, n, phase, addr, kinds, ret);
	return ret->versioned >= NAMES_LEAST;
}

uint32_t method_cache_hang(struct heap_graph *g, const struct method_cache *c, unsigned number)
{
	char name[48] = "method cache";
	uint32_t root;

	if (number > 1)
		snprintf(name, sizeof(name), "method cache %u", number);
	root = graph_root_add(g, FACT_ROOT_INTERPRETER, GRAPH_ALL, 0, name, "");
	if (!root)
		return 0;
	g->roots.at[root].cached = c->names;
	for (uint64_t at = c->start; at < c->end; at += ENTRY_WORDS * 8) {
		uint64_t words[ENTRY_WORDS];
		uint32_t v;

		if (reader_bulk(&g->h->r, at, words, sizeof(words)) < sizeof(words) || entry_at(g, words) < ENTRY_NAMED)
			continue;
		v = graph_vertex(g, words[1]);
		g->left[v]--;
		graph_root_edge(g, root, v);
	}
	return root;
}
