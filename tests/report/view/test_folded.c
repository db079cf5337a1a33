/* SPDX-License-Identifier: MIT */
#include "sample.h"

static struct recording r;

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_view_folded, .fini = teardown);

Test(report_view_folded, outermost_frame_first_and_bytes_last)
{
	sample_make(&r, 0);
	AUTO_FREE char *text =
		sample_draw(&r, "folded", (struct view_options){ .question = VIEW_FLAME }, NULL);
	cr_assert(
		strstr(text,
		       "\nserve (worker.py:77);handle (worker.py:139);lookup (app/plan.py:12) 360000\n"),
		"%s", text);
	cr_assert_null(strstr(text, "parse"), "nothing of it is live");
}

Test(report_view_folded, another_metric_gives_other_weights)
{
	sample_make(&r, 0);
	struct view_options o = { .question = VIEW_FLAME, .metric = SITES_TEMPORARY };
	AUTO_FREE char *text = sample_draw(&r, "folded", o, NULL);
	cr_assert_str_eq(text, "serve (worker.py:77);parse (app/parse.py:9) 50000000\n");
}

Test(report_view_folded, names_cannot_add_frames_or_lines)
{
	sample_make_hostile(&r);
	AUTO_FREE char *text =
		sample_draw(&r, "folded", (struct view_options){ .question = VIEW_FLAME }, NULL);
	size_t lines = 0;
	for (char *save, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		int separators = 0;
		for (const char *p = line; *p; p++)
			separators += *p == ';';
		cr_assert(separators == 1 || (separators == 2 &&
					      strncmp(line, "(outer frames missing);", 23) == 0),
			  "%s", line);
		cr_assert(strrchr(line, ' '));
		lines++;
	}
	cr_assert_eq(lines, HOSTILE_NAMES + 1);
}

Test(report_view_folded, questions_it_cannot_answer_are_refused)
{
	sample_make(&r, 0);
	struct out out;
	struct err err = ERR_INIT;
	struct view_options o = { .question = VIEW_TIMELINE };
	out_init(&out, OUT_MEMORY);
	cr_assert_eq(view_draw(&view_folded, &r, &o, &out, &err), ERR_USAGE);
	cr_assert_str_eq(err.text, "format folded has no timeline view");
	out_deinit(&out);
}
