/* SPDX-License-Identifier: MIT */
/* Strings of every storage form, in the layout of every version. */
#include "tracer/cpython/str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fake_py.h"
#include "tests/support/fail_alloc.h"

TestSuite(tracer_cpython_str, .timeout = 10);

/* A compact str that is not ASCII. */
static taddr put_wide(struct fake_py *p, uint32_t kind, const void *data, size_t count)
{
	const struct py_layout *l = p->layout;
	taddr at = fake_py_alloc(p, (size_t)l->PyCompactUnicodeObject_sizeof + count * kind);

	fake_py_word(p, at, l->PyASCIIObject_length, count);
	fake_mem_put_u32(p->f, at.v + (uint64_t)l->PyASCIIObject_state,
			 kind << l->unicode_kind_shift | 1u << l->unicode_compact_shift);
	fake_mem_put(p->f, at.v + (uint64_t)l->PyCompactUnicodeObject_sizeof, data, count * kind);
	return at;
}

static void expect(struct fake_py *p, taddr at, size_t max, const char *want)
{
	char *got = NULL;

	cr_assert_eq(str_read(p->mem, p->layout, at, max, &got, NULL), 0);
	cr_assert_str_eq(got, want);
	free(got);
}

Test(tracer_cpython_str, every_version_and_width_becomes_utf8)
{
	static const uint16_t two[] = { 0x540d, 'x', 0xd800 };
	static const uint32_t four[] = { 0x1f40d, 'y', 0x110000 };

	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);

		expect(&p, fake_py_str(&p, "module.name"), 100, "module.name");
		expect(&p, fake_py_str(&p, ""), 100, "");
		expect(&p, put_wide(&p, 1, "gr\xf6\xdf""e", 5), 100, "größe");
		expect(&p, put_wide(&p, 2, two, 3), 100, "名x\xef\xbf\xbd");
		expect(&p, put_wide(&p, 4, four, 3), 100, "🐍y\xef\xbf\xbd");
		fake_py_free(&p);
	}
}

Test(tracer_cpython_str, long_text_is_cut_at_the_bound)
{
	struct fake_py p = fake_py_new(py_sheets[0]);

	expect(&p, fake_py_str(&p, "abcdef"), 3, "abc");
	expect(&p, fake_py_str(&p, "abcdef"), 0, "");
	fake_py_free(&p);
}

Test(tracer_cpython_str, nul_inside_does_not_end_the_text)
{
	static const uint16_t two[] = { 'a', 0, 0x100 };
	struct fake_py p = fake_py_new(py_sheets[0]);

	expect(&p, put_wide(&p, 1, "a\0b\0", 4), 100, "a\xef\xbf\xbd" "b\xef\xbf\xbd");
	expect(&p, put_wide(&p, 2, two, 3), 100, "a\xef\xbf\xbdĀ");
	fake_py_free(&p);
}

Test(tracer_cpython_str, legacy_form_has_its_characters_elsewhere)
{
	struct fake_py p = fake_py_new(py_sheets[0]);
	const struct py_layout *l = p.layout;
	taddr at = fake_py_alloc(&p, (size_t)l->PyUnicodeObject_sizeof);
	taddr data = fake_py_alloc(&p, 16);

	fake_py_word(&p, at, l->PyASCIIObject_length, 3);
	fake_mem_put_u32(p.f, at.v + (uint64_t)l->PyASCIIObject_state, 1u << l->unicode_kind_shift);
	fake_py_word(&p, at, l->PyUnicodeObject_data, data.v);
	fake_mem_put_str(p.f, data.v, "old");
	expect(&p, at, 100, "old");
	fake_py_free(&p);
}

Test(tracer_cpython_str, what_is_no_str_is_refused)
{
	struct fake_py p = fake_py_new(py_sheets[0]);
	taddr at = fake_py_str(&p, "x");
	struct str_form form;
	char *got;

	fake_py_word(&p, at, p.layout->PyASCIIObject_length, UINT64_MAX);
	cr_assert_eq(str_form(p.mem, p.layout, at, &form, NULL), ERR_CORRUPT);
	fake_py_word(&p, at, p.layout->PyASCIIObject_length, 1000000);
	cr_assert_eq(str_read(p.mem, p.layout, at, 4096, &got, NULL), ERR_FAULT);
	fake_mem_put_u32(p.f, at.v + (uint64_t)p.layout->PyASCIIObject_state,
			 3u << p.layout->unicode_kind_shift);
	cr_assert_eq(str_form(p.mem, p.layout, at, &form, NULL), ERR_CORRUPT);
	cr_assert_eq(str_form(p.mem, p.layout, taddr_of(8), &form, NULL), ERR_FAULT);
	fake_py_free(&p);
}

Test(tracer_cpython_str, comparison_is_exact)
{
	struct fake_py p = fake_py_new(py_sheets[py_sheets_count - 1]);

	cr_assert_eq(str_equals(p.mem, p.layout, fake_py_str(&p, "sys"), "sys", NULL), 1);
	cr_assert_eq(str_equals(p.mem, p.layout, fake_py_str(&p, "sys2"), "sys", NULL), 0);
	cr_assert_eq(str_equals(p.mem, p.layout, fake_py_str(&p, "sis"), "sys", NULL), 0);
	fake_py_free(&p);
}

Test(tracer_cpython_str, lack_of_memory_is_reported)
{
	struct fake_py p = fake_py_new(py_sheets[0]);
	taddr at = fake_py_str(&p, "module.name");

	FAIL_ALLOC_EACH
	{
		char *got = NULL;
		int r = str_read(p.mem, p.layout, at, 100, &got, NULL);

		cr_assert(r == 0 || (r == ERR_NOMEM && fail_alloc_hit()));
		free(r == 0 ? got : NULL);
	}
	fake_py_free(&p);
}
