/* SPDX-License-Identifier: MIT */
/*
 * The agent in real, busy interpreters of every version on this machine: what it records adds up,
 * what it leaves is nothing, and the program never notices.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tracer/agent/live.h"
#include "tracer/cpython/detect.h"
#include "tracer/mem/live.h"

#define PYTHONS_MAX 32

typedef bool scenario(struct live *l);

/* Run a scenario under each interpreter; the failures of all are reported together. */
static void everywhere(const char *word, scenario *run)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons), bad = 0;
	static struct live live;

	if (!n)
		cr_skip_test("no Python on this machine");
	for (size_t i = 0; i < n; i++) {
		if (!live_begin(&live, &pythons[i], "agent.py", word) || !run(&live)) {
			cr_log_error("%s", live.why);
			bad++;
		} else if (getenv("PYMEMPROF_TEST_VERBOSE")) {
			fprintf(stderr,
				"%s: %llu allocs, %llu bytes of stream, stop %.2f %.2f ms, "
				"agent %llu KiB, %u tries, %u stale; %llu stacks of %zu sites, %llu codes, "
				"%llu resets, %.3f s stalled\n",
				pythons[i].name, (unsigned long long)live.replay.last.allocs,
				(unsigned long long)live.stream_bytes,
				(double)live.attach_stop_ns / 1e6,
				(double)live.detach_stop_ns / 1e6,
				(unsigned long long)live.audit.resident_bytes / 1024,
				live.audit.tries, live.audit.stale_words,
				(unsigned long long)live.replay.stacks, live.replay.nsites,
				(unsigned long long)live.replay.codes,
				(unsigned long long)live.replay.resets,
				(double)live.at_end.stall_ns / 1e9);
		}
		live_end(&live);
	}
	cr_assert_eq(bad, 0, "%zu of %zu interpreters", bad, n);
}

static bool say(struct live *l, const char *what)
{
	snprintf(l->why, sizeof(l->why), "%s: %s", l->python->name, what);
	return false;
}

static bool record(struct live *l)
{
	return live_attach(l, &INJECT_OPTIONS_DEFAULT) && live_read(l, 1000) && live_remove(l) &&
	       live_check_target(l) && live_check_stream(l) &&
	       (l->replay.last.allocs > 1000 || say(l, "hardly anything was recorded"));
}

Test(tracer_agent_inject_live, one_second_adds_up_and_leaves_nothing)
{
	everywhere("threads=1", record);
}

/* No memfd under a limit that ftruncate would be killed by; no map_files without privilege. */
static void forbid_memfd(void)
{
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 65536, RLIM_INFINITY });
}

static void forbid_map_files(void)
{
	uint32_t head[2] = { 0x20080522 /* _LINUX_CAPABILITY_VERSION_3 */, 0 }, set[6];

	if (syscall(SYS_capget, head, set) < 0)
		return;
	set[0] &= ~(1u << 21);	      /* CAP_SYS_ADMIN, in the effective set */
	set[3] &= ~(1u << (40 - 32)); /* CAP_CHECKPOINT_RESTORE */
	syscall(SYS_capset, head, set);
}

static bool record_by_map_files(struct live *l)
{
	return record(l) && (getuid() != 0 || inject_shared(l->in) || say(l, "not shared"));
}

static bool record_private(struct live *l)
{
	return record(l) && (!inject_shared(l->in) || say(l, "shared all the same"));
}

static bool record_shared(struct live *l)
{
	return record(l) && (inject_shared(l->in) || say(l, "not shared"));
}

Test(tracer_agent_inject_live, its_memory_is_shared)
{
	everywhere("threads=2", record_shared);
}

Test(tracer_agent_inject_live, shared_without_a_memfd)
{
	forbid_memfd();
	everywhere("threads=2", record_by_map_files);
}

Test(tracer_agent_inject_live, private_where_nothing_can_be_shared)
{
	forbid_memfd();
	forbid_map_files();
	everywhere("threads=2", record_private);
}

