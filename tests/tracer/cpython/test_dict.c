/* SPDX-License-Identifier: MIT */
/* What a keys object says of itself, in both forms: each bound from both sides. */
#include "tracer/cpython/dict.h"

#include <criterion/criterion.h>
#include <string.h>

#include "fake_py.h"

TestSuite(tracer_cpython_dict, .timeout = 10);

/* The head of a keys object: as the layout has it, whichever form it is. */
struct keys {
	uint8_t b[64];
};

static void put(struct keys *k, int32_t off, uint64_t v)
{
	memcpy(k->b + off, &v, 8);
}

static bool is_log2(const struct py_layout *l)
{
	return l->dict_keys == PY_KEYS_LOG2;
}

/* Keys of 2^log2 slots that are in use as said; index bytes as they must be. */
static struct keys keys_of(const struct py_layout *l, unsigned log2, uint64_t entries, uint64_t usable)
{
	struct keys k = { { 0 } };

	put(&k, l->PyDictKeysObject_dk_refcnt, 1);
	if (is_log2(l)) {
		k.b[l->PyDictKeysObject_dk_log2_size] = (uint8_t)log2;
		k.b[l->PyDictKeysObject_dk_log2_index_bytes] =
			(uint8_t)(log2 + (log2 < 8 ? 0 : log2 < 16 ? 1 : log2 < 32 ? 2 : 3));
	} else {
		put(&k, l->PyDictKeysObject_dk_size, UINT64_C(1) << log2);
	}
	put(&k, l->PyDictKeysObject_dk_usable, usable);
	put(&k, l->PyDictKeysObject_dk_nentries, entries);
	return k;
}

Test(tracer_cpython_dict, honest_keys_have_their_shape)
{
	EACH_SHEET(sheet)
	{
		const struct py_layout *l = sheet->layout;
		struct keys k = keys_of(l, 3, 4, 1);
		struct keys_shape s;

		cr_assert(keys_shape(l, k.b, &s), "%s", l->name);
		cr_expect(s.slots == 8 && s.capacity == 5 && s.entries == 4 && s.usable == 1 &&
			  s.index_bytes == 8 && s.refcnt == 1 && !s.split);
		cr_expect_eq(s.entry_bytes, (uint32_t)l->PyDictKeyEntry_sizeof);
		cr_expect_eq(s.entries_at, (uint64_t)l->PyDictKeysObject_dk_indices + 8);
		cr_expect_eq(s.bytes, s.entries_at + 5 * s.entry_bytes);
	}
}

Test(tracer_cpython_dict, no_more_entries_than_there_is_room_for)
{
	EACH_SHEET(sheet)
	{
		const struct py_layout *l = sheet->layout;
		const struct {
			uint64_t entries, usable;
			bool sane;
		} c[] = { { 5, 5, true },	  { 6, 0, false },	  { 0, 6, false },
			  { UINT64_MAX, 0, false }, { 0, UINT64_MAX, false }, { UINT64_C(1) << 40, 0, false } };

		for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
			struct keys k = keys_of(l, 3, c[i].entries, c[i].usable);
			struct keys_shape s;

			cr_expect_eq(keys_shape(l, k.b, &s), c[i].sane, "%s: %zu", l->name, i);
		}
	}
}

/* The largest table believed: its size must be right, so that nobody takes it for a small one. */
Test(tracer_cpython_dict, the_size_of_a_huge_table_is_computed_not_wrapped)
{
	EACH_SHEET(sheet)
	{
		const struct py_layout *l = sheet->layout;
		struct keys k = keys_of(l, 40, 1, 1);
		struct keys_shape s;

		cr_assert(keys_shape(l, k.b, &s), "%s", l->name);
		cr_expect_eq(s.capacity, (UINT64_C(1) << 41) / 3);
		cr_expect_eq(s.index_bytes, UINT64_C(8) << 40);
		cr_expect_gt(s.bytes, (UINT64_C(1) << 39) * s.entry_bytes);
		cr_expect_lt(s.bytes, UINT64_C(1) << 47);
	}
}

Test(tracer_cpython_dict, absurd_sizes_are_refused)
{
	EACH_SHEET(sheet)
	{
		const struct py_layout *l = sheet->layout;
		const uint64_t size[] = { 0, 7, 12, (UINT64_C(1) << 40) + 8, UINT64_C(1) << 41,
					  UINT64_C(1) << 63 };
		struct keys_shape s;

		for (size_t i = 0; !is_log2(l) && i < sizeof(size) / sizeof(*size); i++) {
			struct keys k = keys_of(l, 3, 0, 0);

			put(&k, l->PyDictKeysObject_dk_size, size[i]);
			cr_expect_not(keys_shape(l, k.b, &s), "%s: %zu", l->name, i);
		}
	}
}

/* {log2 of the size, of the index's bytes, kind} */
Test(tracer_cpython_dict, absurd_logarithms_and_kinds_are_refused)
{
	static const struct {
		uint8_t log2, index, kind;
		bool sane;
	} c[] = { { 3, 3, 0, true },	{ 3, 3, 1, true },    { 3, 3, 2, true },    { 3, 3, 3, false },
		  { 3, 3, 255, false }, { 40, 43, 0, true },  { 41, 43, 0, false }, { 41, 41, 0, false },
		  { 3, 44, 0, false },	{ 40, 44, 0, false }, { 3, 2, 0, false },   { 3, 0, 0, false },
		  { 3, 255, 0, false }, { 255, 255, 0, false } };

	EACH_SHEET(sheet)
	{
		const struct py_layout *l = sheet->layout;

		for (size_t i = 0; is_log2(l) && i < sizeof(c) / sizeof(*c); i++) {
			struct keys k = keys_of(l, 3, 0, 0);
			struct keys_shape s;

			k.b[l->PyDictKeysObject_dk_log2_size] = c[i].log2;
			k.b[l->PyDictKeysObject_dk_log2_index_bytes] = c[i].index;
			k.b[l->PyDictKeysObject_dk_kind] = c[i].kind;
			cr_expect_eq(keys_shape(l, k.b, &s), c[i].sane, "%s: %zu", l->name, i);
		}
	}
}
