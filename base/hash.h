/* SPDX-License-Identifier: MIT */
/*
 * FNV-1a, 64 bits: the offset basis and prime of its definition, the same on every machine and in
 * every version, so what it makes may be written to files. Not for keys an adversary chooses: map.h
 * seeds its own.
 */
#ifndef PYMEMPROF_BASE_HASH_H
#define PYMEMPROF_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* h: HASH_START, or what the bytes before these gave. */
static inline uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

#endif
