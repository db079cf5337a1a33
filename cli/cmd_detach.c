/* SPDX-License-Identifier: MIT */
/* Remove what a killed pymemprof left in a process, and say what is there afterwards. */
#include <stdio.h>
#include <unistd.h>

#include "cli/record.h"
#include "report/view/out.h"
#include "report/view/units.h"
#include "tracer/process/refusal.h"

static const struct opt options[] = {
	{ 'p', "pid", "PID", "the process, when not given as a word", NULL, NULL },
	{ 0 },
};

static int run(struct cli *cli, struct opt_args *args, struct err *err)
{
	const char *word = opt_value(args, "pid");
	struct session_clean found = { 0 };
	struct units stop;
	char audit[200];
	uint64_t pid;
	if (args->nwords + (word != NULL) != 1)
		return err_set(err, ERR_USAGE,
			       word || args->nwords ? "one PID at a time" : "no PID given");
	if (!word)
		word = args->words[0];
	int rc = opt_pid(word, &pid, err);
	if (rc == 0)
		rc = refusal_better((pid_t)pid, session_clean((pid_t)pid, &found, err), err);
	if (rc < 0)
		return rc;
	struct out out;
	out_init(&out, STDOUT_FILENO);
	if (found.copies && !cli->quiet)
		out_printf(&out, "process %d: %d %s of a killed snapshot put away\n", (int)pid,
			   found.copies, found.copies == 1 ? "copy" : "copies");
	if (!found.found)
		out_printf(&out, "process %d: no agent of pymemprof is in it\n", (int)pid);
	else if (!cli->quiet || !found.audit.clean)
		out_printf(&out,
			   "process %d: an agent without its pymemprof was found; %s; stopped %s\n",
			   (int)pid, record_audit(&found.audit, audit, sizeof audit),
			   units_duration(&stop, found.stop_ns));
	rc = out_flush(&out, err);
	out_deinit(&out);
	return rc < 0 ? rc : found.found && found.audit.agent_left ? STATUS_FAILED : STATUS_FINE;
}

const struct command cmd_detach = {
	.name = "detach",
	.operands = "PID",
	.summary = "remove what a killed pymemprof left in a process, and audit it",
	.options = options,
	.run = run,
};
