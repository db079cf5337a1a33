/* SPDX-License-Identifier: MIT */
#include "sample.h"

Test(report_view_digest, same_facts_same_digest_and_any_change_shows)
{
	struct recording a, b;
	sample_make(&a, 0);
	sample_make(&b, 0);
	AUTO_FREE char *x = sample_draw(&a, "digest", (struct view_options){ 0 }, NULL);
	AUTO_FREE char *y = sample_draw(&b, "digest", (struct view_options){ 0 }, NULL);
	cr_assert_str_eq(x, y);
	b.totals.totals.live_bytes++;
	AUTO_FREE char *z = sample_draw(&b, "digest", (struct view_options){ 0 }, NULL);
	cr_assert_str_neq(x, z);
	recording_deinit(&a);
	recording_deinit(&b);
}
