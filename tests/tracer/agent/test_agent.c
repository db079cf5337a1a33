/* SPDX-License-Identifier: MIT */
/* The agent's promises one by one: what it sends, when it falls silent, what it never does. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tracer/agent/collect.h"
#include "tracer/agent/lane.h"

static struct replay replay;

static void setup(void)
{
	fake_init(AGENT_FRAME_CURRENT);
	replay_init(&replay);
}

static void teardown(void)
{
	replay_deinit(&replay);
	fake_done();
}

TestSuite(tracer_agent, .init = setup, .fini = teardown);

static void collect(void)
{
	collect_into(&replay);
}

static const struct replay_site *site(const char *where)
{
	long i = replay_site(&replay, where);

	cr_assert_geq(i, 0, "no site %s", where);
	return &replay.sites[i];
}

Test(tracer_agent, a_block_has_address_size_domain_and_stack)
{
	const struct replay_block *b;
	struct fake_code *f, *g;
	void *p;

	fake_go();
	f = fake_code("f", 10, 8);
	g = fake_code("g", 50, 8);
	fake_call(f, 3);
	fake_call(g, 4);
	p = hook_mem_malloc(NULL, 100);
	collect();
	b = replay_find(&replay, (uint64_t)p);
	cr_assert_not_null(b);
	cr_assert_eq(b->size, 100);
	cr_assert_eq(b->domain, AGENT_MEM);
	cr_assert_str_eq(replay.sites[b->site].where, "t1 g:54 f:13");
	cr_assert_eq(replay.hellos, 1);
}

Test(tracer_agent, a_young_block_leaves_only_a_count)
{
	fake_go();
	for (int i = 0; i < 1000; i++)
		hook_obj_free(NULL, hook_obj_malloc(NULL, 24));
	collect();
	cr_assert_eq(site("t1")->temps, 1000);
	cr_assert_eq(site("t1")->temp_bytes, 24000);
	cr_assert_eq(replay.frees, 0);
	cr_assert_eq(replay.last.cancelled, 1000);
	cr_assert_eq(replay.last.window_peak_bytes, 24);
}

Test(tracer_agent, a_full_slot_sends_its_old_block)
{
	void *p[200];

	agent_fixed.window = 1;
	fake_go();
	for (int i = 0; i < 200; i++)
		p[i] = hook_obj_malloc(NULL, (size_t)i + 1);
	for (int i = 199; i >= 0; i--)
		hook_obj_free(NULL, p[i]);
	collect();
	cr_assert_eq(replay.frees, 199);
	cr_assert_eq(replay.foreign_frees, 0);
	cr_assert_eq(site("t1")->births, 200);
	cr_assert_eq(site("t1")->temps, 1, "the last one was still waiting");
	cr_assert_eq(replay.live, 0);
}

Test(tracer_agent, originals_own_raw_calls_are_not_events)
{
	void *p;

	fake_go();
	p = hook_obj_malloc(NULL, 5000);
	p = hook_obj_realloc(NULL, p, 9000);
	hook_obj_free(NULL, p);
	cr_assert_eq(fake.nested_calls, 3);
	cr_assert_eq(agent_state.pub.allocs, 2);
	cr_assert_eq(agent_state.pub.frees, 2);
	collect();
	cr_assert_eq(replay.live, 0);
	cr_assert_eq(replay.foreign_frees, 0);
}

Test(tracer_agent, a_raw_free_after_an_obj_free_of_the_same_address_counts)
{
	void *p, *q;

	fake_go();
	p = hook_obj_malloc(NULL, 5000);
	hook_obj_free(NULL, p);
	q = hook_raw_malloc(NULL, 5000);
	hook_raw_free(NULL, q);
	cr_assert_eq(agent_state.pub.frees, 2, "the second is a call of its own");
}

Test(tracer_agent, failed_realloc_keeps_the_block)
{
	const struct replay_block *b;
	void *young, *old;

	fake_go();
	old = hook_mem_malloc(NULL, 300);
	collect(); /* out of the window */
	young = hook_mem_malloc(NULL, 200);
	fake.fail_next = true;
	cr_assert_null(hook_mem_realloc(NULL, old, 400));
	fake.fail_next = true;
	cr_assert_null(hook_mem_realloc(NULL, young, 400));
	collect();
	cr_assert_eq(replay.unfrees, 1);
	b = replay_find(&replay, (uint64_t)old);
	cr_assert(b && b->size == 300);
	b = replay_find(&replay, (uint64_t)young);
	cr_assert(b && b->size == 200);
	cr_assert_eq(agent_state.pub.frees, 0);
	cr_assert_eq(agent_state.pub.cancelled, 0);
}

