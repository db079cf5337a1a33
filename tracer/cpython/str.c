/* SPDX-License-Identifier: MIT */
/* Include/cpython/unicodeobject.h: compact ASCII, compact, and legacy (up to 3.11) strings. */
#include "tracer/cpython/str.h"

#include <string.h>

#include "base/buf.h"
#include "base/le.h"
#include "base/own.h"
#include "base/utf8.h"

#define LENGTH_MAX (UINT64_C(1) << 40)
#define HEAD_MAX 96 /* PyUnicodeObject of any version */
#define COPY_MAX 512 /* characters str_copy looks at */

bool str_form_of(const struct py_layout *l, const uint8_t *o, size_t avail, taddr addr,
		 struct str_form *ret)
{
	uint32_t state;

	if (avail < (size_t)l->PyASCIIObject_state + 4)
		return false;
	state = le32(o + l->PyASCIIObject_state);
	*ret = (struct str_form){ .length = le64(o + l->PyASCIIObject_length),
				  .kind = state >> l->unicode_kind_shift & 7,
				  .compact = state >> l->unicode_compact_shift & 1,
				  .ascii = state >> l->unicode_ascii_shift & 1 };
	ret->head_bytes = (uint32_t)(ret->ascii && ret->compact ? l->PyASCIIObject_sizeof
				     : ret->compact ? l->PyCompactUnicodeObject_sizeof
						    : l->PyUnicodeObject_sizeof);
	if (ret->compact)
		ret->data = taddr_add(addr, ret->head_bytes);
	else if (avail >= (size_t)l->PyUnicodeObject_data + 8)
		ret->data = taddr_of(le64(o + l->PyUnicodeObject_data));
	if (ret->length > LENGTH_MAX || (ret->ascii && ret->kind > 1))
		return false;
	return ret->kind == 1 || ret->kind == 2 || ret->kind == 4 ||
	       (ret->kind == 0 && !ret->compact);
}

int str_form(struct mem_source *mem, const struct py_layout *l, taddr addr, struct str_form *ret,
	     struct err *err)
{
	uint8_t head[HEAD_MAX];
	size_t n = (size_t)l->PyUnicodeObject_sizeof, least = (size_t)l->PyASCIIObject_sizeof;
	int64_t got = mem_read_some(mem, addr, head, n < sizeof(head) ? n : sizeof(head));

	if (got < (int64_t)least) {
		int r = mem_read(mem, addr, head, least, err); /* says which byte, and why */

		if (r < 0)
			return err_wrap(err, r, "str");
		got = (int64_t)least;
	}
	if (!str_form_of(l, head, (size_t)got, addr, ret) || !ret->kind ||
	    taddr_is_null(ret->data))
		return err_set(err, ERR_CORRUPT, "no str at %#llx", (unsigned long long)addr.v);
	return 0;
}

/* One character as UTF-8. A NUL would end the text for every reader after us: U+FFFD. */
static size_t put_char(const uint8_t *raw, size_t i, uint32_t kind, char ret[4])
{
	uint32_t c = raw[i];

	if (kind == 2)
		c = (uint32_t)raw[2 * i] | (uint32_t)raw[2 * i + 1] << 8;
	else if (kind == 4)
		c = le32(raw + 4 * i);
	return utf8_encode(c ? c : 0xfffd, ret);
}

static int put_text(struct buf *out, const uint8_t *raw, size_t count, uint32_t kind)
{
	for (size_t i = 0; i < count; i++) {
		char utf8[4];

		buf_put(out, utf8, put_char(raw, i, kind, utf8));
	}
	return out->failed ? ERR_NOMEM : 0;
}

int str_copy(struct mem_source *mem, const struct py_layout *l, taddr addr, char *ret, size_t size)
{
	uint8_t raw[COPY_MAX * 4];
	struct str_form f;
	size_t count, out = 0;
	int r = str_form(mem, l, addr, &f, NULL);

	if (r < 0)
		return r;
	count = f.length < COPY_MAX ? (size_t)f.length : COPY_MAX;
	r = mem_read(mem, f.data, raw, count * f.kind, NULL);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		char utf8[4];
		size_t n = put_char(raw, i, f.kind, utf8);

		if (n > size - 1 - out)
			break;
		memcpy(ret + out, utf8, n);
		out += n;
	}
	ret[out] = 0;
	return (int)out;
}

int str_read(struct mem_source *mem, const struct py_layout *l, taddr addr, size_t max_chars,
	     char **ret, struct err *err)
{
	struct str_form f;
	AUTO_FREE uint8_t *raw = NULL;
	AUTO_BUF struct buf out = BUF_INIT;
	size_t count;
	int r = str_form(mem, l, addr, &f, err);

	if (r < 0)
		return r;
	count = f.length < max_chars ? (size_t)f.length : max_chars;
	raw = calloc(count + 1, f.kind);
	if (!raw)
		return err_nomem(err);
	r = mem_read(mem, f.data, raw, count * f.kind, err);
	if (r < 0)
		return err_wrap(err, r, "str");
	if (put_text(&out, raw, count, f.kind) < 0)
		return err_nomem(err);
	*ret = buf_take(&out, NULL);
	return *ret ? 0 : err_nomem(err);
}

int str_equals(struct mem_source *mem, const struct py_layout *l, taddr addr, const char *s,
	       struct err *err)
{
	struct str_form f;
	char text[64];
	size_t n = strlen(s);
	int r = str_form(mem, l, addr, &f, err);

	if (r < 0)
		return r;
	if (f.kind != 1 || f.length != n || n > sizeof(text))
		return 0;
	r = mem_read(mem, f.data, text, n, err);
	if (r < 0)
		return err_wrap(err, r, "str");
	return !memcmp(text, s, n);
}
