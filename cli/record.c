/* SPDX-License-Identifier: MIT */
/*
 * One recording as the user sees it. Facts go to the models in memory and, when asked for, to
 * a file at the same time; a file that cannot be written further costs neither the recording
 * nor the report.
 */
#include "cli/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "cli/draw.h"
#include "cli/signals.h"
#include "cli/top.h"
#include "cli/watch.h"
#include "cli/suppress.h"
#include "report/view/units.h"
#include "tracer/cpython/detect.h"
#include "tracer/process/refusal.h"
#include "tracer/stream/pmp.h"

#define LIVE_INTERVAL_NS UINT64_C(1000000000) /* what is shown live comes once an interval */
#define VERBOSE_EVERY_NS UINT64_C(1000000000)

struct progress {
	const struct cli *cli;
	bool silent;	/* run, or -q */
	bool line_open; /* the terminal's line holds progress */
	uint64_t told_ns;
};

static void say_progress(FILE *f, const struct session_progress *p)
{
	struct units a, b, c, d, e;
	fprintf(f, "%s  live %s  peak %s  RSS %s  %s allocations  %" PRIu32 " sites",
		units_duration(&a, p->elapsed_ns), units_bytes(&b, p->live_bytes),
		units_bytes(&c, p->peak_bytes), units_bytes(&d, p->rss_bytes),
		units_count_short(&e, p->allocs), p->sites);
	if (p->dropped)
		fprintf(f, "  %s dropped", units_count_short(&a, p->dropped));
}

static void on_progress(void *ctx, const struct session_progress *p)
{
	struct progress *s = ctx;
	if (s->silent)
		return;
	if (s->cli->term.error_is_tty) {
		fputc('\r', stderr);
		say_progress(stderr, p);
		fputs("   ", stderr);
		s->line_open = true;
	} else if (s->cli->verbose > 0 && p->elapsed_ns - s->told_ns >= VERBOSE_EVERY_NS) {
		s->told_ns = p->elapsed_ns;
		say_progress(stderr, p);
		fputc('\n', stderr);
	}
}

static void on_attached(void *ctx, const char *text)
{
	struct progress *s = ctx;
	char safe[ERR_TEXT_MAX];
	if (s->silent)
		return;
	escape(ESCAPE_ASCII, text, strnlen(text, ERR_TEXT_MAX), safe, sizeof safe);
	fprintf(stderr, "recording %s; Ctrl-C ends it\n", safe);
}

/* The name of a function may hold anything; so may that of a thread. */
static void on_verdict(void *ctx, const struct session_verdict *v)
{
	struct progress *s = ctx;
	char safe[512 * ESCAPE_GROWTH + 1];
	struct units after;
	if (s->silent)
		return;
	if (v->events) {
		fprintf(stderr, "first event after %s\n", units_duration(&after, v->since_command_ns));
		return;
	}
	escape(s->cli->term.utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII, v->activity,
	       strnlen(v->activity, 512), safe, sizeof safe);
	fprintf(stderr, "no allocation in the first %s%s%s\n",
		units_duration(&after, v->since_hook_ns), *safe ? ": " : "", safe);
}

static void end_line(struct progress *s)
{
	if (s->line_open)
		fputc('\n', stderr);
	s->line_open = false;
}

static int take_times(const struct opt_args *args, struct session_options *o, struct err *err)
{
	const char *duration = opt_value(args, "duration"), *interval = opt_value(args, "interval");
	const char *stall = opt_value(args, "stall-limit");
	uint64_t ns = 0;
	int rc = 0;
	if (duration)
		rc = opt_duration("duration", duration, &o->duration_ns, err);
	if (rc == 0 && duration && o->duration_ns == 0)
		rc = err_set(err, ERR_USAGE, "--duration: must be longer than nothing");
	if (rc == 0 && interval)
		rc = opt_duration("interval", interval, &o->interval_ns, err);
	if (rc == 0 && interval && o->interval_ns < 1000000)
		rc = err_set(err, ERR_USAGE, "--interval: at least 1ms");
	if (rc == 0 && stall)
		rc = opt_duration("stall-limit", stall, &ns, err);
	if (rc == 0 && stall)
		o->stall_limit_ms =
			ns / 1000000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000000);
	return rc;
}

static int take_window(const char *text, struct session_options *o, struct err *err)
{
	uint64_t slots;
	int rc = opt_number("--window", text, 0, 2048, &slots, err);
	if (rc == 0 && (slots & (slots - 1)))
		rc = err_set(err, ERR_USAGE, "--window: %" PRIu64 " is no power of two", slots);
	if (rc == 0)
		o->window_slots = (uint32_t)slots;
	return rc;
}