Test(tracer_agent_inject_live, several_threads_too)
{
	everywhere("threads=4", record);
}

/* Sum of births at sites whose innermost frame is this one. */
static uint64_t births_in(const struct replay *r, const char *function, uint64_t *ret_bytes)
{
	uint64_t births = 0;

	*ret_bytes = 0;
	for (size_t i = 0; i < r->nsites; i++) {
		const char *leaf = strchr(r->sites[i].where, ' ');

		if (leaf && !strncmp(leaf + 1, function, strlen(function)) &&
		    leaf[1 + strlen(function)] == ':') {
			births += r->sites[i].births;
			*ret_bytes += r->sites[i].birth_bytes;
		}
	}
	return births;
}

static bool known_blocks(struct live *l)
{
	uint64_t blocks = 0, found = 0, bytes;
	char text[100];
	json_t *answer;

	if (!live_attach(l, &INJECT_OPTIONS_DEFAULT))
		return false;
	answer = live_ask(l, "keep 700");
	json_decref(answer);
	if (!answer || !live_remove(l) || !live_check_stream(l))
		return false;
	/* bytes(n) takes n and a constant head: 700 consecutive sizes from 1000 on */
	for (size_t i = 0; i < l->replay.table_size; i++) {
		const struct replay_block *b = &l->replay.table[i];
		const char *where;

		if (!b->addr || b->dead)
			continue;
		where = l->replay.sites[b->site].where;
		if (strstr(where, " keep_blocks:") == strchr(where, ' ') && b->size >= 1000 &&
		    b->size < 1800)
			found++;
	}
	blocks = births_in(&l->replay, "keep_blocks", &bytes);
	snprintf(text, sizeof(text), "%d of 700 blocks are alive in keep_blocks, %d born",
		 (int)found, (int)blocks);
	return (found == 700 && blocks >= 700) || say(l, text);
}

Test(tracer_agent_inject_live, blocks_are_found_at_their_line_and_size)
{
	everywhere("threads=1", known_blocks);
}

static bool new_code(struct live *l)
{
	json_t *answer;
	uint64_t bytes;

	if (!live_attach(l, &INJECT_OPTIONS_DEFAULT))
		return false;
	answer = live_ask(l, "codes 3000");
	json_decref(answer);
	if (!answer || !live_remove(l) || !live_check_stream(l) || !live_check_target(l))
		return false;
	for (int i = 0; i < 5; i++) {
		char name[24];

		snprintf(name, sizeof(name), "made_%d", i);
		if (!births_in(&l->replay, name, &bytes))
			return say(l, "a function that was compiled anew is missing");
	}
	return true;
}

Test(tracer_agent_inject_live, code_objects_come_and_go)
{
	everywhere("threads=1", new_code);
}

/* Do what the command says; the child's wait status must be 0. */
static bool child_ends_well(struct live *l, const char *command)
{
	json_t *answer = live_ask(l, command);
	char text[80];
	int status;

	if (!answer)
		return false;
	status = (int)json_integer_value(json_object_get(answer, "status"));
	json_decref(answer);
	snprintf(text, sizeof(text), "%s: the child ended with status %#x", command,
		 (unsigned)status);
	return status == 0 || say(l, text);
}

static bool children(struct live *l)
{
	return live_attach(l, &INJECT_OPTIONS_DEFAULT) && child_ends_well(l, "fork") &&
	       child_ends_well(l, "spawn") && live_remove(l) && live_check_target(l) &&
	       live_check_stream(l);
}

Test(tracer_agent_inject_live, forked_and_spawned_children_are_quiet_and_well)
{
	everywhere("threads=2", children);
}

