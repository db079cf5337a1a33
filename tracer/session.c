/* SPDX-License-Identifier: MIT */
/*
 * Attaching and detaching. While threads are stopped only tracer/process and tracer/agent work;
 * everything that reads files or allocates happens before or after. Knows the order of things
 * and refuses to know how any of them is done.
 */
#include "tracer/session.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/own.h"
#include "base/utf8.h"
#include "tracer/cpython/detect.h"
#include "tracer/cpython/identify.h"
#include "tracer/mem/live.h"
#include "tracer/process/freeze.h"
#include "tracer/process/maps.h"
#include "tracer/process/pidfd.h"
#include "tracer/process/procfs.h"
#include "tracer/process/refusal.h"
#include "tracer/process/stop.h"
#include "tracer/session_private.h"

#define THREADS_LOOKED_AT 64 /* thread pointers handed to py_find_tstate_access */
#define HOOK_TRIES 4	     /* a thread caught between two words is let run a little */
#define HOOK_STEP_US 500
#define ORPHANS_MAX 1000
#define STOP_TRIES 50 /* a debugger may hold the target when we want to leave */
#define STOP_RETRY_NS 100000000

struct session_options session_options_default(void)
{
	struct inject_options inject = INJECT_OPTIONS_DEFAULT;

	return (struct session_options){
		.window_slots = inject.window,
		.window_max_bytes = inject.window_max_bytes,
		.max_frames = inject.max_frames,
		.stall_limit_ms = inject.stall_limit_ms,
	};
}

/* comm of a thread of the target, for the ledger. */
static void name_thread(void *ctx, uint32_t tid, char *buf, size_t n)
{
	struct session *s = ctx;
	struct procfs_status status;

	if (s->same_pid_namespace && procfs_status(s->pid, (pid_t)tid, &status, NULL) == 0 &&
	    utf8_valid(status.comm, strlen(status.comm)) == strlen(status.comm))
		snprintf(buf, n, "%s", status.comm);
}

static struct inject_options inject_options_of(const struct session_options *o)
{
	struct inject_options i = INJECT_OPTIONS_DEFAULT;

	i.on_full = o->drop_on_full ? AGENT_FULL_DROP : AGENT_FULL_BLOCK;
	i.stall_limit_ms = o->stall_limit_ms;
	i.window = o->window_slots;
	i.window_max_bytes = o->window_max_bytes;
	i.max_frames = o->max_frames;
	i.sample_bytes = o->sample_bytes;
	i.past_final = o->past_final;
	i.lockstep = o->snapshot_at_bytes != 0;
	/* what has not come yet can be in no interval */
	if (o->interval_ns && o->interval_ns / 2000000 < i.flush_ms)
		i.flush_ms = o->interval_ns >= 2000000 ? (uint32_t)(o->interval_ns / 2000000) : 1;
	if (i.lockstep)
		i.flush_ms = 1;
	return i;
}

int session_init(struct session *s, pid_t pid, const struct session_options *options,
		 const struct session_hooks *hooks, struct session_result *result, struct err *err)
{
	struct ledger_options ledger = {
		.live_max = options->live_max,
		.events = options->events,
		.sites = { .namer = { s, name_thread }, .part = options->part },
		.ns_per_tick = &s->clock.ns_per_tick,
	};
	struct inject_options inject = inject_options_of(options);

	*s = (struct session){ .pid = pid, .pidfd = -1, .options = options, .hooks = hooks,
			       .result = result, .cut_ns = UINT64_MAX };
	s->begun_ns = clock_monotonic_ns();
	s->tracer_cpu_start_ns = session_own_cpu_ns();
	int r = fanout_init(&s->fanout, hooks->sinks, hooks->nsinks, options->events, err);
	if (r == 0)
		r = decode_new(&s->decode, err);
	if (r == 0)
		r = ledger_new(&ledger, &s->fanout.sink, &s->ledger, err);
	if (r == 0)
		r = inject_new(&inject, &s->inject, err);
	return r;
}

void session_deinit(struct session *s)
{
	session_snapshot_drop(s);
	ledger_free(s->ledger);
	decode_free(s->decode);
	/* after all that took memory, so that the want of it is no reason to leave anything behind */
	if (s->hooked)
		(void)undo_run(&s->undo, 0, NULL);
	inject_free(s->inject);
	py_deinit(&s->py);
	mem_free(s->mem);
	waits_deinit(&s->waits);
	vec_deinit(&s->spans);
	own_close_p(&s->pidfd);
	s->pidfd = -1;
}

