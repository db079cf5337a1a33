/* SPDX-License-Identifier: MIT */
/*
 * From a process to a struct py: which mapped object defines _PyRuntime, which version it is,
 * which sheet fits. Refuses by name whatever it does not know.
 */
#include "tracer/cpython/detect.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/own.h"
#include "tracer/cpython/obmalloc.h"
#include "tracer/cpython/offsets.h"
#include "tracer/cpython/selftest.h"
#include "tracer/cpython/sheet.h"
#include "tracer/cpython/tables.h"
#include "tracer/cpython/version.h"
#include "tracer/elf/symtab.h"

#define SELFTEST_TRIES 5
#define SELFTEST_WAIT_NS 2000000
#define OBJECT_BYTES_MAX (UINT64_C(1) << 30)
#define SCAN_BYTES (256u << 10)
#define SCAN_OVERLAP 64u

void py_deinit(struct py *py)
{
	image_free(py->image);
	free(py->own_layout);
	*py = (struct py){ 0 };
}

int py_symbol(const struct py *py, const char *name, taddr *ret, uint64_t *ret_bytes,
	      struct err *err)
{
	struct symbol sym;
	int r = symtab_dynamic(py->image, name, &sym, err);

	if (r <= 0)
		return r < 0 ? err_wrap(err, r, "symbols of the interpreter") : 0;
	*ret = taddr_of(sym.vaddr + py->bias);
	if (ret_bytes)
		*ret_bytes = sym.bytes;
	return 1;
}

int py_symbol_local(const struct py *py, const char *name, taddr *ret, struct err *err)
{
	struct symbol sym;
	int r = py->image ? symtab_static(py->image, name, &sym, err) : 0;

	if (r <= 0)
		return r < 0 ? err_wrap(err, r, "symbols of the interpreter") : 0;
	*ret = taddr_of(sym.vaddr + py->bias);
	return 1;
}

/* --- which object ------------------------------------------------------------------------ */

enum found { FOUND_NOTHING = 0, FOUND_PYTHON, FOUND_OLD_PYTHON };

static int look_at(pid_t pid, struct mem_source *mem, const struct maps *maps,
		   const struct map_range *range, struct py *py, enum found *found, struct err *err)
{
	struct image *img = NULL;
	struct symbol runtime, other;
	int r = image_open(pid, mem, maps, range, &img, err);

	if (r < 0)
		return r == ERR_GONE || r == ERR_NOMEM ? r : 0; /* not every mapping is an ELF file */
	r = symtab_dynamic(img, "_PyRuntime", &runtime, err);
	if (r > 0)
		r = symtab_dynamic(img, "PyObject_Malloc", &other, err);
	if (r > 0 && runtime.type != STT_FUNC && other.type == STT_FUNC) {
		py->image = img;
		py->bias = img->bias;
		py->runtime = taddr_of(runtime.vaddr + img->bias);
		py->runtime_bytes = runtime.bytes;
		snprintf(py->path, sizeof(py->path), "%s", range->path);
		*found = FOUND_PYTHON;
		return 0;
	}
	if (r == 0 && symtab_dynamic(img, "_PyThreadState_Current", &other, NULL) > 0)
		*found = FOUND_OLD_PYTHON;
	image_free(img);
	return r == ERR_GONE || r == ERR_NOMEM ? r : 0;
}

/* Names are only a guess at where to look first; what counts is the definition. */
static bool likely(const struct map_range *range)
{
	const char *slash = strrchr(range->path, '/');

	return slash && strstr(slash, "python");
}

static int find_object(pid_t pid, struct mem_source *mem, const struct maps *maps, struct py *py,
		       struct err *err)
{
	enum found found = FOUND_NOTHING;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < maps->count && found != FOUND_PYTHON; i++) {
			const struct map_range *range = &maps->ranges[i];
			int r;

			if (range->offset || range->path[0] != '/' || !(range->flags & MAP_R) ||
			    likely(range) != (pass == 0))
				continue;
			r = look_at(pid, mem, maps, range, py, &found, err);
			if (r < 0)
				return r;
		}
	}
	if (found == FOUND_PYTHON)
		return 0;
	if (found == FOUND_OLD_PYTHON)
		return err_hint(err, err_set(err, ERR_UNSUPPORTED, "CPython older than 3.7"),
				"unknown-version");
	/* 0: a core file */
	if (pid <= 0)
		return err_hint(err, err_set(err, ERR_UNSUPPORTED,
					     "it is no CPython: nothing in it defines its runtime"),
				"not-python");
	return err_hint(err, err_set(err, ERR_UNSUPPORTED,
				     "process %d is no CPython: nothing in it defines its runtime",
				     (int)pid),
			"not-python");
}

