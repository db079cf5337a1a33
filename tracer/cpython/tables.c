/* SPDX-License-Identifier: MIT */
/*
 * Allocator tables. Up to 3.11 they are file statics of Objects/obmalloc.c: _PyMem_Raw, _PyMem,
 * _PyObject; from 3.12 on members of _PyRuntime.allocators.standard.
 */
#include "tracer/cpython/tables.h"

#include <string.h>

#include "tracer/cpython/codescan.h"

#define TABLE_WORDS 5
#define WRAPPERS_MAX 4

static const char *const table_name[PY_DOMAINS] = { "_PyMem_Raw", "_PyMem", "_PyObject" };
static const char *const func_name[PY_DOMAINS][4] = {
	{ "PyMem_RawMalloc", "PyMem_RawCalloc", "PyMem_RawRealloc", "PyMem_RawFree" },
	{ "PyMem_Malloc", "PyMem_Calloc", "PyMem_Realloc", "PyMem_Free" },
	{ "PyObject_Malloc", "PyObject_Calloc", "PyObject_Realloc", "PyObject_Free" },
};

static int read_table(struct mem_source *mem, taddr at, struct alloc_table *ret, struct err *err)
{
	uint64_t word[TABLE_WORDS];

	for (int i = 0; i < TABLE_WORDS; i++) {
		int r = mem_word(mem, taddr_add(at, i * mem->word_bytes), &word[i], err);

		if (r < 0)
			return r;
	}
	ret->ctx = word[0];
	memcpy(ret->func, word + 1, sizeof(ret->func));
	return 0;
}

static bool executable(const struct maps *maps, uint64_t addr)
{
	const struct map_range *range = maps_find(maps, taddr_of(addr));

	return range && range->flags & MAP_X;
}

/* Four different functions behind a word which is none. Hooks of a tool may lie anywhere. */
static bool plausible(const struct alloc_table *t, const struct maps *maps)
{
	for (int i = 0; i < 4; i++) {
		if (!executable(maps, t->func[i]))
			return false;
		for (int j = 0; j < i; j++)
			if (t->func[i] == t->func[j])
				return false;
	}
	return !t->ctx || !executable(maps, t->ctx);
}

/*
 * The table whose member `func` the exported function refers to. *ret stays null when none
 * of its references fits; two different ones that fit are an error.
 */
static int scan_function(const struct py *py, struct mem_source *mem, const struct maps *maps,
			 enum py_domain domain, int func, taddr *ret, struct err *err)
{
	uint8_t code[CODESCAN_BYTES];
	uint64_t target[CODESCAN_TARGETS_MAX];
	taddr at, found = TADDR_NULL;
	int64_t got;
	size_t n;
	int r = py_symbol(py, func_name[domain][func], &at, NULL, err);

	if (r <= 0)
		return r;
	got = mem_read_some(mem, at, code, sizeof(code));
	if (got < 0)
		return err_set(err, (int)got, "code of %s", func_name[domain][func]);
	n = codescan_targets(py->aarch64 ? PY_AARCH64 : PY_X86_64, code, (size_t)got, at.v, target);
	for (size_t i = 0; i < n; i++) {
		taddr table = taddr_add(taddr_of(target[i]), -8 * (1 + func));
		struct alloc_table t;

		if (target[i] % 8 || table.v < py->data_start ||
		    table.v + 8 * TABLE_WORDS > py->data_end || taddr_eq(table, found))
			continue;
		if (read_table(mem, table, &t, NULL) < 0 || !plausible(&t, maps))
			continue;
		if (!taddr_is_null(found))
			return err_set(err, ERR_CORRUPT, "%s refers to two tables",
				       func_name[domain][func]);
		found = table;
	}
	*ret = found;
	return 0;
}

static int find_static(const struct py *py, struct mem_source *mem, const struct maps *maps,
		       enum py_domain domain, taddr *ret, struct err *err)
{
	struct alloc_table t;
	int r = py_symbol_local(py, table_name[domain], ret, err);

	if (r > 0 && read_table(mem, *ret, &t, NULL) == 0 && plausible(&t, maps))
		return 0;
	for (int func = 0; func < 4; func++) {
		*ret = TADDR_NULL;
		r = scan_function(py, mem, maps, domain, func, ret, err);
		if (r < 0)
			return r;
		if (!taddr_is_null(*ret))
			return 0;
	}
	return err_set(err, ERR_CORRUPT, "allocator table %s not found", table_name[domain]);
}

