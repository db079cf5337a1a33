/* SPDX-License-Identifier: MIT */
/* A thread's own state by each way of finding it. */
#include <criterion/criterion.h>

#include "fake_py.h"
#include "tracer/cpython/detect.h"

TestSuite(tracer_cpython_tstate, .timeout = 10);

#define TP UINT64_C(0x70001000)

Test(tracer_cpython_tstate, holder_of_the_lock_is_this_thread_or_another)
{
	struct fake_py p = fake_py_new(sheet_find(9));
	taddr tstate = fake_py_thread(&p, p.py.main_interp, TP + 0x40), other, got;
	const taddr tps[] = { { TP }, { TP + 0x1000 } };

	other = fake_py_thread(&p, p.py.main_interp, TP + 0x1040);
	p.py.tstate_global = fake_py_alloc(&p, 8);
	cr_assert_eq(py_find_tstate_access(&p.py, p.mem, tps, 2, NULL), 0);
	cr_assert_eq(p.py.tstate_access, PY_TSTATE_GLOBAL);
	cr_assert_eq(p.py.thread_id_bias, 0x40);
	cr_assert_eq(py_tstate_of(&p.py, p.mem, tps[0], &got, NULL), 0);
	cr_assert(taddr_is_null(got));
	fake_mem_put_u64(p.f, p.py.tstate_global.v, tstate.v);
	cr_assert_eq(py_tstate_of(&p.py, p.mem, tps[0], &got, NULL), 0);
	cr_assert(taddr_eq(got, tstate) && !taddr_eq(got, other));
	cr_assert_eq(py_tstate_of(&p.py, p.mem, tps[1], &got, NULL), 0);
	cr_assert(taddr_is_null(got));
	fake_py_free(&p);
}

Test(tracer_cpython_tstate, fixed_distance_from_the_thread_pointer_is_read)
{
	struct fake_py p = fake_py_new(sheet_find(13));
	taddr got;

	fake_mem_put_u64(p.f, TP - 24, 0x5550);
	p.py.tstate_access = PY_TSTATE_TLS_FIXED;
	p.py.tstate_tls_offset = -24;
	cr_assert_eq(py_tstate_of(&p.py, p.mem, taddr_of(TP), &got, NULL), 0);
	cr_assert_eq(got.v, 0x5550);
	cr_assert_eq(py_tstate_of(&p.py, p.mem, taddr_of(0x1000), &got, NULL), ERR_FAULT);
	fake_py_free(&p);
}

Test(tracer_cpython_tstate, dynamic_storage_goes_through_the_vector_of_each_thread)
{
	struct fake_py p = fake_py_new(sheet_find(13));
	taddr dtv = fake_py_alloc(&p, 16 * 8), block = fake_py_alloc(&p, 64), got;

	fake_mem_put_u64(p.f, TP + 8, dtv.v);
	fake_mem_put_u64(p.f, dtv.v + 3 * 16, block.v);
	fake_mem_put_u64(p.f, block.v + 0x10, 0x6660);
	p.py.tstate_access = PY_TSTATE_TLS_DTV;
	p.py.tstate_tls_module = 3;
	p.py.tstate_tls_offset = 0x10;
	cr_assert_eq(py_tstate_of(&p.py, p.mem, taddr_of(TP), &got, NULL), 0);
	cr_assert_eq(got.v, 0x6660);
	/* TLS_DTV_UNALLOCATED: this thread never ran Python */
	fake_mem_put_u64(p.f, dtv.v + 3 * 16, UINT64_MAX);
	cr_assert_eq(py_tstate_of(&p.py, p.mem, taddr_of(TP), &got, NULL), 0);
	cr_assert(taddr_is_null(got));
	fake_py_free(&p);
}
