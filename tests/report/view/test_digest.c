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

Test(report_view_digest, of_a_snapshot_it_is_of_types_arenas_and_the_ledger)
{
	struct recording r;
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	sample_snapshot(&r, 1, "Session");
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	struct heap_model *m = (struct heap_model *)heaps_last(&r.heaps);
	uint64_t *const figures[] = { &m->types.at[0].count, &m->types.at[1].total_bytes, &m->arenas.at[0].live_bytes,
				      &m->ledger.at[2].bytes };
	AUTO_FREE char *was = sample_draw(&r, "digest", (struct view_options){ 0 }, NULL);
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
		++*figures[i];
		AUTO_FREE char *is = sample_draw(&r, "digest", (struct view_options){ 0 }, NULL);
		cr_assert_str_neq(is, was, "figure %zu", i);
		--*figures[i];
	}
	AUTO_FREE char *again = sample_draw(&r, "digest", (struct view_options){ 0 }, NULL);
	cr_assert_str_eq(again, was);
	recording_deinit(&r);
}
