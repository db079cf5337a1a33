/* SPDX-License-Identifier: MIT */
/*
 * Where pymalloc keeps its books: usedpools, the vector of arenas, and its counters. Only
 * finds them; walking pools and blocks is the heap's business.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_OBMALLOC_H
#define PYMEMPROF_TRACER_CPYTHON_OBMALLOC_H

#include "tracer/cpython/py.h"

struct obmalloc {
	taddr used;	   /* usedpools[0]: 2 words per size class; null: no pymalloc here */
	uint32_t classes;  /* of sizes: small_request_max / block_align */
	taddr arenas_at;   /* the word that points to the vector; null when not found */
	taddr arenas;	   /* its first arena_object; null when there is none yet */
	uint32_t maxarenas; /* entries of the vector; 0: unknown, stop at the first absurd one */
	/* addresses of counters, null when they cannot be found (statics of a stripped build) */
	taddr narenas_currently_allocated, ntimes_arena_allocated, narenas_highwater;
	taddr raw_allocated_blocks; /* 3.9+: blocks of the raw allocator handed out by pymalloc */
	taddr arena_map_root;	    /* 3.10+: radix tree */
};

/*
 * The pymalloc state interp allocates from. Several interpreters may share one: dedupe by
 * `used`. With offsets (3.12+) the place is checked by the signature of usedpools and searched
 * for when it fails; statics (≤3.11) come from .symtab or from a search of the object's data.
 * arenas of a stripped ≤3.11 build can only be found while some pool is in use.
 * Errors: CORRUPT (no signature), FAULT, GONE, NOMEM.
 */
int obmalloc_find(const struct py *py, struct mem_source *mem, taddr interp, struct obmalloc *ret,
		  struct err *err) MUST_CHECK;

/*
 * The same place without looking whether it holds a state (3.12+): for memory caught in the
 * middle of a change. Errors: CORRUPT (statics have no such place), FAULT, GONE.
 */
int obmalloc_at_sheet(const struct py *py, struct mem_source *mem, taddr interp,
		      struct obmalloc *ret, struct err *err) MUST_CHECK;

#endif
