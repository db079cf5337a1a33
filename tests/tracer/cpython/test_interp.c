/* SPDX-License-Identifier: MIT */
/* The lists of interpreters and threads, whole, moving and damaged. */
#include "tracer/cpython/interp.h"

#include <criterion/criterion.h>

#include "fake_py.h"

TestSuite(tracer_cpython_interp, .timeout = 20);

Test(tracer_cpython_interp, interpreters_come_newest_first_in_every_version)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		taddr second = fake_py_interp(&p), got;
		struct interp_iter it;

		cr_assert_eq(interp_iter_init(&it, &p.py, p.mem, NULL), 0);
		cr_assert_eq(interp_next(&it, &got, NULL), 1);
		cr_assert(taddr_eq(got, second));
		cr_assert_eq(interp_next(&it, &got, NULL), 1);
		cr_assert(taddr_eq(got, p.py.main_interp));
		cr_assert_eq(interp_next(&it, &got, NULL), 0);
		fake_py_free(&p);
	}
}

Test(tracer_cpython_interp, threads_carry_their_ids_in_every_version)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		taddr first = fake_py_thread(&p, p.py.main_interp, 0x7000);
		taddr second = fake_py_thread(&p, p.py.main_interp, 0x8000);
		struct interp_thread a, b;
		struct thread_iter it;

		fake_py_word(&p, second, p.layout->PyThreadState_native_thread_id, 4242);
		cr_assert_eq(thread_iter_init(&it, &p.py, p.mem, p.py.main_interp, NULL), 0);
		cr_assert_eq(thread_next(&it, &a, NULL), 1);
		cr_assert_eq(thread_next(&it, &b, NULL), 1);
		cr_assert_eq(thread_next(&it, &b, NULL), 0);
		cr_assert(taddr_eq(a.tstate, second) && taddr_eq(b.tstate, first));
		cr_assert(a.thread_id == 0x8000 && b.thread_id == 0x7000 && a.id == b.id + 1);
		cr_assert_eq(a.tid, p.layout->PyThreadState_native_thread_id == PY_ABSENT ? 0 : 4242);
		fake_py_free(&p);
	}
}

Test(tracer_cpython_interp, list_that_never_ends_is_corrupt)
{
	struct fake_py p = fake_py_new(py_sheets[0]);
	taddr tstate = fake_py_thread(&p, p.py.main_interp, 1), got;
	struct interp_thread t;
	struct thread_iter threads;
	struct interp_iter it;
	int r;

	fake_py_word(&p, tstate, p.layout->PyThreadState_next, tstate.v);
	cr_assert_eq(thread_iter_init(&threads, &p.py, p.mem, p.py.main_interp, NULL), 0);
	while ((r = thread_next(&threads, &t, NULL)) > 0)
		;
	cr_assert_eq(r, ERR_CORRUPT);
	fake_py_word(&p, p.py.main_interp, p.layout->PyInterpreterState_next, p.py.main_interp.v);
	cr_assert_eq(interp_iter_init(&it, &p.py, p.mem, NULL), 0);
	while ((r = interp_next(&it, &got, NULL)) > 0)
		;
	cr_assert_eq(r, ERR_CORRUPT);
	fake_py_free(&p);
}

Test(tracer_cpython_interp, thread_of_another_interpreter_is_corrupt)
{
	struct fake_py p = fake_py_new(py_sheets[py_sheets_count - 1]);
	taddr tstate = fake_py_thread(&p, p.py.main_interp, 1);
	struct interp_thread t;
	struct thread_iter it;

	fake_py_word(&p, tstate, p.layout->PyThreadState_interp, 0x1234560);
	cr_assert_eq(thread_iter_init(&it, &p.py, p.mem, p.py.main_interp, NULL), 0);
	cr_assert_eq(thread_next(&it, &t, NULL), ERR_CORRUPT);
	fake_py_free(&p);
}

Test(tracer_cpython_interp, own_lock_is_recognised)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		taddr second = fake_py_interp(&p);
		bool own = true;

		cr_assert_eq(interp_own_gil(&p.py, p.mem, second, &own, NULL), 0);
		cr_assert_not(own);
		if (p.layout->PyInterpreterState_ceval_gil != PY_ABSENT) {
			fake_py_word(&p, second, p.layout->PyInterpreterState_ceval_gil,
				     second.v + (uint64_t)p.layout->PyInterpreterState__gil);
			cr_assert_eq(interp_own_gil(&p.py, p.mem, second, &own, NULL), 0);
			cr_assert(own);
		}
		fake_py_free(&p);
	}
}

Test(tracer_cpython_interp, holder_of_the_lock_is_known_only_while_it_is_locked)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		const struct py_layout *l = p.layout;
		taddr gil = fake_py_alloc(&p, 256), got;

		if (l->_PyRuntimeState_ceval_gil != PY_ABSENT)
			gil = taddr_add(p.py.runtime, l->_PyRuntimeState_ceval_gil);
		fake_py_word(&p, p.py.main_interp, l->PyInterpreterState_ceval_gil, gil.v);
		fake_py_word(&p, gil, l->_gil_runtime_state_last_holder, 0x5550);
		fake_mem_put_u32(p.f, gil.v + (uint64_t)l->_gil_runtime_state_locked, 1);
		cr_assert_eq(interp_gil_holder(&p.py, p.mem, p.py.main_interp, &got, NULL), 0);
		cr_assert_eq(got.v, 0x5550);
		fake_mem_put_u32(p.f, gil.v + (uint64_t)l->_gil_runtime_state_locked, 0);
		cr_assert_eq(interp_gil_holder(&p.py, p.mem, p.py.main_interp, &got, NULL), 0);
		cr_assert(taddr_is_null(got));
		fake_mem_put_u32(p.f, gil.v + (uint64_t)l->_gil_runtime_state_locked, UINT32_MAX);
		cr_assert_eq(interp_gil_holder(&p.py, p.mem, p.py.main_interp, &got, NULL), 0);
		cr_assert(taddr_is_null(got));
		fake_py_free(&p);
	}
}

Test(tracer_cpython_interp, thread_id_is_found_in_the_thread_descriptor)
{
	static const pid_t tids[] = { 100, 200, 300 };
	struct fake_mem *f = fake_mem_new(8);

	fake_mem_map(f, 0x10000, 0x900);
	fake_mem_put_u32(f, 0x10000 + 0x2d0, 200);
	cr_assert_eq(interp_tid_of(fake_mem_source(f), 0x10000, tids, 3), 200);
	fake_mem_put_u32(f, 0x10000 + 0x2d0, 0);
	cr_assert_eq(interp_tid_of(fake_mem_source(f), 0x10000, tids, 3), 0);
	fake_mem_put_u32(f, 0x10000 + 0x444, 300);
	cr_assert_eq(interp_tid_of(fake_mem_source(f), 0x10000, tids, 3), 300);
	fake_mem_put_u32(f, 0x10000 + 0x500, 100);
	cr_assert_eq(interp_tid_of(fake_mem_source(f), 0x10000, tids, 3), 0, "two answers are none");
	fake_mem_free(f);
}
