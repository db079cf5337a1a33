/* SPDX-License-Identifier: MIT */
/* What inject.c and remove.c share, and nobody else may know. */
#ifndef PYMEMPROF_TRACER_AGENT_INJECT_INSIDE_H
#define PYMEMPROF_TRACER_AGENT_INJECT_INSIDE_H

#include "base/reserve.h"
#include "tracer/agent/inject.h"
#include "tracer/agent/residual.h"
#include "tracer/agent/state.h"
#include "tracer/process/remote.h"

struct inject {
	struct inject_options options;
	struct agent_fixed fixed;
	const struct py *py;
	pid_t pid;
	taddr base;	  /* of the mapping; null: not mapped */
	uint64_t map_bytes; /* its size */
	int read_fd;	  /* ours */
	int64_t read_fd_there; /* while attaching: the target's descriptors, −1: none */
	int64_t write_fd_there;
	int share_fd;	  /* the state, held by us; −1: it is private to the target */
	int64_t share_fd_there; /* while attaching */
	char share_name[32];
	uint32_t words_set; /* how many function words have been exchanged, in order */
	bool adopted;	  /* another tracer's, which died */
	bool blank;	  /* before it wrote anything */
	bool hooked;	  /* the attach went through and no removal did yet */
	uint64_t calibrate_ticks, calibrate_ns;
	/* only during inject_attach and inject_remove */
	struct stop *stop;
	struct mem_source *mem;
	struct remote *remote;
	struct maps maps;
	/* allocated before the target is stopped */
	struct agent_state *state;
	uint8_t *text;
	bool have_state;  /* state was read at the removal */
	bool unmapping;	  /* from here on the range may be somebody else's */
	struct residual residual;
	struct reserve reserve;	  /* what a removal needs; held while there is something to remove */
};

/* Address of the function word of (domain, func) in the interpreter's table. */
taddr inject_word(const struct inject *in, uint32_t domain, uint32_t func);

/* A system call in the target; its failure becomes an error that names `what`. */
int inject_call(struct inject *in, const char *what, long nr, const uint64_t arg[6], int64_t *ret,
		struct err *err) MUST_CHECK;

/* A thread that can make system calls; the target may run for moments until there is one. */
int inject_find_caller(struct inject *in, struct err *err) MUST_CHECK;

/* stop, mem, maps and remote for the duration; inject_leave accepts a half-entered one. */
int inject_enter(struct inject *in, struct stop *s, struct mem_source *mem, struct err *err) MUST_CHECK;
void inject_leave(struct inject *in);

/* Close descriptor *fd of the target, if it is one; it becomes −1. */
int inject_close_there(struct inject *in, int64_t *fd, struct err *err) MUST_CHECK;

/*
 * Before an end of the pipe is closed: find out which pipe it is, from where the kernel wrote its ends (made), and write
 * that into the agent's mapping. Whoever dies between two closes leaves one end, by which alone nobody could tell that it is
 * ours. Nothing when no pipe was made; what cannot be written is not.
 */
void inject_tell_pipe(struct inject *in, const int32_t made[2]);

/* Does descriptor fd of the target lead to our pipe or to our shared memory? Errors: SYS, it cannot be told. */
int inject_owns_fd(const struct inject *in, int fd, bool *ret, struct err *err) MUST_CHECK;

/* Is there a descriptor of the target that does, whatever became of its number? −1: none. */
int inject_find_fd(const struct inject *in, int *ret, struct err *err) MUST_CHECK;

/* Close them all. */
int inject_close_ours(struct inject *in, struct err *err) MUST_CHECK;

/* Is this range what a tracer leaves that was killed before it wrote into it? Reads smaps where the shape fits. */
bool orphan_is_blank(pid_t pid, const struct map_range *m);

/* The undo entry of a finished attach: stop, remove, let go. */
int inject_undo_remove(void *ctx, uint64_t a, uint64_t b, struct err *err);

#endif
