/* SPDX-License-Identifier: MIT */
/* Comparisons of recordings made by hand: states, three files, names instead of addresses. */
#include "report/model/diff.h"

#include "feed.h"

static struct recording files[3];
static struct diff d;
#define DIFF_EVERY ((1u << DIFF_BYS) - 1)

static void setup(void)
{
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(recording_init(&files[i], NULL), 0);
		feed_target(&files[i], 0);
	}
}

static void teardown(void)
{
	diff_deinit(&d);
	for (size_t i = 0; i < 3; i++)
		recording_deinit(&files[i]);
}

TestSuite(report_model_diff, .init = setup, .fini = teardown);

static void allocate(struct recording *r, uint32_t site, uint64_t bytes)
{
	struct fact_delta one = { site, bytes / 16, bytes, 0, 0, 0, 0 };
	feed_interval(r, site, site + 1, &one, 1);
}

static void begin(struct recording *r)
{
	struct fact_sink s = recording_sink(r);
	cr_assert_eq(s.heap(s.ctx, &(struct fact_heap){ .snapshot = 1 }, NULL), 0);
}

static void type(struct recording *r, uint32_t number, const char *name, uint64_t count)
{
	struct fact_sink s = recording_sink(r);
	struct fact_heap_type t = { .type = number, .addr = 0x1000 * (uint64_t)(number + 7 * (r - files)),
				    .name = name, .module = "app", .count = count,
				    .total_bytes = 100 * count };
	cr_assert_eq(s.heap_type(s.ctx, &t, NULL), 0);
}

static void held(struct recording *r, uint32_t number, const char *path, uint64_t n)
{
	struct fact_sink s = recording_sink(r);
	struct fact_heap_held f = { 0, number, n, 100 * n, "dict of it", path, 0, 0, 0 };
	cr_assert_eq(s.heap_held(s.ctx, &f, NULL), 0);
}

static void end(struct recording *r, bool heap)
{
	struct fact_sink s = recording_sink(r);
	if (heap)
		cr_assert_eq(s.heap_end(s.ctx, 1, NULL), 0);
	cr_assert_eq(s.totals(s.ctx, &(struct fact_totals){ .duration_ns = 1000000000 }, NULL), 0);
	cr_assert_eq(s.finish(s.ctx, FACT_END_DETACHED, NULL), 0);
	struct err err = ERR_INIT;
	cr_assert_eq(recording_conclude(r, &err), 0, "%s", err.text);
}

static void make(size_t n)
{
	const struct recording *list[] = { &files[0], &files[1], &files[2] };
	struct err err = ERR_INIT;
	cr_assert_eq(diff_make(&d, list, n, &err), 0, "%s", err.text);
}

static const struct diff_row *row(enum diff_by by, const char *name)
{
	for (size_t i = 0; i < d.by[by].rows.len; i++)
		if (strstr(d.by[by].rows.at[i].name, name))
			return &d.by[by].rows.at[i];
	cr_assert(false, "no row %s", name);
	return NULL;
}

Test(report_model_diff, types_are_new_grown_shrunk_gone_or_the_same)
{
	static const uint64_t counts[2][5] = { { 0, 10, 10, 10, 10 }, { 5, 25, 4, 0, 10 } };
	static const char *const names[] = { "New", "Grown", "Shrunk", "Gone", "Same" };
	static const enum diff_state states[] = { DIFF_NEW, DIFF_GROWN, DIFF_SHRUNK, DIFF_GONE,
						  DIFF_SAME };
	for (size_t f = 0; f < 2; f++) {
		begin(&files[f]);
		/* Numbers of types differ from file to file; so do addresses. */
		for (size_t i = 0; i < 5; i++)
			type(&files[f], (uint32_t)(f ? 5 - i : i + 1), names[i], counts[f][i]);
		end(&files[f], true);
	}
	make(2);
	cr_assert(d.by[DIFF_TYPE].known);
	cr_assert_not(d.by[DIFF_SITE].known);
	for (size_t i = 0; i < 5; i++)
		cr_assert_eq(row(DIFF_TYPE, names[i])->state, states[i], "%s", names[i]);
	cr_assert_eq(row(DIFF_TYPE, "Grown")->delta_bytes, 1500);
	cr_assert_eq(row(DIFF_TYPE, "Shrunk")->delta_count, -6);
	cr_assert_str_eq(d.by[DIFF_TYPE].rows.at[0].name, "app.Grown");
	cr_assert(diff_grew(&d, DIFF_EVERY, 1500));
	cr_assert_not(diff_grew(&d, DIFF_EVERY, 1501));
}

