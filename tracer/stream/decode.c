/* SPDX-License-Identifier: MIT */
/*
 * Reassembly of batches from reads that split them anywhere, and a branch-light decoder of
 * records. Everything is checked against the end of the batch before it is read; nothing in a
 * batch sizes an allocation.
 */
#include "tracer/stream/decode.h"

#include <stdlib.h>
#include <string.h>

/* Room for one read of a pipe of the largest usual capacity (1 MiB) behind a partial batch. */
#define DECODE_BUFFER_BYTES (1024u * 1024 + 2 * DECODE_BATCH_BYTES_MAX)

#define SIZE_ESCAPE 0xffffu /* abi.h: a third word holds the size */

struct decode {
	uint64_t *buffer; /* words, so a batch is always aligned: batches are multiples of 8 */
	size_t start, end; /* bytes */
	uint32_t next_serial;
	struct decode_counts counts;
};

static const uint64_t *decode_meta(const uint64_t *p, const uint64_t *end, struct record *r)
{
	uint64_t words = p[0] >> 16;

	if (words == 0 || words > (uint64_t)(end - p))
		return NULL;
	*r = (struct record){
		.kind = STREAM_META,
		.site = (uint32_t)(p[0] >> 8 & 0xff),
		.blocks = (uint32_t)(words - 1) * 8,
		.meta = p + 1,
	};
	return p + words;
}

static const uint64_t *decode_alloc(const uint64_t *p, const uint64_t *end, struct record *r)
{
	if (end - p < 2)
		return NULL;
	uint64_t size = p[0] >> 48, second = p[1];
	const uint64_t *next = p + 2;
	if (size == SIZE_ESCAPE) {
		if (end - p < 3)
			return NULL;
		size = p[2];
		next = p + 3;
	}
	r->addr = p[0] & STREAM_ADDR_MASK;
	r->size = size;
	r->site = (uint32_t)second;
	r->kind = STREAM_ALLOC;
	r->domain = second >> 32 & 0xff;
	r->sampled = second >> 40 & 1;
	bool sane = r->addr != 0 && r->domain < AGENT_DOMAINS && size < 1ull << 48;
	return sane ? next : NULL;
}

static inline const uint64_t *decode_temp(const uint64_t *p, const uint64_t *end, struct record *r)
{
	if (end - p < 2)
		return NULL;
	r->kind = STREAM_TEMP;
	r->site = (uint32_t)(p[0] >> 32);
	r->blocks = p[1] & 0xffffff;
	r->size = p[1] >> 24;
	r->domain = 0;
	return p + 2;
}

size_t record_decode(struct record_cursor *c, struct record *ret, size_t max)
{
	const uint64_t *p = c->pos, *const end = c->end;
	size_t n = 0;

	while (n < max && p < end) {
		struct record *r = &ret[n];
		const uint64_t *next = NULL;

		switch (*p & STREAM_KIND_MASK) {
		case STREAM_FREE:
		case STREAM_UNFREE:
			r->addr = *p & STREAM_ADDR_MASK;
			r->kind = *p & STREAM_KIND_MASK;
			next = r->addr ? p + 1 : NULL;
			break;
		case STREAM_ALLOC:
			next = decode_alloc(p, end, r);
			break;
		case STREAM_TEMP:
			next = decode_temp(p, end, r);
			break;
		case STREAM_META:
			next = decode_meta(p, end, r);
			break;
		}
		if (!next) {
			c->bad = true;
			p = end;
			break;
		}
		p = next;
		n++;
	}
	c->pos = p;
	return n;
}

int decode_new(struct decode **ret, struct err *err)
{
	struct decode *d = calloc(1, sizeof *d);

	if (!d)
		return err_nomem(err);
	d->buffer = malloc(DECODE_BUFFER_BYTES);
	if (!d->buffer) {
		free(d);
		return err_nomem(err);
	}
	*ret = d;
	return 0;
}

void decode_free(struct decode *d)
{
	if (!d)
		return;
	free(d->buffer);
	free(d);
}

void *decode_room(struct decode *d, size_t *ret_bytes)
{
	char *base = (char *)d->buffer;

	/* Batches are multiples of 8, so start is one too and moving keeps words aligned. */
	if (d->start > 0) {
		memmove(base, base + d->start, d->end - d->start);
		d->end -= d->start;
		d->start = 0;
	}
	*ret_bytes = DECODE_BUFFER_BYTES - d->end;
	return base + d->end;
}

void decode_filled(struct decode *d, size_t n)
{
	d->end += n;
	d->counts.bytes += n;
}

static int check_head(const struct stream_batch *head, struct err *err)
{
	if ((head->magic & ((1ull << 48) - 1)) != STREAM_MAGIC)
		return err_set(err, ERR_CORRUPT, "stream: no batch where one must begin");
	unsigned version = (unsigned)(head->magic >> 48);
	if (version != AGENT_ABI_VERSION)
		return err_hint(err,
				err_set(err, ERR_UNSUPPORTED,
					"stream: agent speaks version %u, this tracer %u", version,
					AGENT_ABI_VERSION),
				"abi-mismatch");
	if (head->bytes < sizeof *head || head->bytes % 8 || head->bytes > DECODE_BATCH_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "stream: a batch of %u bytes", head->bytes);
	return 0;
}

int decode_next(struct decode *d, struct decode_batch *ret, struct err *err)
{
	const char *p = (const char *)d->buffer + d->start;
	size_t have = d->end - d->start;
	struct stream_batch head;

	if (have < sizeof head)
		return 0;
	memcpy(&head, p, sizeof head);
	int r = check_head(&head, err);
	if (r < 0)
		return r;
	if (have < head.bytes)
		return 0;
	/* An agent counts from 0; unsigned arithmetic also covers the wrap after 2^32 batches. */
	d->counts.lost_batches += (uint32_t)(head.serial - d->next_serial);
	d->next_serial = head.serial + 1;
	d->counts.batches++;
	ret->head = head;
	ret->words = (const uint64_t *)(p + sizeof head);
	ret->nwords = (head.bytes - sizeof head) / 8;
	d->start += head.bytes;
	return 1;
}

size_t decode_pending(const struct decode *d)
{
	return d->end - d->start;
}

const struct decode_counts *decode_counts(const struct decode *d)
{
	return &d->counts;
}
