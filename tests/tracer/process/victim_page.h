/* SPDX-License-Identifier: MIT */
/* The page a victim shares with the test that torments it: what it does and what went wrong. */
#ifndef PYMEMPROF_TESTS_TRACER_PROCESS_VICTIM_PAGE_H
#define PYMEMPROF_TESTS_TRACER_PROCESS_VICTIM_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

#define VICTIM_WORKERS 8

struct victim_page {
	atomic_uint ready;
	atomic_uint stop;	  /* the test wants the victim to end */
	atomic_ulong beats[VICTIM_WORKERS]; /* rounds done, each checked */
	atomic_ulong errors;	  /* rounds that went wrong */
	atomic_uint error_line;	  /* of the first, in victim.c */
	atomic_long error_value;
	atomic_ulong interrupted; /* EINTR where nobody sent a signal */
	atomic_ulong ticks;	  /* timer signals handled */
	atomic_ulong queued;	  /* queued signals handled */
	atomic_ulong sleep_ns;	  /* duration of the last sleep, mode "sleeper" */
	atomic_long sleep_result;
	atomic_ulong epoll_interrupted;
	atomic_uint fork_asked;	  /* mode "copies": make a copy that ends at once, and say how long that took */
	atomic_ulong fork_ns;
	atomic_ulong gap_ns;	  /* the longest between two rounds so far, mode "copies" */
	atomic_uint copies[64];	  /* pids seen running the main loop, mode "copies" */
};

#endif