/*
 * The table a wrapper forwards to, if ctx leads to one: tracemalloc's ctx is a
 * PyMemAllocatorEx (Modules/_tracemalloc.c), the debug hooks' ctx is {char api_id;
 * PyMemAllocatorEx alloc} (Objects/obmalloc.c, debug_alloc_api_t).
 */
static bool unwrap(struct mem_source *mem, const struct maps *maps, struct alloc_table *t,
		   bool *ret_debug)
{
	struct alloc_table inner;
	uint64_t id;

	*ret_debug = false;
	if (!t->ctx)
		return false;
	if (!read_table(mem, taddr_of(t->ctx), &inner, NULL) && plausible(&inner, maps)) {
		*t = inner;
		return true;
	}
	if (mem_u64(mem, taddr_of(t->ctx), &id, NULL) < 0)
		return false;
	id &= 0xff; /* the seven bytes after the char are padding */
	if ((id == 'r' || id == 'm' || id == 'o') &&
	    !read_table(mem, taddr_of(t->ctx + 8), &inner, NULL) && plausible(&inner, maps)) {
		*t = inner;
		*ret_debug = true;
		return true;
	}
	return false;
}

static int find_innermost(struct py *py, struct mem_source *mem, const struct maps *maps,
			  enum py_domain domain, struct alloc_table *ret, struct err *err)
{
	int r = tables_read(py, mem, domain, ret, err);
	bool debug;

	if (r < 0)
		return r;
	if (!plausible(ret, maps))
		return err_set(err, ERR_CORRUPT, "allocator table %s holds no functions",
			       table_name[domain]);
	for (int i = 0; i < WRAPPERS_MAX && unwrap(mem, maps, ret, &debug); i++)
		if (debug)
			py->debug_allocators = true;
	return 0;
}

/* struct {initialized; tracing; max_nframe …}, int each (Include/internal/pycore_pymem.h). */
static int read_tracing(struct py *py, struct mem_source *mem, struct err *err)
{
	uint32_t tracing = 0;
	taddr at;
	int r = 1;

	if (py->layout->tracemalloc_home == PY_TRACEMALLOC_IN_RUNTIME)
		at = taddr_add(py->runtime, py->layout->_PyRuntimeState_tracemalloc_config_tracing);
	else
		r = py_symbol(py, "_Py_tracemalloc_config", &at, NULL, err);
	if (r < 0)
		return r;
	if (r > 0 && py->layout->tracemalloc_home == PY_TRACEMALLOC_STATIC)
		at = taddr_add(at, 4);
	if (r > 0)
		r = mem_u32(mem, at, &tracing, err);
	if (r < 0)
		return err_wrap(err, r, "tracemalloc's configuration");
	py->tracemalloc_on = tracing != 0;
	return 0;
}

int tables_read(const struct py *py, struct mem_source *mem, enum py_domain domain,
		struct alloc_table *ret, struct err *err)
{
	int r = read_table(mem, py->table[domain], ret, err);

	return r < 0 ? err_wrap(err, r, "allocator table %s", table_name[domain]) : 0;
}

int tables_find(struct py *py, struct mem_source *mem, const struct maps *maps, struct err *err)
{
	const struct py_layout *l = py->layout;
	struct alloc_table raw, mem_table, obj;
	int r;

	if (l->allocator_home == PY_ALLOCATORS_IN_RUNTIME) {
		py->table[PY_RAW] = taddr_add(py->runtime, l->_PyRuntimeState_allocators_standard_raw);
		py->table[PY_MEM] = taddr_add(py->runtime, l->_PyRuntimeState_allocators_standard_mem);
		py->table[PY_OBJ] = taddr_add(py->runtime, l->_PyRuntimeState_allocators_standard_obj);
	} else {
		for (int d = 0; d < PY_DOMAINS; d++) {
			r = find_static(py, mem, maps, (enum py_domain)d, &py->table[d], err);
			if (r < 0)
				return r;
		}
	}
	py->debug_allocators = false;
	r = find_innermost(py, mem, maps, PY_RAW, &raw, err);
	if (r == 0)
		r = find_innermost(py, mem, maps, PY_MEM, &mem_table, err);
	if (r == 0)
		r = find_innermost(py, mem, maps, PY_OBJ, &obj, err);
	if (r < 0)
		return r;
	py->pymalloc = obj.func[0] != raw.func[0];
	return read_tracing(py, mem, err);
}
