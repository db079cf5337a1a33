/* SPDX-License-Identifier: MIT */
/*
 * Bounded reader. Every access goes through cursor_take, the only place that compares with
 * the end.
 */
#include "base/cursor.h"

#include <string.h>

void cursor_fail(struct cursor *c)
{
	c->failed = true;
	c->at = c->len;
}

const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p;

	if (c->failed)
		return NULL;
	c->value = c->at;
	if (n > c->len - c->at) {
		cursor_fail(c);
		return NULL;
	}
	/* An empty cursor may have no memory at all: NULL + 0 is not for us to compute. */
	p = c->bytes ? c->bytes + c->at : (const uint8_t *)"";
	c->at += n;
	return p;
}

static uint64_t take_le(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);
	uint64_t v = 0;

	for (size_t i = 0; p && i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)take_le(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)take_le(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)take_le(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
	return take_le(c, 8);
}

uint64_t cursor_uvarint(struct cursor *c)
{
	size_t start = c->at;
	uint64_t v = 0;

	if (c->failed)
		return 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		const uint8_t *p = cursor_take(c, 1);

		c->value = start;
		if (!p)
			return 0;
		if (shift == 63 && *p > 1)
			break;
		v |= (uint64_t)(*p & 0x7f) << shift;
		if (!(*p & 0x80))
			return v;
	}
	cursor_fail(c);
	return 0;
}

int64_t cursor_svarint(struct cursor *c)
{
	uint64_t v = cursor_uvarint(c);

	return (int64_t)((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
}

uint64_t cursor_bounded(struct cursor *c, uint64_t max)
{
	uint64_t v = cursor_uvarint(c);

	if (v <= max)
		return v;
	cursor_fail(c);
	return 0;
}

void cursor_copy(struct cursor *c, void *ret, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	if (n == 0)
		return;
	if (p)
		memcpy(ret, p, n);
	else
		memset(ret, 0, n);
}

const char *cursor_cstr(struct cursor *c)
{
	size_t left = cursor_left(c);
	const uint8_t *end;

	if (c->failed)
		return NULL;
	end = left ? memchr(c->bytes + c->at, 0, left) : NULL;
	if (!end) {
		c->value = c->at;
		cursor_fail(c);
		return NULL;
	}
	return (const char *)cursor_take(c, (size_t)(end - (c->bytes + c->at)) + 1);
}

struct cursor cursor_sub(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);
	struct cursor sub = cursor_of(p, p ? n : 0);

	sub.failed = !p;
	return sub;
}

void cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_take(c, n);
}

void cursor_align(struct cursor *c, size_t align)
{
	cursor_skip(c, -c->at & (align - 1));
}

void cursor_seek(struct cursor *c, size_t at)
{
	if (c->failed)
		return;
	c->value = at;
	if (at > c->len)
		cursor_fail(c);
	else
		c->at = at;
}

int cursor_check(const struct cursor *c, const char *what, struct err *err)
{
	if (!c->failed)
		return 0;
	return err_set(err, ERR_CORRUPT, "%s: bad or missing value at offset %zu of %zu", what,
		       c->value, c->len);
}
