/* SPDX-License-Identifier: MIT */
/*
 * What every source shares: exact reads that name the first bad address, little-endian words
 * and bounded strings. Knows no source in particular.
 */
#include "tracer/mem/source.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"

/* Strings are mostly short, and the page after them may not exist. */
#define CSTR_STEP 256

int64_t mem_read_some(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	int64_t got;

	if (n == 0)
		return 0;
	/* No source reads around the end of the address space. */
	if (n - 1 > UINT64_MAX - addr.v)
		n = (size_t)(UINT64_MAX - addr.v) + 1;
	got = src->ops->read(src, addr, buf, n);
	CHECK(got < 0 || (uint64_t)got <= n);
	return got;
}

static int source_failed(struct err *err, int code, taddr addr)
{
	if (code == ERR_GONE)
		err_set(err, code, "the process is gone");
	else if (code == ERR_DENIED)
		err_set(err, code, "no permission to read the memory of the process");
	else
		err_set(err, code, "cannot read target memory at 0x%" PRIx64, addr.v);
	if (err)
		err->addr = addr;
	return code;
}

int mem_read(struct mem_source *src, taddr addr, void *buf, size_t n, struct err *err)
{
	int64_t got = mem_read_some(src, addr, buf, n);
	taddr bad;

	if (got < 0)
		return source_failed(err, (int)got, addr);
	if ((size_t)got == n)
		return 0;
	bad = taddr_add(addr, got);
	return err_fault(err, bad, "target memory unreadable at 0x%" PRIx64, bad.v);
}

/* n is at most 8. */
static int read_le(struct mem_source *src, taddr addr, size_t n, uint64_t *ret, struct err *err)
{
	uint8_t bytes[8];
	uint64_t v = 0;
	int r = mem_read(src, addr, bytes, n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)bytes[i] << (8 * i);
	*ret = v;
	return 0;
}

int mem_u8(struct mem_source *src, taddr addr, uint8_t *ret, struct err *err)
{
	uint64_t v;
	int r = read_le(src, addr, 1, &v, err);

	if (r == 0)
		*ret = (uint8_t)v;
	return r;
}

int mem_u16(struct mem_source *src, taddr addr, uint16_t *ret, struct err *err)
{
	uint64_t v;
	int r = read_le(src, addr, 2, &v, err);

	if (r == 0)
		*ret = (uint16_t)v;
	return r;
}

int mem_u32(struct mem_source *src, taddr addr, uint32_t *ret, struct err *err)
{
	uint64_t v;
	int r = read_le(src, addr, 4, &v, err);

	if (r == 0)
		*ret = (uint32_t)v;
	return r;
}

int mem_u64(struct mem_source *src, taddr addr, uint64_t *ret, struct err *err)
{
	return read_le(src, addr, 8, ret, err);
}

int mem_word(struct mem_source *src, taddr addr, uint64_t *ret, struct err *err)
{
	CHECK(src->word_bytes == 4 || src->word_bytes == 8);
	return read_le(src, addr, src->word_bytes, ret, err);
}

int mem_ptr(struct mem_source *src, taddr addr, taddr *ret, struct err *err)
{
	return mem_word(src, addr, &ret->v, err);
}

int mem_cstr(struct mem_source *src, taddr addr, size_t max, char **ret, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	size_t at = 0;

	while (at < max) {
		uint8_t part[CSTR_STEP];
		size_t n = max - at < sizeof(part) ? max - at : sizeof(part);
		taddr from = taddr_add(addr, (int64_t)at);
		int64_t got = mem_read_some(src, from, part, n);
		const uint8_t *end;

		if (got < 0)
			return source_failed(err, (int)got, from);
		end = memchr(part, 0, (size_t)got);
		if (buf_put(&text, part, end ? (size_t)(end - part) : (size_t)got) < 0)
			return err_nomem(err);
		at += (size_t)got;
		if (end) {
			char *whole = buf_take(&text, NULL);

			if (!whole)
				return err_nomem(err);
			*ret = whole;
			return 0;
		}
		if ((size_t)got < n) {
			from = taddr_add(addr, (int64_t)at);
			return err_fault(err, from, "target memory unreadable at 0x%" PRIx64,
					 from.v);
		}
	}
	err_set(err, ERR_CORRUPT, "string at 0x%" PRIx64 " does not end within %zu bytes", addr.v,
		max);
	if (err)
		err->addr = addr;
	return ERR_CORRUPT;
}

void mem_free(struct mem_source *src)
{
	if (src)
		src->ops->free(src);
}
