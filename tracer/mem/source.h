/* SPDX-License-Identifier: MIT */
/*
 * Where target bytes come from. One read interface; live process, frozen clone, core file,
 * test image and fuzz bytes are implementations. A source knows bytes and refuses to know
 * what they mean.
 */
#ifndef PYMEMPROF_TRACER_MEM_SOURCE_H
#define PYMEMPROF_TRACER_MEM_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/taddr.h"

struct mem_source;

struct mem_ops {
	/*
	 * Read up to n bytes at addr into buf; return the number read from the start (a short
	 * count means the byte after it is unreadable), or a negative err_code when the source
	 * itself failed (ERR_GONE: the target is no more). Never blocks for long.
	 */
	int64_t (*read)(struct mem_source *src, taddr addr, void *buf, size_t n);
	void (*free)(struct mem_source *src);
};

/* First member of every implementation. word_bytes is the target's: 8 or 4. */
struct mem_source {
	const struct mem_ops *ops;
	uint8_t word_bytes;
};

/*
 * Read exactly n bytes. On failure buf's content is unspecified and the error is ERR_FAULT
 * naming the first unreadable address, or ERR_GONE.
 */
int mem_read(struct mem_source *src, taddr addr, void *buf, size_t n, struct err *err) MUST_CHECK;

/* Read as much of n bytes as there is: number of bytes (0…n), or a negative code. */
int64_t mem_read_some(struct mem_source *src, taddr addr, void *buf, size_t n) MUST_CHECK;

/* Fixed-width reads, little endian. mem_word reads word_bytes and zero-extends. */
int mem_u8(struct mem_source *src, taddr addr, uint8_t *ret, struct err *err) MUST_CHECK;
int mem_u16(struct mem_source *src, taddr addr, uint16_t *ret, struct err *err) MUST_CHECK;
int mem_u32(struct mem_source *src, taddr addr, uint32_t *ret, struct err *err) MUST_CHECK;
int mem_u64(struct mem_source *src, taddr addr, uint64_t *ret, struct err *err) MUST_CHECK;
int mem_word(struct mem_source *src, taddr addr, uint64_t *ret, struct err *err) MUST_CHECK;
int mem_ptr(struct mem_source *src, taddr addr, taddr *ret, struct err *err) MUST_CHECK;

/*
 * NUL-terminated string of at most max bytes; result is malloc'ed, caller frees.
 * ERR_CORRUPT when no NUL is found within max.
 */
int mem_cstr(struct mem_source *src, taddr addr, size_t max, char **ret, struct err *err) MUST_CHECK;

void mem_free(struct mem_source *src); /* accepts NULL */

#endif
