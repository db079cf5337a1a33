/* SPDX-License-Identifier: MIT */
/*
 * What the files of the session share: one recording's state. session.c attaches and
 * detaches, session_loop.c listens, session_verdict.c says the first word, session_facts.c what
 * was found, session_pace.c how fast the target could run, session_run.c starts programs.
 */
#ifndef PYMEMPROF_TRACER_SESSION_PRIVATE_H
#define PYMEMPROF_TRACER_SESSION_PRIVATE_H

#include "base/pace.h"
#include "base/vec.h"
#include "tracer/agent/inject.h"
#include "tracer/cpython/py.h"
#include "tracer/mem/source.h"
#include "tracer/process/undo.h"
#include "tracer/process/waits.h"
#include "tracer/session.h"
#include "tracer/stream/clock.h"
#include "tracer/stream/decode.h"
#include "tracer/stream/fanout.h"
#include "tracer/stream/ledger.h"

struct heap;
struct held;
struct session_side; /* a snapshot being taken: session_snapshot.c */

struct session {
	pid_t pid;
	int pidfd;
	const struct session_options *options;
	const struct session_hooks *hooks;
	struct session_result *result;
	bool from_start;

	struct mem_source *mem;
	struct py py;
	struct inject *inject;
	struct undo undo;
	struct fanout fanout;
	struct decode *decode;
	struct ledger *ledger;
	struct clock clock;

	bool same_pid_namespace; /* thread ids in the stream mean what they mean to us */
	bool hooked;		 /* the agent is in the target, as far as we know */
	bool stream_ended;	 /* end of file on the pipe */
	bool stream_bad;	 /* bytes that are no stream */
	bool was_interrupted;	 /* the user ended it */
	size_t pipe_bytes;	 /* capacity of the pipe */
	uint64_t begun_ns;	 /* CLOCK_MONOTONIC: when the caller asked */
	uint64_t start_unix_ns;
	uint64_t next_tick_ns, last_interval_ns; /* since start */
	uint64_t cut_ns; /* an interval ends there once all that happened before is in it; UINT64_MAX: none is due */
	uint64_t ended_ns;	 /* since start: the agent is out, the last snapshot taken, not yet walked; 0: not yet */
	uint64_t ticks;
	uint64_t target_cpu_start_ns, target_cpu_ns, tracer_cpu_start_ns;
	uint64_t rss_bytes;
	struct waits waits;
	struct VEC(struct pace_span) spans; /* since the start, one an interval or of several */
	uint64_t paced_ns, stalled_ns; /* told so far */
	struct agent_public agent; /* newest counters read */
	char activity[512];	   /* of an idle target, when we looked; "": we did not */
	struct session_side *side; /* NULL: none */
	struct session_side *held; /* the last one, when its copy was made while hooks were live */
	bool no_last;		   /* it was refused when it was due */
	uint32_t snapshots;	   /* begun so far */
	uint64_t highest;	   /* live bytes, while a snapshot of the height is wanted */
	uint64_t dropped_by_head;  /* newest count in a batch */
	bool has_rest;		   /* what the agent had not sent was read */
	uint64_t torn;		   /* pieces of it that made no sense */
};

/* session.c */
int session_init(struct session *s, pid_t pid, const struct session_options *options,
		 const struct session_hooks *hooks, struct session_result *result,
		 struct err *err) MUST_CHECK;
void session_deinit(struct session *s);
/* Find the interpreter of the running target. */
int session_identify(struct session *s, struct err *err) MUST_CHECK;
/* Stop, hook, let go; cleans up an orphan first when there is one. */
int session_hook(struct session *s, struct err *err) MUST_CHECK;
/* Stop, unhook, fetch what is left, let go. The target being gone is not an error. */
int session_unhook(struct session *s, struct err *err) MUST_CHECK;

/* Account for what the agent had not sent, if that can be read. After the last byte of the pipe. */
int session_rest(struct session *s, struct err *err) MUST_CHECK;

/* From live hooks to the last fact; the agent is removed whatever happens. */
int session_record(struct session *s, struct err *err) MUST_CHECK;

/* session_loop.c */
bool session_stop_asked(const struct session *s);
/* Listen until something ends the recording; *ret_end says what. */
int session_listen(struct session *s, enum fact_end *ret_end, struct err *err) MUST_CHECK;
/* Tell how far it is, and end an interval, when it is time: for who waits instead of listening. */
int session_tick(struct session *s, struct err *err) MUST_CHECK;
/* Read what is in the pipe now. An inject_drain_fn. */
int session_drain(void *ctx, struct err *err);
/* Account for stream bytes that did not come through the pipe. */
int session_feed(struct session *s, const uint8_t *bytes, size_t n, struct err *err) MUST_CHECK;

/* session_pace.c */
/*
 * An interval ends now, and that is when: time passes while we look, on a busy machine. Tells the ledger what the
 * target waited. Errors: NOMEM.
 */
int session_pace(struct session *s, uint64_t *ret_now, struct err *err) MUST_CHECK;
/* When half of the target's own time until at_ns was over, as far as it is known. */
uint64_t session_half_ns(const struct session *s, uint64_t at_ns);

/* session_verdict.c */
/* Wait for the first event, shortly, and tell the caller that it came or what the target does. */
int session_tell_first(struct session *s, struct err *err) MUST_CHECK;
/* Look at the counters read last: was that the first event? */
void session_see_first(struct session *s);

/* session_snapshot.c: what fails there becomes a note, except a failing sink. */
/* Freeze the target now, with live hooks, and have the copy walked. */
int session_snapshot_begin(struct session *s, struct err *err) MUST_CHECK;
/* Has that walk ended? Then push what it found. */
int session_snapshot_poll(struct session *s, struct err *err) MUST_CHECK;
/* Wait for it, reading the pipe meanwhile. */
int session_snapshot_wait(struct session *s, struct err *err) MUST_CHECK;
/*
 * The program's work is done and its thread waits in the agent: make the copy for the last one now,
 * before it is let go. Does nothing when it does not wait.
 */
int session_snapshot_hold(struct session *s, struct err *err) MUST_CHECK;
/*
 * The target is let go, and the walk of an earlier copy may go on: then make the copy for the last one now, of the
 * instant the recording ended, and wait for that walk, or until the user does not want to (hooks' stop).
 */
int session_snapshot_settle(struct session *s, struct err *err) MUST_CHECK;
/* One more, without hooks, from beginning to end; or what was held. */
int session_snapshot_last(struct session *s, struct err *err) MUST_CHECK;
/* Forget one that is being taken. */
void session_snapshot_drop(struct session *s);

/*
 * session_join.c: what the ledger of the session (ctx) holds alive, looked up in a walked heap and pushed as
 * join rows. A snapshot_extra_fn.
 */
int session_join(void *ctx, struct heap *h, struct held *held, const struct fact_sink *sink,
		 struct err *err) MUST_CHECK;

/* session_facts.c */
int session_push_target(struct session *s, struct err *err) MUST_CHECK;
int session_push_tick(struct session *s, uint64_t at_ns, struct err *err) MUST_CHECK;
/* Notes, last interval, peaks, blocks, totals, cost, finish. */
int session_push_end(struct session *s, enum fact_end end, struct err *err) MUST_CHECK;
void session_measure_agent(struct session *s);
uint64_t session_own_cpu_ns(void);

#endif
