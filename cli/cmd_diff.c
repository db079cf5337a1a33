/* SPDX-License-Identifier: MIT */
/* Read two or three files, compare, draw; with --exit-code the answer is the status. */
#include <string.h>
#include <unistd.h>

#include "cli/check_io.h"
#include "cli/command.h"
#include "cli/draw.h"
#include "report/view/diff_view.h"
#include "tracer/stream/pmp.h"

#define MIN_DELTA_BYTES 65536

static const struct opt options[] = {
	{ 0, "by", "WHAT", "type, site, holder or all (default)", "type site holder all", NULL },
	{ 'F', "format", "FORMAT", "text (default), json, csv, html", "text json csv html", NULL },
	{ 'n', "top", "N", "rows of each table", NULL, NULL },
	{ 0, "exit-code", NULL, "end with status 1 when something grew", NULL, NULL },
	{ 0, "min-delta", "SIZE", "what counts as grown (default 64KiB)", NULL, NULL },
	{ 'o', "output", "FILE", "write there instead of standard output; - is standard output",
	  NULL, NULL },
	{ 'f', "force", NULL, "replace FILE when it exists", NULL, NULL },
	{ 0 },
};

struct differ {
	struct cli *cli;
	const struct diff_view *view;
	struct diff_options options;
	const char *path;
	struct recording files[DIFF_FILES_MAX];
	size_t nfiles; /* initialised */
	int status;
	struct diff diff;
};

static void differ_deinit(struct differ *d)
{
	diff_deinit(&d->diff);
	for (size_t i = 0; i < d->nfiles; i++)
		recording_deinit(&d->files[i]);
}

static int take(struct differ *d, const struct opt_args *args, struct err *err)
{
	const char *by = opt_value(args, "by"), *format = opt_value(args, "format");
	const char *top = opt_value(args, "top"), *least = opt_value(args, "min-delta");
	uint64_t rows = 0;
	int what = DIFF_BYS, rc = 0;
	if (args->nwords < 2 || args->nwords > DIFF_FILES_MAX)
		return err_set(err, ERR_USAGE, "two or three FILEs, the oldest first");
	if (by)
		rc = opt_choice("by", by, "type site holder all", &what, err);
	d->options.by = what == DIFF_BYS ? DIFF_ALL : 1u << what;
	d->view = &diff_text;
	if (rc == 0 && format && !(d->view = diff_view_find(format)))
		rc = err_set(err, ERR_USAGE, "unknown format '%.40s'; one of text, json, csv, html",
			     format);
	if (rc == 0 && top)
		rc = opt_number("--top", top, 1, 10000000, &rows, err);
	d->options.top = (size_t)rows;
	d->options.min_delta_bytes = MIN_DELTA_BYTES;
	if (rc == 0 && least)
		rc = opt_size("min-delta", least, &d->options.min_delta_bytes, err);
	d->path = opt_value(args, "output");
	if (d->path && strcmp(d->path, "-") == 0)
		d->path = NULL;
	return rc == 0 && d->path ? check_may_write(d->path, opt_given(args, "force"), err) : rc;
}

static int read_file(struct differ *d, const char *file, struct err *err)
{
	struct recording *r = &d->files[d->nfiles];
	int rc = recording_init(r, err);
	if (rc < 0)
		return rc;
	d->options.names[d->nfiles++] = file;
	struct fact_sink sink = recording_sink(r);
	rc = pmp_read_path(file, &sink, err);
	if (rc < 0)
		return strstr(err->text, file) ? rc : err_wrap(err, rc, "%.100s", file);
	rc = recording_conclude(r, err);
	if (rc == 0 && draw_status(r) == STATUS_INCOMPLETE)
		d->status = STATUS_INCOMPLETE;
	return rc;
}

/* The one question that was asked must have an answer. */
static int answered(const struct differ *d, struct err *err)
{
	for (unsigned by = 0; by < DIFF_BYS; by++)
		if (d->options.by == 1u << by && !d->diff.by[by].known)
			return err_set(err, ERR_USAGE, "nothing to compare by %s: %s",
				       diff_by_name((enum diff_by)by),
				       diff_unknown_why((enum diff_by)by));
	return 0;
}

static int draw(struct differ *d, struct err *err)
{
	struct out out;
	d->options.utf8 = d->cli->term.utf8;
	d->options.width = d->path ? VIEW_WIDTH_MAX : d->cli->term.width;
	d->options.colour = d->cli->term.colour && !d->path;
	out_init(&out, d->path ? OUT_MEMORY : STDOUT_FILENO);
	int rc = d->view->draw(&d->diff, &d->options, &out, err);
	if (rc == 0 && d->path)
		rc = check_replace(d->path, &out.buf, err);
	else if (rc == 0)
		rc = out_flush(&out, err);
	out_deinit(&out);
	return rc;
}

static int run(struct cli *cli, struct opt_args *args, struct err *err)
{
	AUTO(differ_deinit) struct differ d = { .cli = cli };
	const struct recording *files[DIFF_FILES_MAX];
	int rc = take(&d, args, err);
	for (size_t i = 0; rc == 0 && i < args->nwords; i++) {
		rc = read_file(&d, args->words[i], err);
		files[i] = &d.files[i];
	}
	if (rc == 0)
		rc = diff_make(&d.diff, files, d.nfiles, err);
	if (rc == 0)
		rc = answered(&d, err);
	if (rc == 0)
		rc = draw(&d, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; d.status == STATUS_INCOMPLETE && i < d.nfiles; i++)
		if (draw_status(&d.files[i]) == STATUS_INCOMPLETE)
			draw_tell_missing(cli, d.options.names[i], &d.files[i]);
	if (opt_given(args, "exit-code") && diff_grew(&d.diff, d.options.by, d.options.min_delta_bytes))
		return STATUS_FOUND;
	return d.status;
}

const struct command cmd_diff = {
	.name = "diff",
	.operands = "OLD NEW [NEWER]",
	.summary = "what changed between two or three files: by type, site and holder",
	.details =
		"Files are recordings or snapshots of the same program, also of different processes and\n"
		"hosts. Of three files, KEPT is what is new in the second and still there in the third.\n",
	.options = options,
	.run = run,
};