/* Extents of the object in memory, from its segments. */
static int find_extents(struct py *py, struct err *err)
{
	py->obj_start = py->text_start = py->data_start = UINT64_MAX;
	py->obj_end = py->text_end = py->data_end = 0;
	for (size_t i = 0; i < py->image->nsegments; i++) {
		const struct image_segment *s = &py->image->segment[i];
		uint64_t start = s->vaddr + py->bias, end = start + s->mem_bytes;

		if (start < py->obj_start)
			py->obj_start = start;
		if (end > py->obj_end)
			py->obj_end = end;
		if (s->executable && start < py->text_start)
			py->text_start = start;
		if (s->executable && end > py->text_end)
			py->text_end = end;
		if (s->writable && start < py->data_start)
			py->data_start = start;
		if (s->writable && end > py->data_end)
			py->data_end = end;
	}
	if (py->data_start >= py->data_end || py->text_start >= py->text_end ||
	    py->obj_end - py->obj_start > OBJECT_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "segments of the interpreter make no sense");
	return 0;
}

/* --- which version ----------------------------------------------------------------------- */

/* Py_GetVersion()'s buffer is data; its source, the bare string, is read-only. */
static int scan_segments(struct py *py, struct mem_source *mem, bool writable, int minor,
			 struct err *err)
{
	AUTO_FREE char *part = malloc(SCAN_BYTES);
	uint32_t hex = 0;

	if (!part)
		return err_nomem(err);
	for (size_t i = 0; i < py->image->nsegments; i++) {
		const struct image_segment *s = &py->image->segment[i];
		uint64_t at = s->vaddr + py->bias, end = at + s->mem_bytes;

		if (s->writable != writable)
			continue;
		while (at < end) {
			size_t n = end - at < SCAN_BYTES ? (size_t)(end - at) : SCAN_BYTES;
			int64_t got = mem_read_some(mem, taddr_of(at), part, n);

			if (got < 0)
				return err_set(err, (int)got, "data of the interpreter");
			if (!version_scan(part, (size_t)got, !writable, minor, &hex))
				return 0; /* contradicting hits are no answer */
			at += n == SCAN_BYTES ? SCAN_BYTES - SCAN_OVERLAP : n;
		}
	}
	py->hexversion = hex;
	return 0;
}

static int find_version(struct py *py, struct mem_source *mem, struct err *err)
{
	const struct py_sheet *sheet =
		sheet_by_size(py->aarch64 ? PY_AARCH64 : PY_X86_64, py->runtime_bytes);
	int minor = sheet ? sheet->layout->minor : -1;
	struct offsets_head head;
	uint64_t value;
	taddr at;
	int r = py_symbol(py, "Py_Version", &at, NULL, err);

	if (r > 0) {
		r = mem_word(mem, at, &value, err);
		if (r < 0)
			return err_wrap(err, r, "Py_Version");
		py->hexversion = (uint32_t)value;
	}
	if (r == 0 && !py->hexversion)
		r = scan_segments(py, mem, true, minor, err);
	/* too weak a sign to go by alone, but good enough for the patch release */
	if (r == 0 && !py->hexversion && minor >= 0)
		r = scan_segments(py, mem, false, minor, err);
	if (r < 0)
		return r;
	if (py->hexversion)
		version_text(py->hexversion, py->version);
	r = offsets_head(mem, py->runtime, &head, err);
	if (r < 0)
		return r;
	if (r > 0 && head.free_threaded)
		return err_hint(err, err_set(err, ERR_UNSUPPORTED,
					     "CPython %s is a free-threaded build", py->version),
				"free-threaded");
	return 0;
}

