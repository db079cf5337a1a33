/* SPDX-License-Identifier: MIT */
/*
 * Stack of inverse actions. Every change to the target pushes its inverse before it is made;
 * success, error, Ctrl-C, assertion and fatal signal all run the same stack.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_UNDO_H
#define PYMEMPROF_TRACER_PROCESS_UNDO_H

#include <stdint.h>

#include "base/err.h"

#define UNDO_MAX 64

struct undo_entry {
	int (*fn)(void *ctx, uint64_t a, uint64_t b, struct err *err);
	void *ctx;
	uint64_t a, b;
	const char *what; /* static: "seize thread", "map agent" … */
};

struct undo {
	struct undo_entry entry[UNDO_MAX];
	int depth;
};

/* Fails with ERR_NOMEM when full, before anything was changed. Never allocates. */
int undo_push(struct undo *u, const char *what, int (*fn)(void *, uint64_t, uint64_t, struct err *),
	      void *ctx, uint64_t a, uint64_t b, struct err *err) MUST_CHECK;

/* Forget the newest entry without running it: the change was kept on purpose or undone otherwise. */
void undo_drop(struct undo *u);

/* Run and drop entries down to depth mark (0: all). Goes on after failures; returns the first. */
int undo_run(struct undo *u, int mark, struct err *err);

#endif
