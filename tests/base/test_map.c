/* SPDX-License-Identifier: MIT */
/*
 * Hash map against a plain array as model; key 0, deletion, growth, failure.
 */
#include "base/map.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/support/fail_alloc.h"

TestSuite(base_map, .timeout = 20);

Test(base_map, empty_map_answers)
{
	AUTO_MAP struct map m = MAP_INIT;
	uint64_t k, v;
	size_t pos = 0;

	cr_assert_null(map_find(&m, 0));
	cr_assert_null(map_find(&m, 1));
	cr_assert_eq(map_get(&m, 1, 99), 99);
	cr_assert_not(map_del(&m, 1, NULL));
	cr_assert_not(map_del(&m, 0, NULL));
	cr_assert_not(map_next(&m, &pos, &k, &v));
	map_clear(&m);
	map_prefetch(&m, 1);
}

Test(base_map, every_key_is_allowed)
{
	static const uint64_t keys[] = { 0, 1, UINT64_MAX, UINT64_MAX - 1, 1 << 12, INT64_MAX };
	AUTO_MAP struct map m = MAP_INIT;
	uint64_t v;

	for (size_t i = 0; i < 6; i++)
		cr_assert_eq(map_set(&m, keys[i], i + 10), 0);
	cr_assert_eq(m.len, 6);
	for (size_t i = 0; i < 6; i++)
		cr_assert_eq(map_get(&m, keys[i], 0), i + 10);
	for (size_t i = 0; i < 6; i++) {
		cr_assert(map_del(&m, keys[i], &v));
		cr_assert_eq(v, i + 10);
		cr_assert_not(map_has(&m, keys[i]));
	}
	cr_assert_eq(m.len, 0);
}

Test(base_map, add_tells_new_from_old)
{
	AUTO_MAP struct map m = MAP_INIT;
	bool is_new;

	for (uint64_t key = 0; key < 2; key++) {
		cr_assert_eq(*map_add(&m, key, 5, &is_new), 5);
		cr_assert(is_new);
		cr_assert_eq(*map_add(&m, key, 6, &is_new), 5);
		cr_assert_not(is_new);
		*map_find(&m, key) = 7;
		cr_assert_eq(map_get(&m, key, 0), 7);
	}
}

Test(base_map, agrees_with_a_plain_array_under_random_use)
{
	enum { KEYS = 3000 };
	static bool have[KEYS];
	static uint64_t value[KEYS];
	AUTO_MAP struct map m = MAP_INIT;
	unsigned seed = 1;
	size_t count = 0, seen = 0, pos = 0;
	uint64_t k, v;

	for (unsigned i = 0; i < 300000; i++) {
		unsigned key = (unsigned)rand_r(&seed) % KEYS;

		/* Keys as addresses are: multiples of 16. */
		if (rand_r(&seed) % 3) {
			cr_assert_eq(map_set(&m, key * 16, i), 0);
			count += !have[key];
			have[key] = true;
			value[key] = i;
		} else {
			cr_assert_eq(map_del(&m, key * 16, &v), have[key]);
			cr_assert(!have[key] || v == value[key]);
			count -= have[key];
			have[key] = false;
		}
		cr_assert_eq(m.len, count);
	}
	for (unsigned key = 0; key < KEYS; key++)
		cr_assert_eq(map_get(&m, key * 16, UINT64_MAX),
			     have[key] ? value[key] : UINT64_MAX);
	while (map_next(&m, &pos, &k, &v)) {
		cr_assert(have[k / 16] && value[k / 16] == v);
		seen++;
	}
	cr_assert_eq(seen, count);
	map_clear(&m);
	cr_assert_eq(m.len, 0);
	cr_assert_not(map_has(&m, 16));
}

Test(base_map, reserved_room_needs_no_memory)
{
	AUTO_MAP struct map m = MAP_INIT;

	cr_assert_eq(map_reserve(&m, 1000), 0);
	fail_alloc_from(1);
	for (uint64_t i = 1; i <= 1000; i++)
		cr_assert_eq(map_set(&m, i, i), 0);
	fail_alloc_at(0);
	cr_assert_eq(map_reserve(&m, SIZE_MAX), ERR_NOMEM);
	cr_assert_eq(map_reserve(&m, SIZE_MAX / 64), ERR_NOMEM);
	cr_assert_eq(m.len, 1000);
}

Test(base_map, failed_growth_changes_nothing)
{
	FAIL_ALLOC_EACH {
		AUTO_MAP struct map m = MAP_INIT;
		uint64_t set = 0;

		for (uint64_t i = 0; i < 200; i++) {
			if (map_set(&m, i, i) == 0)
				set++;
			else
				cr_assert_not(map_has(&m, i));
		}
		cr_assert_eq(m.len, set);
		cr_assert_eq(set, fail_alloc_hit() ? 199 : 200);
	}
}

Test(base_map, two_maps_hash_differently)
{
	AUTO_MAP struct map a = MAP_INIT, b = MAP_INIT;
	size_t same = 0;

	cr_assert_eq(map_reserve(&a, 10000), 0);
	cr_assert_eq(map_reserve(&b, 10000), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		same += map_home_(&a, i) == map_home_(&b, i);
	cr_assert_lt(same, 100);
}
