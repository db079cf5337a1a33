/* SPDX-License-Identifier: MIT */
/*
 * Growable byte builder: doubling growth, sticky failure.
 */
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

#define MIN_CAP 64

void buf_deinit(struct buf *b)
{
	if (!b)
		return;
	free(b->bytes);
	*b = BUF_INIT;
}

static int fail(struct buf *b)
{
	b->failed = true;
	return ERR_NOMEM;
}

int buf_reserve(struct buf *b, size_t n)
{
	size_t need, cap = b->cap ? b->cap : MIN_CAP;
	uint8_t *bytes;

	if (b->failed)
		return ERR_NOMEM;
	if (__builtin_add_overflow(b->len, n, &need))
		return fail(b);
	if (need <= b->cap)
		return 0;
	while (cap < need) {
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			return fail(b);
	}
	bytes = realloc(b->bytes, cap);
	if (!bytes)
		return fail(b);
	b->bytes = bytes;
	b->cap = cap;
	return 0;
}

int buf_put(struct buf *b, const void *bytes, size_t n)
{
	int r = buf_reserve(b, n);

	if (r < 0)
		return r;
	if (n)
		memcpy(b->bytes + b->len, bytes, n);
	b->len += n;
	return 0;
}

int buf_fill(struct buf *b, int byte, size_t n)
{
	int r = buf_reserve(b, n);

	if (r < 0)
		return r;
	if (n)
		memset(b->bytes + b->len, byte, n);
	b->len += n;
	return 0;
}

int buf_str(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	char small[256];
	va_list again;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	if (n < 0)
		r = fail(b);
	else if ((size_t)n < sizeof(small))
		r = buf_put(b, small, (size_t)n);
	else
		r = buf_reserve(b, (size_t)n + 1);
	if (r == 0 && (size_t)n >= sizeof(small)) {
		vsnprintf((char *)b->bytes + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	return r;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return r;
}

static int put_le(struct buf *b, uint64_t v, size_t n)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(v >> (8 * i));
	return buf_put(b, bytes, n);
}

int buf_u8(struct buf *b, uint8_t v)
{
	return put_le(b, v, 1);
}

int buf_u16(struct buf *b, uint16_t v)
{
	return put_le(b, v, 2);
}

int buf_u32(struct buf *b, uint32_t v)
{
	return put_le(b, v, 4);
}

int buf_u64(struct buf *b, uint64_t v)
{
	return put_le(b, v, 8);
}

int buf_uvarint(struct buf *b, uint64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;

	while (v >= 0x80) {
		bytes[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	bytes[n++] = (uint8_t)v;
	return buf_put(b, bytes, n);
}

int buf_svarint(struct buf *b, int64_t v)
{
	return buf_uvarint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

void buf_cut(struct buf *b, size_t len)
{
	CHECK(len <= b->len);
	b->len = len;
}

void buf_drop(struct buf *b, size_t n)
{
	CHECK(n <= b->len);
	if (n && n < b->len)
		memmove(b->bytes, b->bytes + n, b->len - n);
	b->len -= n;
}

const char *buf_cstr(struct buf *b)
{
	if (buf_reserve(b, 1) < 0)
		return NULL;
	b->bytes[b->len] = '\0';
	return (const char *)b->bytes;
}

char *buf_take(struct buf *b, size_t *ret_len)
{
	char *taken;

	if (!buf_cstr(b))
		return NULL;
	taken = (char *)b->bytes;
	if (ret_len)
		*ret_len = b->len;
	*b = BUF_INIT;
	return taken;
}

int buf_check(const struct buf *b, struct err *err)
{
	return b->failed ? err_nomem(err) : 0;
}