Test(tracer_agent, a_failed_allocation_is_no_event)
{
	fake_go();
	fake.fail_next = true;
	cr_assert_null(hook_obj_malloc(NULL, 10));
	fake.fail_next = true;
	cr_assert_null(hook_raw_calloc(NULL, 10, 10));
	cr_assert_eq(agent_state.pub.allocs, 0);
}

Test(tracer_agent, threads_without_the_gil_wait_in_the_side_queue)
{
	void *p, *q;

	fake_go();
	hook_obj_free(NULL, hook_obj_malloc(NULL, 1));
	fake_gil(-1);
	p = hook_raw_malloc(NULL, 70000);
	q = hook_raw_malloc(NULL, 20);
	cr_assert_eq(agent_state.pub.allocs, 1, "not recorded yet");
	fake_gil(0);
	hook_raw_free(NULL, p); /* the lane frees what the other made: birth first */
	collect();
	cr_assert_eq(replay.foreign_frees, 0);
	cr_assert_eq(site("t0")->births, 2);
	cr_assert_eq(replay.live, 1);
	hook_raw_free(NULL, q);
}

Test(tracer_agent, side_queue_overflow_is_counted)
{
	void *p[AGENT_SIDE + 5];

	fake_go();
	hook_obj_free(NULL, hook_obj_malloc(NULL, 1));
	fake_gil(-1);
	for (int i = 0; i < AGENT_SIDE + 5; i++)
		p[i] = hook_raw_malloc(NULL, 8);
	cr_assert_eq(agent_state.pub.offgil_dropped, 5);
	fake_gil(0);
	collect();
	cr_assert_eq(replay.live, AGENT_SIDE);
	for (int i = 0; i < AGENT_SIDE + 5; i++)
		free(p[i]);
}

Test(tracer_agent, an_interpreter_with_its_own_gil_is_not_the_lane)
{
	uint64_t other[2] = { 0, 1 };
	void *p, *q;

	agent_fixed.tstate_kind = AGENT_TSTATE_TLS_FIXED; /* as in 3.12+; same place for the word */
	fake_go();
	hook_obj_free(NULL, hook_obj_malloc(NULL, 1));
	fake.thread[1].interp = (uint64_t)other;
	fake_gil(1);
	p = hook_obj_malloc(NULL, 30);
	q = hook_obj_malloc(NULL, 3000); /* its nested raw call is its own */
	cr_assert_eq(agent_state.pub.allocs, 1);
	fake_gil(0);
	collect();
	cr_assert_eq(replay.live, 2);
	cr_assert_eq(site("t0")->births, 2);
	hook_obj_free(NULL, p);
	hook_obj_free(NULL, q);
}

Test(tracer_agent, locked_mode_records_every_thread_with_its_stack)
{
	void *p, *q;

	fake_go();
	agent_gate.mode = AGENT_MODE_LOCKED | AGENT_GATE_FRESH;
	p = hook_obj_malloc(NULL, 600);
	fake_gil(1);
	q = hook_obj_malloc(NULL, 700);
	fake.fail_next = true;
	cr_assert_null(hook_obj_realloc(NULL, q, 800));
	fake_gil(-1);
	hook_raw_free(NULL, hook_raw_malloc(NULL, 5));
	collect();
	cr_assert_eq(replay.live, 2);
	cr_assert_eq(site("t1")->births, 1);
	cr_assert_eq(site("t2")->births, 1);
	cr_assert_eq(site("t0")->births, 1);
	cr_assert_eq(agent_state.pub.allocs, 3);
	hook_obj_free(NULL, p);
	hook_obj_free(NULL, q);
	for (int i = 0; i < AGENT_INSIDE; i++)
		cr_assert_eq(agent_state.inside[i], 0);
}

Test(tracer_agent, forgetting_starts_all_serials_again)
{
	struct fake_code *c[AGENT_CODES];
	void *last;

	fake_go();
	for (int i = 0; i < AGENT_CODES * 3 / 4 + 50; i++) {
		c[i] = fake_code("f", 100, 8);
		fake_call(c[i], 1);
		hook_obj_free(NULL, hook_obj_malloc(NULL, 8));
		fake_return();
	}
	fake_call(c[0], 2);
	last = hook_obj_malloc(NULL, 16);
	collect();
	cr_assert_eq(replay.resets, 1);
	cr_assert_str_eq(replay.sites[replay_find(&replay, (uint64_t)last)->site].where,
			 "t1 f:102");
	cr_assert_eq(site("t1 f:101")->births, AGENT_CODES * 3 / 4 + 50);
}

