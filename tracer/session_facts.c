/* SPDX-License-Identifier: MIT */
/*
 * What the session itself knows, as facts: the target, ticks, notes on what went wrong, what it
 * cost. Knows /proc and the agent's counters; refuses to know blocks and sites.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "base/utf8.h"
#include "tracer/process/procfs.h"
#include "tracer/process/smaps.h"
#include "tracer/session_private.h"

uint64_t session_own_cpu_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int session_push_target(struct session *s, struct err *err)
{
	AUTO_FREE char *exe = NULL;
	const struct fact_sink *sink = &s->fanout.sink;

	if (!sink->target)
		return 0;
	if (procfs_exe_base(s->pid, &exe, NULL) < 0 || utf8_valid(exe, strlen(exe)) != strlen(exe)) {
		free(exe);
		exe = NULL;
	}
	struct fact_target f = {
		.pid = s->pid,
		.python_version = s->py.version,
		.implementation = "CPython",
		.executable = exe ? exe : "?",
		.arch = s->py.aarch64 ? "aarch64" : "x86_64",
		.word_bytes = s->mem->word_bytes,
		.start_unix_ns = s->start_unix_ns,
		.sample_bytes = s->options->sample_bytes,
		.window_slots = s->options->sample_bytes ? 0 : s->options->window_slots,
		.tracemalloc_on = s->py.tracemalloc_on,
		.from_start = s->from_start,
	};
	return sink->target(sink->ctx, &f, err);
}

/* Resident bytes of the agent's mapping. */
void session_measure_agent(struct session *s)
{
	const struct agent_fixed *f = inject_fixed(s->inject);
	struct pagemap *p;
	uint64_t bytes = 0;

	if (!f || pagemap_open(s->pid, &p, NULL) < 0)
		return;
	if (pagemap_count(p, f->map_base, f->map_base + f->map_bytes, &bytes, NULL, NULL) == 0 &&
	    bytes > s->result->cost.agent_bytes)
		s->result->cost.agent_bytes = bytes;
	pagemap_free(p);
}

int session_push_tick(struct session *s, uint64_t at_ns, struct err *err)
{
	struct ledger_live live = ledger_live(s->ledger);
	struct fact_tick f = {
		.at_ns = at_ns,
		.rss_bytes = s->rss_bytes,
		.live_bytes = live.bytes,
		.live_blocks = live.blocks,
		.allocs = s->agent.allocs,
		.frees = s->agent.frees,
	};
	const struct fact_sink *sink = &s->fanout.sink;
	int r = sink->tick ? sink->tick(sink->ctx, &f, err) : 0;

	if (r < 0 || !s->hooks->progress)
		return r;
	struct session_progress p = {
		.elapsed_ns = at_ns,
		.live_bytes = live.bytes,
		.live_blocks = live.blocks,
		.peak_bytes = live.peak_bytes,
		.rss_bytes = s->rss_bytes,
		.allocs = s->agent.allocs,
		.frees = s->agent.frees,
		.events = live.events,
		.dropped = s->agent.dropped_events,
		.sites = live.sites,
	};
	s->hooks->progress(s->hooks->ctx, &p);
	return 0;
}

static int note(struct session *s, const char *code, const char *text, struct err *err)
{
	const struct fact_sink *sink = &s->fanout.sink;
	struct fact_note f = { code, text };

	return sink->note ? sink->note(sink->ctx, &f, err) : 0;
}

static int note_count(struct session *s, const char *code, uint64_t n, const char *one, const char *more,
		      struct err *err)
{
	char text[200];

	if (n == 0)
		return 0;
	snprintf(text, sizeof text, "%llu %s", (unsigned long long)n, n == 1 ? one : more);
	return note(s, code, text, err);
}

static uint64_t dropped(const struct session *s)
{
	return s->agent.dropped_events > s->dropped_by_head ? s->agent.dropped_events :
							      s->dropped_by_head;
}

/*
 * Allocations the agent had counted and not yet said anything of: the process was killed in
 * between. Not to be told from other losses when there were any.
 */
static uint64_t interrupted_calls(const struct session *s)
{
	uint64_t told = ledger_births(s->ledger);
	bool whole = s->has_rest && !s->stream_bad && !s->options->sample_bytes && !dropped(s) &&
		     !ledger_oddities(s->ledger)->bad_batches &&
		     !ledger_oddities(s->ledger)->untracked_blocks &&
		     !decode_counts(s->decode)->lost_batches;

	return whole && s->agent.allocs > told ? s->agent.allocs - told : 0;
}

