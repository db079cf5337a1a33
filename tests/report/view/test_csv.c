/* SPDX-License-Identifier: MIT */
#include "sample.h"

static struct recording r;

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_view_csv, .fini = teardown);

Test(report_view_csv, sites_have_exact_figures_and_their_stack)
{
	sample_make(&r, 0);
	AUTO_FREE char *text =
		sample_draw(&r, "csv", (struct view_options){ .question = VIEW_SITES }, NULL);
	cr_assert(strncmp(text, "live_bytes,live_blocks,allocated_bytes,", 39) == 0, "%s", text);
	cr_assert(strstr(text, "\n400000,4000,400000,4000,0,0,0,0,396000,3960,leaking,high,"),
		  "%s", text);
	cr_assert(strstr(text, "\"parse app/parse.py:9;serve worker.py:77\"\n"), "%s", text);
}

Test(report_view_csv, leaks_timeline_and_threads_have_their_own_tables)
{
	sample_make(&r, 0);
	static const struct {
		enum view_question q;
		const char *start;
		int lines;
	} want[] = { { VIEW_LEAKS, "suspect,part_of,", 3 },
		     { VIEW_THREADS, "thread,tid,name,", 3 },
		     { VIEW_TIMELINE, "at_ns,live_bytes,rss_bytes,", 0 } };
	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *text = sample_draw(
			&r, "csv", (struct view_options){ .question = want[i].q }, NULL);
		int lines = 0;
		for (const char *p = text; (p = strchr(p, '\n')); p++)
			lines++;
		cr_assert_eq(strncmp(text, want[i].start, strlen(want[i].start)), 0, "%s", text);
		cr_assert(want[i].lines == 0 || lines == want[i].lines, "%d lines", lines);
	}
}

Test(report_view_csv, every_record_has_the_same_number_of_fields_whatever_the_names)
{
	sample_make_hostile(&r);
	AUTO_FREE char *text =
		sample_draw(&r, "csv", (struct view_options){ .question = VIEW_SITES }, NULL);
	int fields = 1, first = 0, records = 0;
	bool quoted = false;
	for (const char *p = text; *p; p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == ',' && !quoted)
			fields++;
		else if (*p == '\n') {
			cr_assert_not(quoted);
			first = first ? first : fields;
			cr_assert_eq(fields, first);
			fields = 1;
			records++;
		}
	}
	cr_assert_eq(records, (int)HOSTILE_NAMES + 2);
}
