/* SPDX-License-Identifier: MIT */
/*
 * Recording a program from its first instruction: it is held at the entry point of each image
 * it executes, until one of them is Python; the agent goes in before Py_Initialize.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/own.h"
#include "tracer/process/spawn.h"
#include "tracer/session_private.h"

#define AWAIT_SLICE_MS 100 /* a signal to pass on waits at most that long */

static void spawn_free_p(struct spawn **s)
{
	spawn_free(*s);
}

static bool stop_asked(void *ctx)
{
	struct session *s = ctx;
	volatile sig_atomic_t *f = s->hooks->forward;

	if (f && *f) {
		(void)kill(s->pid, *f);
		*f = 0;
	}
	return session_stop_asked(s);
}

/* Run to the entry point of an image that is Python. 1: there it is; 0: it ended before. */
static int find_python(struct session *s, struct spawn *spawn, struct err *err)
{
	for (;;) {
		struct err why = ERR_INIT;
		int status, r = spawn_next(spawn, stop_asked, s, &status, err);

		if (r < 0)
			return r;
		if (r == SPAWN_EXITED) {
			s->result->has_status = true;
			s->result->wait_status = status;
			return 0;
		}
		/* From the image's start: what a shell did before is nobody's cost. */
		s->begun_ns = clock_monotonic_ns();
		r = session_identify(s, &why);
		if (r == 0)
			return 1;
		if (!why.hint || strcmp(why.hint, "not-python") != 0) {
			if (err)
				*err = why;
			return r;
		}
	}
}

/* The program's end, whenever it comes; signals are passed on meanwhile. */
static int await_child(struct session *s, struct err *err)
{
	struct session_result *result = s->result;

	while (!result->has_status) {
		struct pollfd p = { .fd = s->pidfd, .events = POLLIN };

		(void)stop_asked(s);
		(void)poll(&p, 1, AWAIT_SLICE_MS);
		pid_t pid = waitpid(s->pid, &result->wait_status, __WALL | WNOHANG);
		if (pid == s->pid)
			result->has_status = true;
		else if (pid < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for process %d", (int)s->pid);
	}
	return 0;
}

static int hook_at_entry(struct session *s, struct spawn *spawn, struct err *err)
{
	int r = spawn_release(spawn, true, err);

	if (r < 0)
		return r;
	r = session_hook(s, err);
	(void)kill(s->pid, r < 0 ? SIGKILL : SIGCONT);
	return r;
}

int session_run(char *const argv[], const struct session_options *options,
		const struct session_hooks *hooks, struct session_result *ret, struct err *err)
{
	AUTO(session_deinit) struct session s = { .pidfd = -1 };
	AUTO(spawn_free_p) struct spawn *spawn = NULL;

	*ret = (struct session_result){ 0 };
	int r = session_init(&s, 0, options, hooks, ret, err);
	if (r == 0)
		r = spawn_start(argv, &spawn, err);
	if (r < 0)
		return r;
	s.pid = spawn_pid(spawn);
	s.from_start = true;
	r = find_python(&s, spawn, err);
	if (r < 0)
		return r;
	if (r == 0)
		return err_hint(err, err_set(err, ERR_UNSUPPORTED, "%s: never ran Python", argv[0]),
				"ran-no-python");
	r = hook_at_entry(&s, spawn, err);
	if (r == 0)
		r = session_record(&s, err);
	int waited = await_child(&s, r < 0 ? NULL : err);
	return r < 0 ? r : waited;
}
