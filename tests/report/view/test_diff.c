/* SPDX-License-Identifier: MIT */
/* The three forms of a comparison, with names that try to break each. */
#include "report/view/diff_view.h"

#include <jansson.h>

#include "sample.h"

static struct recording a, b;
static struct diff d;

static void setup(void)
{
	sample_make_hostile(&a);
	sample_make_hostile(&b);
	const struct recording *list[] = { &a, &b, &a };
	cr_assert_eq(diff_make(&d, list, 2, NULL), 0);
}

static void teardown(void)
{
	diff_deinit(&d);
	recording_deinit(&a);
	recording_deinit(&b);
}

TestSuite(report_view_diff, .init = setup, .fini = teardown);

static char *draw(const char *format, struct diff_options o, size_t *ret_n)
{
	struct out out;
	struct err err = ERR_INIT;
	out_init(&out, OUT_MEMORY);
	o.by = o.by ? o.by : DIFF_ALL;
	o.width = 80;
	o.names[0] = "\033[2Jold.pmp";
	o.names[1] = "a\nb.pmp";
	cr_assert_eq(diff_view_find(format)->draw(&d, &o, &out, &err), 0, "%s", err.text);
	char *text = buf_take(&out.buf, ret_n);
	out_deinit(&out);
	return text;
}

/* What grew between the two: everything of the second counts double. */
static void grow(void)
{
	for (unsigned by = 0; by < DIFF_BYS; by++)
		for (size_t i = 0; i < d.by[by].rows.len; i++) {
			struct diff_row *row = &d.by[by].rows.at[i];
			row->bytes[1] *= 2;
			row->delta_bytes = (int64_t)row->bytes[0];
			row->state = DIFF_GROWN;
		}
}

Test(report_view_diff, text_fits_its_width_and_moves_no_cursor)
{
	size_t n, column = 0;
	grow();
	AUTO_FREE char *text = draw("text", (struct diff_options){ .top = 100 }, &n);
	cr_assert(strstr(text, "BY TYPE"), "%s", text);
	for (size_t i = 0; i < n; i++) {
		cr_assert(text[i] == '\n' || (text[i] >= 0x20 && text[i] < 0x7f), "byte %d", text[i]);
		column = text[i] == '\n' ? 0 : column + 1;
		cr_assert_leq(column, 80, "%s", text);
	}
}

Test(report_view_diff, json_is_json_and_has_every_row_that_changed)
{
	size_t n;
	grow();
	AUTO_FREE char *text = draw("json", (struct diff_options){ 0 }, &n);
	json_error_t why;
	json_t *root = json_loadb(text, n, 0, &why);
	cr_assert(root, "%s", why.text);
	cr_assert_str_eq(json_string_value(json_object_get(root, "schema")), "pymemprof-diff/1");
	cr_assert_eq(json_array_size(json_object_get(json_object_get(root, "types"), "rows")),
		     d.by[DIFF_TYPE].rows.len);
	cr_assert(json_is_true(json_object_get(root, "grew")));
	json_decref(root);
}

Test(report_view_diff, csv_has_a_line_for_each_row_that_changed)
{
	size_t n, lines = 0, rows = 0;
	grow();
	AUTO_FREE char *text = draw("csv", (struct diff_options){ 0 }, &n);
	for (unsigned by = 0; by < DIFF_BYS; by++)
		rows += d.by[by].rows.len;
	bool quoted = false;
	for (size_t i = 0; i < n; i++) {
		quoted ^= text[i] == '"';
		lines += text[i] == '\n' && !quoted;
	}
	cr_assert_eq(lines, rows + 1);
}

/* What a file does not tell is no figure of it. */
static void untell(void)
{
	struct diff_table *t = &d.by[DIFF_TYPE];
	cr_assert_geq(t->rows.len, 1);
	struct diff_row *row = &t->rows.at[0];
	row->untold[0] = true;
	row->bytes[0] = 1000 << 10;
	row->bytes[1] = 2000 << 10;
	row->delta_bytes = 1000 << 10;
	row->state = DIFF_GROWN;
	t->counts[DIFF_SAME] = t->rows.len - 1;
	t->counts[DIFF_GROWN] = 1;
	t->counts[DIFF_UNTOLD] = 0;
}

