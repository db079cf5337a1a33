/* SPDX-License-Identifier: MIT */
/*
 * Every block is recorded (no cancel window), so that the figures of a program that does the
 * same again are the same again.
 */
#include "cli/check_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/signals.h"
#include "tracer/process/refusal.h"
#include "tracer/stream/pmp.h"

#define STILL_NEAR 0.8 /* of what was live then: less, and the program was past it */

static void note_end(const struct check_job *job, const struct session_result *res,
		     struct check_measured *m)
{
	m->execed |= job->argv && res->end == FACT_END_EXECED;
	if (res->has_status) {
		m->exit_status = WIFEXITED(res->wait_status) ? WEXITSTATUS(res->wait_status) :
							       128 + WTERMSIG(res->wait_status);
		m->failed = m->exit_status != 0;
		if (m->failed)
			snprintf(m->why, sizeof m->why, "the program failed with status %d",
				 m->exit_status);
	} else if (job->pid && res->end != FACT_END_DETACHED && res->end != FACT_END_ELAPSED) {
		m->failed = true;
		snprintf(m->why, sizeof m->why, "the process ended before the recording did");
	}
}

/* Places are all a gate speaks of: folded, the stacks of any suite of tests are a few thousand. */
static enum fact_part part_of(const char *function, const char *file)
{
	if (!check_own_code(file))
		return FACT_PART_OTHER;
	return check_inlined_later(function) ? FACT_PART_OF_OWN : FACT_PART_OWN;
}

static int record_live(const struct check_job *job, const struct fact_sink *sink,
		       struct check_measured *m, struct err *err)
{
	struct session_options o = session_options_default();
	struct session_result res = { 0 };
	struct signals signals;
	const struct fact_sink *sinks[1] = { sink };
	o.window_slots = 0;
	o.past_final = true; /* what is left at the very end is a figure, too */
	o.duration_ns = job->duration_ns;
	o.snapshots = job->pid != 0;
	o.part = job->argv ? part_of : NULL;
	o.snapshot_at_bytes = job->argv ? m->snapshot_at : 0;
	int rc = signals_catch(&signals, job->argv != NULL, err);
	if (rc < 0)
		return rc;
	struct session_hooks hooks = { .sinks = sinks,
				       .nsinks = 1,
				       .stop = signals.stop,
				       .forward = job->argv ? signals.forward : NULL,
				       .wake_fd = signals.pipe[0] };
	rc = job->argv ? session_run(job->argv, &o, &hooks, &res, err) :
			 refusal_better(job->pid, session_attach(job->pid, &o, &hooks, &res, err), err);
	bool stopped = *signals.stop != 0;
	signals_release(&signals);
	if (rc >= 0 && res.sink_failed < 0) {
		*err = res.sink_why;
		rc = res.sink_failed;
	}
	if (rc >= 0 && stopped && !job->argv)
		rc = err_set(err, ERR_INTERRUPTED, "interrupted: nothing was judged");
	if (rc >= 0)
		note_end(job, &res, m);
	return rc;
}

/* The tracer sees the peak a moment later; a program that is gone by then tells nothing of it. */
static bool came_late(const struct recording *r, uint64_t wanted)
{
	const struct heap_model *m = heaps_last(&r->heaps);
	return !m || (double)(m->heap.block_bytes + m->heap.large_bytes) < STILL_NEAR * (double)wanted;
}

static bool wants_snapshot(const struct check_job *job)
{
	for (size_t i = 0; i < job->nrules; i++)
		if (check_needs_snapshot(job->rules[i].metric.kind))
			return true;
	return false;
}

/* A gate has no tolerance: a single block that is not known of may be of any size. */
static void note_missing(const struct check_job *job, const struct recording *r,
			 struct check_measured *m)
{
	bool heap = wants_snapshot(job);
	const char *what = totals_missing(&r->totals, heap ? TOTALS_HEAP : TOTALS_EXACT);
	m->estimated |= totals_estimated(&r->totals);
	if (!what || m->incomplete || m->failed)
		return;
	m->incomplete = true;
	m->heapless |= heap && !job->file && !heaps_last(&r->heaps);
	snprintf(m->why, sizeof m->why, "the recording is incomplete: %s", what);
}

/* One recording added to f; NULL: a warm-up, or one that is looked at and adds to shares. */
static int run_once(const struct check_job *job, struct check_measured *m, struct check_figures *f,
		    struct check_figures *shares, struct err *err)
{
	struct recording r;
	char root[4096];
	int rc = recording_init(&r, err);
	if (rc < 0)
		return rc;
	struct fact_sink sink = recording_sink(&r);
	if (job->file) {
		rc = pmp_read_path(job->file, &sink, err);
		if (rc < 0 && !strstr(err->text, job->file))
			rc = err_wrap(err, rc, "%.100s", job->file);
	} else {
		rc = record_live(job, &sink, m, err);
	}
	if (rc >= 0)
		rc = recording_conclude(&r, err);
	if (rc >= 0 && r.totals.totals.peak_bytes > m->height)
		m->height = r.totals.totals.peak_bytes;
	bool late = m->snapshot_at && came_late(&r, m->snapshot_at);
	if (rc >= 0 && shares && !late)
		rc = check_shares_add(shares, &r, err);
	if (rc >= 0 && f && late && !m->failed && !m->incomplete) {
		m->incomplete = m->heapless = true;
		snprintf(m->why, sizeof m->why,
			 "the program had left its peak when it was looked at: it must stay there a while");
	}
	if (rc >= 0 && f)
		note_missing(job, &r, m);
	if (rc >= 0 && f) {
		if (!getcwd(root, sizeof root))
			*root = '\0';
		rc = check_figures_add(f, &r, root, job->rules, m->heapless ? 0 : job->nrules, err);
		m->runs++;
	}
	recording_deinit(&r);
	return rc;
}

