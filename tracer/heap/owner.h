/* SPDX-License-Identifier: MIT */
/*
 * Which memory an object owns besides its own block: items, keys, tables, text, nodes. By the
 * layout of its family; each buffer is claimed once, for the type of its owner.
 */
#ifndef PYMEMPROF_TRACER_HEAP_OWNER_H
#define PYMEMPROF_TRACER_HEAP_OWNER_H

#include "tracer/heap/heap.h"

/*
 * Claim the memory at addr for `owner`: bytes asked for (0: unknown, the whole block), of
 * which `used` hold something. Claims of one block after the first are ignored. Inside an
 * arena addr must be a block's beginning.
 */
void owner_claim(struct heap *h, uint64_t addr, uint64_t bytes, uint64_t used, uint32_t owner,
		 enum buffer_kind kind);

/* Like it, but only if the block is neither an object nor claimed; overruled by any other claim. */
void owner_claim_weak(struct heap *h, uint64_t addr, uint32_t owner);

/* Parse and account a keys object claimed before; bytes are its block's, or NULL to read them. */
void owner_keys(struct heap *h, uint64_t addr, const uint8_t *bytes, uint32_t owner,
		enum buffer_kind kind);

/*
 * Claim what the object of type `type` at addr owns. o points to its head, with `pre` bytes of
 * the block before it at hand; avail counts from o.
 */
void owner_buffers(struct heap *h, uint32_t type, uint64_t addr, const uint8_t *o, size_t avail);

/* Name of a buffer kind, for rows. */
const char *owner_kind_name(enum buffer_kind kind);

#endif
