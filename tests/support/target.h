/* SPDX-License-Identifier: MIT */
/*
 * A Python program under test: which interpreters this machine has, starting one on a script
 * of tests/integration/targets, asking it questions and making sure it dies with the test. It
 * knows the line protocol of the targets and nothing of the product.
 *
 * The protocol: one line per message. The target writes "READY {json}" once, then one JSON
 * value per line, each the answer to one line it read. End of input means: end.
 */
#ifndef PYMEMPROF_TESTS_SUPPORT_TARGET_H
#define PYMEMPROF_TESTS_SUPPORT_TARGET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PYTHON_ARGS_MAX 16

/* One line of tools/interpreters. */
struct python {
	char name[64], version[16], kind[32];
	char words[512]; /* the storage argv points into */
	char *argv[PYTHON_ARGS_MAX + 1];
	int minor; /* 8 … 15 */
};

/*
 * The interpreters of this machine, at most `max`, in the order tools/interpreters prints
 * them; PYMEMPROF_ONLY=substring keeps those whose name contains it. Returns how many.
 */
size_t pythons_find(size_t max, struct python *ret);

/*
 * Of those, the ones in a shared library, as a program that loads the library when it runs already
 * (tests/integration/embed.c, named by PYMEMPROF_EMBED): "embedded-3.12". Their thread-local
 * storage is no part of the static block.
 */
size_t pythons_embedded(size_t max, struct python *ret);

struct target {
	pid_t pid;
	int in, out; /* our ends: write commands, read answers */
	json_t *ready;
	char line[1 << 16];
	size_t have;
	char *big; /* an answer longer than `line` */
	char error[256];
};

struct target_options {
	const char *script;	   /* file name inside targets/ */
	const char *const *args;   /* NULL-terminated words after it, or NULL */
	const char *const *env;	   /* NULL-terminated NAME=value, added, or NULL */
	int stderr_fd;		   /* 0: to /dev/null unless PYMEMPROF_TEST_VERBOSE is set */
	bool no_wait;		   /* do not wait for READY */
};

/*
 * Start a target and wait for READY at most 30 s. The script is handed over as an open
 * descriptor, so an interpreter inside a chroot can run it. False: t->error says why, and
 * nothing is left running. It is killed when the calling thread dies.
 */
bool target_spawn(struct target *t, const struct python *py, const struct target_options *opt);

/* Send one line. Read one answer (owned by the caller). NULL or false: t->error says why. */
bool target_tell(struct target *t, const char *command);
json_t *target_hear(struct target *t, int timeout_ms);
json_t *target_ask(struct target *t, const char *command, int timeout_ms);

/* Close its input, wait for it to end, at most timeout_ms. Its wait status, or -1 after killing it. */
int target_end(struct target *t, int timeout_ms);

/* SIGKILL, reap, release. Accepts a zeroed target and one that has ended. */
void target_kill(struct target *t);

/* What /proc says of it. Text is owned by the caller; NULL when it is gone. */
char *target_proc(pid_t pid, const char *file);
long target_status(pid_t pid, const char *field); /* a number of /proc/PID/status; -1: none */

int64_t now_ms(void);
int64_t now_ns(void);

#endif
