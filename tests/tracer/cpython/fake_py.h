/* SPDX-License-Identifier: MIT */
/*
 * A CPython in fake memory: runtime, interpreter, threads, code, frames and strings, laid out
 * by whichever sheet the test asks for. For tests of readers, which must not care.
 */
#ifndef PYMEMPROF_TESTS_TRACER_CPYTHON_FAKE_PY_H
#define PYMEMPROF_TESTS_TRACER_CPYTHON_FAKE_PY_H

#include "tests/support/fake_mem.h"
#include "tracer/cpython/py.h"
#include "tracer/cpython/sheet.h"

struct fake_py {
	struct fake_mem *f;
	struct mem_source *mem;
	struct py_layout *layout; /* own copy, may be changed */
	struct py py;
	uint64_t next; /* next free address */
};

/* An initialised runtime with one interpreter and no thread. */
struct fake_py fake_py_new(const struct py_sheet *sheet);
void fake_py_free(struct fake_py *p);

/* n zeroed bytes at a fresh address, aligned to 64. */
taddr fake_py_alloc(struct fake_py *p, size_t n);
void fake_py_word(struct fake_py *p, taddr base, int32_t offset, uint64_t value);

taddr fake_py_interp(struct fake_py *p);		   /* newest, before the others */
taddr fake_py_thread(struct fake_py *p, taddr interp, uint64_t thread_id);
taddr fake_py_str(struct fake_py *p, const char *ascii);
taddr fake_py_bytes(struct fake_py *p, const void *bytes, size_t n);
/* Starts at line 10; lasti 4 is line 12, whatever the format of line table. */
taddr fake_py_code(struct fake_py *p, const char *name, const char *file);
/* Called from back; owner as in the oldest versions that have one. */
taddr fake_py_frame(struct fake_py *p, taddr back, taddr code, int32_t lasti, int owner);
void fake_py_set_top(struct fake_py *p, taddr tstate, taddr frame);

#define EACH_SHEET(s)                                                                              \
	for (size_t s##_i = 0; s##_i < py_sheets_count; s##_i++)                                   \
		for (const struct py_sheet *s = py_sheets[s##_i]; s; s = NULL)

#endif
