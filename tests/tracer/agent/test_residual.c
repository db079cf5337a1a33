/* SPDX-License-Identifier: MIT */
/*
 * The end of a stream, read from the agent's memory. One test is the whole point: a program is
 * taken through its allocations instruction by instruction, and after each of them its memory
 * is read as if it had been killed there.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/sanitized.h"
#include "tests/tracer/agent/fake_python.h"
#include "tests/tracer/agent/replay.h"
#include "tracer/agent/lane.h"
#include "tracer/agent/residual.h"

#define PLACES 48
#define OPS 90
#define STEPS_MAX 400000 /* under valgrind or a sanitizer there are many more */
#define CHECKS_MAX 10000

/* What the stepped program knows of itself, in memory of both processes. */
struct truth {
	uint64_t births, frees; /* by calls that returned */
	uint64_t addr[PLACES], size[PLACES];
	int finished;
};

static struct replay replay;
static uint8_t *received;
static size_t nreceived;

static void setup(void)
{
	fake_init(AGENT_FRAME_CURRENT);
	replay_init(&replay);
	received = NULL;
	nreceived = 0;
}

static void teardown(void)
{
	free(received);
	replay_deinit(&replay);
	fake_done();
}

TestSuite(tracer_agent_residual, .init = setup, .fini = teardown);

static void receive(void)
{
	size_t n;
	uint8_t *bytes = fake_read(&n);

	if (n) {
		received = realloc(received, nreceived + n);
		memcpy(received + nreceived, bytes, n);
		nreceived += n;
	}
	free(bytes);
}

/* Everything that came and everything that is left of this state, read anew. Pieces torn. */
static uint64_t read_all(const struct agent_state *state)
{
	struct residual rest;

	replay_deinit(&replay);
	replay_init(&replay);
	cr_assert_eq(residual_build(&agent_fixed, state, nreceived, &rest, NULL), 0);
	cr_assert(replay_feed(&replay, received, nreceived), "%s", replay.bad);
	cr_assert(replay_feed(&replay, rest.bytes, rest.n), "the rest: %s", replay.bad);
	cr_assert_eq(replay.nrest, 0, "ends inside a batch");
	free(rest.bytes);
	return rest.torn;
}

static uint64_t births(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < replay.nsites; i++)
		n += replay.sites[i].births;
	return n;
}

Test(tracer_agent_residual, nothing_recorded_is_nothing_left)
{
	struct residual rest;

	fake_go();
	cr_assert_eq(residual_build(&agent_fixed, &agent_state, 0, &rest, NULL), 0);
	cr_assert_eq(rest.n, 0);
	cr_assert_null(rest.bytes);
}

Test(tracer_agent_residual, waiting_blocks_counters_and_an_open_batch)
{
	struct fake_code *f;
	void *kept;

	fake_go();
	f = fake_code("f", 10, 8);
	fake_call(f, 3);
	kept = hook_mem_malloc(NULL, 100);
	for (int i = 0; i < 77; i++)
		hook_obj_free(NULL, hook_obj_malloc(NULL, 24));
	receive();
	cr_assert_eq(nreceived, 0, "all of it is still in the agent");
	cr_assert_eq(read_all(&agent_state), 0);
	cr_assert_eq(births(), 79, "%d", (int)births());
	cr_assert_eq(replay.live, 2);
	cr_assert_eq(replay_find(&replay, (uint64_t)kept)->size, 100);
	cr_assert_eq(replay.last.allocs, 79);
}

Test(tracer_agent_residual, a_batch_the_pipe_took_half_of)
{
	fake_go();
	for (uint32_t i = 0; i < 2000; i++)
		(void)hook_obj_malloc(NULL, 24);
	fake_flush();
	receive();
	/* as if killed in a write: the pipe has the bytes, out_sent knows nothing of it */
	agent_state.lane.out_len = ((struct stream_batch *)agent_state.out)->bytes / 8;
	agent_state.lane.out_end = 0;
	agent_state.pub.bytes_written -= ((struct stream_batch *)agent_state.out)->bytes;
	for (size_t less = 0; less <= 4096; less += 512) {
		size_t all = nreceived;

		nreceived -= less;
		cr_assert_eq(read_all(&agent_state), 0);
		cr_assert_eq(births(), 2000, "%d without %zu bytes", (int)births(), less);
		nreceived = all;
	}
}

