/* SPDX-License-Identifier: MIT */
/*
 * A process' malloc in fake memory, as malloc/malloc.c and arena.c leave it: libc's data with
 * main_arena, the brk heap, a second arena of two heaps, one block with a mapping of its own.
 */
#ifndef PYMEMPROF_TESTS_TRACER_HEAP_GLIBC_IMAGE_H
#define PYMEMPROF_TESTS_TRACER_HEAP_GLIBC_IMAGE_H

#include "tests/support/fake_mem.h"
#include "tracer/heap/glibc.h"

#define GLIBC_IMAGE_LIBC UINT64_C(0x7f1000000000)
#define GLIBC_IMAGE_MAIN UINT64_C(0x555500000000)
#define GLIBC_IMAGE_OLD UINT64_C(0x7f2000000000)   /* the arena's first heap, with its state */
#define GLIBC_IMAGE_NEW UINT64_C(0x7f2004000000)   /* its second, with top */
#define GLIBC_IMAGE_BLOCK UINT64_C(0x7f3000000000) /* blocks with mappings of their own */
#define GLIBC_IMAGE_BYTES UINT64_C(0x4000)	   /* of each of the five */

#define GLIBC_IMAGE_MMAPPED 8192		   /* bytes of the one block there */

struct glibc_image {
	struct fake_mem *f;
	struct map_range ranges[5];
	uint64_t main_state, state; /* struct malloc_state of both arenas */
	uint64_t tcache_bytes;
};

/* newer: as 2.43 does, without fast bins; else as 2.35 to 2.42. */
struct glibc_image glibc_image_new(bool newer);
void glibc_image_free(struct glibc_image *i);

/* glibc_walk of it. */
int glibc_image_walk(struct glibc_image *i, const struct glibc_visit *visit, struct glibc_heap *ret, struct err *err);

#endif
