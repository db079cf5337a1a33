/* SPDX-License-Identifier: MIT */
/*
 * Readers of str and dict by layout. Values are never shown unless somebody asks for a name:
 * of a type, a module, an attribute.
 */
#include "tracer/heap/pyread.h"

#include <string.h>

#include "base/utf8.h"

#define DICT_SLOTS_MAX (UINT64_C(1) << 40)
#define LOOKUP_ENTRIES_MAX 65536
#define NAME_MAX_BYTES 512

int pyread_cstr(struct reader *r, uint64_t addr, char *ret, size_t size)
{
	size_t n = 0;

	while (n + 1 < size) {
		size_t part = READER_PAGE_BYTES - (addr + n) % READER_PAGE_BYTES;
		char *nul;

		if (part > size - 1 - n)
			part = size - 1 - n;
		if (!reader_get(r, addr + n, ret + n, part))
			return -1;
		nul = memchr(ret + n, 0, part);
		if (nul)
			return (int)(nul - ret);
		n += part;
	}
	ret[n] = 0;
	return (int)n;
}

bool str_shape(const struct py_layout *l, const uint8_t *o, size_t avail, struct str_shape *ret)
{
	uint32_t state;

	if (avail < (size_t)l->PyASCIIObject_state + 4)
		return false;
	state = le32(o + l->PyASCIIObject_state);
	ret->length = le64(o + l->PyASCIIObject_length);
	ret->kind = state >> l->unicode_kind_shift & 7;
	ret->compact = state >> l->unicode_compact_shift & 1;
	ret->ascii = state >> l->unicode_ascii_shift & 1;
	ret->head_bytes = (uint32_t)(ret->ascii && ret->compact ? l->PyASCIIObject_sizeof
				     : ret->compact ? l->PyCompactUnicodeObject_sizeof
						    : l->PyUnicodeObject_sizeof);
	if (ret->length >> 48 || (ret->ascii && ret->kind > 1))
		return false;
	return ret->kind == 1 || ret->kind == 2 || ret->kind == 4 ||
	       (ret->kind == 0 && !ret->compact);
}

int pyread_str(struct reader *r, const struct py_layout *l, uint64_t addr, char *ret, size_t size)
{
	uint8_t head[96], text[NAME_MAX_BYTES * 4];
	size_t n = (size_t)l->PyUnicodeObject_sizeof, out = 0, chars;
	struct str_shape s;
	uint64_t at;

	if (n > sizeof(head) || !size)
		return -1;
	if (!reader_get(r, addr, head, n) &&
	    !reader_get(r, addr, head, n = (size_t)l->PyASCIIObject_sizeof))
		return -1;
	if (!str_shape(l, head, n, &s) || !s.kind)
		return -1;
	at = addr + s.head_bytes;
	if (!s.compact)
		at = le64(head + l->PyUnicodeObject_data);
	chars = s.length < NAME_MAX_BYTES ? (size_t)s.length : NAME_MAX_BYTES;
	if (!reader_get(r, at, text, chars * s.kind))
		return -1;
	for (size_t i = 0; i < chars; i++) {
		uint32_t c = text[i];
		char utf8[4];
		size_t put;

		if (s.kind == 2)
			c = (uint32_t)text[2 * i] | (uint32_t)text[2 * i + 1] << 8;
		else if (s.kind == 4)
			c = le32(text + 4 * i);
		put = utf8_encode(c ? c : 0xfffd, utf8);
		if (put > size - 1 - out)
			break;
		memcpy(ret + out, utf8, put);
		out += put;
	}
	ret[out] = 0;
	return (int)out;
}

/* ≤3.10: {refcnt, dk_size, dk_lookup, usable, nentries, indices[]}, entries of 24 bytes. */
static bool shape_lookup(const struct py_layout *l, const uint8_t *k, struct keys_shape *ret)
{
	uint64_t size = le64(k + l->PyDictKeysObject_dk_size);
	uint32_t width = size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8;

	if (!size || size & (size - 1) || size > DICT_SLOTS_MAX)
		return false;
	ret->slots = size;
	ret->index_bytes = size * width;
	ret->entry_bytes = (uint32_t)l->PyDictKeyEntry_sizeof;
	return true;
}

