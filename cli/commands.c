/* SPDX-License-Identifier: MIT */
/* The list of commands and of their other names, and nothing else. */
#include <string.h>

#include "cli/command.h"

/* Names that hands bring from other tools; each is a command with words put before the user's. */
static const struct command aliases[] = {
	{ .name = "record", .same_as = "attach" },
	{ .name = "summary", .same_as = "report", .preset = { "--view=summary" } },
	{ .name = "leaks", .same_as = "report", .preset = { "--view=leaks" } },
	{ .name = "sites", .same_as = "report", .preset = { "--view=sites" } },
	{ .name = "table", .same_as = "report", .preset = { "--view=sites" } },
	{ .name = "tree", .same_as = "report", .preset = { "--view=flame" } },
	{ .name = "flamegraph", .same_as = "report", .preset = { "--view=flame" } },
};

const struct command *const commands[] = {
	&cmd_attach, &cmd_run,	  &cmd_snapshot, &cmd_top, &cmd_report,
	&cmd_diff,   &cmd_check,  &cmd_detach,	 &cmd_doctor,
	&cmd_extract,
	&cmd_help,
	NULL,
};

const struct command *command_find(const char *name, const struct command **ret_alias)
{
	if (ret_alias)
		*ret_alias = NULL;
	for (size_t i = 0; commands[i]; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
		if (strcmp(aliases[i].name, name) != 0)
			continue;
		if (ret_alias)
			*ret_alias = &aliases[i];
		return command_find(aliases[i].same_as, NULL);
	}
	return NULL;
}
