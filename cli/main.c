/* SPDX-License-Identifier: MIT */
/*
 * Pick the command, run it, print the one error, exit. Everything below returns.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "cli/command.h"
#include "cli/outcome.h"
#include "config.h"
#include "report/view/out.h"

#define STACK_KIB_MIN 512 /* four times what an attach was seen to need */

/* Who meets the end of his stack on the way out leaves something behind: refused before anything is done. */
static int check_stack(struct err *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur / 1024 >= STACK_KIB_MIN)
		return 0;
	(void)err_set(err, ERR_SYS, "the stack is limited to %u KiB", (unsigned)(limit.rlim_cur / 1024));
	return err_hint(err, ERR_SYS, "small-stack");
}

/*
 * A program may be started with its standard descriptors closed; a file opened later would
 * take their number and receive our output. What stands in for output cannot be written to,
 * so that the loss is told.
 */
static void fill_descriptors(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		int got = open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
		if (got >= 0 && got != fd) {
			dup2(got, fd);
			close(got);
		}
	}
}

static int print_version(struct err *err)
{
	struct out out;
	out_init(&out, STDOUT_FILENO);
	out_printf(&out, "pymemprof %s\n", PYMEMPROF_VERSION);
	int rc = out_flush(&out, err);
	out_deinit(&out);
	return rc < 0 ? rc : STATUS_FINE;
}

static int take_globals(struct cli *cli, const struct opt_args *a, struct err *err)
{
	const char *colour = opt_value(a, "color");
	int wish = TERM_COLOUR_AUTO;
	cli->quiet |= opt_given(a, "quiet");
	cli->verbose += opt_count(a, "verbose");
	if (!colour)
		return 0;
	int rc = opt_choice("color", colour, "auto always never", &wish, err);
	if (rc == 0)
		term_find(&cli->term, (enum term_colour)wish);
	return rc;
}

/* The command's own options followed by the global ones, so that both may come after it. */
static int join_tables(const struct command *c, struct opt *ret, struct err *err)
{
	size_t n = 0;
	for (const struct opt *o = c->options; o && o->name; o++, n++)
		ret[n] = *o;
	for (const struct opt *o = global_options; o->name; o++, n++) {
		if (n + 1 >= OPT_MAX)
			return err_nomem(err);
		ret[n] = *o;
	}
	ret[n] = (struct opt){ 0 };
	return 0;
}

static int run_command(struct cli *cli, const struct command *c, const struct command *alias,
		       int argc, char **argv, struct err *err)
{
	struct opt table[OPT_MAX] = { 0 };
	AUTO_FREE char **all = calloc((size_t)argc + 4, sizeof *all);
	struct opt_args args;
	int n = 0, rc = all ? join_tables(c, table, err) : err_nomem(err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; alias && alias->preset[i]; i++)
		all[n++] = (char *)alias->preset[i];
	for (int i = 0; i < argc; i++)
		all[n++] = argv[i];
	rc = opt_parse(table, n, all, false, &args, NULL, err);
	if (rc < 0)
		return rc;
	rc = take_globals(cli, &args, err);
	if (rc == 0 && opt_given(&args, "help"))
		rc = help_print(c, err);
	else if (rc == 0 && opt_given(&args, "version"))
		rc = print_version(err);
	else if (rc == 0)
		rc = c->run(cli, &args, err);
	opt_deinit(&args);
	return rc;
}

static int run(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct opt_args globals;
	const struct command *alias = NULL, *command = NULL;
	int used, rc = opt_parse(global_options, argc, argv, true, &globals, &used, err);
	if (rc < 0)
		return rc;
	bool help = opt_given(&globals, "help"), version = opt_given(&globals, "version");
	rc = take_globals(cli, &globals, err);
	opt_deinit(&globals);
	if (rc < 0)
		return rc;
	if (version)
		return print_version(err);
	if (used < argc) {
		command = command_find(argv[used], &alias);
		if (!command)
			return err_set(err, ERR_USAGE, "unknown command '%.40s'", argv[used]);
	}
	if (help)
		return help_print(command, err);
	if (!command)
		return err_set(err, ERR_USAGE, "no command given");
	return run_command(cli, command, alias, argc - used - 1, argv + used + 1, err);
}

int main(int argc, char **argv)
{
	struct cli cli = { 0 };
	struct err err = ERR_INIT;
	fill_descriptors();
	signal(SIGPIPE, SIG_IGN);
	log_init(getenv("PYMEMPROF_DEBUG"));
	term_find(&cli.term, TERM_COLOUR_AUTO);
	int rc = check_stack(&err);
	if (rc == 0)
		rc = run(&cli, argc > 0 ? argc - 1 : 0, argv + (argc > 0), &err);
	if (rc >= 0)
		return rc;
	if (rc == ERR_USAGE && !err.hint)
		err.hint = "usage";
	outcome_print(&err, !cli.quiet);
	return outcome_status(rc);
}
