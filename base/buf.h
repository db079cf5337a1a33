/* SPDX-License-Identifier: MIT */
/*
 * Growable byte builder for text and binary output. A failed append is remembered, so a
 * writer appends many times and asks once at the end. It knows bytes, not their encoding.
 */
#ifndef PYMEMPROF_BASE_BUF_H
#define PYMEMPROF_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

struct buf {
	uint8_t *bytes; /* never NUL-terminated by itself; see buf_cstr */
	size_t len;
	size_t cap;
	bool failed; /* an append ran out of memory; the content is incomplete */
};

#define BUF_INIT ((struct buf){ 0 })
#define AUTO_BUF AUTO(buf_deinit)

void buf_deinit(struct buf *b); /* accepts NULL and zeroed; leaves it zeroed and usable */

/*
 * Append. Return 0, or ERR_NOMEM with the content unchanged and b->failed set. Once failed,
 * every further append fails too, until buf_clear: no hole can appear in the middle.
 */
int buf_put(struct buf *b, const void *bytes, size_t n);
int buf_fill(struct buf *b, int byte, size_t n);
int buf_str(struct buf *b, const char *s); /* without its NUL */
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

int buf_u8(struct buf *b, uint8_t v);
/* Little endian, whatever the host. */
int buf_u16(struct buf *b, uint16_t v);
int buf_u32(struct buf *b, uint32_t v);
int buf_u64(struct buf *b, uint64_t v);
/* LEB128: seven bits a byte, low first. Signed values are zigzagged first. */
int buf_uvarint(struct buf *b, uint64_t v);
int buf_svarint(struct buf *b, int64_t v);

/* Room for n more bytes without another allocation; 0 or ERR_NOMEM. */
int buf_reserve(struct buf *b, size_t n);

/* Forget the content and the failure, keep the memory. */
void buf_clear(struct buf *b);
/* Cut to len bytes; len must not exceed b->len. */
void buf_cut(struct buf *b, size_t len);
/* Drop the first n bytes (n <= b->len), moving the rest down. */
void buf_drop(struct buf *b, size_t n);

/*
 * The content with a NUL after it, borrowed until the next change; NULL when memory ran out
 * now or during an earlier append. The NUL is not counted in len.
 */
const char *buf_cstr(struct buf *b);

/*
 * Hand over the content, NUL-terminated, as malloc'ed memory; b is empty afterwards. NULL
 * under the conditions of buf_cstr, and then b is unchanged. ret_len may be NULL.
 */
char *buf_take(struct buf *b, size_t *ret_len);

/* 0, or ERR_NOMEM with err filled when any append failed. */
int buf_check(const struct buf *b, struct err *err) MUST_CHECK;

#endif
