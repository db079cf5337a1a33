/* SPDX-License-Identifier: MIT */
#include "report/model/recording.h"

#include "feed.h"

static struct recording r;

static void setup(void)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
}

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_model_recording, .init = setup, .fini = teardown);

static const char *note_text(const char *code)
{
	for (size_t i = 0; i < r.totals.notes.len; i++)
		if (strcmp(r.totals.notes.at[i].code, code) == 0)
			return r.totals.notes.at[i].text;
	return NULL;
}

/* The sample service: two leaks, one cache that fills, much that dies young. */
static void feed_service(void)
{
	feed_site(&r, 1, 1, "put app/cache.py:88 < handle worker.py:140 < serve worker.py:77");
	feed_site(&r, 2, 1, "read app/http.py:41 < handle worker.py:138 < serve worker.py:77");
	feed_site(&r, 3, 1, "lookup app/plan.py:12 < handle worker.py:139 < serve worker.py:77");
	feed_site(&r, 4, 1, "parse app/parse.py:9 < serve worker.py:77");
	for (int i = 0; i < 100; i++) {
		struct fact_delta d[] = { { 1, 40, 4000, 0, 0, 0, 0 },
					  { 2, 10, 2000, i > 20 ? 1 : 0, i > 20 ? 200 : 0, 0, 0 },
					  { 4, 5000, 500000, 5000, 500000, 5000, 500000 },
					  { 3, 10, 9000, 0, 0, 0, 0 } };
		feed_interval(&r, i, i + 1, d, i < 40 ? 4 : 3);
	}
}

Test(report_model_recording, both_leaks_are_named_and_the_cache_is_not)
{
	feed_service();
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert_eq(r.nsuspects, 2);
	cr_assert_eq(r.suspects[0], 0);
	cr_assert_eq(r.suspects[1], 1);
	cr_assert_eq(r.verdicts[0].confidence, GROWTH_HIGH);
	cr_assert_eq(r.verdicts[2].class, GROWTH_STABLE);
	cr_assert_eq(r.verdicts[3].class, GROWTH_FLAT);
	cr_assert_eq(r.suspect_bytes, 400000 + 100 * 2000 - 79 * 200);
}

Test(report_model_recording, missing_totals_are_summed_and_said_so)
{
	feed_service();
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	const struct fact_totals *t = &r.totals.totals;
	cr_assert_eq(t->alloc_bytes - t->free_bytes, t->live_bytes);
	cr_assert_eq(t->alloc_blocks - t->free_blocks, t->live_blocks);
	cr_assert(note_text("no-totals"));
	cr_assert(note_text("truncated"));
	cr_assert_eq(t->duration_ns, UINT64_C(100000000000));
}

