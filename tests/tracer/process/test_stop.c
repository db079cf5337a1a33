/* SPDX-License-Identifier: MIT */
/* Holding every thread of a busy victim, and every reason not to. */
#include "tracer/process/stop.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "spy.h"
#include "tracer/process/procfs.h"
#include "tracer/process/ptrace.h"

TestSuite(tracer_process_stop, .timeout = 50);

static atomic_int *signals_seen; /* shared with a child */

static struct stop *attach(pid_t pid)
{
	struct stop *s = NULL;
	struct err err = ERR_INIT;

	cr_assert_eq(stop_attach(pid, &s, &err), 0, "%s", err.text);
	return s;
}

Test(tracer_process_stop, all_threads_stand_still_and_go_on_afterwards)
{
	struct victim v;
	struct procfs_status status;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	for (int round = 0; round < 100; round++) {
		struct stop *s = attach(v.pid);
		AUTO_FREE pid_t *tids = NULL;
		size_t count;

		cr_assert_eq(procfs_threads(v.pid, &tids, &count, NULL), 0);
		cr_assert_eq(stop_count(s), count);
		for (size_t i = 0; i < count; i++)
			cr_assert_eq(victim_state(v.pid, tids[i]), 't');
		if (round % 20 == 0) {
			unsigned long beats = victim_beats(&v);

			spy_sleep_us(5000);
			cr_assert_eq(victim_beats(&v), beats);
		}
		cr_assert_gt(stop_elapsed_ns(s), 0);
		cr_assert_eq(stop_detach(s, NULL), 0);
		spy_sleep_us(200);
	}
	victim_must_be_well(&v);
	cr_assert_eq(procfs_status(v.pid, 0, &status, NULL), 0);
	cr_assert_eq(status.tracer, 0);
	cr_assert_eq(atomic_load(&v.page->interrupted), 0);
	cr_assert_eq(atomic_load(&v.page->epoll_interrupted), 0);
	victim_end(&v);
}

Test(tracer_process_stop, we_hurry_only_while_others_wait)
{
	struct victim v;
	struct stop *s;
	int before = getpriority(PRIO_PROCESS, 0);

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	s = attach(v.pid);
	if (geteuid() == 0)
		cr_expect_eq(getpriority(PRIO_PROCESS, 0), -20);
	cr_assert_eq(stop_detach(s, NULL), 0);
	cr_expect_eq(getpriority(PRIO_PROCESS, 0), before);
	victim_end(&v);
}

Test(tracer_process_stop, threads_run_for_a_while_and_stop_again)
{
	struct victim v;
	struct stop *s;
	struct err err = ERR_INIT;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	s = attach(v.pid);
	for (int i = 0; i < 50; i++) {
		unsigned long before = victim_beats(&v), after = before;

		/* on a busy machine a thread may not be scheduled within one step */
		for (int tries = 0; tries < 200 && after == before; tries++) {
			cr_assert_eq(stop_step(s, 3000, &err), 0, "%s", err.text);
			after = victim_beats(&v);
		}
		cr_assert_gt(after, before);
		spy_sleep_us(500);
		cr_assert_eq(victim_beats(&v), after);
	}
	cr_assert_eq(stop_detach(s, NULL), 0);
	victim_must_be_well(&v);
	cr_assert_eq(atomic_load(&v.page->interrupted), 0);
	victim_end(&v);
}

Test(tracer_process_stop, registers_tell_where_each_thread_is)
{
	struct victim v;
	struct stop *s;
	struct maps m;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	s = attach(v.pid);
	cr_assert_eq(maps_read(v.pid, &m, NULL), 0);
	for (size_t i = 0; i < stop_count(s); i++) {
		taddr pc, sp, tp;
		struct stop_regs regs;

		cr_assert_eq(stop_get_regs(s, i, &regs, NULL), 0);
		cr_assert_eq(stop_pc_sp_tp(s, i, &pc, &sp, &tp, NULL), 0);
		cr_assert_not_null(maps_find(&m, pc));
		cr_assert(maps_find(&m, pc)->flags & MAP_X);
		cr_assert_not_null(maps_find(&m, sp));
		cr_assert(maps_find(&m, sp)->flags & MAP_W);
		cr_assert_not_null(maps_find(&m, tp));
	}
	maps_deinit(&m);
	cr_assert_eq(stop_detach(s, NULL), 0);
	victim_end(&v);
}

