/* SPDX-License-Identifier: MIT */
/* Golden texts of every question, and what must hold for any recording. */
#include <stdio.h>

#include "base/utf8.h"
#include "sample.h"
#include "tests/report/golden.h"
#include "tests/support/fail_alloc.h"

static struct recording r;

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_view_text, .fini = teardown);

static void compare(const char *name, enum view_question q)
{
	AUTO_FREE char *text = sample_draw(
		&r, "text", (struct view_options){ .question = q, .file = "app.pmp" }, NULL);
	char path[512];
	snprintf(path, sizeof path, GOLDEN_DIR "/%s-%s.txt", name, view_question_name(q));
	golden_compare(path, text);
}

Test(report_view_text, every_question_matches_its_golden_text)
{
	sample_make(&r, 0);
	for (int q = 0; q < VIEW_QUESTIONS; q++)
		compare("exact", (enum view_question)q);
}

Test(report_view_text, a_snapshot_matches_its_golden_text)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	sample_snapshot(&r, 1, "Session");
	sample_snapshot(&r, 2, "Session");
	struct fact_sink s = recording_sink(&r);
	cr_assert_eq(s.totals(s.ctx, &(struct fact_totals){ 0 }, NULL), 0);
	cr_assert_eq(s.finish(s.ctx, FACT_END_DETACHED, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	compare("snapshot", VIEW_SUMMARY);
	for (int q = VIEW_TYPES; q < VIEW_QUESTIONS; q++)
		compare("snapshot", (enum view_question)q);
}

/* What a report says is whole, or it is an error: nothing is left out because memory ran out. */
static void each_allocation_fails(const struct view *view, enum view_question q)
{
	const struct view_options o = { .question = q, .file = "app.pmp", .top = 3, .width = VIEW_WIDTH };
	size_t n;
	AUTO_FREE char *whole = sample_draw(&r, view->name, o, &n);

	FAIL_ALLOC_EACH
	{
		struct out out;
		out_init(&out, OUT_MEMORY);
		int rc = view->draw(&r, &o, &out, NULL);
		if (rc == 0)
			rc = out_flush(&out, NULL);
		cr_assert(rc == ERR_NOMEM || (rc == 0 && out.buf.len == n &&
					      (n == 0 || memcmp(out.buf.bytes, whole, n) == 0)),
			  "%s of %s, allocation %lu: %d and another text", view->name,
			  view_question_name(q), fail_n_, rc);
		out_deinit(&out);
	}
}

Test(report_view_text, nothing_is_left_out_for_want_of_memory)
{
	sample_make(&r, 0);
	for (int q = 0; q < VIEW_QUESTIONS; q++)
		for (const struct view *const *v = views; *v; v++)
			if ((*v)->questions >> q & 1)
				each_allocation_fails(*v, (enum view_question)q);
}

Test(report_view_text, nothing_of_a_snapshot_is_left_out_for_want_of_memory)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	sample_snapshot(&r, 1, "Session");
	struct fact_sink s = recording_sink(&r);
	cr_assert_eq(s.totals(s.ctx, &(struct fact_totals){ 0 }, NULL), 0);
	cr_assert_eq(s.finish(s.ctx, FACT_END_DETACHED, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	for (int q = 0; q < VIEW_QUESTIONS; q++)
		for (const struct view *const *v = views; *v; v++)
			if (!(*v)->recorded && (*v)->questions >> q & 1)
				each_allocation_fails(*v, (enum view_question)q);
}

Test(report_view_text, estimates_match_their_golden_text)
{
	sample_make(&r, 65536);
	compare("sampled", VIEW_SUMMARY);
}

Test(report_view_text, an_empty_recording_matches_its_golden_text)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	compare("empty", VIEW_SUMMARY);
}

/* Longest line in columns; fails on control characters other than the line feed. */
static size_t widest(const char *text)
{
	size_t most = 0;
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		for (size_t i = 0; i < n; i++)
			cr_assert((unsigned char)line[i] >= 0x20 && line[i] != 0x7f,
				  "control character in: %.*s", (int)n, line);
		size_t columns = escape_columns(line, n);
		most = columns > most ? columns : most;
		line += n + (line[n] == '\n');
	}
	return most;
}

Test(report_view_text, no_line_is_wider_than_the_width_whatever_the_names)
{
	static const unsigned widths[] = { 72, 80, 100 };
	sample_make_hostile(&r);
	for (size_t w = 0; w < 3; w++) {
		for (int q = 0; q < VIEW_QUESTIONS; q++) {
			for (int utf8 = 0; utf8 < 2; utf8++) {
				size_t n;
				struct view_options o = { .question = (enum view_question)q,
							  .width = widths[w],
							  .utf8 = utf8,
							  .file = hostile_names[0],
							  .top = 100 };
				AUTO_FREE char *text = sample_draw(&r, "text", o, &n);
				cr_assert_eq(strlen(text), n);
				cr_assert_leq(widest(text), widths[w],
					      "view %d utf8 %d: %zu columns\n%s", q, utf8,
					      widest(text), text);
				cr_assert_eq(utf8_valid(text, n), n);
				for (size_t i = 0; i < n && !utf8; i++)
					cr_assert((unsigned char)text[i] < 0x7f);
			}
		}
	}
}

