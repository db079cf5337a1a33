/* SPDX-License-Identifier: MIT */
/* The live view of a process, or of a recording that was kept. */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/top.h"
#include "tracer/cpython/detect.h"

#define PANE_NAMES "growth types sites holders memory advice"

static const struct opt options[] = {
	{ 'p', "pid", "PID", "the process, when not given as a word", NULL, NULL },
	{ 'b', "batch", NULL, "text frames instead of a screen; also when there is no terminal", NULL,
	  NULL },
	{ 'n', "frames", "N", "end after N frames of text (a FILE: 1)", NULL, NULL },
	{ 0, "changes", NULL, "in batch mode, print only lines that changed", NULL, NULL },
	{ 'i', "interval", "TIME", "between frames (1s)", NULL, NULL },
	{ 0, "pane", "PANE", "the first shown: growth, types, sites, holders, memory, advice",
	  PANE_NAMES, NULL },
	{ 0, "top", "N", "rows of a frame of text", NULL, NULL },
	{ 0, "filter", "WORDS", "show rows that contain WORDS; type:X site:X >1M -X", NULL, NULL },
	{ 0, "stop-budget", "PERCENT",
	  "of its time the process may stand still for snapshots (1)", NULL, NULL },
	{ 0, "read-only", NULL, "write nothing into the process: read it while it is stopped", NULL,
	  NULL },
	{ 'u', "exact", NULL, "bytes to the last digit", NULL, NULL },
	{ 'U', "ascii", NULL, "no character beyond ASCII", NULL, NULL },
	{ 0, "no-mouse", NULL, "leave the mouse to the terminal", NULL, NULL },
	{ 0, "clipboard", NULL, "c and s also fill the terminal's clipboard (OSC 52)", NULL, NULL },
	{ 0, "assume-layout", "VERSION", "treat an unknown version of Python as VERSION", NULL, NULL },
	{ 0 },
};

static int take_options(const struct opt_args *args, struct top_options *o, struct err *err)
{
	const char *interval = opt_value(args, "interval"), *pane = opt_value(args, "pane");
	const char *frames = opt_value(args, "frames"), *top = opt_value(args, "top");
	const char *budget = opt_value(args, "stop-budget");
	uint64_t n = 0;
	int rc = 0, choice = 0;

	*o = (struct top_options){ .interval_ns = UINT64_C(1000000000),
				   .stop_share = TOP_STOP_SHARE,
				   .batch = opt_given(args, "batch") || opt_given(args, "changes"),
				   .changes = opt_given(args, "changes"),
				   .ascii = opt_given(args, "ascii"),
				   .exact = opt_given(args, "exact"),
				   .mouse = !opt_given(args, "no-mouse"),
				   .clipboard = opt_given(args, "clipboard"),
				   .read_only = opt_given(args, "read-only"),
				   .filter = opt_value(args, "filter"),
				   .assume_layout = opt_value(args, "assume-layout") };
	if (interval)
		rc = opt_duration("interval", interval, &o->interval_ns, err);
	if (rc == 0 && o->interval_ns < 100000000)
		rc = err_set(err, ERR_USAGE, "--interval: at least 100ms");
	if (rc == 0 && frames)
		rc = opt_number("--frames", frames, 1, 1000000000, &o->frames, err);
	if (rc == 0 && top)
		rc = opt_number("--top", top, 1, TUI_SIDE_MAX - 20, &n, err);
	o->top = (size_t)n;
	if (rc == 0 && pane)
		rc = opt_choice("pane", pane, PANE_NAMES, &choice, err);
	o->pane = (unsigned)choice;
	if (rc == 0)
		rc = py_assume_check(o->assume_layout, err);
	if (rc == 0 && budget) {
		rc = opt_number("--stop-budget", budget, 1, 100, &n, err);
		o->stop_share = (double)n / 100;
	}
	return rc;
}

static bool is_number(const char *word)
{
	while (isdigit((unsigned char)*word))
		word++;
	return !*word;
}

static int open_it(struct top *t, const struct opt_args *args, struct err *err)
{
	const char *word = opt_value(args, "pid");
	bool file = !word && !is_number(args->words[0]);
	uint64_t pid = 0;

	if (file)
		return top_open_file(t, args->words[0], err);
	int rc = opt_pid(word ? word : args->words[0], &pid, err);
	return rc < 0 ? rc : top_open_pid(t, (pid_t)pid, err);
}

static int run(struct cli *cli, struct opt_args *args, struct err *err)
{
	struct top_options o;
	struct top t;

	if (args->program)
		return err_set(err, ERR_USAGE, "top takes a PID or a recording");
	if (args->nwords + (opt_value(args, "pid") != NULL) != 1)
		return err_set(err, ERR_USAGE, args->nwords ? "one PID or FILE at a time" :
							      "no PID or FILE given");
	int rc = take_options(args, &o, err);
	if (rc < 0)
		return rc;
	o.batch = o.batch || o.frames || !top_has_screen();
	top_init(&t, cli, &o);
	rc = open_it(&t, args, err);
	if (rc == 0)
		rc = o.batch ? top_batch(&t, err) : top_screen(&t, err);
	top_deinit(&t);
	return rc;
}

const struct command cmd_top = {
	.name = "top",
	.operands = "PID|FILE",
	.summary = "watch the memory of a process, or look around in a recording",
	.details =
		"Of a PID, snapshots are taken one after the other: nothing is installed in the process.\n"
		"On a terminal, ? lists the keys. To see who allocates, too: pymemprof attach PID\n",
	.options = options,
	.run = run,
};