Test(tracer_process_stop, signals_that_arrive_meanwhile_are_delivered)
{
	struct victim v;
	unsigned long ticks;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	for (int round = 0; round < 10; round++) {
		struct stop *s = attach(v.pid);

		for (int i = 0; i < 20; i++)
			cr_assert_eq(sigqueue(v.pid, SIGRTMIN, (union sigval){ .sival_int = i }), 0);
		cr_assert_eq(stop_detach(s, NULL), 0);
	}
	for (int i = 0; i < 2000 && atomic_load(&v.page->queued) < 200; i++)
		spy_sleep_us(500);
	cr_expect_eq(atomic_load(&v.page->queued), 200);
	ticks = atomic_load(&v.page->ticks);
	victim_must_be_well(&v);
	spy_sleep_us(20000);
	cr_expect_gt(atomic_load(&v.page->ticks), ticks);
	victim_end(&v);
}

static void wait_for_state(pid_t pid, char state)
{
	for (int i = 0; i < 2000 && victim_state(pid, 0) != state; i++)
		spy_sleep_us(500);
	cr_assert_eq(victim_state(pid, 0), state, "state is %c, not %c", victim_state(pid, 0), state);
}

Test(tracer_process_stop, a_process_stopped_by_its_user_stays_stopped)
{
	struct victim v;
	struct stop *s;
	unsigned long beats;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	kill(v.pid, SIGSTOP);
	wait_for_state(v.pid, 'T');
	beats = victim_beats(&v);
	s = attach(v.pid);
	cr_assert_eq(stop_step(s, 2000, NULL), 0);
	cr_assert_eq(stop_detach(s, NULL), 0);
	wait_for_state(v.pid, 'T');
	cr_assert_eq(victim_beats(&v), beats);
	kill(v.pid, SIGCONT);
	victim_must_be_well(&v);
	victim_end(&v);
}

static volatile unsigned long *ticker_page;

static void count_tick(int sig)
{
	(void)sig;
	ticker_page[1]++;
}

/* Counts, with a timer that has always fired again when it is let go. */
static pid_t start_ticker(void)
{
	ticker_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (pid == 0) {
		struct itimerval fast = { { 0, 500 }, { 0, 500 } };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGALRM, count_tick);
		setitimer(ITIMER_REAL, &fast, NULL);
		for (;;)
			ticker_page[0]++;
	}
	while (ticker_page[1] < 10)
		spy_sleep_us(1000);
	return pid;
}