Test(report_model_diff, a_site_is_found_again_after_lines_moved_and_on_another_host)
{
	feed_site(&files[0], 1, 1, "put /srv/v1/app/cache.py:88 < serve /srv/v1/app/worker.py:7");
	feed_site(&files[0], 2, 1, "gone /srv/v1/app/old.py:3 < serve /srv/v1/app/worker.py:8");
	feed_site(&files[1], 1, 1, "fresh /opt/app/new.py:3 < serve /opt/app/worker.py:7");
	feed_site(&files[1], 2, 1, "put /opt/app/cache.py:91 < serve /opt/app/worker.py:17");
	allocate(&files[0], 1, 1600);
	allocate(&files[0], 2, 320);
	allocate(&files[1], 1, 160);
	allocate(&files[1], 2, 4800);
	end(&files[0], false);
	end(&files[1], false);
	make(2);
	cr_assert_eq(d.by[DIFF_SITE].rows.len, 3);
	cr_assert_eq(row(DIFF_SITE, "put")->delta_bytes, 3200);
	cr_assert_str_eq(row(DIFF_SITE, "put")->name, "put app/cache.py:91");
	cr_assert_eq(row(DIFF_SITE, "gone")->state, DIFF_GONE);
	cr_assert_eq(row(DIFF_SITE, "fresh")->state, DIFF_NEW);
}

Test(report_model_diff, rows_that_would_look_alike_are_told_apart)
{
	static const char *const stacks[] = {
		"grow /usr/lib/python3/lists.py:1 < put app/cache.py:5 < get app/cache.py:9 < serve app/worker.py:7",
		"grow /usr/lib/python3/lists.py:1 < put app/cache.py:5 < get app/cache.py:9 < warm app/worker.py:20",
		"grow /usr/lib/python3/lists.py:1 < put app/cache.py:5 < load app/disk.py:3 < serve app/worker.py:7",
		"other /usr/lib/python3/lists.py:4 < put app/cache.py:5 < load app/disk.py:3 < serve app/worker.py:7",
		"put app/cache.py:5",
	};
	static const char *const names[] = {
		"put app/cache.py:5 < get app/cache.py < serve app/worker.py",
		"put app/cache.py:5 < get app/cache.py < warm app/worker.py",
		"put app/cache.py:5 < load app/disk.py > grow lists.py",
		"put app/cache.py:5 < load app/disk.py > other lists.py",
		"put app/cache.py:5",
	};
	for (uint32_t i = 0; i < 5; i++) {
		feed_site(&files[1], i + 1, 1, stacks[i]);
		allocate(&files[1], i + 1, 1600 * (i + 1));
	}
	for (size_t f = 0; f < 2; f++)
		end(&files[f], false);
	make(2);
	cr_assert_eq(d.by[DIFF_SITE].rows.len, 5);
	for (size_t i = 0; i < 5; i++)
		cr_expect_str_eq(d.by[DIFF_SITE].rows.at[4 - i].name, names[i]);
}

Test(report_model_diff, of_three_files_what_is_new_in_the_second_and_still_in_the_third_is_kept)
{
	static const uint64_t counts[3][3] = { { 10, 10, 10 }, { 30, 30, 10 }, { 25, 10, 40 } };
	static const char *const names[] = { "Leak", "Burst", "Late" };
	for (size_t f = 0; f < 3; f++) {
		begin(&files[f]);
		for (size_t i = 0; i < 3; i++)
			type(&files[f], (uint32_t)i + 1, names[i], counts[f][i]);
		end(&files[f], true);
	}
	make(3);
	cr_assert_eq(row(DIFF_TYPE, "Leak")->kept_count, 15);
	cr_assert_eq(row(DIFF_TYPE, "Burst")->kept_count, 0);
	cr_assert_eq(row(DIFF_TYPE, "Late")->kept_count, 0);
	cr_assert_str_eq(d.by[DIFF_TYPE].rows.at[0].name, "app.Leak");
	cr_assert(diff_grew(&d, DIFF_EVERY, 1500));
	cr_assert_not(diff_grew(&d, DIFF_EVERY, 1501));
}

