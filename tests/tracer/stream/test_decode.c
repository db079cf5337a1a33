/* SPDX-License-Identifier: MIT */
/*
 * Batches from split reads, records of every kind, and bytes that are neither.
 */
#include "tracer/stream/decode.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/guard_alloc.h"
#include "tests/support/stream_image.h"

TestSuite(tracer_stream_decode, .timeout = 20);

static void feed(struct decode *d, const void *bytes, size_t n)
{
	size_t room;
	void *to = decode_room(d, &room);

	cr_assert_geq(room, n);
	memcpy(to, bytes, n);
	decode_filled(d, n);
}

/* One record of a batch of the given words. */
static size_t decode_words(const uint64_t *words, size_t n, struct record *ret, bool *ret_bad)
{
	struct record_cursor c = { words, words + n, false };
	size_t k = record_decode(&c, ret, 8);

	*ret_bad = c.bad;
	return k;
}

Test(tracer_stream_decode, records_of_every_kind_come_out_as_they_went_in)
{
	struct stream_image s;
	struct record r[8];
	bool bad;

	stream_image_init(&s);
	size_t first = s.n;
	stream_image_alloc(&s, 0x7f0000001230, 56, 7, AGENT_OBJ);
	stream_image_alloc(&s, 0x7f0000100000, 1 << 20, 8, AGENT_RAW);
	stream_image_free(&s, 0x7f0000001230);
	stream_image_unfree(&s, 0x7f0000001230);
	stream_image_temp(&s, 9, 1000, 64000);
	stream_image_sampled(&s, 0x7f0000002230, 64, 3);
	stream_image_hello(&s, 4096);
	cr_assert_eq(decode_words(s.words + first, s.n - first, r, &bad), 7);
	cr_assert_not(bad);
	cr_assert_eq(r[0].kind, STREAM_ALLOC);
	cr_assert_eq(r[0].addr, 0x7f0000001230);
	cr_assert_eq(r[0].size, 56);
	cr_assert_eq(r[0].site, 7);
	cr_assert_eq(r[0].domain, AGENT_OBJ);
	cr_assert_not(r[0].sampled);
	cr_assert_eq(r[1].size, 1 << 20);
	cr_assert_eq(r[1].domain, AGENT_RAW);
	cr_assert_eq(r[2].kind, STREAM_FREE);
	cr_assert_eq(r[2].addr, 0x7f0000001230);
	cr_assert_eq(r[3].kind, STREAM_UNFREE);
	cr_assert_eq(r[4].kind, STREAM_TEMP);
	cr_assert_eq(r[4].site, 9);
	cr_assert_eq(r[4].blocks, 1000);
	cr_assert_eq(r[4].size, 64000);
	cr_assert(r[5].sampled);
	cr_assert_eq(r[6].kind, STREAM_META);
	cr_assert_eq(r[6].site, STREAM_HELLO);
	cr_assert_eq(r[6].blocks, sizeof(struct stream_hello));
	stream_image_deinit(&s);
}

Test(tracer_stream_decode, records_beyond_the_batch_are_bad_and_not_read)
{
	static const uint64_t words[] = {
		0x1000 | STREAM_ALLOC | 56ull << 48, /* second word missing */
		0x1000 | STREAM_ALLOC | 0xffffull << 48,
		STREAM_TEMP,
		STREAM_META | 5ull << 16,
		STREAM_META, /* no length */
		0x1000 | 6,  /* unknown kinds */
		0x1000 | 7,
		0,
		STREAM_FREE, /* address 0 */
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct record r[8];
		bool bad;
		/* Flush against an unmapped page: reading on would be seen. */
		uint64_t *w = guard_copy(&words[i], sizeof *w);
		cr_assert_eq(decode_words(w, 1, r, &bad), 0, "word %zu", i);
		cr_assert(bad, "word %zu", i);
		guard_free(w);
	}
}

Test(tracer_stream_decode, an_allocation_that_cannot_be_is_bad)
{
	const uint64_t at = 0x7f0000001230 | STREAM_ALLOC, large = at | 0xffffull << 48;
	const uint64_t last = AGENT_DOMAINS - 1ull, most = (1ull << 48) - 1;
	const struct {
		uint64_t words[3];
		size_t n;
		bool sane;
	} c[] = {
		{ { at | 56ull << 48, 7 | last << 32 }, 2, true },
		{ { at | 56ull << 48, 7 | (last + 1) << 32 }, 2, false },
		{ { at | 56ull << 48, 7 | 0xffull << 32 }, 2, false },
		{ { STREAM_ALLOC | 56ull << 48, 7 }, 2, false }, /* address 0 */
		{ { large, 7, most }, 3, true },
		{ { large, 7, most + 1 }, 3, false },
		{ { large, 7, UINT64_MAX }, 3, false },
		{ { large, 7 }, 2, false }, /* the size missing */
	};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct record r[8];
		bool bad;
		uint64_t *w = guard_copy(c[i].words, c[i].n * 8);
		cr_expect_eq(decode_words(w, c[i].n, r, &bad), c[i].sane, "record %zu", i);
		cr_expect_eq(bad, !c[i].sane, "record %zu", i);
		guard_free(w);
	}
}

