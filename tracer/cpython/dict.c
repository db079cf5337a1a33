/* SPDX-License-Identifier: MIT */
/* Objects/dictobject.c: keys objects up to 3.10 and from 3.11 on, bounded before they are used. */
#include "tracer/cpython/dict.h"

#include "base/le.h"
#include "tracer/cpython/str.h"

#define DICT_SLOTS_MAX (UINT64_C(1) << 40)
#define LOOKUP_ENTRIES_MAX 65536

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
	if (ret->entry_bytes == (uint32_t)l->PyDictKeyEntry_sizeof) {
		ret->key_at = (uint32_t)l->PyDictKeyEntry_me_key;
		ret->value_at = (uint32_t)l->PyDictKeyEntry_me_value;
	} else {
		ret->key_at = (uint32_t)l->PyDictUnicodeEntry_me_key;
		ret->value_at = (uint32_t)l->PyDictUnicodeEntry_me_value;
	}
	ret->capacity = (ret->slots << 1) / 3;
	ret->usable = le64(k + l->PyDictKeysObject_dk_usable);
	ret->entries = le64(k + l->PyDictKeysObject_dk_nentries);
	ret->entries_at = (uint64_t)l->PyDictKeysObject_dk_indices + ret->index_bytes;
	ret->bytes = ret->entries_at + ret->capacity * ret->entry_bytes;
	return ret->entries <= ret->capacity && ret->usable <= ret->capacity;
}

bool keys_shape_at(struct mem_source *mem, const struct py_layout *l, uint64_t keys,
		   struct keys_shape *ret)
{
	uint8_t b[64];
	size_t n = (size_t)l->PyDictKeysObject_dk_indices;

	return n <= sizeof(b) && mem_read(mem, taddr_of(keys), b, n, NULL) == 0 &&
	       keys_shape(l, b, ret);
}

uint64_t dict_get(struct mem_source *mem, const struct py_layout *l, uint64_t dict, const char *name)
{
	taddr at = taddr_of(dict), keys, values, key, value;
	struct keys_shape s;

	if (mem_ptr(mem, taddr_add(at, l->PyDictObject_ma_keys), &keys, NULL) < 0 ||
	    mem_ptr(mem, taddr_add(at, l->PyDictObject_ma_values), &values, NULL) < 0 ||
	    !keys_shape_at(mem, l, keys.v, &s))
		return 0;
	for (uint64_t i = 0; i < s.entries && i < LOOKUP_ENTRIES_MAX; i++) {
		uint64_t entry = keys.v + s.entries_at + i * s.entry_bytes;

		if (mem_ptr(mem, taddr_of(entry + s.key_at), &key, NULL) < 0 ||
		    taddr_is_null(key) || str_equals(mem, l, key, name, NULL) <= 0)
			continue;
		entry += s.value_at;
		if (!taddr_is_null(values))
			entry = values.v + i * 8 +
				(l->dict_values == PY_VALUES_HEADER ? (uint64_t)l->PyDictValues_values
								    : 0);
		return mem_ptr(mem, taddr_of(entry), &value, NULL) == 0 ? value.v : 0;
	}
	return 0;
}
