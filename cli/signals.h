/* SPDX-License-Identifier: MIT */
/* The signals that end a recording or belong to the program that is recorded. */
#ifndef PYMEMPROF_CLI_SIGNALS_H
#define PYMEMPROF_CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

#include "base/err.h"

struct signals {
	int pipe[2]; /* pipe[0] is readable when a signal has come */
	const volatile sig_atomic_t *stop;
	volatile sig_atomic_t *forward;
	struct sigaction before[4];
};

/*
 * attach: INT, TERM and HUP end the recording. running a program: the terminal sends INT and
 * QUIT to the program itself; TERM and HUP meant for us are passed on to it. One at a time.
 * Errors: SYS.
 */
int signals_catch(struct signals *s, bool running, struct err *err) MUST_CHECK;
void signals_release(struct signals *s);

#endif
