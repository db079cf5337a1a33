/* SPDX-License-Identifier: MIT */
/*
 * What the threads of a running process are doing, looked at from outside without stopping
 * them: the system call each waits in and the line of Python it waits for. A thread that runs
 * meanwhile may be seen in two places at once, so this is for people and not for figures.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_ACTIVITY_H
#define PYMEMPROF_TRACER_CPYTHON_ACTIVITY_H

#include <stddef.h>

#include "tracer/cpython/py.h"

#define ACTIVITY_THREADS_MAX 256 /* looked at; the others are only counted */
#define ACTIVITY_NAME_MAX 96

struct activity_thread {
	pid_t tid;     /* in our namespace */
	bool main;     /* the process's first */
	char state;    /* R S D T t, as /proc/PID/stat has it */
	bool running;  /* in no system call */
	int64_t syscall; /* it waits in, or −1 */
	bool holds_gil;
	char comm[64];
	char function[ACTIVITY_NAME_MAX]; /* "": no Python frame was found */
	char file[ACTIVITY_NAME_MAX];	  /* last component */
	int32_t line;			  /* 0: unknown */
};

struct activity {
	struct activity_thread *thread;
	size_t count; /* of threads looked at */
	size_t total;
};

/*
 * Look at the threads of pid. The caller owns *ret: activity_deinit. What cannot be read of a
 * thread is left empty. Errors: GONE, NOMEM.
 */
int activity_read(pid_t pid, const struct py *py, struct mem_source *mem, struct activity *ret,
		  struct err *err) MUST_CHECK;
void activity_deinit(struct activity *a); /* accepts a zeroed one */

/*
 * One sentence without an end: "main thread waits in futex at wait (threading.py:331); 3 threads
 * run". Threads that do the same are told together; whole UTF-8, cut to fit. Returns buf.
 */
const char *activity_text(const struct activity *a, char *buf, size_t cap);

#endif
