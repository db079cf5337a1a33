/* SPDX-License-Identifier: MIT */
/*
 * Content digest → small dense number: how strings, threads and stacks are recognised when
 * they come back. Keeps 128-bit digests instead of contents, so its memory is bounded by the
 * count alone. Not cryptographic: a target that forges a collision falsifies its own profile.
 */
#ifndef PYMEMPROF_TRACER_STREAM_IDMAP_H
#define PYMEMPROF_TRACER_STREAM_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct digest {
	uint64_t a, b;
};

/* Start value, and the step for one word: order matters. */
#define DIGEST_INIT ((struct digest){ 0x243f6a8885a308d3ull, 0x13198a2e03707344ull })
struct digest digest_word(struct digest d, uint64_t word);
struct digest digest_bytes(struct digest d, const void *bytes, size_t n);

struct idmap_slot {
	struct digest key;
	uint32_t id; /* 0: empty */
};

/* Zeroed is empty and valid. */
struct idmap {
	struct idmap_slot *slots;
	size_t count, cap; /* cap: power of two or 0 */
};

void idmap_deinit(struct idmap *m);

/* The number put under key, or 0. */
uint32_t idmap_get(const struct idmap *m, struct digest key);

/* Put id (not 0) under a key that is not there. False: out of memory, nothing changed. */
bool idmap_put(struct idmap *m, struct digest key, uint32_t id);

#endif