Test(report_view_diff, what_a_file_does_not_tell_is_no_figure_of_it)
{
	size_t n;
	untell();
	AUTO_FREE char *text = draw("text", (struct diff_options){ 0 }, &n);
	cr_expect(strstr(text, " <=1000 KiB ") || strstr(text, " <=1.0 MiB "), "%s", text);
	AUTO_FREE char *json = draw("json", (struct diff_options){ 0 }, &n);
	cr_expect(strstr(json, "\"bytes\":[null,2048000],\"at_least\":true"), "%s", json);
	AUTO_FREE char *csv = draw("csv", (struct diff_options){ 0 }, &n);
	cr_expect(strstr(csv, ",,,") && strstr(csv, ",yes\n"), "%s", csv);
	AUTO_FREE char *page = draw("html", (struct diff_options){ 0 }, &n);
	cr_expect(strstr(page, ">at most "), "a page");
	d.by[DIFF_TYPE].rows.at[0].state = DIFF_UNTOLD;
	d.by[DIFF_TYPE].rows.at[0].delta_bytes = 0;
	d.by[DIFF_TYPE].rows.at[0].delta_count = 0;
	d.by[DIFF_TYPE].counts[DIFF_GROWN] = 0;
	d.by[DIFF_TYPE].counts[DIFF_UNTOLD] = 1;
	AUTO_FREE char *other = draw("text", (struct diff_options){ 0 }, &n);
	cr_expect(strstr(other, "BY TYPE  no change is known"), "%s", other);
	cr_expect_null(strstr(other, "<="), "%s", other);
}

Test(report_view_diff, nothing_changed_is_said)
{
	AUTO_FREE char *text = draw("text", (struct diff_options){ .min_delta_bytes = 1 }, NULL);
	cr_assert(strstr(text, "nothing grew by"), "%s", text);
	cr_assert(strstr(text, "nothing changed"), "%s", text);
}

Test(report_view_diff, the_page_has_a_table_per_question_first_and_names_inert)
{
	size_t n;
	grow();
	AUTO_FREE char *text = draw("html", (struct diff_options){ 0 }, &n);
	cr_assert_eq(strlen(text), n);
	const char *diff = strstr(text, "id=\"t-diff-site\""), *verdict = strstr(text, "id=\"s-verdict\"");
	cr_assert(diff && verdict && diff < verdict);
	cr_assert(strstr(text, "<span class=\"tag grown\">grown</span>"));
	cr_assert(strstr(text, "id=\"pmp-diff-type\"") && strstr(text, "id=\"pmp-diff-holder\""));
	cr_assert_null(strstr(text, "<img"));
	cr_assert_null(strchr(text, '\033'));
	cr_assert_null(strstr(text, "\xe2\x80\xae"));
	cr_assert_null(strstr(text, "Diff: it needs"));
}

/* Every second row, the last of them first, shrank. */
static void half_shrinks(struct diff_table *t)
{
	for (size_t i = 0; i < t->rows.len; i++) {
		struct diff_row *row = &t->rows.at[i];
		row->delta_bytes = i * 2 < t->rows.len ? 1000 : -1000;
		row->state = i * 2 < t->rows.len ? DIFF_GROWN : DIFF_SHRUNK;
	}
	t->counts[DIFF_SAME] = 0;
}

static size_t lines_with(const char *text, const char *word)
{
	size_t n = 0;
	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

Test(report_view_diff, as_many_rows_as_asked_for_are_all_there_are)
{
	struct diff_table *t = &d.by[DIFF_SITE];
	cr_assert_geq(t->rows.len, 12);
	half_shrinks(t);
	for (size_t top = 1; top < 8; top++) {
		AUTO_FREE char *text = draw("text", (struct diff_options){ .top = top }, NULL);
		cr_expect_eq(lines_with(text, " grown\n") + lines_with(text, " shrunk\n"), top, "%zu: %s", top, text);
	}
}

Test(report_view_diff, limits_are_of_the_tables_that_are_shown)
{
	const struct diff_note of_holders = { 1u << DIFF_HOLDER, "about \"holders\"" }, of_all = { ~0u, "about all" };
	cr_assert_eq(vec_push(&d.notes, of_holders), 0);
	cr_assert_eq(vec_push(&d.notes, of_all), 0);
	for (int json = 0; json < 2; json++) {
		struct diff_options o = { .by = 1u << DIFF_SITE };
		AUTO_FREE char *sites = draw(json ? "json" : "text", o, NULL);
		cr_expect(strstr(sites, "about all"), "%s", sites);
		cr_expect_null(strstr(sites, "about \\\"") || strstr(sites, "about \"holders") ? sites : NULL, "%s", sites);
		AUTO_FREE char *all = draw(json ? "json" : "text", (struct diff_options){ 0 }, NULL);
		cr_expect(strstr(all, json ? "about \\\"holders" : "holders"), "%s", all);
	}
}
