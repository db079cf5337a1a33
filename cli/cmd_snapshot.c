/* SPDX-License-Identifier: MIT */
/* One look at a whole heap, of a process or of a core file. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/draw.h"
#include "report/model/paths.h"
#include "report/view/units.h"
#include "tracer/cpython/detect.h"
#include "tracer/process/refusal.h"
#include "tracer/snapshot.h"
#include "tracer/stream/pmp.h"

static const struct opt options[] = {
	{ 'p', "pid", "PID", "the process, when not given as a word", NULL, NULL },
	{ 'o', "output", "FILE", "keep the snapshot in FILE (.pmp); - is standard output", NULL,
	  NULL },
	{ 0, "html", "FILE", "also write a page for browsers to FILE", NULL, NULL },
	{ 'f', "force", NULL, "replace FILE when it exists", NULL, NULL },
	{ 0, "read-only", NULL,
	  "write nothing into the process: read it while it is stopped, which takes longer", NULL,
	  NULL },
	{ 0, "max-pause", "TIME",
	  "longest wait for a good instant (default 50ms); with --read-only the longest stop", NULL,
	  NULL },
	{ 0, "sysroot", "DIR",
	  "of a core file: look up the files it names below DIR, as when they were mapped in a container",
	  NULL, NULL },
	{ 0, "view", "VIEW", "summary (default), types, fragmentation, ledger, gc, holders, paths, modules, refcounts, advice",
	  "summary types fragmentation ledger gc holders paths modules refcounts advice", NULL },
	{ 'F', "format", "FORMAT", "text (default), html, json, csv, digest",
	  "text html json csv digest",
	  NULL },
	{ 0, "path", "TYPE|0xADDR", "how the objects of a type, or the one there, are held", NULL, NULL },
	{ 0, "graph", NULL, "keep every reference in FILE, of however many objects", NULL, NULL },
	{ 0, "no-graph", NULL, "do not find out who holds what", NULL, NULL },
	{ 'n', "top", "N", "rows to show", NULL, NULL },
	{ 0, "assume-layout", "VERSION", "treat an unknown version of Python as VERSION", NULL,
	  NULL },
	{ 0 },
};

/* Written by signal handlers only. */
static volatile sig_atomic_t stop_asked;

static void on_stop(int sig)
{
	(void)sig;
	stop_asked = 1;
}

static void catch_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction a = { .sa_handler = on_stop }, before;

	stop_asked = 0;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		sigaction(ends[i], NULL, &before);
		if (before.sa_handler != SIG_IGN)
			sigaction(ends[i], &a, NULL);
	}
}

struct job {
	struct cli *cli;
	const char *core; /* NULL: pid */
	pid_t pid;
	const char *path; /* NULL: nothing is kept */
	struct snapshot_options options;
	struct draw_wish wish;
	bool drawn; /* a view was asked for */
	struct recording recording;
	struct pmp_writer *writer;
	struct snapshot_result result;
	const char *html; /* NULL: no page */
	bool force;
};

static bool is_number(const char *word)
{
	while (isdigit((unsigned char)*word))
		word++;
	return !*word;
}

static int take_target(struct job *j, const struct opt_args *args, struct err *err)
{
	const char *word = opt_value(args, "pid");
	uint64_t pid;
	if (args->program)
		return err_set(err, ERR_USAGE, "snapshot takes a PID or a core file");
	if (args->nwords + (word != NULL) != 1)
		return err_set(err, ERR_USAGE,
			       word || args->nwords ? "one PID or core file at a time" :
						      "no PID or core file given");
	if (!word && !is_number(args->words[0])) {
		j->core = args->words[0];
		return 0;
	}
	int rc = opt_pid(word ? word : args->words[0], &pid, err);
	if (rc == 0)
		j->pid = (pid_t)pid;
	return rc;
}

