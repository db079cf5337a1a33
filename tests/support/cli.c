/* SPDX-License-Identifier: MIT */
/*
 * Output goes to unlinked temporary files rather than pipes, so a run never waits for the
 * test to read and the test may look at what is there so far.
 */
#include "tests/support/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/sanitized.h"
#include "tests/support/target.h"

static char *slurp(int fd, size_t *ret_len)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return strdup("");
	char *text = malloc((size_t)st.st_size + 1);
	if (!text)
		return NULL;
	ssize_t n = pread(fd, text, (size_t)st.st_size, 0);
	text[n > 0 ? n : 0] = 0;
	if (ret_len)
		*ret_len = n > 0 ? (size_t)n : 0;
	return text;
}

bool cli_start(struct cli_job *job, const struct cli_options *opt, const char *const *args)
{
	const char *program = getenv("PYMEMPROF"), *check = getenv("PYMEMPROF_FD_CHECK");
	*job = (struct cli_job){ .out = memfd_create("out", MFD_CLOEXEC),
				 .err = memfd_create("err", MFD_CLOEXEC) };
	job->start_ns = now_ns();
	job->pid = program ? fork() : -1;
	if (job->pid != 0)
		return job->pid > 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(opt && opt->stdout_fd ? opt->stdout_fd : job->out, 1);
	dup2(job->err, 2);
	signal(SIGPIPE, SIG_DFL);
	if (opt && opt->uid &&
	    (setgroups(0, NULL) < 0 || setgid(opt->uid) < 0 || setuid(opt->uid) < 0))
		_exit(126);
	/* Who became somebody else may be unable to read our build. */
	if (check && !(opt && opt->uid))
		setenv("LD_PRELOAD", check, 1);
	const char *argv[32] = { program };
	for (int i = 0; args[i] && i < 30; i++)
		argv[i + 1] = args[i];
	execv(program, (char **)argv);
	_exit(127);
}

char *cli_text(const struct cli_job *job)
{
	return slurp(job->err, NULL);
}

/* A sanitized program is some times slower; limits are against hanging, not for measuring. */
static int64_t deadline(int timeout_ms)
{
	return now_ms() + (int64_t)timeout_ms * (SANITIZED ? 6 : 1);
}

int64_t cli_wait_text(struct cli_job *job, const char *text, int timeout_ms)
{
	int64_t end = deadline(timeout_ms);
	for (;;) {
		AUTO_FREE char *err = slurp(job->err, NULL);
		if (err && strstr(err, text))
			return now_ns() - job->start_ns;
		siginfo_t si = { 0 };
		bool over = waitid(P_PID, (id_t)job->pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 &&
			si.si_pid == job->pid;
		if (over || now_ms() > end)
			return -1;
		usleep(500);
	}
}

void cli_finish(struct cli_job *job, int sig, int timeout_ms, struct cli *ret)
{
	*ret = (struct cli){ .status = -1 };
	if (sig)
		kill(job->pid, sig);
	int64_t end = deadline(timeout_ms);
	int status = 0;
	struct rusage ru = { 0 };
	pid_t r;
	while ((r = wait4(job->pid, &status, WNOHANG, &ru)) == 0 && now_ms() < end)
		usleep(500);
	if (r == 0) {
		kill(job->pid, SIGKILL);
		wait4(job->pid, &status, 0, &ru);
	} else {
		ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	ret->ns = now_ns() - job->start_ns;
	ret->cpu_ns = ((int64_t)ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000000 +
		((int64_t)ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000;
	ret->out = slurp(job->out, &ret->out_len);
	ret->err = slurp(job->err, NULL);
	close(job->out);
	close(job->err);
	job->pid = 0;
}

void cli_run(struct cli *ret, int timeout_ms, const char *const *args)
{
	struct cli_job job;
	*ret = (struct cli){ .status = -1 };
	if (cli_start(&job, NULL, args))
		cli_finish(&job, 0, timeout_ms, ret);
}

json_t *cli_json(const struct cli *c)
{
	return c->out ? json_loadb(c->out, c->out_len, 0, NULL) : NULL;
}

void cli_done(struct cli *c)
{
	free(c->out);
	free(c->err);
	*c = (struct cli){ .status = -1 };
}
