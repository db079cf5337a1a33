/* SPDX-License-Identifier: MIT */
/*
 * What the __dict__ objects of instances cost, by the instances' type: the bytes themselves
 * stay in the row of dict, this is the figure which says what __slots__ would save.
 */
#ifndef PYMEMPROF_TRACER_HEAP_INSTANCE_H
#define PYMEMPROF_TRACER_HEAP_INSTANCE_H

#include "tracer/heap/heap.h"

/* An instance of a Python class is visited; o as for owner_buffers. */
void instance_visit(struct heap *h, uint32_t type, const uint8_t *o, size_t avail);

/* A dict object in a block of `block` bytes has been visited; its buffers cost `buffers`. */
void instance_dict(struct heap *h, uint64_t dict, uint64_t block, uint64_t buffers);

#endif
