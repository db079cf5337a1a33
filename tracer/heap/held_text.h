/* SPDX-License-Identifier: MIT */
/* One way from a root as text; private to held.c. */
#ifndef PYMEMPROF_TRACER_HEAP_HELD_TEXT_H
#define PYMEMPROF_TRACER_HEAP_HELD_TEXT_H

#include "base/buf.h"
#include "tracer/heap/held.h"

/* A way with its names; steps of long ways in the middle are left out. */
struct held_way {
	struct graph_step step[GRAPH_WAY_MAX];
	size_t n;
};

/* The way to a vertex. Indices of large containers are not looked for. */
void held_way(const struct held *h, uint32_t vertex, struct held_way *ret);

/*
 * The first n steps as an expression, "feed.listeners[*].inbox". same[i]: step i's name or index
 * is that of every way of the group and may be told; NULL: of none.
 */
void held_text(const struct held *h, const struct held_way *way, size_t n, const bool *same,
	       struct buf *ret);

#endif
