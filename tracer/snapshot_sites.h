/* SPDX-License-Identifier: MIT */
/*
 * Where blocks were made, for one snapshot: what a recording knows, and what the tables of a
 * target that runs tracemalloc know of the rest. New places become site facts.
 */
#ifndef PYMEMPROF_TRACER_SNAPSHOT_SITES_H
#define PYMEMPROF_TRACER_SNAPSHOT_SITES_H

#include "base/map.h"
#include "tracer/cpython/py.h"
#include "tracer/facts.h"
#include "tracer/heap/walk.h"

struct snapshot_sites {
	/* The recording's: 0 when it does not know the block. NULL: there is none. */
	uint32_t (*recorded)(void *ctx, uint64_t block);
	/* Number of a new place, 0 when it has no room, or a code. NULL: sites are numbered here. */
	int64_t (*add)(void *ctx, const struct fact_site *f, struct err *err);
	void *ctx;
	/* From here on private; zeroed is empty. */
	struct heap_sites lookup;
	uint32_t count; /* numbered here */
	struct map site_of; /* block → size << 22 | site, as far as the recording does not know it */
	struct map places;  /* traceback → site */
	struct map files;   /* filename → index into names */
	struct snapshot_names { char **at; size_t len, cap; } names;
	uint32_t damaged;
};

void snapshot_sites_deinit(struct snapshot_sites *s); /* accepts zeroed */

/*
 * Read tracemalloc's tables, when the target has them on, through mem, which does not move;
 * pushes a site for each place into sink. Damage is counted. Errors: NOMEM, GONE, the sink's.
 */
int snapshot_sites_read(struct snapshot_sites *s, const struct py *py, struct mem_source *mem,
			const struct fact_sink *sink, struct err *err) MUST_CHECK;

/* For heap_use_sites: NULL when nothing is known at all. Borrowed. */
const struct heap_sites *snapshot_sites_lookup(struct snapshot_sites *s);

/* Blocks only tracemalloc knows, in no order: *pos = 0 to start. birth_ns is 0: unknown. */
bool snapshot_sites_next(const struct snapshot_sites *s, size_t *pos, struct fact_block *ret);

#endif
