/* SPDX-License-Identifier: MIT */
/*
 * Held back for the way out: whoever changes something that must be changed back takes, before it
 * does, what changing it back will need, and gives it up when that time has come. A program that
 * ran out of descriptors or of address space meanwhile can then still clean up behind itself.
 */
#ifndef PYMEMPROF_BASE_RESERVE_H
#define PYMEMPROF_BASE_RESERVE_H

#include <stddef.h>

#include "base/err.h"

#define RESERVE_FDS 8

/* Zeroed is empty. */
struct reserve {
	void *memory; /* never touched, so it is no page of anybody's */
	size_t bytes;
	int fd[RESERVE_FDS];
	int fds;
};

/*
 * Take RESERVE_FDS descriptors and `bytes` of address space; nothing where some are held already.
 * The caller owns them: reserve_release. Errors, with nothing held: NOMEM, SYS (no descriptors).
 */
int reserve_hold(struct reserve *r, size_t bytes, struct err *err) MUST_CHECK;

/* Give all of it up for what needs it now. Accepts an empty one; never fails, never allocates. */
void reserve_release(struct reserve *r);

#endif
