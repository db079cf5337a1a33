/* SPDX-License-Identifier: MIT */
/*
 * Collecting in a process of its own, so that keys are answered while a heap is walked, and so
 * that the target is put right whatever happens to us: the helper holds the target, hands facts
 * over as a .pmp in memory, and lets go when it is told to or when we are gone.
 */
#ifndef PYMEMPROF_CLI_WATCH_H
#define PYMEMPROF_CLI_WATCH_H

#include <signal.h>

#include "tracer/session.h"
#include "tracer/snapshot.h"
#include "tracer/stream/pmp.h"

/* Written by the helper, read by us: shared memory. Static strings in it are ours, too. */
struct watch_told {
	volatile sig_atomic_t begun; /* the target is held, or the work is done */
	int rc;			     /* of the whole, once it has ended */
	struct err err;
	struct session_result session;
	struct snapshot_result snapshot;
};

/* In the helper. sink hands facts over to us. stop: as in session_hooks. */
struct watch_inside {
	void *ctx;
	const struct fact_sink *sink;
	struct watch_told *told;
	const volatile sig_atomic_t *stop;
	volatile sig_atomic_t *snapshot; /* set by watch_ask_snapshot */
	int wake_fd;
};
typedef int watch_fn(const struct watch_inside *in, struct err *err);

struct watch {
	pid_t helper; /* 0: none */
	int pidfd;    /* readable once it has ended */
	int fd;
	off_t read_at, punched;
	struct pmp_feed *feed;
	struct watch_told *told;
	uint64_t cpu_ns; /* of the helper, once it has ended */
	uint64_t bytes;	 /* handed over so far */
};

/* Start fn in a helper. What it finds goes to `to`, inside watch_read. Errors: SYS, NOMEM. */
int watch_start(struct watch *w, watch_fn *fn, void *ctx, const struct fact_sink *to,
		struct err *err) MUST_CHECK;

/* Take over what has come. 1 when the helper has ended and all was taken; told->rc says how. */
int watch_read(struct watch *w, struct err *err) MUST_CHECK;

/* Wait until it has begun or has ended, at most timeout_ms. */
void watch_wait(const struct watch *w, bool until_end, int timeout_ms);

/* The helper has ended; what it told may still have to be read. */
bool watch_ended(const struct watch *w);

void watch_ask_stop(struct watch *w); /* a second time: more urgently */
void watch_ask_snapshot(struct watch *w);

/* Ask it to stop, wait, release. Accepts zeroed. */
void watch_deinit(struct watch *w);

#endif
