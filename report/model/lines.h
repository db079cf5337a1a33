/* SPDX-License-Identifier: MIT */
/*
 * Stacks that end in the same line of the same function, taken together: what a summary has room
 * for. A recursion is as many stacks as it is deep, and one line.
 */
#ifndef PYMEMPROF_REPORT_MODEL_LINES_H
#define PYMEMPROF_REPORT_MODEL_LINES_H

#include "report/model/recording.h"

struct line {
	uint32_t stack;	 /* the one that counts most: by the metric, or by the most it ever held */
	uint32_t stacks; /* of this line, those that count at all */
	struct counters sum;
	enum growth_class class; /* leaking when any of them is suspected, else the stack's */
	uint64_t highest_bytes;	 /* most the stack ever held */
};

/*
 * All lines, by falling metric of the sum; ties as in sites_order. The recording must be concluded.
 * *ret has *ret_n entries; malloc'ed, the caller frees. Errors: NOMEM.
 */
int lines_by_metric(const struct recording *r, enum sites_metric metric, struct line **ret, size_t *ret_n,
		    struct err *err) MUST_CHECK;

/*
 * Those that grew and are not suspected, each class of a line by itself (stable, slowing, sawtooth), by
 * falling highest_bytes. Else as above.
 */
int lines_acquitted(const struct recording *r, struct line **ret, size_t *ret_n, struct err *err) MUST_CHECK;

#endif