static int take_view(struct job *j, const struct opt_args *args, struct err *err)
{
	const char *view = opt_value(args, "view"), *format = opt_value(args, "format");
	const char *top = opt_value(args, "top");
	struct draw_wish *w = &j->wish;
	uint64_t rows = 0;
	int rc = 0;
	*w = (struct draw_wish){ .cli = j->cli, .view = &view_text };
	j->drawn = view || format || top || opt_value(args, "path");
	if (view)
		rc = view_question_parse(view, &w->options.question, err);
	if (rc == 0 && view && w->options.question != VIEW_SUMMARY &&
	    w->options.question < VIEW_TYPES)
		rc = err_set(err, ERR_USAGE, "a snapshot has no %s view: %s", view,
			     "one of summary, types, fragmentation, ledger, gc, holders, paths, modules, refcounts, advice");
	if (rc == 0 && top)
		rc = opt_number("--top", top, 1, 10000000, &rows, err);
	w->options.path = opt_value(args, "path");
	if (rc == 0)
		rc = paths_check(w->options.path, err);
	if (rc == 0 && w->options.path && view && w->options.question != VIEW_PATHS)
		rc = err_set(err, ERR_USAGE, "--path is of --view paths, not of %s",
			     view_question_name(w->options.question));
	if (w->options.path && !view)
		w->options.question = VIEW_PATHS;
	w->options.top = (size_t)rows;
	if (rc == 0 && format)
		rc = draw_format(format, NULL, STDOUT_FILENO, &w->view, err);
	if (rc == 0)
		rc = view_check(w->view, w->options.question, true, err);
	return rc;
}

static int take_options(struct job *j, const struct opt_args *args, struct err *err)
{
	const char *pause = opt_value(args, "max-pause");
	int rc = take_target(j, args, err);
	j->options.read_only = opt_given(args, "read-only");
	j->options.sysroot = opt_value(args, "sysroot");
	j->options.assume_layout = opt_value(args, "assume-layout");
	j->options.graph = opt_given(args, "no-graph")			 ? SNAPSHOT_GRAPH_NONE :
			   opt_given(args, "graph") || opt_value(args, "path") ? SNAPSHOT_GRAPH_KEEP :
			   opt_value(args, "output") ? SNAPSHOT_GRAPH_KEEP_SMALL :
						       SNAPSHOT_GRAPH_RESULTS;
	if (rc == 0 && opt_given(args, "no-graph") && (opt_given(args, "graph") || opt_value(args, "path")))
		rc = err_set(err, ERR_USAGE, "--no-graph leaves nothing to keep or to ask");
	if (rc == 0)
		rc = take_view(j, args, err);
	if (rc == 0 && pause)
		rc = opt_duration("max-pause", pause, &j->options.max_pause_ns, err);
	if (rc == 0 && pause && !j->options.max_pause_ns)
		rc = err_set(err, ERR_USAGE, "--max-pause: must be longer than nothing");
	if (rc == 0)
		rc = py_assume_check(j->options.assume_layout, err);
	if (rc == 0 && j->options.sysroot && !j->core)
		rc = err_set(err, ERR_USAGE, "--sysroot is for core files");
	j->path = opt_value(args, "output");
	j->html = opt_value(args, "html");
	j->force = opt_given(args, "force");
	if (rc == 0)
		rc = draw_keep_check(j->path, err);
	if (rc == 0)
		rc = draw_page_check(j->html, j->force, err);
	struct pmp_options p = { .path = j->path, .force = j->force };
	if (rc == 0 && j->path && strcmp(j->path, "-") == 0 && j->drawn)
		rc = err_set(err, ERR_USAGE, "-o - and a view cannot both go to standard output");
	if (rc == 0 && j->path)
		rc = pmp_writer_new(&p, &j->writer, err);
	return rc;
}

/* Who holds what takes as much time and memory again: not for answers that do not show it. */
static bool shows_holders(const struct job *j)
{
	enum view_question q = j->wish.options.question;

	return j->path || (j->wish.view != &view_text && strcmp(j->wish.view->name, "csv") != 0) ||
	       (q != VIEW_TYPES && q != VIEW_FRAGMENTATION && q != VIEW_LEDGER && q != VIEW_GC);
}

