/* SPDX-License-Identifier: MIT */
/* Checks of a sheet against memory: each follows a link the offsets of the sheet must close. */
#include "tracer/cpython/selftest.h"

#include <string.h>

#include "tracer/cpython/dict.h"
#include "tracer/cpython/interp.h"
#include "tracer/cpython/obmalloc.h"
#include "tracer/cpython/str.h"

#define MODULES_MAX 100000
#define MODULES_READ 4096 /* sys is the first one made */

static int failed(struct err *err, const char *what)
{
	return err_set(err, ERR_CORRUPT, "self-test: %s", what);
}

static int read_cstr_is(struct mem_source *mem, taddr at, const char *s, bool *ret, struct err *err)
{
	char text[32];
	taddr p;
	int r = mem_ptr(mem, at, &p, err);

	if (r == 0)
		r = mem_read(mem, p, text, strlen(s) + 1, err);
	*ret = r == 0 && !memcmp(text, s, strlen(s) + 1);
	return r;
}

/* PyType_Type is its own type, is called "type", and instances are heap types. */
static int test_types(const struct py *py, struct mem_source *mem, struct err *err)
{
	const struct py_layout *l = py->layout;
	uint64_t basicsize;
	taddr type, code;
	bool is_type, is_code;
	int r = mem_ptr(mem, taddr_add(py->type_type, l->PyObject_ob_type), &type, err);

	if (r == 0)
		r = read_cstr_is(mem, taddr_add(py->type_type, l->PyTypeObject_tp_name), "type",
				 &is_type, err);
	if (r == 0)
		r = read_cstr_is(mem, taddr_add(py->code_type, l->PyTypeObject_tp_name), "code",
				 &is_code, err);
	if (r == 0)
		r = mem_word(mem, taddr_add(py->type_type, l->PyTypeObject_tp_basicsize), &basicsize,
			     err);
	if (r == 0)
		r = mem_ptr(mem, taddr_add(py->code_type, l->PyObject_ob_type), &code, err);
	if (r < 0)
		return r;
	if (!taddr_eq(type, py->type_type))
		return failed(err, "the type of PyType_Type is another type");
	if (!is_type || !is_code)
		return failed(err, "the names of PyType_Type and PyCode_Type are wrong");
	if (basicsize != (uint64_t)l->PyHeapTypeObject_sizeof)
		return failed(err, "size of type objects is wrong");
	if (py->initialized && !taddr_eq(code, py->type_type))
		return failed(err, "the type of PyCode_Type is not PyType_Type");
	return 0;
}

static int test_interps(const struct py *py, struct mem_source *mem, struct err *err)
{
	const struct py_layout *l = py->layout;
	struct interp_iter it;
	bool main_seen = false;
	taddr interp;
	int r = interp_iter_init(&it, py, mem, err);

	while (r == 0 && (r = interp_next(&it, &interp, err)) > 0) {
		struct thread_iter threads;
		struct interp_thread t;
		taddr runtime;

		main_seen |= taddr_eq(interp, py->main_interp);
		r = 0;
		if (l->PyInterpreterState_runtime != PY_ABSENT) {
			r = mem_ptr(mem, taddr_add(interp, l->PyInterpreterState_runtime), &runtime,
				    err);
			if (r == 0 && !taddr_eq(runtime, py->runtime))
				return failed(err, "an interpreter names another runtime");
		}
		if (r == 0)
			r = thread_iter_init(&threads, py, mem, interp, err);
		while (r == 0 && (r = thread_next(&threads, &t, err)) > 0)
			r = 0;
	}
	if (r < 0)
		return r;
	return main_seen ? 0 : failed(err, "the main interpreter is not in the list");
}

/* The three lists of objects are inside the collector's state and lead to memory. */
static int test_gc(const struct py *py, struct mem_source *mem, struct err *err)
{
	const struct py_layout *l = py->layout;
	taddr gc = interp_gc(py, py->main_interp), heads;
	int r = interp_gc_generations(py, mem, py->main_interp, &heads, err);

	if (r < 0)
		return r;
	if (heads.v < gc.v || heads.v >= gc.v + (uint64_t)l->gc_runtime_state_sizeof)
		return failed(err, "generation0 is not in the collector's state");
	for (int i = 0; i < 3; i++) {
		uint64_t word, unused;

		r = mem_word(mem, taddr_add(heads, i * l->gc_generation_sizeof), &word, err);
		if (r < 0)
			return r;
		word &= ~UINT64_C(3); /* flags of _gc_next */
		if (!word || mem_word(mem, taddr_of(word), &unused, NULL) < 0)
			return failed(err, "a list of the garbage collector leads nowhere");
	}
	return 0;
}

/* sys.modules is a dict with a key "sys": dict, keys and str are as the sheet says. */
static int test_modules(const struct py *py, struct mem_source *mem, struct err *err)
{
	const struct py_layout *l = py->layout;
	struct keys_shape k;
	taddr modules, keys;
	int r = mem_ptr(mem, taddr_add(py->main_interp, l->PyInterpreterState_imports_modules),
			&modules, err);

	if (r < 0)
		return r;
	if (taddr_is_null(modules))
		return 0; /* Py_Initialize has not come that far */
	r = mem_ptr(mem, taddr_add(modules, l->PyDictObject_ma_keys), &keys, err);
	if (r < 0)
		return r;
	if (!keys_shape_at(mem, l, keys.v, &k) || k.entries > MODULES_MAX)
		return failed(err, "sys.modules has an absurd size");
	for (uint64_t i = 0; i < k.entries && i < MODULES_READ; i++) {
		taddr key;

		r = mem_ptr(mem, taddr_of(keys.v + k.entries_at + i * k.entry_bytes + k.key_at),
			    &key, err);
		if (r < 0)
			return r;
		if (!taddr_is_null(key) && str_equals(mem, l, key, "sys", NULL) > 0)
			return 0;
	}
	return k.entries ? failed(err, "sys.modules has no \"sys\"") : 0;
}

int selftest_run(const struct py *py, struct mem_source *mem, struct err *err)
{
	struct obmalloc obmalloc;
	int r = test_types(py, mem, err);

	if (r < 0 || !py->initialized)
		return r;
	r = test_interps(py, mem, err);
	if (r == 0)
		r = test_gc(py, mem, err);
	if (r == 0)
		r = test_modules(py, mem, err);
	/* statics are searched for by signature: there is no offset to test */
	if (r == 0 && py->layout->obmalloc_home != PY_OBMALLOC_STATIC)
		r = obmalloc_find(py, mem, py->main_interp, &obmalloc, err);
	return r;
}
