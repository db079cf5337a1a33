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