Test(report_view_text, line_numbers_survive_shortened_paths)
{
	sample_make(&r, 0);
	AUTO_FREE char *text =
		sample_draw(&r, "text", (struct view_options){ .question = VIEW_LEAKS }, NULL);
	cr_assert(strstr(text, "cache.py:88"), "%s", text);
}

Test(report_view_text, colour_changes_no_word)
{
	sample_make(&r, 0);
	struct view_options o = { .question = VIEW_SUMMARY, .utf8 = true };
	AUTO_FREE char *plain = sample_draw(&r, "text", o, NULL);
	o.colour = true;
	AUTO_FREE char *painted = sample_draw(&r, "text", o, NULL);
	cr_assert(strchr(painted, '\033'));
	char *to = painted;
	for (char *from = painted; *from;) {
		if (*from == '\033')
			from += strcspn(from, "m") + 1;
		else
			*to++ = *from++;
	}
	*to = '\0';
	cr_assert_str_eq(painted, plain);
}

Test(report_view_text, peaks_that_a_cut_recording_does_not_know_are_said_to_be_so)
{
	static const enum view_question asked[] = { VIEW_SITES, VIEW_FLAME };

	sample_make_cut(&r);
	for (size_t i = 0; i < 2; i++) {
		struct view_options o = { .question = asked[i], .metric = SITES_PEAK, .file = "app.pmp" };
		AUTO_FREE char *text = sample_draw(&r, "text", o, NULL);
		cr_assert(strstr(text, "(by peak)  none: what each site held at the peak is not known"), "%s", text);
		cr_assert_null(strstr(text, "are not shown"), "%s", text);
	}
	AUTO_FREE char *page = sample_draw(&r, "html", (struct view_options){ 0 }, NULL);
	cr_assert(strstr(page, "<td class=\"n\">not known</td>"));
}

Test(report_view_text, what_was_not_recorded_is_not_called_nothing)
{
	static const enum view_question asked[] = { VIEW_LEAKS, VIEW_SITES, VIEW_FLAME, VIEW_THREADS, VIEW_TIMELINE };

	for (int snapshot = 0; snapshot < 2; snapshot++) {
		cr_assert_eq(recording_init(&r, NULL), 0);
		feed_target(&r, 0);
		struct fact_sink s = feed_sink(&r);
		if (snapshot) {
			sample_snapshot(&r, 1, "Session");
			cr_assert_eq(s.totals(s.ctx, &(struct fact_totals){ 0 }, NULL), 0);
		}
		cr_assert_eq(s.finish(s.ctx, snapshot ? FACT_END_DETACHED : FACT_END_TRUNCATED, NULL), 0);
		cr_assert_eq(recording_conclude(&r, NULL), 0);
		for (size_t i = 0; i < 5; i++) {
			struct view_options o = { .question = asked[i], .file = "app.pmp" };
			AUTO_FREE char *text = sample_draw(&r, "text", o, NULL);
			cr_assert(strstr(text, snapshot ? "  not known: a snapshot says" : "  not known: the file ends"),
				  "%s", text);
			cr_assert_null(strstr(text, "none"), "%s", text);
		}
		AUTO_FREE char *summary = sample_draw(&r, "text", (struct view_options){ .file = "app.pmp" }, NULL);
		cr_assert_null(strstr(summary, "nothing grew"), "%s", summary);
		cr_assert_null(strstr(summary, "live = allocated"), "%s", summary);
		AUTO_FREE char *page = sample_draw(&r, "html", (struct view_options){ 0 }, NULL);
		cr_assert_null(strstr(page, "s-memory\""));
		cr_assert_null(strstr(page, "nothing grew"));
		recording_deinit(&r);
	}
}

static void expect_next(const char *words)
{
	AUTO_FREE char *text = sample_draw(&r, "text", (struct view_options){ .question = VIEW_LEAKS }, NULL);
	cr_assert(strstr(text, words), "%s", text);
}

Test(report_view_text, the_command_under_next_can_be_given)
{
	sample_make(&r, 0);
	expect_next("pymemprof attach -o FILE.pmp 4242 keeps");
	r.totals.end = FACT_END_EXITED;
	expect_next("pymemprof attach -o FILE.pmp PID keeps");
	r.totals.target.from_start = true;
	expect_next("pymemprof run -o FILE.pmp -- PROGRAM keeps");
}

Test(report_view_text, of_a_core_file_next_names_the_core_file)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	sample_snapshot(&r, 1, "Session");
	struct fact_sink s = feed_sink(&r);
	struct fact_cost c = { .pause_kind = FACT_PAUSE_CORE };
	cr_assert_eq(s.cost(s.ctx, &c, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	expect_next("pymemprof snapshot -o FILE.pmp CORE keeps");
	r.totals.cost.pause_kind = FACT_PAUSE_CLONE;
	expect_next("pymemprof snapshot -o FILE.pmp 4242 keeps");
}