static int measure_once(const struct check_job *job, struct check_measured *m,
			struct check_figures *f, struct err *err)
{
	return run_once(job, m, f, NULL, err);
}

static void tell_count(const struct check_job *job, double count)
{
	char text[32];
	snprintf(text, sizeof text, "%.0f", count);
	setenv(job->variable, text, 1);
}

static int look(const struct check_job *job, struct check_measured *m, uint64_t height,
		struct check_figures *shares, struct err *err)
{
	m->snapshot_at = height;
	int rc = run_once(job, m, NULL, shares, err);
	m->snapshot_at = 0;
	return rc;
}

/* A rate is explained by what more iterations have more of. */
int check_look(const struct check_job *job, struct check_measured *m, struct err *err)
{
	uint64_t height = m->height;
	int rc = 0;
	if (job->variable) {
		tell_count(job, job->counts[0]);
		rc = look(job, m, m->least_height, &m->least, err);
		tell_count(job, job->counts[job->ncounts - 1]);
	}
	return rc < 0 ? rc : look(job, m, height, &m->now, err);
}

/* The slope of what is held at the peak and of what is left at the end, whichever is steeper. */
static int put_rate(struct check_figures *f, const double *x, const double *peak,
		    const double *live, size_t n, struct err *err)
{
	struct check_slope a = check_regress(x, peak, n), b = check_regress(x, live, n);
	struct check_metric metric = { .kind = CHECK_LEAK_RATE, .name = "leak_rate" };
	struct check_series *s = check_series_of(f, &metric);
	if (a.slope < b.slope)
		a = b;
	if (!s)
		return err_nomem(err);
	s->runs.len = 0;
	s->noise = a.half_width;
	return vec_push(&s->runs, fmax(a.slope, 0)) < 0 ? err_nomem(err) : 0;
}

static int measure_counts(const struct check_job *job, struct check_measured *m, struct err *err)
{
	size_t total = job->ncounts * job->repeat, n = 0, last = job->ncounts - 1;
	AUTO_FREE double *points = calloc(3 * total, sizeof *points);
	int rc = points ? 0 : err_nomem(err);
	for (size_t i = 0; rc == 0 && i < job->ncounts; i++) {
		struct check_figures middle = { 0 };
		struct check_figures *f = i == 0 ? &m->least : i == last ? &m->now : &middle;
		tell_count(job, job->counts[i]);
		for (uint64_t k = 0; rc == 0 && !m->failed && k < job->repeat; k++, n++) {
			rc = measure_once(job, m, f, err);
			points[n] = job->counts[i];
			points[total + n] = check_last(f, "peak");
			points[2 * total + n] = check_last(f, "live");
		}
		check_figures_deinit(&middle);
		m->least_height = i == 0 ? m->height : m->least_height;
	}
	if (rc == 0 && !m->failed)
		rc = put_rate(&m->now, points, points + total, points + 2 * total, n, err);
	return rc;
}

/*
 * What is left to chance in a program that does the same again: hashes of strings, and those of addresses,
 * which decide how many digits an int has. Both are inherited by what we start. Not everywhere may
 * addresses be fixed: a container's seccomp profile may forbid it.
 */
static void leave_nothing_to_chance(struct check_measured *m)
{
	int now = personality(0xffffffff);
	setenv("PYTHONHASHSEED", "0", 0);
	m->addresses_fixed = now >= 0 && ((now & ADDR_NO_RANDOMIZE) ||
					  personality((unsigned long)now | ADDR_NO_RANDOMIZE) >= 0);
}

int check_measure(struct cli *cli, const struct check_job *job, struct check_measured *ret,
		  struct err *err)
{
	int rc = 0;
	(void)cli;
	*ret = (struct check_measured){ .exit_status = -1 };
	if (job->argv)
		leave_nothing_to_chance(ret);
	if (job->variable)
		tell_count(job, job->counts[0]);
	for (uint64_t i = 0; rc == 0 && !ret->failed && i < job->warmup; i++)
		rc = measure_once(job, ret, NULL, err);
	if (rc == 0 && !ret->failed && job->argv && wants_snapshot(job)) {
		if (ret->height == 0)
			rc = measure_once(job, ret, NULL, err);
		ret->snapshot_at = ret->height;
	}
	if (rc == 0 && !ret->failed && job->variable)
		rc = measure_counts(job, ret, err);
	for (uint64_t i = 0; rc == 0 && !ret->failed && !job->variable && i < job->repeat; i++)
		rc = measure_once(job, ret, &ret->now, err);
	const char *seed = getenv("PYTHONHASHSEED");
	ret->snapshot_at = 0;
	snprintf(ret->now.hash_seed, sizeof ret->now.hash_seed, "%s",
		 job->argv && seed ? seed : "unknown");
	return rc;
}

void check_measured_deinit(struct check_measured *m)
{
	if (!m)
		return;
	check_figures_deinit(&m->now);
	check_figures_deinit(&m->least);
}