static void mem_free_p(struct mem_source **m)
{
	mem_free(*m);
}

static void maps_deinit_p(struct maps *m)
{
	maps_deinit(m);
}

static int identify(pid_t pid, const char *assume, struct mem_source **ret_mem, struct py *ret_py,
		    struct err *err)
{
	AUTO(maps_deinit_p) struct maps maps = { 0 };
	AUTO(mem_free_p) struct mem_source *mem = NULL;
	int r = live_new(pid, &mem, err);

	if (r == 0)
		r = py_identify(pid, mem, assume, &maps, ret_py, err);
	if (r < 0)
		return r;
	*ret_mem = mem;
	mem = NULL;
	return 0;
}

int session_identify(struct session *s, struct err *err)
{
	int r;

	if (s->pidfd < 0) {
		r = pidfd_of(s->pid, &s->pidfd, err);
		if (r < 0)
			return r;
	}
	s->same_pid_namespace = procfs_same_namespace(s->pid, "pid", NULL) == 1;
	return identify(s->pid, s->options->assume_layout, &s->mem, &s->py, err);
}

/* Find how threads know themselves; a thread caught at a bad instant is let run a little. */
static int find_access(struct py *py, struct mem_source *mem, struct stop *stop, struct err *err)
{
	taddr tp[THREADS_LOOKED_AT], pc, sp;

	for (int i = 0;; i++) {
		size_t n = 0;

		for (size_t t = 0; t < stop_count(stop) && n < THREADS_LOOKED_AT; t++)
			if (stop_pc_sp_tp(stop, t, &pc, &sp, &tp[n], NULL) == 0)
				n++;
		int r = py_find_tstate_access(py, mem, tp, n, err);
		if ((r != ERR_CORRUPT && r != ERR_FAULT) || i == HOOK_TRIES)
			return r;
		r = stop_step(stop, HOOK_STEP_US, err);
		if (r < 0)
			return r;
	}
}

/* With every thread stopped. On failure the target is as it was. */
static int hook_stopped(struct session *s, struct stop *stop, struct err *err)
{
	int r = find_access(&s->py, s->mem, stop, err);

	if (r == 0)
		r = inject_attach(s->inject, stop, s->mem, &s->py, &s->undo, err);
	if (r < 0)
		return r;
	clock_start(&s->clock);
	s->hooked = true;
	return 0;
}

static int hook_once(struct session *s, struct err *err)
{
	struct stop *stop;
	int r = stop_attach(s->pid, &stop, err);

	if (r < 0)
		return r;
	r = hook_stopped(s, stop, err);
	s->result->cost.attach_stop_ns += stop_elapsed_ns(stop);
	int gone = stop_detach(stop, r < 0 ? NULL : err);
	return r < 0 ? r : gone;
}

static bool hint_is(const struct err *err, const char *hint)
{
	return err->hint && strcmp(err->hint, hint) == 0;
}

/* What the agent takes, the pipe's pages among it, and as much again and more for the program to go on with. */
int session_room(pid_t pid, struct err *err)
{
	const struct refusal_need need = {
		.descriptors = 16,
		.address_bytes = AGENT_MAP_BYTES + (4ull << 20),
		.memory_bytes = 4ull << 20,
	};

	return refusal_of_room(pid, &need, err);
}

int session_hook(struct session *s, struct err *err)
{
	struct err why = ERR_INIT;
	struct timespec now;
	int r = session_room(s->pid, &why);

	if (r == 0)
		r = hook_once(s, &why);
	if (r < 0 && hint_is(&why, "orphan-agent")) {
		struct session_clean clean;

		r = session_clean(s->pid, &clean, &why);
		if (r == 0)
			r = hook_once(s, &why);
	}
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	s->start_unix_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	s->result->cost.attach_ns = clock_monotonic_ns() - s->begun_ns;
	if (procfs_cpu_ns(s->pid, &s->target_cpu_start_ns, NULL) == 0)
		s->target_cpu_ns = s->target_cpu_start_ns;
	return 0;
}

/* --- leaving ----------------------------------------------------------------------------- */

static void keep_audit(struct session_audit *ret, const struct inject_audit *a)
{
	*ret = (struct session_audit){ .done = true, .clean = a->clean, .tries = a->tries };
	ret->agent_left = !a->unmapped;
	if (a->not_outermost)
		ret->why = "another tool hooked the allocator after us and would break";
	else if (a->thread_inside)
		ret->why = "a thread did not leave it in time";
	else if (!a->clean)
		ret->why = "not everything is as it was";
}

