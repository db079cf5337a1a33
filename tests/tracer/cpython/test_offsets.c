/* SPDX-License-Identifier: MIT */
/* The target's own table of offsets: believed when sane, refused when absurd. */
#include "tracer/cpython/offsets.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fake_py.h"

TestSuite(tracer_cpython_offsets, .timeout = 10);

#define RUNTIME UINT64_C(0x50000)

/* A table which agrees with the layout in everything. */
static void put_table(struct fake_mem *f, const struct py_layout *l)
{
	fake_mem_map(f, RUNTIME, (size_t)l->_Py_DebugOffsets_sizeof);
	fake_mem_put(f, RUNTIME, "xdebugpy", 8);
	fake_mem_put_u64(f, RUNTIME + 8, (uint64_t)(0x03000000 | l->minor << 16 | 0xf0));
#define SAME(e, m)                                                                                 \
	if (l->_Py_DebugOffsets_##e != PY_ABSENT && l->m != PY_ABSENT)                             \
		fake_mem_put_u64(f, RUNTIME + (uint64_t)l->_Py_DebugOffsets_##e, (uint64_t)l->m);
#define FIELD(e, s, m) SAME(e, s##_##m)
#define SIZE(e, s) SAME(e, s##_sizeof)
#include "tracer/cpython/offsets_entries.def"
#undef FIELD
#undef SIZE
}

static struct py_layout *with_table(struct fake_mem **ret)
{
	const struct py_sheet *sheet = py_sheets[py_sheets_count - 1];
	struct py_layout *l;

	cr_assert_eq(sheet_build(sheet, PY_X86_64, NULL, &l, NULL), 0);
	*ret = fake_mem_new(8);
	put_table(*ret, l);
	return l;
}

Test(tracer_cpython_offsets, table_that_agrees_changes_nothing)
{
	EACH_SHEET(sheet)
	{
		struct fake_mem *f = fake_mem_new(8);
		struct offsets_report report;
		struct py_layout *l;

		cr_assert_eq(sheet_build(sheet, PY_X86_64, NULL, &l, NULL), 0);
		if (l->_Py_DebugOffsets_sizeof != PY_ABSENT) {
			put_table(f, l);
			cr_assert_eq(offsets_overlay(fake_mem_source(f), taddr_of(RUNTIME), l, &report,
						     NULL), 0);
			cr_assert_gt(report.compared, 60);
			cr_assert_eq(report.differ, 0);
			cr_assert_eq(memcmp(l, sheet->layout, sizeof(*l)), 0);
		} else {
			cr_assert_eq(offsets_overlay(fake_mem_source(f), taddr_of(RUNTIME), l, &report,
						     NULL), 0);
			cr_assert_eq(report.compared, 0);
		}
		free(l);
		fake_mem_free(f);
	}
}

Test(tracer_cpython_offsets, value_that_differs_is_taken_and_named)
{
	struct fake_mem *f;
	struct py_layout *l = with_table(&f);
	struct offsets_report report;

	fake_mem_put_u64(f, RUNTIME + (uint64_t)l->_Py_DebugOffsets_list_object_ob_item, 16);
	cr_assert_eq(offsets_overlay(fake_mem_source(f), taddr_of(RUNTIME), l, &report, NULL), 0);
	cr_assert_eq(report.differ, 1);
	cr_assert_str_eq(report.first, "PyListObject.ob_item");
	cr_assert_eq(l->PyListObject_ob_item, 16);
	free(l);
	fake_mem_free(f);
}

static void refuse(uint64_t value, bool size)
{
	struct fake_mem *f;
	struct py_layout *l = with_table(&f), before = *l;
	struct offsets_report report;
	struct err err = ERR_INIT;
	int32_t at = size ? l->_Py_DebugOffsets_list_object_size :
			    l->_Py_DebugOffsets_list_object_ob_item;

	fake_mem_put_u64(f, RUNTIME + (uint64_t)at, value);
	cr_assert_eq(offsets_overlay(fake_mem_source(f), taddr_of(RUNTIME), l, &report, &err),
		     ERR_CORRUPT);
	cr_assert(strstr(err.text, "PyListObject"));
	cr_assert_eq(memcmp(l, &before, sizeof(before)), 0);
	free(l);
	fake_mem_free(f);
}

Test(tracer_cpython_offsets, absurd_values_are_refused_and_change_nothing)
{
	refuse(UINT64_MAX, false);
	refuse(17, false);
	refuse(40, false); /* the size of a list object */
	refuse(UINT64_C(1) << 32, false);
	refuse(0, true);
	refuse(UINT64_MAX, true);
}

Test(tracer_cpython_offsets, head_tells_version_and_free_threading)
{
	struct fake_mem *f;
	struct py_layout *l = with_table(&f);
	struct offsets_head head;

	cr_assert_eq(offsets_head(fake_mem_source(f), taddr_of(RUNTIME), &head, NULL), 1);
	cr_assert_not(head.free_threaded);
	cr_assert_eq(head.hexversion >> 16 & 0xff, (uint32_t)l->minor);
	fake_mem_put_u64(f, RUNTIME + 16, 1);
	cr_assert_eq(offsets_head(fake_mem_source(f), taddr_of(RUNTIME), &head, NULL), 1);
	cr_assert(head.free_threaded);
	fake_mem_put_u8(f, RUNTIME, 'y');
	cr_assert_eq(offsets_head(fake_mem_source(f), taddr_of(RUNTIME), &head, NULL), 0);
	free(l);
	fake_mem_free(f);
}

Test(tracer_cpython_offsets, unreadable_table_is_a_fault)
{
	struct fake_mem *f = fake_mem_new(8);
	struct py_layout *l;
	struct offsets_report report;
	struct offsets_head head;

	cr_assert_eq(sheet_build(py_sheets[py_sheets_count - 1], PY_X86_64, NULL, &l, NULL), 0);
	cr_assert_eq(offsets_overlay(fake_mem_source(f), taddr_of(RUNTIME), l, &report, NULL),
		     ERR_FAULT);
	cr_assert_eq(offsets_head(fake_mem_source(f), taddr_of(RUNTIME), &head, NULL), ERR_FAULT);
	free(l);
	fake_mem_free(f);
}
