/* SPDX-License-Identifier: MIT */
/*
 * System calls in a victim that checks itself, and the death of the tracer at every single
 * ptrace request and at random instants.
 */
#include "tracer/process/remote.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse.h"
#include "spy.h"
#include "tracer/process/ptrace.h"

TestSuite(tracer_process_remote, .timeout = 55);

#define MARK_ADDR 0x5a5a00000000ull

struct session {
	struct stop *stop;
	struct mem_source *mem;
	struct maps maps;
	struct remote *remote;
};

static int session_open(pid_t pid, struct session *s, struct err *err)
{
	int r = stop_attach(pid, &s->stop, err);

	if (r < 0)
		return r;
	r = maps_read(pid, &s->maps, err);
	s->mem = spy_memory(pid);
	if (r == 0)
		r = remote_new(s->stop, s->mem, &s->maps, &s->remote, err);
	return r;
}

static int session_close(struct session *s)
{
	remote_free(s->remote);
	maps_deinit(&s->maps);
	s->mem->ops->free(s->mem);
	return stop_detach(s->stop, NULL);
}

static struct session open_session(pid_t pid)
{
	struct session s = { 0 };
	struct err err = ERR_INIT;

	cr_assert_eq(session_open(pid, &s, &err), 0, "%s", err.text);
	return s;
}

static int64_t call(struct session *s, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
		    uint64_t e, uint64_t f)
{
	uint64_t arg[6] = { a, b, c, d, e, f };
	int64_t answer = -1;
	struct err err = ERR_INIT;

	cr_assert_eq(remote_syscall(s->remote, nr, arg, &answer, &err), 0, "%s", err.text);
	return answer;
}

Test(tracer_process_remote, calls_answer_and_leave_registers_and_mask_alone)
{
	struct victim v;
	struct session s;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	s = open_session(v.pid);
	for (int round = 0; round < 50; round++) {
		struct stop_regs before, after;
		uint64_t mask_before[32], mask_after;
		size_t count = stop_count(s.stop);

		for (size_t i = 0; i < count; i++)
			cr_assert_eq(ptrace_get_sigmask(stop_tid(s.stop, i), &mask_before[i], NULL), 0);
		cr_assert_eq(stop_get_regs(s.stop, 0, &before, NULL), 0);
		cr_assert_eq(call(&s, remote_sys(s.remote)->getpid, 0, 0, 0, 0, 0, 0), v.pid);
		cr_assert_eq(call(&s, remote_sys(s.remote)->close, 12345, 0, 0, 0, 0, 0), -EBADF);
		cr_assert_eq(stop_get_regs(s.stop, 0, &after, NULL), 0);
		cr_assert_eq(before.count, after.count);
		cr_assert_arr_eq(before.word, after.word, before.count * sizeof(*before.word));
		for (size_t i = 0; i < count; i++) {
			cr_assert_eq(ptrace_get_sigmask(stop_tid(s.stop, i), &mask_after, NULL), 0);
			cr_assert_eq(mask_after, mask_before[i]);
		}
		cr_assert_eq(stop_step(s.stop, 500, NULL), 0);
	}
	cr_assert_eq(session_close(&s), 0);
	victim_must_be_well(&v);
	cr_assert_eq(atomic_load(&v.page->interrupted), 0);
	cr_assert_eq(atomic_load(&v.page->epoll_interrupted), 0);
	victim_end(&v);
}

Test(tracer_process_remote, memory_can_be_mapped_written_and_unmapped)
{
	struct victim v;
	struct session s;
	struct maps m;
	int64_t at;
	char hello[] = "hello", back[6];

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	s = open_session(v.pid);
	at = call(&s, remote_sys(s.remote)->mmap, 0, 8192, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0);
	cr_assert_gt(at, 0);
	cr_assert_eq(ptrace_write_memory(v.pid, taddr_of((uint64_t)at), hello, 6, NULL), 0);
	cr_assert_eq(ptrace_read_memory(v.pid, taddr_of((uint64_t)at), back, 6, NULL), 0);
	cr_expect_str_eq(back, hello);
	cr_expect_eq(call(&s, remote_sys(s.remote)->munmap, (uint64_t)at, 8192, 0, 0, 0, 0), 0);
	cr_assert_eq(maps_read(v.pid, &m, NULL), 0);
	cr_expect_null(maps_find(&m, taddr_of((uint64_t)at)));
	maps_deinit(&m);
	cr_assert_eq(session_close(&s), 0);
	victim_must_be_well(&v);
	victim_end(&v);
}

static uint64_t stack_bytes(pid_t pid)
{
	struct maps m = { 0 };
	uint64_t ret = 0;

	cr_assert_eq(maps_read(pid, &m, NULL), 0);
	for (size_t i = 0; i < m.count; i++)
		if (strcmp(m.ranges[i].path, "[stack]") == 0)
			ret = m.ranges[i].end - m.ranges[i].start;
	maps_deinit(&m);
	return ret;
}

