/* SPDX-License-Identifier: MIT */
/* Record a running process. */
#include "cli/record.h"

static const struct opt options[] = {
	{ 'p', "pid", "PID", "the process, when not given as a word", NULL, NULL },
	{ 0, "plain", NULL, "on a terminal, too: a line of progress instead of the live view", NULL, NULL },
	RECORD_OPTIONS("keep the recording in FILE (.pmp); - is standard output",
		       "take no snapshots of the whole heap when the recording begins and ends"),
	{ 0 },
};

static int run(struct cli *cli, struct opt_args *args, struct err *err)
{
	const char *word = opt_value(args, "pid");
	uint64_t pid;
	if (args->program)
		return err_set(err, ERR_USAGE, "attach takes a PID; to start a program use run");
	if (args->nwords + (word != NULL) != 1)
		return err_set(err, ERR_USAGE,
			       word || args->nwords ? "one PID at a time" : "no PID given");
	if (!word)
		word = args->words[0];
	int rc = opt_pid(word, &pid, err);
	if (rc < 0)
		return rc;
	return record(cli, args, &(struct record_job){ .pid = (pid_t)pid }, err);
}

const struct command cmd_attach = {
	.name = "attach",
	.operands = "PID",
	.summary = "record a running process until Ctrl-C, its end, or a time",
	.details = "Without -o nothing is kept: the summary is printed and that is all.\n"
		   "Other name: record\n",
	.options = options,
	.run = run,
};
