/* SPDX-License-Identifier: MIT */
/*
 * Frame chains: PyFrameObject (Include/cpython/frameobject.h, ≤3.10), _PyInterpreterFrame
 * (Include/internal/pycore_frame.h, 3.11+; pycore_interpframe_structs.h, 3.14+).
 */
#include "tracer/cpython/frame.h"

#include "tracer/cpython/code.h"

#define STACKREF_TAG_MASK UINT64_C(3) /* Include/internal/pycore_stackref.h, 3.14 */

int frame_iter_init(struct frame_iter *it, const struct py *py, struct mem_source *mem,
		    taddr tstate, struct err *err)
{
	const struct py_layout *l = py->layout;
	taddr cframe;
	int r = 0;

	*it = (struct frame_iter){ .py = py, .mem = mem };
	switch (l->frame_kind) {
	case PY_FRAME_OBJECT:
		r = mem_ptr(mem, taddr_add(tstate, l->PyThreadState_frame), &it->next, err);
		break;
	case PY_FRAME_CFRAME:
		r = mem_ptr(mem, taddr_add(tstate, l->PyThreadState_cframe), &cframe, err);
		if (r == 0 && !taddr_is_null(cframe))
			r = mem_ptr(mem, taddr_add(cframe, l->_PyCFrame_current_frame), &it->next,
				    err);
		break;
	case PY_FRAME_CURRENT:
	case PY_FRAME_STACKREF:
		r = mem_ptr(mem, taddr_add(tstate, l->PyThreadState_current_frame), &it->next, err);
		break;
	}
	return r < 0 ? err_wrap(err, r, "thread state") : 0;
}

/* Read a frame object; always Python code. */
static int read_object(struct frame_iter *it, struct frame *f, taddr *back, struct err *err)
{
	const struct py_layout *l = it->py->layout;
	uint32_t lasti;
	int r = mem_ptr(it->mem, taddr_add(f->addr, l->PyFrameObject_f_back), back, err);

	if (r == 0)
		r = mem_ptr(it->mem, taddr_add(f->addr, l->PyFrameObject_f_code), &f->code, err);
	if (r == 0)
		r = mem_u32(it->mem, taddr_add(f->addr, l->PyFrameObject_f_lasti), &lasti, err);
	if (r < 0)
		return r;
	f->lasti = (int32_t)lasti < 0 ? -1 : (int32_t)lasti * l->lasti_scale;
	return code_check(it->py, it->mem, f->code, err);
}

/*
 * Has the frame executed its first traceable instruction? Frames being set up are hidden from
 * Python (_PyFrame_IsIncomplete, Include/internal/pycore_frame.h); the `__init__` shim of a
 * specialised call never gets that far.
 */
static int is_complete(struct frame_iter *it, const struct frame *f, struct err *err)
{
	const struct py_layout *l = it->py->layout;
	uint32_t first;
	int r;

	if (f->generator || l->PyCodeObject__co_firsttraceable == PY_ABSENT)
		return 1;
	r = mem_u32(it->mem, taddr_add(f->code, l->PyCodeObject__co_firsttraceable), &first, err);
	if (r < 0)
		return r;
	return f->lasti >= 0 && (uint32_t)f->lasti >= 2 * first;
}

static int read_interpreter(struct frame_iter *it, struct frame *f, taddr *back, struct err *err)
{
	const struct py_layout *l = it->py->layout;
	uint64_t instr;
	int64_t lasti;
	uint8_t owner;
	int r = mem_ptr(it->mem, taddr_add(f->addr, l->_PyInterpreterFrame_previous), back, err);

	if (r == 0)
		r = mem_ptr(it->mem, taddr_add(f->addr, l->_PyInterpreterFrame_f_executable), &f->code,
			    err);
	if (r == 0)
		r = mem_word(it->mem, taddr_add(f->addr, l->_PyInterpreterFrame_instr_ptr), &instr,
			     err);
	if (r == 0)
		r = mem_u8(it->mem, taddr_add(f->addr, l->_PyInterpreterFrame_owner), &owner, err);
	if (r < 0)
		return r;
	if (l->frame_kind == PY_FRAME_STACKREF)
		f->code.v &= ~STACKREF_TAG_MASK;
	if (l->owner_internal_min != PY_ABSENT && owner >= l->owner_internal_min)
		return 0;
	r = code_check(it->py, it->mem, f->code, err);
	if (r <= 0)
		return r;
	lasti = (int64_t)(instr - f->code.v) - l->PyCodeObject_co_code_adaptive;
	f->lasti = lasti < 0 || lasti > INT32_MAX ? -1 : (int32_t)lasti;
	f->generator = owner == l->owner_generator;
	return is_complete(it, f, err);
}

int frame_next(struct frame_iter *it, struct frame *ret, struct err *err)
{
	while (!taddr_is_null(it->next)) {
		struct frame f = { .addr = it->next };
		taddr back;
		int r;

		if (it->depth++ == FRAME_DEPTH_MAX)
			return err_set(err, ERR_CORRUPT, "stack deeper than %d frames",
				       FRAME_DEPTH_MAX);
		if (it->py->layout->frame_kind == PY_FRAME_OBJECT)
			r = read_object(it, &f, &back, err);
		else
			r = read_interpreter(it, &f, &back, err);
		if (r < 0)
			return err_wrap(err, r, "frame");
		it->next = back;
		if (r > 0) {
			*ret = f;
			return 1;
		}
	}
	return 0;
}
