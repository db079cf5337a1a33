/* SPDX-License-Identifier: MIT */
/*
 * The waist. tracer/ pushes plain facts into a sink; report/ implements sinks. A live
 * recording and a saved .pmp file push the same facts in the same order:
 *
 *   target, then any mix of { thread, site, interval, tick, note }, then at the end
 *   { site_peak }*, { block }*, { test }*, totals, cost, finish
 *
 * Addresses are identities and are never followed. Pointers inside a fact are valid during
 * the call only; a sink copies what it keeps. Strings are UTF-8 made valid by the tracer
 * (U+FFFD for what was not), NUL-terminated, unescaped: escaping is report/view/escape's job.
 */
#ifndef PYMEMPROF_TRACER_FACTS_H
#define PYMEMPROF_TRACER_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/graph_facts.h"
#include "tracer/heap_facts.h"
#include "tracer/test_facts.h"

struct fact_target {
	int32_t pid;
	const char *python_version; /* "3.12.1" */
	const char *implementation; /* "CPython" */
	const char *executable;	    /* basename of the program file; never argv */
	const char *arch;	    /* "x86_64", "aarch64" */
	uint32_t word_bytes;
	uint64_t start_unix_ns;	 /* CLOCK_REALTIME when recording began */
	uint64_t sample_bytes;	 /* 0: exact; else every figure is an estimate (~) */
	uint32_t window_slots;	 /* of the cancel window; 0: none */
	bool tracemalloc_on;
	bool from_start;	 /* `run`: nothing is older than the recording */
};

struct fact_thread {
	uint32_t thread; /* 1, 2, … ; 0 is "a thread without a Python thread state" */
	uint32_t tid;
	uint64_t tstate_id;
	const char *name; /* comm of the thread or "" */
};

struct fact_frame {
	const char *function; /* qualified name (co_qualname from 3.11 on, co_name before) */
	const char *file;
	uint32_t line; /* 0: unknown */
	uint32_t first_line; /* of the function */
};

/* A site: one whole Python stack in one thread. ids are dense from 1; defined before use. */
struct fact_site {
	uint32_t site;
	uint32_t thread;
	uint32_t nframes;	 /* 0: no Python stack (start-up, threads without the GIL) */
	bool truncated;		 /* outermost frames are missing */
	const struct fact_frame *frames; /* innermost first */
};

/* Whose code a function is, to somebody who only wants to know where in his own code he is. */
enum fact_part {
	FACT_PART_OTHER = 0,
	FACT_PART_OWN = 1,
	FACT_PART_OF_OWN = 2, /* own, and spoken of as part of the function around it */
};

/* What happened at one site during one interval. Counts are exact, or weighted when sampled. */
struct fact_delta {
	uint32_t site;
	uint64_t alloc_blocks, alloc_bytes; /* all births, temporary ones included */
	uint64_t free_blocks, free_bytes;   /* all deaths of this site's blocks, temporary ones included */
	uint64_t temp_blocks, temp_bytes;   /* births that died inside the cancel window */
};

/* Intervals are in time order and do not overlap. Times are ns since start, monotonic. */
struct fact_interval {
	uint64_t from_ns, to_ns;
	size_t ndeltas;
	const struct fact_delta *deltas; /* only sites that changed */
	/*
	 * How long of it the target would have run and was not let: it waited for a processor, or for room in
	 * the pipe. Told when a wait is over, so it may be longer than the interval. 0: not at all, or unknown.
	 */
	uint64_t waited_ns;
};

struct fact_tick {
	uint64_t at_ns;
	uint64_t rss_bytes; /* of the target; 0: unreadable */
	uint64_t live_bytes, live_blocks; /* made since the attach and still alive */
	uint64_t allocs, frees; /* hook calls so far */
};

/* Value of one site at the instant of the global peak of live bytes. */
struct fact_site_peak {
	uint32_t site;
	uint64_t bytes, blocks;
};

struct fact_block {
	uint64_t addr;
	uint64_t size;	   /* requested bytes; weighted estimate when sampled: see weight */
	double weight;	   /* 1.0 when exact */
	uint32_t site;
	uint8_t domain;	   /* 0 raw, 1 mem, 2 obj */
	uint64_t birth_ns; /* since start, resolution: one batch */
};

/* One recorded event (--events only): kind 'a' allocation, 'f' free, 't' temporary lump. */
struct fact_event {
	char kind;
	uint8_t domain;
	uint32_t site;
	uint64_t at_ns, addr, size, blocks;
};

struct fact_totals {
	uint64_t alloc_blocks, alloc_bytes, free_blocks, free_bytes, temp_blocks, temp_bytes;
	uint64_t live_blocks, live_bytes; /* = alloc − free, always */
	uint64_t peak_bytes, peak_blocks, peak_at_ns;
	uint64_t peak_slack_bytes;   /* the true peak is at most this much higher (cancel window) */
	uint64_t foreign_frees;	     /* frees of blocks from before the attach */
	uint64_t duration_ns;
};

enum fact_pause {
	FACT_PAUSE_NONE = 0,
	FACT_PAUSE_CLONE = 1,	/* a copy-on-write copy was read while the target ran */
	FACT_PAUSE_STOPPED = 2, /* the target was read while it stood still */
	FACT_PAUSE_CORE = 3,	/* a core file: nothing was stopped */
};

