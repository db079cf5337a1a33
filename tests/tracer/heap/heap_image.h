/* SPDX-License-Identifier: MIT */
/*
 * A small Python heap in fake memory: one arena with pools, a few builtin types, objects,
 * collector's lists, memory for large blocks. Laid out by whichever sheet the test asks for.
 */
#ifndef PYMEMPROF_TESTS_TRACER_HEAP_HEAP_IMAGE_H
#define PYMEMPROF_TESTS_TRACER_HEAP_HEAP_IMAGE_H

#include "tests/tracer/cpython/fake_py.h"
#include "tracer/heap/walk.h"
#include "tracer/process/maps.h"

enum { IMAGE_TYPE, IMAGE_OBJECT, IMAGE_INT, IMAGE_STR, IMAGE_BYTES, IMAGE_LIST, IMAGE_TUPLE,
       IMAGE_DICT, IMAGE_FLOAT, IMAGE_TYPES };

#define IMAGE_CLASSES 32
#define IMAGE_LARGE UINT64_C(0x20000000) /* malloc'ed memory begins here */
#define IMAGE_LARGE_BYTES (1u << 20)

struct heap_image {
	struct fake_py p;
	struct map_range ranges[3];
	struct maps maps;
	uint64_t type[IMAGE_TYPES];
	uint64_t arena, vector, data, large;
	uint32_t pools; /* carved */
	struct {
		uint64_t pool;
		uint32_t used, next;
		uint64_t freeblock;
	} class[IMAGE_CLASSES];
	uint64_t gc_head, gc_last;
};

struct heap_image heap_image_new(const struct py_sheet *sheet);
void heap_image_free(struct heap_image *i);

/* A block of at least size ≤ 512 bytes; giving one back links it into its pool's list. */
uint64_t heap_image_block(struct heap_image *i, uint32_t size);
void heap_image_free_block(struct heap_image *i, uint64_t block, uint32_t size);

/* n bytes of malloc'ed memory with a plausible glibc size word in front. */
uint64_t heap_image_large(struct heap_image *i, uint64_t n);

/* An object of own bytes with reference count 1; one of a GC type is put on the young list. */
uint64_t heap_image_object(struct heap_image *i, int type, uint64_t own);
uint64_t heap_image_list(struct heap_image *i, const uint64_t *items, uint64_t n, uint64_t allocated);
uint64_t heap_image_float(struct heap_image *i);
void heap_image_refs(struct heap_image *i, uint64_t object, uint64_t count);

/* A type object of its own; base is one of IMAGE_…; returns its address. */
uint64_t heap_image_type(struct heap_image *i, const char *name, int base, uint32_t basic,
			 uint32_t item, uint64_t flags);

/* Write headers and counters. To be called again after every change. */
void heap_image_finish(struct heap_image *i);

/* heap_walk of it. */
int heap_image_walk(struct heap_image *i, struct heap **ret, struct err *err);

#endif
