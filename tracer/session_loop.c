/* SPDX-License-Identifier: MIT */
/*
 * Listening: one poll loop over the pipe, the process and the caller's wake-up. Reads in big
 * pieces and lets the pipe fill a little in between, so that on a machine without a free core
 * the target is not interrupted for every batch.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/process/pidfd.h"
#include "tracer/process/procfs.h"
#include "tracer/session_private.h"

#define NEAR_PEAK 50 /* a part in so many: near */
#define LOCKSTEP_BLOCKS 600 /* at most so many more does it make until it waits for us, about */
#define MS 1000000ull
#define INTERVAL_MIN_NS (100 * MS)
#define INTERVAL_MAX_NS (10000 * MS)
#define INTERVALS_PER_RECORDING 200 /* an interval is at least this part of the time so far */
#define TICK_MAX_NS (250 * MS)	    /* progress is told at least that often */
#define PAUSE_MAX_NS (4 * MS)	    /* how long data may wait in the pipe */
#define EXIT_WAIT_MS 500	    /* from the closed pipe to the process's end */
#define MEASURE_EVERY 64	    /* ticks between looks at the agent's pages */

bool session_stop_asked(const struct session *s)
{
	return s->hooks->stop && *s->hooks->stop;
}

/* End the interval that is due, if one is. */
static int cut(struct session *s, struct err *err)
{
	uint64_t at_ns = s->cut_ns;

	s->cut_ns = UINT64_MAX;
	if (at_ns == UINT64_MAX)
		return 0;
	s->last_interval_ns = at_ns;
	return ledger_interval(s->ledger, at_ns, err);
}

static int apply_all(struct session *s, struct err *err)
{
	struct decode_batch batch;
	struct err why = ERR_INIT;
	int r;

	while ((r = decode_next(s->decode, &batch, &why)) > 0) {
		s->dropped_by_head = batch.head.dropped_events;
		if (batch.head.allocs > s->agent.allocs) {
			s->agent.allocs = batch.head.allocs;
			s->agent.frees = batch.head.frees;
			s->agent.cancelled = batch.head.cancelled;
		}
		uint64_t at_ns = clock_since_start(&s->clock, batch.head.ticks_written);
		r = at_ns > s->cut_ns ? cut(s, err) : 0;
		if (r == 0)
			r = ledger_apply(s->ledger, &batch, at_ns, err);
		if (r < 0)
			return r;
	}
	if (r < 0) {
		LOG(LOG_STREAM, "%s", why.text);
		s->stream_bad = true;
	}
	return 0;
}

/* Waiting for something, and not just for a processor. */
static bool resting(const struct session *s)
{
	struct procfs_stat stat;

	return procfs_stat(s->pid, 0, &stat, NULL) == 0 && stat.state == 'S';
}

/*
 * Is it time for the one snapshot near the peak? Before the height is reached, by as many blocks as the
 * program may be ahead of us: else it would be on its way down when it is looked at. Or when it
 * rests near it, with nothing left in the pipe; or leaves it.
 */
static bool at_its_height(struct session *s, bool pipe_empty)
{
	uint64_t want = s->options->snapshot_at_bytes, near = want / NEAR_PEAK, ahead;
	struct ledger_live live;

	if (want == 0 || s->snapshots > 0)
		return false;
	live = ledger_live(s->ledger);
	if (live.bytes > s->highest)
		s->highest = live.bytes;
	if (s->highest < want - near)
		return false;
	ahead = live.blocks ? live.bytes / live.blocks * LOCKSTEP_BLOCKS : 0;
	ahead = ahead < near / 4 ? near / 4 : ahead < near ? ahead : near;
	return live.bytes >= want - ahead || live.bytes + near < s->highest ||
	       (pipe_empty && resting(s));
}

