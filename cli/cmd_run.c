/* SPDX-License-Identifier: MIT */
/* Start a program and record it from its first Python allocation. */
#include "cli/record.h"

static const struct opt options[] = {
	RECORD_OPTIONS("keep the recording in FILE (.pmp)",
		       "take no snapshot of the whole heap when the program's work is done"),
	{ 0 },
};

static int run(struct cli *cli, struct opt_args *args, struct err *err)
{
	if (args->nwords > 0)
		return err_set(err, ERR_USAGE, "put -- before the program: pymemprof run -- %.100s",
			       args->words[0]);
	if (!args->program || !args->program[0])
		return err_set(err, ERR_USAGE, "no program given: pymemprof run -- PROGRAM ...");
	return record(cli, args, &(struct record_job){ .argv = args->program }, err);
}

const struct command cmd_run = {
	.name = "run",
	.operands = "-- PROGRAM [ARG ...]",
	.summary = "start a program and record it; exits with its status",
	.details =
		"The program's standard input, output and error are its own. The report goes to\n"
		"standard error when the program has ended; -q leaves it out.\n",
	.options = options,
	.run = run,
};
