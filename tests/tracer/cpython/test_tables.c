/* SPDX-License-Identifier: MIT */
/* Allocator tables: what is in them, and who stands in front of the real allocator. */
#include "tracer/cpython/tables.h"

#include <criterion/criterion.h>
#include <string.h>

#include "fake_py.h"

TestSuite(tracer_cpython_tables, .timeout = 10);

#define TEXT UINT64_C(0x400000)

static struct map_range text_range[] = {
	{ .start = TEXT, .end = TEXT + 0x10000, .flags = MAP_R | MAP_X, .path = "/bin/python" },
};
static const struct maps maps = { .ranges = text_range, .count = 1 };

static void put_table(struct fake_py *p, taddr at, uint64_t ctx, uint64_t first)
{
	fake_mem_put_u64(p->f, at.v, ctx);
	for (uint64_t i = 0; i < 4; i++)
		fake_mem_put_u64(p->f, at.v + 8 + i * 8, first + i * 16);
}

/* Sheets whose tables have an address; raw is libc's, mem and obj are pymalloc. */
static struct fake_py world(const struct py_sheet *sheet)
{
	struct fake_py p = fake_py_new(sheet);
	const struct py_layout *l = p.layout;

	put_table(&p, taddr_add(p.py.runtime, l->_PyRuntimeState_allocators_standard_raw), 0, TEXT);
	put_table(&p, taddr_add(p.py.runtime, l->_PyRuntimeState_allocators_standard_mem), 0,
		  TEXT + 0x100);
	put_table(&p, taddr_add(p.py.runtime, l->_PyRuntimeState_allocators_standard_obj), 0,
		  TEXT + 0x100);
	return p;
}

#define EACH_IN_RUNTIME(s)                                                                         \
	EACH_SHEET(s) if (s->layout->allocator_home == PY_ALLOCATORS_IN_RUNTIME)

Test(tracer_cpython_tables, plain_tables_are_read_in_every_version)
{
	EACH_IN_RUNTIME(sheet)
	{
		struct fake_py p = world(sheet);
		struct alloc_table t;

		cr_assert_eq(tables_find(&p.py, p.mem, &maps, NULL), 0);
		cr_assert(p.py.pymalloc && !p.py.debug_allocators && !p.py.tracemalloc_on);
		cr_assert_eq(tables_read(&p.py, p.mem, PY_OBJ, &t, NULL), 0);
		cr_assert(t.ctx == 0 && t.func[0] == TEXT + 0x100 && t.func[3] == TEXT + 0x130);
		fake_py_free(&p);
	}
}

Test(tracer_cpython_tables, libc_for_all_domains_is_not_pymalloc)
{
	EACH_IN_RUNTIME(sheet)
	{
		struct fake_py p = world(sheet);

		put_table(&p, taddr_add(p.py.runtime,
					p.layout->_PyRuntimeState_allocators_standard_obj), 0, TEXT);
		cr_assert_eq(tables_find(&p.py, p.mem, &maps, NULL), 0);
		cr_assert_not(p.py.pymalloc);
		fake_py_free(&p);
	}
}

Test(tracer_cpython_tables, wrappers_are_seen_through)
{
	EACH_IN_RUNTIME(sheet)
	{
		struct fake_py p = world(sheet);
		const struct py_layout *l = p.layout;
		taddr debug = fake_py_alloc(&p, 64), saved = fake_py_alloc(&p, 64);

		/* tracemalloc in front of the debug hooks in front of libc */
		fake_mem_put_u8(p.f, debug.v, 'o');
		put_table(&p, taddr_add(debug, 8), 0, TEXT);
		put_table(&p, saved, debug.v, TEXT + 0x200);
		put_table(&p, taddr_add(p.py.runtime, l->_PyRuntimeState_allocators_standard_obj),
			  saved.v, TEXT + 0x300);
		fake_mem_put_u32(p.f, p.py.runtime.v +
				 (uint64_t)l->_PyRuntimeState_tracemalloc_config_tracing, 1);
		cr_assert_eq(tables_find(&p.py, p.mem, &maps, NULL), 0);
		cr_assert(p.py.debug_allocators && p.py.tracemalloc_on && !p.py.pymalloc);
		fake_py_free(&p);
	}
}

Test(tracer_cpython_tables, table_without_functions_is_corrupt)
{
	EACH_IN_RUNTIME(sheet)
	{
		struct fake_py p = world(sheet);
		struct err err = ERR_INIT;

		put_table(&p, taddr_add(p.py.runtime,
					p.layout->_PyRuntimeState_allocators_standard_mem), 0, 0x1000);
		cr_assert_eq(tables_find(&p.py, p.mem, &maps, &err), ERR_CORRUPT);
		cr_assert(strstr(err.text, "_PyMem"));
		fake_py_free(&p);
	}
}
