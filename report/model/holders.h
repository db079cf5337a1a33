/* SPDX-License-Identifier: MIT */
/*
 * Who holds what, of one snapshot: rows of the grouped dominator tree, paths with their steps,
 * the audit of reference counts, modules, and the whole graph when it was stored. Copies what
 * the tracer pushed and makes it walkable; paths of a stored graph are report/model/paths'.
 */
#ifndef PYMEMPROF_REPORT_MODEL_HOLDERS_H
#define PYMEMPROF_REPORT_MODEL_HOLDERS_H

#include "base/arena.h"
#include "base/vec.h"
#include "tracer/facts.h"

/* A stored graph. Numbers count from 1, roots among them; edges of i: first[i] … first[i + 1]. */
struct stored_graph {
	struct VEC(uint64_t) addr, own_bytes; /* [0] is number 1; addr 0: a root */
	struct VEC(uint32_t) type, name, where;
	struct VEC(uint32_t) first, to, edge_name;
	struct VEC(uint8_t) edge;
	struct VEC(const char *) names; /* [0] is "" */
	bool broken; /* pieces are missing or do not fit: of a damaged file */
};

struct holders {
	bool known; /* a heap_graph fact came */
	struct fact_heap_graph graph;
	struct VEC(struct fact_heap_holder) rows; /* [i] is holder i + 1 */
	struct VEC(uint32_t) first_child, next; /* holder numbers, 0: none; largest first; by holder, [0] all */
	struct VEC(struct fact_heap_path) paths; /* those that retain most first */
	struct VEC(struct fact_heap_step) steps; /* by path, then by step */
	struct VEC(struct fact_heap_refcount) refcounts;
	struct VEC(struct fact_heap_module) modules;
	struct stored_graph stored;
};

void holders_deinit(struct holders *h); /* accepts zeroed */

/* Fill the graph callbacks of sink; holders_now finds the current one and the arena from its ctx. */
void holders_sink(struct fact_sink *sink);
struct holders *holders_now(void *ctx, struct arena **ret_arena); /* NULL: no snapshot begun */

/* After the last row: order them, link children. Errors: NOMEM. */
int holders_end(struct holders *h, struct err *err) MUST_CHECK;

/* The row of a number, or NULL. First child of a row (0: of the root of all), or 0; next sibling, or 0. */
const struct fact_heap_holder *holders_row(const struct holders *h, uint32_t holder);
uint32_t holders_child(const struct holders *h, uint32_t holder);
uint32_t holders_next(const struct holders *h, uint32_t holder);

/* Steps of a path; *ret_n of them, fewer than path->steps in a damaged file. */
const struct fact_heap_step *holders_steps(const struct holders *h, const struct fact_heap_path *path,
					   size_t *ret_n);

/*
 * The edge as Python would spell it: ".name", "['name']", "[3]", " local name", "" for the
 * invisible ones. Written into ret (of n bytes), returns ret. many: an index or a key stands for any.
 */
const char *holders_edge_text(enum fact_edge edge, const char *name, uint64_t index, bool many,
			      char *ret, size_t n);

/* "module app.cache", "frame handle (server.py:12)", "static objects" …; as above. */
const char *holders_root_text(enum fact_root root, const char *name, const char *where, char *ret,
			      size_t n);

/* Stable words for JSON and CSV: "module", "frame" …; "attribute", "index" … */
const char *holders_root_name(enum fact_root root);
const char *holders_edge_name(enum fact_edge edge);

#endif
