/* SPDX-License-Identifier: MIT */
/*
 * One snapshot being taken: snapshot.c gets hold of memory that does not move, snapshot_facts.c
 * says what is in it.
 */
#ifndef PYMEMPROF_TRACER_SNAPSHOT_PRIVATE_H
#define PYMEMPROF_TRACER_SNAPSHOT_PRIVATE_H

#include "base/vec.h"
#include "tracer/cpython/py.h"
#include "tracer/heap/graph.h"
#include "tracer/heap/held.h"
#include "tracer/heap/resident.h"
#include "tracer/heap/walk.h"
#include "tracer/mem/source.h"
#include "tracer/process/freeze.h"
#include "tracer/process/stop.h"
#include "tracer/snapshot.h"
#include "tracer/snapshot_sites.h"
#include "tracer/stream/fanout.h"

/* A source that ends when it is told to, or when its time is over. */
struct snapshot_guard {
	struct mem_source base;
	struct mem_source *under;
	const volatile sig_atomic_t *stop;
	sig_atomic_t stop_from; /* *stop up to here is not meant for us */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
	bool late;
};

/*
 * Rows a caller of the snapshot adds to it, from the heap while it is at hand; held is NULL when
 * there is no graph.
 */
typedef int snapshot_extra_fn(void *ctx, struct heap *h, struct held *held,
			      const struct fact_sink *sink, struct err *err);

/*
 * With everybody stopped: is somebody in the middle of a change no program counter tells? 1: yes, and what held him
 * up is out of the way; 0: no. Errors: its own.
 */
typedef int snapshot_busy_fn(void *ctx, struct err *err);

struct snapshot {
	pid_t pid;
	const struct snapshot_options *options;
	const struct snapshot_hooks *hooks;
	struct snapshot_result *result;
	struct fanout fanout;
	struct mem_source *mem; /* of the target */
	struct mem_source *copied; /* of the copy; NULL: not opened yet */
	struct py py;
	struct maps maps; /* of the target, before the stop */
	struct stop *stop;
	struct freeze *freeze;
	struct heap_graph *graph; /* while rows are pushed; NULL: none was wished or possible */
	struct VEC(uint64_t) sp; /* of the threads */
	uint64_t core_bytes; /* on disk; 0: no core */
	uint64_t begun_ns, begun_cpu_ns, at_unix_ns;
	uint32_t number; /* of the snapshot; 0: the only one */
	uint64_t at_ns;	 /* since the recording began */
	sig_atomic_t stop_from; /* the signals that ended the recording do not end its last snapshot */
	uint64_t agent_at; /* address of our agent's mapping; 0: none */
	char note[256]; /* why no clone was made; "" */
	struct snapshot_sites sites; /* a recording's functions are set before the walk */
	snapshot_extra_fn *extra; /* NULL: none */
	void *extra_ctx;
	uint32_t retakes; /* how often a torn heap may still be taken anew */
	snapshot_busy_fn *busy; /* NULL: program counters tell all */
	void *busy_ctx;
	bool among_copies; /* others of ours exist: what looks like a killed pymemprof's is one of them */
	bool at_rest;	/* the target waits for us where it is: no instant is better */
	bool said_target;
	bool no_room;	/* for a copy, in the control groups of the target: see note */
	bool pushed;	/* rows have gone into the sink: it is too late to read again */
	bool inside;	/* no good instant was found in time */
};

void snapshot_deinit(struct snapshot *s);

/* Stop, copy, let go: 1 when there is a copy, 0 when the kernel refused (see note). */
int snapshot_hold(struct snapshot *s, struct err *err) MUST_CHECK;
/* Walk the copy and push what it holds. */
int snapshot_read_copy(struct snapshot *s, struct err *err) MUST_CHECK;
/* Kill and reap the copy; what went wrong is in the result. */
void snapshot_unfreeze(struct snapshot *s);

/* session_join.c: what tracemalloc knows, joined with the walked heap, as join rows. */
int snapshot_join(const struct snapshot_sites *sites, struct heap *h, struct held *held, const struct fact_sink *sink,
		  struct err *err) MUST_CHECK;

uint64_t snapshot_now_ns(void);
uint64_t snapshot_cpu_ns(void);

/*
 * Walk what does not move and push it; 1 when it was torn and may be taken anew: then nothing
 * was pushed. pid: whose residency counts, 0: a core's.
 */
int snapshot_read(struct snapshot *s, struct mem_source *mem, const struct maps *maps,
		  struct smaps *usage, pid_t pages_of, struct err *err) MUST_CHECK;

/* Facts before and after the rows. exe may be NULL. */
int snapshot_push_target(struct snapshot *s, const char *exe, struct err *err) MUST_CHECK;
int snapshot_push_note(struct snapshot *s, const char *code, const char *text,
		       struct err *err) MUST_CHECK;
int snapshot_push_end(struct snapshot *s, struct err *err) MUST_CHECK;

#endif
