/* SPDX-License-Identifier: MIT */
/*
 * Digests tell contents apart; the map finds what was put.
 */
#include "tracer/stream/idmap.h"

#include <criterion/criterion.h>

TestSuite(tracer_stream_idmap, .timeout = 10);

Test(tracer_stream_idmap, finds_every_key_put_and_no_other)
{
	struct idmap m = { 0 };

	cr_assert_eq(idmap_get(&m, DIGEST_INIT), 0);
	for (uint32_t i = 1; i <= 10000; i++)
		cr_assert(idmap_put(&m, digest_word(DIGEST_INIT, i), i));
	for (uint32_t i = 1; i <= 10000; i++)
		cr_assert_eq(idmap_get(&m, digest_word(DIGEST_INIT, i)), i);
	cr_assert_eq(idmap_get(&m, digest_word(DIGEST_INIT, 0)), 0);
	idmap_deinit(&m);
}

Test(tracer_stream_idmap, digests_depend_on_order_length_and_every_byte)
{
	struct digest ab = digest_word(digest_word(DIGEST_INIT, 1), 2);
	struct digest ba = digest_word(digest_word(DIGEST_INIT, 2), 1);

	cr_assert(ab.a != ba.a || ab.b != ba.b);
	struct digest x = digest_bytes(DIGEST_INIT, "function\0", 8);
	struct digest y = digest_bytes(DIGEST_INIT, "function\0", 9);
	struct digest z = digest_bytes(DIGEST_INIT, "functiom\0", 8);
	cr_assert_neq(x.a, y.a);
	cr_assert_neq(x.a, z.a);
}