/* An instruction that is remembered calls for the site it was remembered with, not for what took its place. */
static void no_leaf_is_stale(void)
{
	for (int i = 0; i < AGENT_LEAVES; i++) {
		const struct agent_leaf *l = &agent_state.leaves[i];

		if (l->instr)
			cr_assert_eq(agent_state.sites[AGENT_PLACE_SITE(l->site)].serial, AGENT_PLACE_SERIAL(l->site),
				     "leaf %d", i);
	}
}

Test(tracer_agent, more_sites_than_places_stay_exact)
{
	struct fake_code *c[100];

	fake_go();
	for (uint32_t i = 0; i < 100; i++)
		c[i] = fake_code("abcdefgh", 1 + 1000 * i, 32);
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 100; i++)
			for (uint32_t j = 0; j < 100; j++) {
				fake_call(c[j], 1);
				fake_call(c[i], 2);
				hook_obj_free(NULL, hook_obj_malloc(NULL, 8));
				fake_return();
				fake_return();
				if (agent_state.pub.bytes_written % 7 == 0)
					collect();
				no_leaf_is_stale();
			}
	collect();
	cr_assert_eq(site("t1 abcdefgh:5003 abcdefgh:7002")->births, 2);
	cr_assert_gt(replay.stacks, 10000, "some were forgotten and defined again");
	cr_assert_eq(agent_state.pub.dropped_events, 0);
}

Test(tracer_agent, closed_reader_means_silence_and_no_signal)
{
	struct sigaction old;

	sigaction(SIGPIPE, NULL, &old);
	cr_assert_eq(old.sa_handler, SIG_DFL, "SIGPIPE would kill this test");
	fake_go();
	close(fake.pipe_read);
	fake.pipe_read = -1;
	hook_obj_malloc(NULL, 10);
	fake_flush();
	cr_assert_eq(agent_gate.mode & AGENT_MODE_MASK, AGENT_MODE_PASS);
	cr_assert_eq(agent_gate.why_pass, AGENT_WHY_EPIPE);
	hook_obj_free(NULL, hook_obj_malloc(NULL, 10));
	cr_assert_eq(agent_state.pub.allocs, 1);
}

Test(tracer_agent, a_sigpipe_of_the_program_stays_pending)
{
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGPIPE);
	fake_go();
	close(fake.pipe_read);
	fake.pipe_read = -1;
	hook_obj_malloc(NULL, 10);
	fake_flush();
	sigpending(&pending);
	cr_assert(sigismember(&pending, SIGPIPE));
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

Test(tracer_agent, closed_descriptor_means_silence)
{
	fake_go();
	close(agent_fixed.pipe_fd);
	hook_obj_malloc(NULL, 10);
	fake_flush();
	cr_assert_eq(agent_gate.why_pass, AGENT_WHY_BADFD);
}

Test(tracer_agent, a_file_of_the_program_under_our_number_is_left_alone)
{
	int fd = memfd_create("program", MFD_CLOEXEC);

	fake_go();
	dup2(fd, agent_fixed.pipe_fd);
	hook_obj_malloc(NULL, 10);
	fake_flush();
	cr_assert_eq(agent_gate.why_pass, AGENT_WHY_BADFD);
	cr_assert_eq(lseek(fd, 0, SEEK_END), 0, "nothing was written");
	close(fd);
}

Test(tracer_agent, zeroed_state_calls_through)
{
	void *p = hook_obj_malloc(NULL, 64);

	/* what MADV_WIPEONFORK leaves to a child */
	cr_assert_not_null(p);
	p = hook_obj_realloc(NULL, p, 6000);
	hook_obj_free(NULL, p);
	hook_raw_free(NULL, hook_raw_calloc(NULL, 3, 3));
	hook_mem_free(NULL, NULL);
	cr_assert_eq(agent_state.pub.allocs, 0);
	cr_assert_eq(agent_state.lane.out_len, 0);
}

