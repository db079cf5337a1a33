/* SPDX-License-Identifier: MIT */
/*
 * Shape and entries of a dict by layout. Knows the two forms of keys objects and where split
 * tables keep values; whether an address is a dict is the caller's business.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_DICT_H
#define PYMEMPROF_TRACER_CPYTHON_DICT_H

#include <stdbool.h>

#include "tracer/cpython/layout.h"
#include "tracer/mem/source.h"

/* What a dict's keys object says of itself (Objects/dictobject.c). */
struct keys_shape {
	uint64_t refcnt;
	uint64_t slots;	      /* size of the index table */
	uint64_t capacity;    /* entries there is room for: USABLE_FRACTION(slots) */
	uint64_t entries;     /* used, deleted ones included */
	uint64_t usable;      /* still free */
	uint64_t index_bytes; /* whole index table */
	uint32_t entry_bytes; /* 16 or 24 */
	uint32_t key_at, value_at; /* of the pointers in an entry */
	uint64_t entries_at;  /* offset of the first entry */
	uint64_t bytes;	      /* allocated */
	bool split;	      /* kind says shared by instances (3.11+) */
};

/* From at least PyDictKeysObject_sizeof local bytes; false when they contradict themselves. */
bool keys_shape(const struct py_layout *l, const uint8_t *keys, struct keys_shape *ret);
bool keys_shape_at(struct mem_source *mem, const struct py_layout *l, uint64_t keys,
		   struct keys_shape *ret);

/*
 * Value of the ASCII key `name` (at most 64 characters) in the dict object at addr; 0 when
 * absent or unreadable. Split tables are looked up in the values given by the dict.
 */
uint64_t dict_get(struct mem_source *mem, const struct py_layout *l, uint64_t dict,
		  const char *name);

#endif