Test(report_model_diff, holders_are_told_apart_by_type_and_path)
{
	for (size_t f = 0; f < 2; f++) {
		begin(&files[f]);
		type(&files[f], 1, "Page", 100);
		held(&files[f], 1, "app.pages[*]", f ? 90 : 40);
		held(&files[f], 1, "app.drafts[*]", 10);
		end(&files[f], true);
	}
	make(2);
	cr_assert_eq(d.by[DIFF_HOLDER].rows.len, 2);
	cr_assert_eq(d.by[DIFF_HOLDER].rows.at[0].delta_count, 50);
	cr_assert_str_eq(d.by[DIFF_HOLDER].rows.at[0].path, "app.pages[*]");
	cr_assert_eq(d.by[DIFF_HOLDER].rows.at[1].state, DIFF_SAME);
}

/* One dict of 10,000 texts never changes; of another with 600,000 half are taken out: then both are told. */
Test(report_model_diff, a_holder_that_was_too_small_to_be_told_is_not_new)
{
	for (size_t f = 0; f < 2; f++) {
		begin(&files[f]);
		type(&files[f], 1, "str", f ? 320000 : 620000);
		held(&files[f], 1, "app.b[*]", f ? 300000 : 600000);
		if (f)
			held(&files[f], 1, "app.a[*]", 10000);
		end(&files[f], true);
	}
	make(2);
	const struct diff_row *a = NULL;
	for (size_t i = 0; i < d.by[DIFF_HOLDER].rows.len; i++)
		if (strcmp(d.by[DIFF_HOLDER].rows.at[i].path, "app.a[*]") == 0)
			a = &d.by[DIFF_HOLDER].rows.at[i];
	cr_assert(a && a->untold[0] && !a->untold[1]);
	cr_expect_eq(a->state, DIFF_UNTOLD);
	cr_expect_eq(a->count[0], 12400, "a 50th of 620,000 at most");
	cr_expect_eq(a->delta_bytes, 0);
	cr_expect_not(diff_grew(&d, DIFF_EVERY, 1));
	cr_expect_eq(d.by[DIFF_HOLDER].counts[DIFF_UNTOLD], 1);
	cr_expect_eq(d.by[DIFF_HOLDER].counts[DIFF_NEW], 0);
	cr_expect_eq(d.by[DIFF_HOLDER].count[0], 600000, "sums are of what is told");
	bool said = false;
	for (size_t i = 0; i < d.notes.len; i++)
		said |= strstr(d.notes.at[i].text, "not told by every file") && d.notes.at[i].by == 1u << DIFF_HOLDER;
	cr_expect(said);
}

/* The other way round nothing is gone. */
Test(report_model_diff, a_holder_that_is_too_small_to_be_told_now_is_not_gone)
{
	for (size_t f = 0; f < 2; f++) {
		begin(&files[f]);
		type(&files[f], 1, "str", f ? 620000 : 320000);
		held(&files[f], 1, "app.b[*]", f ? 600000 : 300000);
		if (!f)
			held(&files[f], 1, "app.a[*]", 10000);
		end(&files[f], true);
	}
	make(2);
	cr_expect_eq(d.by[DIFF_HOLDER].counts[DIFF_UNTOLD], 1);
	cr_expect_eq(d.by[DIFF_HOLDER].counts[DIFF_GONE], 0);
}

Test(report_model_diff, what_rows_leave_over_proves_growth_or_that_there_was_nothing)
{
	for (size_t f = 0; f < 2; f++) {
		begin(&files[f]);
		type(&files[f], 1, "str", f ? 30000 : 10000);
		held(&files[f], 1, "app.b[*]", 9000);
		if (f)
			held(&files[f], 1, "app.leak[*]", 20000);
		type(&files[f], 2, "Page", f ? 150 : 100);
		held(&files[f], 2, "app.pages[*]", 100);
		if (f)
			held(&files[f], 2, "app.drafts[*]", 50);
		end(&files[f], true);
	}
	make(2);
	const struct diff_row *leak = &d.by[DIFF_HOLDER].rows.at[0];
	cr_assert_str_eq(leak->path, "app.leak[*]");
	cr_expect_eq(leak->state, DIFF_GROWN);
	cr_expect_eq(leak->count[0], 200, "a 50th of 10,000");
	cr_expect_eq(leak->delta_count, 19800);
	cr_expect_eq(leak->delta_bytes, 1980000);
	cr_expect(diff_grew(&d, DIFF_EVERY, 1980000));
	cr_expect_not(diff_grew(&d, DIFF_EVERY, 2000001));
	const struct diff_row *drafts = &d.by[DIFF_HOLDER].rows.at[1];
	cr_expect_str_eq(drafts->path, "app.drafts[*]");
	cr_expect_eq(drafts->state, DIFF_NEW, "all there were are accounted for");
	cr_expect_eq(d.by[DIFF_HOLDER].counts[DIFF_UNTOLD], 0);
}

