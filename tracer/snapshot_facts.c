/* SPDX-License-Identifier: MIT */
/* What a snapshot found, as facts: the walk's rows, the account of resident memory, the cost. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/own.h"
#include "base/utf8.h"
#include "tracer/heap/account.h"
#include "tracer/heap/cycles.h"
#include "tracer/heap/graph_rows.h"
#include "tracer/snapshot_private.h"

uint64_t snapshot_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t snapshot_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void heap_free_p(struct heap **h)
{
	heap_free(*h);
}

static void resident_free_p(struct resident **r)
{
	resident_free(*r);
}

int snapshot_push_target(struct snapshot *s, const char *exe, struct err *err)
{
	const struct fact_sink *sink = &s->fanout.sink;
	struct fact_target f = {
		.pid = s->pid,
		.python_version = s->py.version,
		.implementation = "CPython",
		.executable = exe && utf8_valid(exe, strlen(exe)) == strlen(exe) ? exe : "?",
		.arch = s->py.aarch64 ? "aarch64" : "x86_64",
		.word_bytes = 8,
		.start_unix_ns = s->at_unix_ns,
		.tracemalloc_on = s->py.tracemalloc_on,
	};

	return sink->target ? sink->target(sink->ctx, &f, err) : 0;
}

int snapshot_push_note(struct snapshot *s, const char *code, const char *text, struct err *err)
{
	const struct fact_sink *sink = &s->fanout.sink;
	struct fact_note f = { code, text };

	return sink->note ? sink->note(sink->ctx, &f, err) : 0;
}

static int push_notes(struct snapshot *s, const struct fact_heap *h, uint64_t swapped,
		      struct err *err)
{
	char text[256];
	int r = 0;

	if (*s->note) {
		snprintf(text, sizeof(text), "%.160s: it was read while it was stopped instead",
			 s->note);
		r = snapshot_push_note(s, "clone-refused", text, err);
	}
	if (r == 0 && h->collecting)
		r = snapshot_push_note(s, "collecting",
				       "taken during a collection: lists of the collector are in "
				       "motion",
				       err);
	if (r == 0 && h->inside_allocator && !h->collecting)
		r = snapshot_push_note(s, "inside-allocator",
				       "a thread was inside the allocator: one pool may be torn",
				       err);
	/* Failed reads alone are words that looked like pointers: heap.unreadable has them. */
	if (r == 0 && h->torn) {
		snprintf(text, sizeof(text),
			 "%" PRIu64 " structures contradict themselves; the first at 0x%" PRIx64,
			 h->torn, h->first_torn);
		r = snapshot_push_note(s, "torn", text, err);
	}
	if (r == 0 && s->sites.damaged) {
		snprintf(text, sizeof(text), "%u parts of tracemalloc's tables could not be read",
			 s->sites.damaged);
		r = snapshot_push_note(s, "tracemalloc-damaged", text, err);
	}
	if (r == 0 && swapped) {
		snprintf(text, sizeof(text), "%" PRIu64 " bytes are swapped out and not resident",
			 swapped);
		r = snapshot_push_note(s, "swapped", text, err);
	}
	if (r == 0 && s->py.offsets_differ) {
		snprintf(text, sizeof(text),
			 "%u offsets of this build differ from the known ones (first: %s); its own "
			 "were used",
			 s->py.offsets_differ, s->py.offsets_note);
		r = snapshot_push_note(s, "offsets-differ", text, err);
	}
	return r;
}

#define GRAPH_SMALL (1u << 20) /* objects */

static int graph_make(struct snapshot *s, struct heap *h, struct err *err)
{
	const struct graph_options o = { .max_bytes = s->options->graph_max_bytes };
	enum snapshot_graph wish = s->options->graph;
	int r;

	if (wish == SNAPSHOT_GRAPH_NONE)
		return 0;
	r = graph_new(h, &o, &s->graph, err);
	if (r < 0)
		return r;
	s->graph->sum.stored = s->graph->retained && s->fanout.sink.heap_edges &&
			       (wish == SNAPSHOT_GRAPH_KEEP ||
				(wish == SNAPSHOT_GRAPH_KEEP_SMALL && s->graph->objects <= GRAPH_SMALL));
	return graph_types(s->graph, err);
}

static int graph_tell(struct snapshot *s, struct err *err)
{
	const struct fact_sink *sink = &s->fanout.sink;
	const struct fact_heap_graph none = { .skipped = "it was not wished (--no-graph)" };

	if (s->graph)
		return graph_push(s->graph, sink, err);
	return sink->heap_graph ? sink->heap_graph(sink->ctx, &none, err) : 0;
}

