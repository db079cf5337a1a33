/* SPDX-License-Identifier: MIT */
/*
 * What is known about the recording as a whole: the target, the sums, what it cost, how it
 * ended, and every note a reader must see before believing a figure.
 */
#ifndef PYMEMPROF_REPORT_MODEL_TOTALS_H
#define PYMEMPROF_REPORT_MODEL_TOTALS_H

#include "base/arena.h"
#include "base/vec.h"
#include "tracer/facts.h"

#define TOTALS_NOTES_MAX 64

struct totals_note {
	const char *code, *text; /* in the arena */
};

struct totals {
	struct arena arena;
	bool have_target, have_totals, have_cost, have_end;
	struct fact_target target; /* strings in the arena */
	struct fact_totals totals;
	struct fact_cost cost;
	enum fact_end end;
	struct VEC(struct totals_note) notes;
	uint64_t notes_dropped; /* beyond TOTALS_NOTES_MAX */
};

void totals_init(struct totals *t);
void totals_deinit(struct totals *t); /* accepts NULL and zeroed */

/* Facts. Errors: NOMEM. */
int totals_target(struct totals *t, const struct fact_target *f, struct err *err) MUST_CHECK;
int totals_totals(struct totals *t, const struct fact_totals *f, struct err *err) MUST_CHECK;
/* "clone", "stopped", "core"; "none" for what is no enum fact_pause. */
const char *totals_pause_name(uint32_t kind);

int totals_cost(struct totals *t, const struct fact_cost *f, struct err *err) MUST_CHECK;
int totals_note(struct totals *t, const struct fact_note *f, struct err *err) MUST_CHECK;
int totals_finish(struct totals *t, enum fact_end end, struct err *err) MUST_CHECK;

/* True when figures are estimates, to be marked with ~. */
bool totals_estimated(const struct totals *t);

/* Who asks: whoever reads figures, a gate that needs each exact, one that judges a snapshot too. */
enum totals_need { TOTALS_FIGURES, TOTALS_EXACT, TOTALS_HEAP };

/* What is missing from the recording for such a reader, in one sentence, borrowed; NULL: nothing. */
const char *totals_missing(const struct totals *t, enum totals_need need);

/* "detached", "exited", "execed", "stream-closed", "truncated". */
const char *totals_end_name(enum fact_end end);

#endif
