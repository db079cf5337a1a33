/* SPDX-License-Identifier: MIT */
#include "report/model/stacks.h"

#include "feed.h"

static struct recording r;

static void setup(void)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
}

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_model_stacks, .init = setup, .fini = teardown);

Test(report_model_stacks, equal_stacks_of_two_threads_meet)
{
	feed_site(&r, 1, 1, "f a.py:1 < main a.py:9");
	feed_site(&r, 2, 2, "f a.py:1 < main a.py:9");
	feed_site(&r, 3, 2, "f a.py:2 < main a.py:9");
	cr_assert_eq(r.stacks.stacks.len, 2);
	cr_assert_eq(stacks_site(&r.stacks, 1)->stack, stacks_site(&r.stacks, 2)->stack);
	cr_assert_eq(stacks_site(&r.stacks, 2)->thread, 2);
	cr_assert_neq(stacks_site(&r.stacks, 3)->stack, stacks_site(&r.stacks, 2)->stack);
}

Test(report_model_stacks, walk_goes_from_the_innermost_frame_outwards)
{
	feed_site(&r, 1, 1, "leaf a.py:1 < middle b.py:2 < main c.py:3");
	uint32_t place = r.stacks.stacks.at[0];
	struct stack_text t;
	cr_assert(stacks_next(&r.stacks, &place, &t));
	cr_assert_str_eq(t.function, "leaf");
	cr_assert_str_eq(t.file, "a.py");
	cr_assert_eq(t.line, 1);
	cr_assert(stacks_next(&r.stacks, &place, &t));
	cr_assert_str_eq(t.function, "middle");
	cr_assert(stacks_next(&r.stacks, &place, &t));
	cr_assert_str_eq(t.function, "main");
	cr_assert_not(stacks_next(&r.stacks, &place, &t));
	cr_assert_eq(stacks_depth(&r.stacks, 0), 3);
}

Test(report_model_stacks, outer_frames_are_stored_once)
{
	feed_site(&r, 1, 1, "f a.py:1 < main a.py:9");
	size_t before = r.stacks.places.len;
	feed_site(&r, 2, 1, "g a.py:5 < main a.py:9");
	cr_assert_eq(r.stacks.places.len, before + 1);
}

Test(report_model_stacks, truncated_stack_is_another_stack)
{
	struct fact_frame frame = { .function = "f", .file = "a.py", .line = 1 };
	struct fact_site f = { .site = 1, .nframes = 1, .frames = &frame };
	cr_assert_eq(stacks_add(&r.stacks, &f, NULL), 0);
	f.site = 2;
	f.truncated = true;
	cr_assert_eq(stacks_add(&r.stacks, &f, NULL), 0);
	cr_assert_eq(r.stacks.stacks.len, 2);
	cr_assert_not(stacks_truncated(&r.stacks, 0));
	cr_assert(stacks_truncated(&r.stacks, 1));
}

Test(report_model_stacks, site_without_frames_is_the_root)
{
	struct fact_site f = { .site = 1 };
	cr_assert_eq(stacks_add(&r.stacks, &f, NULL), 0);
	uint32_t place = r.stacks.stacks.at[0];
	struct stack_text t;
	cr_assert_eq(place, STACKS_ROOT);
	cr_assert_not(stacks_next(&r.stacks, &place, &t));
}

Test(report_model_stacks, ids_out_of_order_are_corrupt)
{
	struct err err = ERR_INIT;
	struct fact_site f = { .site = 5 };
	cr_assert_eq(stacks_add(&r.stacks, &f, &err), ERR_CORRUPT);
	cr_assert(strstr(err.text, "site 5"), "%s", err.text);
	cr_assert_null(stacks_site(&r.stacks, 0));
	cr_assert_null(stacks_site(&r.stacks, 5));
}

Test(report_model_stacks, a_hundred_thousand_stacks_stay_distinct)
{
	struct fact_frame frames[3] = { { .function = "leaf", .file = "a.py" },
					{ .function = "mid", .file = "b.py" },
					{ .function = "main", .file = "c.py", .line = 1 } };
	for (uint32_t i = 0; i < 100000; i++) {
		frames[0].line = i % 1000;
		frames[1].line = i / 1000;
		struct fact_site f = { .site = i + 1, .nframes = 3, .frames = frames };
		cr_assert_eq(stacks_add(&r.stacks, &f, NULL), 0);
	}
	cr_assert_eq(r.stacks.stacks.len, 100000);
	cr_assert_eq(r.stacks.frames.len, 1000 + 100 + 1);
}
