/* SPDX-License-Identifier: MIT */
/* Little-endian loads from local bytes, aligned or not. Knows nothing of what they mean. */
#ifndef PYMEMPROF_BASE_LE_H
#define PYMEMPROF_BASE_LE_H

#include <stdint.h>

static inline uint64_t le64(const uint8_t *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t le32(const uint8_t *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

#endif
