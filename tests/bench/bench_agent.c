/* SPDX-License-Identifier: MIT */
/*
 * What the agent adds to one malloc and free, in this process, with an interpreter's double
 * around it and /dev/null for a pipe. One JSON line per case:
 *
 *	{"name":"agent.leaf.depth-10","unit":"ns/pair","best":…,"median":…}
 *
 * What the originals cost at best is subtracted. "best" is what the code costs, "median" what the
 * machine made of it. The cases are stages: pass is the hook alone, sample adds a gate and a
 * subtraction, same adds the check of the stack (from depth to depth: of one frame) and the window,
 * leaf and call another instruction and another frame, await many of both, survive the stream.
 *
 * Words: a part of the cases' names, and how many runs (60): few under callgrind.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/tracer/agent/fake_python.h"
#include "tracer/agent/sys.h"

#define RUNS_MAX 1000
#define PAIRS 20000

enum what {
	SAME,	 /* the same instruction again and again */
	LEAF,	 /* another instruction of the same function each time */
	CALL,	 /* a function is called for each block */
	AWAIT,	 /* recursive coroutines: made on the stack, awaited in the heap */
	SURVIVE, /* blocks outlive the window */
	WHATS
};

static const char *const names[] = { "same", "leaf", "call", "await", "survive" };

static int runs = 60;
static const char *wanted = "";
static double ns_per_tick;
static struct fake_code *code[4];
static void *kept[8192];

static void one(enum what what, uint32_t i, void *(*alloc)(void *, size_t),
		void (*release)(void *, void *))
{
	switch (what) {
	case LEAF:
		fake_at(i % 8);
		break;
	case CALL:
		fake_call(code[i & 3], 1);
		release(NULL, alloc(NULL, 48));
		fake_return();
		return;
	case AWAIT:
		/* down eight coroutines, making one in each, and up again */
		fake_call_at(FAKE_DEPTH - 1, code[3], 0);
		release(NULL, alloc(NULL, 48));
		fake_return();
		if (i % 16 < 8) {
			fake_call_at(FAKE_DEPTH - 20 + i % 16, code[3], 1);
		} else {
			fake_return();
			fake_at(2);
		}
		return;
	case SURVIVE: {
		void **place = &kept[i % 8192];

		if (*place)
			release(NULL, *place);
		*place = alloc(NULL, 48);
		return;
	}
	case SAME:
	case WHATS:
		break;
	}
	release(NULL, alloc(NULL, 48));
}

static uint64_t run(enum what what, void *(*alloc)(void *, size_t), void (*release)(void *, void *))
{
	uint64_t start, ticks;

	memset(kept, 0, sizeof(kept));
	start = sys_ticks();
	for (uint32_t i = 0; i < PAIRS; i++)
		one(what, i, alloc, release);
	ticks = sys_ticks() - start;
	for (int i = 0; i < 8192; i++)
		if (kept[i])
			release(NULL, kept[i]);
	return ticks;
}

static void to_dev_null(void)
{
	struct stat st;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		exit(1);
	close(agent_fixed.pipe_fd);
	agent_fixed.pipe_fd = fd;
	agent_fixed.pipe_dev = st.st_dev;
	agent_fixed.pipe_ino = st.st_ino;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void calibrate(void)
{
	const struct timespec pause = { 0, 20000000 };
	struct timespec a, b;
	uint64_t ticks = sys_ticks();

	clock_gettime(CLOCK_MONOTONIC, &a);
	nanosleep(&pause, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ticks = sys_ticks() - ticks;
	ns_per_tick = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
		      (double)ticks;
}

static void bench(const char *kind, enum what what, uint32_t depth, uint64_t sample_bytes)
{
	typedef void *malloc_fn(void *, size_t);
	typedef void free_fn(void *, void *);
	double result[RUNS_MAX], bare = 1e18;
	char name[64];

	snprintf(name, sizeof(name), "agent.%s%s.depth-%u", kind, names[what], (unsigned)depth);
	if (!strstr(name, wanted))
		return;
	fake_init(AGENT_FRAME_CURRENT);
	to_dev_null();
	agent_fixed.window = sample_bytes ? 0 : 1024;
	agent_fixed.window_max_bytes = 4096;
	agent_fixed.flush_ticks = 200000000;
	agent_fixed.sample_bytes = sample_bytes;
	fake_go();
	if (!strcmp(kind, "pass."))
		agent_gate.mode = AGENT_MODE_PASS;
	for (int i = 0; i < 4; i++)
		code[i] = fake_code("f", 1 + 100 * (uint32_t)i, 32);
	for (uint32_t i = 0; i < depth; i++)
		fake_call(code[i % 3], i % 8);
	for (int i = 0; i < runs; i++) {
		double ticks =
			(double)run(what, (malloc_fn *)agent_fixed.original[2].func[AGENT_MALLOC],
				    (free_fn *)agent_fixed.original[2].func[AGENT_FREE]);

		bare = ticks < bare ? ticks : bare;
		result[i] = (double)run(what, hook_obj_malloc, hook_obj_free);
	}
	qsort(result, (size_t)runs, sizeof(result[0]), compare);
	printf("{\"name\":\"%s\",\"unit\":\"ns/pair\",\"best\":%.1f,\"median\":%.1f}\n", name,
	       (result[0] - bare) / PAIRS * ns_per_tick,
	       (result[runs / 2] - bare) / PAIRS * ns_per_tick);
	fake_done();
}

int main(int argc, char **argv)
{
	static const uint32_t depths[] = { 1, 10, 30, 100 };

	wanted = argc > 1 ? argv[1] : "";
	if (argc > 2)
		runs = atoi(argv[2]);
	if (runs < 1 || runs > RUNS_MAX)
		return 2;
	calibrate();
	bench("pass.", SAME, 10, 0);
	bench("sample.", SAME, 10, 1ull << 40);
	bench("sample.64KiB.", SAME, 10, 65536);
	bench("sample.64KiB.", SURVIVE, 10, 65536);
	for (enum what w = SAME; w < WHATS; w++)
		for (int d = 0; d < 4; d++)
			bench("", w, depths[d], 0);
	return 0;
}
