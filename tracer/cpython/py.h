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
#include "tracer/elf/image.h"
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
	bool initialized;	   /* false: before Py_Initialize (entry point of `run`), main_interp is null */
	bool debug_allocators;	   /* PYTHONMALLOC=debug or -X dev */
	bool pymalloc;		   /* obj domain's original allocator is pymalloc */
	bool tracemalloc_on;
	uint32_t offsets_differ;   /* debug offsets which disagreed with the sheet (theirs were taken) */
	char offsets_note[64];	   /* name of the first */
	bool aarch64;		   /* else x86-64 */
	struct image *image;	   /* the object's symbols; owned */
};

/*
 * Run-time address of a symbol the interpreter's object defines in .dynsym (1), or 0 when it
 * does not. ret_bytes (st_size) may be NULL. Errors: CORRUPT, FAULT, NOMEM, SYS.
 */
int py_symbol(const struct py *py, const char *name, taddr *ret, uint64_t *ret_bytes,
	      struct err *err) MUST_CHECK;

/* The same for local symbols too, from .symtab; 0 when that is stripped. */
int py_symbol_local(const struct py *py, const char *name, taddr *ret, struct err *err) MUST_CHECK;

#endif
