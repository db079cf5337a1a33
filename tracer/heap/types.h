/* SPDX-License-Identifier: MIT */
/*
 * The types met in a heap: each type object is read and judged once, then every instance costs
 * one look into a small table. A type's family says which C struct its instances begin with,
 * so sizes and buffers are known by layout; what no family covers is `opaque`.
 */
#ifndef PYMEMPROF_TRACER_HEAP_TYPES_H
#define PYMEMPROF_TRACER_HEAP_TYPES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "base/vec.h"
#include "tracer/cpython/py.h"
#include "tracer/heap/reader.h"

/* The C struct at the beginning of an instance. */
enum heap_family {
	HEAP_OBJECT, /* nothing but the header and what Python classes add */
	HEAP_INT,
	HEAP_FLAT, /* float, complex, range …: fixed fields, no buffer */
	HEAP_STR,
	HEAP_BYTES,
	HEAP_BYTEARRAY,
	HEAP_LIST,
	HEAP_TUPLE,
	HEAP_DICT,
	HEAP_ODICT,
	HEAP_SET,
	HEAP_TYPE,
	HEAP_CODE,
	HEAP_FRAME,
	HEAP_GENERATOR,
	HEAP_MODULE,
	HEAP_DEQUE,
	HEAP_ARRAY,
	HEAP_STRINGIO,
	HEAP_BUFFERED,
	HEAP_NDARRAY,
	HEAP_DATETIME, /* without a tzinfo, the last word is left out */
	HEAP_WEAKREF,	 /* its referent is not its own */
	HEAP_CONTEXTVAR, /* nor is the cached value */
	HEAP_MEMORYVIEW,
	HEAP_LRU_CACHE,
	HEAP_VAR, /* known C struct with ob_size items behind it, no buffer */
};

/* What the walk adds up per type; meanings as in struct fact_heap_type. */
struct heap_sums {
	uint64_t count, tracked, frozen, static_count, static_bytes, immortal, large;
	uint64_t payload, header, gc_head, dict, buffer, slack, rounding;
	uint64_t instance_dict;
	uint64_t attributes; /* in __dict__ objects and attribute values of instances */
};

struct heap_type {
	uint64_t addr, meta; /* addr 0: pseudo-type, which owns but has no instances */
	const char *name, *module; /* owned by the table */
	uint32_t flags; /* tp_flags */
	uint32_t basic, item;
	int32_t dict_offset, weak_offset;
	int32_t unvisited; /* a word tp_traverse leaves out; 0: none */
	uint32_t pre; /* bytes before the object: GC head and managed words */
	uint32_t gc_head;
	uint32_t inline_bytes; /* of inline attribute values behind tp_basicsize (3.13+) */
	uint32_t shared_values; /* slots of a values array: room of the shared keys */
	uint32_t shared_names;	/* of these, used by attributes */
	uint32_t slots;
	uint32_t bare; /* bytes of an instance without the words for __dict__ and __weakref__; 0: not to be had */
	enum heap_family family;
	uint32_t family_basic; /* tp_basicsize of the C type the family was found at */
	bool leaf;   /* instances refer to nothing */
	bool opaque; /* some C struct in the chain is unknown to us */
	bool sized;  /* ob_size counts items */
	bool by_class; /* made by a class statement, whatever its bases are */
	bool python; /* made by a class statement, as far as the layout tells */
	struct heap_sums sum;
	uint64_t garbage, garbage_bytes; /* in unreachable cycles */
	uint64_t retained; /* by all instances together; 0 without a graph */
};

struct types {
	struct reader *r; /* borrowed */
	const struct py *py;
	struct arena strings;
	struct VEC(struct heap_type) list; /* [0] is unused: index 0 means unknown */
	struct map index;	/* address → index, 0 when judged to be no type */
	uint64_t *hot_addr;	/* direct-mapped front of the index */
	uint32_t *hot_index;
	uint64_t rejected;
	bool nomem; /* memory ran out: a type, a name or a verdict was lost */
};

int types_init(struct types *t, struct reader *r, const struct py *py, struct err *err) MUST_CHECK;
void types_deinit(struct types *t); /* accepts zeroed */

#define TYPES_HOT 4096

static inline size_t types_hot_slot(uint64_t addr)
{
	return (size_t)((addr >> 4) ^ (addr >> 16)) & (TYPES_HOT - 1);
}

/* Index of a type already judged to be one, else 0. Reads nothing. */
static inline uint32_t types_known(const struct types *t, uint64_t addr)
{
	size_t slot = types_hot_slot(addr);

	if (t->hot_addr[slot] == addr)
		return t->hot_index[slot];
	return (uint32_t)map_get(&t->index, addr, 0);
}

/*
 * Index of the type object at addr, judged and read at first sight; 0 when it is none, or when
 * memory ran out (then t->nomem is set). Target bytes decide, so every field is bounded.
 */
uint32_t types_resolve(struct types *t, uint64_t addr);

/* A pseudo-type by name, made at first call; 0 when out of memory. */
uint32_t types_pseudo(struct types *t, const char *module, const char *name);

static inline struct heap_type *types_at(const struct types *t, uint32_t index)
{
	return &t->list.at[index];
}

#endif
