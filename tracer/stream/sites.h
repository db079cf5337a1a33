/* SPDX-License-Identifier: MIT */
/*
 * What the agent's serials mean: code objects, threads, stacks. A site is canonical by the
 * content of its whole stack and its thread, so one place stays one site when the agent
 * forgets it and sends it again under another serial. New threads and sites are pushed into
 * the sink the moment they are defined. Refuses to know how much was allocated there.
 */
#ifndef PYMEMPROF_TRACER_STREAM_SITES_H
#define PYMEMPROF_TRACER_STREAM_SITES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/facts.h"
#include "tracer/stream/decode.h"

/* Bounds on what a target can make us keep. Reaching one is counted, never fatal. */
#define SITES_MAX ((1u << 22) - 2)	       /* canonical sites */
#define SITES_WHOLE_MAX (1u << 18)	       /* of whole stacks; see sites_ways.whole_max */
#define SITES_CUT_FRAMES 16
#define SITES_SERIAL_MAX (1u << 24)	       /* agent's serials of stacks */
#define SITES_CODES_MAX (1u << 22)	       /* agent's serials of code objects */
#define SITES_THREADS_MAX (1u << 16)	       /* agent's serials of threads */
#define SITES_THREADS_TOLD 256		       /* apart: a server with a thread for each request has the same stacks in all */
#define SITES_STRING_BYTES_MAX (256u << 20)    /* names and files, together */

struct sites_limits_hit {
	uint64_t sites, codes, threads, strings;
	uint64_t cut; /* stacks of which only the innermost frames were kept */
	uint64_t undefined; /* records naming a serial nobody defined */
};

/* Optional: name of a thread of the target. Leaves buf alone when it has none. */
struct sites_namer {
	void *ctx;
	void (*name)(void *ctx, uint32_t tid, char *buf, size_t n);
};

/* How stacks become sites. Zeroed: whole ones, by thread. */
struct sites_ways {
	struct sites_namer namer;
	/*
	 * Not NULL: of a stack only the innermost function of own code, the nearest other one that
	 * called it, and one frame of an import are kept, and no thread. A few thousand sites are
	 * left of millions, and what tests_whose said of the whole stack is still told apart.
	 */
	enum fact_part (*part)(const char *function, const char *file);
	/* So many sites with whole stacks; of what is new beyond, the innermost frames. 0: SITES_WHOLE_MAX */
	uint32_t whole_max;
};

struct sites {
	uint32_t *by_serial; /* agent's serial → site, 0: undefined */
	size_t nserials;
	uint32_t count; /* sites are 1 … count */
	uint32_t nobody; /* the site of what cannot be attributed; 0: not needed yet */
	unsigned whose; /* of the site being pushed: what tests_whose said */
	struct sites_limits_hit hit;
	struct sites_private *p;
};

/* sink is borrowed and must outlive it. The caller owns *ret: sites_free. */
int sites_new(const struct fact_sink *sink, const struct sites_ways *ways, struct sites **ret,
	      struct err *err) MUST_CHECK;
void sites_free(struct sites *s); /* accepts NULL */

/*
 * Take one STREAM_CODE, STACK, THREAD or RESET record. Returns 0; 1 when the record makes no
 * sense (the batch is bad); NOMEM; or what the sink returned.
 */
int sites_meta(struct sites *s, const struct record *r, struct err *err) MUST_CHECK;

/* The site of an undefined serial (cold path of sites_of). Returns its number or a code. */
int64_t sites_unknown(struct sites *s, struct err *err) MUST_CHECK;

/*
 * A site somebody else knows: the same frames give the same number. fact->thread is 0, its
 * number is ignored. Returns the number, 0 when there are too many sites, or a code.
 */
int64_t sites_foreign(struct sites *s, const struct fact_site *fact, struct err *err) MUST_CHECK;

/* Site of an agent's serial, 0: undefined. */
static inline uint32_t sites_of(const struct sites *s, uint32_t serial)
{
	return serial < s->nserials ? s->by_serial[serial] : 0;
}

#endif
