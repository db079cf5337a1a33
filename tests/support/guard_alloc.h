/* SPDX-License-Identifier: MIT */
/*
 * Buffers that end flush against an unmapped page: reading one byte too many is a fault in
 * any build, sanitized or not. For tests; out of memory aborts.
 */
#ifndef PYMEMPROF_TESTS_SUPPORT_GUARD_ALLOC_H
#define PYMEMPROF_TESTS_SUPPORT_GUARD_ALLOC_H

#include <stddef.h>

/* n bytes (0 is allowed) of 0xa5, unaligned unless n is a multiple of the alignment. */
void *guard_alloc(size_t n);
/* The same, holding a copy. */
void *guard_copy(const void *bytes, size_t n);
/* Release what guard_alloc or guard_copy returned; accepts NULL. */
void guard_free(void *p);
/* Make the buffer read-only: writing it is a fault from now on. */
void guard_freeze(void *p);

#endif