/* 3.11+: sizes as logarithms, kind 0 general, 1 all str keys, 2 split. */
static bool shape_log2(const struct py_layout *l, const uint8_t *k, struct keys_shape *ret)
{
	uint8_t log2 = k[l->PyDictKeysObject_dk_log2_size];
	uint8_t index = k[l->PyDictKeysObject_dk_log2_index_bytes];
	uint8_t kind = k[l->PyDictKeysObject_dk_kind];

	if (log2 > 40 || index > 43 || index < log2 || kind > 2)
		return false;
	ret->slots = UINT64_C(1) << log2;
	ret->index_bytes = UINT64_C(1) << index;
	ret->entry_bytes = (uint32_t)(kind ? l->PyDictUnicodeEntry_sizeof : l->PyDictKeyEntry_sizeof);
	ret->split = kind == 2;
	return true;
}

bool keys_shape(const struct py_layout *l, const uint8_t *k, struct keys_shape *ret)
{
	*ret = (struct keys_shape){ .refcnt = le64(k + l->PyDictKeysObject_dk_refcnt) };
	if (!(l->dict_keys == PY_KEYS_LOG2 ? shape_log2(l, k, ret) : shape_lookup(l, k, ret)))
		return false;
	ret->capacity = (ret->slots << 1) / 3;
	ret->usable = le64(k + l->PyDictKeysObject_dk_usable);
	ret->entries = le64(k + l->PyDictKeysObject_dk_nentries);
	ret->entries_at = (uint64_t)l->PyDictKeysObject_dk_indices + ret->index_bytes;
	ret->bytes = ret->entries_at + ret->capacity * ret->entry_bytes;
	return ret->entries <= ret->capacity && ret->usable <= ret->capacity;
}

bool keys_shape_at(struct reader *r, const struct py_layout *l, uint64_t keys,
		   struct keys_shape *ret)
{
	uint8_t b[64];
	size_t n = (size_t)l->PyDictKeysObject_dk_indices;

	return n <= sizeof(b) && reader_get(r, keys, b, n) && keys_shape(l, b, ret);
}

uint64_t pyread_dict_get(struct reader *r, const struct py_layout *l, uint64_t dict,
			 const char *name)
{
	uint64_t keys = 0, values = 0, value_at, key, value;
	size_t want = strlen(name);
	struct keys_shape s;

	if (!reader_u64(r, dict + (uint64_t)l->PyDictObject_ma_keys, &keys) ||
	    !reader_u64(r, dict + (uint64_t)l->PyDictObject_ma_values, &values) ||
	    !keys_shape_at(r, l, keys, &s))
		return 0;
	value_at = s.entry_bytes == (uint32_t)l->PyDictKeyEntry_sizeof
			   ? (uint64_t)l->PyDictKeyEntry_me_value
			   : (uint64_t)l->PyDictUnicodeEntry_me_value;
	for (uint64_t i = 0; i < s.entries && i < LOOKUP_ENTRIES_MAX; i++) {
		uint64_t entry = keys + s.entries_at + i * s.entry_bytes;
		char text[64];

		if (!reader_u64(r, entry + value_at - 8, &key) || !key ||
		    pyread_str(r, l, key, text, sizeof(text)) != (int)want || strcmp(text, name))
			continue;
		entry += value_at;
		if (values)
			entry = values + i * 8 +
				(l->dict_values == PY_VALUES_HEADER ? (uint64_t)l->PyDictValues_values
								    : 0);
		return reader_u64(r, entry, &value) ? value : 0;
	}
	return 0;
}

uint64_t pyread_int_digits(const struct py_layout *l, const uint8_t *o)
{
	int64_t n;

	if (l->int_repr == PY_INT_TAG)
		return le64(o + l->PyLongObject_lv_tag) >> 3;
	n = (int64_t)le64(o + l->PyVarObject_ob_size);
	return n < 0 ? (uint64_t)-n : (uint64_t)n;
}
