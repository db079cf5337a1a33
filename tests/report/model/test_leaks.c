/* SPDX-License-Identifier: MIT */
/* Suspects out of judged stacks and the rows of a join: types, holders, parts, acquittals. */
#include "report/model/leaks.h"

#include "feed.h"
#include "report/model/lines.h"

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

TestSuite(report_model_leaks, .init = setup, .fini = teardown);

/* Sites 1 … n grow by 16 blocks of 160 bytes a second each. */
static void grow(uint32_t n)
{
	struct fact_delta d[16];
	for (int i = 0; i < 60; i++) {
		for (uint32_t s = 0; s < n; s++)
			d[s] = (struct fact_delta){ s + 1, 16, 2560, 0, 0, 0, 0 };
		feed_interval(&r, i, i + 1, d, n);
	}
}

static void begin_heap(bool collector)
{
	static const struct fact_heap_type types[] = {
		{ .type = 1, .name = "Listener", .module = "feed", .is_heap_type = true,
		  .is_gc = true, .count = 1000 },
		{ .type = 2, .name = "list", .module = "builtins", .is_gc = true, .count = 5 },
		{ .type = 3, .name = "bytes", .module = "builtins", .count = 5000 },
	};
	struct fact_sink s = recording_sink(&r);
	cr_assert_eq(s.heap(s.ctx, &(struct fact_heap){ .snapshot = 2 }, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(s.heap_type(s.ctx, &types[i], NULL), 0);
	cr_assert_eq(s.heap_gc(s.ctx, &(struct fact_heap_gc){ .enabled = collector }, NULL), 0);
}

static void join(uint32_t site, uint32_t type, enum fact_join_use use, uint64_t n, uint64_t lost)
{
	struct fact_sink s = recording_sink(&r);
	struct fact_heap_join f = { .site = site, .type = type, .use = (uint8_t)use, .blocks = n,
				    .bytes = 160 * n, .unreachable = lost, .early_blocks = n / 2 };
	cr_assert_eq(s.heap_join(s.ctx, &f, NULL), 0);
}

static void held_by(uint32_t site, uint32_t type, uint64_t n, const char *holder, const char *path)
{
	struct fact_sink s = recording_sink(&r);
	struct fact_heap_held f = { site, type, n, 100 * n, holder, path, FACT_BOUND_NONE, 0, 0 };
	cr_assert_eq(s.heap_held(s.ctx, &f, NULL), 0);
}

static void held(uint32_t site, uint32_t type, const char *holder, const char *path,
		 enum fact_bound bound, uint64_t size)
{
	struct fact_sink s = recording_sink(&r);
	struct fact_heap_held f = { site, type, 960, 96000, holder, path, (uint8_t)bound, size, 960 };
	cr_assert_eq(s.heap_held(s.ctx, &f, NULL), 0);
}

static void end(void)
{
	struct fact_sink s = recording_sink(&r);
	cr_assert_eq(s.heap_end(s.ctx, 2, NULL), 0);
	cr_assert_eq(s.totals(s.ctx, &(struct fact_totals){ .live_bytes = 1 << 20 }, NULL), 0);
	cr_assert_eq(s.finish(s.ctx, FACT_END_DETACHED, NULL), 0);
	struct err err = ERR_INIT;
	cr_assert_eq(recording_conclude(&r, &err), 0, "%s", err.text);
}

#define LIST "feed.listeners"

Test(report_model_leaks, a_leak_has_type_site_and_holder_and_its_parts_follow_it)
{
	feed_site(&r, 1, 1, "subscribe /srv/feed.py:19 < serve /srv/app.py:3");
	feed_site(&r, 2, 1, "__init__ /srv/feed.py:12 < subscribe /srv/feed.py:19 < serve /srv/app.py:3");
	feed_site(&r, 3, 1, "subscribe /srv/feed.py:20 < serve /srv/app.py:3");
	grow(3);
	begin_heap(true);
	join(1, 1, FACT_JOIN_OBJECT, 960, 0);
	join(2, 3, FACT_JOIN_OBJECT, 960, 0);
	join(3, 2, FACT_JOIN_BUFFER, 1, 0);
	held(1, 1, "list feed.listeners", LIST "[*]", FACT_BOUND_NONE, 0);
	held(2, 3, "list feed.listeners", LIST "[*].inbox", FACT_BOUND_NONE, 0);
	end();
	const struct leaks *l = &r.leaks;
	cr_assert_eq(l->naccused, 1);
	cr_assert_eq(l->rows.len, 3);
	cr_assert_str_eq(l->rows.at[0].type_name, "feed.Listener");
	cr_assert_str_eq(l->rows.at[0].holder, "list feed.listeners");
	cr_assert_eq(l->rows.at[0].objects, 960);
	cr_assert_eq(l->rows.at[0].retained_bytes, 160 * (960 + 960 + 1));
	cr_assert(strstr(l->rows.at[0].sentence, "960 objects of type feed.Listener (+16/s), made at "
						 "subscribe feed.py:19, held by list feed.listeners"),
		  "%s", l->rows.at[0].sentence);
	cr_assert_eq(l->rows.at[1].lead, 0);
	cr_assert_eq(l->rows.at[2].lead, 0);
	cr_assert(l->rows.at[2].container);
	cr_assert_eq(r.nsuspects, 3);
}

static bool noted(const char *code)
{
	for (size_t i = 0; i < r.totals.notes.len; i++)
		if (strcmp(r.totals.notes.at[i].code, code) == 0)
			return true;
	return false;
}

Test(report_model_leaks, only_types_with_free_lists_may_have_an_earlier_ones_line)
{
	feed_site(&r, 1, 1, "subscribe /srv/feed.py:19 < serve /srv/app.py:3");
	grow(1);
	begin_heap(true);
	join(1, 1, FACT_JOIN_OBJECT, 960, 0);
	held(1, 1, "list feed.listeners", LIST "[*]", FACT_BOUND_NONE, 0);
	end();
	cr_assert_eq(r.leaks.naccused, 1);
	cr_assert_not(noted("used-again"));
}

Test(report_model_leaks, a_leak_of_lists_may_have_an_earlier_ones_line)
{
	feed_site(&r, 1, 1, "remember /srv/sessions.py:9 < serve /srv/app.py:4");
	grow(1);
	begin_heap(true);
	join(1, 2, FACT_JOIN_OBJECT, 960, 0);
	held(1, 2, "dict sessions.states", "sessions.states[*]", FACT_BOUND_NONE, 0);
	end();
	cr_assert_eq(r.leaks.naccused, 1);
	cr_assert_str_eq(r.leaks.rows.at[0].type_name, "list");
	cr_expect_eq(r.leaks.rows.at[0].place, LEAK_PERHAPS_MADE);
	cr_assert(noted("used-again"));
}

/* Lists made at one site hang in a list whose items were last moved at another: the lead. */
static const struct leak *lists_put_by(const char *made, const char *put)
{
	feed_site(&r, 1, 1, made);
	feed_site(&r, 2, 1, put);
	grow(2);
	begin_heap(true);
	join(1, 2, FACT_JOIN_OBJECT, 960, 0);
	join(2, 2, FACT_JOIN_BUFFER, 1, 0);
	held(1, 2, "list app.log", "app.log[*]", FACT_BOUND_NONE, 0);
	held(2, 2, "list app.log", "app.log", FACT_BOUND_NONE, 0);
	end();
	cr_assert_eq(r.leaks.naccused, 1);
	cr_assert_not(r.leaks.rows.at[0].container);
	return &r.leaks.rows.at[0];
}

static void expect_blamed(const struct leak *row, enum leak_place place, const char *function)
{
	cr_expect_eq(row->place, place, "%d", (int)row->place);
	cr_assert_neq(row->blamed, STACKS_NONE);
	cr_expect_str_eq(stacks_text(&r.stacks, row->blamed).function, function);
}

Test(report_model_leaks, what_may_be_used_again_is_called_by_where_it_is_put)
{
	const struct leak *row = lists_put_by("parse /srv/parse.py:5 < serve /srv/app.py:3",
					      "handle /srv/feed.py:20 < serve /srv/app.py:3");

	expect_blamed(row, LEAK_PUT, "handle");
	cr_expect(strstr(row->sentence, "put in at handle feed.py:20"), "%s", row->sentence);
	cr_expect(leak_tells_put(&r, row));
	cr_expect(noted("used-again"));
}

Test(report_model_leaks, where_both_stacks_agree_it_was_made_there)
{
	const struct leak *row = lists_put_by("handle /srv/feed.py:18 < serve /srv/app.py:3",
					      "append /srv/store.py:7 < handle /srv/feed.py:20 < serve /srv/app.py:3");

	expect_blamed(row, LEAK_MADE, "handle");
	cr_expect(leak_tells_put(&r, row));
	cr_expect_not(noted("used-again"));
}

Test(report_model_leaks, a_library_on_behalf_of_a_line_all_stacks_have_proves_nothing)
{
	const struct leak *row = lists_put_by("loads /usr/lib/python3/dist-packages/x.py:5 < serve /srv/app.py:3",
					      "handle /srv/feed.py:20 < serve /srv/app.py:3");

	expect_blamed(row, LEAK_PUT, "handle");
}

/* Lists and bytes of one leak, made at two lines; nothing tells where the list that holds them was enlarged. */
static void lists_beside_bytes(const char *lists, const char *bytes)
{
	feed_site(&r, 1, 1, lists);
	feed_site(&r, 2, 1, bytes);
	grow(2);
	begin_heap(true);
	join(1, 2, FACT_JOIN_OBJECT, 960, 0);
	join(2, 3, FACT_JOIN_OBJECT, 960, 0);
	held(1, 2, "list app.log", "app.log[*]", FACT_BOUND_NONE, 0);
	held(2, 3, "list app.log", "app.log[*][0]", FACT_BOUND_NONE, 0);
	end();
	cr_assert_eq(r.leaks.naccused, 1);
	cr_expect_str_eq(r.leaks.rows.at[0].type_name, "list");
}

Test(report_model_leaks, without_a_line_that_puts_it_it_is_called_by_what_is_made_beside_it)
{
	lists_beside_bytes("loads /usr/lib/python3/dist-packages/x.py:5", "handle /srv/feed.py:20 < serve /srv/app.py:3");
	expect_blamed(&r.leaks.rows.at[0], LEAK_BESIDE, "handle");
}

Test(report_model_leaks, what_one_line_makes_with_other_parts_of_the_leak_was_made_there)
{
	lists_beside_bytes("handle /srv/feed.py:20 < serve /srv/app.py:3", "handle /srv/feed.py:20 < step /srv/app.py:8");
	expect_blamed(&r.leaks.rows.at[0], LEAK_MADE, "handle");
	cr_expect_not(noted("used-again"));
}

Test(report_model_leaks, another_line_of_that_function_proves_nothing)
{
	lists_beside_bytes("handle /srv/feed.py:19 < serve /srv/app.py:3", "handle /srv/feed.py:20 < serve /srv/app.py:3");
	expect_blamed(&r.leaks.rows.at[0], LEAK_PERHAPS_MADE, "handle");
	cr_expect(noted("used-again"));
}

Test(report_model_leaks, what_another_function_makes_proves_nothing_of_a_line_of_the_programs_own)
{
	lists_beside_bytes("parse /srv/feed.py:7 < serve /srv/app.py:3", "handle /srv/feed.py:20 < serve /srv/app.py:3");
	expect_blamed(&r.leaks.rows.at[0], LEAK_PERHAPS_MADE, "parse");
}

/* Of 320 bytes a block: n objects, so many of them from the first half, in a site that grows in steps. */
static void joined(uint32_t site, uint32_t type, enum fact_join_use use, uint64_t n, uint64_t early, uint64_t bytes)
{
	struct fact_sink s = recording_sink(&r);
	struct fact_heap_join f = { .site = site, .type = type, .use = (uint8_t)use, .blocks = n,
				    .bytes = bytes, .early_blocks = early };
	cr_assert_eq(s.heap_join(s.ctx, &f, NULL), 0);
}

/* A line puts ten objects a second into a dict, whose table doubles: steps, then nothing for a long time. */
static void objects_into_a_dict(void)
{
	feed_site(&r, 1, 1, "remember /srv/store.py:4 < serve /srv/app.py:3");
	for (int i = 0; i < 100; i++) {
		const bool doubles = i == 5 || i == 10 || i == 20 || i == 40;
		struct fact_delta d = { 1, 10, 1600, 0, 0, 0, 0 };
		if (doubles) {
			d.alloc_blocks++;
			d.alloc_bytes += 4000u * (unsigned)i;
			d.free_blocks = i > 5;
			d.free_bytes = i > 5 ? 2000u * (unsigned)i : 0;
		}
		feed_interval(&r, i, i + 1, &d, 1);
	}
	begin_heap(true);
	joined(1, 1, FACT_JOIN_OBJECT, 1000, 500, 160000);
	joined(1, 2, FACT_JOIN_BUFFER, 1, 0, 160000);
	held(1, 1, "list feed.listeners", LIST "[*]", FACT_BOUND_NONE, 0);
	held(1, 2, "list feed.listeners", LIST, FACT_BOUND_NONE, 0);
	end();
	cr_assert_eq(r.leaks.naccused, 1);
}

Test(report_model_leaks, objects_are_counted_and_not_read_off_a_line_with_steps)
{
	objects_into_a_dict();
	const struct leak *row = &r.leaks.rows.at[0];
	cr_expect_str_eq(row->type_name, "feed.Listener");
	cr_expect_float_eq(row->objects_per_s, 10, 0.2, "%f", row->objects_per_s);
	cr_expect_float_eq(row->bytes_per_s, 1600, 32, "%f", row->bytes_per_s);
	cr_expect_geq(row->retained_per_s, row->bytes_per_s);
}

Test(report_model_leaks, what_is_accused_by_the_ages_of_its_objects_has_its_container_and_is_not_acquitted_beside)
{
	objects_into_a_dict();
	cr_assert_neq(r.verdicts[0].class, GROWTH_LEAKING, "the line itself is to be in doubt");
	cr_expect_eq(r.leaks.rows.len, 2);
	cr_expect(r.leaks.rows.at[1].container);
	cr_expect_eq(r.leaks.rows.at[0].retained_bytes, 320000);
	cr_expect(r.leaks.rows.at[0].with_parts);
	cr_expect(strstr(r.leaks.rows.at[0].sentence, ", with all that leaks there 313 KiB"), "%s",
		  r.leaks.rows.at[0].sentence);
	AUTO_FREE struct line *lines = NULL;
	size_t n;
	cr_assert_eq(lines_acquitted(&r, &lines, &n, NULL), 0);
	cr_expect_eq(n, 0);
}

Test(report_model_leaks, the_table_that_holds_a_leak_is_part_of_it_wherever_it_was_made)
{
	feed_site(&r, 1, 1, "make /srv/store.py:4 < serve /srv/app.py:3");
	feed_site(&r, 2, 1, "keep /srv/cache.py:9 < serve /srv/app.py:3");
	feed_site(&r, 3, 1, "other /srv/cache.py:19 < serve /srv/app.py:3");
	for (int i = 0; i < 60; i++) {
		struct fact_delta d[] = { { 1, 16, 2560, 0, 0, 0, 0 }, { 2, 1, 50000, 0, 0, 0, 0 }, { 3, 1, 50000, 0, 0, 0, 0 } };
		feed_interval(&r, i, i + 1, d, i == 9 ? 3 : 1);
	}
	begin_heap(true);
	joined(1, 1, FACT_JOIN_OBJECT, 960, 480, 153600);
	joined(2, 2, FACT_JOIN_BUFFER, 1, 0, 50000);
	joined(3, 2, FACT_JOIN_BUFFER, 1, 0, 50000);
	held(1, 1, "list feed.listeners", LIST "[*]", FACT_BOUND_NONE, 0);
	held(2, 2, "list feed.listeners", LIST, FACT_BOUND_NONE, 0);
	held(3, 2, "list feed.others", "feed.others", FACT_BOUND_NONE, 0);
	end();
	cr_assert_eq(r.leaks.naccused, 1);
	cr_assert_eq(r.leaks.rows.len, 2);
	cr_expect_eq(r.leaks.rows.at[1].stack, r.stacks.sites.at[1].stack);
	cr_expect(r.leaks.rows.at[1].container);
	cr_expect_eq(r.leaks.rows.at[0].retained_bytes, 203600);
	cr_expect_eq(r.suspect_bytes, 203600);
}

Test(report_model_leaks, the_table_of_what_is_bounded_is_not_accused)
{
	feed_site(&r, 1, 1, "make /srv/store.py:4 < serve /srv/app.py:3");
	feed_site(&r, 2, 1, "keep /srv/cache.py:9 < serve /srv/app.py:3");
	for (int i = 0; i < 60; i++) {
		struct fact_delta d[] = { { 1, 16, 2560, 0, 0, 0, 0 }, { 2, 1, 50000, 0, 0, 0, 0 } };
		feed_interval(&r, i, i + 1, d, i == 9 ? 2 : 1);
	}
	begin_heap(true);
	joined(1, 1, FACT_JOIN_OBJECT, 960, 480, 153600);
	joined(2, 2, FACT_JOIN_BUFFER, 1, 0, 50000);
	held(1, 1, "deque feed.listeners", LIST "[*]", FACT_BOUND_DEQUE, 1000);
	held(2, 2, "deque feed.listeners", LIST, FACT_BOUND_NONE, 0);
	end();
	cr_expect_eq(r.leaks.naccused, 0);
	cr_expect_eq(r.leaks.rows.len, 1);
}

Test(report_model_leaks, of_what_came_early_the_later_half_tells_the_rate)
{
	feed_site(&r, 1, 1, "subscribe /srv/feed.py:19 < serve /srv/app.py:3");
	grow(1);
	begin_heap(true);
	joined(1, 1, FACT_JOIN_OBJECT, 960, 900, 960 * 160);
	end();
	cr_expect_float_eq(r.leaks.rows.at[0].objects_per_s, 2, 0.1, "%f", r.leaks.rows.at[0].objects_per_s);
}

Test(report_model_leaks, of_what_two_hold_it_is_told_how_many_one_does)
{
	feed_site(&r, 1, 1, "subscribe /srv/feed.py:19 < serve /srv/app.py:3");
	grow(1);
	begin_heap(true);
	join(1, 1, FACT_JOIN_OBJECT, 960, 0);
	held_by(1, 1, 720, "list feed.listeners", LIST "[*]");
	held_by(1, 1, 240, "set feed.idle", "feed.idle[*]");
	end();
	const struct leak *row = &r.leaks.rows.at[0];
	char share[LEAK_SHARE_MAX];
	cr_expect_eq(row->held_so, 750);
	cr_expect_str_eq(leak_held_share(row, share), " (75 % held there)");
	cr_expect(strstr(row->sentence, ", 75 % of them held by list feed.listeners"), "%s", row->sentence);
}

Test(report_model_leaks, two_leaks_stay_two)
{
	feed_site(&r, 1, 1, "subscribe /srv/feed.py:19 < serve /srv/app.py:3");
	feed_site(&r, 2, 1, "remember /srv/sessions.py:9 < serve /srv/app.py:4");
	grow(2);
	begin_heap(true);
	join(1, 1, FACT_JOIN_OBJECT, 960, 0);
	join(2, 3, FACT_JOIN_OBJECT, 960, 0);
	held(1, 1, "list feed.listeners", LIST "[*]", FACT_BOUND_NONE, 0);
	held(2, 3, "dict sessions.states", "sessions.states[*]", FACT_BOUND_NONE, 0);
	end();
	cr_assert_eq(r.leaks.naccused, 2);
}

/* One function feeds a list and a dict; what has no path joins neither to the other. */
Test(report_model_leaks, what_one_function_puts_into_two_containers_is_two_leaks)
{
	feed_site(&r, 1, 1, "before /srv/app.py:19 < serve /srv/app.py:3");
	feed_site(&r, 2, 1, "before /srv/app.py:20 < serve /srv/app.py:3");
	feed_site(&r, 3, 1, "__init__ /srv/app.py:9 < before /srv/app.py:19 < serve /srv/app.py:3");
	grow(3);
	begin_heap(true);
	join(1, 1, FACT_JOIN_OBJECT, 960, 0);
	join(1, 3, FACT_JOIN_OBJECT, 900, 0); /* of the second leak, in blocks that were used before */
	join(2, 2, FACT_JOIN_OBJECT, 960, 0);
	join(3, 3, FACT_JOIN_OBJECT, 960, 0);
	held(1, 1, "dict app.audit", "app.audit[*]", FACT_BOUND_NONE, 0);
	held(1, 3, "list app.callbacks", "app.callbacks[*].raw", FACT_BOUND_NONE, 0);
	held(2, 2, "list app.callbacks", "app.callbacks[*]", FACT_BOUND_NONE, 0);
	end();
	const struct leaks *l = &r.leaks;
	cr_assert_eq(l->rows.len, 4);
	cr_assert_eq(l->naccused, 2);
	for (size_t i = 0; i < l->rows.len; i++) {
		const struct leak *lead = &l->rows.at[l->rows.at[i].lead];
		if (*l->rows.at[i].path)
			cr_assert_str_eq(lead->holder, l->rows.at[i].holder);
	}
}

Test(report_model_leaks, names_in_the_interpreters_method_cache_are_not_accused)
{
	feed_site(&r, 1, 1, "dispatch /srv/app.py:19");
	grow(1);
	begin_heap(true);
	join(1, 3, FACT_JOIN_OBJECT, 960, 0);
	held(1, 3, "interpreter method cache", "interpreter method cache", FACT_BOUND_METHOD_CACHE, 4096);
	end();
	cr_assert_eq(r.leaks.naccused, 0);
	cr_assert_eq(r.leaks.nacquitted, 1);
	cr_assert(strstr(r.leaks.rows.at[0].reason, "cache of attribute names"), "%s", r.leaks.rows.at[0].reason);
}

Test(report_model_leaks, a_bounded_cache_is_not_accused_and_the_bound_is_told)
{
	feed_site(&r, 1, 1, "load /srv/app.py:19");
	feed_site(&r, 2, 1, "keep /srv/app.py:29");
	grow(2);
	begin_heap(true);
	join(1, 3, FACT_JOIN_OBJECT, 960, 0);
	join(2, 1, FACT_JOIN_OBJECT, 960, 0);
	held(1, 3, "lru_cache of load", "app.load[*]", FACT_BOUND_LRU_CACHE, 5000);
	held(2, 1, "lru_cache of keep", "app.keep[*]", FACT_BOUND_LRU_CACHE, 0);
	end();
	cr_assert_eq(r.leaks.naccused, 1);
	cr_assert_eq(r.leaks.nacquitted, 1);
	cr_assert_eq(r.nsuspects, 1);
	cr_assert(strstr(r.leaks.rows.at[0].unless, "maxsize=None"), "%s", r.leaks.rows.at[0].unless);
	cr_assert(strstr(r.leaks.rows.at[1].reason, "5000"), "%s", r.leaks.rows.at[1].reason);
}

static void garbage(bool collector)
{
	feed_site(&r, 1, 1, "build /srv/app.py:19");
	grow(1);
	begin_heap(collector);
	join(1, 1, FACT_JOIN_OBJECT, 960, 960);
	end();
}

Test(report_model_leaks, garbage_waits_for_the_collector_when_it_is_on)
{
	garbage(true);
	cr_assert_eq(r.leaks.naccused, 0);
	cr_assert_eq(r.leaks.nacquitted, 1);
	cr_assert_eq(r.nsuspects, 0);
}

Test(report_model_leaks, garbage_is_a_leak_when_the_collector_is_off)
{
	garbage(false);
	cr_assert_eq(r.leaks.naccused, 1);
	cr_assert_eq(r.leaks.rows.at[0].reach, LEAK_UNREACHABLE);
}

Test(report_model_leaks, a_suppression_takes_out_what_it_names_and_nothing_else)
{
	struct leak_suppression s[] = {
		{ .site = "*feed.py:subscribe", .reason = "listeners live as long as the program" },
		{ .type = "nothing.Of.This", .reason = "unused" },
	};
	feed_site(&r, 1, 1, "subscribe /srv/feed.py:19 < serve /srv/app.py:3");
	feed_site(&r, 2, 1, "remember /srv/sessions.py:9 < serve /srv/app.py:4");
	grow(2);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(leaks_suppress(&r.leaks, &s[i], NULL), 0);
	end();
	cr_assert_eq(r.leaks.naccused, 1);
	cr_assert_eq(r.leaks.nsuppressed, 1);
	cr_assert_str_eq(r.leaks.rows.at[1].reason, s[0].reason);
	cr_assert_eq(r.leaks.suppressions.at[0].used, 1);
	cr_assert_eq(r.leaks.suppressions.at[1].used, 0);
}
