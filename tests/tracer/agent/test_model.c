/* SPDX-License-Identifier: MIT */
/* Random programs, one Criterion test per kind of trouble. model.h says what is compared. */
#include <criterion/criterion.h>

#include "tests/support/sanitized.h"
#include "tests/tracer/agent/model.h"

static void run(struct model_options o, uint64_t seeds)
{
	char why[8192];

	if (UNDER_VALGRIND)
		seeds = 1;
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		for (int kind = AGENT_FRAME_OBJECT; kind <= AGENT_FRAME_STACKREF; kind++) {
			o.seed = seed;
			o.kind = (enum agent_frame_kind)kind;
			cr_assert_eq(model_run(&o, why, sizeof(why)), 0, "seed %d, kind %d: %.400s",
				     (int)seed, kind, why);
		}
	}
}

static const struct model_options usual = {
	.ops = 8000,
	.window = 64,
	.max_frames = 256,
	.depth = 12,
	.codes = 12,
	.code_churn = 50,
	.flush_ticks = UINT64_MAX / 2,
	.offgil = 1,
};

Test(tracer_agent_model, stream_reproduces_blocks_sites_and_totals)
{
	run(usual, 6);
}

Test(tracer_agent_model, without_a_window_too)
{
	struct model_options o = usual;

	o.window = 0;
	run(o, 3);
}

Test(tracer_agent_model, window_swept_by_the_clock)
{
	struct model_options o = usual;

	o.window = 1024;
	o.flush_ticks = 1 << 16;
	run(o, 3);
}

Test(tracer_agent_model, deep_stacks_lose_their_outermost_frames_only)
{
	struct model_options o = usual;

	o.depth = 900;
	o.max_frames = 5;
	run(o, 3);
}

Test(tracer_agent_model, a_single_frame_per_stack)
{
	struct model_options o = usual;

	o.max_frames = 1;
	run(o, 3);
}

Test(tracer_agent_model, code_objects_reborn_at_the_same_address)
{
	struct model_options o = usual;

	o.codes = 3;
	o.code_churn = 3;
	run(o, 6);
}

Test(tracer_agent_model, originals_that_call_the_tables_in_their_own_ways)
{
	struct model_options o = usual;

	o.mode = AGENT_GATE_CAREFUL;
	run(o, 3);
}
