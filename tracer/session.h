/* SPDX-License-Identifier: MIT */
/*
 * One recording from beginning to end: attach, let go, listen, detach. Pushes facts into any
 * number of sinks, in the order tracer/facts.h documents. Owns everything that is changed in the
 * target and puts it back, whatever ends the recording. Prints nothing.
 */
#ifndef PYMEMPROF_TRACER_SESSION_H
#define PYMEMPROF_TRACER_SESSION_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "tracer/facts.h"

struct session_options {
	uint64_t duration_ns;	    /* 0: until the target or the user ends it */
	uint64_t interval_ns;	    /* 0: 100 ms at first, longer as the recording grows */
	uint64_t sample_bytes;	    /* 0: exact */
	uint32_t window_slots;	    /* of the cancel window; power of two, 0: off */
	uint32_t window_max_bytes;
	uint32_t max_frames;
	uint32_t stall_limit_ms;
	bool drop_on_full;	    /* else the target waits for us, up to stall_limit_ms */
	bool past_final;	    /* record also what the interpreter does to take itself down */
	bool events;		    /* push every event too */
	bool snapshots;		    /* attach: of the heap, at the beginning and at the end */
	/*
	 * One more at the height, which is about so much; 0: none. The target is then kept in step with us, so that it
	 * is still near there when it is looked at: for its recorded calls it is some times slower.
	 */
	uint64_t snapshot_at_bytes;
	uint64_t live_max;	    /* most live blocks followed; 0: default */
	/* Not NULL: stacks are folded to places in own code, see sites_ways. */
	enum fact_part (*part)(const char *function, const char *file);
	const char *assume_layout;  /* "3.15" for an unknown version, or NULL */
};

struct session_options session_options_default(void);

/* Live figures, for a progress line or the TUI. */
struct session_progress {
	uint64_t elapsed_ns;
	uint64_t live_bytes, live_blocks, peak_bytes;
	uint64_t rss_bytes;
	uint64_t allocs, frees;	  /* calls the hooks have seen */
	uint64_t events, dropped; /* sent through the stream; lost */
	uint32_t sites;
};

/* The first word about events, at most a tenth of a second after the command if all goes well. */
struct session_verdict {
	bool events;		   /* they arrive; else nothing was allocated or freed so far */
	uint64_t since_command_ns; /* now, from the call of session_attach */
	uint64_t since_hook_ns;	   /* now, from the instant the hooks were live */
	const char *activity;	   /* not events: what the threads are doing (activity_text), or "" */
};

/* How the caller takes part. Zeroed is valid: no sinks, never interrupted. */
struct session_hooks {
	const struct fact_sink *const *sinks; /* borrowed, at most FANOUT_MAX */
	size_t nsinks;
	/* Not 0: detach and finish; set by a signal handler. Larger still: no last snapshot. */
	const volatile sig_atomic_t *stop;
	volatile sig_atomic_t *forward;	   /* run: a signal for the child; set back to 0 */
	volatile sig_atomic_t *snapshot;   /* attach: not 0: one more, now; set back to 0. May be NULL */
	int wake_fd;			   /* readable: look at stop at once; ≤ 0: none */
	void *ctx;
	/* Called after the attach and then every interval, at least four times a second. */
	void (*progress)(void *ctx, const struct session_progress *p);
	/* Called once hooks are live; text is like "CPython 3.12.1, pid 4711". May be NULL. */
	void (*attached)(void *ctx, const char *text);
	/* Called once after that, unless the recording ends before. May be NULL. */
	void (*verdict)(void *ctx, const struct session_verdict *v);
};

/* What is left in the target, found out after the detach. */
struct session_audit {
	bool done;	 /* false: the target was gone before */
	bool clean;	 /* nothing of us is left */
	bool agent_left; /* mapped but passing through; `why` says why */
	const char *why; /* static */
	uint32_t tries;
};

struct session_result {
	enum fact_end end;
	struct fact_cost cost;
	struct session_audit audit;
	bool has_status;
	int wait_status; /* run: as from wait(2) */
	int sink_failed; /* code of the first sink that failed; the others got everything */
	struct err sink_why;
};

/*
 * Record a running process until something ends it. On failure before the hooks are live
 * nothing is pushed but maybe notes, and the target is as before. Hints are those of
 * stop_attach, py_detect and inject_attach. A full disk or a closed output is not an error of
 * the session: see sink_failed. *ret is filled as far as things went, also on failure.
 */
int session_attach(pid_t pid, const struct session_options *options,
		   const struct session_hooks *hooks, struct session_result *ret,
		   struct err *err) MUST_CHECK;

/*
 * Start a program and record it from the entry point of its first image that is Python; its
 * descriptors 0, 1, 2 are ours. Returns when the program has ended (has_status, wait_status), also
 * when the recording ended earlier. Errors: as session_attach, and what exec said; a program
 * that never became Python is UNSUPPORTED hint "not-python", with has_status.
 */
int session_run(char *const argv[], const struct session_options *options,
		const struct session_hooks *hooks, struct session_result *ret,
		struct err *err) MUST_CHECK;

/*
 * Is there room for a recording in the process, next to limits of its own? session_attach and session_run ask themselves.
 * Errors: DENIED hint "target-limit".
 */
int session_room(pid_t pid, struct err *err) MUST_CHECK;

/* What session_clean found. */
struct session_clean {
	bool found; /* an agent whose tracer is gone */
	struct session_audit audit;
	uint64_t stop_ns;
	int copies; /* of the process, ended, that a killed snapshot had left for it to wait for */
};

/*
 * Remove the agents and the copies earlier tracers left behind. Nothing found is not an error. Errors:
 * DENIED hint "already-attached" (its tracer lives), else as session_attach.
 */
int session_clean(pid_t pid, struct session_clean *ret, struct err *err) MUST_CHECK;

#endif
