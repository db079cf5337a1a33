/* SPDX-License-Identifier: MIT */
/*
 * Many sinks behind one: all get everything, a failing one costs the others nothing.
 */
#include "tracer/stream/fanout.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/tracer/stream/fact_log.h"

TestSuite(tracer_stream_fanout, .timeout = 10);

static int send_three(struct fanout *f, struct err *err)
{
	struct fact_note n = { "a", "first" };
	int r = f->sink.note(f->sink.ctx, &n, err);

	n.text = "second";
	if (r == 0)
		r = f->sink.note(f->sink.ctx, &n, err);
	return r == 0 ? f->sink.finish(f->sink.ctx, FACT_END_EXITED, err) : r;
}

Test(tracer_stream_fanout, every_sink_gets_everything)
{
	struct fact_log a, b;
	struct fact_sink none = { 0 };
	struct fanout f;

	fact_log_init(&a);
	fact_log_init(&b);
	const struct fact_sink *sinks[] = { &a.sink, &none, &b.sink };
	cr_assert_eq(fanout_init(&f, sinks, 3, false, NULL), 0);
	cr_assert_null(f.sink.event);
	cr_assert_eq(send_three(&f, NULL), 0);
	cr_assert_str_eq(fact_log_text(&a), "note a: first\nnote a: second\nfinish 1\n");
	cr_assert_str_eq(fact_log_text(&b), fact_log_text(&a));
	fact_log_deinit(&a);
	fact_log_deinit(&b);
}

/* struct fact_sink is ctx and callbacks only: whoever adds one must forward it. */
Test(tracer_stream_fanout, every_callback_there_is_is_forwarded)
{
	void *word[sizeof(struct fact_sink) / sizeof(void *)];
	struct fact_sink full;
	struct fanout f;

	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		word[i] = &full;
	memcpy(&full, word, sizeof full);
	const struct fact_sink *sinks[] = { &full };
	cr_assert_eq(fanout_init(&f, sinks, 1, true, NULL), 0);
	memcpy(word, &f.sink, sizeof word);
	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		cr_expect_not_null(word[i], "member %zu of struct fact_sink", i);
}

Test(tracer_stream_fanout, a_sink_that_fails_is_left_out_and_remembered)
{
	struct fact_log a, b;
	struct fanout f;
	struct err err = ERR_INIT;

	fact_log_init(&a);
	fact_log_init(&b);
	a.fail_after = 2;
	const struct fact_sink *sinks[] = { &a.sink, &b.sink };
	cr_assert_eq(fanout_init(&f, sinks, 2, true, NULL), 0);
	cr_assert_not_null(f.sink.event);
	cr_assert_eq(send_three(&f, &err), 0);
	cr_assert_str_eq(fact_log_text(&b), "note a: first\nnote a: second\nfinish 1\n");
	cr_assert_str_eq(fact_log_text(&a), "note a: first\n");
	cr_assert_eq(f.failed, ERR_SYS);
	cr_assert_str_eq(f.why.text, "the sink is full");
	fact_log_deinit(&a);
	fact_log_deinit(&b);
}

Test(tracer_stream_fanout, no_working_sink_left_is_a_failure)
{
	struct fact_log a;
	struct fanout f;
	struct err err = ERR_INIT;

	fact_log_init(&a);
	a.fail_after = 1;
	const struct fact_sink *sinks[] = { &a.sink };
	cr_assert_eq(fanout_init(&f, sinks, 1, false, NULL), 0);
	cr_assert_eq(send_three(&f, &err), ERR_SYS);
	cr_assert_str_eq(err.text, "the sink is full");
	/* No sink at all is fine: a recording for its cost alone. */
	cr_assert_eq(fanout_init(&f, NULL, 0, false, NULL), 0);
	cr_assert_null(f.sink.note);
	cr_assert_eq(fanout_init(&f, NULL, FANOUT_MAX + 1, false, NULL), ERR_USAGE);
	fact_log_deinit(&a);
}
