/* SPDX-License-Identifier: MIT */
/*
 * The pipe's bytes (tracer/agent/abi.h) become batches, batches become records. Knows the
 * format and bounds everything in it: the target may have scribbled over the agent's buffer.
 * Refuses to know what a record means for anybody's account.
 */
#ifndef PYMEMPROF_TRACER_STREAM_DECODE_H
#define PYMEMPROF_TRACER_STREAM_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/agent/abi.h"

#define DECODE_BATCH_BYTES_MAX (64u * 1024) /* abi.h: each batch is one write of at most that */

/* One record. meta is set for STREAM_META only: the struct after the record's first word. */
struct record {
	uint64_t addr;
	uint64_t size;	 /* ALLOC: bytes; TEMP: bytes of all its blocks */
	uint32_t site;	 /* the agent's serial; META: the record's stream_meta type */
	uint32_t blocks; /* TEMP; META: bytes at meta */
	uint8_t kind;	 /* enum stream_kind */
	uint8_t domain;
	bool sampled;
	const void *meta;
};

/* Walks the records of one whole batch. Borrowed words; aligned to 8. */
struct record_cursor {
	const uint64_t *pos, *end;
	bool bad; /* a record contradicted the format; the rest of the batch was left unread */
};

/*
 * Decode up to max records into ret; returns how many, 0 at the end of the batch (look at
 * c->bad then). Never reads outside the batch.
 */
size_t record_decode(struct record_cursor *c, struct record *ret, size_t max);

/* --- reassembly ------------------------------------------------------------------------- */

struct decode_counts {
	uint64_t bytes, batches;
	uint64_t lost_batches; /* gaps in the serials */
};

/* A whole batch: head and words after it, valid until decode_next is called again. */
struct decode_batch {
	struct stream_batch head;
	const uint64_t *words;
	size_t nwords;
};

struct decode; /* opaque */

int decode_new(struct decode **ret, struct err *err) MUST_CHECK;
void decode_free(struct decode *d); /* accepts NULL */

/*
 * Where the next read(2) may put bytes: at least DECODE_BATCH_BYTES_MAX of room. Follow with
 * decode_filled(n). Splitting is arbitrary; a batch is yielded once it is complete.
 */
void *decode_room(struct decode *d, size_t *ret_bytes);
void decode_filled(struct decode *d, size_t n);

/*
 * Next complete batch: 1 and *ret filled, 0 when more bytes are needed. A head that cannot be
 * one (magic, version, size) is CORRUPT, and stays so: the stream has no point to resume at.
 * UNSUPPORTED (hint "abi-mismatch") when the version is another agent's.
 */
int decode_next(struct decode *d, struct decode_batch *ret, struct err *err) MUST_CHECK;

/* Bytes of an incomplete batch still waiting: not zero at the end of a stream means a cut. */
size_t decode_pending(const struct decode *d);

const struct decode_counts *decode_counts(const struct decode *d);

#endif
