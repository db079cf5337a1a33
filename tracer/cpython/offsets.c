/* SPDX-License-Identifier: MIT */
/*
 * Reading, validating and laying over the target's own table of offsets. Where it stands in
 * each version is in the sheets (_Py_DebugOffsets_*), so nothing here depends on one.
 */
#include "tracer/cpython/offsets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"

#define OFFSETS_BYTES_MAX 4096
#define STRUCT_BYTES_MAX (64u << 20)
#define COOKIE "xdebugpy" /* _Py_Debug_Cookie, Include/internal/pycore_debug_offsets.h, 3.13 */

/* One entry: where it is in the table, which member of the layout it speaks of. */
struct entry {
	uint32_t in_table, member, of; /* of: the sizeof member of its struct */
	uint32_t width;		       /* bytes of the field; 0: the entry is a sizeof */
	const char *name;
};

#define PY_STRUCT(s, spellings)
#define PY_FIELD(s, f, path, bytes) WIDTH_##s##_##f = bytes,
enum {
#include "tracer/cpython/fields.def"
};
#undef PY_STRUCT
#undef PY_FIELD

#define FIELD(e, s, f)                                                                             \
	{ offsetof(struct py_layout, _Py_DebugOffsets_##e), offsetof(struct py_layout, s##_##f),   \
	  offsetof(struct py_layout, s##_sizeof), WIDTH_##s##_##f, #s "." #f }
#define SIZE(e, s)                                                                                 \
	{ offsetof(struct py_layout, _Py_DebugOffsets_##e),                                        \
	  offsetof(struct py_layout, s##_sizeof), 0, 0, "sizeof " #s }

static const struct entry entries[] = {
	SIZE(runtime_state_size, _PyRuntimeState),
	FIELD(runtime_state_finalizing, _PyRuntimeState, _finalizing),
	FIELD(runtime_state_interpreters_head, _PyRuntimeState, interpreters_head),
	SIZE(interpreter_state_size, PyInterpreterState),
	FIELD(interpreter_state_id, PyInterpreterState, id),
	FIELD(interpreter_state_next, PyInterpreterState, next),
	FIELD(interpreter_state_threads_head, PyInterpreterState, threads_head),
	FIELD(interpreter_state_gc, PyInterpreterState, gc),
	FIELD(interpreter_state_imports_modules, PyInterpreterState, imports_modules),
	FIELD(interpreter_state_sysdict, PyInterpreterState, sysdict),
	FIELD(interpreter_state_builtins, PyInterpreterState, builtins),
	FIELD(interpreter_state_ceval_gil, PyInterpreterState, ceval_gil),
	FIELD(interpreter_state_gil_runtime_state, PyInterpreterState, _gil),
	FIELD(interpreter_state_gil_runtime_state_locked, PyInterpreterState, _gil_locked),
	FIELD(interpreter_state_gil_runtime_state_holder, PyInterpreterState, _gil_last_holder),
	SIZE(thread_state_size, PyThreadState),
	FIELD(thread_state_prev, PyThreadState, prev),
	FIELD(thread_state_next, PyThreadState, next),
	FIELD(thread_state_interp, PyThreadState, interp),
	FIELD(thread_state_current_frame, PyThreadState, current_frame),
	FIELD(thread_state_thread_id, PyThreadState, thread_id),
	FIELD(thread_state_native_thread_id, PyThreadState, native_thread_id),
	FIELD(thread_state_datastack_chunk, PyThreadState, datastack_chunk),
	FIELD(thread_state_status, PyThreadState, _status),
	SIZE(interpreter_frame_size, _PyInterpreterFrame),
	FIELD(interpreter_frame_previous, _PyInterpreterFrame, previous),
	FIELD(interpreter_frame_executable, _PyInterpreterFrame, f_executable),
	FIELD(interpreter_frame_instr_ptr, _PyInterpreterFrame, instr_ptr),
	FIELD(interpreter_frame_localsplus, _PyInterpreterFrame, localsplus),
	FIELD(interpreter_frame_owner, _PyInterpreterFrame, owner),
	SIZE(code_object_size, PyCodeObject),
	FIELD(code_object_filename, PyCodeObject, co_filename),
	FIELD(code_object_name, PyCodeObject, co_name),
	FIELD(code_object_qualname, PyCodeObject, co_qualname),
	FIELD(code_object_linetable, PyCodeObject, co_linetable),
	FIELD(code_object_firstlineno, PyCodeObject, co_firstlineno),
	FIELD(code_object_argcount, PyCodeObject, co_argcount),
	FIELD(code_object_localsplusnames, PyCodeObject, co_localsplusnames),
	FIELD(code_object_localspluskinds, PyCodeObject, co_localspluskinds),
	FIELD(code_object_co_code_adaptive, PyCodeObject, co_code_adaptive),
	SIZE(pyobject_size, PyObject),
	FIELD(pyobject_ob_type, PyObject, ob_type),
	SIZE(type_object_size, PyTypeObject),
	FIELD(type_object_tp_name, PyTypeObject, tp_name),
	FIELD(type_object_tp_repr, PyTypeObject, tp_repr),
	FIELD(type_object_tp_flags, PyTypeObject, tp_flags),
	SIZE(tuple_object_size, PyTupleObject),
	FIELD(tuple_object_ob_item, PyTupleObject, ob_item),
	FIELD(tuple_object_ob_size, PyVarObject, ob_size),
	SIZE(list_object_size, PyListObject),
	FIELD(list_object_ob_item, PyListObject, ob_item),
	FIELD(list_object_ob_size, PyVarObject, ob_size),
	SIZE(dict_object_size, PyDictObject),
	FIELD(dict_object_ma_keys, PyDictObject, ma_keys),
	FIELD(dict_object_ma_values, PyDictObject, ma_values),
	SIZE(float_object_size, PyFloatObject),
	FIELD(float_object_ob_fval, PyFloatObject, ob_fval),
	SIZE(long_object_size, PyLongObject),
	FIELD(long_object_lv_tag, PyLongObject, lv_tag),
	FIELD(long_object_ob_digit, PyLongObject, ob_digit),
	SIZE(bytes_object_size, PyBytesObject),
	FIELD(bytes_object_ob_size, PyVarObject, ob_size),
	FIELD(bytes_object_ob_sval, PyBytesObject, ob_sval),
	SIZE(unicode_object_size, PyUnicodeObject),
	FIELD(unicode_object_state, PyASCIIObject, state),
	FIELD(unicode_object_length, PyASCIIObject, length),
	SIZE(unicode_object_asciiobject_size, PyASCIIObject),
	SIZE(gc_size, gc_runtime_state),
	FIELD(gc_collecting, gc_runtime_state, collecting),
	FIELD(interpreter_state_threads_main, PyInterpreterState, threads_main),
	FIELD(interpreter_frame_stackpointer, _PyInterpreterFrame, stackpointer),
	SIZE(set_object_size, PySetObject),
	FIELD(set_object_used, PySetObject, used),
	FIELD(set_object_table, PySetObject, table),
	FIELD(set_object_mask, PySetObject, mask),
	SIZE(gen_object_size, PyGenObject),
	FIELD(gen_object_gi_name, PyGenObject, gi_name),
	FIELD(gen_object_gi_iframe, PyGenObject, gi_iframe),
	FIELD(gen_object_gi_frame_state, PyGenObject, gi_frame_state),
	FIELD(thread_state_base_frame, PyThreadState, base_frame),
	FIELD(thread_state_last_profiled_frame, PyThreadState, last_profiled_frame),
	FIELD(thread_state_last_profiled_frame_seq, PyThreadState, last_profiled_frame_seq),
	FIELD(thread_state_holds_gil, PyThreadState, holds_gil),
	FIELD(thread_state_gil_requested, PyThreadState, gil_requested),
	FIELD(thread_state_current_exception, PyThreadState, current_exception),
	FIELD(thread_state_exc_state, PyThreadState, exc_state),
	FIELD(err_stackitem_exc_value, _PyErr_StackItem, exc_value),
	FIELD(type_object_tp_basicsize, PyTypeObject, tp_basicsize),
	FIELD(type_object_tp_dictoffset, PyTypeObject, tp_dictoffset),
	SIZE(heap_type_object_size, PyHeapTypeObject),
	FIELD(heap_type_object_ht_cached_keys, PyHeapTypeObject, ht_cached_keys),
	SIZE(unicode_object_compactunicodeobject_size, PyCompactUnicodeObject),
	FIELD(gc_frame, gc_runtime_state, frame),
	FIELD(gc_generation_stats, gc_runtime_state, generation_stats),
};

static int32_t get(const struct py_layout *layout, uint32_t member)
{
	int32_t v;

	memcpy(&v, (const char *)layout + member, sizeof(v));
	return v;
}

static void set(struct py_layout *layout, uint32_t member, int32_t v)
{
	memcpy((char *)layout + member, &v, sizeof(v));
}

int offsets_head(struct mem_source *mem, taddr runtime, struct offsets_head *ret, struct err *err)
{
	uint8_t head[24]; /* cookie, u64 version, u64 free_threaded */
	int r = mem_read(mem, runtime, head, sizeof(head), err);

	if (r < 0)
		return err_wrap(err, r, "_PyRuntime");
	if (memcmp(head, COOKIE, 8))
		return 0;
	memcpy(&ret->hexversion, head + 8, sizeof(ret->hexversion));
	ret->free_threaded = head[16] != 0;
	return 1;
}

static bool absurd(const struct entry *e, const struct py_layout *layout, uint64_t value)
{
	uint32_t align = e->width && e->width < 8 && !(e->width & (e->width - 1)) ? e->width : 8;

	if (!e->width)
		return value == 0 || value > STRUCT_BYTES_MAX;
	if (value % align && e->width <= 8)
		return true;
	return value >= (uint64_t)get(layout, e->of);
}

int offsets_overlay(struct mem_source *mem, taddr runtime, struct py_layout *layout,
		    struct offsets_report *ret, struct err *err)
{
	uint8_t table[OFFSETS_BYTES_MAX];
	AUTO_FREE struct py_layout *copy = NULL;
	int32_t bytes = layout->_Py_DebugOffsets_sizeof;
	int r;

	*ret = (struct offsets_report){ 0 };
	if (bytes == PY_ABSENT)
		return 0;
	if (bytes > OFFSETS_BYTES_MAX)
		return err_set(err, ERR_UNSUPPORTED, "debug offsets of %d bytes", bytes);
	r = mem_read(mem, runtime, table, (size_t)bytes, err);
	if (r < 0)
		return err_wrap(err, r, "debug offsets");
	copy = malloc(sizeof(*copy));
	if (!copy)
		return err_nomem(err);
	*copy = *layout;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const struct entry *e = &entries[i];
		int32_t at = get(layout, e->in_table), known = get(layout, e->member);
		uint64_t value;

		if (at < 0 || at + 8 > bytes || known < 0)
			continue; /* this version's table or struct has no such thing */
		memcpy(&value, table + at, sizeof(value));
		if (absurd(e, copy, value))
			return err_set(err, ERR_CORRUPT, "debug offset of %s is absurd: %llu",
				       e->name, (unsigned long long)value);
		ret->compared++;
		if (value == (uint64_t)known)
			continue;
		LOG(LOG_PYTHON, "debug offset of %s is %llu, sheet says %d", e->name,
		    (unsigned long long)value, known);
		if (!ret->differ++)
			snprintf(ret->first, sizeof(ret->first), "%s", e->name);
		set(copy, e->member, (int32_t)value);
	}
	*layout = *copy;
	return 0;
}
