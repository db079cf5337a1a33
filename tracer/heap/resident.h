/* SPDX-License-Identifier: MIT */
/*
 * The account of resident memory: every resident byte of every mapping is put into exactly one
 * line, so the lines add up to RSS by construction. Knows pages and the walk's blocks; refuses
 * to guess: what nobody claims is "unexplained".
 */
#ifndef PYMEMPROF_TRACER_HEAP_RESIDENT_H
#define PYMEMPROF_TRACER_HEAP_RESIDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "tracer/facts.h"
#include "tracer/process/maps.h"
#include "tracer/process/smaps.h"

enum resident_line {
	RESIDENT_OBJECTS = 0,
	RESIDENT_BUFFERS,
	RESIDENT_FREE_LISTS,
	RESIDENT_UNKNOWN,
	RESIDENT_FREE_BLOCKS,
	RESIDENT_FREE_POOLS,
	RESIDENT_POOL_OVERHEAD,
	RESIDENT_FRAMES,
	RESIDENT_LARGE,
	RESIDENT_MALLOC_USED,
	RESIDENT_MALLOC_CACHED,
	RESIDENT_MALLOC_FREE,
	RESIDENT_MAPPED_PYTHON, /* blocks of objects with a mapping of their own */
	RESIDENT_MAPPED_OTHER,
	RESIDENT_STACKS,
	RESIDENT_PYTHON,	/* the interpreter's own text and data */
	RESIDENT_LIBRARIES,
	RESIDENT_FILES,
	RESIDENT_SHARED,
	RESIDENT_KERNEL,
	RESIDENT_AGENT,
	RESIDENT_UNEXPLAINED,
	RESIDENT_LINES,
};

struct resident; /* opaque */

/*
 * usage: what the kernel charges each mapping; copied except for the paths, which must outlive
 * *ret. Errors: NOMEM. The caller owns *ret: resident_free.
 */
int resident_new(const struct smaps *usage, struct resident **ret, struct err *err) MUST_CHECK;
void resident_free(struct resident *r); /* accepts NULL */

/*
 * Which pages are there, by /proc/PID/pagemap; to be done before anybody reads the memory, since
 * reading maps the zero page. Without this (core files) every page of a mapping that has
 * anything counts as resident, and every line is an estimate. Errors: GONE, DENIED, SYS, NOMEM.
 */
int resident_pages(struct resident *r, pid_t pid, struct err *err) MUST_CHECK;

/* Put the resident bytes of [start, end) into a line; ranges claimed must not overlap. */
uint64_t resident_claim(struct resident *r, uint64_t start, uint64_t end, enum resident_line line);

/* Resident bytes of [start, end), without claiming them. */
uint64_t resident_count(struct resident *r, uint64_t start, uint64_t end);

/* Put bytes known to be resident, in the mapping that holds addr, into a line. */
void resident_add(struct resident *r, uint64_t addr, uint64_t bytes, enum resident_line line);

/*
 * Whole heaps were claimed as malloc_free, and the chunks in them for other malloc lines besides:
 * take these off again, so that what stays is free.
 */
void resident_heaps_done(struct resident *r);

/* All of the mapping that holds addr which nobody claims belongs to this line. */
void resident_rest(struct resident *r, uint64_t addr, enum resident_line line);

/* The interpreter's object in memory; default lines of its mappings. */
void resident_python(struct resident *r, uint64_t start, uint64_t end);

/* Sum of what the kernel charges, and of what is swapped out. */
uint64_t resident_rss(const struct resident *r);
uint64_t resident_swapped(const struct resident *r);

/* Close the account and push its lines; depth 0 adds up to resident_rss. Errors: the sink's. */
int resident_push(struct resident *r, const struct fact_sink *sink, struct err *err) MUST_CHECK;

/* Bytes of one line, after resident_push. */
uint64_t resident_bytes(const struct resident *r, enum resident_line line);

#endif
