/* SPDX-License-Identifier: MIT */
/*
 * Names of the system calls a thread may wait in, for people. Knows the architecture it was
 * built for, which is the target's too.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_SYSCALL_NAME_H
#define PYMEMPROF_TRACER_PROCESS_SYSCALL_NAME_H

#include <stdint.h>

/* "clock_nanosleep", or NULL for one that is not in the list. Static. */
const char *syscall_name(int64_t nr);

#endif