static int take_options(const struct opt_args *args, struct session_options *o, struct err *err)
{
	const char *sample = opt_value(args, "sample"), *window = opt_value(args, "window");
	const char *full = opt_value(args, "on-full"), *frames = opt_value(args, "max-frames");
	int choice = 0, rc = take_times(args, o, err);
	uint64_t n = 0;
	if (rc == 0 && sample)
		rc = opt_size("sample", sample, &o->sample_bytes, err);
	if (rc == 0 && window)
		rc = take_window(window, o, err);
	if (rc == 0 && full)
		rc = opt_choice("on-full", full, "block drop", &choice, err);
	if (rc == 0 && full)
		o->drop_on_full = choice == 1;
	if (rc == 0 && frames)
		rc = opt_number("--max-frames", frames, 1, 256, &n, err);
	if (rc == 0 && frames)
		o->max_frames = (uint32_t)n;
	o->events = opt_given(args, "events");
	o->assume_layout = opt_value(args, "assume-layout");
	if (rc == 0)
		rc = py_assume_check(o->assume_layout, err);
	if (rc == 0 && o->events && !opt_value(args, "output"))
		rc = err_set(err, ERR_USAGE, "--events keeps events in a file: it needs -o FILE");
	return rc;
}

/* Everything one recording needs, so that it can be released in one place. */
struct recorder {
	struct cli *cli;
	const struct record_job *job;
	const char *path; /* NULL: nothing is kept */
	const char *html; /* NULL: no page */
	bool force;
	bool live; /* the view on a terminal; the session runs in a helper */
	struct pmp_options keep;
	struct session_options options;
	struct progress progress;
	struct recording recording;
	struct pmp_writer *writer;
	struct draw_wish wish;
	struct session_result result;
};

static int prepare(struct recorder *r, const struct opt_args *args, struct err *err)
{
	const char *format = opt_value(args, "format");
	bool running = r->job->argv != NULL;
	r->path = opt_value(args, "output");
	r->html = opt_value(args, "html");
	r->force = opt_given(args, "force");
	r->options = session_options_default();
	r->progress.cli = r->cli;
	r->progress.silent = r->cli->quiet || running;
	r->wish = (struct draw_wish){ .cli = r->cli, .view = &view_text, .to_error = running };
	bool to_stdout = r->path && strcmp(r->path, "-") == 0;
	r->wish.options.file = r->wish.source = to_stdout ? NULL : r->path;
	int rc = take_options(args, &r->options, err);
	r->options.snapshots = !opt_given(args, "no-snapshot");
	if (rc == 0 && format)
		rc = draw_format(format, NULL, running ? STDERR_FILENO : STDOUT_FILENO, &r->wish.view, err);
	if (rc == 0 && to_stdout && running)
		rc = err_set(err, ERR_USAGE,
			     "standard output belongs to the program: -o needs a file");
	if (rc == 0)
		rc = suppress_read(&r->recording, opt_value(args, "suppressions"), err);
	if (rc == 0)
		rc = draw_keep_check(r->path, err);
	if (rc == 0)
		rc = draw_page_check(r->html, r->force, err);
	r->keep = (struct pmp_options){ .path = r->path,
					.force = r->force,
					.events = r->options.events };
	r->live = !running && !to_stdout && !format && !r->cli->quiet && top_has_screen() &&
		  !opt_given(args, "plain");
	if (r->live && !r->options.interval_ns)
		r->options.interval_ns = LIVE_INTERVAL_NS;
	if (rc == 0 && r->path && !r->live)
		rc = pmp_writer_new(&r->keep, &r->writer, err);
	return rc;
}

static int hold_session(struct recorder *r, struct err *err)
{
	struct signals signals;
	struct fact_sink models = recording_sink(&r->recording);
	const struct fact_sink *sinks[2] = { &models };
	size_t n = 1;
	if (r->writer)
		sinks[n++] = pmp_writer_sink(r->writer);
	int rc = signals_catch(&signals, r->job->argv != NULL, err);
	if (rc < 0)
		return rc;
	struct session_hooks hooks = {
		.sinks = sinks,
		.nsinks = n,
		.stop = signals.stop,
		.forward = r->job->argv ? signals.forward : NULL,
		.wake_fd = signals.pipe[0],
		.ctx = &r->progress,
		.progress = on_progress,
		.attached = on_attached,
		.verdict = on_verdict,
	};
	rc = r->job->argv ? session_run(r->job->argv, &r->options, &hooks, &r->result, err) :
			    session_attach(r->job->pid, &r->options, &hooks, &r->result, err);
	end_line(&r->progress);
	signals_release(&signals);
	return refusal_better(r->job->pid, rc, err);
}

/* --- the live view ------------------------------------------------------------------------ */

static void on_inside_attached(void *ctx, const char *text)
{
	struct watch_told *told = ctx;
	(void)text;
	told->begun = 1;
}

