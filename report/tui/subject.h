/* SPDX-License-Identifier: MIT */
/*
 * What is looked at: a recording (finished, or still growing) or snapshots of a process one
 * after the other; figures of now, of any kept instant before, and of the marks between which
 * growth is told. Knows no keys and no screen.
 */
#ifndef PYMEMPROF_REPORT_TUI_SUBJECT_H
#define PYMEMPROF_REPORT_TUI_SUBJECT_H

#include "report/model/recording.h"

enum tui_kind {
	TUI_FILE,      /* concluded */
	TUI_RECORDING, /* facts are still coming */
	TUI_SNAPSHOTS, /* each one a recording of its own; the newest is in r */
};

/* key: a stack, or tui_type_key of a type. */
struct tui_counted {
	uint64_t key, bytes, blocks;
};

/* Figures of one instant. */
struct tui_capture {
	char letter;	  /* of a mark; 0: the start, or none */
	uint64_t at_ns;	  /* since the recording, or the looking, began */
	uint64_t unix_ns; /* 0: not known */
	bool blocks_known;
	uint64_t rss_bytes, live_bytes; /* rss 0: not known */
	size_t n;
	struct tui_counted *rows; /* by key; owned */
};

#define TUI_MARKS_MAX 9
#define TUI_KEPT_MAX 64
#define TUI_NO_TYPE UINT32_MAX

/* What is known about one stack beyond its counts. */
struct tui_stack {
	uint32_t suspect; /* 1 …; 0: none */
	uint32_t leak;	  /* index into r->leaks.rows, or UINT32_MAX */
	uint32_t type;	  /* most of its bytes by the last snapshot; 0: not known */
	bool judged, leaking;
	double slope; /* bytes per second; of judged ones */
};

struct tui_subject {
	enum tui_kind kind;
	const struct recording *r; /* borrowed; NULL: nothing yet */
	const char *file;	   /* NULL: a process */
	int pid;
	/* Told by whoever collects: */
	uint64_t now_unix_ns, now_ns, interval_ns;
	uint64_t rss_bytes;	      /* of a process, newer than the last snapshot; 0: none */
	uint64_t limit_bytes;	      /* of the control group that has the least room; 0: none */
	uint64_t pause_ns, pause_max_ns; /* last and longest stop of the target */
	uint64_t taken, asked;
	bool walking, stopped; /* a snapshot is being taken; somebody has stopped the target */
	char gone[160]; /* why there is nothing new any more; "" while there is */
	/* Made by tui_refresh: */
	struct tui_capture now; /* of the step asked for */
	struct tui_stack *stacks;
	size_t nstacks;
	struct tui_capture marks[TUI_MARKS_MAX + 1]; /* [0]: the start */
	size_t nmarks;				     /* at least 1 after the first refresh */
	struct tui_capture kept[TUI_KEPT_MAX];	     /* TUI_SNAPSHOTS: oldest first */
	size_t nkept;
	size_t steps; /* kept instants there are to go back to */
	size_t judge_next;
};

/* A zeroed subject becomes that of a recording that was read and concluded. */
void tui_subject_of_file(struct tui_subject *s, const struct recording *r);

void tui_subject_deinit(struct tui_subject *s); /* accepts NULL and zeroed; not r */

/*
 * r was filled further or replaced: make the figures of `step` instants before the newest (0:
 * the newest; more than there are: the oldest). Errors: NOMEM.
 */
int tui_refresh(struct tui_subject *s, size_t step, struct err *err) MUST_CHECK;

/* TUI_SNAPSHOTS: r holds a new snapshot; keep its figures. Errors: NOMEM. */
int tui_keep(struct tui_subject *s, struct err *err) MUST_CHECK;

/* Make a mark of what `now` shows; the oldest goes when there are too many. Errors: NOMEM. */
int tui_mark(struct tui_subject *s, struct err *err) MUST_CHECK;

/* The row of a key, or NULL. */
const struct tui_counted *tui_counted_of(const struct tui_capture *c, uint64_t key);

/* Live bytes of one stack `window_ns` before `now`, from its series; types: from kept snapshots. */
double tui_rate(const struct tui_subject *s, uint64_t key);

uint64_t tui_type_key(const struct fact_heap_type *t);

/* The newest snapshot not after the instant shown, or NULL. */
const struct heap_model *tui_heap(const struct tui_subject *s);

/* The walk looked at is older than what is shown beside it; when, for tui_clock. */
bool tui_heap_is_older(const struct tui_subject *s, uint64_t *ret_unix_ns);

/* Rows are stacks, not types. */
bool tui_by_stack(const struct tui_subject *s);

#endif