/* The stack of a main thread ends where it was at its deepest, and there the victim computes all the time. */
Test(tracer_process_remote, a_stack_that_ends_right_here_is_extended)
{
	uint64_t before, after;
	struct victim v;
	struct session s;

	spy_require_ptrace();
	for (long more = 0; more < 4096; more += 512) {
		char bytes[32];

		snprintf(bytes, sizeof(bytes), "%ld", 300000 + more);
		v = victim_start("edge", bytes);
		before = stack_bytes(v.pid);
		s = open_session(v.pid);
		cr_expect_eq(call(&s, remote_sys(s.remote)->getpid, 0, 0, 0, 0, 0, 0), v.pid);
		cr_assert_eq(session_close(&s), 0);
		after = stack_bytes(v.pid);
		cr_expect(after > before && after - before < 65536, "%llu to %llu bytes", (unsigned long long)before,
			  (unsigned long long)after);
		victim_must_be_well(&v);
		victim_end(&v);
	}
}

/* Where it may not grow any more nobody is made to call there. */
Test(tracer_process_remote, a_stack_that_may_not_grow_is_left_alone)
{
	struct session s = { 0 };
	struct err err = ERR_INIT;
	struct rlimit least;
	struct victim v;

	spy_require_ptrace();
	v = victim_start("edge", "300000");
	least.rlim_cur = least.rlim_max = stack_bytes(v.pid);
	cr_assert_eq(prlimit(v.pid, RLIMIT_STACK, &least, NULL), 0);
	cr_expect_eq(session_open(v.pid, &s, &err), ERR_UNSUPPORTED, "%s", err.text);
	cr_expect_str_eq(err.hint, "no-thread-for-call");
	cr_assert_eq(session_close(&s), 0);
	cr_expect_eq(stack_bytes(v.pid), least.rlim_cur);
	victim_must_be_well(&v);
	victim_end(&v);
}

Test(tracer_process_remote, a_pipe_through_the_scratch_bytes)
{
	struct victim v;
	struct session s;
	int32_t fds[2] = { -1, -1 };

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	s = open_session(v.pid);
	cr_expect_eq(call(&s, remote_sys(s.remote)->pipe2, remote_scratch(s.remote).v, 02000000, 0,
			  0, 0, 0), 0);
	cr_assert_eq(ptrace_read_memory(v.pid, remote_scratch(s.remote), fds, sizeof(fds), NULL), 0);
	cr_expect_gt(fds[0], 2);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(call(&s, remote_sys(s.remote)->close, (uint64_t)fds[i], 0, 0, 0, 0, 0), 0);
	cr_assert_eq(session_close(&s), 0);
	victim_must_be_well(&v);
	victim_end(&v);
}

/* Milliseconds a thread slept that asked for 700 and was made to call twenty times meanwhile. */
static unsigned long interrupted_sleep_ms(void)
{
	struct victim v = victim_start("sleeper", NULL);
	unsigned long slept;

	for (int i = 0; i < 20; i++) {
		struct session s;

		spy_sleep_us(10000);
		s = open_session(v.pid);
		cr_expect_eq(call(&s, remote_sys(s.remote)->getpid, 0, 0, 0, 0, 0, 0), v.pid);
		cr_assert_eq(session_close(&s), 0);
	}
	for (int i = 0; i < 2000 && atomic_load(&v.page->ready) != 2; i++)
		spy_sleep_us(1000);
	slept = atomic_load(&v.page->sleep_ns) / 1000000;
	cr_expect_eq(atomic_load(&v.page->sleep_result), 0);
	victim_end(&v);
	return slept;
}

/* A sleep begun anew takes 900 ms or more each time; a busy machine is late only now and then. */
Test(tracer_process_remote, a_single_thread_in_a_relative_sleep_wakes_up_on_time)
{
	unsigned long slept = 0;

	spy_require_ptrace();
	for (int i = 0; i < 5 && (i == 0 || slept >= 800); i++) {
		slept = interrupted_sleep_ms();
		cr_assert(slept >= 700, "slept %lu ms instead of 700", slept);
	}
	cr_expect(slept < 800, "slept %lu ms instead of 700", slept);
}

Test(tracer_process_remote, a_process_stopped_by_its_user_makes_the_call_and_stays_stopped)
{
	struct victim v;
	struct session s;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	kill(v.pid, SIGSTOP);
	while (victim_state(v.pid, 0) != 'T')
		spy_sleep_us(500);
	s = open_session(v.pid);
	cr_expect_eq(call(&s, remote_sys(s.remote)->getpid, 0, 0, 0, 0, 0, 0), v.pid);
	cr_expect_eq(call(&s, remote_sys(s.remote)->getpid, 0, 0, 0, 0, 0, 0), v.pid);
	cr_assert_eq(session_close(&s), 0);
	spy_sleep_us(5000);
	cr_expect_eq(victim_state(v.pid, 0), 'T');
	kill(v.pid, SIGCONT);
	victim_must_be_well(&v);
	victim_end(&v);
}

