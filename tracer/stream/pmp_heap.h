/* SPDX-License-Identifier: MIT */
/*
 * Sections 64–77 of a .pmp: the facts of heap snapshots, one section kind per fact, rows of
 * varints described by tables. Private to tracer/stream: pmp_write.c owns one struct pmp_heap
 * per writer, pmp_read.c lists PMP_HEAP_SECTIONS.
 */
#ifndef PYMEMPROF_TRACER_STREAM_PMP_HEAP_H
#define PYMEMPROF_TRACER_STREAM_PMP_HEAP_H

#include "base/buf.h"
#include "tracer/facts.h"
#include "tracer/stream/pmp.h"

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
	PMP_HEAP_END,
	PMP_HEAP_JOIN,
	PMP_HEAP_HELD,
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

#endif
