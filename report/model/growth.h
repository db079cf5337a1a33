/* SPDX-License-Identifier: MIT */
/*
 * Does what this stack keeps grow without end? A series of live bytes per stack (and one for
 * everything), judged at the end. It must name what leaks and must not accuse what filled up
 * and stayed, what comes and goes, or what was seen for too short a time.
 *
 * Memory is bounded: a series has at most GROWTH_BUCKETS points; when recordings get long,
 * or stacks many, neighbouring points are merged for all series alike.
 */
#ifndef PYMEMPROF_REPORT_MODEL_GROWTH_H
#define PYMEMPROF_REPORT_MODEL_GROWTH_H

#include "base/arena.h"
#include "base/vec.h"
#include "report/model/stacks.h"
#include "tracer/facts.h"

#define GROWTH_BUCKETS 256
#define GROWTH_BUCKETS_MIN 32
#define GROWTH_POINTS_MAX ((size_t)4 << 20)

enum growth_class {
	GROWTH_FLAT,	 /* came at once, or is nothing; no trend */
	GROWTH_STABLE,	 /* grew, then stopped: a cache that filled, a warm-up */
	GROWTH_SLOWING,	 /* still grows, at less than half its earlier rate: a cache that fills */
	GROWTH_SAWTOOTH, /* comes and goes */
	GROWTH_LEAKING,	 /* grows as fast as ever, and what it made stays */
	GROWTH_SHORT,	 /* seen too short, or grown too few times, to tell */
};

enum growth_confidence { GROWTH_LOW, GROWTH_MEDIUM, GROWTH_HIGH };

struct growth_verdict {
	enum growth_class class;
	enum growth_confidence confidence;
	uint32_t samples;    /* intervals with any activity since the stack was first seen */
	uint32_t grew, fell; /* of those: live bytes rose, sank */
	uint64_t first_ns, last_growth_ns, last_fall_ns; /* since start; last_fall_ns 0: never */
	uint64_t settled_ns; /* last step above the noise: since then it is where it is */
	uint64_t end_ns;     /* of the recording */
	uint64_t live_bytes, highest_bytes;
	uint64_t live_blocks;	  /* cancelled ones left out; an estimate when sampled */
	double slope_bytes_per_s; /* Theil–Sen: median of the slopes between all pairs of points */
	double r2;		  /* of that line; 0 when it explains nothing */
	uint64_t
		oldest_block_ns; /* birth of the oldest block still alive; UINT64_MAX: none known */
	double surviving; /* share of the blocks that outlived the cancel window and still live */
};

struct growth_point {
	uint32_t bucket;
	int64_t live_bytes; /* at the end of the bucket */
};

struct growth_series {
	struct growth_point
		*points; /* in the arena; buckets without a point repeat the one before */
	uint32_t len, cap;
	uint32_t first_sample; /* active intervals before this stack's first */
	uint32_t grew, fell;
	int64_t live_bytes, highest_bytes;
	uint64_t first_ns, last_growth_ns, last_fall_ns, oldest_block_ns;
	uint64_t born_blocks, dead_blocks; /* cancelled ones left out */
	int64_t pending;		   /* net change inside the interval being read */
	bool touched;
};

struct growth_bucket {
	uint64_t end_ns;
	uint64_t waited_ns; /* see fact_interval */
	uint64_t activity; /* blocks made and freed in it */
};

struct growth {
	const struct stacks *stacks;
	struct arena arena;
	struct VEC(struct growth_series) series; /* by stack */
	struct growth_series all;
	struct VEC(struct growth_bucket) buckets;
	struct VEC(uint32_t) touched;
	uint64_t intervals; /* read so far; bucket = interval >> shift */
	uint32_t active_intervals;
	unsigned shift, limit;
	size_t points;
	uint64_t end_ns;
	bool sampled;
};

void growth_init(struct growth *g, const struct stacks *stacks);
void growth_deinit(struct growth *g); /* accepts NULL and zeroed */

/* Facts. Errors: CORRUPT (unknown site), NOMEM. */
int growth_interval(struct growth *g, const struct fact_interval *f, struct err *err) MUST_CHECK;
int growth_block(struct growth *g, const struct fact_block *f, struct err *err) MUST_CHECK;

/* Judge one stack, or everything together. Pure: may be asked at any time. */
struct growth_verdict growth_judge(const struct growth *g, uint32_t stack);
struct growth_verdict growth_judge_all(const struct growth *g);

/*
 * Up to n points of equal distance in time, live bytes at each, for a sparkline. Returns how
 * many were written (0 when nothing was recorded).
 */
size_t growth_curve(const struct growth *g, uint32_t stack, uint64_t *ret_bytes, size_t n);

/* "leaking", "stable" …; "high" …. */
const char *growth_class_name(enum growth_class c);
const char *growth_confidence_name(enum growth_confidence c);

#define GROWTH_REASON_MAX 240

/* The verdict in words, one line: "grew in 118 of 118 samples, never fell; …". */
const char *growth_reason(const struct growth_verdict *v, char buf[GROWTH_REASON_MAX]);

#endif
