/* SPDX-License-Identifier: MIT */
/*
 * The course of the recording: live bytes, RSS, bytes made and freed, over at most
 * TIMELINE_MAX equal slices of time. Slices double in width as the recording gets longer.
 */
#ifndef PYMEMPROF_REPORT_MODEL_TIMELINE_H
#define PYMEMPROF_REPORT_MODEL_TIMELINE_H

#include "base/vec.h"
#include "tracer/facts.h"

#define TIMELINE_MAX 480
#define TIMELINE_FIRST_NS UINT64_C(50000000)

struct timeline_slice {
	uint64_t at_ns; /* of the newest fact in it; 0: nothing fell into this slice */
	uint64_t alloc_blocks, alloc_bytes, free_blocks, free_bytes, temp_blocks, temp_bytes;
	uint64_t live_bytes;		   /* at at_ns */
	uint64_t rss_bytes, rss_max_bytes; /* 0: never read in this slice */
	uint64_t foreign_frees; /* so far: calls that freed what was never seen made; see below */
};

struct timeline {
	struct VEC(struct timeline_slice) slices; /* slice = time / width_ns */
	uint64_t width_ns;
	uint64_t live_bytes;
	uint64_t rss_first_bytes, rss_last_bytes, rss_max_bytes; /* 0: never read */
	uint64_t rss_first_ns, rss_last_ns;
	uint64_t ticks, end_ns;
};

void timeline_init(struct timeline *t);
void timeline_deinit(struct timeline *t); /* accepts NULL and zeroed */

/* Facts. Errors: NOMEM. */
int timeline_interval(struct timeline *t, const struct fact_interval *f,
		      struct err *err) MUST_CHECK;
/* The kernel's high-water mark: ticks may have missed it. 0: unknown. */
void timeline_rss_peak(struct timeline *t, uint64_t bytes);
int timeline_tick(struct timeline *t, const struct fact_tick *f, struct err *err) MUST_CHECK;

/*
 * Frees of blocks from before the attach up to a time, from the ticks: frees - (allocations -
 * live). Blocks waiting in the agent's window are not in it: at most 2048 too few.
 */
uint64_t timeline_foreign_frees(const struct timeline *t, uint64_t at_ns);

/*
 * n values spread evenly over the recording, for a sparkline: live bytes, or RSS. Slices
 * without a fact repeat the one before. Returns how many were written.
 */
size_t timeline_curve(const struct timeline *t, bool rss, uint64_t *ret, size_t n);

#endif
