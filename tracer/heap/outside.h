/* SPDX-License-Identifier: MIT */
/*
 * What lies outside pymalloc's arenas: large objects and buffers in malloc'ed memory, static
 * objects in mapped files. Found through whoever points to them, each looked at once.
 */
#ifndef PYMEMPROF_TRACER_HEAP_OUTSIDE_H
#define PYMEMPROF_TRACER_HEAP_OUTSIDE_H

#include "tracer/heap/heap.h"

/* Writable private memory of the target as zones. Errors: NOMEM. */
int outside_zones(struct heap *h, const struct maps *maps, struct err *err) MUST_CHECK;

/* A word that may point to an object outside the arenas: look at it once. */
void outside_consider_slow(struct heap *h, uint64_t addr);

static inline void outside_consider(struct heap *h, uint64_t word)
{
	if (word & 7 || word < h->low || word >= h->high || pymalloc_has(&h->pm, word) ||
	    heap_boring(h, word))
		return;
	outside_consider_slow(h, word);
}

/* Consider every word of local bytes. */
static inline void outside_words(struct heap *h, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i + 8 <= n; i += 8)
		outside_consider(h, le64(bytes + i));
}

/*
 * The object at addr, known to be one (it is on a collector's list): index in h->outside or
 * PYMALLOC_NONE when it makes no sense.
 */
uint32_t outside_object(struct heap *h, uint64_t addr);

/* Account a claimed buffer outside the arenas. */
void outside_buffer(struct heap *h, uint64_t addr, uint64_t bytes, uint64_t used, uint32_t owner,
		    enum buffer_kind kind);

/* Read everything found so far, and what that finds, until nothing is new. */
void outside_drain(struct heap *h);

/* Consider every word of [addr, addr + bytes) of the target. */
void outside_region(struct heap *h, uint64_t addr, uint64_t bytes);

/* Size of the malloc chunk whose user memory begins at addr, when it is plausible, else 0. */
uint64_t outside_chunk(struct heap *h, uint64_t addr, uint64_t need);

#endif
