/* SPDX-License-Identifier: MIT */
/* The agent and its pipe: full, slow, in short batches; what waits for it, and where. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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

TestSuite(tracer_agent_pipe, .init = setup, .fini = teardown);

static void collect(void)
{
	collect_into(&replay);
}

/* Allocate blocks which survive, until n events or the first loss. */
static uint64_t fill(uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n && !agent_state.pub.dropped_events; i++)
		hook_obj_malloc(NULL, 16);
	return i;
}

Test(tracer_agent_pipe, a_full_pipe_drops_and_counts_when_told_to)
{
	uint64_t made;
	void *p;

	agent_fixed.on_full = AGENT_FULL_DROP;
	agent_fixed.ticks_per_ms = 1;
	agent_fixed.window = 0;
	fcntl(agent_fixed.pipe_fd, F_SETPIPE_SZ, 65536);
	fake_go();
	made = fill(100000);
	cr_assert_lt(made, 100000);
	cr_assert_eq(agent_state.pub.stalls, 0);
	collect();
	collect(); /* the batch that waited */
	cr_assert_eq(replay.live, made - 1, "all but the dropped one");
	p = hook_obj_malloc(NULL, 99);
	collect();
	cr_assert_not_null(replay_find(&replay, (uint64_t)p), "recording goes on");
	cr_assert_eq(replay.last.dropped_events, 1);
	cr_assert_eq(agent_state.pub.dropped_bytes, 16);
}

Test(tracer_agent_pipe, a_full_pipe_blocks_up_to_the_stall_limit)
{
	agent_fixed.stall_limit_ms = 50;
	agent_fixed.window = 0;
	fcntl(agent_fixed.pipe_fd, F_SETPIPE_SZ, 65536);
	fake_go();
	cr_assert_lt(fill(100000), 100000);
	cr_assert_geq(agent_state.pub.stall_ns, 40000000);
	cr_assert_leq(agent_state.pub.stall_ns, 60000000);
}

Test(tracer_agent_pipe, a_slow_reader_loses_nothing)
{
	pid_t child;
	int status, fds[2], slow = fake.pipe_read;
	uint64_t live;

	agent_fixed.window = 0;
	agent_fixed.stall_limit_ms = 10000;
	fcntl(agent_fixed.pipe_fd, F_SETPIPE_SZ, 4096);
	cr_assert_eq(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		uint8_t buf[3000];
		ssize_t n;

		close(agent_fixed.pipe_fd);
		close(fds[0]);
		fcntl(slow, F_SETFL, 0);
		while ((n = read(slow, buf, sizeof(buf))) > 0) {
			usleep(100);
			replay_feed(&replay, buf, (size_t)n);
		}
		_exit(write(fds[1], &replay.live, 8) == 8 && !replay.bad[0] ? 0 : 1);
	}
	fake_go();
	cr_assert_eq(fill(30000), 30000);
	fake_flush();
	close(agent_fixed.pipe_fd);
	waitpid(child, &status, 0);
	cr_assert_eq(status, 0);
	cr_assert_eq(read(fds[0], &live, 8), 8);
	cr_assert_eq(live, 30000);
	cr_assert_gt(agent_state.pub.stalls, 0);
	close(fds[0]);
	close(fds[1]);
}

Test(tracer_agent_pipe, in_lockstep_batches_are_short_and_lose_nothing)
{
	size_t n, batches = 0;
	uint8_t *bytes;

	agent_fixed.window = 0;
	agent_fixed.batch_words = 64;
	fake_go();
	cr_assert_eq(fill(3000), 3000);
	fake_flush();
	bytes = fake_read(&n);
	for (size_t at = 0; at < n; batches++) {
		const struct stream_batch *b = (const struct stream_batch *)(bytes + at);
		if (batches > 1) /* the first hold definitions, which may be long */
			cr_assert_leq(b->bytes, 64 * 8);
		at += b->bytes;
	}
	cr_assert_gt(batches, 3000 * 2 / 64);
	cr_assert(replay_feed(&replay, bytes, n), "%s", replay.bad);
	cr_assert_eq(replay.live, 3000);
	free(bytes);
}

Test(tracer_agent_pipe, a_batch_is_at_most_32_kib_and_says_what_it_holds)
{
	size_t n;
	uint8_t *bytes;
	const struct stream_batch *b;

	agent_fixed.window = 0;
	fake_go();
	fill(5000);
	bytes = fake_read(&n);
	b = (const struct stream_batch *)bytes;
	cr_assert_leq(b->bytes, AGENT_OUT_WORDS * 8);
	cr_assert_geq(b->bytes, AGENT_OUT_WORDS * 8 - 64);
	cr_assert_leq(b->ticks_open, b->ticks_written);
	cr_assert(replay_feed(&replay, bytes, n), "%s", replay.bad);
	cr_assert_eq(replay.live, replay.last.allocs - 1, "the one that closed the batch is next");
	free(bytes);
}

struct watch {
	unsigned seen[2]; /* looks outside and inside a realloc */
	bool done;
};

/* Reads slowly, so that the writer waits for room whenever we look. */
static void *watch_moves(void *ctx)
{
	struct watch *w = ctx;
	uint8_t buf[512];

	while (!__atomic_load_n(&w->done, __ATOMIC_RELAXED)) {
		usleep(200);
		w->seen[__atomic_load_n(&agent_state.lane.in_realloc, __ATOMIC_RELAXED) != 0]++;
		(void)!read(fake.pipe_read, buf, sizeof(buf));
	}
	return NULL;
}

Test(tracer_agent_pipe, who_waits_for_the_pipe_while_he_moves_a_block_is_known)
{
	struct watch watch = { 0 };
	pthread_t reader;
	void *p;

	agent_fixed.window = 0;
	agent_fixed.stall_limit_ms = 10000;
	fcntl(agent_fixed.pipe_fd, F_SETPIPE_SZ, 4096);
	fake_go();
	p = hook_mem_malloc(NULL, 1000);
	cr_assert_eq(pthread_create(&reader, NULL, watch_moves, &watch), 0);
	for (size_t i = 0; i < 3000; i++)
		p = hook_mem_realloc(NULL, p, 1000 + i);
	cr_assert_gt(agent_state.pub.stalls, 10);
	cr_assert_eq(agent_state.lane.in_realloc, 0);
	hook_mem_free(NULL, p);
	__atomic_store_n(&watch.done, true, __ATOMIC_RELAXED);
	pthread_join(reader, NULL);
	/* he does nothing else, so whenever he waits he is in the middle of it */
	cr_assert_gt(watch.seen[1], watch.seen[0]);
}
