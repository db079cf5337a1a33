/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 by RFC 3629. Target strings arrive in the three widths of PEP 393 or as plain bytes.
 */
#include "base/utf8.h"

#define REPLACEMENT 0xfffdu

static bool is_scalar(uint32_t c)
{
	return c < 0xd800 || (c > 0xdfff && c <= 0x10ffff);
}

size_t utf8_encode(uint32_t c, char ret[4])
{
	if (!is_scalar(c))
		c = REPLACEMENT;
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xc0 | c >> 6);
		ret[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (char)(0xe0 | c >> 12);
		ret[1] = (char)(0x80 | (c >> 6 & 0x3f));
		ret[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	ret[0] = (char)(0xf0 | c >> 18);
	ret[1] = (char)(0x80 | (c >> 12 & 0x3f));
	ret[2] = (char)(0x80 | (c >> 6 & 0x3f));
	ret[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

size_t utf8_decode(const char *s, size_t n, uint32_t *ret)
{
	const uint8_t *p = (const uint8_t *)s;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len;
	uint32_t c;

	*ret = REPLACEMENT;
	if (p[0] < 0x80) {
		*ret = p[0];
		return 1;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	c = p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || !is_scalar(c))
		return 0;
	*ret = c;
	return len;
}

size_t utf8_valid(const char *s, size_t n)
{
	size_t at = 0;

	while (at < n) {
		uint32_t c;
		size_t len = utf8_decode(s + at, n - at, &c);

		if (len == 0)
			break;
		at += len;
	}
	return at;
}

static int put_char(struct buf *out, uint32_t c)
{
	char bytes[4];
	size_t n = utf8_encode(c, bytes);

	return buf_put(out, bytes, n);
}

int utf8_from_latin1(struct buf *out, const uint8_t *s, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = put_char(out, s[i]);
	return r;
}

int utf8_from_ucs2(struct buf *out, const uint8_t *s, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = put_char(out, s[2 * i] | (uint32_t)s[2 * i + 1] << 8);
	return r;
}

int utf8_from_ucs4(struct buf *out, const uint8_t *s, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		const uint8_t *p = s + 4 * i;

		r = put_char(out, p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
					  (uint32_t)p[3] << 24);
	}
	return r;
}

int utf8_from_bytes(struct buf *out, const void *bytes, size_t n)
{
	const char *s = bytes;
	int r = 0;

	while (n > 0 && r == 0) {
		size_t good = utf8_valid(s, n);

		r = buf_put(out, s, good);
		s += good;
		n -= good;
		if (n > 0 && r == 0) {
			r = put_char(out, REPLACEMENT);
			s++;
			n--;
		}
	}
	return r;
}
