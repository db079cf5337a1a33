/* SPDX-License-Identifier: MIT */
#include "report/model/totals.h"

#include "feed.h"

Test(report_model_totals, strings_are_copied)
{
	struct totals t;
	totals_init(&t);
	char version[] = "3.12.7";
	struct fact_target f = { .pid = 1, .python_version = version };
	cr_assert_eq(totals_target(&t, &f, NULL), 0);
	version[0] = 'X';
	cr_assert_str_eq(t.target.python_version, "3.12.7");
	cr_assert_str_eq(t.target.executable, "");
	totals_deinit(&t);
}

Test(report_model_totals, the_same_note_is_kept_once_and_their_number_is_bounded)
{
	struct totals t;
	totals_init(&t);
	struct fact_note n = { .code = "a", .text = "b" };
	cr_assert_eq(totals_note(&t, &n, NULL), 0);
	cr_assert_eq(totals_note(&t, &n, NULL), 0);
	cr_assert_eq(t.notes.len, 1);
	for (int i = 0; i < 1000; i++) {
		char text[16];
		snprintf(text, sizeof text, "%d", i);
		n.text = text;
		cr_assert_eq(totals_note(&t, &n, NULL), 0);
	}
	cr_assert_eq(t.notes.len, TOTALS_NOTES_MAX);
	cr_assert_eq(t.notes_dropped, 1001 - TOTALS_NOTES_MAX);
	totals_deinit(&t);
}

Test(report_model_totals, without_a_finish_the_recording_is_truncated)
{
	struct totals t;
	totals_init(&t);
	cr_assert_eq(t.end, FACT_END_TRUNCATED);
	cr_assert_eq(totals_finish(&t, FACT_END_EXITED, NULL), 0);
	cr_assert_str_eq(totals_end_name(t.end), "exited");
	totals_deinit(&t);
}

static const char *missing(const char *code, enum totals_need need)
{
	static char text[16];
	struct totals t;
	totals_init(&t);
	cr_assert_eq(totals_note(&t, &(struct fact_note){ "agent-left", "harmless" }, NULL), 0);
	cr_assert_eq(totals_note(&t, &(struct fact_note){ code, "why" }, NULL), 0);
	cr_assert_eq(totals_finish(&t, FACT_END_EXITED, NULL), 0);
	const char *said = totals_missing(&t, need);
	snprintf(text, sizeof text, "%s", said ? said : "");
	totals_deinit(&t);
	return text;
}

Test(report_model_totals, what_is_missing_depends_on_who_asks)
{
	static const char *const always[] = { "truncated-file", "corrupt-section", "bad-batches",
					      "lost-batches",	"stream-corrupt",  "live-limit" };
	static const char *const exact[] = { "dropped",		"offgil-dropped",  "unsent-tail",
					     "torn-tail",	"replaced-blocks", "unknown-unfree",
					     "undefined-sites", "site-limit",	   "test-limit" };
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		cr_expect_str_eq(missing(always[i], TOTALS_FIGURES), "why", "%s", always[i]);
	for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
		cr_expect_str_eq(missing(exact[i], TOTALS_FIGURES), "", "%s", exact[i]);
		cr_expect_str_eq(missing(exact[i], TOTALS_EXACT), "why", "%s", exact[i]);
	}
	cr_expect_str_eq(missing("torn", TOTALS_EXACT), "");
	cr_expect_str_eq(missing("torn", TOTALS_HEAP), "why");
	cr_expect_str_eq(missing("stacks-cut", TOTALS_HEAP), "", "places are no figures");
}

Test(report_model_totals, a_share_of_lost_events_is_tolerated_but_not_by_a_gate)
{
	struct totals t;
	totals_init(&t);
	cr_expect_not_null(totals_missing(&t, TOTALS_FIGURES), "it has no end");
	cr_assert_eq(totals_finish(&t, FACT_END_DETACHED, NULL), 0);
	t.cost = (struct fact_cost){ .events = 1000, .dropped_events = 4, .offgil_dropped = 6 };
	cr_expect_null(totals_missing(&t, TOTALS_FIGURES));
	cr_expect_not_null(totals_missing(&t, TOTALS_EXACT));
	t.cost.offgil_dropped++;
	cr_expect_not_null(totals_missing(&t, TOTALS_FIGURES));
	totals_deinit(&t);
}
