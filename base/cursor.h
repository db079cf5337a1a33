/* SPDX-License-Identifier: MIT */
/*
 * Bounded reader over bytes nobody has validated yet. A read past the end fails, is
 * remembered, and yields zeros from then on, so a parser may read a whole record and ask
 * once. It remembers the offset where the last value began, for messages.
 */
#ifndef PYMEMPROF_BASE_CURSOR_H
#define PYMEMPROF_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct cursor {
	const uint8_t *bytes; /* borrowed */
	size_t len;
	size_t at;    /* offset of the next byte; never beyond len */
	size_t value; /* offset of the last value asked for; after a failure, of the one that failed */
	bool failed;
};

static inline struct cursor cursor_of(const void *bytes, size_t len)
{
	return (struct cursor){ .bytes = bytes, .len = len };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return c->len - c->at;
}

/* True when all was read and nothing failed. */
static inline bool cursor_done(const struct cursor *c)
{
	return !c->failed && c->at == c->len;
}

/* Little endian; 0 after a failure. */
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
/* As written by buf_uvarint and buf_svarint; more than 64 bits is a failure. */
uint64_t cursor_uvarint(struct cursor *c);
int64_t cursor_svarint(struct cursor *c);

/* A varint that must not exceed max: a count or size on its way to a loop or an allocator. */
uint64_t cursor_bounded(struct cursor *c, uint64_t max);

/* n bytes borrowed from the cursor's memory, NULL (and failed) when there are fewer. */
const uint8_t *cursor_take(struct cursor *c, size_t n);
/* Copy n bytes; on failure ret is zeroed. */
void cursor_copy(struct cursor *c, void *ret, size_t n);
/* A string up to a NUL, which is passed over; NULL (and failed) when there is none. */
const char *cursor_cstr(struct cursor *c);
/* A cursor over the next n bytes, which are passed over; failed and empty when there are fewer. */
struct cursor cursor_sub(struct cursor *c, size_t n);
void cursor_skip(struct cursor *c, size_t n);
/* Pass over padding to a multiple of align (a power of two) from the cursor's start. */
void cursor_align(struct cursor *c, size_t align);
/* Move to an absolute offset; beyond the end is a failure. */
void cursor_seek(struct cursor *c, size_t at);
/* Mark as failed: the value last read was readable, but wrong. */
void cursor_fail(struct cursor *c);

/* 0, or ERR_CORRUPT "<what>: bad or missing value at offset N of LEN". */
int cursor_check(const struct cursor *c, const char *what, struct err *err) MUST_CHECK;

#endif
