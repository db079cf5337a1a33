/* SPDX-License-Identifier: MIT */
/* Parsed back by jansson, which refuses what is not JSON, and compared with the models. */
#include <jansson.h>

#include "sample.h"

static struct recording r;

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_view_json, .fini = teardown);

static json_t *draw(void)
{
	size_t n;
	json_error_t why;
	AUTO_FREE char *text = sample_draw(&r, "json", (struct view_options){ 0 }, &n);
	json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
	cr_assert(root, "line %d column %d: %s", why.line, why.column, why.text);
	return root;
}

static json_int_t number(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);
	cr_assert(json_is_integer(v), "%s is no integer", name);
	return json_integer_value(v);
}

static const char *word(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	cr_assert(s, "%s is no string", name);
	return s;
}

Test(report_view_json, the_promised_members_are_there)
{
	sample_make(&r, 0);
	json_t *root = draw();
	cr_assert_str_eq(word(root, "schema"), "pymemprof-report/1");
	cr_assert_eq(number(json_object_get(root, "target"), "pid"), 4242);
	cr_assert_str_eq(word(json_object_get(root, "target"), "start"), "2026-08-14T12:03:11Z");
	cr_assert_eq(json_array_size(json_object_get(root, "sites")), 5);
	cr_assert_eq(json_array_size(json_object_get(root, "threads")), 2);
	cr_assert_gt(json_array_size(json_object_get(root, "timeline")), 90);
	cr_assert_eq(number(json_object_get(root, "cost"), "attach_stop_ns"), 412000);
	cr_assert_eq(number(json_object_get(root, "cost"), "dropped"), 0);
	cr_assert(
		json_is_real(json_object_get(json_object_get(root, "cost"), "tracer_cpu_seconds")));
	cr_assert(json_is_array(json_object_get(root, "limits")));
	cr_assert_null(json_object_get(json_object_get(root, "totals"), "estimate"));
	json_decref(root);
}

Test(report_view_json, sites_have_their_stack_innermost_first_and_balance)
{
	sample_make(&r, 0);
	json_t *root = draw();
	json_int_t live = 0;
	size_t i;
	json_t *site;
	json_array_foreach(json_object_get(root, "sites"), i, site)
	{
		cr_assert_eq(number(site, "allocated_bytes") - number(site, "freed_bytes"),
			     number(site, "live_bytes"));
		cr_assert_eq(number(site, "allocated_blocks") - number(site, "freed_blocks"),
			     number(site, "live_blocks"));
		live += number(site, "live_bytes");
	}
	cr_assert_eq(live, number(json_object_get(root, "totals"), "live_bytes"));
	site = json_array_get(json_object_get(root, "sites"), 0);
	json_t *frame = json_array_get(json_object_get(site, "stack"), 0);
	cr_assert_str_eq(word(frame, "function"), "put");
	cr_assert_eq(number(frame, "line"), 88);
	cr_assert_eq(number(site, "peak_bytes"), 396000);
	json_t *verdict = json_object_get(site, "verdict");
	cr_assert_str_eq(word(verdict, "class"), "leaking");
	cr_assert_str_eq(word(verdict, "confidence"), "high");
	json_decref(root);
}

Test(report_view_json, suspects_and_threads_refer_to_sites)
{
	sample_make(&r, 0);
	json_t *root = draw(), *sites = json_object_get(root, "sites"), *suspect, *thread;
	size_t i;
	cr_assert_eq(json_array_size(json_object_get(root, "suspects")), 2);
	json_array_foreach(json_object_get(root, "suspects"), i, suspect)
	{
		json_t *site = json_array_get(sites, (size_t)json_integer_value(suspect));
		cr_assert_str_eq(word(json_object_get(site, "verdict"), "class"), "leaking");
	}
	json_array_foreach(json_object_get(root, "threads"), i, thread)
	{
		json_int_t live = 0;
		size_t k;
		json_t *one;
		json_array_foreach(json_object_get(thread, "sites"), k, one)
		{
			live += number(one, "live_bytes");
			cr_assert_lt(number(one, "site"), json_array_size(sites));
		}
		cr_assert_eq(live, number(thread, "live_bytes"));
	}
	json_decref(root);
}

/* Scripts rely on these names: pymemprof-json(5). */
static void has_all(const json_t *object, const char *const *names)
{
	for (; *names; names++)
		cr_assert(json_object_get(object, *names), "no %s", *names);
}

