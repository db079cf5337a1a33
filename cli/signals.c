/* SPDX-License-Identifier: MIT */
/* Handlers set a flag and wake the poll loop through a pipe; nothing else happens in them. */
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Written by signal handlers only. */
static volatile sig_atomic_t stop_asked, forward_signal;
static int wake_write = -1;

static void wake(void)
{
	int saved = errno;
	ssize_t n = write(wake_write, "", 1);
	(void)n;
	errno = saved;
}

static void on_stop(int sig)
{
	(void)sig;
	if (stop_asked < 100)
		stop_asked = stop_asked + 1; /* a second one is stronger */
	wake();
}

static void on_forward(int sig)
{
	forward_signal = sig;
	wake();
}

static void on_nothing(int sig)
{
	(void)sig;
}

static const int handled[4] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

int signals_catch(struct signals *s, bool running, struct err *err)
{
	if (pipe2(s->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, errno, "cannot create a pipe");
	stop_asked = forward_signal = 0;
	s->stop = &stop_asked;
	s->forward = &forward_signal;
	wake_write = s->pipe[1];
	for (size_t i = 0; i < 4; i++) {
		bool from_terminal = handled[i] == SIGINT || handled[i] == SIGQUIT;
		struct sigaction a = { .sa_handler = !running	   ? on_stop :
						     from_terminal ? on_nothing :
								     on_forward };
		sigaction(handled[i], NULL, &s->before[i]);
		bool leave =
			(!running && handled[i] == SIGQUIT) || s->before[i].sa_handler == SIG_IGN;
		if (!leave)
			sigaction(handled[i], &a, NULL);
	}
	return 0;
}

void signals_release(struct signals *s)
{
	for (size_t i = 0; i < 4; i++)
		sigaction(handled[i], &s->before[i], NULL);
	wake_write = -1;
	close(s->pipe[0]);
	close(s->pipe[1]);
}
