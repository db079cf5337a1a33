/* SPDX-License-Identifier: MIT */
/*
 * Memory of a living process: process_vm_readv, with /proc/PID/mem as fall-back (PROT_NONE
 * pages, hidepid, seccomp). The same source serves a frozen clone, whose pid is simply another.
 */
#ifndef PYMEMPROF_TRACER_MEM_LIVE_H
#define PYMEMPROF_TRACER_MEM_LIVE_H

#include <sys/types.h>

#include "tracer/mem/source.h"

/*
 * Needs ptrace permission over pid (checked by the first read, not here).
 * Caller frees with mem_free. Errors: NOMEM, DENIED, GONE.
 */
int live_new(pid_t pid, struct mem_source **ret, struct err *err) MUST_CHECK;

/*
 * Open now what reading may need, so that a child of ours can read on: under Yama's scope 1 only an
 * ancestor of the target may, and who has a file of it open. Errors: DENIED, GONE, SYS.
 */
int live_keep(struct mem_source *src, struct err *err) MUST_CHECK;

/*
 * Write n bytes at addr of a target whose threads are stopped by us. The caller has
 * registered the inverse. Uses /proc/PID/mem when the page is read-only (text).
 * Errors: FAULT, DENIED, GONE.
 */
int live_write(struct mem_source *src, taddr addr, const void *buf, size_t n, struct err *err) MUST_CHECK;

#endif
