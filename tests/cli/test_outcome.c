/* SPDX-License-Identifier: MIT */
#include "cli/outcome.h"

#include <criterion/criterion.h>
#include <string.h>

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