/* A debugger may be attached just now; it will leave, too. Whatever else it was, once is not for good. */
static int stop_patiently(pid_t pid, struct stop **ret, struct err *err)
{
	for (int i = 0;; i++) {
		struct timespec wait = { .tv_nsec = STOP_RETRY_NS };
		struct err why = ERR_INIT;
		int r = stop_attach(pid, ret, &why);

		if (r == 0)
			return 0;
		if (r == ERR_GONE || i == (hint_is(&why, "already-traced") ? STOP_TRIES : 1)) {
			if (err)
				*err = why;
			return r;
		}
		nanosleep(&wait, NULL);
	}
}

int session_rest(struct session *s, struct err *err)
{
	struct inject_rest rest;
	int r = session_drain(s, err);

	if (r == 0 && !s->stream_bad)
		r = inject_rest(s->inject, decode_counts(s->decode)->bytes, &rest, err);
	if (r < 0 || s->stream_bad || !rest.known)
		return r;
	s->has_rest = true;
	s->torn = rest.torn;
	s->agent = rest.counters;
	return session_feed(s, rest.bytes, rest.n, err);
}

int session_unhook(struct session *s, struct err *err)
{
	struct inject_audit audit = { 0 };
	struct stop *stop;

	if (!s->hooked)
		return 0;
	session_measure_agent(s);
	inject_make_room(s->inject);
	int r = stop_patiently(s->pid, &stop, err);
	if (r == ERR_GONE) {
		s->hooked = false;
		return session_rest(s, err);
	}
	if (r < 0) {
		/* What was recorded is good; the agent falls silent when the pipe is closed. */
		s->result->audit = (struct session_audit){
			.done = true, .agent_left = true, .why = "the target could not be stopped again",
		};
		return session_drain(s, err);
	}
	struct agent_public last;
	if (inject_public(s->inject, s->mem, &last, NULL) == 0)
		s->agent = last;
	r = inject_remove(s->inject, stop, s->mem, session_drain, s, &audit, err);
	s->result->cost.detach_stop_ns += stop_elapsed_ns(stop);
	int gone = stop_detach(stop, NULL);
	s->hooked = r < 0 && r != ERR_GONE && gone != ERR_GONE;
	if (r == ERR_GONE || gone == ERR_GONE)
		return session_rest(s, err);
	if (r < 0)
		return r;
	keep_audit(&s->result->audit, &audit);
	/* Reading what is left brings untouched pages in, so what was measured before counts. */
	if (s->result->cost.agent_bytes == 0)
		s->result->cost.agent_bytes = audit.resident_bytes;
	return session_rest(s, err);
}

/* --- whole recordings -------------------------------------------------------------------- */

static void say_attached(struct session *s)
{
	char text[96];

	snprintf(text, sizeof text, "CPython %s, pid %d", s->py.version, (int)s->pid);
	if (s->hooks->attached)
		s->hooks->attached(s->hooks->ctx, text);
}

static bool still_running(const struct session *s, enum fact_end end)
{
	return (end == FACT_END_DETACHED || end == FACT_END_ELAPSED) && !pidfd_exited(s->pidfd);
}

/* From live hooks to the last fact. Whatever happens, the agent is removed. */
int session_record(struct session *s, struct err *err)
{
	struct err why = ERR_INIT;
	enum fact_end end = FACT_END_DETACHED;
	int r = session_push_target(s, &why);

	if (r == 0) {
		say_attached(s);
		if (!s->from_start)
			r = session_tell_first(s, &why);
		if (r == 0 && s->options->snapshots && !s->from_start)
			r = session_snapshot_begin(s, &why);
		if (r == 0)
			r = session_listen(s, &end, &why);
	}
	/* What runs on is let go now, however long the walk of its first snapshot takes. */
	bool goes_on = r == 0 && still_running(s, end);
	if (r == 0 && !goes_on)
		r = session_snapshot_wait(s, &why);
	if (!goes_on)
		session_snapshot_drop(s);
	if (r == 0 && s->options->snapshots && end == FACT_END_FINISHED)
		r = session_snapshot_hold(s, &why);
	/* Another program runs there now, or none: there is nothing to take back. */
	if (end == FACT_END_EXITED || end == FACT_END_EXECED)
		s->hooked = false;
	int left = s->hooked ? session_unhook(s, r < 0 ? NULL : &why) :
			       session_rest(s, r < 0 ? NULL : &why);
	if (r == 0)
		r = left;
	s->result->end = end;
	s->ended_ns = clock_now(&s->clock);
	if (r == 0) /* now: what the target waits from here on is not the recording's */
		r = session_pace(s, &s->ended_ns, &why);
	if (r == 0 && goes_on)
		r = session_snapshot_settle(s, &why);
	if (r == 0 && s->options->snapshots && !s->no_last && (s->held || still_running(s, end)))
		r = session_snapshot_last(s, &why);
	session_snapshot_drop(s);
	/* What was learned is worth saying, also when something failed on the way. */
	int pushed = session_push_end(s, end, r < 0 ? NULL : &why);
	if (r == 0)
		r = pushed;
	s->result->sink_failed = s->fanout.failed;
	s->result->sink_why = s->fanout.why;
	/* Nothing else went wrong: a sink's failure is told by sink_failed. */
	if (r < 0 && r == s->fanout.failed)
		return 0;
	if (r < 0 && err)
		*err = why;
	return r;
}