static int refuse_unknown(const struct py *py, struct err *err)
{
	const struct py_sheet *first = py_sheets[0], *last = py_sheets[py_sheets_count - 1];
	int minor = version_minor(py->hexversion);
	taddr at;
	int r;

	if (py->hexversion && !sheet_find(minor))
		return err_hint(err, err_set(err, ERR_UNSUPPORTED,
					     "CPython %s is not supported (%s to %s are)",
					     py->version, first->layout->name, last->layout->name),
				"unknown-version");
	/* Py_REF_DEBUG only, Include/object.h, 3.8+ */
	r = py_symbol(py, "_Py_NegativeRefcount", &at, NULL, err);
	if (r < 0)
		return r;
	if (r > 0)
		return err_hint(err, err_set(err, ERR_UNSUPPORTED, "CPython %s is a debug build",
					     py->version), "debug-build");
	return err_hint(err, err_set(err, ERR_UNSUPPORTED,
				     "no known build of CPython %s has a runtime of %llu bytes",
				     py->version[0] ? py->version : "(unknown version)",
				     (unsigned long long)py->runtime_bytes),
			"unknown-version");
}

static const struct py_sheet *sheet_named(const char *name)
{
	for (size_t i = 0; i < py_sheets_count; i++)
		if (strcmp(py_sheets[i]->layout->name, name) == 0)
			return py_sheets[i];
	return NULL;
}

int py_assume_check(const char *assume, struct err *err)
{
	char known[128] = "";
	size_t n = 0;

	if (!assume || sheet_named(assume))
		return 0;
	for (size_t i = 0; i < py_sheets_count && n < sizeof(known); i++)
		n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "",
				      py_sheets[i]->layout->name);
	return err_hint(err, err_set(err, ERR_USAGE, "no layout of version '%.40s' is known, but of %s", assume,
				     known),
			"");
}

/* The sheet and epoch for what was found, or for what the user says it is. */
static int choose_sheet(struct py *py, const char *assume, struct err *err)
{
	enum py_arch arch = py->aarch64 ? PY_AARCH64 : PY_X86_64;
	const struct py_sheet *sheet;
	const struct py_epoch *epoch = NULL;

	if (py->hexversion)
		sheet = version_major(py->hexversion) == 3 ?
				sheet_find(version_minor(py->hexversion)) : NULL;
	else
		sheet = sheet_by_size(arch, py->runtime_bytes);
	if (sheet)
		epoch = sheet_epoch(sheet, arch, py->runtime_bytes,
				    py->hexversion ? version_patch(py->hexversion) : -1);
	if (!epoch) {
		if (!assume)
			return refuse_unknown(py, err);
		sheet = sheet_named(assume);
		if (!sheet)
			return py_assume_check(assume, err);
		epoch = sheet_epoch(sheet, arch, py->runtime_bytes, -1);
	}
	if (!py->version[0])
		snprintf(py->version, sizeof(py->version), "%s", sheet->layout->name);
	return sheet_build(sheet, arch, epoch, &py->own_layout, err);
}

/* --- what is where ----------------------------------------------------------------------- */

static int need_symbol(const struct py *py, const char *name, taddr *ret, struct err *err)
{
	int r = py_symbol(py, name, ret, NULL, err);

	if (r == 0)
		return err_set(err, ERR_CORRUPT, "the interpreter does not define %s", name);
	return r < 0 ? r : 0;
}

static int read_state(struct py *py, struct mem_source *mem, struct err *err)
{
	const struct py_layout *l = py->layout;
	taddr head, thread;
	int r = mem_ptr(mem, taddr_add(py->runtime, l->_PyRuntimeState_interpreters_main),
			&py->main_interp, err);

	if (r == 0)
		r = mem_ptr(mem, taddr_add(py->runtime, l->_PyRuntimeState_interpreters_head), &head,
			    err);
	if (r < 0)
		return err_wrap(err, r, "_PyRuntime");
	py->initialized = false;
	if (taddr_is_null(py->main_interp) || taddr_is_null(head))
		return 0;
	r = mem_ptr(mem, taddr_add(py->main_interp, l->PyInterpreterState_threads_head), &thread, err);
	if (r < 0)
		return err_wrap(err, r, "main interpreter");
	py->initialized = !taddr_is_null(thread);
	return 0;
}

