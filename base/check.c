/* SPDX-License-Identifier: MIT */
/*
 * Failed assertions: one line on standard error, the registered hook, abort. Uses no stdio
 * and no allocation, because either may be what is broken.
 */
#include "base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	check_hook_fn *hook;
	void *ctx;
} registered;

void check_set_hook(check_hook_fn *hook, void *ctx)
{
	registered.hook = NULL; /* a signal between the two stores must not mix old and new */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	registered.ctx = ctx;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	registered.hook = hook;
}

void check_run_hook(void)
{
	check_hook_fn *hook = registered.hook;

	registered.hook = NULL;
	if (hook)
		hook(registered.ctx);
}

static void say(const char *s)
{
	size_t left = strlen(s);

	while (left > 0) {
		ssize_t n = write(STDERR_FILENO, s, left);

		if (n <= 0)
			return;
		s += n;
		left -= (size_t)n;
	}
}

void check_failed(const char *what, const char *file, int line, const char *func)
{
	char digits[12];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + line % 10);
		line /= 10;
	} while (line > 0 && at > 0);
	/* The target first: saying something may block on a full terminal. */
	check_run_hook();
	say("pymemprof: bug: ");
	say(file);
	say(":");
	say(digits + at);
	say(": ");
	say(func);
	say(": ");
	say(what);
	say("\n");
	abort();
}
