/* SPDX-License-Identifier: MIT */
/*
 * The facts about one CPython version: byte offsets (fields.def) and traits, small enums for
 * behaviour. Code asks for the trait; only v3_*.c files know a number like 13.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_LAYOUT_H
#define PYMEMPROF_TRACER_CPYTHON_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define PY_ABSENT (-1)

/* A generator state this version does not have (the numbers themselves may be negative). */
#define PY_GEN_NONE (-128)

/* What ob_refcnt holds. */
enum py_refcount {
	PY_REFCOUNT_PLAIN = 1, /* ≤3.11: a signed word, no immortals */
	PY_REFCOUNT_SIGN32,    /* 3.12, 3.13: low 32 bits negative means immortal */
	PY_REFCOUNT_FLAGS,     /* 3.14+: u32 count (≥ 2^31 immortal), then ob_overflow, ob_flags */
};

/* How an int stores its length and sign. */
enum py_int_repr {
	PY_INT_SIGNED_SIZE = 1, /* ≤3.11: ob_size, negative for negative values */
	PY_INT_TAG,		/* 3.12+: lv_tag, digits in bits 3…, sign in bits 0–1 */
};

/* What sys.getsizeof adds in front of __sizeof__ (Python/sysmodule.c, _PySys_GetSizeOf). */
enum py_getsizeof {
	PY_GETSIZEOF_GC_HEAD = 1, /* ≤3.10: a PyGC_Head when the object is a GC object */
	PY_GETSIZEOF_BY_TYPE,	  /* 3.11, 3.12: the type's pre-header, for static types too */
	PY_GETSIZEOF_BY_OBJECT,	  /* 3.13+: the type's pre-header when the object is a GC object */
};

/* Head of a dict's keys object. */
enum py_dict_keys {
	PY_KEYS_LOOKUP = 1, /* ≤3.10: dk_size, dk_lookup; entries are always PyDictKeyEntry */
	PY_KEYS_LOG2,	    /* 3.11+: dk_log2_size, dk_log2_index_bytes, dk_kind 0 general 1 unicode 2 split */
};

/* A split table's values. */
enum py_dict_values {
	PY_VALUES_BARE = 1, /* ≤3.10: the array itself, as long as the keys' usable fraction */
	PY_VALUES_PREFIX,   /* 3.11, 3.12: size bytes lie before the array; byte −1 is their length */
	PY_VALUES_HEADER,   /* 3.13+: struct of capacity, size, embedded, valid; array; order bytes */
};

/* Where an instance's __dict__ or attribute values are. */
enum py_instance_dict {
	PY_INSTANCE_DICTOFFSET = 1, /* ≤3.10: tp_dictoffset only */
	PY_INSTANCE_TWO_WORDS,	    /* 3.11 MANAGED_DICT: values* at word −4, dict* at word −3 */
	PY_INSTANCE_TAGGED_WORD,    /* 3.12 MANAGED_DICT: word −3, odd: values* − 1, even: dict* */
	PY_INSTANCE_INLINE,	    /* 3.13+: dict* at word −3; INLINE_VALUES: values at tp_basicsize */
};

enum py_weakref_list {
	PY_WEAKREF_OFFSET = 1, /* tp_weaklistoffset */
	PY_WEAKREF_MANAGED,    /* 3.12+: word −4 when the type has MANAGED_WEAKREF */
};

/* Where static builtin types keep tp_dict, tp_subclasses and tp_weaklist. */
enum py_static_types {
	PY_STATIC_TYPES_OWN = 1,    /* in the type */
	PY_STATIC_TYPES_PER_INTERP, /* 3.12+: interp types.builtins[(size_t)tp_subclasses − 1] */
};

enum py_gc_home {
	PY_GC_IN_RUNTIME = 1, /* 3.8: _PyRuntime.gc */
	PY_GC_IN_INTERP,      /* 3.9+: interp.gc */
};

enum py_gc_kind {
	PY_GC_GENERATIONS = 1, /* generations[3] */
	PY_GC_INCREMENTAL,     /* 3.14.0–3.14.4: young, old[2]; same heads at the same places */
};

