/* SPDX-License-Identifier: MIT */
/*
 * Which interpreter is this, when it runs while we look? What is read then may be half old and
 * half new, and mappings come and go; detect.h answers for memory that holds still.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_IDENTIFY_H
#define PYMEMPROF_TRACER_CPYTHON_IDENTIFY_H

#include "tracer/cpython/py.h"

/*
 * py_detect of a running process, repeated with fresh mappings while the memory contradicts
 * itself, at last with every thread stopped for the moment (a process somebody else traces, we
 * perhaps, is only looked at again). assume: as py_detect's. A process that is no CPython but has
 * just been started, or is called python, is given half a second to become one.
 *
 * mem reads pid. On success *ret_maps are the mappings ret was found with; the caller owns both:
 * maps_deinit, py_deinit. Both are untouched after an error.
 * Errors: py_detect's and maps_read's; GONE.
 */
int py_identify(pid_t pid, struct mem_source *mem, const char *assume, struct maps *ret_maps,
		struct py *ret, struct err *err) MUST_CHECK;

#endif
