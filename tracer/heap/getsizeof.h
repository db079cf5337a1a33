/* SPDX-License-Identifier: MIT */
/*
 * What sys.getsizeof would say of one object: the __sizeof__ methods of Objects/ and Modules/,
 * which count some owned buffers and leave out others. Not what the object costs (that is the
 * walk's business): it exists so that figures can be compared with what a user measures.
 */
#ifndef PYMEMPROF_TRACER_HEAP_GETSIZEOF_H
#define PYMEMPROF_TRACER_HEAP_GETSIZEOF_H

#include <stdint.h>

struct heap;

/* sys.getsizeof of the object at addr; 0 when it cannot be read or is no object. */
uint64_t heap_getsizeof(struct heap *h, uint64_t addr);

#endif
