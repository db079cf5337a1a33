/* SPDX-License-Identifier: MIT */
/* Order, marks, failures and fullness of the undo stack. */
#include "tracer/process/undo.h"

#include <criterion/criterion.h>
#include <string.h>

static char trace[128];

static int note(void *ctx, uint64_t a, uint64_t b, struct err *err)
{
	size_t n = strlen(trace);

	(void)ctx;
	trace[n] = (char)a;
	trace[n + 1] = '\0';
	return b ? err_set(err, ERR_SYS, "failed at %c", (char)a) : 0;
}

Test(tracer_process_undo, runs_in_reverse_order)
{
	struct undo u = { .depth = 0 };

	cr_assert_eq(undo_push(&u, "one", note, NULL, 'a', 0, NULL), 0);
	cr_assert_eq(undo_push(&u, "two", note, NULL, 'b', 0, NULL), 0);
	cr_assert_eq(undo_push(&u, "three", note, NULL, 'c', 0, NULL), 0);
	cr_assert_eq(undo_run(&u, 0, NULL), 0);
	cr_expect_str_eq(trace, "cba");
	cr_expect_eq(u.depth, 0);
	cr_assert_eq(undo_run(&u, 0, NULL), 0);
	cr_expect_str_eq(trace, "cba");
}

Test(tracer_process_undo, runs_down_to_a_mark_only)
{
	struct undo u = { .depth = 0 };

	cr_assert_eq(undo_push(&u, "one", note, NULL, 'a', 0, NULL), 0);
	cr_assert_eq(undo_push(&u, "two", note, NULL, 'b', 0, NULL), 0);
	cr_assert_eq(undo_run(&u, 1, NULL), 0);
	cr_expect_str_eq(trace, "b");
	cr_expect_eq(u.depth, 1);
}

Test(tracer_process_undo, a_dropped_entry_does_not_run)
{
	struct undo u = { .depth = 0 };

	undo_drop(&u);
	cr_assert_eq(undo_push(&u, "one", note, NULL, 'a', 0, NULL), 0);
	cr_assert_eq(undo_push(&u, "two", note, NULL, 'b', 0, NULL), 0);
	undo_drop(&u);
	cr_assert_eq(undo_run(&u, 0, NULL), 0);
	cr_expect_str_eq(trace, "a");
}

Test(tracer_process_undo, goes_on_after_a_failure_and_returns_the_first)
{
	struct undo u = { .depth = 0 };
	struct err err = ERR_INIT;

	cr_assert_eq(undo_push(&u, "one", note, NULL, 'a', 1, NULL), 0);
	cr_assert_eq(undo_push(&u, "two", note, NULL, 'b', 1, NULL), 0);
	cr_assert_eq(undo_push(&u, "three", note, NULL, 'c', 0, NULL), 0);
	cr_expect_eq(undo_run(&u, 0, &err), ERR_SYS);
	cr_expect_str_eq(trace, "cba");
	cr_expect(strstr(err.text, "two") && strstr(err.text, "failed at b"), "%s", err.text);
}

Test(tracer_process_undo, a_full_stack_refuses_before_anything_changed)
{
	struct undo u = { .depth = 0 };
	struct err err = ERR_INIT;

	for (int i = 0; i < UNDO_MAX; i++)
		cr_assert_eq(undo_push(&u, "x", note, NULL, 'x', 0, NULL), 0);
	cr_expect_eq(undo_push(&u, "one too many", note, NULL, 'y', 0, &err), ERR_NOMEM);
	cr_expect(strstr(err.text, "one too many") != NULL);
	cr_expect_eq(u.depth, UNDO_MAX);
}
