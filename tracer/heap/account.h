/* SPDX-License-Identifier: MIT */
/*
 * Puts the walk's findings into the account of resident memory: arenas block by block, frame
 * stacks, glibc's heaps chunk by chunk, thread stacks. Knows who uses which address; the pages
 * are resident.c's.
 */
#ifndef PYMEMPROF_TRACER_HEAP_ACCOUNT_H
#define PYMEMPROF_TRACER_HEAP_ACCOUNT_H

#include "tracer/heap/resident.h"
#include "tracer/heap/walk.h"

struct account_threads {
	const uint64_t *sp; /* stack pointers of the target's threads */
	size_t count;
};

/*
 * Claim everything h and glibc know about. Pushes fact_heap_malloc rows into the sink. mem and maps are those
 * h was walked with. Errors: NOMEM, GONE, and the sink's.
 */
int account_heap(struct resident *r, struct heap *h, struct mem_source *mem,
		 const struct maps *maps, const struct account_threads *threads,
		 const struct fact_sink *sink, struct err *err) MUST_CHECK;

#endif
