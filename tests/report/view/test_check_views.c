/* SPDX-License-Identifier: MIT */
/* Every format of the gate on one hostile report; JSON formats by what their schemas require. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "report/view/check_view.h"

static struct check_figures now;
static struct check_rule rules[12];
static struct check_answer answer;
static struct check_question question;
static struct check_report report;
static struct out out;
static const char *const hostile = "a,b%c:d\n::error::x]]><b>&\"'|`\033[31m%0A::error::y"
				   "@all[l](u)*_";

static void setup(void)
{
	double v = 1500;
	struct check_metric m;
	cr_assert_eq(check_metric_parse("peak", 4, &m, NULL), 0);
	cr_assert_eq(vec_push(&check_series_of(&now, &m)->runs, v), 0);
	for (size_t i = 0; i < 12; i++) {
		struct check_finding f = { .rule = &rules[i], .name = "peak", .kind = CHECK_PEAK, .now = 1500, .allowed = 1000 };
		f.verdict = i == 11 ? CHECK_WARNED : CHECK_FAILED;
		f.nculprits = 2;
		f.culprits[0] = (struct check_culprit){
			.file = hostile, .function = hostile, .line = 7, .now = 500,
			.caller_file = hostile, .caller = hostile, .caller_line = 3, .caller_now = 490
		};
		f.culprits[1] = (struct check_culprit){ .file = "a b.py", .function = "f",
							  .now = 400 };
		cr_assert_eq(check_rule_parse(CHECK_OPTION_MAX, "peak=1000", &rules[i], NULL), 0);
		cr_assert_eq(vec_push(&answer.findings, f), 0);
	}
	answer.failed = 11;
	answer.warned = 1;
	question.now = &now;
	report = (struct check_report){ .name = hostile,
					.place = hostile,
					.question = &question,
					.answer = &answer,
					.notes = { hostile },
					.nnotes = 1,
					.status = 1,
					.exit_status = 0,
					.runs = 1 };
	out_init(&out, OUT_MEMORY);
}

static void teardown(void)
{
	out_deinit(&out);
	check_answer_deinit(&answer);
	check_figures_deinit(&now);
}

static void teardown_out(void)
{
	out_deinit(&out);
	out_init(&out, OUT_MEMORY);
}

TestSuite(report_view_check_views, .init = setup, .fini = teardown);

static const char *draw(const struct check_view *v)
{
	v->draw(&report, &out);
	out_put(&out, "", 1);
	cr_assert_eq(out_check(&out, NULL), 0);
	const char *text = (const char *)out.buf.bytes;
	cr_assert_null(strchr(text, '\033'), "%s", v->name);
	return text;
}

static json_t *draw_json(const struct check_view *v)
{
	json_error_t why;
	json_t *root = json_loads(draw(v), 0, &why);
	cr_assert(root, "%s: %s: %s", v->name, why.text, (char *)out.buf.bytes);
	return root;
}

static size_t lines_with(const char *text, const char *what)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static json_t *in(json_t *v, const char *name)
{
	json_t *found = json_object_get(v, name);
	cr_assert(found, "%s is missing", name);
	return found;
}

/* As reports call it: the container and where it is, without the types of keys. */
Test(report_view_check_views, a_holder_is_called_as_in_reports)
{
	static const struct {
		enum check_kind kind;
		enum check_what what;
		const char *name, *words;
	} cases[] = {
		{ CHECK_PEAK, CHECK_OF_TYPE, "str", "type str" },
		{ CHECK_PEAK, CHECK_HOLDER, "module store.SESSIONS (dict)", "held by dict store.SESSIONS" },
		{ CHECK_PEAK, CHECK_HOLDER, "module a.b[int].c['x[y]'] (list)", "held by list a.b[*].c['x[y]']" },
		{ CHECK_TYPE, CHECK_HOLDER, "module store.SESSIONS[str] (a.Session)",
		  "held by dict store.SESSIONS" },
		{ CHECK_RETAINED, CHECK_HOLDER, "module store.all[str][int] (a.Session)",
		  "held by store.all[*]" },
		{ CHECK_TYPE, CHECK_HOLDER, "module app.main.data (list)", "held by app.main.data" },
		{ CHECK_TYPE, CHECK_HOLDER, "module app (a.Session)", "held by module app" },
		{ CHECK_TYPE, CHECK_HOLDER, "interpreter", "held by interpreter" },
	};
	struct check_share known = { .name = "module store.SESSIONS (dict)" };
	char words[CHECK_SENTENCE_MAX];
	cr_assert_eq(vec_push(&now.holders, known), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct check_finding f = { .kind = cases[i].kind };
		struct check_culprit c = { .file = "", .function = cases[i].name, .what = cases[i].what };
		cr_expect_str_eq(check_share_words(&now, &f, &c, words), cases[i].words, "%s", words);
	}
}

