/* SPDX-License-Identifier: MIT */
/* Stacks of every kind of frame, and what is passed over in them. */
#include "tracer/cpython/frame.h"

#include <criterion/criterion.h>

#include "fake_py.h"

TestSuite(tracer_cpython_frame, .timeout = 20);

static taddr top_of(struct fake_py *p, taddr frame)
{
	taddr tstate = fake_py_thread(p, p->py.main_interp, 1);

	fake_py_set_top(p, tstate, frame);
	return tstate;
}

Test(tracer_cpython_frame, frames_come_innermost_first_in_every_version)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		taddr code = fake_py_code(&p, "f", "f.py"), inner_code = fake_py_code(&p, "g", "g.py");
		taddr outer = fake_py_frame(&p, TADDR_NULL, code, 2, 0);
		taddr inner = fake_py_frame(&p, outer, inner_code, 6, 1);
		struct frame_iter it;
		struct frame a, b;

		cr_assert_eq(frame_iter_init(&it, &p.py, p.mem, top_of(&p, inner), NULL), 0);
		cr_assert_eq(frame_next(&it, &a, NULL), 1);
		cr_assert_eq(frame_next(&it, &b, NULL), 1);
		cr_assert(taddr_eq(a.code, inner_code) && a.lasti == 6, "%s", sheet->layout->name);
		cr_assert(taddr_eq(b.code, code) && b.lasti == 2 && !b.generator);
		cr_assert_eq(a.generator, sheet->layout->frame_kind != PY_FRAME_OBJECT);
		cr_assert_eq(frame_next(&it, &b, NULL), 0);
		fake_py_free(&p);
	}
}

Test(tracer_cpython_frame, thread_without_frames_has_an_empty_stack)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		struct frame_iter it;
		struct frame f;

		cr_assert_eq(frame_iter_init(&it, &p.py, p.mem, top_of(&p, TADDR_NULL), NULL), 0);
		cr_assert_eq(frame_next(&it, &f, NULL), 0);
		fake_py_free(&p);
	}
}

Test(tracer_cpython_frame, what_is_no_python_code_is_passed_over)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		const struct py_layout *l = p.layout;
		taddr code = fake_py_code(&p, "f", "f.py"), none = fake_py_alloc(&p, 64);
		taddr at = fake_py_frame(&p, TADDR_NULL, code, 4, 0);
		struct frame_iter it;
		struct frame f;

		if (l->owner_internal_min != PY_ABSENT)
			at = fake_py_frame(&p, at, code, 4, l->owner_internal_min);
		at = fake_py_frame(&p, at, none, 4, 0);
		at = fake_py_frame(&p, at, TADDR_NULL, 4, 0);
		if (l->PyCodeObject__co_firsttraceable != PY_ABSENT)
			at = fake_py_frame(&p, at, code, 0, 0); /* not complete yet */
		cr_assert_eq(frame_iter_init(&it, &p.py, p.mem, top_of(&p, at), NULL), 0);
		cr_assert_eq(frame_next(&it, &f, NULL), 1, "%s", l->name);
		cr_assert(f.lasti == 4 && taddr_eq(f.code, code));
		cr_assert_eq(frame_next(&it, &f, NULL), 0, "%s", l->name);
		fake_py_free(&p);
	}
}

Test(tracer_cpython_frame, frame_of_3_8_that_has_not_started_says_so)
{
	struct fake_py p = fake_py_new(py_sheets[0]);
	taddr frame = fake_py_frame(&p, TADDR_NULL, fake_py_code(&p, "f", "f.py"), -1, 0);
	struct frame_iter it;
	struct frame f;

	cr_assert_eq(frame_iter_init(&it, &p.py, p.mem, top_of(&p, frame), NULL), 0);
	cr_assert_eq(frame_next(&it, &f, NULL), 1);
	cr_assert_eq(f.lasti, -1);
	fake_py_free(&p);
}

Test(tracer_cpython_frame, chain_that_never_ends_is_corrupt)
{
	struct fake_py p = fake_py_new(py_sheets[py_sheets_count - 1]);
	taddr frame = fake_py_frame(&p, TADDR_NULL, fake_py_code(&p, "f", "f.py"), 4, 0);
	struct frame_iter it;
	struct frame f;
	int r;

	fake_py_word(&p, frame, p.layout->_PyInterpreterFrame_previous, frame.v);
	cr_assert_eq(frame_iter_init(&it, &p.py, p.mem, top_of(&p, frame), NULL), 0);
	while ((r = frame_next(&it, &f, NULL)) > 0)
		;
	cr_assert_eq(r, ERR_CORRUPT);
	fake_py_free(&p);
}

Test(tracer_cpython_frame, torn_stack_is_a_fault)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		struct frame_iter it;
		struct frame f;
		struct err err = ERR_INIT;

		cr_assert_eq(frame_iter_init(&it, &p.py, p.mem, top_of(&p, taddr_of(0x4440)), NULL), 0);
		cr_assert_eq(frame_next(&it, &f, &err), ERR_FAULT);
		cr_assert_eq(err.addr.v & ~UINT64_C(0xff), 0x4400);
		fake_py_free(&p);
	}
}