enum py_gc_stats_kind {
	PY_GC_STATS_ARRAY = 1, /* generation_stats[3] */
	PY_GC_STATS_RINGS,     /* 3.15: pointer to struct gc_stats: rings of 11, 3 and 3 */
};

/* What a collection does with immortal objects. */
enum py_gc_immortals {
	PY_GC_IMMORTALS_NONE = 1, /* there are none */
	PY_GC_IMMORTALS_FROZEN,	  /* 3.12, 3.13: moved to the permanent generation */
	PY_GC_IMMORTALS_UNTRACKED, /* 3.14+: taken off every list */
};

/* The chain of Python frames. Numbers equal enum agent_frame_kind of agent/abi.h. */
enum py_frame_kind {
	PY_FRAME_OBJECT = 1,   /* ≤3.10: PyFrameObject, f_lasti */
	PY_FRAME_CFRAME = 2,   /* 3.11, 3.12: tstate->cframe->current_frame; instr_ptr is prev_instr */
	PY_FRAME_CURRENT = 3,  /* 3.13: tstate->current_frame, instr_ptr */
	PY_FRAME_STACKREF = 4, /* 3.14+: the same; f_executable and slots carry tag bits */
};

/* How far a frame's locals and value stack are valid. */
enum py_frame_locals {
	PY_LOCALS_VALUESTACK = 1, /* ≤3.9: f_valuestack … f_stacktop, NULL while running */
	PY_LOCALS_DEPTH,	  /* 3.10: f_stackdepth, −1 while running */
	PY_LOCALS_STACKTOP,	  /* 3.11–3.13: localsplus[0 … stacktop), −1 while running */
	PY_LOCALS_STACKPOINTER,	  /* 3.14+: localsplus … stackpointer, NULL while running */
};

/* Format of co_linetable. Numbers equal enum agent_line_kind of agent/abi.h. */
enum py_line_kind {
	PY_LINES_LNOTAB = 1,	/* ≤3.9: co_lnotab, pairs (u8 address, s8 line) */
	PY_LINES_PEP626 = 2,	/* 3.10: pairs (u8 range, s8 line), −128 no line */
	PY_LINES_LOCATIONS = 3, /* 3.11+: variable-length entries */
};

enum py_tstate_kind {
	PY_TSTATE_HOLDER = 1, /* ≤3.11: _PyRuntime.gilstate.tstate_current, the GIL's holder */
	PY_TSTATE_TLS,	      /* 3.12+: thread-local _Py_tss_tstate, NULL while detached */
};

enum py_allocator_home {
	PY_ALLOCATORS_STATIC = 1, /* ≤3.11: statics of Objects/obmalloc.c */
	PY_ALLOCATORS_IN_RUNTIME, /* 3.12+: _PyRuntime.allocators.standard */
};

enum py_obmalloc_home {
	PY_OBMALLOC_STATIC = 1, /* ≤3.11: statics of Objects/obmalloc.c */
	PY_OBMALLOC_IN_INTERP,	/* 3.12: inside PyInterpreterState */
	PY_OBMALLOC_POINTER,	/* 3.13+: interp->obmalloc points to it */
};

/* How pymalloc decides whether an address is its own. */
enum py_arena_lookup {
	PY_ARENA_BY_INDEX = 1, /* ≤3.9: pool_header.arenaindex */
	PY_ARENA_RADIX,	       /* 3.10+: radix tree, radix_bits_* */
};

enum py_free_lists {
	PY_FREE_LISTS_STATIC = 1, /* ≤3.9: statics, one per C file */
	PY_FREE_LISTS_IN_INTERP,  /* 3.10–3.12: interp.{tuple,list,float_state,dict_state …} */
	PY_FREE_LISTS_ARRAYS,	  /* 3.13: interp.object_state.freelists: items and numfree */
	PY_FREE_LISTS_LINKED,	  /* 3.14+: struct {void *freelist; Py_ssize_t size}, linked by word 0 */
};

enum py_tracemalloc_home {
	PY_TRACEMALLOC_STATIC = 1, /* ≤3.11: statics of Modules/_tracemalloc.c */
	PY_TRACEMALLOC_IN_RUNTIME, /* 3.12+: _PyRuntime.tracemalloc */
};

enum py_tracemalloc_table {
	PY_TRACES_INLINE = 1, /* 3.8: key and trace_t follow the entry's head */
	PY_TRACES_POINTERS,   /* 3.9+: the entry's value points to a trace_t */
};