Test(tracer_agent, sampling_is_unbiased)
{
	static const size_t sizes[] = { 16, 100, 5000, 70000 };
	double truth[4] = { 0 };
	struct fake_code *c;

	agent_fixed.sample_bytes = 4096;
	fake_go();
	c = fake_code("f", 100, 8);
	fake_call(c, 0);
	for (int i = 0; i < 400000; i++) {
		unsigned kind = i % 400 == 0 ? 3 : i % 40 == 0 ? 2 : i % 4 == 0 ? 1 : 0;

		fake_at(kind);
		hook_raw_free(NULL, hook_raw_malloc(NULL, sizes[kind]));
		truth[kind] += (double)sizes[kind];
		if (i % 1000 == 0)
			collect();
	}
	collect();
	for (int kind = 0; kind < 4; kind++) {
		char where[32];
		double n = truth[kind] / 4096; /* samples, about */

		snprintf(where, sizeof(where), "t1 f:%d", 100 + kind);
		cr_assert_float_eq(site(where)->estimate / truth[kind], 1.0, 5 / sqrt(n), "%s: %f",
				   where, site(where)->estimate / truth[kind]);
	}
	cr_assert_eq(replay.live, 0, "every sampled block's free was sent");
	cr_assert_eq(replay.foreign_frees, 0, "and no other's");
}

/* Their blocks were sent one and all, and their frees never were: each looked like a leak. */
Test(tracer_agent, threads_without_the_gil_are_sampled_like_others)
{
	static void *volatile live[4000];
	double truth = 0;
	void *p;

	agent_fixed.sample_bytes = 4096;
	fake_go();
	hook_obj_free(NULL, hook_obj_malloc(NULL, 1));
	for (int i = 0; i < 40000; i++) {
		size_t n = 16 + (size_t)(i % 50) * 40;

		fake_gil(-1);
		p = hook_raw_realloc(NULL, hook_raw_malloc(NULL, n), n);
		cr_assert_not_null(p);
		truth += 2 * (double)n;
		if (i % 10 == 0) {
			live[i / 10] = p;
		} else if (i % 10 == 1) { /* freed by the lane */
			fake_gil(0);
			hook_raw_free(NULL, p);
		} else {
			hook_raw_free(NULL, p);
		}
		fake_gil(0);
		hook_obj_free(NULL, hook_obj_malloc(NULL, 1));
		if (i % 1000 == 0)
			collect();
	}
	collect();
	cr_expect_float_eq(site("t0")->estimate / truth, 1.0, 5 / sqrt(truth / 4096), "%f", site("t0")->estimate / truth);
	for (int i = 0; i < 4000; i++)
		hook_raw_free(NULL, live[i]);
	collect();
	cr_expect_eq(replay.live, 0, "every sampled block's free was sent");
	cr_expect_eq(replay.foreign_frees, 0, "and no other's");
	cr_expect_eq(agent_state.pub.offgil_dropped, 0);
}

Test(tracer_agent, a_failed_realloc_without_the_gil_keeps_the_sample)
{
	void *p[64], *q;

	agent_fixed.sample_bytes = 64;
	fake_go();
	hook_obj_free(NULL, hook_obj_malloc(NULL, 1));
	fake_gil(-1);
	for (int i = 0; i < 64; i++) {
		p[i] = hook_raw_malloc(NULL, 64);
		fake.fail_next = true;
		q = hook_raw_realloc(NULL, p[i], 128);
		cr_expect_null(q);
	}
	fake_gil(0);
	hook_obj_free(NULL, hook_obj_malloc(NULL, 1));
	collect();
	cr_expect_gt(replay.live, 16);
	cr_expect_lt(replay.live, 64, "some are no samples");
	for (int i = 0; i < 64; i++)
		hook_raw_free(NULL, p[i]);
	collect();
	cr_expect_eq(replay.live, 0);
	cr_expect_eq(replay.foreign_frees, 0);
}

Test(tracer_agent, sampling_distance_is_exponential)
{
	/* mean of −ln(u) over the midpoints of 2^16 cells is 1 − O(2^−16) */
	double sum = 0;

	for (uint64_t i = 0; i < 65536; i++)
		sum += (double)sample_distance((i << 48) + (1ull << 47), 1 << 20);
	cr_assert_float_eq(sum / 65536 / (1 << 20), 1.0, 1e-4);
	cr_assert_float_eq((double)sample_distance(1ull << 63, 1 << 30), log(2) * (1 << 30), 16);
	cr_assert_geq(sample_distance(UINT64_MAX, 1), 1);
	cr_assert_leq(sample_distance(0, 1000), 64 * 1000);
}

