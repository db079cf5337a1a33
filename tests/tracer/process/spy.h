/* SPDX-License-Identifier: MIT */
/* Starts victims, watches them, and reads their memory the simplest way. */
#ifndef PYMEMPROF_TESTS_TRACER_PROCESS_SPY_H
#define PYMEMPROF_TESTS_TRACER_PROCESS_SPY_H

#include <stdbool.h>
#include <sys/types.h>

#include "tracer/mem/source.h"
#include "victim_page.h"

struct victim {
	pid_t pid;
	struct victim_page *page;
};

/* Start the victim program and wait until it is ready; fails the test when it does not get there. */
struct victim victim_start(const char *mode, const char *argument);

/* It still runs, every worker makes progress within 30 seconds, nothing went wrong. */
void victim_must_be_well(const struct victim *v);

/* Ask it to end (kill after a while), reap it and unmap the page. */
void victim_end(struct victim *v);

/* State letter of the process or thread in /proc. */
char victim_state(pid_t pid, pid_t tid);

unsigned long victim_beats(const struct victim *v);
void spy_sleep_us(unsigned us);

/* process_vm_readv and nothing else; caller frees with ops->free. */
struct mem_source *spy_memory(pid_t pid);

/* Skips the test when this machine does not let us trace a child. */
void spy_require_ptrace(void);

#endif
