/* SPDX-License-Identifier: MIT */
#include "cli/outcome.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cli/command.h"

Test(cli_outcome, statuses_follow_the_manual)
{
	cr_assert_eq(outcome_status(ERR_USAGE), STATUS_USAGE);
	static const int failed[] = { ERR_NOMEM,       ERR_SYS,	   ERR_FAULT, ERR_CORRUPT,
				      ERR_UNSUPPORTED, ERR_DENIED, ERR_GONE,  ERR_INTERRUPTED };
	for (size_t i = 0; i < sizeof failed / sizeof *failed; i++)
		cr_assert_eq(outcome_status(failed[i]), STATUS_FAILED);
}

Test(cli_outcome, every_obstacle_of_an_attach_has_a_hint)
{
	static const char *const keys[] = { "yama",
					    "other-user",
					    "already-traced",
					    "user-namespace",
					    "not-dumpable",
					    "ptrace-denied",
					    "no-such-process",
					    "not-python",
					    "ran-no-python",
					    "free-threaded",
					    "debug-build",
					    "unknown-version",
					    "thread-does-not-stop",
					    "zombie",
					    "own-pid",
					    "kernel-thread",
					    "thread-not-process",
					    "already-attached",
					    "file-exists",
					    "disk-full",
					    "not-pmp",
					    "newer-file",
					    "output-closed" };
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *hint = outcome_hint(keys[i]);
		cr_assert(hint, "%s", keys[i]);
		cr_assert_null(strchr(hint, '\n'));
	}
	cr_assert_null(outcome_hint("no-such-key"));
	cr_assert_null(outcome_hint(NULL));
}

/* The page as one line of lower case with single spaces. */
static void read_page(char *page, size_t cap)
{
	AUTO_FCLOSE FILE *f = fopen(MAN_PAGE, "re");
	size_t n = 0;
	int c, before = ' ';
	cr_assert(f, "%s is missing", MAN_PAGE);
	while ((c = fgetc(f)) != EOF && n + 1 < cap) {
		c = isspace(c) ? ' ' : tolower(c);
		if (c != ' ' || before != ' ')
			page[n++] = (char)c;
		before = c;
	}
	page[n] = '\0';
}

Test(cli_outcome, every_hint_is_in_the_manual)
{
	static char page[1 << 16];
	read_page(page, sizeof page);
	for (size_t i = 0; outcome_key(i); i++) {
		char sentence[256] = "";
		const char *hint = outcome_hint(outcome_key(i));
		for (size_t k = 0; hint[k] && k + 1 < sizeof sentence; k++)
			sentence[k] = (char)tolower(hint[k]);
		cr_expect(strstr(page, sentence), "%s: not in DIAGNOSTICS: %s", outcome_key(i),
			  hint);
	}
}
