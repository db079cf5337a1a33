/* SPDX-License-Identifier: MIT */
/* One table at a time: columns are collected, closed into the table, compressed whole. */
#include "report/view/html/pack.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define NAME_BYTES_MAX 400
#define ELEMENT_BYTES_MAX 200 /* of a start tag and an end tag */

void pack_deinit(struct pack *p)
{
	buf_deinit(&p->table);
	buf_deinit(&p->column);
}

void pack_begin(struct pack *p, uint64_t rows)
{
	buf_clear(&p->table);
	buf_clear(&p->column);
	p->name = NULL;
	buf_uvarint(&p->table, rows);
}

static void close_column(struct pack *p)
{
	if (!p->name)
		return;
	buf_uvarint(&p->table, strlen(p->name));
	buf_str(&p->table, p->name);
	buf_u8(&p->table, (uint8_t)p->kind);
	buf_uvarint(&p->table, p->column.len);
	buf_put(&p->table, p->column.bytes, p->column.len);
	p->table.failed |= p->column.failed;
	buf_clear(&p->column);
	p->name = NULL;
}

void pack_column(struct pack *p, const char *name, char kind)
{
	close_column(p);
	p->name = name;
	p->kind = kind;
}

void pack_number(struct pack *p, uint64_t v)
{
	buf_uvarint(&p->column, v);
}

void pack_signed(struct pack *p, int64_t v)
{
	buf_svarint(&p->column, v);
}

void pack_bytes(struct pack *p, const void *bytes, size_t n)
{
	buf_uvarint(&p->column, n);
	buf_put(&p->column, bytes, n);
}

void pack_need(struct pack *p, const struct buf *b)
{
	p->column.failed |= b->failed;
}

void pack_words(struct pack *p, const char *text, size_t n)
{
	AUTO_BUF struct buf safe = BUF_INIT;
	for (size_t i = 0; i < n;) {
		const char *end = memchr(text + i, '\x1f', n - i);
		size_t part = end ? (size_t)(end - text) - i : n - i;
		part = part > NAME_BYTES_MAX ? NAME_BYTES_MAX : part;
		if (buf_reserve(&safe, part * ESCAPE_GROWTH + 2) < 0)
			break;
		safe.len += escape(ESCAPE_UTF8, text + i, part, (char *)safe.bytes + safe.len,
				   part * ESCAPE_GROWTH + 1);
		i = end ? (size_t)(end - text) + 1 : n;
		if (end)
			buf_u8(&safe, 0x1f);
	}
	pack_need(p, &safe);
	pack_bytes(p, safe.bytes, safe.len);
}

/* The table deflated without a header, into ret. */
static int squeeze(const struct buf *table, struct buf *ret, struct err *err)
{
	z_stream z = { 0 };
	if (table->len > UINT32_MAX / 2 ||
	    deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_nomem(err);
	uLong most = deflateBound(&z, (uLong)table->len);
	if (buf_reserve(ret, most) < 0) {
		deflateEnd(&z);
		return err_nomem(err);
	}
	z.next_in = table->bytes;
	z.avail_in = (uInt)table->len;
	z.next_out = ret->bytes + ret->len;
	z.avail_out = (uInt)most;
	int rc = deflate(&z, Z_FINISH);
	ret->len += z.total_out;
	deflateEnd(&z);
	return rc == Z_STREAM_END ? 0 : err_nomem(err);
}

/* RFC 4648, without line breaks. */
static void base64(const uint8_t *from, size_t bytes, struct buf *to)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < bytes; i += 3) {
		size_t n = bytes - i;
		uint32_t v = (uint32_t)from[i] << 16;
		v |= n > 1 ? (uint32_t)from[i + 1] << 8 : 0;
		v |= n > 2 ? from[i + 2] : 0;
		char four[4] = { digit[v >> 18], digit[v >> 12 & 63],
				 n > 1 ? digit[v >> 6 & 63] : '=', n > 2 ? digit[v & 63] : '=' };
		buf_put(to, four, sizeof four);
	}
}

static void element(const char *id, bool deflated, const struct buf *decoded, struct buf *ret)
{
	buf_printf(ret,
		   "<script type=\"application/x-pmp\" id=\"pmp-%s\" data-version=\"%d\" "
		   "data-enc=\"%s\" data-bytes=\"%zu\" data-crc=\"%08lx\">",
		   id, PACK_VERSION, deflated ? "deflate-raw" : "none", decoded->len,
		   crc32(crc32(0, NULL, 0), decoded->bytes, (uInt)decoded->len));
}

int pack_end(struct pack *p, const char *id, struct buf *ret, struct err *err)
{
	AUTO_BUF struct buf small = BUF_INIT;
	close_column(p);
	int rc = buf_check(&p->table, err);
	if (rc == 0)
		rc = squeeze(&p->table, &small, err);
	if (rc < 0)
		return rc;
	element(id, true, &p->table, ret);
	base64(small.bytes, small.len, ret);
	buf_str(ret, "</script>\n");
	return buf_check(ret, err);
}

size_t pack_raw_bytes(size_t n)
{
	return (n + 2) / 3 * 4 + ELEMENT_BYTES_MAX;
}

int pack_raw(const void *bytes, size_t n, const char *id, struct buf *ret, struct err *err)
{
	const struct buf whole = { .bytes = (uint8_t *)bytes, .len = n };
	element(id, false, &whole, ret);
	base64(bytes, n, ret);
	buf_str(ret, "</script>\n");
	return buf_check(ret, err);
}

uint32_t pack_text(struct pack *p, struct strtab *strings, const char *text, size_t n)
{
	char safe[(NAME_BYTES_MAX + 8) * ESCAPE_GROWTH];
	uint32_t id = 0;
	size_t at;
	if (n > NAME_BYTES_MAX) {
		at = escape(ESCAPE_UTF8, text, NAME_BYTES_MAX / 2, safe, sizeof safe);
		memcpy(safe + at, "\xe2\x80\xa6", 3);
		at += 3;
		text += n - NAME_BYTES_MAX / 2;
		n = NAME_BYTES_MAX / 2;
		at += escape(ESCAPE_UTF8, text, n, safe + at, sizeof safe - at);
	} else {
		at = escape(ESCAPE_UTF8, text, n, safe, sizeof safe);
	}
	if (strtab_add(strings, safe, at, &id, NULL) < 0)
		p->column.failed = true;
	return id;
}