enum py_tracemalloc_filename {
	PY_TRACE_FILE_STR = 1, /* a str object */
	PY_TRACE_FILE_UTF8,    /* 3.15+: char *, UTF-8 */
};

/*
 * Offsets are members named Struct_field, dots as underscores: layout->PyTypeObject_tp_name.
 * sizeof is Struct_sizeof. PY_ABSENT where this version has no such field. All offsets are
 * within the struct named, in bytes of the target.
 */
struct py_layout {
	int32_t minor;	  /* 12: for messages and file names; behaviour is in the traits */
	const char *name; /* "3.12" */

	enum py_refcount refcount;
	enum py_int_repr int_repr;
	enum py_getsizeof getsizeof;
	int32_t type_visited; /* 1 from 3.9 on: instances of heap types visit their type */
	int32_t int_min_digits; /* (0).__sizeof__() counts as many: 0, from 3.11 on 1 */
	enum py_dict_keys dict_keys;
	enum py_dict_values dict_values;
	enum py_instance_dict instance_dict;
	enum py_weakref_list weakref_list;
	enum py_static_types static_types;
	enum py_gc_home gc_home;
	enum py_gc_kind gc_kind;
	enum py_gc_stats_kind gc_stats_kind;
	enum py_gc_immortals gc_immortals;
	enum py_frame_kind frame_kind;
	enum py_frame_locals frame_locals;
	enum py_line_kind line_kind;
	enum py_tstate_kind tstate_kind;
	enum py_allocator_home allocator_home;
	enum py_obmalloc_home obmalloc_home;
	enum py_arena_lookup arena_lookup;
	enum py_free_lists free_lists;
	enum py_tracemalloc_home tracemalloc_home;
	enum py_tracemalloc_table tracemalloc_table;
	enum py_tracemalloc_filename tracemalloc_filename;

	int32_t lasti_scale; /* bytes per unit of f_lasti; 1 where it is a difference of addresses */

	/* _PyInterpreterFrame.owner; PY_ABSENT before 3.11 (owner_internal_min: before 3.12) */
	int32_t owner_thread, owner_generator, owner_frame_object;
	int32_t owner_internal_min; /* this and above: no Python code behind it */

	/* gi_frame_state; PY_GEN_NONE where there is no such state. No locals when cleared. */
	int32_t gen_created, gen_suspended, gen_yield_from, gen_yield_from_locked, gen_executing;
	int32_t gen_completed, gen_cleared;

	/* pymalloc; a build with huge pages has 2 MiB arenas: measure arena_object.ntotalpools */
	int32_t arena_bytes, pool_bytes, block_align, small_request_max;
	int32_t radix_bits_top, radix_bits_mid, radix_bits_bot;

	int32_t free_tuple_lists, free_tuple_first_len; /* list i holds tuples of i + first_len */

	/* bits of PyASCIIObject.state, counted from the least significant */
	int32_t unicode_kind_shift, unicode_compact_shift, unicode_ascii_shift, unicode_ready_shift;

	/* masks of tp_flags, 0 when this version has no such flag */
	int32_t flag_inline_values, flag_managed_weakref, flag_managed_dict, flag_static_builtin;

#define PY_STRUCT(s, spellings) int32_t s##_sizeof;
#define PY_FIELD(s, f, path, bytes) int32_t s##_##f;
#include "tracer/cpython/fields.def"
#undef PY_STRUCT
#undef PY_FIELD
};

/* tp_flags which mean the same in every version (Include/object.h). */
#define PY_TPFLAG_HEAPTYPE (1u << 9)
#define PY_TPFLAG_HAVE_GC (1u << 14)
#define PY_TPFLAG_LONG (1u << 24)
#define PY_TPFLAG_LIST (1u << 25)
#define PY_TPFLAG_TUPLE (1u << 26)
#define PY_TPFLAG_BYTES (1u << 27)
#define PY_TPFLAG_UNICODE (1u << 28)
#define PY_TPFLAG_DICT (1u << 29)
#define PY_TPFLAG_BASE_EXC (1u << 30)
#define PY_TPFLAG_TYPE (1u << 31)

#endif
