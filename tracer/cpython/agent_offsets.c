/* SPDX-License-Identifier: MIT */
/* A layout in the words of agent/abi.h. Knows what the agent reads, not how it reads it. */
#include "tracer/cpython/agent_offsets.h"

#include "tracer/cpython/linetable.h"

/* The agent's numbers are ours; a difference must not compile. */
_Static_assert((int)AGENT_FRAME_OBJECT == (int)PY_FRAME_OBJECT, "frame kinds");
_Static_assert((int)AGENT_FRAME_CFRAME == (int)PY_FRAME_CFRAME, "frame kinds");
_Static_assert((int)AGENT_FRAME_CURRENT == (int)PY_FRAME_CURRENT, "frame kinds");
_Static_assert((int)AGENT_FRAME_STACKREF == (int)PY_FRAME_STACKREF, "frame kinds");
_Static_assert((int)AGENT_LINES_LNOTAB == (int)PY_LINES_LNOTAB, "line kinds");
_Static_assert((int)AGENT_LINES_PEP626 == (int)PY_LINES_PEP626, "line kinds");
_Static_assert((int)AGENT_LINES_LOCATIONS == (int)PY_LINES_LOCATIONS, "line kinds");
_Static_assert((int)LINETABLE_LNOTAB == (int)PY_LINES_LNOTAB, "line kinds");
_Static_assert((int)LINETABLE_PEP626 == (int)PY_LINES_PEP626, "line kinds");
_Static_assert((int)LINETABLE_LOCATIONS == (int)PY_LINES_LOCATIONS, "line kinds");
_Static_assert((int)AGENT_TSTATE_GLOBAL == (int)PY_TSTATE_GLOBAL, "thread state kinds");
_Static_assert((int)AGENT_TSTATE_TLS_FIXED == (int)PY_TSTATE_TLS_FIXED, "thread state kinds");
_Static_assert((int)AGENT_TSTATE_TLS_DTV == (int)PY_TSTATE_TLS_DTV, "thread state kinds");
_Static_assert((int)AGENT_RAW == (int)PY_RAW && (int)AGENT_MEM == (int)PY_MEM &&
		       (int)AGENT_OBJ == (int)PY_OBJ, "domains");

static void frame_offsets(const struct py_layout *l, struct agent_offsets *ret)
{
	switch (l->frame_kind) {
	case PY_FRAME_OBJECT:
		ret->tstate_frame = l->PyThreadState_frame;
		ret->frame_previous = l->PyFrameObject_f_back;
		ret->frame_code = l->PyFrameObject_f_code;
		ret->frame_instr = l->PyFrameObject_f_lasti;
		ret->frame_owner = PY_ABSENT;
		ret->frame_locals = l->PyFrameObject_f_localsplus;
		return;
	case PY_FRAME_CFRAME:
		ret->tstate_frame = l->PyThreadState_cframe;
		break;
	case PY_FRAME_CURRENT:
	case PY_FRAME_STACKREF:
		ret->tstate_frame = l->PyThreadState_current_frame;
		break;
	}
	ret->frame_previous = l->_PyInterpreterFrame_previous;
	ret->frame_code = l->_PyInterpreterFrame_f_executable;
	ret->frame_instr = l->_PyInterpreterFrame_instr_ptr;
	ret->frame_owner = l->_PyInterpreterFrame_owner;
	ret->frame_locals = l->_PyInterpreterFrame_localsplus;
}

void agent_offsets_of(const struct py_layout *l, struct agent_offsets *ret)
{
	*ret = (struct agent_offsets){
		.tstate_id = l->PyThreadState_id,
		.tstate_interp = l->PyThreadState_interp,
		.tstate_thread_id = l->PyThreadState_thread_id,
		.cframe_current_frame = l->_PyCFrame_current_frame,
		.code_firstlineno = l->PyCodeObject_co_firstlineno,
		.code_filename = l->PyCodeObject_co_filename,
		.code_name = l->PyCodeObject_co_qualname != PY_ABSENT ?
				     l->PyCodeObject_co_qualname :
				     l->PyCodeObject_co_name,
		.code_linetable = l->PyCodeObject_co_linetable,
		.code_adaptive = l->PyCodeObject_co_code_adaptive,
		.code_firsttraceable = l->PyCodeObject__co_firsttraceable,
		.unicode_length = l->PyASCIIObject_length,
		.unicode_state = l->PyASCIIObject_state,
		.unicode_ascii_data = l->PyASCIIObject_sizeof,
		.unicode_compact_data = l->PyCompactUnicodeObject_sizeof,
		.unicode_kind_shift = l->unicode_kind_shift,
		.unicode_ascii_shift = l->unicode_ascii_shift,
		.unicode_compact_shift = l->unicode_compact_shift,
		.bytes_size = l->PyVarObject_ob_size,
		.bytes_data = l->PyBytesObject_ob_sval,
		.ob_type = l->PyObject_ob_type,
		.code_locals = l->PyCodeObject_co_nlocals,
	};
	frame_offsets(l, ret);
}

/* _PyRuntime.finalizing (3.8), _finalizing (3.9 on): the thread state that takes the interpreter down. */
static uint64_t finalizing(const struct py *py)
{
	const struct py_layout *l = py->layout;
	int32_t at = l->_PyRuntimeState__finalizing >= 0 ? l->_PyRuntimeState__finalizing :
							   l->_PyRuntimeState_finalizing;

	return at >= 0 && py->runtime.v ? py->runtime.v + (uint64_t)at : 0;
}

void agent_offsets_fill(const struct py *py, struct agent_fixed *ret)
{
	const struct py_layout *l = py->layout;

	agent_offsets_of(l, &ret->off);
	ret->tstate_kind = (uint32_t)py->tstate_access;
	ret->tstate_addr = py->tstate_global.v;
	ret->tstate_tls_offset = py->tstate_tls_offset;
	ret->tstate_tls_module = py->tstate_tls_module;
	ret->thread_id_bias = py->thread_id_bias;
	ret->frame_kind = (uint32_t)l->frame_kind;
	ret->line_kind = (uint32_t)l->line_kind;
	ret->lasti_scale = (uint32_t)l->lasti_scale;
	ret->main_interp = py->main_interp.v;
	ret->finalizing_addr = finalizing(py);
	ret->code_type = py->code_type.v;
	for (int d = 0; d < PY_DOMAINS; d++)
		ret->table_addr[d] = py->table[d].v;
}
