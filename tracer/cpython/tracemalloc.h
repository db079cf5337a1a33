/* SPDX-License-Identifier: MIT */
/*
 * The trace table of a target that runs tracemalloc: for each traced block its address, its
 * requested size and where it was made. Reads the table; knows nothing of the heap.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_TRACEMALLOC_H
#define PYMEMPROF_TRACER_CPYTHON_TRACEMALLOC_H

#include "tracer/cpython/py.h"

#define TRACEMALLOC_CHUNK 512
#define TRACEMALLOC_DOMAINS_MAX 64
#define TRACEMALLOC_FRAMES_MAX 65535 /* nframe is 16 bits wide from 3.9 on */

struct tracemalloc_trace {
	taddr block;	    /* address of the block: an object minus what lies before it */
	uint64_t size;	    /* bytes requested */
	taddr traceback;    /* shared by all traces from one place: an identity */
	uint32_t domain;    /* 0: Python's own allocators */
};

struct tracemalloc_place {
	taddr filename; /* an identity; text: tracemalloc_filename */
	uint32_t line;
};

struct tracemalloc_iter {
	const struct py *py;
	struct mem_source *mem;
	taddr tables[TRACEMALLOC_DOMAINS_MAX]; /* hash tables still to be walked: the default's, … */
	uint32_t domain[TRACEMALLOC_DOMAINS_MAX];
	uint32_t ntables, table;
	uint64_t nbuckets, bucket, nentries; /* of the current table */
	taddr buckets;
	taddr entry; /* rest of the current chain */
	taddr mark;  /* one it has passed, to notice a circle */
	uint64_t steps, lap;
	uint64_t visited;
	uint32_t value_at; /* ≤3.8: where trace_t lies in an entry */
	uint32_t damaged;  /* chains given up because they could not be read */
	uint64_t total;	   /* traces the tables say they hold */
	uint64_t chunk[TRACEMALLOC_CHUNK];
};

/*
 * Begin. With tracemalloc off the table is empty. Where the table is a static of a stripped
 * build (≤3.11) it is searched by its shape, and an empty one cannot be found: also empty.
 * Errors: CORRUPT (tracing, but no table), FAULT, GONE, NOMEM.
 */
int tracemalloc_iter_init(struct tracemalloc_iter *it, const struct py *py, struct mem_source *mem,
			  struct err *err) MUST_CHECK;

/*
 * 1 and a trace, in no order, or 0 at the end. What cannot be read is counted in it->damaged
 * and left out. Errors: CORRUPT (more entries than the table says, a circle), GONE.
 */
int tracemalloc_next(struct tracemalloc_iter *it, struct tracemalloc_trace *ret,
		     struct err *err) MUST_CHECK;

/*
 * Frames of a traceback, most recent call first; at most max of them. *ret_total is how deep
 * the stack was (as much as tracemalloc knows). Returns the number of frames stored. Errors:
 * CORRUPT, FAULT, GONE.
 */
int tracemalloc_frames(const struct py *py, struct mem_source *mem, taddr traceback,
		       struct tracemalloc_place *ret, size_t max, uint32_t *ret_total,
		       struct err *err) MUST_CHECK;

/* Text of a place's file: malloc'ed UTF-8, the caller frees. Errors: CORRUPT, FAULT, GONE, NOMEM. */
int tracemalloc_filename(const struct py *py, struct mem_source *mem, taddr filename, char **ret,
			 struct err *err) MUST_CHECK;

#endif
