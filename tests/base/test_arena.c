/* SPDX-License-Identifier: MIT */
/*
 * Bump arena: zeroed, aligned, not overlapping, bounded.
 */
#include "base/arena.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/fail_alloc.h"

TestSuite(base_arena, .timeout = 10);

Test(base_arena, memory_is_zeroed_aligned_and_apart)
{
	AUTO_ARENA struct arena a = ARENA_INIT;
	uint8_t *got[500];

	for (size_t i = 0; i < 500; i++) {
		got[i] = arena_alloc(&a, i);
		cr_assert_not_null(got[i]);
		cr_assert_eq((uintptr_t)got[i] % 16, 0);
		for (size_t j = 0; j < i; j++)
			cr_assert_eq(got[i][j], 0);
		memset(got[i], (int)i, i);
	}
	for (size_t i = 0; i < 500; i++) {
		for (size_t j = 0; j < i; j++)
			cr_assert_eq(got[i][j], (uint8_t)i);
	}
}

Test(base_arena, allocation_larger_than_a_chunk_is_served)
{
	AUTO_ARENA struct arena a = ARENA_INIT;
	uint8_t *small = arena_alloc(&a, 16), *large = arena_alloc(&a, 5 << 20);

	cr_assert_not_null(large);
	large[(5 << 20) - 1] = 1;
	cr_assert_eq((uint8_t *)arena_alloc(&a, 16), small + 16, "the current chunk goes on");
}

Test(base_arena, absurd_sizes_are_refused)
{
	AUTO_ARENA struct arena a = ARENA_INIT;

	cr_assert_null(arena_alloc(&a, SIZE_MAX));
	cr_assert_null(arena_array(&a, SIZE_MAX / 4, 8));
	cr_assert_null(arena_str(&a, "", SIZE_MAX));
}

Test(base_arena, strings_are_copied_with_their_end)
{
	AUTO_ARENA struct arena a = ARENA_INIT;

	cr_assert_str_eq(arena_str(&a, "abcdef", 3), "abc");
	cr_assert_str_eq(arena_str(&a, NULL, 0), "");
	cr_assert_eq(memcmp(arena_copy(&a, "xyz", 3), "xyz", 3), 0);
}

Test(base_arena, every_allocation_may_fail)
{
	FAIL_ALLOC_EACH {
		AUTO_ARENA struct arena a = ARENA_INIT;
		size_t failed = 0;

		for (size_t i = 0; i < 100; i++)
			failed += !arena_alloc(&a, 1000);
		cr_assert_eq(failed, fail_alloc_hit() ? 1 : 0);
	}
}
