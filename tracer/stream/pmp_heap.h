/* SPDX-License-Identifier: MIT */
/*
 * Sections 64–85 of a .pmp: the facts of heap snapshots, one section kind per fact, rows of
 * varints described by tables; the edges of the graph (85) are spelled in pmp_graph.c. Private to
 * tracer/stream: pmp_write.c owns one struct pmp_heap
 * per writer, pmp_read.c lists PMP_HEAP_SECTIONS.
 */
#ifndef PYMEMPROF_TRACER_STREAM_PMP_HEAP_H
#define PYMEMPROF_TRACER_STREAM_PMP_HEAP_H

#include "base/buf.h"
#include "tracer/facts.h"
#include "tracer/stream/pmp.h"

struct cursor;
struct pmp_reader;

enum pmp_heap_kind {
	PMP_HEAP = PMP_SNAPSHOT_FIRST,
	PMP_HEAP_TYPES,
	PMP_HEAP_BUFFERS,
	PMP_HEAP_CLASSES,
	PMP_HEAP_ARENAS,
	PMP_HEAP_FREE_LISTS,
	PMP_HEAP_UNKNOWN,
	PMP_HEAP_GC,
	PMP_HEAP_CYCLES,
	PMP_HEAP_MALLOC,
	PMP_HEAP_LEDGER,
	PMP_HEAP_END, /* 75; written after all others */
	PMP_HEAP_JOIN,
	PMP_HEAP_HELD,
	PMP_HEAP_GRAPH,
	PMP_HEAP_HOLDERS,
	PMP_HEAP_PATHS,
	PMP_HEAP_STEPS,
	PMP_HEAP_REFCOUNTS,
	PMP_HEAP_MODULES,
	PMP_HEAP_NAMES,
	PMP_HEAP_EDGES, /* 85 */
	PMP_HEAP_KINDS_END, /* not a section */
};

#define PMP_HEAP_KINDS (PMP_HEAP_KINDS_END - PMP_SNAPSHOT_FIRST)

/* Rows waiting to be written, by kind. Zeroed is empty. */
struct pmp_heap {
	struct pmp_writer *w;
	struct buf rows[PMP_HEAP_KINDS], scratch;
	uint64_t count[PMP_HEAP_KINDS];
};

/*
 * Fill the heap callbacks of sink, whose ctx must be w, and remember w. pmp_writer_heap, which
 * the callbacks use to come from ctx to *h, is pmp_write.c's.
 */
void pmp_heap_init(struct pmp_heap *h, struct pmp_writer *w, struct fact_sink *sink);
void pmp_heap_deinit(struct pmp_heap *h);
struct pmp_heap *pmp_writer_heap(void *ctx);

/* Write what waits, in an order in which it can be read. Errors: those of pmp_writer_section. */
int pmp_heap_flush(struct pmp_heap *h, struct err *err) MUST_CHECK;

/* The callback of edges, and the reader of their section. */
int pmp_graph_edges(void *ctx, const struct fact_heap_edges *f, struct err *err);
int pmp_graph_read(struct pmp_reader *r, struct cursor *c, struct err *err);

#endif
