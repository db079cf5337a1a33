/* SPDX-License-Identifier: MIT */
/*
 * One object: is this one, how large is it, what does sys.getsizeof say of it. By the layout
 * of its type's family; nothing in the target is called.
 */
#ifndef PYMEMPROF_TRACER_HEAP_OBJECT_H
#define PYMEMPROF_TRACER_HEAP_OBJECT_H

#include "tracer/heap/heap.h"

/* Bytes of an object's head every test below needs at hand. */
#define OBJECT_HEAD_BYTES 24
/* The first word of an object which may point to something it owns. */
#define OBJECT_WORDS_AT 16

/* Is this a reference count a living object can have? */
bool object_refcount_sane(const struct py_layout *l, const uint8_t *o);
bool object_immortal(const struct py_layout *l, const uint8_t *o);

/* |lv_tag >> 3| or |ob_size|: digits of the int whose bytes are at hand. */
uint64_t object_int_digits(const struct py_layout *l, const uint8_t *o);

/*
 * Bytes asked for from the object's first byte on: fields, items, inline values. o has `avail`
 * local bytes. 0 when the object contradicts its type.
 */
uint64_t object_own_bytes(struct heap *h, const struct heap_type *t, const uint8_t *o,
			  size_t avail);

/*
 * Type index of the object which starts at offset pre of a block of `block` bytes, 0 when the
 * block holds none. *ret_own is object_own_bytes.
 */
uint32_t object_in_block(struct heap *h, const uint8_t *bytes, uint32_t block, uint64_t *ret_own);

/* object_own_bytes of an object of that type at offset pre of the block when it fits, else 0. */
uint64_t object_fits(struct heap *h, uint32_t type, const uint8_t *bytes, uint32_t block,
		     uint32_t pre);

/* sys.getsizeof of the object at addr, whose type is t; 0 when unreadable. */
uint64_t object_getsizeof(struct heap *h, uint32_t type, uint64_t addr);

#endif
