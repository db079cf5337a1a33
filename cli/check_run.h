/* SPDX-License-Identifier: MIT */
/* Measuring for a gate: start a program, record a process or read a file, as often as asked for. */
#ifndef PYMEMPROF_CLI_CHECK_RUN_H
#define PYMEMPROF_CLI_CHECK_RUN_H

#include "cli/command.h"
#include "report/model/check.h"
#include "tracer/session.h"

#define CHECK_COUNTS_MAX 32

struct check_job {
	char *const *argv; /* a program to run … */
	pid_t pid;	   /* … or a process, for duration_ns … */
	const char *file;  /* … or a recording */
	uint64_t duration_ns;
	uint64_t repeat, warmup;
	const char *variable; /* of the environment: told how many iterations; NULL: none */
	double counts[CHECK_COUNTS_MAX];
	size_t ncounts;
	const struct check_rule *rules;
	size_t nrules;
};

struct check_measured {
	struct check_figures now;   /* of all runs; with counts: of those of the most iterations */
	struct check_figures least; /* of those of the fewest */
	unsigned runs;
	int exit_status; /* of the program that failed, or of the last; -1: none */
	bool failed;	 /* the program failed, or the process went away */
	bool incomplete;
	bool heapless; /* incomplete: a heap was not looked at, or too late; no rule can be judged */
	bool estimated;	      /* of a file: recorded as a sample */
	bool addresses_fixed; /* of a program: the kernel was allowed not to randomise them */
	char why[200]; /* of failed or incomplete */
	uint64_t height; /* live bytes at the highest peak so far */
	uint64_t least_height; /* the same of the fewest iterations */
	bool execed;	       /* a program executed another one: what that did was not measured */
	uint64_t snapshot_at; /* of runs to come, the height at which they are looked at; 0: never */
};

/*
 * Measure. Stops at the first run that fails. PYTHONHASHSEED becomes 0 for a program unless it
 * is set, and its addresses are not randomised where that is allowed. Errors: those of the session and of reading; USAGE of check_figures_add. *ret is to
 * be released in any case.
 */
int check_measure(struct cli *cli, const struct check_job *job, struct check_measured *ret,
		  struct err *err) MUST_CHECK;
/*
 * Run the program once more, unmeasured, and look at its heap near the peak it had: types and
 * holders of ret->now; with counts, of ret->least too. Errors: those of a run; a snapshot that came too late is none.
 */
int check_look(const struct check_job *job, struct check_measured *ret, struct err *err) MUST_CHECK;
void check_measured_deinit(struct check_measured *m); /* accepts NULL and zeroed */

#endif
