/* SPDX-License-Identifier: MIT */
/*
 * Programs held at their entry points: shells that execute shells, programs that do not exist.
 */
#include "tracer/process/spawn.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(tracer_process_spawn, .timeout = 20);

static struct spawn *start(const char *script)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };
	struct spawn *s;
	struct err err = ERR_INIT;

	if (spawn_start(argv, &s, &err) < 0) {
		if (err.code == ERR_DENIED)
			cr_skip_test("no ptrace here");
		cr_assert_fail("%s", err.text);
	}
	return s;
}

/* Run to the end: number of entry points seen. */
static int run_out(struct spawn *s, int *ret_status)
{
	int entries = 0, r;

	while ((r = spawn_next(s, NULL, NULL, ret_status, NULL)) == SPAWN_AT_ENTRY)
		entries++;
	cr_assert_eq(r, SPAWN_EXITED);
	return entries;
}

Test(tracer_process_spawn, each_image_is_held_once_and_the_status_comes_back)
{
	int status;
	struct spawn *s = start("exec sh -c 'exec sh -c \"exit 7\"'");

	cr_assert_eq(run_out(s, &status), 3);
	cr_assert(WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 7);
	spawn_free(s);
}

Test(tracer_process_spawn, signals_reach_the_program)
{
	int status;
	struct spawn *s = start("trap 'exit 5' USR1; kill -USR1 $$; exit 6");

	cr_assert_eq(run_out(s, &status), 1);
	cr_assert_eq(WEXITSTATUS(status), 5);
	spawn_free(s);
	s = start("kill -KILL $$");
	cr_assert_eq(run_out(s, &status), 1);
	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status), SIGKILL);
	spawn_free(s);
}

Test(tracer_process_spawn, what_exec_says_is_the_error)
{
	char *missing[] = { "/nonexistent/program", NULL };
	char *no_program[] = { "/", NULL };
	struct spawn *s;
	struct err err = ERR_INIT;

	cr_assert_eq(spawn_start(missing, &s, &err), ERR_SYS);
	cr_assert_eq(err.sys, ENOENT);
	cr_assert_str_eq(err.hint, "no-such-program");
	cr_assert_eq(spawn_start(no_program, &s, &err), ERR_DENIED);
	cr_assert_eq(err.sys, EACCES);
}

Test(tracer_process_spawn, a_released_program_is_held_until_continued)
{
	int status;
	struct spawn *s = start("exit 3");
	pid_t pid = spawn_pid(s);

	cr_assert_eq(spawn_next(s, NULL, NULL, &status, NULL), SPAWN_AT_ENTRY);
	cr_assert_eq(spawn_release(s, true, NULL), 0);
	cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
	cr_assert(WIFSTOPPED(status));
	cr_assert_eq(kill(pid, SIGCONT), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(WEXITSTATUS(status), 3);
	spawn_free(s);
}

Test(tracer_process_spawn, a_program_given_up_never_runs)
{
	int status, fd[2];
	char byte, script[64];

	cr_assert_eq(pipe(fd), 0);
	snprintf(script, sizeof script, "echo ran >&%d", fd[1]);
	struct spawn *s = start(script);
	cr_assert_eq(spawn_next(s, NULL, NULL, &status, NULL), SPAWN_AT_ENTRY);
	pid_t pid = spawn_pid(s);
	spawn_free(s);
	cr_assert_eq(kill(pid, 0), -1);
	close(fd[1]);
	cr_assert_eq(read(fd[0], &byte, 1), 0);
	close(fd[0]);
	spawn_free(NULL);
}

static bool at_once(void *ctx)
{
	int *asked = ctx;

	return ++*asked == 2;
}

Test(tracer_process_spawn, the_caller_may_stop_waiting_and_wait_again)
{
	int status, asked = 0;
	struct spawn *s = start("sleep 1; exit 4");

	cr_assert_eq(spawn_next(s, NULL, NULL, &status, NULL), SPAWN_AT_ENTRY);
	cr_assert_eq(spawn_next(s, at_once, &asked, &status, NULL), ERR_INTERRUPTED);
	cr_assert_eq(run_out(s, &status), 0);
	cr_assert_eq(WEXITSTATUS(status), 4);
	spawn_free(s);
}