Test(tracer_agent_residual, what_makes_no_sense_is_counted_and_left_out)
{
	fake_go();
	for (int i = 0; i < 10; i++)
		(void)hook_obj_malloc(NULL, 24);
	agent_state.window[63] = (struct agent_slot){ 0x1007 | 8ull << 48, 1 };
	agent_state.window[62] = (struct agent_slot){ AGENT_SLOT_BLOCK(0x1000, 8), 99 };
	agent_state.window[61] = (struct agent_slot){ AGENT_SLOT_BLOCK(0x1000, 8), 1 | 3ull << 32 };
	agent_state.sites[5].temps = 1;
	agent_state.cold.side_tail = AGENT_SIDE + 1;
	cr_assert_eq(read_all(&agent_state), 5);
	cr_assert_leq(births(), 10);
	agent_state.lane.out_len = AGENT_OUT_WORDS + 1;
	agent_state.cold.moving = UINT64_MAX;
	replay.bad[0] = 0;
	struct residual rest;
	cr_assert_eq(residual_build(&agent_fixed, &agent_state, 0, &rest, NULL), 0);
	cr_assert_gt(rest.torn, 5);
	free(rest.bytes);
}

/* --- killed anywhere ---------------------------------------------------------------------------- */

static void free_place(struct truth *t, uint32_t i)
{
	if (!t->addr[i])
		return;
	hook_obj_free(NULL, (void *)t->addr[i]);
	t->addr[i] = 0;
	t->frees++;
}

static void fill_place(struct truth *t, uint32_t i, size_t size)
{
	free_place(t, i);
	t->size[i] = size;
	t->addr[i] = (uint64_t)hook_obj_malloc(NULL, size);
	t->births++;
}

static void move_place(struct truth *t, uint32_t i, size_t size)
{
	uint64_t to = (uint64_t)hook_obj_realloc(NULL, (void *)t->addr[i], size);

	t->frees += t->addr[i] != 0;
	t->births++;
	t->size[i] = size;
	t->addr[i] = to;
}

static void raw_place(struct truth *t, uint32_t i)
{
	free_place(t, i);
	fake_gil(-1);
	t->size[i] = 48;
	t->addr[i] = (uint64_t)hook_raw_malloc(NULL, 48);
	t->births++;
	/* and away again, so that every place holds what obj_free takes */
	hook_raw_free(NULL, (void *)t->addr[i]);
	t->addr[i] = 0;
	t->frees++;
	fake_gil(0);
}

static void some_op(struct truth *t, struct fake_code *const code[3], uint64_t r)
{
	uint32_t i = r >> 8 & 31;

	fake_at((uint32_t)(r >> 16) % 8);
	switch (r % 16) {
	case 0:
		move_place(t, i, r >> 20 & 255);
		break;
	case 1:
		raw_place(t, i);
		break;
	case 2:
		fake_flush();
		break;
	case 3:
		if (r >> 40 & 1)
			site_forget_all();
		break;
	case 4:
		fake_call(code[r >> 30 & 1], 1);
		fill_place(t, i, 64);
		fake_return();
		break;
	case 5:
		fill_place(t, i, 450); /* above the limit of the window */
		break;
	case 6:
		for (int k = 0; k < 5; k++) {
			fill_place(t, i, 16);
			free_place(t, i);
		}
		break;
	case 7:
	case 8:
		free_place(t, i);
		break;
	default:
		fill_place(t, i, r >> 20 & 127);
	}
}

static void stepped_program(struct truth *t)
{
	struct fake_code *code[3];
	uint64_t r = 88172645463325252ull;

	fake_go();
	for (uint32_t i = 0; i < 3; i++) {
		code[i] = fake_code("f", 1 + 100 * i, 32);
		t->size[PLACES - 1 - i] = sizeof(struct fake_code);
		t->addr[PLACES - 1 - i] = (uint64_t)code[i];
		t->births++;
	}
	fake_call(code[2], 1);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	for (int i = 0; i < OPS; i++) {
		r ^= r << 13;
		r ^= r >> 7;
		r ^= r << 17;
		some_op(t, code, r);
	}
	t->finished = 1;
	_exit(0);
}