/* With six told the seventh may be as large as any of them. */
Test(report_model_diff, beyond_six_rows_the_bound_is_what_they_leave_over)
{
	static const char *const paths[] = { "app.a", "app.b", "app.c", "app.d", "app.e", "app.f", "app.g" };
	for (size_t f = 0; f < 2; f++) {
		begin(&files[f]);
		type(&files[f], 1, "Page", 7000);
		for (size_t i = 0; i < 6; i++)
			held(&files[f], 1, paths[i + f], 1000);
		end(&files[f], true);
	}
	make(2);
	cr_expect_eq(d.by[DIFF_HOLDER].counts[DIFF_UNTOLD], 2);
	cr_expect_eq(d.by[DIFF_HOLDER].counts[DIFF_SAME], 5);
}

Test(report_model_diff, nothing_is_kept_where_a_later_file_does_not_tell)
{
	for (size_t f = 0; f < 3; f++) {
		begin(&files[f]);
		type(&files[f], 1, "str", f == 1 ? 1000000 : 20000);
		held(&files[f], 1, "app.b[*]", f == 1 ? 900000 : 10000);
		if (f != 1)
			held(&files[f], 1, "app.a[*]", f ? 5000 : 1000);
		end(&files[f], true);
	}
	make(3);
	for (size_t i = 0; i < d.by[DIFF_HOLDER].rows.len; i++)
		cr_expect_eq(d.by[DIFF_HOLDER].rows.at[i].kept_bytes, 0);
}

Test(report_model_diff, a_growth_counts_in_the_tables_that_are_asked_for)
{
	for (size_t f = 0; f < 2; f++) {
		begin(&files[f]);
		type(&files[f], 1, "Page", f ? 200 : 100);
		held(&files[f], 1, "app.pages[*]", f ? 200 : 100);
		end(&files[f], true);
	}
	make(2);
	cr_expect_eq(diff_count_grown(&d, DIFF_TYPE, 10000), 1);
	cr_expect_eq(diff_count_grown(&d, DIFF_TYPE, 10001), 0);
	cr_expect_eq(diff_count_grown(&d, DIFF_HOLDER, 10000), 1);
	cr_expect_eq(diff_count_grown(&d, DIFF_SITE, 1), 0);
	cr_expect(diff_grew(&d, 1u << DIFF_HOLDER, 10000));
	cr_expect_not(diff_grew(&d, 1u << DIFF_SITE, 1));
}

Test(report_model_diff, two_paths_of_one_holder_are_two_names)
{
	for (size_t f = 0; f < 2; f++) {
		begin(&files[f]);
		type(&files[f], 1, "Page", 100);
		held(&files[f], 1, "app.pages[*]", f ? 90 : 40);
		held(&files[f], 1, "app.pages[*].next", f ? 30 : 10);
		end(&files[f], true);
	}
	make(2);
	cr_assert_eq(d.by[DIFF_HOLDER].rows.len, 2);
	cr_expect_str_neq(d.by[DIFF_HOLDER].rows.at[0].name, d.by[DIFF_HOLDER].rows.at[1].name);
}

Test(report_model_diff, a_recording_and_a_snapshot_alone_have_nothing_in_common)
{
	feed_site(&files[0], 1, 1, "put /srv/app/cache.py:88");
	allocate(&files[0], 1, 1600);
	end(&files[0], false);
	begin(&files[1]);
	type(&files[1], 1, "Page", 100);
	end(&files[1], true);
	const struct recording *list[] = { &files[0], &files[1] };
	struct err err = ERR_INIT;
	cr_assert_eq(diff_make(&d, list, 2, &err), ERR_USAGE);
}

Test(report_model_diff, of_three_files_a_length_is_said_with_the_file_it_is_of)
{
	static const uint64_t seconds[] = { 10, 40, 90 };
	bool old_new = false, old_newer = false;
	for (size_t f = 0; f < 3; f++) {
		feed_site(&files[f], 1, 1, "f a.py:1");
		allocate(&files[f], 1, 1600);
		end(&files[f], false);
		files[f].totals.totals.duration_ns = seconds[f] * 1000000000;
	}
	make(3);
	for (size_t i = 0; i < d.notes.len; i++) {
		const struct diff_note *n = &d.notes.at[i];
		old_new |= strstr(n->text, "NEW of 40 s is compared with OLD of 10 s") && n->by == 1u << DIFF_SITE;
		old_newer |= strstr(n->text, "NEWER of 90 s is compared with OLD of 10 s") != NULL;
	}
	cr_expect(old_new && old_newer);
}
