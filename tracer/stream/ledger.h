/* SPDX-License-Identifier: MIT */
/*
 * The account of what a recording saw: live blocks by address, figures per site, the exact
 * value of every site at the global peak in one pass, changes per interval. Takes batches,
 * pushes facts. Refuses to know pipes, processes and files.
 */
#ifndef PYMEMPROF_TRACER_STREAM_LEDGER_H
#define PYMEMPROF_TRACER_STREAM_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/facts.h"
#include "tracer/stream/decode.h"
#include "tracer/stream/sites.h"

/*
 * Default for ledger_options.live_max: 2^27 live blocks take some 5 GiB of the tracer. Beyond
 * it new blocks are counted as untracked and nothing else; a note says so.
 */
#define LEDGER_LIVE_MAX (1ull << 27)

struct ledger_options {
	uint64_t live_max;     /* 0: LEDGER_LIVE_MAX */
	bool events;	       /* push every event as well */
	struct sites_ways sites;
	const double *ns_per_tick; /* of the cycle counter, may change; NULL: unknown */
};

/* What did not fit the account; all zero in a faultless recording. */
struct ledger_oddities {
	uint64_t bad_batches;	   /* a record made no sense; the rest of its batch was dropped */
	uint64_t replaced;	   /* allocated where a block was still believed alive */
	uint64_t untracked_blocks, untracked_bytes; /* live_max reached */
	uint64_t unfree_unknown;   /* a failed realloc of a block not freed lately */
};

struct ledger_live {
	uint64_t blocks, bytes; /* made since the attach and alive; estimates when sampled */
	uint64_t peak_bytes;
	uint64_t events; /* records taken, definitions left out */
	uint32_t sites;
};

struct ledger; /* opaque */

/* sink is borrowed and must outlive the ledger. The caller owns *ret: ledger_free. */
int ledger_new(const struct ledger_options *options, const struct fact_sink *sink,
	       struct ledger **ret, struct err *err) MUST_CHECK;
void ledger_free(struct ledger *l); /* accepts NULL */

/*
 * Account for one batch, happened at at_ns since start. Pushes thread, site and (when asked)
 * event facts. Bytes that make no sense are counted in the oddities, not reported as errors.
 * Errors: NOMEM, or what the sink returned.
 */
int ledger_apply(struct ledger *l, const struct decode_batch *batch, uint64_t at_ns,
		 struct err *err) MUST_CHECK;

/* Push what changed since the last call as one interval ending at to_ns. Errors as above. */
int ledger_interval(struct ledger *l, uint64_t to_ns, struct err *err) MUST_CHECK;

/* What the target waited, of the interval to come: see fact_interval. Adds up. */
void ledger_waited(struct ledger *l, uint64_t ns);

/*
 * The end: notes on oddities and limits, the last interval, then site_peak*, block* (ascending
 * by address) and totals. The ledger takes nothing afterwards.
 */
int ledger_finish(struct ledger *l, uint64_t duration_ns, struct err *err) MUST_CHECK;

/* Called once for each block alive, ascending by address. A negative return ends it. */
typedef int ledger_block_fn(void *ctx, const struct fact_block *f, struct err *err);
/* What is alive now. Errors: NOMEM, or what fn returned. */
int ledger_each_block(struct ledger *l, ledger_block_fn *fn, void *ctx, struct err *err) MUST_CHECK;

/* Site of the block alive at addr; 0: none is known there. */
uint32_t ledger_site_of(const struct ledger *l, uint64_t addr);

/* Number of a site that did not come through the stream; see sites_foreign. Nothing is counted. */
int64_t ledger_add_site(struct ledger *l, const struct fact_site *fact, struct err *err) MUST_CHECK;

struct ledger_live ledger_live(const struct ledger *l);
/* Blocks born so far, those that died young included; an estimate when sampled. */
uint64_t ledger_births(const struct ledger *l);
const struct ledger_oddities *ledger_oddities(const struct ledger *l);
const struct sites_limits_hit *ledger_limits_hit(const struct ledger *l);
/* Has the program done its work: was the interpreter about to take itself down? */
bool ledger_final(const struct ledger *l);
/* The hello of the stream, zero until it came. */
struct stream_hello ledger_hello(const struct ledger *l);

#endif