static int push_notes(struct session *s, enum fact_end end, struct err *err)
{
	const struct session_audit *audit = &s->result->audit;
	char text[200], idle[sizeof s->activity + 80];
	int r = note_count(s, "dropped", dropped(s),
			   "event was dropped because the tracer did not keep up; figures are too low",
			   "events were dropped because the tracer did not keep up; figures are too low",
			   err);

	if (r == 0)
		r = note_count(s, "offgil-dropped", s->agent.offgil_dropped,
			       "event of a thread without the GIL was dropped",
			       "events of threads without the GIL were dropped", err);
	if (r == 0)
		r = note_count(s, "lost-batches", decode_counts(s->decode)->lost_batches,
			       "batch of the stream never arrived", "batches of the stream never arrived", err);
	if (r == 0 && s->stream_bad)
		r = note(s, "stream-corrupt",
			 "the stream turned into something else; the rest of it is missing", err);
	if (r == 0 && !s->has_rest && (end == FACT_END_EXITED || end == FACT_END_EXECED))
		r = note(s, "unsent-tail",
			 "what the target did in its last tenth of a second may be missing", err);
	if (r == 0)
		r = note_count(s, "torn-tail", s->torn + interrupted_calls(s),
			       "call under way when the target ended is left out",
			       "calls under way when the target ended are left out", err);
	if (r == 0 && s->activity[0] && s->result->cost.first_event_ns == 0) {
		snprintf(idle, sizeof idle, "the program allocated nothing meanwhile; at the beginning: %s",
			 s->activity);
		r = note(s, "idle", idle, err);
	}
	if (r == 0 && audit->done && audit->agent_left) {
		snprintf(text, sizeof text, "the agent stays in the target, switched off: %s",
			 audit->why);
		r = note(s, "agent-left", text, err);
	}
	return r;
}

/* CPU time of a target that has ended: what is left of it is a line in /proc. */
static void look_at_last_cpu(struct session *s)
{
	struct procfs_stat stat;
	long hz = sysconf(_SC_CLK_TCK);

	if (hz <= 0 || procfs_stat(s->pid, 0, &stat, NULL) < 0)
		return;
	uint64_t ns = (stat.utime_ticks + stat.stime_ticks) * (1000000000u / (uint64_t)hz);
	if (ns > s->target_cpu_ns)
		s->target_cpu_ns = ns;
}

/*
 * The kernel's high-water mark of a child that has ended, which no look in between can miss; of its
 * children too, as far as it waited for them. waitid(2) with WNOWAIT leaves the child to be
 * reaped, and fills in the usage in its fifth argument (kernel/exit.c, wait_task_zombie).
 */
static void look_at_last_rss(struct session *s)
{
	struct rusage usage = { 0 };
	siginfo_t info = { 0 };

	if (s->from_start && syscall(SYS_waitid, P_PID, s->pid, &info,
				     WEXITED | WNOHANG | WNOWAIT | __WALL, &usage) == 0 &&
	    info.si_pid == s->pid)
		s->result->cost.rss_peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
}

static void fill_cost(struct session *s)
{
	struct fact_cost *c = &s->result->cost;
	const struct decode_counts *d = decode_counts(s->decode);

	c->events = ledger_live(s->ledger).events;
	c->batches = d->batches;
	c->stream_bytes = d->bytes;
	c->dropped_events = dropped(s);
	c->offgil_dropped = s->agent.offgil_dropped;
	c->stalls = s->agent.stalls;
	c->stall_ns = s->agent.stall_ns;
	c->tracer_cpu_ns = session_own_cpu_ns() - s->tracer_cpu_start_ns;
	if (procfs_rss_bytes(getpid(), &c->tracer_rss_bytes, NULL) < 0)
		c->tracer_rss_bytes = 0;
	look_at_last_cpu(s);
	look_at_last_rss(s);
	c->target_cpu_ns = s->target_cpu_ns - s->target_cpu_start_ns;
}

int session_push_end(struct session *s, enum fact_end end, struct err *err)
{
	const struct fact_sink *sink = &s->fanout.sink;
	/* The walk of the last snapshot is our time, not the recording's. */
	uint64_t now = s->ended_ns ? s->ended_ns : clock_now(&s->clock);

	if (now < s->last_interval_ns)
		now = s->last_interval_ns;

	session_see_first(s);
	int r = push_notes(s, end, err);
	if (r == 0)
		r = session_push_tick(s, now, err);
	if (r == 0)
		r = ledger_finish(s->ledger, now, err);
	fill_cost(s);
	if (r == 0 && sink->cost)
		r = sink->cost(sink->ctx, &s->result->cost, err);
	if (r == 0 && sink->finish)
		r = sink->finish(sink->ctx, end, err);
	return r;
}
