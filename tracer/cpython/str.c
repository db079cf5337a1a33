/* SPDX-License-Identifier: MIT */
/* Include/cpython/unicodeobject.h: compact ASCII, compact, and legacy (up to 3.11) strings. */
#include "tracer/cpython/str.h"

#include <string.h>

#include "base/buf.h"
#include "base/own.h"
#include "base/utf8.h"

#define LENGTH_MAX (UINT64_C(1) << 40)

int str_form(struct mem_source *mem, const struct py_layout *l, taddr addr, struct str_form *ret,
	     struct err *err)
{
	struct str_form f = { 0 };
	uint32_t state;
	int r = mem_word(mem, taddr_add(addr, l->PyASCIIObject_length), &f.length, err);

	if (r == 0)
		r = mem_u32(mem, taddr_add(addr, l->PyASCIIObject_state), &state, err);
	if (r < 0)
		return err_wrap(err, r, "str");
	f.kind = state >> l->unicode_kind_shift & 7;
	f.compact = state >> l->unicode_compact_shift & 1;
	f.ascii = state >> l->unicode_ascii_shift & 1;
	if (f.length > LENGTH_MAX || (f.kind != 1 && f.kind != 2 && f.kind != 4))
		return err_set(err, ERR_CORRUPT, "no str at %#llx", (unsigned long long)addr.v);
	if (f.compact)
		f.data = taddr_add(addr, f.ascii ? l->PyASCIIObject_sizeof :
						   l->PyCompactUnicodeObject_sizeof);
	else
		r = mem_ptr(mem, taddr_add(addr, l->PyUnicodeObject_data), &f.data, err);
	if (r < 0)
		return err_wrap(err, r, "str");
	*ret = f;
	return 0;
}

/* A NUL would end the string for every reader after us: U+FFFD, in a form that fits kind. */
static int put_text(struct buf *out, const uint8_t *raw, size_t count, uint32_t kind)
{
	static const uint8_t zero[4];
	size_t from = 0;

	for (size_t i = 0; i <= count; i++) {
		size_t n = i - from;
		const uint8_t *part = raw + from * kind;

		if (i < count && memcmp(raw + i * kind, zero, kind))
			continue;
		if (kind == 1)
			utf8_from_latin1(out, part, n);
		else if (kind == 2)
			utf8_from_ucs2(out, part, n);
		else
			utf8_from_ucs4(out, part, n);
		if (i < count)
			buf_str(out, "\xef\xbf\xbd");
		from = i + 1;
	}
	return out->failed ? ERR_NOMEM : 0;
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
