/* SPDX-License-Identifier: MIT */
/*
 * The second half of the walk: what is not in an arena leads on from here. Static data,
 * interpreter and thread states, frame chunks, collectors' lists; then weak attribution and
 * the sums.
 */
#ifndef PYMEMPROF_TRACER_HEAP_ROOTS_H
#define PYMEMPROF_TRACER_HEAP_ROOTS_H

#include "tracer/heap/heap.h"

/* Consider every word of static data, interpreters, threads and their frames. */
void roots_visit(struct heap *h);

/* Walk every collector's list: tracked counts per type, large objects nobody else leads to. */
void roots_gc_lists(struct heap *h);

/* Take back objects which turned out to be buffers. */
void roots_undo_overridden(struct heap *h);

/* Follow pointers of C data to blocks nobody has claimed. */
void roots_weak(struct heap *h);

/* Add up the totals. */
void roots_totals(struct heap *h);

#endif
