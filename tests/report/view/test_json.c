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
