/* SPDX-License-Identifier: MIT */
/*
 * Help is printed from the same tables that are parsed; so are the shell completions.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/command.h"
#include "config.h"
#include "report/view/out.h"

#define COLUMN 28
#define WIDTH 80

const struct opt global_options[] = {
	{ 'q', "quiet", NULL, "no progress, no hints", NULL, NULL },
	{ 'v', "verbose", NULL, "say more; may be given twice", NULL, NULL },
	{ 'V', "version", NULL, "print the version", NULL, NULL },
	{ 0, "color", "WHEN", "colour the report: auto, always, never", "auto always never", NULL },
	{ 'h', "help", NULL, "print this help", NULL, NULL },
	{ 0 },
};

/* Words from column COLUMN on, on as many lines as they need. */
static void print_wrapped(struct out *out, const char *text)
{
	while (strlen(text) > WIDTH - COLUMN) {
		size_t n = WIDTH - COLUMN;
		while (n > 0 && text[n] != ' ')
			n--;
		if (n == 0)
			break;
		out_printf(out, "%.*s\n%*s", (int)n, text, COLUMN, "");
		text += n + 1;
	}
	out_printf(out, "%s\n", text);
}

static void print_options(struct out *out, const struct opt *table)
{
	for (; table && table->name; table++) {
		char head[64];
		int n = 0;
		if (!table->help)
			continue;
		if (table->letter)
			n = snprintf(head, sizeof head, "  -%c, ", table->letter);
		else
			n = snprintf(head, sizeof head, "      ");
		n += snprintf(head + n, sizeof head - (size_t)n, "--%s%s%s", table->name,
			      table->argument ? " " : "", table->argument ? table->argument : "");
		if (n >= COLUMN - 1)
			out_printf(out, "%s\n%*s", head, COLUMN, "");
		else
			out_printf(out, "%-*s", COLUMN, head);
		print_wrapped(out, table->help);
	}
}

static void print_command(struct out *out, const struct command *c)
{
	out_printf(out, "usage: pymemprof %s [options] %s\n\n%s\n", c->name, c->operands,
		   c->summary);
	if (c->options && c->options->name) {
		out_str(out, "\noptions:\n");
		print_options(out, c->options);
	}
	out_str(out, "\nand everywhere: -q, -v, -V, --color WHEN, -h; see 'pymemprof help'\n");
	if (c->details)
		out_printf(out, "\n%s", c->details);
}

static void print_all(struct out *out)
{
	out_str(out,
		"usage: pymemprof [global options] COMMAND [options] [TARGET]\n\n"
		"Says what a running Python process allocates, where it was made, and what leaks.\n"
		"Nothing has to be installed in the process, and it is not restarted.\n\ncommands:\n");
	for (size_t i = 0; commands[i]; i++)
		out_printf(out, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
	out_str(out, "\nglobal options:\n");
	print_options(out, global_options);
	out_str(out,
		"\nexamples:\n"
		"  pymemprof attach 4242                  until Ctrl-C, then the summary\n"
		"  pymemprof attach 4242 -d 1m -o a.pmp   one minute, kept in a file\n"
		"  pymemprof run -o a.pmp -- python3 app.py\n"
		"  pymemprof report a.pmp --view leaks\n"
		"  pymemprof doctor 4242                  what stands in the way of an attach\n");
}

int help_print(const struct command *command, struct err *err)
{
	struct out out;
	out_init(&out, STDOUT_FILENO);
	if (command)
		print_command(&out, command);
	else
		print_all(&out);
	int rc = out_flush(&out, err);
	out_deinit(&out);
	return rc;
}

static void complete_words(struct out *out, const struct opt *table)
{
	for (; table && table->name; table++)
		if (table->help)
			out_printf(out, " --%s", table->name);
}

static void complete_choices(struct out *out, const struct opt *table)
{
	for (; table && table->name; table++)
		if (table->choices)
			out_printf(
				out,
				"\t--%s) COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n",
				table->name, table->choices);
}

/* A bash function; zsh reads it after `autoload bashcompinit && bashcompinit`. */
static void print_completion(struct out *out)
{
	out_str(out,
		"_pymemprof() {\n"
		"\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
		"\tlocal command= options= i\n"
		"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		"\t\tcase ${COMP_WORDS[i]} in -*) ;; *) command=${COMP_WORDS[i]}; break ;; esac\n"
		"\tdone\n\tcase $before in\n");
	complete_choices(out, global_options);
	for (size_t i = 0; commands[i]; i++)
		complete_choices(out, commands[i]->options);
	out_str(out, "\tesac\n\tcase $command in\n\t'') options='");
	for (size_t i = 0; commands[i]; i++)
		out_printf(out, "%s%s", i ? " " : "", commands[i]->name);
	complete_words(out, global_options);
	out_str(out, "' ;;\n");
	for (size_t i = 0; commands[i]; i++) {
		out_printf(out, "\t%s) options='", commands[i]->name);
		complete_words(out, commands[i]->options);
		complete_words(out, global_options);
		out_str(out, "' ;;\n");
	}
	out_str(out,
		"\tesac\n"
		"\tif [[ $command == attach || $command == detach || $command == doctor ]] && [[ $word != -* ]]; then\n"
		"\t\tCOMPREPLY=($(compgen -W \"$(pgrep python 2>/dev/null)\" -- \"$word\"))\n"
		"\telse\n"
		"\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$word\") $([[ $word == -* ]] || compgen -f -- \"$word\"))\n"
		"\tfi\n}\ncomplete -o filenames -F _pymemprof pymemprof\n");
}

static const struct opt options[] = {
	{ 0, "completion", "SHELL", "print completions for bash (zsh: bashcompinit)", "bash",
	  NULL },
	{ 0 },
};

static int run(struct cli *cli, struct opt_args *args, struct err *err)
{
	(void)cli;
	const char *shell = opt_value(args, "completion");
	int place;
	if (shell) {
		int rc = opt_choice("completion", shell, "bash", &place, err);
		if (rc < 0)
			return rc;
		struct out out;
		out_init(&out, STDOUT_FILENO);
		print_completion(&out);
		rc = out_flush(&out, err);
		out_deinit(&out);
		return rc;
	}
	if (args->nwords == 0)
		return help_print(NULL, err);
	const struct command *c = command_find(args->words[0], NULL);
	if (!c)
		return err_set(err, ERR_USAGE, "unknown command '%.40s'", args->words[0]);
	return help_print(c, err);
}

const struct command cmd_help = {
	.name = "help",
	.operands = "[COMMAND]",
	.summary = "print help, or completions for the shell",
	.options = options,
	.run = run,
};
