/* SPDX-License-Identifier: MIT */
/*
 * Start a program and hold it at the entry point of each image it executes, before a single
 * instruction of the program (but after its dynamic linker) has run. Until it is released it
 * dies with us: a program that has not begun is better not begun than begun unseen.
 * Descriptors 0, 1, 2, signal mask, dispositions and process group are what the caller has.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_SPAWN_H
#define PYMEMPROF_TRACER_PROCESS_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct spawn; /* opaque */

enum spawn_at {
	SPAWN_AT_ENTRY = 1, /* held at the entry point of a new image */
	SPAWN_EXITED = 2,   /* wait status in *ret_status; the process is reaped */
};

/*
 * argv[0] is searched in PATH. The child has not executed it yet. Errors: SYS (fork, seize), and
 * what exec said: SYS with ENOENT, DENIED with EACCES … The caller owns *ret: spawn_free.
 */
int spawn_start(char *const argv[], struct spawn **ret, struct err *err) MUST_CHECK;

/*
 * Let it run to the next entry point or its end; signals for it are delivered. Asks `ended`
 * (may be NULL) several times a second and gives up with INTERRUPTED when it says so; the
 * process is then still held or running under our eyes, and may be waited for again.
 * Returns an enum spawn_at.
 */
int spawn_next(struct spawn *s, bool (*ended)(void *ctx), void *ctx, int *ret_status,
	       struct err *err) MUST_CHECK;

/*
 * Stop tracing. hold: it is left stopped as by SIGSTOP, to be continued with SIGCONT, so that
 * somebody else can seize it before it runs on.
 */
int spawn_release(struct spawn *s, bool hold, struct err *err) MUST_CHECK;

pid_t spawn_pid(const struct spawn *s);

/* A process not released is killed and reaped. Accepts NULL. */
void spawn_free(struct spawn *s);

#endif
