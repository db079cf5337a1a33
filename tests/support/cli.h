/* SPDX-License-Identifier: MIT */
/*
 * Running the product as a user does: the binary named by PYMEMPROF, its standard output,
 * standard error and exit status. It knows the command line and nothing of what is behind it.
 */
#ifndef PYMEMPROF_TESTS_SUPPORT_CLI_H
#define PYMEMPROF_TESTS_SUPPORT_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A finished run. Release with cli_done. */
struct cli {
	int status; /* exit status; 128 + signal; -1: killed because it took too long */
	char *out, *err;
	size_t out_len;
	int64_t ns;
	int64_t cpu_ns; /* user and system time of the process */
};

/* A running one. Its standard output and error go to temporary files. */
struct cli_job {
	pid_t pid;
	int out, err;
	int64_t start_ns;
};

struct cli_options {
	int stdout_fd;	/* 0: captured; else the command's standard output */
	unsigned uid;	/* 0: ours; else run as this user and group, no capabilities */
};

/* Words after the program's name, NULL-terminated. False only when it cannot be started. */
bool cli_start(struct cli_job *job, const struct cli_options *opt, const char *const *args);

/* Wait until its standard error contains `text`, at most timeout_ms. Ns since start, or -1. */
int64_t cli_wait_text(struct cli_job *job, const char *text, int timeout_ms);

/* Its standard error so far; owned by the caller, may be NULL. */
char *cli_text(const struct cli_job *job);

/* Send a signal (0: none), wait at most timeout_ms, collect. */
void cli_finish(struct cli_job *job, int sig, int timeout_ms, struct cli *ret);

/* Start, wait, collect. */
void cli_run(struct cli *ret, int timeout_ms, const char *const *args);

/* The run's standard output as JSON (owned by the caller); NULL when it is none. */
json_t *cli_json(const struct cli *c);

void cli_done(struct cli *c);

#define CLI(ret, timeout_ms, ...) cli_run((ret), (timeout_ms), (const char *const[]){ __VA_ARGS__, NULL })

#endif