Test(report_view_check_views, what_figures_of_culprits_are_of_is_said)
{
	struct check_finding *f = &answer.findings.at[0];
	f->culprits[1].line_now = 300;
	f->culprits[1].line = 4;
	f->culprits[1].alone = f->culprits[0].alone = true;
	f->shares[f->nshares++] = (struct check_culprit){ .file = "", .function = "str", .now = 9000,
							  .alone = true, .what = CHECK_OF_TYPE };
	const char *text = draw(&check_view_text);
	cr_expect(strstr(text, "400 B  a b.py:4 f; 300 B of it at line 4\n"), "%s", text);
	cr_expect_null(strstr(text, "whole heap"));
	teardown_out();
	f->older = true;
	static const struct check_view *const views[] = { &check_view_text, &check_view_markdown,
							  &check_view_junit };
	for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
		text = draw(views[i]);
		cr_expect(strstr(text, "of the whole heap, with what was there before the recording:\n"), "%s",
			  text);
		cr_expect(strstr(text, "300 B of it at line 4"), "%s", text);
		teardown_out();
	}
	json_t *root = draw_json(&check_view_json);
	const json_t *one = json_array_get(in(root, "findings"), 0);
	cr_expect(json_is_true(json_object_get(one, "whole_heap")));
	cr_expect_eq(json_integer_value(json_object_get(json_array_get(json_object_get(one, "culprits"), 1),
							"line_now")), 300);
	json_decref(root);
}

Test(report_view_check_views, json_has_everything)
{
	json_t *root = draw_json(&check_view_json);
	cr_expect_str_eq(json_string_value(in(root, "schema")), "pymemprof-check/1");
	cr_expect_eq(json_array_size(in(root, "findings")), 12);
	cr_expect_eq(json_integer_value(json_array_get(in(in(root, "metrics"), "peak"), 0)), 1500);
	cr_expect_eq(json_array_size(in(root, "notes")), 1);
	json_decref(root);
}

Test(report_view_check_views, sarif_has_what_its_schema_requires)
{
	json_t *root = draw_json(&check_view_sarif);
	cr_expect_str_eq(json_string_value(in(root, "version")), "2.1.0");
	json_t *one = json_array_get(in(root, "runs"), 0), *driver = in(in(one, "tool"), "driver");
	cr_expect(json_is_string(in(driver, "name")));
	cr_assert_eq(json_array_size(in(one, "results")), 12);
	json_t *result = json_array_get(in(one, "results"), 0);
	cr_expect(json_is_string(in(in(result, "message"), "text")));
	cr_expect_str_eq(json_string_value(in(result, "level")), "error");
	json_t *place = in(json_array_get(in(result, "locations"), 0), "physicalLocation");
	const char *uri = json_string_value(in(in(place, "artifactLocation"), "uri"));
	cr_expect_null(strpbrk(uri, " <>:\"\n"), "%s", uri);
	cr_expect_eq(json_integer_value(in(in(place, "region"), "startLine")), 7);
	place = in(json_array_get(in(result, "relatedLocations"), 0), "physicalLocation");
	cr_expect_geq(json_integer_value(in(in(place, "region"), "startLine")), 1);
	const char *id = json_string_value(in(result, "ruleId"));
	bool known = false;
	for (size_t i = 0; i < json_array_size(in(driver, "rules")); i++)
		known |= strcmp(id, json_string_value(in(json_array_get(in(driver, "rules"), i),
							 "id"))) == 0;
	cr_expect(known);
	json_decref(root);
}

