/* SPDX-License-Identifier: MIT */
/*
 * Random reads for the heap walk: a page cache of fixed size over any memory source, so that
 * one object costs no system call. Bulk reads (whole arenas) pass by it. Only for a target
 * that does not move: stopped, cloned, or a core file.
 */
#ifndef PYMEMPROF_TRACER_HEAP_READER_H
#define PYMEMPROF_TRACER_HEAP_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/le.h"
#include "tracer/mem/source.h"

#define READER_PAGE_BYTES 4096
#define READER_TURNS 128 /* eight times as often as an honest heap's bytes are read */
#define READER_STEP 32   /* what one read costs besides its bytes */
#define READER_LEAST (UINT64_C(256) << 20)
#define READER_FILES (UINT64_C(64) << 20) /* pages of files which nobody has read yet */

/* The rest is private. &reader.base serves whoever reads through a mem_source, cached too. */
struct reader {
	struct mem_source base;
	struct mem_source *mem; /* borrowed */
	uint64_t *tags;		/* page number + 1 per slot; top bit: unreadable */
	uint8_t *pages;
	size_t mask;
	uint64_t faults; /* reads which failed, for the report */
	uint64_t misses;
	uint64_t there;	  /* bytes the target can have written: no honest block is larger */
	uint64_t allowed; /* bytes that may still be asked for */
	bool spent;	  /* the allowance is used up: nothing can be read any more */
	int gone; /* ERR_GONE once the source said so, else 0 */
};

/* cache_bytes is rounded down to a power of two of pages, at least 16. Errors: NOMEM. */
int reader_init(struct reader *r, struct mem_source *mem, size_t cache_bytes, struct err *err)
	MUST_CHECK;
void reader_deinit(struct reader *r); /* accepts zeroed */

/*
 * Bound all that is read by what the target has resident or swapped: a list of 2^40 items over
 * untouched address space, or one of nodes in a circle, ends with the allowance. 0: not known,
 * not bounded.
 */
void reader_limit(struct reader *r, uint64_t resident);

/* Count a read of n bytes; false when it is one too many. */
static inline bool reader_spend(struct reader *r, uint64_t n)
{
	r->spent |= r->allowed < READER_STEP || n > r->allowed - READER_STEP;
	if (!r->spent)
		r->allowed -= n + READER_STEP;
	return !r->spent;
}

/* Can a block of n bytes be as large as it says? */
static inline bool reader_holds(const struct reader *r, uint64_t n)
{
	return n <= r->there;
}

/* Copy n bytes; false when any of them is unreadable, and then buf is unspecified. */
bool reader_get(struct reader *r, uint64_t addr, void *buf, size_t n);

/*
 * n ≤ READER_PAGE_BYTES bytes inside one page, in place: NULL when they are unreadable or cross
 * a page's end. Borrowed until the next call.
 */
const uint8_t *reader_view(struct reader *r, uint64_t addr, size_t n);

/* NUL-terminated C string, cut to fit; its length or -1. Bytes ≥ 0x80 are kept. */
int reader_cstr(struct reader *r, uint64_t addr, char *ret, size_t size);

bool reader_u64(struct reader *r, uint64_t addr, uint64_t *ret);
bool reader_u32(struct reader *r, uint64_t addr, uint32_t *ret);

/* Read past the cache; how many bytes from the start were there. */
size_t reader_bulk(struct reader *r, uint64_t addr, void *buf, size_t n);

#endif
