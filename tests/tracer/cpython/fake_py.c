/* SPDX-License-Identifier: MIT */
/* Builds objects field by field from a layout; a field this version lacks is not written. */
#include "fake_py.h"

#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0x10000000)
#define RUNTIME_MAP (1u << 19)
#define INTERP_MAP (1u << 19)

taddr fake_py_alloc(struct fake_py *p, size_t n)
{
	taddr at = taddr_of(p->next);

	n = (n + 127) & ~(size_t)63;
	fake_mem_map(p->f, at.v, n);
	p->next += n + 64;
	return at;
}

void fake_py_word(struct fake_py *p, taddr base, int32_t offset, uint64_t value)
{
	if (offset != PY_ABSENT)
		fake_mem_put_u64(p->f, base.v + (uint64_t)offset, value);
}

struct fake_py fake_py_new(const struct py_sheet *sheet)
{
	struct fake_py p = { .next = BASE };

	p.f = fake_mem_new(8);
	p.mem = fake_mem_source(p.f);
	if (sheet_build(sheet, PY_X86_64, NULL, &p.layout, NULL) < 0)
		abort();
	p.py.layout = p.layout;
	p.py.runtime = fake_py_alloc(&p, RUNTIME_MAP);
	p.py.code_type = fake_py_alloc(&p, 512);
	p.py.type_type = fake_py_alloc(&p, 512);
	p.py.initialized = true;
	p.py.main_interp = fake_py_interp(&p);
	fake_py_word(&p, p.py.runtime, p.layout->_PyRuntimeState_interpreters_main,
		     p.py.main_interp.v);
	return p;
}

void fake_py_free(struct fake_py *p)
{
	free(p->layout);
	fake_mem_free(p->f);
}

taddr fake_py_interp(struct fake_py *p)
{
	const struct py_layout *l = p->layout;
	taddr interp = fake_py_alloc(p, INTERP_MAP), head;

	if (mem_ptr(p->mem, taddr_add(p->py.runtime, l->_PyRuntimeState_interpreters_head), &head,
		    NULL) < 0)
		abort();
	fake_py_word(p, interp, l->PyInterpreterState_next, head.v);
	fake_py_word(p, interp, l->PyInterpreterState_runtime, p->py.runtime.v);
	fake_py_word(p, p->py.runtime, l->_PyRuntimeState_interpreters_head, interp.v);
	return interp;
}

taddr fake_py_thread(struct fake_py *p, taddr interp, uint64_t thread_id)
{
	const struct py_layout *l = p->layout;
	taddr tstate = fake_py_alloc(p, (size_t)l->PyThreadState_sizeof), head;
	static uint64_t id;

	if (mem_ptr(p->mem, taddr_add(interp, l->PyInterpreterState_threads_head), &head, NULL) < 0)
		abort();
	fake_py_word(p, tstate, l->PyThreadState_next, head.v);
	fake_py_word(p, tstate, l->PyThreadState_interp, interp.v);
	fake_py_word(p, tstate, l->PyThreadState_thread_id, thread_id);
	fake_py_word(p, tstate, l->PyThreadState_id, ++id);
	fake_py_word(p, interp, l->PyInterpreterState_threads_head, tstate.v);
	return tstate;
}

taddr fake_py_str(struct fake_py *p, const char *ascii)
{
	const struct py_layout *l = p->layout;
	size_t n = strlen(ascii);
	taddr at = fake_py_alloc(p, (size_t)l->PyASCIIObject_sizeof + n + 1);

	fake_py_word(p, at, l->PyASCIIObject_length, n);
	fake_mem_put_u32(p->f, at.v + (uint64_t)l->PyASCIIObject_state,
			 1u << l->unicode_kind_shift | 1u << l->unicode_compact_shift |
				 1u << l->unicode_ascii_shift);
	fake_mem_put_str(p->f, at.v + (uint64_t)l->PyASCIIObject_sizeof, ascii);
	return at;
}

taddr fake_py_bytes(struct fake_py *p, const void *bytes, size_t n)
{
	taddr at = fake_py_alloc(p, (size_t)p->layout->PyBytesObject_sizeof + n);

	fake_py_word(p, at, p->layout->PyVarObject_ob_size, n);
	if (n)
		fake_mem_put(p->f, at.v + (uint64_t)p->layout->PyBytesObject_ob_sval, bytes, n);
	return at;
}

