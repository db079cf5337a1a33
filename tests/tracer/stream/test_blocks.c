/* SPDX-License-Identifier: MIT */
/*
 * The table of live blocks against a plain array as model; splitting, limits, sorting.
 */
#include "tracer/stream/blocks.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(tracer_stream_blocks, .timeout = 30);

static uint64_t state = 88172645463325252u;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

Test(tracer_stream_blocks, empty_table_finds_nothing)
{
	struct blocks *b;
	struct block_slot *all;
	size_t n;

	cr_assert_eq(blocks_new(10, &b, NULL), 0);
	cr_assert_null(blocks_find(b, 8));
	cr_assert_eq(blocks_sorted(b, &all, &n, NULL), 0);
	cr_assert_null(all);
	cr_assert_eq(n, 0);
	blocks_free(b);
	blocks_free(NULL);
}

Test(tracer_stream_blocks, agrees_with_a_plain_array_over_many_splits)
{
	enum { N = 60000 };
	struct { uint64_t addr, size, word; } *model = calloc(N, sizeof *model);
	struct blocks *b;

	cr_assert_eq(blocks_new(1 << 20, &b, NULL), 0);
	for (unsigned step = 0; step < 400000; step++) {
		size_t i = rnd() % N;
		/* Neighbouring addresses, as an allocator gives them, and far ones. */
		uint64_t addr = i % 2 ? 0x7f0000000000 + i * 16 : (i + 1) * 0x100000780;
		struct block_slot *s = blocks_find(b, addr);

		cr_assert_eq(s != NULL, model[i].addr != 0);
		if (s) {
			cr_assert_eq(blocks_slot_addr(s), addr);
			cr_assert_eq(blocks_slot_size(b, s), model[i].size);
			cr_assert_eq(s->word, model[i].word);
			blocks_remove(b, s);
			model[i].addr = 0;
		} else {
			model[i].addr = addr;
			model[i].size = rnd() % 7 ? rnd() % 4096 : rnd() % (1ull << 40);
			model[i].word = rnd();
			cr_assert_eq(blocks_insert(b, addr, model[i].size, model[i].word),
				     BLOCKS_INSERTED);
			cr_assert_eq(blocks_insert(b, addr, 1, 1), BLOCKS_EXISTS);
		}
	}
	uint64_t alive = 0;
	for (size_t i = 0; i < N; i++)
		alive += model[i].addr != 0;
	cr_assert_eq(b->count, alive);

	struct block_slot *all;
	size_t n;
	cr_assert_eq(blocks_sorted(b, &all, &n, NULL), 0);
	cr_assert_eq(n, alive);
	for (size_t i = 1; i < n; i++)
		cr_assert_lt(blocks_slot_addr(&all[i - 1]), blocks_slot_addr(&all[i]));
	free(all);
	free(model);
	blocks_free(b);
}

Test(tracer_stream_blocks, sizes_around_the_escape_are_kept)
{
	static const uint64_t sizes[] = { 0, 1, BLOCKS_SIZE_LARGE - 1, BLOCKS_SIZE_LARGE,
					  BLOCKS_SIZE_LARGE + 1, (1ull << 48) - 1 };
	struct blocks *b;

	cr_assert_eq(blocks_new(100, &b, NULL), 0);
	for (size_t i = 0; i < 6; i++)
		cr_assert_eq(blocks_insert(b, 16 * (i + 1), sizes[i], i), BLOCKS_INSERTED);
	for (size_t i = 0; i < 6; i++)
		cr_assert_eq(blocks_slot_size(b, blocks_find(b, 16 * (i + 1))), sizes[i]);
	for (size_t i = 0; i < 6; i++)
		blocks_remove(b, blocks_find(b, 16 * (i + 1)));
	cr_assert_eq(b->large->count, 0);
	blocks_free(b);
}

Test(tracer_stream_blocks, the_limit_refuses_and_changes_nothing)
{
	struct blocks *b;

	cr_assert_eq(blocks_new(3, &b, NULL), 0);
	for (uint64_t i = 1; i <= 3; i++)
		cr_assert_eq(blocks_insert(b, i * 16, 8, 0), BLOCKS_INSERTED);
	cr_assert_eq(blocks_insert(b, 64, 8, 0), BLOCKS_REFUSED);
	cr_assert_null(blocks_find(b, 64));
	blocks_remove(b, blocks_find(b, 16));
	cr_assert_eq(blocks_insert(b, 64, 8, 0), BLOCKS_INSERTED);
	blocks_free(b);
}