struct fact_cost {
	uint64_t attach_stop_ns, detach_stop_ns; /* target threads stopped */
	uint64_t attach_ns;	     /* from the command to hooks live */
	uint64_t agent_bytes;	     /* resident in the target */
	uint64_t events, batches, stream_bytes, dropped_events, offgil_dropped;
	uint64_t stalls, stall_ns;
	uint64_t tracer_cpu_ns, tracer_rss_bytes, target_cpu_ns;
	/* Of snapshots: the longest one stop of the target's threads, and how it was read. */
	uint64_t pause_ns;
	uint64_t pause_total_ns; /* all stops together, that which removes the copy included */
	uint32_t pause_kind;	 /* enum fact_pause */
	uint32_t pause_retries;	 /* instants found bad and let go by */
	uint64_t snapshot_ns;	 /* from the command to the last row */
	uint64_t first_event_ns; /* from the command to the first event seen; 0: none was */
	uint64_t rss_peak_bytes; /* run: of the program that ended, by the kernel's account; 0: unknown */
};

enum fact_end { FACT_END_DETACHED = 0, FACT_END_EXITED, FACT_END_EXECED, FACT_END_STREAM_CLOSED, FACT_END_TRUNCATED,
		FACT_END_FINISHED, /* the program's own work was done, and the interpreter about to end */
		FACT_END_ELAPSED   /* the time that was asked for was over */ };
#define FACT_END_LAST FACT_END_ELAPSED

/* Something the reader must know before believing a figure: one sentence, no newline. */
struct fact_note {
	const char *code; /* stable word for JSON: "dropped", "truncated-file", "agent-left" … */
	const char *text;
};

/* Every callback may be NULL. A negative return ends the push with that code. */
struct fact_sink {
	void *ctx;
	int (*target)(void *ctx, const struct fact_target *f, struct err *err);
	int (*thread)(void *ctx, const struct fact_thread *f, struct err *err);
	int (*site)(void *ctx, const struct fact_site *f, struct err *err);
	int (*interval)(void *ctx, const struct fact_interval *f, struct err *err);
	int (*tick)(void *ctx, const struct fact_tick *f, struct err *err);
	int (*event)(void *ctx, const struct fact_event *f, struct err *err);
	int (*site_peak)(void *ctx, const struct fact_site_peak *f, struct err *err);
	int (*block)(void *ctx, const struct fact_block *f, struct err *err);
	int (*test)(void *ctx, const struct fact_test *f, struct err *err);
	int (*note)(void *ctx, const struct fact_note *f, struct err *err);
	int (*totals)(void *ctx, const struct fact_totals *f, struct err *err);
	int (*cost)(void *ctx, const struct fact_cost *f, struct err *err);
	int (*finish)(void *ctx, enum fact_end end, struct err *err);
	/* Snapshots: heap first, heap_end last, rows in between in any order; types before rows naming them. */
	int (*heap)(void *ctx, const struct fact_heap *f, struct err *err);
	int (*heap_type)(void *ctx, const struct fact_heap_type *f, struct err *err);
	int (*heap_buffer)(void *ctx, const struct fact_heap_buffer *f, struct err *err);
	int (*heap_class)(void *ctx, const struct fact_heap_class *f, struct err *err);
	int (*heap_arena)(void *ctx, const struct fact_heap_arena *f, struct err *err);
	int (*heap_free_list)(void *ctx, const struct fact_heap_free_list *f, struct err *err);
	int (*heap_unknown)(void *ctx, const struct fact_heap_unknown *f, struct err *err);
	int (*heap_gc)(void *ctx, const struct fact_heap_gc *f, struct err *err);
	int (*heap_cycle)(void *ctx, const struct fact_heap_cycle *f, struct err *err);
	int (*heap_malloc)(void *ctx, const struct fact_heap_malloc *f, struct err *err);
	int (*heap_join)(void *ctx, const struct fact_heap_join *f, struct err *err);
	int (*heap_held)(void *ctx, const struct fact_heap_held *f, struct err *err);
	int (*ledger)(void *ctx, const struct fact_ledger *f, struct err *err);
	/* Who holds what, after the types: see graph_facts.h. */
	int (*heap_graph)(void *ctx, const struct fact_heap_graph *f, struct err *err);
	int (*heap_holder)(void *ctx, const struct fact_heap_holder *f, struct err *err);
	int (*heap_path)(void *ctx, const struct fact_heap_path *f, struct err *err);
	int (*heap_step)(void *ctx, const struct fact_heap_step *f, struct err *err);
	int (*heap_refcount)(void *ctx, const struct fact_heap_refcount *f, struct err *err);
	int (*heap_module)(void *ctx, const struct fact_heap_module *f, struct err *err);
	int (*heap_name)(void *ctx, const struct fact_heap_name *f, struct err *err);
	int (*heap_edges)(void *ctx, const struct fact_heap_edges *f, struct err *err);
	int (*heap_end)(void *ctx, uint32_t snapshot, struct err *err);
};

#endif
