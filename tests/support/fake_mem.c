/* SPDX-License-Identifier: MIT */
/*
 * Byte segments kept sorted by address; a read walks over abutting ones.
 */
#include "tests/support/fake_mem.h"

#include <stdio.h>
#include <string.h>

#include "base/vec.h"

#define GRANULE ((uint64_t)16)

struct segment {
	uint64_t addr;
	size_t n;
	uint8_t *bytes;
};

struct fake_mem {
	struct mem_source src;
	struct VEC(struct segment) segments;
	uint64_t reads;
	uint64_t bytes;
	uint64_t fail_from; /* in reads; 0 is never */
	int fail_code;
};

static void die(const char *why)
{
	fprintf(stderr, "fake_mem: %s\n", why);
	abort();
}

/* The segment holding addr, or NULL. */
static struct segment *segment_at(struct fake_mem *f, uint64_t addr)
{
	size_t low = 0, high = f->segments.len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct segment *s = &f->segments.at[mid];

		if (addr < s->addr)
			high = mid;
		else if (addr - s->addr >= s->n)
			low = mid + 1;
		else
			return s;
	}
	return NULL;
}

static int64_t fake_read(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	struct fake_mem *f = (struct fake_mem *)src;
	size_t at = 0;

	f->reads++;
	if (f->fail_from && f->reads >= f->fail_from)
		return f->fail_code;
	while (at < n) {
		uint64_t from = addr.v + at;
		struct segment *s = segment_at(f, from);
		size_t take;

		if (!s)
			break;
		take = s->n - (size_t)(from - s->addr);
		if (take > n - at)
			take = n - at;
		memcpy((uint8_t *)buf + at, s->bytes + (from - s->addr), take);
		at += take;
	}
	f->bytes += at;
	return (int64_t)at;
}

/* The source is borrowed by whoever got it; only fake_mem_free ends it. */
static void fake_free(struct mem_source *src)
{
	(void)src;
}

static const struct mem_ops fake_ops = { .read = fake_read, .free = fake_free };

struct fake_mem *fake_mem_new(uint8_t word_bytes)
{
	struct fake_mem *f = calloc(1, sizeof(*f));

	if (!f)
		die("out of memory");
	f->src = (struct mem_source){ .ops = &fake_ops, .word_bytes = word_bytes };
	return f;
}

void fake_mem_free(struct fake_mem *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->segments.len; i++)
		free(f->segments.at[i].bytes);
	vec_deinit(&f->segments);
	free(f);
}

struct mem_source *fake_mem_source(struct fake_mem *f)
{
	return &f->src;
}

void fake_mem_map(struct fake_mem *f, uint64_t addr, size_t n)
{
	size_t at = f->segments.len;
	struct segment s = { .addr = addr, .n = n };

	if (n == 0 || n - 1 > UINT64_MAX - addr)
		die("bad segment");
	while (at > 0 && f->segments.at[at - 1].addr > addr)
		at--;
	if (at > 0 && addr - f->segments.at[at - 1].addr < f->segments.at[at - 1].n)
		die("segments overlap");
	if (at < f->segments.len && f->segments.at[at].addr - addr < n)
		die("segments overlap");
	s.bytes = calloc(1, n);
	if (!s.bytes || vec_push(&f->segments, s) < 0)
		die("out of memory");
	memmove(&f->segments.at[at + 1], &f->segments.at[at],
		(f->segments.len - 1 - at) * sizeof(s));
	f->segments.at[at] = s;
}

void fake_mem_unmap(struct fake_mem *f, uint64_t addr)
{
	struct segment *s = segment_at(f, addr);
	size_t i;

	if (!s || s->addr != addr)
		die("no such segment");
	i = (size_t)(s - f->segments.at);
	free(s->bytes);
	memmove(s, s + 1, (f->segments.len - 1 - i) * sizeof(*s));
	f->segments.len--;
}

void fake_mem_put(struct fake_mem *f, uint64_t addr, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;

	while (n > 0) {
		struct segment *s = segment_at(f, addr);
		size_t take;

		if (!s) {
			uint64_t first = addr & ~(GRANULE - 1), last = first + GRANULE - 1;

			/* A granule cut by segments that start or end inside it. */
			while (segment_at(f, first))
				first++;
			while (segment_at(f, last))
				last--;
			if (first > addr || last < addr)
				first = last = addr;
			fake_mem_map(f, first, (size_t)(last - first) + 1);
			s = segment_at(f, addr);
		}
		take = s->n - (size_t)(addr - s->addr);
		if (take > n)
			take = n;
		memcpy(s->bytes + (addr - s->addr), from, take);
		from += take;
		addr += take;
		n -= take;
	}
}

void fake_mem_put_str(struct fake_mem *f, uint64_t addr, const char *s)
{
	fake_mem_put(f, addr, s, strlen(s) + 1);
}

static void put_le(struct fake_mem *f, uint64_t addr, uint64_t v, size_t n)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(v >> (8 * i));
	fake_mem_put(f, addr, bytes, n);
}

void fake_mem_put_u8(struct fake_mem *f, uint64_t addr, uint8_t v)
{
	put_le(f, addr, v, 1);
}

void fake_mem_put_u16(struct fake_mem *f, uint64_t addr, uint16_t v)
{
	put_le(f, addr, v, 2);
}

void fake_mem_put_u32(struct fake_mem *f, uint64_t addr, uint32_t v)
{
	put_le(f, addr, v, 4);
}

void fake_mem_put_u64(struct fake_mem *f, uint64_t addr, uint64_t v)
{
	put_le(f, addr, v, 8);
}

void fake_mem_put_word(struct fake_mem *f, uint64_t addr, uint64_t v)
{
	put_le(f, addr, v, f->src.word_bytes);
}

void fake_mem_fail_from(struct fake_mem *f, uint64_t n, int code)
{
	f->fail_from = n ? f->reads + n : 0;
	f->fail_code = code;
}

uint64_t fake_mem_reads(const struct fake_mem *f)
{
	return f->reads;
}

uint64_t fake_mem_bytes(const struct fake_mem *f)
{
	return f->bytes;
}
