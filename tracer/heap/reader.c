/* SPDX-License-Identifier: MIT */
/*
 * Direct-mapped page cache over a memory source. A page which cannot be read whole is
 * remembered as unreadable and served by exact reads, so a hostile heap costs system calls
 * but never correctness.
 */
#include "tracer/heap/reader.h"

#include <stdlib.h>
#include <string.h>

#define READER_BAD (UINT64_C(1) << 63)

static int64_t reader_source_read(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	struct reader *r = (struct reader *)src;
	uint64_t faults = r->faults;
	size_t got;

	if (n <= READER_PAGE_BYTES && reader_get(r, addr.v, buf, n))
		return (int64_t)n;
	r->faults = faults; /* whoever asks through the source is told, and may go on */
	got = reader_bulk(r, addr.v, buf, n);
	return r->gone ? r->gone : (int64_t)got;
}

static const struct mem_ops reader_ops = { reader_source_read, NULL };

int reader_init(struct reader *r, struct mem_source *mem, size_t cache_bytes, struct err *err)
{
	size_t pages = 16;

	while (pages * 2 * READER_PAGE_BYTES <= cache_bytes)
		pages *= 2;
	*r = (struct reader){ .base = { &reader_ops, mem->word_bytes },
			      .mem = mem,
			      .mask = pages - 1,
			      .there = UINT64_MAX,
			      .allowed = UINT64_MAX };
	r->tags = calloc(pages, sizeof(*r->tags));
	r->pages = malloc(pages * READER_PAGE_BYTES);
	if (!r->tags || !r->pages) {
		reader_deinit(r);
		return err_nomem(err);
	}
	return 0;
}

void reader_limit(struct reader *r, uint64_t resident)
{
	if (!resident)
		return;
	r->there = resident < UINT64_MAX - READER_FILES ? resident + READER_FILES : resident;
	r->allowed = READER_LEAST;
	if (resident < (UINT64_MAX - READER_LEAST) / READER_TURNS)
		r->allowed += resident * READER_TURNS;
}

void reader_deinit(struct reader *r)
{
	free(r->tags);
	free(r->pages);
	r->tags = NULL;
	r->pages = NULL;
}

/* The page's bytes, NULL when it is not readable whole. */
static const uint8_t *reader_page(struct reader *r, uint64_t page)
{
	size_t slot = (size_t)(page ^ (page >> 14)) & r->mask;
	uint8_t *at = r->pages + slot * READER_PAGE_BYTES;

	if (r->tags[slot] == page + 1)
		return at;
	if (r->tags[slot] == ((page + 1) | READER_BAD))
		return NULL;
	r->misses++;
	if (reader_bulk(r, page * READER_PAGE_BYTES, at, READER_PAGE_BYTES) < READER_PAGE_BYTES) {
		r->tags[slot] = (page + 1) | READER_BAD;
		return NULL;
	}
	r->tags[slot] = page + 1;
	return at;
}

size_t reader_bulk(struct reader *r, uint64_t addr, void *buf, size_t n)
{
	int64_t got;

	if (r->gone || addr + n < addr || !reader_spend(r, n))
		return 0;
	got = mem_read_some(r->mem, taddr_of(addr), buf, n);
	if (got < 0) {
		r->gone = (int)got;
		got = 0;
	}
	return (size_t)got;
}

bool reader_get(struct reader *r, uint64_t addr, void *buf, size_t n)
{
	uint8_t *to = buf;

	if (addr + n < addr || !reader_spend(r, n)) {
		r->faults++;
		return false;
	}
	while (n) {
		size_t in = addr % READER_PAGE_BYTES;
		size_t part = READER_PAGE_BYTES - in < n ? READER_PAGE_BYTES - in : n;
		const uint8_t *page = reader_page(r, addr / READER_PAGE_BYTES);

		if (page)
			memcpy(to, page + in, part);
		else if (reader_bulk(r, addr, to, part) < part) {
			r->faults++;
			return false;
		}
		to += part;
		addr += part;
		n -= part;
	}
	return true;
}

const uint8_t *reader_view(struct reader *r, uint64_t addr, size_t n)
{
	size_t in = addr % READER_PAGE_BYTES;
	const uint8_t *page;

	if (in + n > READER_PAGE_BYTES || !reader_spend(r, n))
		return NULL;
	page = reader_page(r, addr / READER_PAGE_BYTES);
	return page ? page + in : NULL;
}

bool reader_u64(struct reader *r, uint64_t addr, uint64_t *ret)
{
	uint8_t b[8];

	if (!reader_get(r, addr, b, sizeof(b)))
		return false;
	*ret = le64(b);
	return true;
}

bool reader_u32(struct reader *r, uint64_t addr, uint32_t *ret)
{
	uint8_t b[4];

	if (!reader_get(r, addr, b, sizeof(b)))
		return false;
	*ret = le32(b);
	return true;
}

int reader_cstr(struct reader *r, uint64_t addr, char *ret, size_t size)
{
	size_t n = 0;

	while (n + 1 < size) {
		size_t part = READER_PAGE_BYTES - (addr + n) % READER_PAGE_BYTES;
		char *nul;

		if (part > size - 1 - n)
			part = size - 1 - n;
		if (!reader_get(r, addr + n, ret + n, part))
			return -1;
		nul = memchr(ret + n, 0, part);
		if (nul)
			return (int)(nul - ret);
		n += part;
	}
	ret[n] = 0;
	return (int)n;
}