/* Where objects hang, of all types, and of those made at places that are known. */
static int push_joined(struct snapshot *s, struct heap *h, const struct fact_sink *rows,
		       struct err *err)
{
	AUTO(held_deinit) struct held held = { 0 };
	struct held *known = s->graph && s->graph->retained ? &held : NULL;
	int r = known ? held_init(known, s->graph, err) : 0;

	if (r == 0 && known)
		r = held_push_types(known, rows, err);
	if (r == 0 && s->extra)
		r = s->extra(s->extra_ctx, h, known, rows, err);
	return r == 0 ? snapshot_join(&s->sites, h, known, rows, err) : r;
}

/* Rows, then the C library's heaps and the account, then the end of the snapshot. */
static int push_rows(struct snapshot *s, struct heap *h, struct resident *account,
		     struct mem_source *mem, const struct maps *maps, struct err *err)
{
	const struct account_threads threads = { s->sp.at, s->sp.len };
	struct fact_sink rows = s->fanout.sink;
	int r;

	rows.heap_end = NULL;
	r = graph_make(s, h, err);
	if (r == 0)
		r = heap_push(h, &rows, err);
	if (r == 0)
		r = graph_tell(s, err);
	if (r == 0)
		r = push_joined(s, h, &rows, err);
	if (r == 0)
		r = account_heap(account, h, mem, maps, &threads, &s->fanout.sink, err);
	if (r == 0)
		r = resident_push(account, &s->fanout.sink, err);
	if (r == 0 && s->fanout.sink.heap_end)
		r = s->fanout.sink.heap_end(s->fanout.sink.ctx, heap_totals(h)->snapshot, err);
	return r < 0 ? r : push_notes(s, heap_totals(h), resident_swapped(account), err);
}

int snapshot_read(struct snapshot *s, struct mem_source *mem, const struct maps *maps,
		  struct smaps *usage, pid_t pages_of, struct err *err)
{
	AUTO(heap_free_p) struct heap *h = NULL;
	AUTO(resident_free_p) struct resident *account = NULL;
	const struct heap_options bounds = {
		.resident_bytes = s->core_bytes ? s->core_bytes : usage->total.rss + usage->total.swap
	};
	int r = resident_new(usage, &account, err);

	/* Before the walk: reading memory maps pages that were not there. */
	if (r == 0 && pages_of)
		r = resident_pages(account, pages_of, err);
	if (r == 0 && s->agent_at)
		resident_rest(account, s->agent_at, RESIDENT_AGENT);
	if (r == 0)
		r = heap_walk(mem, &s->py, maps, &bounds, &h, err);
	if (r == 0 && heap_totals(h)->torn && s->retakes) {
		s->retakes--;
		s->result->cost.pause_retries++;
		return 1;
	}
	if (r == 0)
		r = heap_find_cycles(h, err);
	if (r == 0)
		r = snapshot_sites_read(&s->sites, &s->py, mem, &s->fanout.sink, err);
	if (r < 0)
		return r;
	heap_use_sites(h, snapshot_sites_lookup(&s->sites));
	s->pushed = true;
	heap_totals(h)->snapshot = s->number ? s->number : 1;
	heap_totals(h)->at_ns = s->at_ns;
	heap_totals(h)->at_unix_ns = s->at_unix_ns;
	heap_totals(h)->inside_allocator = s->inside && !heap_totals(h)->collecting;
	r = push_rows(s, h, account, mem, maps, err);
	graph_free(TAKE(s->graph));
	return r;
}

int snapshot_push_end(struct snapshot *s, struct err *err)
{
	const struct fact_sink *sink = &s->fanout.sink;
	struct fact_cost *c = &s->result->cost;
	struct rusage usage;
	int r = 0;

	c->tracer_cpu_ns = snapshot_cpu_ns() - s->begun_cpu_ns;
	c->snapshot_ns = snapshot_now_ns() - s->begun_ns;
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		c->tracer_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
	if (s->result->unfrozen.code)
		r = snapshot_push_note(s, "copy-left", s->result->unfrozen.text, err);
	if (r == 0 && sink->cost)
		r = sink->cost(sink->ctx, c, err);
	if (r == 0 && sink->finish)
		r = sink->finish(sink->ctx, FACT_END_DETACHED, err);
	return r;
}
