/* SPDX-License-Identifier: MIT */
/*
 * The frozen copy: faithful, silent, gone without a trace; and no second instance of the program
 * whenever the tracer dies.
 */
#include "tracer/process/freeze.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse.h"
#include "spy.h"
#include "tracer/process/procfs.h"
#include "tracer/process/ptrace.h"

TestSuite(tracer_process_freeze, .timeout = 55);

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

/* Children of the main thread by state: everything, and those that could run. */
static void count_children(pid_t pid, int *all, int *alive)
{
	char path[64];
	FILE *f;
	int child;

	*all = *alive = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	if (!f)
		cr_skip_test("this kernel does not list children");
	while (fscanf(f, "%d", &child) == 1) {
		char state = victim_state(child, 0);

		*all += state != '-';
		*alive += state != '-' && state != 'Z' && state != 'X';
	}
	fclose(f);
}

static void only_the_victim_ran(const struct victim *v)
{
	/* On a busy machine it may not have come round to saying who it is. */
	for (int i = 0; i < 5000 && !atomic_load(&v->page->copies[0]); i++)
		spy_sleep_us(1000);
	cr_assert_eq(atomic_load(&v->page->copies[0]), v->pid);
	cr_assert_eq(atomic_load(&v->page->copies[1]), 0, "a second instance ran: pid %u",
		     atomic_load(&v->page->copies[1]));
}

Test(tracer_process_freeze, the_copy_holds_the_memory_of_that_instant)
{
	struct victim v;
	struct session s;
	struct freeze *f = NULL;
	struct err err = ERR_INIT;
	static uint8_t then[256], copy[256]; /* the stack may end soon */
	taddr pc, sp, tp;
	int all, alive;

	spy_require_ptrace();
	v = victim_start("copies", "16");
	s = open_session(v.pid);
	cr_assert_eq(freeze_new(s.remote, &f, &err), 0, "%s", err.text);
	cr_assert_eq(freeze_settle(f, &err), 0, "%s", err.text);
	cr_expect_neq(freeze_pid(f), v.pid);
	cr_expect_eq(victim_state(freeze_pid(f), 0), 't');
	cr_assert_eq(stop_pc_sp_tp(s.stop, 0, &pc, &sp, &tp, NULL), 0);
	cr_assert_eq(ptrace_read_memory(v.pid, sp, then, sizeof(then), NULL), 0);
	cr_assert_eq(session_close(&s), 0);
	for (int i = 0; i < 20; i++) {
		spy_sleep_us(1000);
		cr_assert_eq(ptrace_read_memory(freeze_pid(f), sp, copy, sizeof(copy), NULL), 0);
		cr_assert_arr_eq(copy, then, sizeof(then));
	}
	victim_must_be_well(&v);
	count_children(v.pid, &all, &alive);
	cr_expect_eq(all, 1);
	cr_assert_eq(freeze_free(f, NULL, &err), 0, "%s", err.text);
	count_children(v.pid, &all, &alive);
	cr_expect_eq(all, 0, "a zombie is left");
	only_the_victim_ran(&v);
	victim_must_be_well(&v);
	victim_end(&v);
}

Test(tracer_process_freeze, many_copies_one_after_the_other)
{
	struct victim v;
	struct session s;
	struct err err = ERR_INIT;
	int all, alive;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	for (int i = 0; i < 30; i++) {
		struct freeze *f = NULL;

		s = open_session(v.pid);
		cr_assert_eq(freeze_new(s.remote, &f, &err), 0, "%s", err.text);
		cr_assert_eq(freeze_settle(f, &err), 0, "%s", err.text);
		if (i % 2) {
			cr_assert_eq(freeze_free(f, s.remote, &err), 0, "%s", err.text);
			cr_assert_eq(session_close(&s), 0);
		} else {
			cr_assert_eq(session_close(&s), 0);
			cr_assert_eq(freeze_free(f, NULL, &err), 0, "%s", err.text);
		}
	}
	count_children(v.pid, &all, &alive);
	cr_expect_eq(all, 0);
	victim_must_be_well(&v);
	cr_expect_eq(atomic_load(&v.page->interrupted), 0);
	victim_end(&v);
}

Test(tracer_process_freeze, a_target_that_ends_meanwhile_is_no_error)
{
	struct victim v;
	struct session s;
	struct freeze *f = NULL;
	struct err err = ERR_INIT;

	spy_require_ptrace();
	v = victim_start("copies", NULL);
	s = open_session(v.pid);
	cr_assert_eq(freeze_new(s.remote, &f, &err), 0, "%s", err.text);
	cr_assert_eq(freeze_settle(f, &err), 0, "%s", err.text);
	cr_assert_eq(session_close(&s), 0);
	victim_end(&v);
	cr_expect_eq(freeze_free(f, NULL, &err), 0, "%s", err.text);
}

