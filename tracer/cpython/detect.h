/* SPDX-License-Identifier: MIT */
/*
 * Which interpreter is this? From .dynsym and memory alone; names of files are never trusted.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_DETECT_H
#define PYMEMPROF_TRACER_CPYTHON_DETECT_H

#include "tracer/cpython/py.h"

/*
 * Identify the interpreter of pid and self-test the sheet against memory (interp->runtime,
 * tstate->interp, PyType_Type, generation0 ring, usedpools signature, "sys" …). mem may read
 * the running process, a stopped one, a clone or a core; pid < 0 when there is no process
 * (core: ELF files are opened by path). Threads need not be stopped; a moving target is
 * re-read a few times before an inconsistency is believed.
 *
 * assume: "3.15" to force a sheet for an unknown version, or NULL.
 * Errors: UNSUPPORTED hint "not-python" | "unknown-version" | "free-threaded" | "debug-build" |
 * "architecture"; USAGE (assume names no version);
 * CORRUPT (self-test failed, text says which); GONE; DENIED.
 * On success the caller owns *ret: py_deinit.
 */
int py_detect(pid_t pid, struct mem_source *mem, const struct maps *maps, const char *assume,
	      struct py *ret, struct err *err) MUST_CHECK;

/* Is there a sheet for assume ("3.15"; NULL: none is asked for)? Errors: USAGE, with the list of those there are. */
int py_assume_check(const char *assume, struct err *err) MUST_CHECK;

/*
 * The same for memory parts of which are known to be missing, as in a core file that was cut:
 * nothing is tested, so only for what py_detect has refused. Errors: as py_detect, FAULT.
 */
int py_detect_damaged(struct mem_source *mem, const struct maps *maps, const char *assume,
		      struct py *ret, struct err *err) MUST_CHECK;

/*
 * Fills tstate_access, tstate_tls_* and thread_id_bias. tps: thread pointers of all threads,
 * which are stopped; what is found is checked against the interpreters' lists of threads.
 * Errors: UNSUPPORTED (compiled code of an unknown shape), CORRUPT, FAULT, GONE, NOMEM.
 */
int py_find_tstate_access(struct py *py, struct mem_source *mem, const taddr *tps, size_t ntps,
			  struct err *err) MUST_CHECK;

/*
 * Thread state of the thread with pointer tp, null when it has none (3.12+: or is detached;
 * ≤3.11: or does not hold the lock). After py_find_tstate_access. Errors: FAULT, GONE.
 */
int py_tstate_of(const struct py *py, struct mem_source *mem, taddr tp, taddr *ret,
		 struct err *err) MUST_CHECK;

void py_deinit(struct py *py); /* accepts a zeroed one; leaves it zeroed */

#endif
