/* SPDX-License-Identifier: MIT */
/*
 * Running the binary through the shell: status and the beginning of what it wrote. Knows
 * nothing but text.
 */
#ifndef PYMEMPROF_TESTS_CLI_SHELL_H
#define PYMEMPROF_TESTS_CLI_SHELL_H

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

struct shell {
	int status; /* exit status, or -1 when it was killed */
	char text[1 << 16];
};

/* "$P" in the command is the binary; standard error and output are both captured. */
static inline void __attribute__((format(printf, 2, 3)))
shell(struct shell *ret, const char *fmt, ...)
{
	char line[2048], command[4096];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	snprintf(
		command, sizeof command,
		"P='%s'; unset NO_COLOR CLICOLOR_FORCE COLUMNS; LC_ALL=C; export LC_ALL; exec 2>&1; %s",
		PYMEMPROF, line);
	FILE *f = popen(command, "re");
	cr_assert(f);
	size_t n = fread(ret->text, 1, sizeof ret->text - 1, f);
	ret->text[n] = '\0';
	char rest[4096];
	while (fread(rest, 1, sizeof rest, f) > 0)
		;
	int status = pclose(f);
	ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline int count_lines(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

#endif
