/* SPDX-License-Identifier: MIT */
/* One start tag with known attributes in a known order, base64, perhaps deflate, two checks. */
#include "report/view/html/unpack.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/own.h"
#include "report/view/html/pack.h"

#define OPEN "<script type=\"application/x-pmp\" id=\"pmp-"
#define CLOSE "</script>"
#define TAG_BYTES_MAX 256
#define HEAD_BYTES_MAX 4096 /* of a page, until it has said who wrote it */
#define CHUNK 65536

/* The value of name="…" inside a tag of n bytes, copied; false when it is not there or too long. */
static bool attribute(const char *tag, size_t n, const char *name, char *ret, size_t cap)
{
	size_t bytes = strlen(name);
	const char *p = memmem(tag, n, name, bytes);
	if (!p)
		return false;
	p += bytes;
	const char *end = memchr(p, '"', n - (size_t)(p - tag));
	if (!end || (size_t)(end - p) >= cap)
		return false;
	memcpy(ret, p, (size_t)(end - p));
	ret[end - p] = '\0';
	return true;
}

static bool number(const char *text, int base, uint64_t *ret)
{
	char *end;
	if (!*text || *text == '-' || *text == '+' || *text == ' ')
		return false;
	*ret = strtoull(text, &end, base);
	return *end == '\0';
}

static bool parse_tag(const char *tag, size_t n, struct page_section *ret)
{
	char value[32];
	uint64_t v;
	const char *id = tag + strlen(OPEN), *end = memchr(id, '"', n - strlen(OPEN));
	if (!end || end == id)
		return false;
	ret->id = id;
	ret->id_bytes = (size_t)(end - id);
	if (!attribute(tag, n, "data-version=\"", value, sizeof value) || !number(value, 10, &v))
		return false;
	ret->version = v > 1000 ? 1000 : (unsigned)v;
	if (!attribute(tag, n, "data-enc=\"", value, sizeof value))
		return false;
	ret->deflated = strcmp(value, "deflate-raw") == 0;
	if (!ret->deflated && strcmp(value, "none") != 0)
		return false;
	if (!attribute(tag, n, "data-bytes=\"", value, sizeof value) ||
	    !number(value, 10, &ret->bytes))
		return false;
	if (!attribute(tag, n, "data-crc=\"", value, sizeof value) || !number(value, 16, &v))
		return false;
	ret->crc = (uint32_t)v;
	return true;
}

bool unpack_cut(const char *page, size_t n)
{
	static const char first[] = "<!DOCTYPE html>", ours[] = "name=\"generator\" content=\"pymemprof ";
	static const char last[] = "</html>";
	size_t head = n < HEAD_BYTES_MAX ? n : HEAD_BYTES_MAX, tail = n < TAG_BYTES_MAX ? n : TAG_BYTES_MAX;

	return n >= strlen(first) && memcmp(page, first, strlen(first)) == 0 &&
	       memmem(page, head, ours, strlen(ours)) &&
	       !memmem(page + n - tail, tail, last, strlen(last));
}

bool unpack_next(const char *page, size_t n, size_t *at, struct page_section *ret)
{
	while (*at < n) {
		const char *tag = memmem(page + *at, n - *at, OPEN, strlen(OPEN));
		if (!tag)
			break;
		size_t left = n - (size_t)(tag - page);
		const char *end = memchr(tag, '>', left < TAG_BYTES_MAX ? left : TAG_BYTES_MAX);
		*at = (size_t)(tag - page) + strlen(OPEN);
		if (!end || !parse_tag(tag, (size_t)(end - tag), ret))
			continue;
		ret->text = end + 1;
		left = n - (size_t)(ret->text - page);
		const char *close = memmem(ret->text, left, CLOSE, strlen(CLOSE));
		if (!close)
			break;
		ret->text_bytes = (size_t)(close - ret->text);
		*at = (size_t)(close - page) + strlen(CLOSE);
		return true;
	}
	*at = n;
	return false;
}

bool unpack_is(const struct page_section *s, const char *id)
{
	return strlen(id) == s->id_bytes && memcmp(s->id, id, s->id_bytes) == 0;
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648, padded, nothing in between. */
static int unbase64(const char *text, size_t n, struct buf *ret, struct err *err)
{
	if (n % 4)
		return err_set(err, ERR_CORRUPT, "is not whole base64");
	for (size_t i = 0; i < n; i += 4) {
		unsigned pad = i + 4 < n ? 0 : (text[i + 3] == '=') + (text[i + 2] == '=');
		uint32_t v = 0;
		for (unsigned k = 0; k < 4; k++) {
			int d = k < 4 - pad ? digit(text[i + k]) : 0;
			if (d < 0)
				return err_set(err, ERR_CORRUPT, "is not base64");
			v = v << 6 | (uint32_t)d;
		}
		const uint8_t three[3] = { (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
		buf_put(ret, three, 3 - pad);
	}
	return buf_check(ret, err);
}

static int inflate_all(const struct buf *small, uint64_t bytes, struct buf *ret, struct err *err)
{
	z_stream z = { .next_in = small->bytes, .avail_in = (uInt)small->len };
	uint8_t chunk[CHUNK];
	size_t before = ret->len;
	int rc;
	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return err_nomem(err);
	do {
		z.next_out = chunk;
		z.avail_out = sizeof chunk;
		rc = inflate(&z, Z_NO_FLUSH);
		buf_put(ret, chunk, sizeof chunk - z.avail_out);
	} while (rc == Z_OK && z.avail_out == 0 && ret->len - before <= bytes && !ret->failed);
	inflateEnd(&z);
	if (buf_check(ret, err) < 0)
		return ERR_NOMEM;
	return rc == Z_STREAM_END ? 0 : err_set(err, ERR_CORRUPT, "does not inflate");
}

int unpack_bytes(const struct page_section *s, struct buf *ret, struct err *err)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	size_t before = ret->len;
	if (s->version > PACK_VERSION)
		return err_hint(err, err_set(err, ERR_UNSUPPORTED, "has version %u", s->version),
				"newer-file");
	if (s->bytes > UNPACK_BYTES_MAX || s->text_bytes > UNPACK_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "is too long");
	int rc = unbase64(s->text, s->text_bytes, s->deflated ? &raw : ret, err);
	if (rc == 0 && s->deflated)
		rc = inflate_all(&raw, s->bytes, ret, err);
	if (rc < 0)
		return rc;
	size_t n = ret->len - before;
	const uint8_t *bytes = n ? ret->bytes + before : NULL;
	if (n != s->bytes || (n ? crc32(0, bytes, (uInt)n) : 0) != s->crc)
		return err_set(err, ERR_CORRUPT, "differs from its checksum");
	return 0;
}
