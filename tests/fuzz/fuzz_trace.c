/* SPDX-License-Identifier: MIT */
/*
 * The .pmp reader. An input with the file's magic is read as it is; any other is taken as
 * payloads (kind byte, two bytes of length, bytes) and wrapped into sections with correct
 * checksums, so that the readers behind the checksums are reached.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "tracer/stream/pmp_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct seen {
	uint32_t sites, threads;
	size_t text;
	int finished;
};

static int on_thread(void *ctx, const struct fact_thread *f, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	if (f->thread != ++s->threads)
		abort();
	s->text += strlen(f->name);
	return 0;
}

static int on_site(void *ctx, const struct fact_site *f, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	if (f->site != ++s->sites || f->thread > s->threads)
		abort();
	for (uint32_t i = 0; i < f->nframes; i++)
		s->text += strlen(f->frames[i].function) + strlen(f->frames[i].file);
	return 0;
}

static int on_interval(void *ctx, const struct fact_interval *f, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	for (size_t i = 0; i < f->ndeltas; i++)
		if (f->deltas[i].site == 0 || f->deltas[i].site > s->sites)
			abort();
	return 0;
}

static int on_block(void *ctx, const struct fact_block *f, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	if (f->site > s->sites || f->domain > 2)
		abort();
	return 0;
}

static int on_finish(void *ctx, enum fact_end end, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	(void)end;
	s->finished++;
	return 0;
}

static void read_file(const uint8_t *bytes, size_t len)
{
	struct seen s = { 0 };
	struct fact_sink sink = { .ctx = &s, .thread = on_thread, .site = on_site,
				  .interval = on_interval, .block = on_block, .finish = on_finish };
	struct err err = ERR_INIT;
	int r = pmp_read_bytes(bytes, len, &sink, &err);

	if (r == 0 ? s.finished != 1 : err.text[0] == '\0')
		abort();
}

static void wrap(const uint8_t *bytes, size_t len)
{
	struct buf b = BUF_INIT;
	struct cursor c = cursor_of(bytes, len);

	(void)buf_put(&b, PMP_MAGIC, PMP_MAGIC_BYTES);
	(void)buf_u16(&b, PMP_VERSION_MAJOR);
	(void)buf_u16(&b, PMP_VERSION_MINOR);
	(void)buf_u32(&b, PMP_HEADER_BYTES);
	(void)buf_fill(&b, 0, 12);
	(void)buf_u32(&b, (uint32_t)crc32(0, b.bytes, (uInt)b.len));
	while (cursor_left(&c) >= 3) {
		unsigned kind = cursor_u8(&c);
		size_t n = cursor_u16(&c), at = b.len;

		if (n > cursor_left(&c))
			n = cursor_left(&c);
		const uint8_t *payload = cursor_take(&c, n);
		(void)buf_u32(&b, PMP_SECTION_MARK);
		(void)buf_u16(&b, (uint16_t)kind);
		(void)buf_u16(&b, 0);
		(void)buf_u32(&b, (uint32_t)n);
		(void)buf_u32(&b, (uint32_t)n);
		(void)buf_u32(&b, (uint32_t)crc32(0, payload, (uInt)n));
		(void)buf_u32(&b, (uint32_t)crc32(0, b.bytes + at, (uInt)(b.len - at)));
		(void)buf_put(&b, payload, n);
	}
	if (b.failed)
		abort();
	read_file(b.bytes, b.len);
	buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	if (len >= PMP_MAGIC_BYTES && memcmp(bytes, PMP_MAGIC, PMP_MAGIC_BYTES) == 0)
		read_file(bytes, len);
	else
		wrap(bytes, len);
	return 0;
}
