/* SPDX-License-Identifier: MIT */
/*
 * An address in the target. A struct of one field, so it can neither be dereferenced nor
 * mixed up with a pointer of ours. Always 64 bits wide: a 32-bit target's addresses are
 * zero-extended, so nothing else in the tool needs to know the target's word size.
 */
#ifndef PYMEMPROF_BASE_TADDR_H
#define PYMEMPROF_BASE_TADDR_H

#include <stdbool.h>
#include <stdint.h>

typedef struct taddr {
	uint64_t v;
} taddr;

#define TADDR_NULL ((taddr){ 0 })

static inline taddr taddr_of(uint64_t v)
{
	return (taddr){ v };
}

static inline taddr taddr_add(taddr a, int64_t delta)
{
	return (taddr){ a.v + (uint64_t)delta };
}

static inline bool taddr_is_null(taddr a)
{
	return a.v == 0;
}

static inline bool taddr_eq(taddr a, taddr b)
{
	return a.v == b.v;
}

#endif