/* The call under way may have happened or not, and a block may be seen in mid-air; no other. */
static void check_instant(const struct agent_state *state, const struct truth *t)
{
	uint64_t torn = read_all(state), seen, missing = 0, found = 0;

	cr_assert_eq(torn, 0);
	seen = births();
	cr_assert(seen + 1 >= t->births && seen <= t->births + 1, "%d births, %d calls", (int)seen,
		  (int)t->births);
	cr_assert(state->pub.allocs + 1 >= seen, "%d births, %d counted", (int)seen,
		  (int)state->pub.allocs);
	cr_assert_eq(replay.doubled, 0);
	/* the free of a block that another thread made, and that is in mid-air */
	cr_assert(replay.foreign_frees <= 1 && (!replay.foreign_frees || seen < t->births + 1));
	for (int i = 0; i < PLACES; i++) {
		const struct replay_block *b = t->addr[i] ? replay_find(&replay, t->addr[i]) : NULL;

		if (b && !b->dead)
			found++;
		else if (t->addr[i])
			missing++;
		if (b && !b->dead && b->size != t->size[i])
			missing++; /* the place is just being filled again */
	}
	cr_assert_leq(missing, 1);
	cr_assert(replay.live >= found && replay.live <= found + 1, "%d alive, %d known",
		  (int)replay.live, (int)found);
}

Test(tracer_agent_residual, killed_between_any_two_instructions, .timeout = 50)
{
	if (UNDER_VALGRIND)
		teardown(); /* a skipped test has none */
	SKIP_IF_VALGRIND("steps through a child, which would be valgrind itself");
	struct agent_state *state = malloc(sizeof(*state));
	struct truth *t =
		mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct iovec to = { state, sizeof(*state) }, from = { &agent_state, sizeof(agent_state) };
	uint64_t last[7] = { 0 };
	int status, steps = 0, checks = 0;
	pid_t pid = fork();

	if (pid == 0)
		stepped_program(t);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSTOPPED(status));
	while (steps++ < STEPS_MAX && checks < CHECKS_MAX) {
		uint64_t now[7];
		/* only instants at which something of interest may have changed since the last */
		struct iovec parts[3] = { { &agent_state.pub.allocs, 40 },
					  { &agent_state.lane.out_len, 8 },
					  { &agent_state.cold.moving, 8 } };
		struct iovec watched = { now, sizeof(now) };

		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 ||
		    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			break;
		cr_assert_eq(process_vm_readv(pid, &watched, 1, parts, 3, 0), sizeof(now));
		if (steps % 11 && !now[6] && !memcmp(now, last, sizeof(now)))
			continue;
		memcpy(last, now, sizeof(now));
		cr_assert_eq(process_vm_readv(pid, &to, 1, &from, 1, 0), (ssize_t)sizeof(*state));
		receive();
		check_instant(state, t);
		checks++;
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	cr_log_info("%d steps, %d instants, finished %d", steps, checks, t->finished);
	cr_assert_gt(checks, 1000);
	munmap(t, sizeof(*t));
	free(state);
}

/* --- a child without any state --------------------------------------------------------------------- */

Test(tracer_agent_residual, a_closed_gate_is_all_a_child_looks_at)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *first = (uint8_t *)(((uintptr_t)&agent_state + page - 1) & ~(page - 1));
	uint8_t *end = (uint8_t *)((uintptr_t)(&agent_state + 1) & ~(page - 1));
	void *p, *q;

	/* the whole state but the odd ends of its first and last page */
	cr_assert_eq(mprotect(first, (size_t)(end - first), PROT_NONE), 0);
	p = hook_obj_malloc(NULL, 24);
	p = hook_obj_realloc(NULL, p, 5000);
	hook_obj_free(NULL, p);
	q = hook_mem_calloc(NULL, 3, 8);
	hook_mem_free(NULL, q);
	p = hook_raw_malloc(NULL, 24);
	p = hook_raw_realloc(NULL, p, 50);
	hook_raw_free(NULL, p);
	hook_obj_free(NULL, NULL);
	mprotect(first, (size_t)(end - first), PROT_READ | PROT_WRITE);
}
