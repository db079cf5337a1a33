/* SPDX-License-Identifier: MIT */
/*
 * The live view: what collects figures for it, what grants the wishes of keys, and the two ways
 * it is shown, on a terminal and as text. top_collect.c, top.c, top_loop.c.
 */
#ifndef PYMEMPROF_CLI_TOP_H
#define PYMEMPROF_CLI_TOP_H

#include "cli/command.h"
#include "cli/watch.h"
#include "report/tui/draw.h"

#define TOP_STOP_SHARE 0.01 /* of the target's time it may stand still for us */
#define TOP_CPU_SHARE 0.02  /* of one processor the walks may take */
#define TOP_FAST_SNAPSHOTS 5	/* at first they come as fast as the stops allow */
#define TOP_SNAPSHOT_MOST_NS UINT64_C(30000000000)

struct top_options {
	bool batch, changes; /* text instead of a screen; only lines that changed */
	uint64_t frames;     /* batch: how many; 0: without end */
	uint64_t interval_ns;
	double stop_share;
	bool ascii, mouse, exact, clipboard, read_only;
	unsigned pane;
	size_t top; /* batch: rows */
	const char *filter, *assume_layout;
};

struct top {
	struct cli *cli;
	struct top_options o;
	struct tui_subject subject;
	struct tui_state state;
	struct tui_rows rows;
	struct tui_grid grid;
	struct recording own[2]; /* of files and snapshots: shown, and being filled */
	bool made[2];
	unsigned current;
	struct fact_sink sinks[2];
	struct watch watch; /* a snapshot being taken; or, attached, the one of the session */
	struct watch *session; /* attached: not ours to release; NULL: not attached */
	const struct recording *live; /* attached: what it fills */
	pid_t pid;
	int pidfd; /* of the target; -1: a file */
	char *exe;
	uint64_t image; /* what the kernel told the program when it began: another after exec; 0: not known */
	bool until_end; /* attached: end with the session, without waiting for q */
	bool running;	/* watch is in use */
	uint64_t begun_ns, next_snapshot_ns, next_frame_ns, snapshot_begun_ns;
	bool first_failed;
	struct err first; /* why the first snapshot failed */
	bool again;	  /* the process is not the one that was asked for at first */
	bool changed; /* rows must be built anew */
};

void top_init(struct top *t, struct cli *cli, const struct top_options *o);
void top_deinit(struct top *t);

/* What is shown: a file, a process seen by snapshots, a session that runs in a helper. */
int top_open_file(struct top *t, const char *path, struct err *err) MUST_CHECK;
int top_open_pid(struct top *t, pid_t pid, struct err *err) MUST_CHECK;
int top_open_session(struct top *t, pid_t pid, struct watch *session, const struct recording *live,
		     struct err *err) MUST_CHECK;

/* Another process, or the same after exec, by snapshots; what was shown is forgotten unless this fails. */
int top_open_again(struct top *t, pid_t pid, struct err *err) MUST_CHECK;

/* Take in what has come, begin what is due. Errors: NOMEM, SYS. */
int top_collect(struct top *t, struct err *err) MUST_CHECK;
/* Nanoseconds of CLOCK_MONOTONIC at which it wants to be called next. */
uint64_t top_due_ns(const struct top *t);
void top_cancel(struct top *t);
uint64_t top_now_ns(void);

/* Build rows for the state and draw them into t->grid. */
int top_draw(struct top *t, struct err *err) MUST_CHECK;

/* Grant a wish that needs no terminal; says in state.message what came of it. */
int top_grant(struct top *t, enum tui_wish wish, struct err *err) MUST_CHECK;

/* Until q or a signal; text frames in batch mode. Returns an exit status. */
int top_screen(struct top *t, struct err *err) MUST_CHECK;
int top_batch(struct top *t, struct err *err) MUST_CHECK;

/* Is there a terminal to draw on? */
bool top_has_screen(void);

#endif
