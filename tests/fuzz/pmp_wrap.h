/* SPDX-License-Identifier: MIT */
/*
 * A .pmp out of fuzz bytes. An input with the file's magic is taken as it is; any other is
 * payloads (kind byte, two bytes of length, bytes), wrapped into sections with correct
 * checksums, so that what lies behind the checksums is reached.
 */
#ifndef PYMEMPROF_TESTS_FUZZ_PMP_WRAP_H
#define PYMEMPROF_TESTS_FUZZ_PMP_WRAP_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "tracer/stream/pmp_format.h"

static void pmp_wrap(const uint8_t *bytes, size_t len, struct buf *b)
{
	struct cursor c = cursor_of(bytes, len);

	if (len >= PMP_MAGIC_BYTES && memcmp(bytes, PMP_MAGIC, PMP_MAGIC_BYTES) == 0) {
		(void)buf_put(b, bytes, len);
		return;
	}
	(void)buf_put(b, PMP_MAGIC, PMP_MAGIC_BYTES);
	(void)buf_u16(b, PMP_VERSION_MAJOR);
	(void)buf_u16(b, PMP_VERSION_MINOR);
	(void)buf_u32(b, PMP_HEADER_BYTES);
	(void)buf_fill(b, 0, 12);
	(void)buf_u32(b, (uint32_t)crc32(0, b->bytes, (uInt)b->len));
	while (cursor_left(&c) >= 3) {
		unsigned kind = cursor_u8(&c);
		size_t n = cursor_u16(&c), at = b->len;

		if (n > cursor_left(&c))
			n = cursor_left(&c);
		const uint8_t *payload = cursor_take(&c, n);
		(void)buf_u32(b, PMP_SECTION_MARK);
		(void)buf_u16(b, (uint16_t)kind);
		(void)buf_u16(b, 0);
		(void)buf_u32(b, (uint32_t)n);
		(void)buf_u32(b, (uint32_t)n);
		(void)buf_u32(b, (uint32_t)crc32(0, payload, (uInt)n));
		(void)buf_u32(b, (uint32_t)crc32(0, b->bytes + at, (uInt)(b->len - at)));
		(void)buf_put(b, payload, n);
	}
	if (b->failed)
		abort();
}

#endif
