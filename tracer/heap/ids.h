/* SPDX-License-Identifier: MIT */
/*
 * Objects by number. An id is the index of an object's block in the table of all blocks, or
 * beyond them its index among the objects outside the arenas; ids are stable for one walk, so
 * a graph can keep its own arrays beside them.
 */
#ifndef PYMEMPROF_TRACER_HEAP_IDS_H
#define PYMEMPROF_TRACER_HEAP_IDS_H

#include <stdbool.h>
#include <stdint.h>

struct heap;

#define HEAP_ID_NONE UINT32_MAX

struct heap_object {
	uint32_t id;
	uint32_t type;
	uint64_t addr;	      /* as id() in the target gives it */
	uint64_t block;	      /* as the allocator gave it, recordings and tracemalloc know it */
	uint64_t block_bytes; /* of its own block; buffers are not in it */
	bool is_static;	      /* in a mapped file */
};

/* All ids are below it; not all of them are objects. */
uint32_t heap_id_limit(const struct heap *h);

/* The object at addr (its own address, not its block's), HEAP_ID_NONE when there is none. */
uint32_t heap_id_of(const struct heap *h, uint64_t addr);

/* False when id is no object. */
bool heap_object(const struct heap *h, uint32_t id, struct heap_object *ret);

/* Objects in address order within the arenas, then those outside: start with *pos = 0. */
bool heap_object_next(const struct heap *h, uint64_t *pos, struct heap_object *ret);

/* What a block is used for. */
enum heap_use {
	HEAP_USE_NONE, /* no block known to the walk begins there */
	HEAP_USE_FREE,
	HEAP_USE_OBJECT,
	HEAP_USE_BUFFER,
	HEAP_USE_FREE_LIST,
	HEAP_USE_UNKNOWN,
};

/*
 * Use of the block at the address an allocator returned, and the type of the object, or of the
 * buffer's owner (0: unknown). *ret_object is the object's address, 0 for anything else.
 */
enum heap_use heap_block_use(const struct heap *h, uint64_t block, uint32_t *ret_type,
			     uint64_t *ret_object);

/* Own block and the buffers the object's layout names, shared ones included. */
uint64_t heap_object_bytes(struct heap *h, uint32_t id);

#endif