int session_attach(pid_t pid, const struct session_options *options,
		   const struct session_hooks *hooks, struct session_result *ret, struct err *err)
{
	AUTO(session_deinit) struct session s = { .pidfd = -1 };

	*ret = (struct session_result){ 0 };
	int r = refusal_before(pid, err);
	if (r == 0)
		r = session_init(&s, pid, options, hooks, ret, err);
	if (r == 0)
		r = session_identify(&s, err);
	if (r == 0)
		r = session_hook(&s, err);
	return r < 0 ? r : session_record(&s, err);
}

/* --- orphans ----------------------------------------------------------------------------- */

static void inject_free_p(struct inject **in)
{
	inject_free(*in);
}

static int remove_orphan(pid_t pid, struct py *py, struct mem_source *mem, struct inject *in,
			 struct session_clean *ret, struct err *err)
{
	struct inject_audit audit = { 0 };
	struct stop *stop;
	int r = stop_attach(pid, &stop, err);

	if (r < 0)
		return r;
	r = find_access(py, mem, stop, err);
	if (r == 0)
		r = inject_remove(in, stop, mem, NULL, NULL, &audit, err);
	ret->stop_ns += stop_elapsed_ns(stop);
	int gone = stop_detach(stop, r < 0 ? NULL : err);
	if (r == 0)
		r = gone;
	if (r == 0)
		keep_audit(&ret->audit, &audit);
	return r;
}

static int find_orphan(pid_t pid, const struct py *py, struct mem_source *mem,
		       struct inject_orphan *ret, struct err *err)
{
	AUTO(maps_deinit_p) struct maps maps = { 0 };
	int r = maps_read(pid, &maps, err);

	return r < 0 ? r : inject_find(pid, py, mem, &maps, ret, err);
}

static int clean_one(pid_t pid, struct py *py, struct mem_source *mem, struct session_clean *ret,
		     struct err *err)
{
	AUTO(inject_free_p) struct inject *in = NULL;
	struct inject_orphan orphan;
	int r = find_orphan(pid, py, mem, &orphan, err);

	if (r <= 0)
		return r;
	if (orphan.tracer_alive)
		return err_hint(err,
				err_set(err, ERR_DENIED, "process %d is being recorded by process %d",
					(int)pid, (int)orphan.fixed.tracer_pid),
				"being-recorded");
	ret->found = true;
	r = inject_adopt(&orphan, py, &in, err);
	if (r == 0)
		r = remove_orphan(pid, py, mem, in, ret, err);
	return r < 0 ? r : 1;
}

/* Several tracers may have died in turn. One that has to stay is the last we look at. */
int session_clean(pid_t pid, struct session_clean *ret, struct err *err)
{
	AUTO(mem_free_p) struct mem_source *mem = NULL;
	AUTO(py_deinit) struct py py = { 0 };

	*ret = (struct session_clean){ 0 };
	int r = refusal_before(pid, err);
	if (r == 0)
		r = identify(pid, NULL, &mem, &py, err);
	if (r == 0)
		r = clean_one(pid, &py, mem, ret, err);
	for (int i = 0; r > 0 && ret->audit.clean && i < ORPHANS_MAX; i++)
		r = clean_one(pid, &py, mem, ret, err);
	if (r < 0)
		return r;
	ret->copies = freeze_put_away(pid, err);
	return ret->copies < 0 ? ret->copies : 0;
}
