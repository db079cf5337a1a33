/* SPDX-License-Identifier: MIT */
/*
 * A failed assertion runs the registered hook once, then aborts.
 */
#include "base/check.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"

TestSuite(base_check, .timeout = 10);

static int calls;

static void count(void *ctx)
{
	calls += *(int *)ctx;
}

static void tell(void *ctx)
{
	(void)!write(*(int *)ctx, "undone", 6);
}

static void tell_and_fail(void *ctx)
{
	tell(ctx);
	CHECK(ctx == NULL);
}

Test(base_check, true_condition_does_nothing)
{
	CHECK(1 + 1 == 2);
}

Test(base_check, hook_runs_at_most_once)
{
	int step = 1;

	check_set_hook(count, &step);
	check_run_hook();
	check_run_hook();
	cr_assert_eq(calls, 1);
	check_set_hook(count, &step);
	check_set_hook(NULL, NULL);
	check_run_hook();
	cr_assert_eq(calls, 1);
}

/* Fail a check in a child with the given hook; returns what hook and message wrote. */
static void fail_in_child(check_hook_fn *hook, char *said, size_t size)
{
	int ends[2], status;
	size_t at = 0;
	ssize_t n;
	pid_t pid;

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		check_set_hook(hook, &ends[1]);
		CHECK(pid == 1);
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], said + at, size - 1 - at)) > 0)
		at += (size_t)n;
	said[at] = '\0';
	close(ends[0]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status), SIGABRT);
}

Test(base_check, failure_undoes_then_speaks_then_aborts)
{
	char said[512];

	fail_in_child(tell, said, sizeof(said));
	cr_assert_eq(strncmp(said, "undonepymemprof: bug: ", 22), 0, "%s", said);
	cr_assert(strstr(said, "pid == 1"));
	cr_assert(strstr(said, "test_check.c:"));
}

Test(base_check, failure_inside_the_hook_still_aborts)
{
	char said[512];

	fail_in_child(tell_and_fail, said, sizeof(said));
	cr_assert_eq(strncmp(said, "undone", 6), 0);
	cr_assert_null(strstr(said + 6, "undone"));
	cr_assert(strstr(said, "ctx == NULL"));
}
