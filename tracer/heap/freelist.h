/* SPDX-License-Identifier: MIT */
/*
 * Dead objects the interpreter keeps for reuse: handed out as far as pymalloc knows, not alive
 * as far as anybody else does. Their blocks are marked before the walk so that nothing counts
 * them; where the lists cannot be found (static variables up to 3.9) the dead are known by
 * their reference count of zero.
 */
#ifndef PYMEMPROF_TRACER_HEAP_FREELIST_H
#define PYMEMPROF_TRACER_HEAP_FREELIST_H

#include "tracer/heap/heap.h"

/* Mark the blocks on every free list that can be found. Needs pools and the state table. */
void freelist_mark(struct heap *h);

/* Name blocks which are no living object but were one: refcount 0, type and size right. */
void freelist_mark_dead(struct heap *h);

#endif
