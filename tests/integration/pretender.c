/* SPDX-License-Identifier: MIT */
/*
 * A C program which says it is CPython 3.14: it exports what one is recognised by, laid out by
 * our own sheet, and lies from there on. pretender LIE, or --list. Says "ready" and waits.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tracer/cpython/sheet.h"

#define RUNTIME_BYTES 316616 /* of 3.14.5 to 3.14.10 */
#define INTERP_BYTES (1 << 19)
#define SPARSE_BYTES (UINT64_C(1) << 42)

#define EXPORT __attribute__((visibility("default"), used))

EXPORT _Alignas(64) char _PyRuntime[RUNTIME_BYTES];
EXPORT _Alignas(64) char PyType_Type[1024], PyCode_Type[1024];
EXPORT const unsigned long Py_Version = 0x030e0af0;
EXPORT void *PyObject_Malloc(size_t n);
EXPORT void *PyMem_Malloc(size_t n);
EXPORT void *PyMem_RawMalloc(size_t n);
EXPORT void *PyObject_Calloc(size_t n, size_t m);
EXPORT void *PyObject_Realloc(void *p, size_t n);
EXPORT void PyObject_Free(void *p);

static _Alignas(64) char interp[INTERP_BYTES], thread[4096], objects[1 << 20];
static struct py_layout *l;

void *PyObject_Malloc(size_t n)
{
	return malloc(n);
}

void *PyMem_Malloc(size_t n)
{
	return malloc(n);
}

void *PyMem_RawMalloc(size_t n)
{
	return malloc(n);
}

void *PyObject_Calloc(size_t n, size_t m)
{
	return calloc(n, m);
}

void *PyObject_Realloc(void *p, size_t n)
{
	return realloc(p, n);
}

void PyObject_Free(void *p)
{
	free(p);
}

static void put(void *base, int32_t offset, const void *value)
{
	if (offset != PY_ABSENT)
		memcpy((char *)base + offset, &value, sizeof(value));
}

static void put_number(void *base, int32_t offset, uint64_t value)
{
	put(base, offset, (void *)(uintptr_t)value);
}

static void type_fill(char *type, const char *name, uint64_t basic)
{
	put_number(type, l->PyObject_ob_refcnt, 1);
	put(type, l->PyObject_ob_type, PyType_Type);
	put(type, l->PyTypeObject_tp_name, name);
	put_number(type, l->PyTypeObject_tp_basicsize, basic);
	put_number(type, l->PyTypeObject_tp_flags, PY_TPFLAG_TYPE | PY_TPFLAG_HAVE_GC | 1u << 12);
}

/* One entry of the table of offsets. */
static void entry(int32_t at, int32_t value)
{
	if (value != PY_ABSENT)
		put_number(_PyRuntime, at, (uint64_t)value);
}

/* As much of an interpreter as the self-test follows; pymalloc with nothing in it. */
static void plausible(void)
{
	char *gc = interp + l->PyInterpreterState_gc, *state = objects + 65536;

	type_fill(PyType_Type, "type", (uint64_t)l->PyHeapTypeObject_sizeof);
	type_fill(PyCode_Type, "code", 200);
	put(_PyRuntime, l->_PyRuntimeState_interpreters_head, interp);
	put(_PyRuntime, l->_PyRuntimeState_interpreters_main, interp);
	put(interp, l->PyInterpreterState_runtime, _PyRuntime);
	put(interp, l->PyInterpreterState_threads_head, thread);
	put(thread, l->PyThreadState_interp, interp);
	put(gc, l->gc_runtime_state_generation0, gc + l->gc_runtime_state_generations);
	for (int i = 0; i < 3; i++) {
		char *head = gc + l->gc_runtime_state_generations + i * l->gc_generation_sizeof;

		put(head, 0, head);
		put(head, 8, head);
	}
	put(interp, l->PyInterpreterState_obmalloc, state);
	for (int i = 0; i < 64; i++)
		put(state + l->obmalloc_state_pools, l->obmalloc_pools_used + 8 * i,
		    state + l->obmalloc_state_pools + l->obmalloc_pools_used + 16 * (i / 2) - 16);
	memcpy(_PyRuntime, "xdebugpy", 8);
#define FIELD(e, s, f) entry(l->_Py_DebugOffsets_##e, l->s##_##f);
#define SIZE(e, s) entry(l->_Py_DebugOffsets_##e, l->s##_sizeof);
#include "tracer/cpython/offsets_entries.def"
	for (int domain = 0; domain < 3; domain++) {
		char *table = _PyRuntime + (domain == 0 ? l->_PyRuntimeState_allocators_standard_raw :
					    domain == 1 ? l->_PyRuntimeState_allocators_standard_mem :
							  l->_PyRuntimeState_allocators_standard_obj);

		put(table, 8, domain ? PyObject_Malloc : PyMem_RawMalloc);
		put(table, 16, PyObject_Calloc);
		put(table, 24, PyObject_Realloc);
		put(table, 32, PyObject_Free);
	}
}

static void *sparse(void)
{
	void *at = mmap(NULL, SPARSE_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? objects : at;
}

static void lie_zeros(void)
{
}

static void lie_words(void)
{
	for (int i = 0; i + 8 <= RUNTIME_BYTES; i += 8)
		put(_PyRuntime, i, _PyRuntime);
	for (int i = 0; i + 8 <= 1024; i += 8) {
		put(PyType_Type, i, _PyRuntime);
		put(PyCode_Type, i, PyType_Type);
	}
}

static void lie_noise(void)
{
	uint64_t state = 88172645463325252u;

	plausible();
	for (int i = 4096; i + 8 <= RUNTIME_BYTES; i += 8) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		put_number(_PyRuntime, i, state);
	}
}

