/* SPDX-License-Identifier: MIT */
/*
 * Where the figures come from. Snapshots are taken by a helper, as often as the interval says but
 * no oftener than two budgets allow: the time the target stands still and the processor time the
 * walks take.
 */
#include "cli/top.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/own.h"
#include "tracer/process/cgroup.h"
#include "tracer/process/procfs.h"
#include "tracer/process/refusal.h"

uint64_t top_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t unix_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int fresh_recording(struct top *t, unsigned which, struct err *err)
{
	if (t->made[which])
		recording_deinit(&t->own[which]);
	t->made[which] = false;
	int rc = recording_init(&t->own[which], err);
	if (rc < 0)
		return rc;
	t->made[which] = true;
	t->sinks[which] = recording_sink(&t->own[which]);
	return 0;
}

int top_open_file(struct top *t, const char *path, struct err *err)
{
	int rc = fresh_recording(t, 0, err);

	if (rc == 0)
		rc = pmp_read_path(path, &t->sinks[0], err);
	if (rc < 0 && !strstr(err->text, path))
		return err_wrap(err, rc, "%.100s", path);
	if (rc == 0)
		rc = recording_conclude(&t->own[0], err);
	tui_subject_of_file(&t->subject, &t->own[0]);
	t->subject.file = path;
	t->changed = true;
	return rc;
}

static bool target_ended(const struct top *t)
{
	struct pollfd p = { .fd = t->pidfd, .events = POLLIN };

	return t->pidfd >= 0 && poll(&p, 1, 0) > 0;
}

/* A hash of the auxiliary vector: its addresses are random anew in each program that is executed. */
static uint64_t image_of(pid_t pid)
{
	char path[32];
	unsigned char bytes[1024];

	snprintf(path, sizeof path, "/proc/%d/auxv", (int)pid);
	AUTO_FCLOSE FILE *f = fopen(path, "re");
	size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
	return n ? hash_bytes(HASH_START, bytes, n) : 0;
}

static bool has_execed(const struct top *t)
{
	AUTO_FREE char *exe = NULL;
	uint64_t image = image_of(t->pid);

	bool other = (t->exe && procfs_exe(t->pid, &exe, NULL) == 0 && strcmp(exe, t->exe) != 0) ||
		     (t->image && image && image != t->image);
	/* Asked last: the number may have been somebody else's while its files were read. */
	return other && !target_ended(t);
}

static int open_target(struct top *t, pid_t pid, struct err *err)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0)
		return errno == ESRCH ? err_set(err, ERR_GONE, "there is no process %d", pid) :
					err_sys(err, errno, "process %d", pid);
	if (t->pidfd >= 0)
		close(t->pidfd);
	free(t->exe);
	t->pid = t->subject.pid = pid;
	t->pidfd = pidfd;
	if (procfs_exe(pid, &t->exe, NULL) < 0)
		t->exe = NULL;
	t->image = image_of(pid);
	t->begun_ns = top_now_ns();
	return 0;
}

/* --- snapshots one after the other -------------------------------------------------------- */

static int take(const struct watch_inside *in, struct err *err)
{
	const struct top *t = in->ctx;
	const struct fact_sink *sinks[] = { in->sink };
	struct snapshot_options o = { .read_only = t->o.read_only, .assume_layout = t->o.assume_layout };
	struct snapshot_hooks hooks = { .sinks = sinks, .nsinks = 1, .stop = in->stop };
	/* Its number may be somebody else's by now; the descriptor is still its own. */
	if (target_ended(t))
		return err_set(err, ERR_GONE, "process %d has ended", t->pid);

	return refusal_better(t->pid, snapshot_take(t->pid, &o, &hooks, &in->told->snapshot, err), err);
}

static int begin_snapshot(struct top *t, struct err *err)
{
	int rc = fresh_recording(t, !t->current, err);

	if (rc == 0)
		rc = watch_start(&t->watch, take, t, &t->sinks[!t->current], err);
	if (rc < 0)
		return rc;
	t->running = t->subject.walking = true;
	t->subject.asked++;
	t->snapshot_begun_ns = top_now_ns();
	return 0;
}