Test(tracer_process_stop, a_step_is_a_step_also_under_a_fast_timer)
{
	unsigned stuck = 0;
	struct stop *s;
	pid_t pid;

	spy_require_ptrace();
	pid = start_ticker();
	s = attach(pid);
	for (int i = 0; i < 20; i++) {
		unsigned long before = ticker_page[0];

		spy_sleep_us(1000);
		cr_assert_eq(stop_step(s, 20000, NULL), 0);
		stuck += ticker_page[0] == before;
	}
	cr_assert_eq(stop_detach(s, NULL), 0);
	/* on a busy machine it may not get a processor in 20 ms now and then */
	cr_expect_lt(stuck, 10, "no step in %u of 20", stuck);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

Test(tracer_process_stop, a_stop_signal_that_arrives_meanwhile_takes_effect)
{
	struct victim v;
	struct stop *s;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	s = attach(v.pid);
	kill(v.pid, SIGSTOP);
	cr_assert_eq(stop_step(s, 5000, NULL), 0);
	cr_assert_eq(stop_detach(s, NULL), 0);
	wait_for_state(v.pid, 'T');
	s = attach(v.pid);
	kill(v.pid, SIGCONT);
	cr_assert_eq(stop_step(s, 5000, NULL), 0);
	cr_assert_eq(stop_detach(s, NULL), 0);
	victim_must_be_well(&v);
	victim_end(&v);
}

Test(tracer_process_stop, a_target_killed_meanwhile_is_gone_and_not_left_a_zombie_of_ours)
{
	struct victim v;
	struct stop *s;
	struct err err = ERR_INIT;
	int status;

	spy_require_ptrace();
	v = victim_start("busy", NULL);
	s = attach(v.pid);
	kill(v.pid, SIGKILL);
	cr_expect_eq(stop_detach(s, &err), ERR_GONE);
	cr_expect(strstr(err.text, "died") != NULL, "%s", err.text);
	/* Reaped as a tracee, and still there for its parent, which in this test is us. */
	if (waitpid(v.pid, &status, __WALL) == v.pid)
		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void expect_refusal(pid_t pid, int code, const char *hint)
{
	struct stop *s = NULL;
	struct err err = ERR_INIT;

	cr_expect_eq(stop_attach(pid, &s, &err), code, "%s", err.text);
	cr_expect_null(s);
	cr_assert_not_null(err.hint, "%s", err.text);
	cr_expect_str_eq(err.hint, hint, "%s: %s", err.hint, err.text);
}

Test(tracer_process_stop, nobody_there_is_refused)
{
	expect_refusal(0x7ffffff0, ERR_GONE, "no-such-process");
}

Test(tracer_process_stop, ourselves_are_refused)
{
	expect_refusal(getpid(), ERR_UNSUPPORTED, "own-pid");
}

Test(tracer_process_stop, a_zombie_is_refused)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	wait_for_state(pid, 'Z');
	expect_refusal(pid, ERR_GONE, "zombie");
	waitpid(pid, NULL, 0);
}

Test(tracer_process_stop, a_kernel_thread_is_refused)
{
	struct procfs_stat stat;

	if (procfs_stat(2, 0, &stat, NULL) < 0 || !procfs_is_kernel_thread(&stat))
		cr_skip_test("no kernel threads to be seen here");
	expect_refusal(2, ERR_UNSUPPORTED, "kernel-thread");
}

Test(tracer_process_stop, a_thread_number_is_refused)
{
	struct victim v = victim_start("quiet", NULL);
	AUTO_FREE pid_t *tids = NULL;
	size_t count = 0;

	cr_assert_eq(procfs_threads(v.pid, &tids, &count, NULL), 0);
	cr_assert_gt(count, 1);
	expect_refusal(tids[0] == v.pid ? tids[1] : tids[0], ERR_USAGE, "thread-not-process");
	victim_end(&v);
}

Test(tracer_process_stop, a_traced_process_is_refused_and_the_tracer_named)
{
	int go[2];
	pid_t target = fork(), tracer;
	struct stop *s = NULL;
	struct err err = ERR_INIT;
	char number[16];

	if (target == 0) {
		pause();
		_exit(0);
	}
	cr_assert_eq(pipe(go), 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	tracer = fork();
	if (tracer == 0) {
		char ok = ptrace(PTRACE_SEIZE, target, NULL, NULL) == 0;

		(void)!write(go[1], &ok, 1);
		pause();
		_exit(0);
	}
	(void)!read(go[0], number, 1);
	close(go[0]);
	close(go[1]);
	if (!number[0]) {
		kill(tracer, SIGKILL);
		kill(target, SIGKILL);
		cr_skip_test("a sibling may not trace here");
	}
	expect_refusal(target, ERR_DENIED, "already-traced");
	(void)!stop_attach(target, &s, &err);
	snprintf(number, sizeof(number), "%d", (int)tracer);
	cr_expect(strstr(err.text, number) != NULL, "%s", err.text);
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	kill(target, SIGKILL);
	waitpid(target, NULL, 0);
}

Test(tracer_process_stop, another_users_process_is_refused)
{
	pid_t target, other;
	int status;

	if (getuid() != 0)
		cr_skip_test("needs root to make a process of another user");
	target = fork();
	if (target == 0) {
		pause();
		_exit(0);
	}
	other = fork();
	if (other == 0) {
		struct stop *s = NULL;
		struct err err = ERR_INIT;

		if (setuid(65534) < 0 || stop_attach(target, &s, &err) != ERR_DENIED || !err.hint)
			_exit(1);
		_exit(strcmp(err.hint, "other-user") != 0 && strcmp(err.hint, "yama") != 0);
	}
	cr_assert_eq(waitpid(other, &status, 0), other);
	cr_expect_eq(status, 0);
	kill(target, SIGKILL);
	waitpid(target, NULL, 0);
}

static void count_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(signals_seen, 1);
}

/* The tracer looks at the stop of a signal and dies before it lets the thread go on. */
static void see_signal_and_die(pid_t pid)
{
	int status;

	if (ptrace_seize(pid, 0, NULL) < 0 || kill(pid, SIGUSR1) < 0 ||
	    ptrace_wait(pid, 10000, &status, NULL) < 0)
		_exit(1);
	_exit(ptrace_stop_kind(status) == PTRACE_STOP_SIGNAL ? 0 : 2);
}

Test(tracer_process_stop, a_signal_is_not_lost_with_a_tracer_that_dies)
{
	pid_t target, tracer;
	int status;

	spy_require_ptrace();
	signals_seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(signals_seen, MAP_FAILED);
	signal(SIGUSR1, count_signal);
	target = fork();
	if (target == 0)
		for (;;)
			pause();
	tracer = fork();
	if (tracer == 0)
		see_signal_and_die(target);
	cr_assert_eq(waitpid(tracer, &status, 0), tracer);
	cr_assert_eq(status, 0);
	for (int i = 0; i < 1000 && atomic_load(signals_seen) == 0; i++)
		spy_sleep_us(5000);
	cr_expect_eq(atomic_load(signals_seen), 1);
	kill(target, SIGKILL);
	waitpid(target, NULL, 0);
	munmap(signals_seen, 4096);
}