Test(report_view_check_views, gitlab_has_the_five_members_of_code_quality)
{
	json_t *root = draw_json(&check_view_gitlab), *one = json_array_get(root, 0);
	cr_assert_eq(json_array_size(root), 12);
	cr_expect(json_is_string(in(one, "description")) && json_is_string(in(one, "check_name")));
	cr_expect_eq(strlen(json_string_value(in(one, "fingerprint"))), 16);
	cr_expect_str_eq(json_string_value(in(one, "severity")), "major");
	cr_expect(json_is_string(in(in(one, "location"), "path")));
	cr_expect_eq(json_integer_value(in(in(in(one, "location"), "lines"), "begin")), 7);
	json_decref(root);
}

Test(report_view_check_views, histories_get_value_and_range)
{
	json_t *root = draw_json(&check_view_bencher);
	json_t *measures = json_object_iter_value(json_object_iter(root));
	cr_expect_eq(json_integer_value(in(in(measures, "peak"), "value")), 1500);
	cr_expect_eq(json_integer_value(in(in(measures, "peak"), "upper_value")), 1500);
	json_decref(root);
	buf_clear(&out.buf);
	root = draw_json(&check_view_ghbench);
	json_t *one = json_array_get(root, 0);
	cr_expect(json_is_string(in(one, "name")) && json_is_string(in(one, "unit")));
	cr_expect_eq(json_integer_value(in(one, "value")), 1500);
	cr_expect(json_is_string(in(one, "range")));
	json_decref(root);
}

Test(report_view_check_views, annotations_are_ten_at_most_and_cannot_be_forged)
{
	const char *text = draw(&check_view_github);
	cr_expect_eq(lines_with(text, "\n"), 10);
	cr_expect_eq(lines_with(text, "\n::"), 9, "every line is ours");
	cr_expect(strstr(text, "file=a%2Cb%25c%3Ad"), "%s", text);
	/* GitHub makes a line feed of %0A */
	for (const char *p = text; (p = strchr(p, '%')); p++)
		cr_expect(strncmp(p + 1, "25", 2) == 0 || strncmp(p + 1, "2C", 2) == 0 ||
			  strncmp(p + 1, "3A", 2) == 0, "%.40s", p);
}

Test(report_view_check_views, junit_is_well_formed)
{
	const char *text = draw(&check_view_junit);
	cr_expect_eq(lines_with(text, "<testcase "), 12);
	cr_expect_eq(lines_with(text, "<failure "), 11);
	cr_expect_eq(lines_with(text, "<b>"), 0);
	cr_expect(strstr(text, "failures=\"11\""), "%s", text);
	cr_expect_eq(lines_with(text, "]]>"), 0);
	/* Every opened element is closed, and no ampersand stands alone. */
	cr_expect_eq(lines_with(text, "<testcase "), lines_with(text, "</testcase>"));
	cr_expect_eq(lines_with(text, "<failure "), lines_with(text, "</failure>"));
	for (const char *p = text; (p = strchr(p, '&')); p++)
		cr_expect(strspn(p + 1, "abcdefghijklmnopqrstuvwxyz#0123456789") ==
			  strcspn(p + 1, ";"));
}

Test(report_view_check_views, a_rule_that_was_not_measured_is_no_test_that_passed)
{
	answer.findings.at[0].verdict = CHECK_NOT_MEASURED;
	answer.findings.at[1].verdict = CHECK_NOT_PROVEN;
	const char *text = draw(&check_view_junit);
	cr_expect(strstr(text, " skipped=\"2\""), "%s", text);
	cr_expect_eq(lines_with(text, "<skipped message=\"not "), 2);
	cr_expect_eq(lines_with(text, "</skipped>"), 2);
}