Test(tracer_agent, more_live_samples_than_places_sample_less)
{
	static void *volatile live[60000]; /* reachable: no leak */

	agent_fixed.sample_bytes = 16;
	fake_go();
	for (int i = 0; i < 60000; i++) {
		live[i] = hook_obj_malloc(NULL, 48);
		cr_assert_not_null(live[i]);
		if (i % 500 == 0)
			collect();
	}
	collect();
	cr_assert_gt(replay.sample_bytes, 16);
	cr_assert_lt(agent_state.cold.samples_used, AGENT_SAMPLES);
	cr_assert_float_eq(site("t1")->estimate / (60000 * 48.0), 1.0, 0.05, "%f",
			   site("t1")->estimate / (60000 * 48.0));
}

Test(tracer_agent, what_is_not_a_code_object_is_no_frame)
{
	static struct fake_code fake_entry; /* another type: 3.13's entry frame has None */
	struct fake_code *f;

	fake_go();
	f = fake_code("f", 10, 8);
	fake_call(f, 1);
	fake_call(&fake_entry, 0);
	fake_call(f, 2);
	fake.thread[0].frames[1].owner = 3;
	hook_obj_malloc(NULL, 8);
	collect();
	site("t1 f:12 f:11");
}

/* A coroutine is made in a frame right above whatever is innermost: the same address, other callers. */
Test(tracer_agent, a_frame_where_another_was_has_callers_of_its_own)
{
	const uint32_t above = FAKE_DEPTH - 1, heap = FAKE_DEPTH - 10;
	struct fake_code *f, *g;

	fake_go();
	f = fake_code("f", 10, 8);
	g = fake_code("g", 50, 8);
	fake_call(f, 1);
	for (uint32_t i = 0; i < 3; i++) {
		fake_call_at(above, g, 0);
		hook_obj_malloc(NULL, 8);
		fake_return();
		fake_call_at(heap + i, g, 3 + i);
	}
	/* what is left of the deeper stack says nothing of another code object's instruction */
	fake_return();
	fake_return();
	fake_call_at(heap + 1, f, 4);
	hook_obj_malloc(NULL, 8);
	collect();
	site("t1 g:50 f:11");
	site("t1 g:50 g:53 f:11");
	site("t1 g:50 g:54 g:53 f:11");
	site("t1 f:14 g:53 f:11");
}

Test(tracer_agent, a_code_object_where_another_was_has_lines_of_its_own)
{
	struct fake_code *f, *g;

	fake_go();
	f = fake_code("f", 10, 8);
	g = fake_code("g", 50, 8);
	fake_call(f, 1);
	fake_call(g, 2);
	hook_obj_malloc(NULL, 8);
	fake_return();
	hook_obj_malloc(NULL, 8);
	fake_code_free(g);
	cr_assert_eq(fake_code("g", 70, 8), g);
	fake_call(g, 2);
	hook_obj_malloc(NULL, 8);
	collect();
	site("t1 g:52 f:11");
	site("t1 g:72 f:11");
}

Test(tracer_agent, a_new_thread_state_at_a_dead_ones_address_is_another_thread)
{
	fake_go();
	hook_obj_malloc(NULL, 8);
	fake.thread[0].id = 77;
	hook_obj_malloc(NULL, 8);
	collect();
	site("t1");
	site("t77");
}

/* pytest's _update_current_test_var allocates while `value` is what it is. */
static void label(struct fake_code *f, const char *text, uint32_t instr)
{
	hook_obj_free(NULL, hook_obj_malloc(NULL, 24));
	fake_call(f, instr);
	fake_local(3, text);
	fake_at(instr + 1);
	hook_obj_free(NULL, hook_obj_malloc(NULL, 40));
	fake_return();
}

#define RUNNER "site-packages/_pytest/runner.py"
#define SETTER "_update_current_test_var"

/* --- the end of the program's work ------------------------------------------------------------ */

static uint64_t finalizing; /* what _PyRuntime says of it */

static void finalize_begins(void)
{
	finalizing = agent_state.lane.tstate;
}