Test(tracer_process_remote, a_stop_signal_between_calls_does_no_harm)
{
	struct victim v;
	struct session s;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	s = open_session(v.pid);
	kill(v.pid, SIGSTOP);
	for (int i = 0; i < 5; i++)
		cr_expect_eq(call(&s, remote_sys(s.remote)->getpid, 0, 0, 0, 0, 0, 0), v.pid);
	cr_assert_eq(session_close(&s), 0);
	for (int i = 0; i < 1000 && victim_state(v.pid, 0) != 'T'; i++)
		spy_sleep_us(500);
	cr_expect_eq(victim_state(v.pid, 0), 'T');
	kill(v.pid, SIGCONT);
	victim_must_be_well(&v);
	victim_end(&v);
}

Test(tracer_process_remote, a_target_killed_meanwhile_is_gone)
{
	struct victim v;
	struct session s;
	uint64_t arg[6] = { 0 };
	int64_t answer;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	s = open_session(v.pid);
	kill(v.pid, SIGKILL);
	cr_expect_eq(remote_syscall(s.remote, remote_sys(s.remote)->getpid, arg, &answer, NULL),
		     ERR_GONE);
	cr_expect_eq(session_close(&s), ERR_GONE);
	waitpid(v.pid, NULL, __WALL);
}

/* One attach with a few calls, as the tool makes them. Exits 0 when all went well. */
static void spy_once(pid_t pid)
{
	struct session s = { 0 };
	uint64_t map_arg[6] = { MARK_ADDR, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | 0x100000,
				(uint64_t)-1, 0 };
	uint64_t unmap_arg[6] = { MARK_ADDR, 4096 };
	int64_t answer;

	if (session_open(pid, &s, NULL) < 0)
		_exit(1);
	if (remote_syscall(s.remote, remote_sys(s.remote)->mmap, map_arg, &answer, NULL) < 0 ||
	    remote_syscall(s.remote, remote_sys(s.remote)->munmap, unmap_arg, &answer, NULL) < 0)
		_exit(2);
	if (session_close(&s) < 0)
		_exit(3);
}

static bool mark_is_mapped(pid_t pid)
{
	struct maps m;
	bool found;

	cr_assert_eq(maps_read(pid, &m, NULL), 0);
	found = maps_find(&m, taddr_of(MARK_ADDR)) != NULL;
	maps_deinit(&m);
	return found;
}

/*
 * Die before the first, the second, … request until one run survives. At some of them the call
 * is armed and is completed without us, which the mark in the memory map shows.
 */
Test(tracer_process_remote, death_before_any_request_leaves_the_target_unharmed)
{
	struct victim v;
	int completed = 0;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	for (long n = 1; n < 2000; n++) {
		pid_t spy = fork();
		int status;

		if (spy == 0) {
			fuse_set(n);
			spy_once(v.pid);
			_exit(0);
		}
		cr_assert_eq(waitpid(spy, &status, 0), spy);
		if (WIFEXITED(status)) {
			cr_expect_eq(WEXITSTATUS(status), 0, "spy failed at step %ld: %d", n,
				     WEXITSTATUS(status));
			cr_assert_gt(n, 20);
			break;
		}
		spy_sleep_us(1000);
		if (mark_is_mapped(v.pid))
			completed++;
		if (n % 8 == 0)
			victim_must_be_well(&v);
	}
	victim_must_be_well(&v);
	cr_expect_gt(completed, 0);
	victim_end(&v);
}

Test(tracer_process_remote, death_at_random_instants_leaves_the_target_unharmed)
{
	struct victim v;
	unsigned seed = 20261121;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	for (int n = 0; n < 200; n++) {
		pid_t spy = fork();

		if (spy == 0) {
			for (;;)
				spy_once(v.pid);
		}
		seed = seed * 1103515245u + 12345u;
		spy_sleep_us(500 + (seed >> 8) % 6000);
		kill(spy, SIGKILL);
		waitpid(spy, NULL, 0);
		if (n % 10 == 0)
			victim_must_be_well(&v);
	}
	victim_must_be_well(&v);
	cr_log_info("EINTR in 200 deaths: %lu", atomic_load(&v.page->interrupted));
	victim_end(&v);
}

/*
 * The hardest case: one thread, asleep in a call that only the kernel's own memory restarts. It
 * may see EINTR then, as after any signal, but nothing else.
 */
Test(tracer_process_remote, death_during_a_relative_sleep_costs_at_most_an_interruption)
{
	enum { SLEEPERS = 40 };
	struct victim v[SLEEPERS];

	spy_require_ptrace();
	for (int i = 0; i < SLEEPERS; i++) {
		pid_t spy;

		v[i] = victim_start("sleeper", NULL);
		spy = fork();
		if (spy == 0) {
			fuse_set(i + 1);
			spy_once(v[i].pid);
			_exit(0);
		}
		waitpid(spy, NULL, 0);
	}
	for (int i = 0; i < SLEEPERS; i++) {
		long result;

		for (int n = 0; n < 3000 && atomic_load(&v[i].page->ready) != 2; n++)
			spy_sleep_us(1000);
		result = atomic_load(&v[i].page->sleep_result);
		cr_expect_eq(atomic_load(&v[i].page->ready), 2, "sleeper %d never woke up", i);
		cr_expect(result == 0 || result == -EINTR, "sleeper %d got %ld", i, result);
		victim_end(&v[i]);
	}
}
