/* SPDX-License-Identifier: MIT */
/*
 * How a sheet is written and chosen: the newest epoch on x86-64 in full, then patches for
 * aarch64 and for older patch releases. Private to this folder; everybody else sees the
 * finished struct py_layout in struct py.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_SHEET_H
#define PYMEMPROF_TRACER_CPYTHON_SHEET_H

#include "base/err.h"
#include "tracer/cpython/layout.h"

enum py_arch { PY_X86_64 = 0, PY_AARCH64 = 1, PY_ARCHS = 2 };

/* One member of struct py_layout (an offset or a trait) with another value, by architecture. */
struct py_patch {
	uint32_t member; /* offsetof(struct py_layout, …) */
	int32_t value[PY_ARCHS];
};

#define PY_PATCH(m, v) { .member = offsetof(struct py_layout, m), .value = { (v), (v) } }
#define PY_PATCH2(m, v, w) { .member = offsetof(struct py_layout, m), .value = { (v), (w) } }
#define PY_PATCH_END { .member = UINT32_MAX }

/* Patch releases first … last of one minor version. Ends with runtime_bytes 0. */
struct py_epoch {
	uint8_t first, last;
	uint32_t runtime_bytes[PY_ARCHS]; /* st_size of _PyRuntime in .dynsym */
	const struct py_patch *patch;	  /* against the newest epoch, or NULL */
};

struct py_sheet {
	const struct py_layout *layout;	 /* newest epoch, x86-64 */
	const struct py_patch *aarch64;	 /* applied before the epoch's patches */
	const struct py_epoch *epochs;
};

/* All sheets, oldest first; generated from the list in meson.build. */
extern const struct py_sheet *const py_sheets[];
extern const size_t py_sheets_count;

/* The sheet of minor version 3.minor, or NULL. */
const struct py_sheet *sheet_find(int minor);

/*
 * The epoch of a _PyRuntime of runtime_bytes: of several with the same size, the one with
 * patch release `patch` in its range (patch < 0: the newest). NULL when no epoch has that size.
 */
const struct py_epoch *sheet_epoch(const struct py_sheet *sheet, enum py_arch arch,
				   uint64_t runtime_bytes, int patch);

/*
 * All sheets' epochs with this size of _PyRuntime: the first hit's sheet, or NULL. Sizes are
 * unique per minor version (tested).
 */
const struct py_sheet *sheet_by_size(enum py_arch arch, uint64_t runtime_bytes);

/*
 * A malloc'ed copy of the sheet with arch and epoch applied (epoch NULL: the newest). The
 * caller frees it. Errors: NOMEM.
 */
int sheet_build(const struct py_sheet *sheet, enum py_arch arch, const struct py_epoch *epoch,
		struct py_layout **ret, struct err *err) MUST_CHECK;

#endif
