/* SPDX-License-Identifier: MIT */
/* speedscope's file, read back with jansson: stacks, weights, sums, names that are hostile. */
#include <jansson.h>

#include "sample.h"

static struct recording r;
static json_t *file;

static void teardown(void)
{
	json_decref(file);
	recording_deinit(&r);
}

TestSuite(report_view_speedscope, .fini = teardown);

static void draw(enum sites_metric metric)
{
	struct view_options o = { .question = VIEW_FLAME, .metric = metric };
	AUTO_FREE char *text = sample_draw(&r, "speedscope", o, NULL);
	json_error_t error;

	file = json_loads(text, 0, &error);
	cr_assert(file, "%s\n%s", error.text, text);
}

static const json_t *profile(const char *name)
{
	const json_t *list = json_object_get(file, "profiles"), *p;
	size_t i;

	json_array_foreach(list, i, p)
		if (strcmp(json_string_value(json_object_get(p, "name")), name) == 0)
			return p;
	cr_assert(false, "no profile %s", name);
	return NULL;
}

/* "serve;handle;put" */
static void spell(const json_t *sample, char *text, size_t n)
{
	const json_t *frames = json_object_get(json_object_get(file, "shared"), "frames"), *index;
	size_t i, len = 0;

	*text = 0;
	json_array_foreach(sample, i, index) {
		const json_t *f = json_array_get(frames, (size_t)json_integer_value(index));
		cr_assert(f, "a frame that is not there");
		len += (size_t)snprintf(text + len, len < n ? n - len : 0, "%s%s", i ? ";" : "",
					json_string_value(json_object_get(f, "name")));
	}
}

Test(report_view_speedscope, every_metric_is_a_profile_that_adds_up)
{
	sample_make(&r, 0);
	draw(SITES_PEAK);
	struct counters sum = sites_sum(&r.sites);
	static const enum sites_metric all[] = { SITES_LIVE, SITES_ALLOCATED, SITES_FREED, SITES_TEMPORARY, SITES_PEAK };
	for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
		const json_t *p = profile(sites_metric_name(all[k])), *weight;
		json_int_t total = 0;
		size_t i;

		json_array_foreach(json_object_get(p, "weights"), i, weight) total += json_integer_value(weight);
		cr_assert_eq((uint64_t)total, sites_metric(&sum, all[k]), "%s", sites_metric_name(all[k]));
		cr_assert_eq(json_integer_value(json_object_get(p, "endValue")), total);
		cr_assert_eq(json_array_size(json_object_get(p, "samples")),
			     json_array_size(json_object_get(p, "weights")));
	}
	const json_t *active = json_array_get(json_object_get(file, "profiles"),
					      (size_t)json_integer_value(json_object_get(file, "activeProfileIndex")));
	cr_assert_str_eq(json_string_value(json_object_get(active, "name")), "peak");
}

Test(report_view_speedscope, stacks_begin_with_their_outermost_frame)
{
	char text[256];

	sample_make(&r, 0);
	draw(SITES_TEMPORARY);
	const json_t *p = profile("temporary");
	cr_assert_eq(json_array_size(json_object_get(p, "samples")), 1);
	spell(json_array_get(json_object_get(p, "samples"), 0), text, sizeof text);
	cr_assert_str_eq(text, "serve;parse");
	cr_assert_eq(json_integer_value(json_array_get(json_object_get(p, "weights"), 0)), 50000000);
}

Test(report_view_speedscope, what_is_missing_of_a_stack_is_a_frame_that_says_so)
{
	size_t i, cut = 0;
	const json_t *sample;
	char text[40000];

	sample_make_hostile(&r);
	draw(SITES_LIVE);
	json_array_foreach(json_object_get(profile("live"), "samples"), i, sample) {
		spell(sample, text, sizeof text);
		cut += strncmp(text, "(outer frames missing);", 23) == 0;
	}
	cr_assert_eq(i, HOSTILE_NAMES + 1);
	cr_assert_eq(cut, (HOSTILE_NAMES + 1) / 2);
}

Test(report_view_speedscope, an_empty_recording_is_a_file_too)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	draw(SITES_LIVE);
	cr_assert_eq(json_array_size(json_object_get(profile("live"), "samples")), 0);
}

Test(report_view_speedscope, peaks_that_a_cut_recording_does_not_know_are_no_profile)
{
	struct view_options o = { .question = VIEW_FLAME, .metric = SITES_PEAK, .width = VIEW_WIDTH };
	static const char *const names[] = { "speedscope", "folded", "pprof" };

	sample_make_cut(&r);
	draw(SITES_TEMPORARY);
	const json_t *profiles = json_object_get(file, "profiles");
	cr_assert_eq(json_array_size(profiles), 4);
	const json_t *active =
		json_array_get(profiles, (size_t)json_integer_value(json_object_get(file, "activeProfileIndex")));
	cr_assert_str_eq(json_string_value(json_object_get(active, "name")), "temporary");
	for (size_t i = 0; i < 3; i++) {
		struct err err = ERR_INIT;
		struct out out;
		out_init(&out, OUT_MEMORY);
		cr_assert_eq(view_draw(view_find(names[i]), &r, &o, &out, &err), ERR_USAGE);
		cr_assert(strstr(err.text, "nothing by peak"), "%s", err.text);
		out_deinit(&out);
	}
}