/* Read until the pipe is empty, the height is reached, or much was read; *ret_n is how much. */
static int drain(struct session *s, size_t *ret_n, struct err *err)
{
	int fd = inject_fd(s->inject);

	*ret_n = 0;
	while (fd >= 0 && !s->stream_ended && !s->stream_bad && *ret_n < 4 * s->pipe_bytes) {
		size_t room;
		void *to = decode_room(s->decode, &room);
		ssize_t n = read(fd, to, room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return err_sys(err, errno, "pipe of the target");
		if (n == 0) {
			s->stream_ended = true;
			break;
		}
		decode_filled(s->decode, (size_t)n);
		*ret_n += (size_t)n;
		int r = apply_all(s, err);
		if (r < 0)
			return r;
		if (at_its_height(s, false)) /* what was read further would be past it */
			break;
	}
	return 0;
}

int session_drain(void *ctx, struct err *err)
{
	struct session *s = ctx;
	size_t n;
	int r;

	do {
		r = drain(s, &n, err);
	} while (r == 0 && n > 0);
	return r;
}

int session_feed(struct session *s, const uint8_t *bytes, size_t n, struct err *err)
{
	while (n > 0 && !s->stream_bad) {
		size_t room;
		void *to = decode_room(s->decode, &room);
		size_t k = n < room ? n : room;

		memcpy(to, bytes, k);
		decode_filled(s->decode, k);
		bytes += k;
		n -= k;
		int r = apply_all(s, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The interval grows with the recording: an hour is not cut into more pieces than a minute. */
static uint64_t interval_ns(const struct session *s, uint64_t now)
{
	uint64_t ns = now / INTERVALS_PER_RECORDING;

	if (s->options->interval_ns)
		return s->options->interval_ns;
	if (ns < INTERVAL_MIN_NS)
		return INTERVAL_MIN_NS;
	return ns > INTERVAL_MAX_NS ? INTERVAL_MAX_NS : ns;
}

/*
 * It ends when the target's waits were looked at. On a busy machine we may be kept from running between any two
 * steps: what happened until then may be in the pipe still, and what came later may be in it already.
 */
static int end_interval(struct session *s, struct err *err)
{
	size_t n;
	int r = session_pace(s, &s->cut_ns, err);

	/* In lockstep the next batch is not taken before the height was looked for. */
	if (r == 0 && !s->options->snapshot_at_bytes)
		r = drain(s, &n, err);
	return r == 0 ? cut(s, err) : r;
}

static int tick(struct session *s, uint64_t now, struct err *err)
{
	uint64_t interval = interval_ns(s, now);

	clock_update(&s->clock);
	session_see_first(s);
	/* Of a target that is just going: the last figures stand. */
	uint64_t fresh;
	if (procfs_rss_bytes(s->pid, &fresh, NULL) == 0 && fresh)
		s->rss_bytes = fresh;
	if (procfs_cpu_ns(s->pid, &fresh, NULL) == 0)
		s->target_cpu_ns = fresh;
	if (s->ticks++ % MEASURE_EVERY == 1)
		session_measure_agent(s);
	int r = session_push_tick(s, now, err);
	if (r == 0 && now >= s->last_interval_ns + interval)
		r = end_interval(s, err);
	s->next_tick_ns = now + (interval < TICK_MAX_NS ? interval : TICK_MAX_NS);
	return r;
}

int session_tick(struct session *s, struct err *err)
{
	uint64_t now = clock_now(&s->clock);

	return now >= s->next_tick_ns ? tick(s, now, err) : 0;
}

/* The pipe is closed but we did not close it: did the target exit, exec, or close it itself? */
static enum fact_end why_closed(struct session *s)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };
	struct procfs_status status;

	/*
	 * A process gives its memory back, then closes its files, then becomes a zombie (do_exit, kernel/exit.c);
	 * with much memory the first step alone takes seconds. After an exec it has memory again.
	 */
	for (int i = 0; i < EXIT_WAIT_MS / 10; i++) {
		if (poll(&p, 1, 10) > 0)
			return FACT_END_EXITED;
		if (inject_public(s->inject, s->mem, &s->agent, NULL) == 0 || i < 3)
			continue;
		if (procfs_status(s->pid, 0, &status, NULL) < 0 || !status.has_memory)
			return FACT_END_EXITED;
		return pidfd_exited(s->pidfd) ? FACT_END_EXITED : FACT_END_EXECED;
	}
	return FACT_END_STREAM_CLOSED;
}

/* Sleep until there is something to do. listen: data in the pipe is something. */
static void rest(struct session *s, bool listen, uint64_t until_ns)
{
	struct pollfd p[3] = {
		{ .fd = s->pidfd, .events = POLLIN },
		{ .fd = s->hooks->wake_fd > 0 ? s->hooks->wake_fd : -1, .events = POLLIN },
		{ .fd = listen ? inject_fd(s->inject) : -1, .events = POLLIN },
	};
	uint64_t now = clock_now(&s->clock), ns = until_ns > now ? until_ns - now : 0;
	struct timespec ts = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };

	(void)ppoll(p, 3, &ts, NULL); /* EINTR: the caller's stop flag is looked at next */
}

/* How long the pipe may fill before it is read again, from how fast it filled before. */
static uint64_t pause_of(const struct session *s, size_t got, uint64_t took_ns)
{
	if (got == 0 || took_ns == 0)
		return PAUSE_MAX_NS;
	double quarter = (double)s->pipe_bytes / 4 * (double)took_ns / (double)got;
	return quarter > (double)PAUSE_MAX_NS ? PAUSE_MAX_NS : (uint64_t)quarter;
}

static bool forward_signal(struct session *s)
{
	volatile sig_atomic_t *f = s->hooks->forward;

	if (!f || !*f)
		return false;
	int sig = *f;
	*f = 0;
	(void)kill(s->pid, sig);
	return true;
}

/* The user wants another look at the heap. */
static int snapshot_asked(struct session *s, struct err *err)
{
	volatile sig_atomic_t *f = s->hooks->snapshot;

	if (!f || !*f || s->side)
		return 0;
	*f = 0;
	return session_snapshot_begin(s, err);
}

/* 1 and *ret_end: the recording is over. */
static int ended(struct session *s, uint64_t now, enum fact_end *ret_end, struct err *err)
{
	uint64_t duration = s->options->duration_ns;

	(void)forward_signal(s);
	if (ledger_final(s->ledger)) {
		*ret_end = FACT_END_FINISHED;
		return 1;
	}
	if (pidfd_exited(s->pidfd)) {
		int r = session_drain(s, err);
		*ret_end = FACT_END_EXITED;
		return r < 0 ? r : 1;
	}
	if (s->stream_ended) {
		*ret_end = why_closed(s);
		return 1;
	}
	*ret_end = s->stream_bad ? FACT_END_STREAM_CLOSED : FACT_END_DETACHED;
	s->was_interrupted = session_stop_asked(s);
	if (s->stream_bad || s->was_interrupted || s->fanout.failed)
		return 1;
	*ret_end = FACT_END_ELAPSED;
	return duration && now >= duration;
}

/* The agent's counters; when they cannot be read any more, another program is running there. */
static int look_at_agent(struct session *s, enum fact_end *ret_end, struct err *err)
{
	if (inject_public(s->inject, s->mem, &s->agent, NULL) == 0)
		return 0;
	int r = session_drain(s, err);
	if (r < 0)
		return r;
	*ret_end = why_closed(s);
	return 1;
}

int session_listen(struct session *s, enum fact_end *ret_end, struct err *err)
{
	uint64_t read_at = clock_now(&s->clock), pause_until = 0;
	int capacity = fcntl(inject_fd(s->inject), F_GETPIPE_SZ);
	int r = session_pace(s, &read_at, err);

	if (r == 0)
		r = tick(s, read_at, err);
	s->pipe_bytes = capacity > 0 ? (size_t)capacity : 65536;
	while (r == 0) {
		uint64_t now = clock_now(&s->clock), until = s->next_tick_ns;
		uint64_t duration = s->options->duration_ns;
		size_t got = 1;

		if (duration && duration < until)
			until = duration;
		rest(s, pause_until <= now, pause_until > now && pause_until < until ? pause_until :
										      until);
		now = clock_now(&s->clock);
		if (pause_until <= now) {
			r = drain(s, &got, err);
			pause_until = got ? now + pause_of(s, got, now - read_at) : 0;
			read_at = now;
		}
		if (r == 0 && at_its_height(s, got == 0))
			r = session_snapshot_begin(s, err);
		if (r == 0)
			r = ended(s, now, ret_end, err);
		if (r == 0 && now >= s->next_tick_ns) {
			r = look_at_agent(s, ret_end, err);
			if (r == 0)
				r = session_snapshot_poll(s, err);
			if (r == 0)
				r = snapshot_asked(s, err);
			if (r == 0)
				r = tick(s, now, err);
		}
	}
	return r < 0 ? r : 0;
}
