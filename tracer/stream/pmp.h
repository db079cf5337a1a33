/* SPDX-License-Identifier: MIT */
/*
 * The saved file. A .pmp holds facts (tracer/facts.h), so the writer is a fact sink and the
 * reader pushes into one. Written section by section, each with its own checksums: a tracer
 * killed at any instant leaves a file that is readable up to its last interval. The format is
 * a promise, documented in man/pymemprof-file.5.
 */
#ifndef PYMEMPROF_TRACER_STREAM_PMP_H
#define PYMEMPROF_TRACER_STREAM_PMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/facts.h"

#define PMP_VERSION_MAJOR 1 /* a reader refuses a larger one */
#define PMP_VERSION_MINOR 0 /* a reader skips sections it does not know and says so */

/* Section kinds. A number is never reused; 64–127 belong to heap snapshots. */
enum pmp_kind {
	PMP_TARGET = 1,
	PMP_STRINGS = 2,
	PMP_THREADS = 3,
	PMP_SITES = 4,
	PMP_INTERVAL = 5,
	PMP_TICKS = 6,
	PMP_EVENTS = 7,
	PMP_NOTES = 8,
	PMP_PEAKS = 9,
	PMP_BLOCKS = 10,
	PMP_TOTALS = 11,
	PMP_COST = 12,
	PMP_END = 13,
	PMP_TESTS = 14,
	PMP_SNAPSHOT_FIRST = 64,
	PMP_SNAPSHOT_LAST = 127,
};

#define PMP_SECTION_BYTES_MAX (16u << 20) /* of one section, uncompressed */

struct pmp_options {
	const char *path; /* "-": standard output; never seeks there */
	bool force;	  /* replace an existing regular file */
	bool events;	  /* keep every fact_event, not only what is summed from them */
};

struct pmp_writer; /* opaque */

/*
 * Check that path can be written and prepare a writer. The file itself is created, mode 0600,
 * when the first fact arrives, so an attach that fails leaves no file and no old file lost.
 * Errors: USAGE (exists and !force, hint "file-exists"; is a directory), DENIED, SYS, NOMEM.
 */
int pmp_writer_new(const struct pmp_options *options, struct pmp_writer **ret,
		   struct err *err) MUST_CHECK;

/*
 * The sink that fills the file; borrowed from w. Its callbacks fail with SYS (hint "disk-full"
 * when there is no space: what was written before stays valid), GONE (reader of the pipe went
 * away). After a failure every later callback returns the same code and writes nothing.
 */
const struct fact_sink *pmp_writer_sink(struct pmp_writer *w);

/* Bytes written so far. */
uint64_t pmp_writer_bytes(const struct pmp_writer *w);

/* Write what is pending, close, free. Accepts NULL. A failure here means the file is incomplete. */
int pmp_writer_close(struct pmp_writer *w, struct err *err) MUST_CHECK;

/* Put one section of any kind as it is; for snapshot writers. The payload is compressed here. */
int pmp_writer_section(struct pmp_writer *w, unsigned kind, const void *payload, size_t bytes,
		       struct err *err) MUST_CHECK;

/*
 * Push the facts of a file into sink, in the order tracer/facts.h documents. "-" reads
 * standard input. A file that ends early or has damaged sections still yields the rest, with
 * notes ("truncated-file", "corrupt-section") and finish(FACT_END_TRUNCATED).
 * Errors: SYS/DENIED (open, read), CORRUPT (not a .pmp file: hint "not-pmp"), UNSUPPORTED
 * (newer major version: hint "newer-file"), NOMEM, or what the sink returned.
 */
int pmp_read_path(const char *path, const struct fact_sink *sink, struct err *err) MUST_CHECK;
int pmp_read_fd(int fd, const struct fact_sink *sink, struct err *err) MUST_CHECK;
int pmp_read_bytes(const void *bytes, size_t n, const struct fact_sink *sink,
		   struct err *err) MUST_CHECK;

/*
 * The same for bytes that are still arriving: put what has come, in pieces of any size; facts
 * are pushed as soon as their section is whole. The sink must outlive the feed; callbacks run
 * inside pmp_feed_put and pmp_feed_end only. Errors: as pmp_read_bytes; damage is no error.
 */
struct pmp_feed; /* opaque */
int pmp_feed_new(const struct fact_sink *sink, struct pmp_feed **ret, struct err *err) MUST_CHECK;
int pmp_feed_put(struct pmp_feed *f, const void *bytes, size_t n, struct err *err) MUST_CHECK;
/* Nothing more will come: push the notes and the end that the bytes themselves did not have. */
int pmp_feed_end(struct pmp_feed *f, struct err *err) MUST_CHECK;
void pmp_feed_free(struct pmp_feed *f); /* accepts NULL */

#endif
