/* SPDX-License-Identifier: MIT */
/*
 * Valid UTF-8 from whatever a target holds. Surrogates, overlong forms and values beyond
 * U+10FFFF become U+FFFD; control characters are left alone (escaping is the views' job).
 */
#ifndef PYMEMPROF_BASE_UTF8_H
#define PYMEMPROF_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Bytes written to ret (1…4) for one code point; anything not a scalar value gives U+FFFD. */
size_t utf8_encode(uint32_t code_point, char ret[4]);

/*
 * Decode one sequence of at most n bytes (n > 0): its length (1…4) with *ret set, or 0 when
 * it is malformed or cut, and then *ret is U+FFFD.
 */
size_t utf8_decode(const char *s, size_t n, uint32_t *ret);

/* Number of bytes from the start of s that are valid; n when all are. */
size_t utf8_valid(const char *s, size_t n);

/* Append as UTF-8: 0 or ERR_NOMEM (sticky, see buf.h). count is in characters of the source. */
int utf8_from_latin1(struct buf *out, const uint8_t *s, size_t count);
int utf8_from_ucs2(struct buf *out, const uint8_t *s, size_t count); /* unaligned, little endian */
int utf8_from_ucs4(struct buf *out, const uint8_t *s, size_t count); /* unaligned, little endian */
/* Bytes claimed to be UTF-8: each byte that is no part of a valid sequence becomes U+FFFD. */
int utf8_from_bytes(struct buf *out, const void *s, size_t n);

#endif
