/* SPDX-License-Identifier: MIT */
/*
 * What was found out about the interpreter inside a target. Produced by detect.h, read by
 * everybody above. Knows addresses and the layout sheet; refuses to know how to stop anything.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_PY_H
#define PYMEMPROF_TRACER_CPYTHON_PY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/taddr.h"
#include "tracer/cpython/layout.h"
#include "tracer/mem/source.h"
#include "tracer/process/maps.h"

enum py_domain { PY_RAW = 0, PY_MEM = 1, PY_OBJ = 2, PY_DOMAINS = 3 };

/* How a thread finds its own thread state (cpython-internals §3). */
enum py_tstate_access { PY_TSTATE_GLOBAL = 1, PY_TSTATE_TLS_FIXED = 2, PY_TSTATE_TLS_DTV = 3 };

struct py {
	const struct py_layout *layout; /* the sheet, debug offsets overlaid; owned by this struct */
	struct py_layout *own_layout;
	uint32_t hexversion;	   /* 0x030c01f0 */
	char version[32];	   /* "3.12.1" */
	char path[512];		   /* of the mapped object that defines _PyRuntime, as in maps */
	bool is_static;		   /* the executable itself, not libpython */
	uint64_t bias;		   /* load bias of that object */
	uint64_t obj_start, obj_end; /* all its mappings, bss included */
	uint64_t text_start, text_end;
	uint64_t data_start, data_end; /* writable segments, bss included */
	taddr runtime;		   /* _PyRuntime */
	uint64_t runtime_bytes;	   /* st_size in .dynsym */
	taddr main_interp;
	taddr table[PY_DOMAINS];   /* PyMemAllocatorEx raw, mem, obj */
	enum py_tstate_access tstate_access;
	taddr tstate_global;
	int64_t tstate_tls_offset;
	uint64_t tstate_tls_module;
	int64_t thread_id_bias; /* PyThreadState.thread_id − thread pointer, the same for all threads */
	taddr type_type, code_type; /* PyType_Type, PyCode_Type */
	bool debug_allocators;	   /* PYTHONMALLOC=debug or -X dev */
	bool pymalloc;		   /* obj domain's original allocator is pymalloc */
	bool tracemalloc_on;
};

#endif
