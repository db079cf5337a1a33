/* SPDX-License-Identifier: MIT */
/*
 * How long a process would have run and was not let, for want of a processor. Looks at the kernel's
 * account of each thread from time to time; needs no stop.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_WAITS_H
#define PYMEMPROF_TRACER_PROCESS_WAITS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"

struct waits_thread {
	pid_t tid;
	uint64_t ran_ns, waited_ns;
};

struct waits {
	struct VEC(struct waits_thread) threads; /* at the last look, by tid */
};

void waits_deinit(struct waits *w); /* accepts NULL and zeroed */

/*
 * Since the last look (the first one: 0): the waits of the threads, each with the weight of the time it
 * wanted to run. They may wait at the same time, so it is no sum. 0 where the kernel does not tell, and of
 * a process with more than 256 threads, which are not looked at.
 */
uint64_t waits_since(struct waits *w, pid_t pid);

/* The same from two looks at the threads, each sorted by tid. Pure. */
uint64_t waits_between(const struct waits_thread *before, size_t nbefore,
		       const struct waits_thread *now, size_t nnow);

#endif
