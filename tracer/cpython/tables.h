/* SPDX-License-Identifier: MIT */
/*
 * The interpreter's three allocator tables (PyMemAllocatorEx of raw, mem, obj): where they
 * are and what is in them. Knows who wraps whom (debug hooks, tracemalloc), changes nothing.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_TABLES_H
#define PYMEMPROF_TRACER_CPYTHON_TABLES_H

#include "tracer/cpython/py.h"

/* As PyMemAllocatorEx: ctx, malloc, calloc, realloc, free (Include/cpython/pymem.h). */
struct alloc_table {
	uint64_t ctx;
	uint64_t func[4];
};

/*
 * Fill py->table, py->debug_allocators, py->pymalloc, py->tracemalloc_on. layout, image, bias,
 * extents and runtime must be set. Where the tables are statics (≤3.11) they are found through
 * the code of the exported functions that use them. Errors: CORRUPT (not found), FAULT, GONE.
 */
int tables_find(struct py *py, struct mem_source *mem, const struct maps *maps,
		struct err *err) MUST_CHECK;

int tables_read(const struct py *py, struct mem_source *mem, enum py_domain domain,
		struct alloc_table *ret, struct err *err) MUST_CHECK;

#endif
