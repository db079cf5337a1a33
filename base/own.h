/* SPDX-License-Identifier: MIT */
/*
 * Ownership by attribute: AUTO_* variables are released when they leave scope, TAKE()
 * marks the hand-over of one. There is no goto in this project.
 */
#ifndef PYMEMPROF_BASE_OWN_H
#define PYMEMPROF_BASE_OWN_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* unused: a variable may be there only to be released */
#define AUTO(fn) __attribute__((unused, cleanup(fn)))

static inline void own_free_p(void *p)
{
	free(*(void **)p);
}

/* A descriptor of ours; -1 means none. */
static inline void own_close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void own_fclose_p(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define AUTO_FREE AUTO(own_free_p)
#define AUTO_CLOSE AUTO(own_close_p)
#define AUTO_FCLOSE AUTO(own_fclose_p)

#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) take_ = (p);                                                         \
		(p) = NULL;                                                                        \
		take_;                                                                             \
	})

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int take_fd_ = (fd);                                                               \
		(fd) = -1;                                                                         \
		take_fd_;                                                                          \
	})

#endif
