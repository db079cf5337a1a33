/* SPDX-License-Identifier: MIT */
/*
 * Memory of a dead process: an ELF core file, from the kernel or from gcore, whole or cut off.
 * Text the kernel left out is read from the mapped files when these are provably the same ones.
 * Knows ELF notes and segments; refuses to know what the bytes mean.
 */
#ifndef PYMEMPROF_TRACER_MEM_CORE_H
#define PYMEMPROF_TRACER_MEM_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/taddr.h"
#include "tracer/mem/source.h"
#include "tracer/process/maps.h"

struct core; /* opaque */

struct core_thread {
	pid_t tid;
	taddr pc, sp, tp; /* tp: fs base or tpidr_el0; null when the core does not say */
};

/*
 * Open a core file. Files it refers to are looked up under sysroot (NULL or "": the running
 * system). Errors: SYS (cannot open or read), CORRUPT (not ELF, no segments, notes that
 * contradict themselves), UNSUPPORTED (an ELF file but not a core; another word size or byte
 * order; hint "not-a-core"). The caller frees.
 */
int core_open(const char *path, const char *sysroot, struct core **ret, struct err *err) MUST_CHECK;
void core_free(struct core *c); /* accepts NULL */

/* All borrowed from c. The source must not be freed on its own. */
struct mem_source *core_source(struct core *c);
const struct maps *core_maps(const struct core *c);
const struct core_thread *core_threads(const struct core *c, size_t *ret_count);

pid_t core_pid(const struct core *c);
const char *core_arch(const struct core *c); /* "x86_64" or "aarch64" */

/* Bytes of segments that lie beyond the end of the file: > 0 means the core was cut off. */
uint64_t core_missing_bytes(const struct core *c);

/* How long the file is, but for holes no compression explains. */
uint64_t core_bytes(const struct core *c);

/* Files whose text was needed but is absent or another build; reading there is ERR_FAULT. */
size_t core_missing_files(const struct core *c);

#endif