/* In the helper: the session, its facts to the view and to the file. */
static int hold_inside(const struct watch_inside *in, struct err *err)
{
	struct recorder *r = in->ctx;
	const struct fact_sink *sinks[2] = { in->sink };
	struct pmp_writer *writer = NULL;
	size_t n = 1;
	if (r->path) {
		int rc = pmp_writer_new(&r->keep, &writer, err);
		if (rc < 0)
			return rc;
		sinks[n++] = pmp_writer_sink(writer);
	}
	struct session_hooks hooks = { .sinks = sinks,
				       .nsinks = n,
				       .stop = in->stop,
				       .snapshot = in->snapshot,
				       .wake_fd = in->wake_fd,
				       .ctx = in->told,
				       .attached = on_inside_attached };
	int rc = session_attach(r->job->pid, &r->options, &hooks, &in->told->session, err);
	struct err closing = ERR_INIT;
	int closed = pmp_writer_close(writer, &closing);
	if (rc >= 0 && closed < 0) {
		*err = closing;
		rc = closed;
	}
	return refusal_better(r->job->pid, rc, err);
}

/* What the session told, once it has ended; the detach and a last snapshot take a moment. */
static int end_live(struct recorder *r, struct watch *w, struct err *err)
{
	int rc = 0;
	watch_ask_stop(w);
	while (rc == 0 && w->feed) {
		watch_wait(w, true, 200);
		rc = watch_read(w, err);
	}
	r->result = w->told->session;
	if (rc >= 0 && w->told->rc < 0) {
		*err = w->told->err;
		rc = w->told->rc;
	}
	return rc < 0 ? rc : 0;
}

static int hold_live(struct recorder *r, struct err *err)
{
	struct fact_sink models = recording_sink(&r->recording);
	struct top_options o = { .interval_ns = LIVE_INTERVAL_NS, .mouse = true, .stop_share = TOP_STOP_SHARE };
	struct watch w;
	struct top top;
	int rc = watch_start(&w, hold_inside, r, &models, err);
	if (rc < 0)
		return rc;
	/* An attach that fails leaves the terminal untouched. */
	while (!w.told->begun && !watch_ended(&w))
		watch_wait(&w, false, 1000);
	if (!watch_ended(&w)) {
		top_init(&top, r->cli, &o);
		top.until_end = r->options.duration_ns != 0;
		rc = top_open_session(&top, r->job->pid, &w, &r->recording, err);
		if (rc >= 0)
			rc = top_screen(&top, err);
		top_deinit(&top);
	}
	if (rc >= 0)
		rc = end_live(r, &w, err);
	watch_deinit(&w);
	return rc;
}

const char *record_audit(const struct session_audit *audit, char *buf, size_t cap)
{
	if (!audit->done)
		snprintf(buf, cap, "the process is gone");
	else if (audit->clean)
		snprintf(buf, cap, "nothing of pymemprof is left in the process");
	else
		snprintf(buf, cap, "the agent stays in the process and does nothing: %s",
			 audit->why ? audit->why : "it could not be removed");
	return buf;
}

static int program_status(const struct session_result *res)
{
	if (WIFEXITED(res->wait_status))
		return WEXITSTATUS(res->wait_status);
	return 128 + WTERMSIG(res->wait_status);
}

/* The report; for run it goes to standard error, and only when it was not asked to be quiet. */
static int report(struct recorder *r, struct err *err)
{
	bool running = r->job->argv != NULL, to_stdout = r->path && strcmp(r->path, "-") == 0;
	char text[200];
	int rc = 0, status = STATUS_FINE;
	if (!(running && r->cli->quiet) && !to_stdout)
		rc = draw_recording(&r->recording, &r->wish, err);
	else
		rc = recording_conclude(&r->recording, err);
	if (rc >= 0)
		rc = draw_page(&r->recording, &r->wish, r->html, r->force, err);
	if (rc < 0)
		return rc;
	status = draw_status(&r->recording);
	if (r->result.audit.agent_left || (!r->cli->quiet && r->cli->verbose > 0))
		fprintf(stderr, "%s\n", record_audit(&r->result.audit, text, sizeof text));
	return status;
}

int record(struct cli *cli, const struct opt_args *args, const struct record_job *job,
	   struct err *err)
{
	struct recorder r = { .cli = cli, .job = job };
	int rc = recording_init(&r.recording, err);
	if (rc < 0)
		return rc;
	rc = prepare(&r, args, err);
	if (rc == 0)
		rc = r.live ? hold_live(&r, err) : hold_session(&r, err);
	struct err closing = ERR_INIT;
	int closed = pmp_writer_close(r.writer, &closing);
	if (rc >= 0)
		rc = report(&r, err);
	if (rc >= 0 && r.result.sink_failed < 0) {
		*err = r.result.sink_why;
		rc = r.result.sink_failed;
	} else if (rc >= 0 && closed < 0) {
		*err = closing;
		rc = closed;
	}
	if (rc >= 0 && r.result.has_status)
		rc = program_status(&r.result);
	recording_deinit(&r.recording);
	return rc;
}
