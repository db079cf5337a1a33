/* SPDX-License-Identifier: MIT */
/* Finding pymalloc's books where the sheet says, where it does not, and where they are statics. */
#include "tracer/cpython/obmalloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "fake_py.h"

TestSuite(tracer_cpython_obmalloc, .timeout = 20);

#define POOL UINT64_C(0x40000000)

/* All classes empty. */
static void put_used(struct fake_py *p, taddr at)
{
	for (uint64_t c = 0; c < 32; c++) {
		fake_mem_put_u64(p->f, at.v + c * 16, at.v + c * 16 - 16);
		fake_mem_put_u64(p->f, at.v + c * 16 + 8, at.v + c * 16 - 16);
	}
}

/* One used pool of a class, in arena `index` of a vector of arenas. */
static void put_pool(struct fake_py *p, taddr used, uint32_t class, taddr vector, uint32_t index)
{
	const struct py_layout *l = p->layout;
	uint64_t pair = used.v + class * 16;
	taddr pool = taddr_of(POOL);

	fake_mem_map(p->f, POOL, (size_t)l->pool_bytes);
	fake_mem_put_u32(p->f, POOL + (uint64_t)l->pool_header_szidx, class);
	fake_mem_put_u32(p->f, POOL + (uint64_t)l->pool_header_arenaindex, index);
	fake_py_word(p, pool, l->pool_header_nextpool, pair - 16);
	fake_py_word(p, pool, l->pool_header_prevpool, pair - 16);
	fake_mem_put_u64(p->f, pair, POOL);
	fake_mem_put_u64(p->f, pair + 8, POOL);
	fake_py_word(p, vector, (int32_t)index * l->arena_object_sizeof + l->arena_object_address, POOL);
}

static taddr put_state(struct fake_py *p, taddr interp)
{
	const struct py_layout *l = p->layout;
	taddr state = taddr_add(interp, l->PyInterpreterState_obmalloc);

	if (l->obmalloc_home == PY_OBMALLOC_POINTER) {
		state = fake_py_alloc(p, (size_t)l->obmalloc_state_sizeof);
		fake_py_word(p, interp, l->PyInterpreterState_obmalloc, state.v);
	}
	put_used(p, state);
	fake_py_word(p, state, l->obmalloc_state_mgmt + l->obmalloc_mgmt_arenas, 0x7770);
	fake_mem_put_u32(p->f, state.v + (uint64_t)(l->obmalloc_state_mgmt + l->obmalloc_mgmt_maxarenas),
			 16);
	return state;
}

Test(tracer_cpython_obmalloc, state_of_an_interpreter_is_found_where_the_sheet_says)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		struct obmalloc o;

		if (p.layout->obmalloc_home != PY_OBMALLOC_STATIC) {
			taddr state = put_state(&p, p.py.main_interp);

			cr_assert_eq(obmalloc_find(&p.py, p.mem, p.py.main_interp, &o, NULL), 0);
			cr_assert(taddr_eq(o.used, state) && o.classes == 32 && o.maxarenas == 16);
			cr_assert_eq(o.arenas.v, 0x7770);
		}
		fake_py_free(&p);
	}
}

Test(tracer_cpython_obmalloc, state_that_moved_is_found_by_its_signature)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		struct obmalloc o;

		if (p.layout->obmalloc_home != PY_OBMALLOC_STATIC) {
			taddr state = put_state(&p, p.py.main_interp);

			p.layout->PyInterpreterState_obmalloc -= 8;
			cr_assert_eq(obmalloc_find(&p.py, p.mem, p.py.main_interp, &o, NULL), 0,
				     "%s", sheet->layout->name);
			cr_assert(taddr_eq(o.used, state));
		}
		fake_py_free(&p);
	}
}

Test(tracer_cpython_obmalloc, interpreter_without_one_uses_the_main_ones)
{
	struct fake_py p = fake_py_new(sheet_find(12));
	taddr second = fake_py_interp(&p), state = put_state(&p, p.py.main_interp);
	struct obmalloc o;

	cr_assert_eq(obmalloc_find(&p.py, p.mem, second, &o, NULL), 0);
	cr_assert(taddr_eq(o.used, state));
	fake_py_free(&p);
}

Test(tracer_cpython_obmalloc, no_signature_is_corrupt)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		struct obmalloc o;

		if (p.layout->obmalloc_home != PY_OBMALLOC_STATIC)
			cr_assert_eq(obmalloc_find(&p.py, p.mem, p.py.main_interp, &o, NULL), ERR_CORRUPT);
		fake_py_free(&p);
	}
}

Test(tracer_cpython_obmalloc, pool_in_use_must_point_back)
{
	struct fake_py p = fake_py_new(sheet_find(13));
	taddr state = put_state(&p, p.py.main_interp), vector = fake_py_alloc(&p, 16 * 48);
	struct obmalloc o;

	put_pool(&p, state, 7, vector, 3);
	cr_assert_eq(obmalloc_find(&p.py, p.mem, p.py.main_interp, &o, NULL), 0);
	fake_mem_put_u32(p.f, POOL + (uint64_t)p.layout->pool_header_szidx, 8);
	cr_assert_eq(obmalloc_find(&p.py, p.mem, p.py.main_interp, &o, NULL), ERR_CORRUPT);
	fake_py_free(&p);
}