Test(tracer_process_freeze, a_limit_on_processes_is_reported_and_harmless)
{
	struct victim v;
	struct session s;
	struct freeze *f = NULL;
	struct err err = ERR_INIT;

	spy_require_ptrace();
	if (getuid() != 0)
		cr_skip_test("needs root to start a victim of another user");
	v = victim_start("nobody", NULL);
	s = open_session(v.pid);
	cr_expect_eq(freeze_new(s.remote, &f, &err), ERR_SYS, "%s", err.text);
	cr_expect_eq(err.sys, EAGAIN);
	cr_assert_not_null(err.hint);
	cr_expect_str_eq(err.hint, "clone-refused");
	cr_assert_eq(session_close(&s), 0);
	only_the_victim_ran(&v);
	victim_must_be_well(&v);
	victim_end(&v);
}

/* Attach, freeze, detach, read, put away. */
static void spy_once(pid_t pid)
{
	struct session s = { 0 };
	struct freeze *f = NULL;
	static uint8_t page[4096];

	if (session_open(pid, &s, NULL) < 0)
		_exit(1);
	if (freeze_reap_orphans(s.remote, NULL) < 0)
		_exit(2);
	if (freeze_new(s.remote, &f, NULL) < 0 || freeze_settle(f, NULL) < 0)
		_exit(3);
	if (ptrace_read_memory(freeze_pid(f), taddr_of(s.maps.ranges[0].start), page, sizeof(page),
			       NULL) < 0)
		_exit(4);
	if (session_close(&s) < 0)
		_exit(5);
	if (freeze_free(f, NULL, NULL) < 0)
		_exit(6);
}

static void nobody_else_lives(const struct victim *v)
{
	int all, alive = 1;

	for (int i = 0; i < 4000 && alive; i++) {
		count_children(v->pid, &all, &alive);
		if (alive)
			spy_sleep_us(500);
	}
	cr_assert_eq(alive, 0, "a copy survived its tracer");
	only_the_victim_ran(v);
}

/*
 * The next attach puts away what a death has left. A clone that its maker's death has merely
 * delayed may still be on its way, hence some patience.
 */
static void nothing_stays(const struct victim *v)
{
	int all = 1, alive;

	for (int i = 0; i < 20 && all; i++) {
		struct session s = open_session(v->pid);
		struct err err = ERR_INIT;

		cr_assert_geq(freeze_reap_orphans(s.remote, &err), 0, "%s", err.text);
		cr_assert_eq(session_close(&s), 0);
		spy_sleep_us(10000);
		count_children(v->pid, &all, &alive);
	}
	cr_assert_eq(all, 0, "%d copies are left", all);
	only_the_victim_ran(v);
}

Test(tracer_process_freeze, death_before_any_request_leaves_no_second_instance)
{
	struct victim v;

	spy_require_ptrace();
	v = victim_start("copies", "8");
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
			cr_assert_gt(n, 30);
			break;
		}
		nobody_else_lives(&v);
		victim_must_be_well(&v);
	}
	nothing_stays(&v);
	victim_must_be_well(&v);
	victim_end(&v);
}

Test(tracer_process_freeze, death_at_random_instants_leaves_no_second_instance)
{
	struct victim v;
	unsigned seed = 715;

	spy_require_ptrace();
	v = victim_start("copies", "64");
	for (int n = 0; n < 200; n++) {
		pid_t spy = fork();

		if (spy == 0) {
			for (;;)
				spy_once(v.pid);
		}
		seed = seed * 1103515245u + 12345u;
		spy_sleep_us(500 + (seed >> 8) % 8000);
		kill(spy, SIGKILL);
		waitpid(spy, NULL, 0);
		nobody_else_lives(&v);
		if (n % 10 == 0)
			victim_must_be_well(&v);
	}
	nothing_stays(&v);
	victim_must_be_well(&v);
	victim_end(&v);
}

/* tests/bench/bench_freeze measures a gigabyte; here it is enough that the order is right. */
Test(tracer_process_freeze, the_pause_for_a_big_target_is_short)
{
	struct victim v;
	struct session s;
	struct err err = ERR_INIT;
	uint64_t paused = UINT64_MAX;

	spy_require_ptrace();
	v = victim_start("copies", "128");
	/* Others may hold the processors just now: the shortest of a few counts. */
	for (int i = 0; i < 5 && paused >= 500000000; i++) {
		struct freeze *f = NULL;

		s = open_session(v.pid);
		cr_assert_eq(freeze_new(s.remote, &f, &err), 0, "%s", err.text);
		paused = stop_elapsed_ns(s.stop);
		cr_assert_eq(session_close(&s), 0);
		cr_assert_eq(freeze_settle(f, &err), 0, "%s", err.text);
		cr_log_info("128 MiB in 4 KiB pages: paused %.2f ms, of it clone %.2f ms",
			    (double)paused / 1e6, (double)freeze_clone_ns(f) / 1e6);
		cr_expect_leq(freeze_clone_ns(f), paused);
		cr_assert_eq(freeze_free(f, NULL, &err), 0, "%s", err.text);
	}
	cr_expect_lt(paused, 500000000);
	victim_must_be_well(&v);
	victim_end(&v);
}