Test(tracer_stream_decode, good_records_before_a_bad_one_are_kept)
{
	const uint64_t words[] = { 0x1000 | STREAM_FREE, 0x2000 | STREAM_FREE, 7 };
	struct record r[8];
	bool bad;

	cr_assert_eq(decode_words(words, 3, r, &bad), 2);
	cr_assert(bad);
}

Test(tracer_stream_decode, batches_survive_any_split)
{
	struct stream_image s;

	stream_image_init(&s);
	for (unsigned b = 0; b < 5; b++) {
		for (unsigned i = 0; i <= b; i++)
			stream_image_free(&s, 0x1000 + b * 256 + i * 16);
		stream_image_batch(&s, b);
	}
	stream_image_end(&s);
	for (size_t piece = 1; piece < 200; piece += 7) {
		struct decode *d;
		struct decode_batch batch;
		unsigned seen = 0;

		cr_assert_eq(decode_new(&d, NULL), 0);
		for (size_t at = 0; at < s.n * 8; at += piece) {
			size_t left = s.n * 8 - at;
			feed(d, (char *)s.words + at, left < piece ? left : piece);
			while (decode_next(d, &batch, NULL) > 0) {
				cr_assert_eq(batch.head.serial, seen);
				cr_assert_eq(batch.head.window_peak_bytes, seen);
				cr_assert_eq(batch.nwords, seen + 1);
				cr_assert_eq(batch.words[0], (0x1000 + seen * 256) | STREAM_FREE);
				seen++;
			}
		}
		cr_assert_eq(seen, 5);
		cr_assert_eq(decode_pending(d), 0);
		cr_assert_eq(decode_counts(d)->batches, 5);
		cr_assert_eq(decode_counts(d)->lost_batches, 0);
		cr_assert_eq(decode_counts(d)->bytes, s.n * 8);
		decode_free(d);
	}
	stream_image_deinit(&s);
}

Test(tracer_stream_decode, a_gap_in_the_serials_is_counted_as_loss)
{
	struct stream_image s;
	struct decode *d;
	struct decode_batch batch;

	stream_image_init(&s);
	stream_image_free(&s, 0x1000);
	stream_image_batch(&s, 0);
	s.serial = 5;
	stream_image_free(&s, 0x1000);
	stream_image_batch(&s, 0);
	stream_image_free(&s, 0x1000);
	stream_image_end(&s);
	cr_assert_eq(decode_new(&d, NULL), 0);
	feed(d, s.words, s.n * 8);
	while (decode_next(d, &batch, NULL) > 0)
		;
	cr_assert_eq(decode_counts(d)->batches, 3);
	cr_assert_eq(decode_counts(d)->lost_batches, 3);
	decode_free(d);
	stream_image_deinit(&s);
}

Test(tracer_stream_decode, a_head_that_cannot_be_one_is_corrupt)
{
	const struct stream_batch good = { .magic = STREAM_MAGIC | (uint64_t)AGENT_ABI_VERSION << 48,
					   .bytes = sizeof good };
	struct stream_batch bad[4] = { good, good, good, good };
	struct decode *d;
	struct decode_batch batch;
	struct err err = ERR_INIT;

	bad[0].magic ^= 1;
	bad[1].bytes = sizeof good - 8;
	bad[2].bytes = sizeof good + 4;
	bad[3].bytes = DECODE_BATCH_BYTES_MAX + 8;
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(decode_new(&d, NULL), 0);
		feed(d, &bad[i], sizeof bad[i]);
		cr_assert_eq(decode_next(d, &batch, &err), ERR_CORRUPT);
		cr_assert_eq(decode_next(d, &batch, &err), ERR_CORRUPT);
		decode_free(d);
	}
	bad[0] = good;
	bad[0].magic += 1ull << 48;
	cr_assert_eq(decode_new(&d, NULL), 0);
	feed(d, bad, sizeof *bad);
	cr_assert_eq(decode_next(d, &batch, &err), ERR_UNSUPPORTED);
	cr_assert_str_eq(err.hint, "abi-mismatch");
	decode_free(d);
}

Test(tracer_stream_decode, a_cut_batch_is_pending)
{
	struct stream_image s;
	struct decode *d;
	struct decode_batch batch;

	stream_image_init(&s);
	stream_image_free(&s, 0x1000);
	stream_image_end(&s);
	cr_assert_eq(decode_new(&d, NULL), 0);
	feed(d, s.words, s.n * 8 - 3);
	cr_assert_eq(decode_next(d, &batch, NULL), 0);
	cr_assert_eq(decode_pending(d), s.n * 8 - 3);
	decode_free(d);
	stream_image_deinit(&s);
}