static void lie_offsets(void)
{
	plausible();
	for (int i = 24; i < 760; i += 8)
		put_number(_PyRuntime, i, i % 24 ? UINT64_MAX : (uint64_t)i * 8);
}

static void lie_interpreters(void)
{
	plausible();
	put(interp, l->PyInterpreterState_next, interp);
}

static void lie_threads(void)
{
	plausible();
	for (int i = 0; i < 100; i++) {
		put(objects + i * 4096, l->PyThreadState_interp, interp);
		put(objects + i * 4096, l->PyThreadState_next, objects + (i + 1) % 100 * 4096);
	}
	put(thread, l->PyThreadState_next, objects);
}

static void modules(char log2_size, char log2_index_bytes, uint64_t count)
{
	char *dict = objects, *keys = sparse();

	plausible();
	put(interp, l->PyInterpreterState_imports_modules, dict);
	put(dict, l->PyDictObject_ma_keys, keys);
	keys[l->PyDictKeysObject_dk_log2_size] = log2_size;
	keys[l->PyDictKeysObject_dk_log2_index_bytes] = log2_index_bytes;
	put_number(keys, l->PyDictKeysObject_dk_nentries, count);
}

static void lie_modules(void)
{
	modules(17, 19, 80000);
}

/* More than anybody would look through, in memory that is there. */
static void lie_many_modules(void)
{
	modules(36, 38, UINT64_C(1) << 34);
}

/* A collection is under way, so nobody may expect links back; the list never ends. */
static void lie_collector(void)
{
	char *gc = interp + l->PyInterpreterState_gc;

	plausible();
	put_number(gc, l->gc_runtime_state_collecting, 1);
	for (int i = 0; i < 1000; i++)
		put(objects + 131072 + i * 64, 0, objects + 131072 + (i + 1) % 1000 * 64);
	put(gc, l->gc_runtime_state_generations, objects + 131072);
}

static void lie_arenas(void)
{
	char *state = objects + 65536, *mgmt = state + l->obmalloc_state_mgmt;
	uint32_t many = 1u << 22;

	plausible();
	put(mgmt, l->obmalloc_mgmt_arenas, sparse());
	memcpy(mgmt + l->obmalloc_mgmt_maxarenas, &many, sizeof(many));
	memcpy(mgmt + l->obmalloc_mgmt_narenas_currently_allocated, &many, sizeof(many));
}

/* The same, with each arena there and full of pools that say nothing true. */
static void lie_pools(void)
{
	char *state = objects + 65536, *mgmt = state + l->obmalloc_state_mgmt, *vector = sparse();
	uint32_t many = 20000, pools = 64;

	plausible();
	put(mgmt, l->obmalloc_mgmt_arenas, vector);
	memcpy(mgmt + l->obmalloc_mgmt_maxarenas, &many, sizeof(many));
	for (uint32_t i = 0; i < many; i++) {
		char *arena = vector + (i + 1) * (UINT64_C(1) << 24), *o = vector + i * l->arena_object_sizeof;

		put(o, l->arena_object_address, arena);
		put(o, l->arena_object_pool_address, arena + l->arena_bytes);
		memcpy(o + l->arena_object_ntotalpools, &pools, sizeof(pools));
	}
}

/* A few arenas of as many pools as a number can say. */
static void lie_endless_arenas(void)
{
	char *state = objects + 65536, *mgmt = state + l->obmalloc_state_mgmt, *vector = sparse();
	uint32_t few = 8, pools = UINT32_MAX;

	plausible();
	put(mgmt, l->obmalloc_mgmt_arenas, vector);
	memcpy(mgmt + l->obmalloc_mgmt_maxarenas, &few, sizeof(few));
	for (uint32_t i = 0; i < few; i++) {
		char *arena = vector + (i + 1) * (UINT64_C(1) << 24), *o = vector + i * l->arena_object_sizeof;

		put(o, l->arena_object_address, arena);
		put(o, l->arena_object_pool_address, arena + (uint64_t)(pools - 1) * (uint64_t)l->pool_bytes);
		memcpy(o + l->arena_object_ntotalpools, &pools, sizeof(pools));
	}
}

static const struct {
	const char *name;
	void (*tell)(void);
} lies[] = {
	{ "zeros", lie_zeros },		{ "words", lie_words },
	{ "noise", lie_noise },		{ "offsets", lie_offsets },
	{ "interpreters", lie_interpreters }, { "threads", lie_threads },
	{ "modules", lie_modules },	{ "many_modules", lie_many_modules },
	{ "collector", lie_collector }, { "arenas", lie_arenas },
	{ "pools", lie_pools },		{ "endless_arenas", lie_endless_arenas },
};

int main(int argc, char **argv)
{
	const struct py_sheet *sheet = sheet_find(14);

	if (argc < 2 || sheet_build(sheet, PY_X86_64, NULL, &l, NULL) < 0)
		return 2;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		if (!strcmp(argv[1], "--list")) {
			puts(lies[i].name);
			continue;
		}
		if (strcmp(argv[1], lies[i].name))
			continue;
		lies[i].tell();
		puts("ready");
		fflush(stdout);
		for (;;)
			pause();
	}
	return strcmp(argv[1], "--list") ? 2 : 0;
}
