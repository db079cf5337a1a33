/* SPDX-License-Identifier: MIT */
/*
 * Two helpers of the glibc walk: a sequential reading window, and the tcache key. A chunk in a
 * thread's tcache looks in use; since glibc 2.34 (malloc/malloc.c, tcache_key) its second word
 * is a random number of the process, which is learnt from any thread's tcache structure.
 */
#ifndef PYMEMPROF_TRACER_HEAP_GLIBC_TCACHE_H
#define PYMEMPROF_TRACER_HEAP_GLIBC_TCACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/mem/source.h"
#include "tracer/process/maps.h"

struct glibc_window {
	struct mem_source *mem;
	uint64_t start, end; /* addresses held in bytes[] */
	unsigned char *bytes;
};

/* Allocates 1 MiB. Errors: NOMEM. */
int glibc_window_init(struct glibc_window *w, struct mem_source *mem, struct err *err) MUST_CHECK;
void glibc_window_deinit(struct glibc_window *w);

/* The word at addr, read ahead in ascending order; false when unreadable. */
bool glibc_window_u64(struct glibc_window *w, uint64_t addr, uint64_t *ret);

struct glibc_tcache {
	bool known;
	uint64_t key;
	uint64_t max_bytes; /* largest chunk a tcache holds */
};

/* Look for a tcache structure among the first chunks of the heap that holds `top`. */
void glibc_tcache_learn(struct glibc_tcache *t, struct glibc_window *w, const struct maps *maps,
			uint64_t top);

#endif