Test(tracer_agent, the_interpreters_end_is_told_last_and_nothing_after_it)
{
	void *p, *q;

	agent_fixed.finalizing_addr = (uint64_t)&finalizing;
	agent_fixed.stall_limit_ms = 20;
	fake_go();
	p = hook_obj_malloc(NULL, 100); /* makes this thread state the lane's */
	fake_call(fake_code("finalizer", 1, 8), 0);
	finalize_begins();
	hook_obj_free(NULL, hook_obj_malloc(NULL, 8));
	cr_assert_eq(agent_gate.mode & AGENT_MODE_MASK, AGENT_MODE_RECORD, "Python code still runs");
	fake_return();
	hook_obj_malloc(NULL, 24);
	cr_assert_eq(agent_gate.mode, AGENT_MODE_PASS);
	cr_assert_eq(agent_gate.why_pass, AGENT_WHY_FINAL);
	q = hook_obj_malloc(NULL, 200);
	hook_obj_free(NULL, p);
	collect();
	cr_assert_eq(replay.finals, 1);
	cr_assert_not_null(replay_find(&replay, (uint64_t)p), "it was alive then");
	cr_assert_null(replay_find(&replay, (uint64_t)q));
}

Test(tracer_agent, a_thread_at_its_end_does_not_wait_for_a_reader_that_is_gone)
{
	agent_fixed.finalizing_addr = (uint64_t)&finalizing;
	agent_fixed.stall_limit_ms = 600000;
	fake_go();
	hook_obj_malloc(NULL, 100);
	fake_flush();
	finalize_begins();
	close(fake.pipe_read);
	fake.pipe_read = -1;
	hook_obj_malloc(NULL, 24); /* would take ten minutes */
	cr_assert_eq(agent_gate.mode, AGENT_MODE_PASS);
}

Test(tracer_agent, an_end_nobody_asked_for_is_recorded_like_everything_else)
{
	void *p;

	fake_go();
	p = hook_obj_malloc(NULL, 100);
	finalize_begins();
	hook_obj_free(NULL, p);
	collect();
	cr_assert_eq(replay.finals, 0);
	cr_assert_eq(replay.live, 0);
}

Test(tracer_agent, what_a_test_runner_says_it_is_doing_is_told_in_order)
{
	struct fake_code *f, *g;
	void *p, *q;

	fake_go();
	g = fake_code("g", 10, 8);
	f = fake_code_in(RUNNER, SETTER, 50, 8);
	fake_call(g, 3);
	p = hook_obj_malloc(NULL, 100);
	label(f, "a.py::one (call)", 2);
	q = hook_obj_malloc(NULL, 100);
	collect();
	cr_assert_eq(replay.labels, 1);
	cr_assert_str_eq(replay.label, "a.py::one (call)");
	cr_assert_eq(replay.label_live, 3, "what waited in the window came first");
	label(f, "a.py::one (call)", 2);
	collect();
	cr_assert_eq(replay.labels, 1, "it is the same");
	label(f, "a.py::two[\"x\"] (setup)", 2);
	collect();
	cr_assert_str_eq(replay.label, "a.py::two[\"x\"] (setup)");
	label(f, NULL, 5);
	collect();
	cr_assert_eq(replay.labels, 3);
	cr_assert_str_eq(replay.label, "");
	cr_assert_eq(site("t1 g:13")->temps, 1,
		     "the block before the first label; then none waits");
	hook_obj_free(NULL, p);
	hook_obj_free(NULL, q);
}

Test(tracer_agent, labels_are_read_from_every_kind_of_frame)
{
	const enum agent_frame_kind kinds[] = { AGENT_FRAME_OBJECT, AGENT_FRAME_CFRAME,
						AGENT_FRAME_CURRENT, AGENT_FRAME_STACKREF };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		teardown();
		fake_init(kinds[i]);
		replay_init(&replay);
		fake_go();
		label(fake_code_in(RUNNER, SETTER, 50, 8), "b (teardown)", 2);
		collect();
		cr_expect_str_eq(replay.label, "b (teardown)", "kind %d", kinds[i]);
		label(fake_code_in(RUNNER, SETTER, 50, 8), NULL, 2);
		collect();
		cr_expect_str_eq(replay.label, "", "kind %d", kinds[i]);
	}
}

Test(tracer_agent, functions_of_other_files_names_and_shapes_set_no_label)
{
	fake_go();
	label(fake_code_in("my_pytest/run.py", SETTER, 50, 8), "x (call)", 2);
	label(fake_code_in(RUNNER, "_update_current_test", 50, 8), "x (call)", 2);
	label(fake_code_in(RUNNER, SETTER, 50, 3), "x (call)", 2);
	collect();
	cr_assert_eq(replay.labels, 0);
	agent_fixed.sample_bytes = 64;
	label(fake_code_in(RUNNER, SETTER, 90, 8), "x (call)", 2);
	agent_fixed.sample_bytes = 0;
	collect();
	cr_assert_eq(replay.labels, 0, "samples are too few to be in order");
}