static int identify(struct py *py, pid_t pid, struct mem_source *mem, const struct maps *maps,
		    const char *assume, struct err *err)
{
	struct offsets_report report;
	int r = find_object(pid, mem, maps, py, err);

	if (r < 0)
		return r;
	if (py->image->machine != IMAGE_X86_64 && py->image->machine != IMAGE_AARCH64)
		return err_hint(err, err_set(err, ERR_UNSUPPORTED,
					     "CPython for a processor other than x86-64 and aarch64"),
				"architecture");
	py->aarch64 = py->image->machine == IMAGE_AARCH64;
	py->is_static = py->image->program;
	r = find_extents(py, err);
	if (r == 0)
		r = find_version(py, mem, err);
	if (r == 0)
		r = choose_sheet(py, assume, err);
	if (r < 0)
		return r;
	py->layout = py->own_layout;
	r = offsets_overlay(mem, py->runtime, py->own_layout, &report, err);
	if (r < 0)
		return r;
	py->offsets_differ = report.differ;
	snprintf(py->offsets_note, sizeof(py->offsets_note), "%s", report.first);
	r = need_symbol(py, "PyType_Type", &py->type_type, err);
	if (r == 0)
		r = need_symbol(py, "PyCode_Type", &py->code_type, err);
	if (r == 0 && py->layout->_PyRuntimeState_gilstate_tstate_current != PY_ABSENT)
		py->tstate_global = taddr_add(py->runtime,
					      py->layout->_PyRuntimeState_gilstate_tstate_current);
	return r;
}

static int check(struct py *py, struct mem_source *mem, const struct maps *maps, struct err *err)
{
	struct obmalloc obmalloc;
	int r = read_state(py, mem, err);

	if (r == 0)
		r = selftest_run(py, mem, err);
	if (r == 0)
		r = tables_find(py, mem, maps, err);
	if (r < 0 || !py->initialized || py->layout->obmalloc_home == PY_OBMALLOC_STATIC)
		return r;
	/* 3.13+: the allocator may be mimalloc; a pymalloc in use has an arena from the start */
	r = obmalloc_find(py, mem, py->main_interp, &obmalloc, err);
	if (r == 0 && taddr_is_null(obmalloc.arenas))
		py->pymalloc = false;
	return r;
}

int py_detect_damaged(struct mem_source *mem, const struct maps *maps, const char *assume,
		      struct py *ret, struct err *err)
{
	struct py py = { 0 };
	int r = identify(&py, -1, mem, maps, assume, err);

	if (r == 0)
		r = read_state(&py, mem, err);
	if (r == 0 && tables_find(&py, mem, maps, NULL) < 0)
		py.pymalloc = true; /* as nearly everywhere; the search for its arenas will tell */
	if (r < 0) {
		py_deinit(&py);
		return r;
	}
	*ret = py;
	return 0;
}

/* It says it is CPython, and nothing of it holds together. */
static int py_damaged(const struct py *py, struct err *err, int r)
{
	return err_hint(err, err_wrap(err, r, "CPython %s", py->version), "contradicts");
}

static void py_deinit_p(struct py *py)
{
	py_deinit(py);
}

int py_detect(pid_t pid, struct mem_source *mem, const struct maps *maps, const char *assume,
	      struct py *ret, struct err *err)
{
	AUTO(py_deinit_p) struct py py = { 0 };
	int r = identify(&py, pid, mem, maps, assume, err);

	if (r == ERR_CORRUPT)
		return py_damaged(&py, err, r);
	if (r < 0)
		return r;
	for (int i = 0; i < SELFTEST_TRIES; i++) {
		struct timespec wait = { .tv_nsec = SELFTEST_WAIT_NS };

		r = check(&py, mem, maps, err);
		if (r != ERR_CORRUPT && r != ERR_FAULT)
			break;
		nanosleep(&wait, NULL);
	}
	if (r == ERR_CORRUPT)
		return py_damaged(&py, err, r);
	if (r < 0)
		return err_wrap(err, r, "CPython %s", py.version);
	LOG(LOG_PYTHON, "CPython %s in %s, runtime of %llu bytes", py.version, py.path,
	    (unsigned long long)py.runtime_bytes);
	*ret = py;
	py = (struct py){ 0 };
	return 0;
}
