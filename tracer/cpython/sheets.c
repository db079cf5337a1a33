/* SPDX-License-Identifier: MIT */
/* The list of sheets. Its contents are the list of versions in meson.build. */
#include "tracer/cpython/sheets.h"

const struct py_sheet *const py_sheets[] = { PY_SHEETS };
const size_t py_sheets_count = sizeof(py_sheets) / sizeof(py_sheets[0]);