/* The next one when both budgets have been earned again. */
static uint64_t next_after(const struct top *t)
{
	const struct fact_cost *c = &t->watch.told->snapshot.cost;
	uint64_t wait = t->state.interval_ns;
	uint64_t stop = (uint64_t)((double)c->pause_total_ns / t->o.stop_share);
	uint64_t cpu = (uint64_t)((double)t->watch.cpu_ns / TOP_CPU_SHARE);

	wait = stop > wait ? stop : wait;
	if (t->subject.taken >= TOP_FAST_SNAPSHOTS)
		wait = cpu > wait ? cpu : wait;
	if (wait > TOP_SNAPSHOT_MOST_NS && wait > stop)
		wait = stop > TOP_SNAPSHOT_MOST_NS ? stop : TOP_SNAPSHOT_MOST_NS;
	return t->snapshot_begun_ns + wait;
}

static void __attribute__((format(printf, 2, 0))) say_gone(struct top *t, const char *what)
{
	char now[16], last[16];

	if (t->subject.gone[0])
		return;
	tui_clock(unix_now_ns(), now);
	tui_clock(t->subject.now.unix_ns, last);
	snprintf(t->subject.gone, sizeof t->subject.gone, "%s %s - last sample %s", what, now, last);
	t->changed = true;
}

static int snapshot_done(struct top *t, struct err *err)
{
	struct watch_told *told = t->watch.told;
	int rc = 0;

	t->next_snapshot_ns = next_after(t);
	t->running = t->subject.walking = false;
	t->changed = true;
	if (told->rc >= 0 && has_execed(t)) {
		say_gone(t, "TARGET EXECED"); /* whose heap it was, nobody knows */
	} else if (told->rc >= 0) {
		t->current = !t->current;
		t->subject.r = &t->own[t->current];
		t->subject.taken++;
		t->subject.pause_ns = told->snapshot.cost.pause_ns;
		if (t->subject.pause_ns > t->subject.pause_max_ns)
			t->subject.pause_max_ns = t->subject.pause_ns;
		t->subject.now_ns = t->snapshot_begun_ns - t->begun_ns;
		rc = recording_conclude(&t->own[t->current], err);
		if (rc == 0)
			rc = tui_keep(&t->subject, err);
	} else if (told->rc == ERR_GONE) {
		say_gone(t, "TARGET EXITED");
	} else if (told->rc != ERR_INTERRUPTED || t->subject.taken == 0) {
		if (t->subject.taken == 0) {
			t->first_failed = true;
			t->first = told->err;
			if (t->again)
				say_gone(t, "CANNOT ATTACH");
		} else if (told->rc == ERR_DENIED) {
			say_gone(t, "PERMISSION LOST");
		} else if (told->err.hint && strcmp(told->err.hint, "not-python") == 0) {
			say_gone(t, "TARGET EXECED");
		}
		snprintf(t->state.message, sizeof t->state.message, "no snapshot: %.120s", told->err.text);
	}
	watch_deinit(&t->watch);
	return rc;
}

int top_open_pid(struct top *t, pid_t pid, struct err *err)
{
	int rc = refusal_before(pid, err);

	t->subject.kind = TUI_SNAPSHOTS;
	if (rc == 0)
		rc = open_target(t, pid, err);
	if (rc == 0)
		rc = begin_snapshot(t, err);
	/* where a snapshot takes longer than the interval, the next one runs already */
	while (rc == 0 && t->running && t->subject.taken == 0) {
		watch_wait(&t->watch, true, 1000);
		rc = top_collect(t, err);
	}
	if (rc == 0 && t->subject.taken == 0) {
		if (t->first_failed)
			*err = t->first;
		else
			err_set(err, ERR_GONE, "process %d is gone", pid);
		return err->code;
	}
	return rc;
}

int top_open_session(struct top *t, pid_t pid, struct watch *session, const struct recording *live,
		     struct err *err)
{
	t->session = session;
	t->live = live;
	t->subject.kind = TUI_RECORDING;
	t->subject.r = live;
	t->changed = true;
	return open_target(t, pid, err);
}

