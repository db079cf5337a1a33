/* SPDX-License-Identifier: MIT */
/* Read a file into the models and draw one view of it. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/draw.h"
#include "cli/suppress.h"
#include "report/model/paths.h"
#include "tracer/stream/pmp.h"

#define MAX_SIZE_LEAST 200000 /* bytes: what a page without any stack may need */

static const struct opt options[] = {
	{ 0, "view", "VIEW",
	  "summary (default), leaks, sites, flame, timeline, threads, tests; of a snapshot: types, "
	  "fragmentation, ledger, gc, holders, paths, modules, refcounts, advice",
	  "summary leaks sites flame timeline threads tests types fragmentation ledger gc holders paths "
	  "modules refcounts advice", NULL },
	{ 'F', "format", "FORMAT", "text (default), html, json, csv, folded, speedscope, pprof, digest",
	  "text html json csv folded speedscope pprof digest", NULL },
	{ 0, "metric", "METRIC",
	  "order and weight: live (default), peak, allocated, freed, temporary",
	  "live peak allocated freed temporary", NULL },
	{ 0, "path", "TYPE|0xADDR", "how the objects of a type, or the one there, are held", NULL, NULL },
	{ 'n', "top", "N", "rows to show", NULL, NULL },
	{ 0, "suppressions", "FILE", "suspects that are explained, with reasons", NULL, NULL },
	{ 0, "max-size", "SIZE", "of an HTML page: small stacks are merged until it fits (2MB)", NULL,
	  NULL },
	{ 0, "full", NULL, "an HTML page of any size: nothing is merged", NULL, NULL },
	{ 'o', "output", "FILE", "write there instead of standard output; - is standard output",
	  NULL, NULL },
	{ 'f', "force", NULL, "replace FILE when it exists", NULL, NULL },
	{ 0, "leaks", NULL, NULL, NULL, NULL },
	{ 0, "max-rows", "N", NULL, NULL, "top" },
	{ 0 },
};

static int read_wishes(struct cli *cli, const struct opt_args *args, struct draw_wish *w,
		       struct err *err)
{
	const char *view = opt_value(args, "view"), *format = opt_value(args, "format");
	const char *metric = opt_value(args, "metric"), *top = opt_value(args, "top");
	const char *most = opt_value(args, "max-size");
	uint64_t size = 0;
	int rc = 0;
	*w = (struct draw_wish){ .cli = cli,
				 .view = &view_text,
				 .path = opt_value(args, "output"),
				 .force = opt_given(args, "force") };
	if (view)
		rc = view_question_parse(view, &w->options.question, err);
	else if (opt_given(args, "leaks"))
		w->options.question = VIEW_LEAKS;
	w->options.path = opt_value(args, "path");
	if (rc == 0)
		rc = paths_check(w->options.path, err);
	if (rc == 0 && w->options.path && (view || opt_given(args, "leaks")) && w->options.question != VIEW_PATHS)
		rc = err_set(err, ERR_USAGE, "--path is of --view paths, not of %s",
			     view_question_name(w->options.question));
	if (w->options.path && !view)
		w->options.question = VIEW_PATHS;
	if (rc == 0 && metric)
		rc = sites_metric_parse(metric, &w->options.metric, err);
	uint64_t rows = 0;
	if (rc == 0 && top)
		rc = opt_number("--top", top, 1, 10000000, &rows, err);
	w->options.top = (size_t)rows;
	if (rc == 0 && most) {
		rc = opt_size("max-size", most, &size, err);
		if (rc == 0 && size < MAX_SIZE_LEAST)
			rc = err_set(err, ERR_USAGE, "--max-size: at least 200000");
		w->options.max_bytes = (size_t)size;
	}
	if (opt_given(args, "full"))
		w->options.max_bytes = SIZE_MAX / 2;
	if (rc == 0 && format)
		rc = draw_format(format, w->path, STDOUT_FILENO, &w->view, err);
	if (rc == 0)
		rc = view_check(w->view, w->options.question, false, err);
	return rc;
}

static int run(struct cli *cli, struct opt_args *args, struct err *err)
{
	struct draw_wish wish;
	struct recording recording;
	if (args->nwords != 1)
		return err_set(err, ERR_USAGE,
			       args->nwords ? "one FILE at a time" : "no FILE given");
	int rc = read_wishes(cli, args, &wish, err);
	if (rc == 0)
		rc = recording_init(&recording, err);
	if (rc < 0)
		return rc;
	struct fact_sink sink = recording_sink(&recording);
	const char *file = args->words[0];
	rc = suppress_read(&recording, opt_value(args, "suppressions"), err);
	if (rc < 0) {
		recording_deinit(&recording);
		return rc;
	}
	rc = pmp_read_path(file, &sink, err);
	if (rc < 0 && !strstr(err->text, file))
		rc = err_wrap(err, rc, "%.100s", strcmp(file, "-") == 0 ? "standard input" : file);
	if (rc == 0) {
		wish.options.file = wish.source = file;
		rc = draw_recording(&recording, &wish, err);
	}
	if (rc == STATUS_INCOMPLETE)
		draw_tell_missing(cli, file, &recording);
	recording_deinit(&recording);
	return rc;
}

const struct command cmd_report = {
	.name = "report",
	.operands = "FILE",
	.summary = "show what a recording found",
	.details =
		"FILE is what attach, run or snapshot wrote with -o; - reads standard input.\n"
		"Other names: summary, leaks, sites, table, tree, flamegraph FILE = report --view ... FILE\n",
	.options = options,
	.run = run,
};