/* Ticks that tell how many foreign frees there were so far; then the end. */
static void end_with_foreign_frees(uint64_t first_half, uint64_t second_half)
{
	struct fact_sink s = recording_sink(&r);
	struct fact_tick half = { .at_ns = UINT64_C(49900000000), .frees = first_half };
	struct fact_totals t = { .live_blocks = 5000,
				 .live_bytes = 1,
				 .foreign_frees = first_half + second_half,
				 .duration_ns = UINT64_C(100000000000) };
	cr_assert_eq(s.tick(s.ctx, &half, NULL), 0);
	cr_assert_eq(s.totals(s.ctx, &t, NULL), 0);
	cr_assert_eq(s.finish(s.ctx, FACT_END_DETACHED, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
}

Test(report_model_recording, freed_blocks_from_before_the_attach_cast_doubt)
{
	feed_service();
	end_with_foreign_frees(3000, 2048 + 3000);
	cr_assert(note_text("turnover"));
	cr_assert_null(note_text("truncated"));
	cr_assert_eq(r.verdicts[0].confidence, GROWTH_LOW);
	cr_assert_eq(r.nconfident, 0);
}

Test(report_model_recording, turnover_that_ended_casts_no_doubt)
{
	feed_service();
	end_with_foreign_frees(60000, 100);
	cr_assert_null(note_text("turnover"));
	cr_assert(note_text("foreign-frees"));
	cr_assert(strstr(note_text("foreign-frees"), "60,100 blocks from before"));
	cr_assert_eq(r.verdicts[0].confidence, GROWTH_HIGH);
	cr_assert_eq(r.nconfident, 2);
}

/* 20 seconds of ticks: resident memory grows by so much each, live memory by so much. */
static void grow_resident(uint64_t rss, uint64_t live, double until)
{
	feed_target(&r, 0);
	for (int i = 0; i <= 40; i++) {
		uint64_t n = i * 0.5 < until ? (uint64_t)i : (uint64_t)(until * 2);
		feed_tick(&r, 0.1 + i * 0.5, (UINT64_C(50) << 20) + n * rss, n * live);
	}
	cr_assert_eq(recording_conclude(&r, NULL), 0);
}

Test(report_model_recording, what_c_code_keeps_is_growth_outside_python)
{
	grow_resident(1 << 20, 1 << 17, 20);
	cr_assert(note_text("outside-python"));
	cr_assert(strstr(note_text("outside-python"), "grew by 2.0 MiB/s, what Python allocated by 0.2 MiB/s"), "%s",
		  note_text("outside-python"));
}

Test(report_model_recording, what_python_keeps_is_no_growth_outside_it)
{
	grow_resident(1 << 20, 1 << 20, 20);
	cr_assert_null(note_text("outside-python"));
}

Test(report_model_recording, what_grew_and_stopped_is_no_growth_outside_python)
{
	grow_resident(1 << 20, 0, 9);
	cr_assert_null(note_text("outside-python"));
}

Test(report_model_recording, an_empty_recording_has_nothing_to_say)
{
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert_eq(r.nsuspects, 0);
	cr_assert_eq(r.overall.class, GROWTH_FLAT);
	struct table t;
	cr_assert_eq(recording_sites_table(&r, SITES_LIVE, 0, &t, NULL), 0);
	cr_assert_eq(t.rows.len, 0);
	table_deinit(&t);
}

/* As a file of it is read: with totals, which are all zero, and with sites of no thread. */
Test(report_model_recording, a_snapshot_that_knows_sites_from_tracemalloc_is_no_recording)
{
	struct fact_sink k = recording_sink(&r);
	struct fact_totals none = { 0 };
	struct fact_heap heap = { .snapshot = 1, .interpreters = 1 };
	cr_assert_eq(k.heap(k.ctx, &heap, NULL), 0);
	cr_assert_eq(k.heap_end(k.ctx, 1, NULL), 0);
	feed_site(&r, 1, 0, "put app/cache.py:88");
	cr_assert_eq(k.totals(k.ctx, &none, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert(recording_is_snapshot(&r));
	feed_site(&r, 2, 1, "put app/cache.py:89");
	cr_assert_not(recording_is_snapshot(&r));
}

Test(report_model_recording, tables_have_the_figures_of_the_models)
{
	feed_service();
	feed_tick(&r, 3, 1 << 20, 5);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	struct table t;
	cr_assert_eq(recording_sites_table(&r, SITES_LIVE, 2, &t, NULL), 0);
	cr_assert_eq(t.rows.len, 2);
	cr_assert_str_eq(t.columns[0].key, "live_bytes");
	cr_assert_eq(t.rows.at[0][0].count, 400000);
	table_deinit(&t);
	cr_assert_eq(recording_threads_table(&r, &t, NULL), 0);
	cr_assert_eq(t.rows.len, 1);
	table_deinit(&t);
	cr_assert_eq(recording_timeline_table(&r, &t, NULL), 0);
	cr_assert_gt(t.rows.len, 90);
	table_deinit(&t);
}

Test(report_model_recording, sampled_figures_are_marked)
{
	feed_target(&r, 65536);
	feed_service();
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	cr_assert(note_text("estimate"));
	struct table t;
	cr_assert_eq(recording_leaks_table(&r, 0, &t, NULL), 0);
	cr_assert(t.columns[5].estimate);
	for (size_t i = 0; i < t.ncolumns; i++)
		cr_assert(t.columns[i].estimate == false || strcmp(t.columns[i].key, "line") != 0);
	table_deinit(&t);
}
