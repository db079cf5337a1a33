/* SPDX-License-Identifier: MIT */
/*
 * A process held by descriptor: it becomes readable when the process exits and never means
 * another process that got the same number (Linux 5.3; pidfd_getfd 5.6).
 */
#ifndef PYMEMPROF_TRACER_PROCESS_PIDFD_H
#define PYMEMPROF_TRACER_PROCESS_PIDFD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Close-on-exec descriptor of pid; caller closes. Errors: GONE, UNSUPPORTED (old kernel), SYS. */
int pidfd_of(pid_t pid, int *ret_fd, struct err *err) MUST_CHECK;

/* Whether the process behind pidfd has exited (a zombie counts as exited). */
bool pidfd_exited(int pidfd);

/*
 * Take a duplicate of the target's descriptor target_fd, close-on-exec; caller closes. pidfd may
 * be -1. Falls back to opening /proc/PID/fd/N with open_flags (O_RDONLY, O_WRONLY …), which
 * works for pipes and files. Needs ptrace permission. Errors: DENIED, GONE, SYS.
 */
int pidfd_take(int pidfd, pid_t pid, int target_fd, int open_flags, int *ret_fd,
	       struct err *err) MUST_CHECK;

#endif