static taddr line_table(struct fake_py *p)
{
	static const uint8_t lnotab[] = { 0, 1, 4, 1 };		      /* 0: 11, 4: 12 */
	static const uint8_t pep626[] = { 4, 1, 4, 1 };		      /* 0–4: 11, 4–8: 12 */
	static const uint8_t locations[] = { 0xd9, 0, 0, 0xd9, 0, 0 }; /* 2 units each, line += 1 */

	switch (p->layout->line_kind) {
	case PY_LINES_LNOTAB:
		return fake_py_bytes(p, lnotab, sizeof(lnotab));
	case PY_LINES_PEP626:
		return fake_py_bytes(p, pep626, sizeof(pep626));
	case PY_LINES_LOCATIONS:
		break;
	}
	return fake_py_bytes(p, locations, sizeof(locations));
}

taddr fake_py_code(struct fake_py *p, const char *name, const char *file)
{
	const struct py_layout *l = p->layout;
	taddr at = fake_py_alloc(p, (size_t)l->PyCodeObject_sizeof + 256);
	taddr text = fake_py_str(p, name);

	fake_py_word(p, at, l->PyObject_ob_type, p->py.code_type.v);
	fake_py_word(p, at, l->PyCodeObject_co_name, text.v);
	fake_py_word(p, at, l->PyCodeObject_co_qualname, text.v);
	fake_py_word(p, at, l->PyCodeObject_co_filename, fake_py_str(p, file).v);
	fake_py_word(p, at, l->PyCodeObject_co_linetable, line_table(p).v);
	fake_mem_put_u32(p->f, at.v + (uint64_t)l->PyCodeObject_co_firstlineno, 10);
	if (l->PyCodeObject__co_firsttraceable != PY_ABSENT)
		fake_mem_put_u32(p->f, at.v + (uint64_t)l->PyCodeObject__co_firsttraceable, 1);
	return at;
}

taddr fake_py_frame(struct fake_py *p, taddr back, taddr code, int32_t lasti, int owner)
{
	const struct py_layout *l = p->layout;
	taddr at = fake_py_alloc(p, 512);

	if (l->frame_kind == PY_FRAME_OBJECT) {
		fake_py_word(p, at, l->PyFrameObject_f_back, back.v);
		fake_py_word(p, at, l->PyFrameObject_f_code, code.v);
		fake_mem_put_u32(p->f, at.v + (uint64_t)l->PyFrameObject_f_lasti,
				 lasti < 0 ? UINT32_MAX : (uint32_t)(lasti / l->lasti_scale));
		return at;
	}
	fake_py_word(p, at, l->_PyInterpreterFrame_previous, back.v);
	fake_py_word(p, at, l->_PyInterpreterFrame_f_executable,
		     code.v | (l->frame_kind == PY_FRAME_STACKREF ? 1 : 0));
	fake_py_word(p, at, l->_PyInterpreterFrame_instr_ptr,
		     code.v + (uint64_t)(int64_t)(l->PyCodeObject_co_code_adaptive + lasti));
	fake_mem_put_u8(p->f, at.v + (uint64_t)l->_PyInterpreterFrame_owner, (uint8_t)owner);
	return at;
}

void fake_py_set_top(struct fake_py *p, taddr tstate, taddr frame)
{
	const struct py_layout *l = p->layout;
	taddr cframe;

	switch (l->frame_kind) {
	case PY_FRAME_OBJECT:
		fake_py_word(p, tstate, l->PyThreadState_frame, frame.v);
		return;
	case PY_FRAME_CFRAME:
		cframe = fake_py_alloc(p, 64);
		fake_py_word(p, cframe, l->_PyCFrame_current_frame, frame.v);
		fake_py_word(p, tstate, l->PyThreadState_cframe, cframe.v);
		return;
	case PY_FRAME_CURRENT:
	case PY_FRAME_STACKREF:
		fake_py_word(p, tstate, l->PyThreadState_current_frame, frame.v);
		return;
	}
}
