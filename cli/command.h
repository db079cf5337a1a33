/* SPDX-License-Identifier: MIT */
/*
 * What a command is, and what every command is given. commands.c is the list of them.
 */
#ifndef PYMEMPROF_CLI_COMMAND_H
#define PYMEMPROF_CLI_COMMAND_H

#include "cli/opt.h"
#include "cli/term.h"

/* Exit statuses, the same for all commands (pymemprof(1), EXIT STATUS). */
enum status {
	STATUS_FINE = 0,
	STATUS_FOUND = 1, /* regression or leak found, only where asked for */
	STATUS_USAGE = 2,
	STATUS_FAILED = 3,     /* could not attach, measure, read or write */
	STATUS_TARGET = 4,     /* the target failed */
	STATUS_BASELINE = 5,   /* baseline missing or incompatible */
	STATUS_INCOMPLETE = 6, /* there are figures, but data is missing from them */
};

struct cli {
	struct term term;
	bool quiet;	  /* -q: no progress, no hints */
	unsigned verbose; /* -v */
};

struct command {
	const char *name;
	const char *operands; /* "PID", "FILE": after [options] in the usage line */
	const char *summary;  /* one line */
	const char *details;  /* shown below the options; may be NULL */
	const struct opt *options;
	const char *same_as;   /* name of the command this is another name for, or NULL */
	const char *preset[3]; /* words put before the user's when it is */
	/* An exit status, or a negative error code with err filled. */
	int (*run)(struct cli *cli, struct opt_args *args, struct err *err);
};

extern const struct command cmd_attach, cmd_run, cmd_snapshot, cmd_top, cmd_report, cmd_check, cmd_diff, cmd_detach,
	cmd_doctor, cmd_extract, cmd_help;

/* NULL-terminated list, in the order of --help. Aliases come last. */
extern const struct command *const commands[];

/* The command, never one of the aliases' shells; NULL when there is none. ret_alias may be NULL. */
const struct command *command_find(const char *name, const struct command **ret_alias);

/* Options before the command, and again after it. */
extern const struct opt global_options[];

/* Print the help of one command, or of everything when command is NULL. Errors: those of a write. */
int help_print(const struct command *command, struct err *err) MUST_CHECK;

#endif