Test(report_view_check_views, markdown_is_short_and_has_its_marker)
{
	const char *text = draw(&check_view_markdown);
	cr_expect_eq(strncmp(text, "<!-- pymemprof:check -->\n", 25), 0);
	cr_expect_leq(lines_with(text, "\n"), 60);
	cr_expect_eq(lines_with(text, "<b>"), 0);
	/* nobody is called, no link is made, nothing is emphasised, no code begun, no cell ended */
	cr_expect_eq(lines_with(text, "@all"), 0);
	cr_expect_gt(lines_with(text, "[l]"), 0);
	cr_expect_eq(lines_with(text, "[l]"), lines_with(text, "\\[l]"));
	cr_expect_eq(lines_with(text, "*\\_"), lines_with(text, "\\*\\_"));
	cr_expect_eq(lines_with(text, "*_"), 0);
	cr_expect_eq(lines_with(text, "'|"), 0);
	cr_expect_eq(lines_with(text, "|`"), 0);
}

Test(report_view_check_views, markdown_has_sixty_lines_when_everything_has_gone_wrong)
{
	for (size_t i = 0; i < 30; i++) {
		struct check_finding f = answer.findings.at[0];
		for (f.nculprits = 0; f.nculprits < CHECK_CULPRITS; f.nculprits++)
			f.culprits[f.nculprits] = answer.findings.at[0].culprits[0];
		for (f.nshares = 0; f.nshares < 2 * CHECK_SHARE_CULPRITS; f.nshares++)
			f.shares[f.nshares] = f.culprits[0];
		cr_assert_eq(vec_push(&answer.findings, f), 0);
	}
	memmove(&answer.findings.at[0], &answer.findings.at[20], 20 * sizeof *answer.findings.at);
	for (report.nnotes = 0; report.nnotes < CHECK_NOTES_MAX; report.nnotes++)
		report.notes[report.nnotes] = hostile;
	const char *text = draw(&check_view_markdown);
	cr_expect_eq(lines_with(text, "\n"), 60, "%zu: %s", lines_with(text, "\n"), text);
}

Test(report_view_check_views, what_was_not_judged_has_not_passed)
{
	answer.findings.len = 0;
	answer.failed = answer.warned = 0;
	report.why = "the program failed with status 3";
	cr_expect(strstr(draw(&check_view_markdown), "**NOT JUDGED**\n"));
	teardown_out();
	cr_expect(strstr(draw(&check_view_junit), "tests=\"1\" failures=\"0\" errors=\"1\""));
	cr_expect(strstr((char *)out.buf.bytes, "message=\"the program failed with status 3\""));
	teardown_out();
	cr_expect_str_eq(draw(&check_view_github),
			 "::error title=pymemprof::the program failed with status 3\n");
	teardown_out();
	cr_expect(strstr(draw(&check_view_text), ": NOT JUDGED\n"));
	teardown_out();
	report.status = 4;
	json_t *root = draw_json(&check_view_sarif), *one = json_array_get(in(root, "runs"), 0);
	json_t *call = json_array_get(in(one, "invocations"), 0);
	cr_expect(json_is_false(in(call, "executionSuccessful")));
	cr_expect_eq(json_integer_value(in(call, "exitCode")), 4);
	cr_expect_eq(json_array_size(in(call, "toolExecutionNotifications")), 1);
	cr_assert_eq(json_array_size(in(one, "results")), 1);
	cr_expect_eq(json_array_size(in(json_array_get(in(one, "results"), 0), "locations")), 1);
	json_decref(root);
	teardown_out();
	root = draw_json(&check_view_gitlab);
	cr_assert_eq(json_array_size(root), 1);
	cr_expect_str_eq(json_string_value(in(json_array_get(root, 0), "severity")), "blocker");
	json_decref(root);
	teardown_out();
	cr_expect_str_eq(draw(&check_view_ghbench), "[]\n");
	teardown_out();
	cr_expect(strstr(draw(&check_view_bencher), "\":{}}\n"), "%s", (char *)out.buf.bytes);
}