int top_open_again(struct top *t, pid_t pid, struct err *err)
{
	int rc = refusal_before(pid, err);

	if (rc == 0)
		rc = open_target(t, pid, err);
	if (rc < 0)
		return rc;
	if (t->running)
		watch_deinit(&t->watch);
	t->running = false;
	t->session = NULL;
	t->live = NULL;
	tui_subject_deinit(&t->subject);
	t->subject = (struct tui_subject){ .kind = TUI_SNAPSHOTS, .pid = pid };
	t->state.mark = t->state.step = 0;
	t->again = true;
	t->next_frame_ns = 0;
	return begin_snapshot(t, err);
}

/* --- time goes on ------------------------------------------------------------------------- */

static void look_at_target(struct top *t)
{
	struct procfs_stat stat;
	struct cgroup_room room;
	uint64_t rss;

	if (t->pidfd < 0 || t->subject.gone[0])
		return;
	if (target_ended(t)) {
		say_gone(t, "TARGET EXITED");
		return;
	}
	if (procfs_rss_bytes(t->pid, &rss, NULL) == 0 && rss)
		t->subject.rss_bytes = rss;
	t->subject.limit_bytes = cgroup_memory_room(t->pid, &room) ? room.limit : 0;
	t->subject.stopped = procfs_stat(t->pid, 0, &stat, NULL) == 0 && stat.state == 'T';
	if (has_execed(t))
		say_gone(t, "TARGET EXECED");
}

static int collect_session(struct top *t, struct err *err)
{
	uint64_t bytes = t->session->bytes;
	struct err why = ERR_INIT;
	int rc;

	if (!t->session->feed)
		return 0;
	rc = watch_read(t->session, &why);
	if (rc < 0) {
		*err = why;
		return rc;
	}
	t->subject.walking = false;
	t->subject.taken = t->subject.asked = t->live->growth.intervals;
	t->subject.pause_ns = t->live->totals.cost.attach_stop_ns;
	t->changed |= bytes != t->session->bytes;
	if (rc > 0) {
		const struct totals *n = &t->live->totals;
		if (t->session->told->rc < 0)
			say_gone(t, "RECORDING ENDED");
		else if (n->have_end && (n->end == FACT_END_EXITED || n->end == FACT_END_FINISHED))
			say_gone(t, "TARGET EXITED");
		else if (n->have_end && n->end == FACT_END_EXECED)
			say_gone(t, "TARGET EXECED");
		else
			say_gone(t, "RECORDING ENDED");
	}
	return 0;
}

int top_collect(struct top *t, struct err *err)
{
	uint64_t now = top_now_ns();
	int rc = 0;

	t->subject.now_unix_ns = unix_now_ns();
	t->subject.interval_ns = t->state.interval_ns;
	if (t->session) {
		rc = collect_session(t, err);
	} else if (t->running) {
		rc = watch_read(&t->watch, err);
		if (rc > 0)
			rc = snapshot_done(t, err);
	}
	if (rc < 0)
		return rc;
	if (now >= t->next_frame_ns) {
		look_at_target(t);
		t->next_frame_ns = now + t->state.interval_ns;
		t->changed |= t->pidfd >= 0 && !t->state.paused;
	}
	if (!t->session && t->pidfd >= 0 && !t->running && !t->first_failed && !t->state.paused &&
	    !t->subject.gone[0] && now >= t->next_snapshot_ns)
		rc = begin_snapshot(t, err);
	return rc;
}

uint64_t top_due_ns(const struct top *t)
{
	uint64_t due = t->next_frame_ns;

	if (t->pidfd < 0)
		return UINT64_MAX;
	if (!t->session && !t->running && !t->state.paused && !t->subject.gone[0] &&
	    t->next_snapshot_ns < due)
		due = t->next_snapshot_ns;
	return due;
}

void top_cancel(struct top *t)
{
	if (t->running)
		watch_ask_stop(&t->watch);
}
