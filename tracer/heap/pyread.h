/* SPDX-License-Identifier: MIT */
/*
 * Small readers of Python values the walk needs names from: text of a str, shape and entries
 * of a dict's keys object. All sizes are bounded before they are used.
 */
#ifndef PYMEMPROF_TRACER_HEAP_PYREAD_H
#define PYMEMPROF_TRACER_HEAP_PYREAD_H

#include "tracer/cpython/layout.h"
#include "tracer/heap/reader.h"

/*
 * UTF-8 text of the str at addr, cut to fit size bytes with its NUL. Lone surrogates and
 * damage become U+FFFD. Returns the length, or -1 when it is no readable str.
 */
int pyread_str(struct reader *r, const struct py_layout *l, uint64_t addr, char *ret, size_t size);

/* NUL-terminated C string of the target, cut to fit; length or -1. Bytes ≥ 0x80 are kept. */
int pyread_cstr(struct reader *r, uint64_t addr, char *ret, size_t size);

/* What a dict's keys object says of itself (Objects/dictobject.c). */
struct keys_shape {
	uint64_t refcnt;
	uint64_t slots;	      /* size of the index table */
	uint64_t capacity;    /* entries there is room for: USABLE_FRACTION(slots) */
	uint64_t entries;     /* used, deleted ones included */
	uint64_t usable;      /* still free */
	uint64_t index_bytes; /* whole index table */
	uint32_t entry_bytes; /* 16 or 24 */
	uint64_t entries_at;  /* offset of the first entry */
	uint64_t bytes;	      /* allocated */
	bool split;	      /* kind says shared by instances (3.11+) */
};

/* From at least PyDictKeysObject_sizeof local bytes; false when they contradict themselves. */
bool keys_shape(const struct py_layout *l, const uint8_t *keys, struct keys_shape *ret);
bool keys_shape_at(struct reader *r, const struct py_layout *l, uint64_t keys,
		   struct keys_shape *ret);

/*
 * Value of the str key `name` in the dict object at addr; 0 when absent. Split tables are
 * looked up in the values given by the dict.
 */
uint64_t pyread_dict_get(struct reader *r, const struct py_layout *l, uint64_t dict,
			 const char *name);

/* |lv_tag >> 3| or |ob_size|: digits of the int whose bytes are at hand. */
uint64_t pyread_int_digits(const struct py_layout *l, const uint8_t *o);

/* Bytes per character, 1 2 4; flags; text offset or pointer of a str whose head is at hand. */
struct str_shape {
	uint64_t length;
	uint32_t kind;
	bool compact, ascii;
	uint32_t head_bytes; /* of the struct in front of compact text */
};
bool str_shape(const struct py_layout *l, const uint8_t *o, size_t avail, struct str_shape *ret);

#endif