Test(report_view_json, a_snapshot_has_the_members_it_promises)
{
	static const char *const top[] = { "heap", "types", "size_classes", "arenas", "fragmentation", "malloc",
					   "gc", "free_lists", "unknown_blocks", "ledger", "cost", NULL };
	static const char *const type[] = { "type", "module", "count", "total_bytes", "payload_bytes",
					    "header_bytes", "gc_head_bytes", "dict_bytes", "buffer_bytes",
					    "slack_bytes", "rounding_bytes", "slots_would_save_bytes",
					    "baseline_count", "baseline_total_bytes", NULL };
	static const char *const class[] = { "block_bytes", "pools", "used_blocks", "free_blocks", "tail_bytes", NULL };
	static const char *const arena[] = { "address", "pools", "used_pools", "free_pools", "live_bytes", "free_bytes",
					     "free_pool_bytes", "header_bytes", "tail_bytes", "map", "pins", NULL };
	static const char *const pin[] = { "type", "module", "buffer", "count", "bytes", "made", NULL };
	static const char *const malloc_arena[] = { "system_bytes", "used_bytes", "free_bytes", "top_bytes",
						    "largest_free_bytes", "trimmable_bytes", NULL };
	static const char *const line[] = { "code", "label", "depth", "bytes", "estimate", NULL };
	static const char *const gc[] = { "generations", "frozen", "garbage", "unreachable", "unreachable_bytes", NULL };
	static const char *const generation[] = { "threshold", "count", "collections", "collected", "uncollectable",
						  "objects", NULL };
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	sample_snapshot(&r, 1, "Session");
	sample_snapshot(&r, 2, "Session");
	json_t *root = draw(), *first = json_array_get(json_object_get(root, "arenas"), 0);
	const json_t *interpreter =
		json_array_get(json_object_get(json_object_get(root, "gc"), "interpreters"), 0);
	has_all(root, top);
	has_all(json_array_get(json_object_get(root, "types"), 0), type);
	has_all(json_array_get(json_object_get(root, "size_classes"), 0), class);
	has_all(first, arena);
	has_all(json_array_get(json_object_get(first, "pins"), 0), pin);
	has_all(json_array_get(json_object_get(root, "malloc"), 0), malloc_arena);
	has_all(json_array_get(json_object_get(root, "ledger"), 0), line);
	has_all(interpreter, gc);
	has_all(json_array_get(json_object_get(interpreter, "generations"), 0), generation);
	json_decref(root);
}

Test(report_view_json, estimates_are_marked)
{
	sample_make(&r, 65536);
	json_t *root = draw();
	cr_assert(json_is_true(json_object_get(json_object_get(root, "totals"), "estimate")));
	cr_assert(json_is_true(
		json_object_get(json_array_get(json_object_get(root, "sites"), 0), "estimate")));
	json_decref(root);
}

Test(report_view_json, hostile_names_come_back_as_they_were)
{
	sample_make_hostile(&r);
	json_t *root = draw(), *site;
	size_t i, found = 0;
	json_array_foreach(json_object_get(root, "sites"), i, site)
	{
		json_t *frame = json_array_get(json_object_get(site, "stack"), 0);
		for (size_t k = 0; k < HOSTILE_NAMES; k++)
			found += strcmp(word(frame, "function"), hostile_names[k]) == 0;
	}
	/* All but the one that is no UTF-8. */
	cr_assert_eq(found, HOSTILE_NAMES - 1);
	json_decref(root);
}

Test(report_view_json, an_empty_recording_is_valid)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	json_t *root = draw();
	cr_assert(json_is_null(json_object_get(root, "target")));
	cr_assert(json_is_null(json_object_get(root, "cost")));
	cr_assert_eq(json_array_size(json_object_get(root, "sites")), 0);
	json_decref(root);
}

Test(report_view_json, a_large_report_needs_no_large_buffer)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	struct fact_sink s = recording_sink(&r);
	for (uint32_t i = 0; i < 20000; i++) {
		struct fact_frame f = { .function = "f", .file = "a.py", .line = i };
		struct fact_site site = { .site = i + 1, .thread = 1, .nframes = 1, .frames = &f };
		struct fact_delta d = { .site = i + 1, .alloc_blocks = 1, .alloc_bytes = 16 };
		struct fact_interval interval = { i, i + 1, 1, &d };
		cr_assert_eq(s.site(s.ctx, &site, NULL), 0);
		cr_assert_eq(s.interval(s.ctx, &interval, NULL), 0);
	}
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	AUTO_FCLOSE FILE *null = fopen("/dev/null", "we");
	cr_assert(null);
	struct out out;
	struct view_options o = { 0 };
	out_init(&out, fileno(null));
	cr_assert_eq(view_draw(&view_json, &r, &o, &out, NULL), 0);
	cr_assert_eq(out_flush(&out, NULL), 0);
	cr_assert_gt(out.written_bytes, 5000000);
	cr_assert_lt(out.buf.cap, 1 << 18);
	out_deinit(&out);
}

Test(report_view_json, peaks_that_a_cut_recording_does_not_know_are_null)
{
	static const char *const lists[] = { "sites", "threads" };
	size_t k;
	const json_t *row;

	sample_make_cut(&r);
	json_t *root = draw();
	cr_assert_gt(number(json_object_get(root, "totals"), "peak_bytes"), 0);
	for (size_t i = 0; i < 2; i++)
		json_array_foreach(json_object_get(root, lists[i]), k, row) {
			cr_assert(json_is_null(json_object_get(row, "peak_bytes")), "%s", lists[i]);
			cr_assert(json_is_null(json_object_get(row, "peak_blocks")), "%s", lists[i]);
		}
	json_decref(root);
}

Test(report_view_json, what_a_snapshot_did_not_record_is_null)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	sample_snapshot(&r, 1, "Session");
	struct fact_sink s = feed_sink(&r);
	cr_assert_eq(s.totals(s.ctx, &(struct fact_totals){ 0 }, NULL), 0);
	cr_assert_eq(s.finish(s.ctx, FACT_END_DETACHED, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	json_t *root = draw();
	const json_t *totals = json_object_get(root, "totals");
	cr_assert(json_is_null(json_object_get(totals, "live_bytes")));
	cr_assert(json_is_null(json_object_get(totals, "peak_bytes")));
	cr_assert(json_is_null(json_object_get(totals, "verdict")));
	json_decref(root);
}