static bool on_top(struct live *l)
{
	json_t *answer;
	struct inject_orphan orphan;
	struct maps maps;
	int found;

	if (!live_attach(l, &INJECT_OPTIONS_DEFAULT))
		return false;
	answer = live_ask(l, "trace");
	json_decref(answer);
	if (!answer || !live_remove(l))
		return false;
	if (!l->audit.not_outermost || l->audit.unmapped)
		return say(l, "the agent was removed from under tracemalloc");
	answer = target_ask(&l->target, "untrace", 5000);
	json_decref(answer);
	/* now the tables lead to the agent again, and it can be taken out as an orphan */
	if (maps_read(l->target.pid, &maps, NULL) < 0)
		return say(l, "no maps");
	found = inject_find(l->target.pid, &l->py, l->mem, &maps, &orphan, NULL);
	maps_deinit(&maps);
	if (found != 1)
		return say(l, "the agent was not found again");
	inject_free(l->in);
	l->in = NULL;
	if (inject_adopt(&orphan, &l->py, &l->in, NULL) < 0)
		return say(l, "the agent was not adopted");
	l->decode = false;
	return live_remove(l) && live_check_target(l);
}

Test(tracer_agent_inject_live, under_tracemalloc_it_stays_and_can_go_later)
{
	everywhere("threads=2", on_top);
}

/* A child attaches and is killed; the agent falls silent, and somebody else takes it out. */
static bool orphan(struct live *l)
{
	struct inject_orphan o = { 0 };
	struct maps maps;
	int found, status;
	pid_t tracer = fork();

	if (tracer == 0) {
		if (!live_attach(l, &INJECT_OPTIONS_DEFAULT) || !live_read(l, 100))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	waitpid(tracer, &status, 0);
	if (!WIFSIGNALED(status))
		return say(l, "the first tracer did not attach");
	usleep(300000);
	if (maps_read(l->target.pid, &maps, NULL) < 0)
		return say(l, "no maps");
	found = inject_find(l->target.pid, &l->py, l->mem, &maps, &o, NULL);
	maps_deinit(&maps);
	if (found != 1 || o.tracer_alive || o.fixed.tracer_pid != tracer)
		return say(l, "the orphan was not recognised");
	if (live_attach(l, &INJECT_OPTIONS_DEFAULT))
		return say(l, "a second agent was put on top");
	inject_free(l->in);
	l->in = NULL;
	if (inject_adopt(&o, &l->py, &l->in, NULL) < 0)
		return say(l, "the orphan was not adopted");
	l->decode = false;
	return live_remove(l) && live_check_target(l) && live_attach(l, &INJECT_OPTIONS_DEFAULT) &&
	       live_remove(l) && live_check_target(l);
}

Test(tracer_agent_inject_live, a_killed_tracers_agent_is_silent_and_removable)
{
	everywhere("threads=2", orphan);
}

static bool sampled(struct live *l)
{
	struct inject_options o = INJECT_OPTIONS_DEFAULT;

	o.sample_bytes = 4096;
	return live_attach(l, &o) && live_read(l, 500) && live_remove(l) && live_check_target(l) &&
	       (l->replay.nsites > 3 || say(l, "no samples")) &&
	       (!l->replay.foreign_frees || say(l, "frees of what was never sampled"));
}

Test(tracer_agent_inject_live, sampling)
{
	everywhere("threads=2", sampled);
}

static bool again_and_again(struct live *l)
{
	int n = getenv("PYMEMPROF_CYCLES") ? atoi(getenv("PYMEMPROF_CYCLES")) : 30;
	int64_t worst = 0;

	for (int i = 0; i < n; i++) {
		replay_deinit(&l->replay);
		replay_init(&l->replay);
		if (!live_attach(l, &INJECT_OPTIONS_DEFAULT) || !live_read(l, 1 + i % 7) ||
		    !live_remove(l) || !live_check_stream(l))
			return false;
		if (!l->audit.clean)
			return live_check_target(l);
		if (l->detach_stop_ns > worst)
			worst = l->detach_stop_ns;
	}
	l->detach_stop_ns = worst;
	return live_check_target(l);
}

Test(tracer_agent_inject_live, attach_and_remove_again_and_again)
{
	everywhere("threads=4", again_and_again);
}
