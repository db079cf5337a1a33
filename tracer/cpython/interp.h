/* SPDX-License-Identifier: MIT */
/*
 * Interpreters and their threads, by following the runtime's lists. Bounded: a damaged or
 * moving list ends with an error, never with a loop.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_INTERP_H
#define PYMEMPROF_TRACER_CPYTHON_INTERP_H

#include "tracer/cpython/py.h"

#define INTERP_MAX 4096
#define INTERP_THREADS_MAX 65536

struct interp_iter {
	const struct py *py;
	struct mem_source *mem;
	taddr next, was; /* was: one before, to notice a circle */
	uint32_t count;
};

/* Begin at interpreters.head (the newest first; the main one is last). */
int interp_iter_init(struct interp_iter *it, const struct py *py, struct mem_source *mem,
		     struct err *err) MUST_CHECK;

/* 1 and the next PyInterpreterState, 0 at the end. Errors: FAULT, GONE, CORRUPT (too many, or a circle). */
int interp_next(struct interp_iter *it, taddr *ret, struct err *err) MUST_CHECK;

struct interp_thread {
	taddr tstate;
	taddr interp;
	uint64_t id;	    /* PyThreadState.id: counts up, never used again */
	uint64_t thread_id; /* pthread_t */
	uint64_t tid;	    /* native thread id; 0 before 3.11, see interp_tid_of */
};

struct thread_iter {
	const struct py *py;
	struct mem_source *mem;
	taddr interp, next, was;
	uint32_t count;
};

/* Begin at the threads of interp (the newest first). */
int thread_iter_init(struct thread_iter *it, const struct py *py, struct mem_source *mem,
		     taddr interp, struct err *err) MUST_CHECK;

/* 1 and the next thread state, 0 at the end. Errors: FAULT, GONE, CORRUPT (too many, alien, or a circle). */
int thread_next(struct thread_iter *it, struct interp_thread *ret, struct err *err) MUST_CHECK;

/* Does interp have a lock of its own (3.12+)? False before. Errors: FAULT, GONE. */
int interp_own_gil(const struct py *py, struct mem_source *mem, taddr interp, bool *ret,
		   struct err *err) MUST_CHECK;

/* The interpreter's _gc_runtime_state: in it, or (3.8) in the runtime. */
taddr interp_gc(const struct py *py, taddr interp);

/*
 * Address of the head of the young generation; the two older ones follow, gc_generation_sizeof
 * apart. Through the generation0 pointer where there is one: distributions patch the array's
 * alignment. Errors: FAULT, GONE.
 */
int interp_gc_generations(const struct py *py, struct mem_source *mem, taddr interp, taddr *ret,
			  struct err *err) MUST_CHECK;

/*
 * The thread state holding the GIL of interp, or null when nobody does. A hint on a running
 * target, exact on a stopped one. Errors: FAULT, GONE.
 */
int interp_gil_holder(const struct py *py, struct mem_source *mem, taddr interp, taddr *ret,
		      struct err *err) MUST_CHECK;

/*
 * Thread id behind a pthread_t, before 3.11 has it in the thread state: the one word near
 * struct pthread's tid (glibc nptl/descr.h) that is in tids. 0 when none or several match.
 */
uint64_t interp_tid_of(struct mem_source *mem, uint64_t pthread, const pid_t *tids, size_t ntids);

#endif
