/* SPDX-License-Identifier: MIT */
/*
 * Resident memory that grew beside what was recorded: what C code allocates for itself is in no line of Python,
 * but in RSS, and in the ledgers of the snapshots at both ends.
 */
#ifndef PYMEMPROF_REPORT_MODEL_OUTSIDE_H
#define PYMEMPROF_REPORT_MODEL_OUTSIDE_H

#include "report/model/recording.h"

struct outside_growth {
	double rss_per_s, python_per_s; /* bytes per second, of the whole recording */
	const char *where;    /* the line of the ledger that grew most, borrowed; NULL: no two snapshots */
	uint64_t where_bytes; /* by how much */
};

/*
 * Has RSS grown steadily (in every quarter of the time), by 4 MiB or more than live Python memory did, and is that
 * a third of its growth or more? False for a recording that is too short to tell.
 */
bool outside_growth(const struct recording *r, struct outside_growth *ret);

/* "resident memory grew by …: …" into buf, always terminated. */
void outside_say(const struct outside_growth *o, char *buf, size_t size);

#endif
