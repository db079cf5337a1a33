/* SPDX-License-Identifier: MIT */
/*
 * Does the chosen sheet fit what is in memory? Run at every attach, before a byte is believed:
 * links that must lead back to where they came from, under the offsets of the sheet.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_SELFTEST_H
#define PYMEMPROF_TRACER_CPYTHON_SELFTEST_H

#include "tracer/cpython/py.h"

/*
 * 0 when everything checked fits. Before Py_Initialize (py->initialized false) only what is
 * static is checked. Errors: CORRUPT (text says which check failed), FAULT, GONE.
 */
int selftest_run(const struct py *py, struct mem_source *mem, struct err *err) MUST_CHECK;

#endif
