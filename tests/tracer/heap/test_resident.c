/* SPDX-License-Identifier: MIT */
/* The account's identity: whatever is claimed, the lines add up to what the kernel charges. */
#include "tracer/heap/resident.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/sanitized.h"

#define MIB (1024u * 1024)

static struct {
	uint64_t bytes[64];
	bool estimate[64];
	const char *code[64];
	size_t count;
} seen;

static int on_ledger(void *ctx, const struct fact_ledger *f, struct err *err)
{
	(void)ctx;
	(void)err;
	cr_assert_eq(f->depth, 0);
	seen.code[seen.count] = f->code;
	seen.estimate[seen.count] = f->estimate;
	seen.bytes[seen.count++] = f->bytes;
	return 0;
}

static const struct fact_sink sink = { .ledger = on_ledger };

static uint64_t sum(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < seen.count; i++)
		n += seen.bytes[i];
	return n;
}

static uint64_t line(const char *code)
{
	for (size_t i = 0; i < seen.count; i++)
		if (strcmp(seen.code[i], code) == 0)
			return seen.bytes[i];
	return 0;
}

static struct resident *made_of(const char *text)
{
	struct smaps s;
	struct resident *r;

	cr_assert_eq(smaps_parse(text, strlen(text), &s, NULL), 0);
	cr_assert_eq(resident_new(&s, &r, NULL), 0);
	smaps_deinit(&s);
	return r;
}

static void push(struct resident *r)
{
	memset(&seen, 0, sizeof seen);
	cr_assert_eq(resident_push(r, &sink, NULL), 0);
	cr_assert_eq(sum(), resident_rss(r));
}

static const char text[] =
	"00400000-00500000 r-xp 00000000 08:01 7 /usr/bin/python3.11\nRss: 400 kB\n"
	"00500000-00501000 rw-p 00100000 08:01 7 /usr/bin/python3.11\nRss: 4 kB\n"
	"00501000-00503000 rw-p 00000000 00:00 0 \nRss: 8 kB\n"
	"01000000-01100000 rw-p 00000000 00:00 0 [heap]\nRss: 1024 kB\n"
	"7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \nRss: 512 kB\nSwap: 12 kB\n"
	"7f0000200000-7f0000201000 ---p 00000000 00:00 0 \nRss: 0 kB\n"
	"7f0000201000-7f0000a01000 rw-p 00000000 00:00 0 \nRss: 16 kB\n"
	"7f0001000000-7f0001010000 r-xp 00000000 08:01 8 /usr/lib/libz.so.1\nRss: 64 kB\n"
	"7f0001100000-7f0001101000 rw-s 00000000 00:05 9 /dev/shm/x\nRss: 4 kB\n"
	"7f0001200000-7f0001201000 r--p 00000000 08:01 5 /usr/share/x.mo\nRss: 4 kB\n"
	"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack]\nRss: 20 kB\n"
	"7ffc00100000-7ffc00102000 r-xp 00000000 00:00 0 [vdso]\nRss: 4 kB\n";

Test(tracer_heap_resident, unclaimed_memory_goes_to_the_line_its_mapping_names)
{
	struct resident *r = made_of(text);

	resident_python(r, 0x400000, 0x503000);
	push(r);
	cr_assert_eq(line("python"), (400 + 4 + 8) * 1024u, "its bss too");
	cr_assert_eq(line("libraries"), 64 * 1024u);
	cr_assert_eq(line("shared"), 4096);
	cr_assert_eq(line("files"), 4096);
	cr_assert_eq(line("stacks"), (16 + 20) * 1024u, "an old stack has its guard below");
	cr_assert_eq(line("kernel"), 4096);
	cr_assert_eq(line("unexplained"), (1024 + 512) * 1024u);
	cr_assert_eq(resident_swapped(r), 12 * 1024u);
	resident_free(r);
}

Test(tracer_heap_resident, without_pages_every_line_is_an_estimate)
{
	struct resident *r = made_of(text);

	cr_assert_eq(resident_claim(r, 0x1000000, 0x1080000, RESIDENT_LARGE), 0x80000);
	push(r);
	cr_assert_eq(line("large_blocks"), 0x80000);
	for (size_t i = 0; i < seen.count; i++)
		cr_assert(seen.estimate[i], "%s", seen.code[i]);
	resident_free(r);
}

Test(tracer_heap_resident, claims_beyond_what_is_charged_give_way_free_memory_first)
{
	struct resident *r = made_of(text);

	(void)resident_claim(r, 0x7f0000000000, 0x7f0000060000, RESIDENT_OBJECTS);
	(void)resident_claim(r, 0x7f0000060000, 0x7f0000100000, RESIDENT_FREE_BLOCKS);
	push(r);
	cr_assert_eq(line("objects"), 0x60000);
	cr_assert_eq(line("free_blocks"), 0x20000);
	resident_free(r);
}

Test(tracer_heap_resident, heaps_claimed_whole_keep_what_no_chunk_took)
{
	struct resident *r = made_of(text);

	(void)resident_claim(r, 0x1000010, 0x1040010, RESIDENT_MALLOC_USED);
	(void)resident_claim(r, 0x1040010, 0x1050010, RESIDENT_LARGE);
	(void)resident_claim(r, 0x1000000, 0x1100000, RESIDENT_MALLOC_FREE);
	resident_heaps_done(r);
	push(r);
	cr_assert_eq(line("malloc_used"), 0x40000);
	cr_assert_eq(line("large_blocks"), 0x10000);
	cr_assert_eq(line("malloc_free"), 0x100000 - 0x50000);
	cr_assert_eq(line("unexplained"), 512 * 1024u);
	resident_free(r);
}

