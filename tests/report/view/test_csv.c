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

/* A field that a spreadsheet would take for a formula; a figure may be negative. */
static bool formula(const char *field)
{
	field += *field == '"';
	return strchr("=+@", *field) || (*field == '-' && (field[1] < '0' || field[1] > '9'));
}

/* Fails unless all records have the same number of fields and none is a formula; how many records. */
static size_t records(const char *text)
{
	int fields = 1, first = 0;
	size_t n = 0;
	bool quoted = false;

	for (const char *p = text; *p; p++) {
		if ((p == text || p[-1] == ',' || p[-1] == '\n') && !quoted)
			cr_assert_not(formula(p), "%.40s", p);
		if (*p == '"')
			quoted = !quoted;
		else if (*p == ',' && !quoted)
			fields++;
		else if (*p == '\n') {
			cr_assert_not(quoted);
			first = first ? first : fields;
			cr_assert_eq(fields, first, "%s", text);
			fields = 1;
			n++;
		}
	}
	return n;
}

Test(report_view_csv, every_record_has_the_same_number_of_fields_whatever_the_names)
{
	sample_make_hostile(&r);
	for (int q = 0; q < VIEW_QUESTIONS; q++) {
		AUTO_FREE char *text =
			sample_draw(&r, "csv", (struct view_options){ .question = (enum view_question)q }, NULL);
		size_t n = records(text);

		cr_assert_gt(n, 1, "%s has no row", view_question_name((enum view_question)q));
		cr_assert(q != VIEW_SITES || n == HOSTILE_NAMES + 2);
	}
}

Test(report_view_csv, fragmentation_has_all_the_text_shows)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	sample_snapshot(&r, 1, "Session");
	AUTO_FREE char *text =
		sample_draw(&r, "csv", (struct view_options){ .question = VIEW_FRAGMENTATION }, NULL);
	static const char *const rows[] = {
		"kind,address,interpreter,block_bytes,arenas,pools,",
		"\nall,,,,2,,,,2097152,0,900000,,600000,,500000,",
		"\nnearly_empty,,,,1,,,,1048576,,40000,",
		"\nclass,,,48,,30,30,,491520,8000,384000,2000,96000,100,,11520,0,",
		"\narena,0x7f1a00000000,0,,1,64,5,59,1048576,833,40000,860,41280,,966656,240,400,0,",
		",.aaaaaabbbbbbcccccccddddddeeeeeefffffffgggggghhhhhhhiiiiiijjjjjj,\n",
		"\npin,0x7f1a00000000,0,,,,,,,7,336,,,,,,,,,,,,,,,,,,app.models,Session,1,,\n",
		"\nmalloc_main,0x0,,,,,,,9437184,0,7340032,0,1048576,,,,,,,,,,0,0,0,1048576,0,0,,,,,\n",
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_assert(strstr(text, rows[i]), "no %s in\n%s", rows[i], text);
}

Test(report_view_csv, the_collectors_rows_include_what_waits_for_it)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	sample_snapshot(&r, 1, "Session");
	AUTO_FREE char *text = sample_draw(&r, "csv", (struct view_options){ .question = VIEW_GC }, NULL);
	static const char *const rows[] = {
		"kind,interpreter,generation,enabled,threshold,count,collections,collected,uncollectable,objects,"
		"bytes,module,type\n",
		"\ngeneration,0,0,1,700,12,100,50,0,300,,,\n",
		"\ngeneration,0,2,1,10,1,1,0,0,9000,,,\n",
		"\nfrozen,0,,,,,,,,0,,,\ngarbage,0,,,,,,,,0,,,\nunreachable,0,,,,,,,,40,4800,,\n",
		"\nunreachable_type,0,,,,,,,,40,4800,app.models,Session\n",
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_assert(strstr(text, rows[i]), "no %s in\n%s", rows[i], text);
}

Test(report_view_csv, peaks_that_a_cut_recording_does_not_know_are_empty)
{
	sample_make_cut(&r);
	AUTO_FREE char *sites = sample_draw(&r, "csv", (struct view_options){ .question = VIEW_SITES }, NULL);
	AUTO_FREE char *threads = sample_draw(&r, "csv", (struct view_options){ .question = VIEW_THREADS }, NULL);
	cr_assert(strstr(sites, "\n400000,4000,400000,4000,0,0,0,0,,,leaking,"), "%s", sites);
	cr_assert(strstr(threads, ",,\n"), "%s", threads);
}

Test(report_view_csv, rss_that_was_not_read_is_empty)
{
	struct fact_delta d = { 1, 1, 100, 0, 0, 0, 0 };

	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_site(&r, 1, 1, "f a.py:1");
	feed_interval(&r, 0, 1, &d, 1);
	feed_tick(&r, 1, 0, 100);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	AUTO_FREE char *text = sample_draw(&r, "csv", (struct view_options){ .question = VIEW_TIMELINE }, NULL);
	cr_assert(strstr(text, ",100,,100,1,"), "%s", text);
}

Test(report_view_csv, what_was_made_without_a_python_stack_says_so)
{
	sample_begin(&r, 0);
	struct fact_sink s = feed_sink(&r);
	cr_assert_eq(s.site(s.ctx, &(struct fact_site){ .site = 6, .thread = 1 }, NULL), 0);
	cr_assert_eq(s.heap(s.ctx, &(struct fact_heap){ .snapshot = 1 }, NULL), 0);
	cr_assert_eq(s.heap_type(s.ctx, &(struct fact_heap_type){ .type = 1, .name = "Session", .module = "app",
					  .count = 9, .total_bytes = 90000 }, NULL), 0);
	cr_assert_eq(s.heap_join(s.ctx, &(struct fact_heap_join){ .site = 6, .type = 1, .use = FACT_JOIN_OBJECT,
					  .blocks = 9, .bytes = 90000 }, NULL), 0);
	cr_assert_eq(s.heap_end(s.ctx, 1, NULL), 0);
	sample_end(&r);
	AUTO_FREE char *table = sample_draw(&r, "csv", (struct view_options){ .question = VIEW_TYPES }, NULL);
	cr_assert(strstr(table, ",90000,\"(no Python stack)\"\n"), "%s", table);
	AUTO_FREE char *text = sample_draw(&r, "text", (struct view_options){ .question = VIEW_TYPES }, NULL);
	cr_assert(strstr(text, " made (no Python stack)\n"), "%s", text);
}