Test(report_view_check_views, what_has_no_line_is_somewhere_all_the_same)
{
	answer.findings.at[0].nculprits = 0;
	report.place = "pymemprof.json";
	json_t *root = draw_json(&check_view_sarif);
	cr_expect(json_is_true(
		in(json_array_get(in(json_array_get(in(root, "runs"), 0), "invocations"), 0),
		   "executionSuccessful")));
	json_t *first = json_array_get(in(json_array_get(in(root, "runs"), 0), "results"), 0);
	json_t *place = in(json_array_get(in(first, "locations"), 0), "physicalLocation");
	cr_expect_str_eq(json_string_value(in(in(place, "artifactLocation"), "uri")),
			 "pymemprof.json");
	json_decref(root);
}

Test(report_view_check_views, text_names_file_and_line)
{
	const char *text = draw(&check_view_text);
	cr_expect(strstr(text, "FAILED"));
	cr_expect(strstr(text, "+490 B of it for "), "%s", text);
	cr_expect(strstr(text, "a b.py:0 f"), "%s", text);
}

Test(report_view_check_views, kinds_are_found_by_name)
{
	const struct check_view *v;
	for (size_t i = 0; check_views[i]; i++)
		cr_expect(check_view_find(check_views[i]->name, strlen(check_views[i]->name), &v,
					  NULL) == 0 && v == check_views[i]);
	cr_expect_eq(check_view_find("xml", 3, &v, NULL), ERR_USAGE);
}

Test(report_view_check_views, what_is_frozen_is_no_file_to_look_at)
{
	answer.findings.len = 1;
	answer.findings.at[0].culprits[0].file = "<frozen importlib._bootstrap>";
	cr_expect(strstr(draw(&check_view_github), "file=a b.py,line=1,"), "%s",
		  (char *)out.buf.bytes);
	teardown_out();
	cr_expect(strstr(draw(&check_view_gitlab), "\"path\":\"a b.py\""), "%s",
		  (char *)out.buf.bytes);
	teardown_out();
	const char *text = draw(&check_view_sarif);
	cr_expect(strstr(text, "\"uri\":\"a%20b.py\""), "%s", text);
	cr_expect_null(strstr(text, "frozen"), "%s", text);
}

Test(report_view_check_views, a_rate_says_what_it_is_for_each_of)
{
	struct check_figures least = { 0 };
	struct check_metric m;
	cr_assert_eq(check_metric_parse("leak_rate", 9, &m, NULL), 0);
	cr_assert_eq(vec_push(&check_series_of(&now, &m)->runs, 82000), 0);
	answer.findings.len = 0;
	cr_expect(strstr(draw(&check_view_text), "  leak_rate    80 KiB/s\n"), "%s", (char *)out.buf.bytes);
	question.least = &least;
	teardown_out();
	cr_expect(strstr(draw(&check_view_text), "  leak_rate    80 KiB/iteration\n"), "%s",
		  (char *)out.buf.bytes);
}

Test(report_view_check_views, what_is_not_known_is_no_figure)
{
	struct check_finding *f = &answer.findings.at[0];
	f->unknown = CHECK_TOO_SHORT;
	f->verdict = CHECK_NOT_MEASURED;
	f->now = NAN;
	answer.findings.len = 1;
	cr_expect(strstr(draw(&check_view_text), "not measured peak is not known: " CHECK_TOO_SHORT "\n"), "%s",
		  (char *)out.buf.bytes);
	teardown_out();
	cr_expect(strstr(draw(&check_view_markdown), "not known"), "%s", (char *)out.buf.bytes);
	teardown_out();
	json_t *root = draw_json(&check_view_json);
	cr_expect(json_is_null(in(json_array_get(in(root, "findings"), 0), "now")));
	json_decref(root);
}