static int take(struct job *j, struct err *err)
{
	if (!shows_holders(j))
		j->options.graph = SNAPSHOT_GRAPH_NONE;

	struct fact_sink models = recording_sink(&j->recording);
	const struct fact_sink *sinks[2] = { &models };
	struct snapshot_hooks hooks = { .sinks = sinks, .nsinks = 1, .stop = &stop_asked };
	if (j->writer)
		sinks[hooks.nsinks++] = pmp_writer_sink(j->writer);
	if (j->core)
		return snapshot_core(j->core, &j->options, &hooks, &j->result, err);
	return refusal_better(j->pid, snapshot_take(j->pid, &j->options, &hooks, &j->result, err), err);
}

/* "heap.pmp: 1.2 MiB; process stopped 3.1 ms (clone)" */
static void say_kept(const struct job *j, uint64_t bytes)
{
	struct units u;
	char safe[ERR_TEXT_MAX];
	escape(ESCAPE_ASCII, j->path, strnlen(j->path, ERR_TEXT_MAX / 4), safe, sizeof safe);
	fprintf(stderr, "%s: %s", safe, units_bytes(&u, bytes));
}

static void say_pause(const struct job *j, const char *before)
{
	const struct fact_cost *c = &j->result.cost;
	struct units u;
	if (c->pause_kind == FACT_PAUSE_CORE)
		fprintf(stderr, "%sread from a core file\n", before);
	else
		fprintf(stderr, "%sprocess stopped %s (%s)\n", before,
			units_duration(&u, c->pause_ns), totals_pause_name(c->pause_kind));
}

static int show(struct job *j, uint64_t bytes, struct err *err)
{
	bool quiet = j->path && !j->drawn;
	int rc = quiet ? recording_conclude(&j->recording, err) : 0;
	if (rc < 0)
		return rc;
	bool to_file = j->path && strcmp(j->path, "-") != 0;
	if (to_file)
		j->wish.options.file = j->wish.source = j->path;
	if (to_file && !j->cli->quiet) {
		say_kept(j, bytes);
		say_pause(j, "; ");
	} else if (!j->cli->quiet && j->drawn && j->wish.options.question != VIEW_SUMMARY) {
		say_pause(j, ""); /* the summary says it itself */
	}
	rc = quiet ? draw_status(&j->recording) : draw_recording(&j->recording, &j->wish, err);
	int page = rc < 0 ? rc : draw_page(&j->recording, &j->wish, j->html, j->force, err);
	return page < 0 ? page : rc;
}

static int run(struct cli *cli, struct opt_args *args, struct err *err)
{
	struct job j = { .cli = cli };
	int rc = recording_init(&j.recording, err);
	if (rc < 0)
		return rc;
	rc = take_options(&j, args, err);
	if (rc == 0) {
		catch_signals();
		rc = take(&j, err);
	}
	struct err closing = ERR_INIT;
	uint64_t bytes = j.writer ? pmp_writer_bytes(j.writer) : 0;
	int closed = pmp_writer_close(j.writer, &closing);
	if (rc >= 0)
		rc = show(&j, bytes, err);
	if (rc >= 0 && j.result.sink_failed < 0) {
		*err = j.result.sink_why;
		rc = j.result.sink_failed;
	} else if (rc >= 0 && closed < 0) {
		*err = closing;
		rc = closed;
	}
	recording_deinit(&j.recording);
	return rc;
}

const struct command cmd_snapshot = {
	.name = "snapshot",
	.operands = "PID|CORE",
	.summary = "look once at the whole heap: types, fragmentation, where RSS went",
	.details =
		"The process is copied (fork without a signal), goes on at once, and the copy is read.\n"
		"Without -o the answer is printed and nothing is kept.\n",
	.options = options,
	.run = run,
};