Test(tracer_heap_resident, claims_outside_every_mapping_are_nothing)
{
	struct resident *r = made_of(text);

	cr_assert_eq(resident_claim(r, 0x600000, 0x700000, RESIDENT_OBJECTS), 0);
	cr_assert_eq(resident_claim(r, 0x700000, 0x600000, RESIDENT_OBJECTS), 0);
	resident_add(r, 0x600000, 4096, RESIDENT_OBJECTS);
	resident_rest(r, 0x600000, RESIDENT_OBJECTS);
	push(r);
	cr_assert_eq(line("objects"), 0);
	resident_free(r);
}

/* Claims at random, overlapping, of our own memory: the sum never moves. */
Test(tracer_heap_resident, lines_add_up_to_rss_whatever_is_claimed)
{
	SKIP_IF_SANITIZED();
	char *mine = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct smaps s;
	unsigned seed = 1;

	cr_assert_neq(mine, MAP_FAILED);
	for (size_t i = 0; i < MIB; i += 3 * 4096)
		mine[i] = 1;
	for (int round = 0; round < 50; round++) {
		struct resident *r;

		cr_assert_eq(smaps_read(getpid(), &s, NULL), 0);
		cr_assert_eq(resident_new(&s, &r, NULL), 0);
		cr_assert_eq(resident_pages(r, getpid(), NULL), 0);
		for (int i = 0; i < 200; i++) {
			const struct map_range *m;
			uint64_t a, b;

			seed = seed * 1103515245u + 12345u;
			m = &s.maps.ranges[(seed >> 8) % s.maps.count];
			a = m->start + (seed >> 4) % (m->end - m->start);
			b = a + (seed >> 6) % MIB;
			(void)resident_claim(r, a, b,
					     (enum resident_line)((seed >> 16) % RESIDENT_LINES));
		}
		push(r);
		resident_free(r);
		smaps_deinit(&s);
	}
	munmap(mine, MIB);
}

/* Arenas may be mapped right behind a library, so that they look like its bss. */
Test(tracer_heap_resident, memory_behind_a_library_can_be_claimed)
{
	SKIP_IF_SANITIZED();
	char *mine = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = (uint64_t)(uintptr_t)mine;
	char lines[400];
	struct resident *r;

	cr_assert_neq(mine, MAP_FAILED);
	(void)madvise(mine, MIB, MADV_NOHUGEPAGE);
	mine[0] = mine[4096] = 1;
	snprintf(lines, sizeof lines,
		 "%lx-%lx rw-p 00000000 08:01 8 /usr/lib/libz.so.1\nRss: 4 kB\n"
		 "%lx-%lx rw-p 00000000 00:00 0 \nRss: 8 kB\n",
		 (unsigned long)at - 4096, (unsigned long)at, (unsigned long)at,
		 (unsigned long)at + MIB);
	r = made_of(lines);
	cr_assert_eq(resident_pages(r, getpid(), NULL), 0);
	cr_assert_eq(resident_claim(r, at + 4096, at + MIB, RESIDENT_OBJECTS), 4096);
	push(r);
	cr_assert_eq(line("objects"), 4096);
	cr_assert_eq(line("libraries"), 4096 + 4096, "the rest is its bss");
	resident_free(r);
	munmap(mine, MIB);
}

Test(tracer_heap_resident, pages_are_counted_one_by_one)
{
	SKIP_IF_SANITIZED();
	char *mine = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = (uint64_t)(uintptr_t)mine;
	struct resident *r;
	struct smaps s;

	cr_assert_neq(mine, MAP_FAILED);
	(void)madvise(mine, MIB, MADV_NOHUGEPAGE);
	mine[0] = mine[3 * 4096] = mine[MIB - 1] = 1;
	cr_assert_eq(smaps_read(getpid(), &s, NULL), 0);
	cr_assert_eq(resident_new(&s, &r, NULL), 0);
	cr_assert_eq(resident_pages(r, getpid(), NULL), 0);
	cr_assert_eq(resident_count(r, at, at + MIB), 3 * 4096);
	cr_assert_eq(resident_count(r, at + 4090, at + 3 * 4096 + 10), 6 + 10, "parts of pages");
	cr_assert_eq(resident_claim(r, at, at + 2 * 4096, RESIDENT_OBJECTS), 4096);
	push(r);
	cr_assert_eq(line("objects"), 4096);
	resident_free(r);
	smaps_deinit(&s);
	munmap(mine, MIB);
}

Test(tracer_heap_resident, address_space_somebody_reserved_is_not_looked_through)
{
	const size_t bytes = (size_t)1 << 42;
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct smaps s;
	struct resident *r;
	clock_t begun;

	if (at == MAP_FAILED)
		cr_skip("no address space of that size");
	at[bytes / 2] = 1;
	cr_assert_eq(smaps_read(getpid(), &s, NULL), 0);
	cr_assert_eq(resident_new(&s, &r, NULL), 0);
	begun = clock();
	cr_assert_eq(resident_pages(r, getpid(), NULL), 0);
	cr_expect(clock() - begun < 2 * CLOCKS_PER_SEC); /* its page map has eight gigabytes */
	cr_expect_eq(resident_claim(r, (uint64_t)(uintptr_t)at, (uint64_t)(uintptr_t)at + bytes,
				    RESIDENT_OBJECTS), 0);
	push(r);
	resident_free(r);
	smaps_deinit(&s);
	munmap(at, bytes);
}
