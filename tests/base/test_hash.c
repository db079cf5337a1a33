/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <criterion/criterion.h>

TestSuite(base_hash, .timeout = 10);

/* Test vectors of FNV-1a, 64 bits: draft-eastlake-fnv, appendix C. */
Test(base_hash, is_fnv_1a)
{
	cr_expect_eq(hash_bytes(HASH_START, "", 0), UINT64_C(0xcbf29ce484222325));
	cr_expect_eq(hash_bytes(HASH_START, "a", 1), UINT64_C(0xaf63dc4c8601ec8c));
	cr_expect_eq(hash_bytes(HASH_START, "foobar", 6), UINT64_C(0x85944171f73967e8));
}

Test(base_hash, goes_on_where_it_stopped)
{
	cr_expect_eq(hash_bytes(hash_bytes(HASH_START, "foo", 3), "bar", 3), hash_bytes(HASH_START, "foobar", 6));
}
