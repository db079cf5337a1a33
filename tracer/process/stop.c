/* SPDX-License-Identifier: MIT */
/*
 * All threads of one process held still. It keeps the list of threads and how each stopped; who
 * may be stopped and why not is explained in refusal.c.
 */
#include "tracer/process/stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tracer/process/arch.h"
#include "tracer/process/procfs.h"
#include "tracer/process/ptrace.h"
#include "tracer/process/refusal.h"
#include "tracer/process/stop_thread.h"

/* A thread in uninterruptible sleep (vfork, a dead network disk) does not stop at once. */
#define STOP_TIMEOUT_MS 5000
#define REAP_TIMEOUT_MS 1000
#define SERVE_NS 100000 /* how long a signal may wait for us while threads run */
/* Every pass that finds a new thread stops its maker too, so a few are always enough. */
#define SCAN_PASSES_MAX 1000

struct stop {
	pid_t pid;
	struct stop_thread *thread;
	size_t count, room;
	uint64_t since_ns;
	unsigned generation;
	int nice_before;
	bool hurried;
};

static struct stop_thread *find_thread(struct stop *s, pid_t tid)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->thread[i].tid == tid)
			return &s->thread[i];
	return NULL;
}

static void drop_thread(struct stop *s, struct stop_thread *t)
{
	size_t i = (size_t)(t - s->thread);

	memmove(t, t + 1, (s->count - i - 1) * sizeof(*t));
	s->count--;
}

static int add_thread(struct stop *s, pid_t tid, struct err *err)
{
	if (s->count == s->room) {
		size_t grown = s->room ? s->room * 2 : 64;
		struct stop_thread *p = realloc(s->thread, grown * sizeof(*p));

		if (!p)
			return err_nomem(err);
		s->thread = p;
		s->room = grown;
	}
	s->thread[s->count++] = (struct stop_thread){ .tid = tid };
	return 0;
}

/* A main thread that ended before the others stays listed as a zombie; it cannot be seized. */
static bool thread_is_dead(pid_t pid, pid_t tid)
{
	struct procfs_stat stat;

	return procfs_stat(pid, tid, &stat, NULL) < 0 || stat.state == 'Z' || stat.state == 'X';
}

/* Seize every thread not yet ours. *ret_new counts them; vanished ones are not an error. */
static int seize_new(struct stop *s, size_t *ret_new, struct err *err)
{
	AUTO_FREE pid_t *tids = NULL;
	size_t count = 0, fresh = 0;
	int r = procfs_threads(s->pid, &tids, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (find_thread(s, tids[i]))
			continue;
		/* Room first: a seized thread must be in the list whatever happens. */
		r = add_thread(s, tids[i], err);
		if (r < 0)
			break;
		r = ptrace_seize(tids[i], 0, err);
		if (r == 0) {
			fresh++;
			continue;
		}
		s->count--;
		if (r == ERR_GONE || thread_is_dead(s->pid, tids[i]))
			r = 0;
	}
	*ret_new = fresh;
	return r;
}

/*
 * A thread we failed to interrupt would be waited for from signal to signal, perhaps for ever.
 * One that has died meanwhile is noticed by the wait.
 */
static void interrupt(struct stop_thread *t)
{
	if (!t->stopped && !t->interrupted)
		t->interrupted = ptrace_interrupt(t->tid, NULL) == 0 ||
				 ptrace_interrupt(t->tid, NULL) == 0;
}

static void interrupt_all(struct stop *s)
{
	for (size_t i = 0; i < s->count; i++)
		interrupt(&s->thread[i]);
}

/* What the kernel ended with EINTR on our account is made a restart. */
static void mend(pid_t tid)
{
	const struct arch *arch = arch_native();
	struct stop_regs regs;

	if (!arch->mend_interrupted || ptrace_get_regs(tid, &regs, NULL) < 0)
		return;
	if (arch->native(&regs) && arch->mend_interrupted(&regs))
		(void)!ptrace_set_regs(tid, &regs, NULL);
}

int stop_thread_settle(struct stop_thread *t, unsigned timeout_ms, struct err *err)
{
	for (;;) {
		int status, r = ptrace_wait(t->tid, timeout_ms, &status, err);

		if (r < 0)
			return r;
		switch (ptrace_stop_kind(status)) {
		case PTRACE_STOP_GONE:
			return err_set(err, ERR_GONE, "thread %d exited", (int)t->tid);
		case PTRACE_STOP_TRAP:
		case PTRACE_STOP_GROUP:
			t->stopped = true;
			t->group_stopped = ptrace_stop_kind(status) == PTRACE_STOP_GROUP;
			return 0;
		case PTRACE_STOP_SIGNAL:
			/* The trap we asked for comes right after, before any instruction. */
			r = ptrace_cont(t->tid, ptrace_stop_signal(status), err);
			break;
		case PTRACE_STOP_SYSCALL:
		case PTRACE_STOP_EVENT:
			r = ptrace_cont(t->tid, 0, err);
			break;
		}
		if (r < 0 && r != ERR_GONE)
			return r;
	}
}

static int settle_all(struct stop *s, struct err *err)
{
	size_t i = 0;

	while (i < s->count) {
		struct stop_thread *t = &s->thread[i];
		int r = t->stopped ? 0 : stop_thread_settle(t, STOP_TIMEOUT_MS, err);

		if (r == ERR_GONE) {
			drop_thread(s, t);
			continue;
		}
		if (r < 0)
			return err_hint(err, r, "thread-does-not-stop");
		if (t->interrupted) {
			t->interrupted = false;
			mend(t->tid);
		}
		i++;
	}
	return 0;
}

/* Until a look at the thread list, taken while all known threads stand still, shows no new one. */
static int stop_all(struct stop *s, struct err *err)
{
	for (int pass = 0; pass < SCAN_PASSES_MAX; pass++) {
		size_t fresh = 0;
		int r;

		interrupt_all(s);
		r = settle_all(s, err);
		if (r == 0)
			r = seize_new(s, &fresh, err);
		if (r < 0)
			return r;
		if (fresh == 0 && s->count == 0)
			return err_hint(err, err_set(err, ERR_GONE, "process %d exited", (int)s->pid),
					"no-such-process");
		if (fresh == 0)
			return 0;
	}
	return err_set(err, ERR_INTERRUPTED, "process %d makes threads faster than they can be stopped",
		       (int)s->pid);
}

/* First seize all that are there, still running, so that the pause is the interrupts only. */
static int attach_all(struct stop *s, struct err *err)
{
	size_t fresh = 0;
	int r;

	do {
		r = seize_new(s, &fresh, err);
	} while (r == 0 && fresh > 16);
	if (r < 0)
		return r;
	s->since_ns = ptrace_clock_ns();
	return stop_all(s, err);
}

/*
 * While others wait for us we go first, where that is allowed (CAP_SYS_NICE): on a busy machine
 * most of a long stop is our own wait for a processor.
 */
static void hurry(struct stop *s)
{
	errno = 0;
	s->nice_before = getpriority(PRIO_PROCESS, 0);
	s->hurried = errno == 0 && setpriority(PRIO_PROCESS, 0, -20) == 0;
}

static void stop_hurrying(const struct stop *s)
{
	if (s->hurried)
		(void)setpriority(PRIO_PROCESS, 0, s->nice_before);
}

int stop_attach(pid_t pid, struct stop **ret, struct err *err)
{
	struct stop *s;
	int r = refusal_before(pid, err);

	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(err);
	s->pid = pid;
	hurry(s);
	r = attach_all(s, err);
	if (r < 0) {
		bool denied = r == ERR_DENIED;

		(void)!stop_detach(s, NULL);
		return denied ? refusal_explain(pid, err) : r;
	}
	*ret = s;
	return 0;
}

/* A thread that was killed while we held it stays until its tracer has waited for it. */
static void reap(pid_t tid)
{
	int status;

	if (ptrace_wait(tid, REAP_TIMEOUT_MS, &status, NULL) < 0)
		return;
	if (ptrace_stop_kind(status) != PTRACE_STOP_GONE)
		(void)!ptrace_detach(tid, NULL);
}

/* A thread that is not let go stands still for as long as we live: one refusal is not taken for an answer. */
static int let_go(pid_t tid)
{
	int r = ptrace_detach(tid, NULL);

	return r < 0 && r != ERR_GONE ? ptrace_detach(tid, NULL) : r;
}

static bool process_is_dead(pid_t pid)
{
	struct procfs_stat stat;

	return procfs_stat(pid, 0, &stat, NULL) < 0 || stat.state == 'Z' || stat.state == 'X';
}

int stop_detach(struct stop *s, struct err *err)
{
	bool lost = false;
	pid_t pid;

	if (!s)
		return 0;
	pid = s->pid;
	/*
	 * Threads on their way to a stop cannot be detached before they arrive; one that does not
	 * arrive (see STOP_TIMEOUT_MS) is released by the kernel when we exit.
	 */
	interrupt_all(s);
	for (size_t i = 0; i < s->count; i++) {
		struct stop_thread *t = &s->thread[i];

		if (!t->stopped)
			(void)!stop_thread_settle(t, REAP_TIMEOUT_MS, NULL);
		t->lost = let_go(t->tid) == ERR_GONE;
		lost |= t->lost;
	}
	/* Backwards: a dead main thread is not reported before the others have been reaped. */
	for (size_t i = s->count; i-- > 0;)
		if (s->thread[i].lost && s->thread[i].stopped)
			reap(s->thread[i].tid);
	stop_hurrying(s);
	free(s->thread);
	free(s);
	if (lost && process_is_dead(pid))
		return err_set(err, ERR_GONE, "process %d died meanwhile", (int)pid);
	return 0;
}

static void sleep_until(uint64_t deadline_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(deadline_ns / 1000000000u),
			       .tv_nsec = (long)(deadline_ns % 1000000000u) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* A thread that is to run has stopped by itself. False: it has ended. */
static bool serve(struct stop_thread *t, int status)
{
	switch (ptrace_stop_kind(status)) {
	case PTRACE_STOP_GONE:
		return false;
	case PTRACE_STOP_SIGNAL:
		(void)!ptrace_cont(t->tid, ptrace_stop_signal(status), NULL);
		break;
	case PTRACE_STOP_GROUP:
		t->group_stopped = true;
		(void)!ptrace_listen(t->tid, NULL);
		break;
	case PTRACE_STOP_TRAP: /* told to go on by SIGCONT */
		t->group_stopped = false;
		(void)!ptrace_cont(t->tid, 0, NULL);
		break;
	case PTRACE_STOP_SYSCALL:
	case PTRACE_STOP_EVENT:
		(void)!ptrace_cont(t->tid, 0, NULL);
		break;
	}
	return true;
}

/*
 * Let them run until then. Each signal stops a traced thread until we pass it on: asleep all the
 * while, we would keep a thread with a fast timer from ever making a step.
 */
static void run_until(struct stop *s, uint64_t deadline_ns)
{
	for (;;) {
		uint64_t now = ptrace_clock_ns();

		for (size_t i = 0; i < s->count; i++) {
			struct stop_thread *t = &s->thread[i];
			int status;

			if (ptrace_poll(t->tid, &status) && !serve(t, status))
				drop_thread(s, &s->thread[i--]);
		}
		if (now >= deadline_ns)
			return;
		sleep_until(now + SERVE_NS < deadline_ns ? now + SERVE_NS : deadline_ns);
	}
}

int stop_step(struct stop *s, unsigned usec, struct err *err)
{
	uint64_t begin = ptrace_clock_ns(), deadline = begin + (uint64_t)usec * 1000u;

	s->generation++;
	for (size_t i = 0; i < s->count; i++) {
		struct stop_thread *t = &s->thread[i];
		/* A process its user has stopped stays stopped, but may be told to go on. */
		int r = t->group_stopped ? ptrace_listen(t->tid, err) : ptrace_cont(t->tid, 0, err);

		if (r < 0 && r != ERR_GONE)
			return r;
		t->stopped = false;
	}
	run_until(s, deadline);
	s->since_ns += ptrace_clock_ns() - begin; /* it ran */
	return stop_all(s, err);
}

pid_t stop_pid(const struct stop *s)
{
	return s->pid;
}

size_t stop_count(const struct stop *s)
{
	return s->count;
}

pid_t stop_tid(const struct stop *s, size_t i)
{
	return s->thread[i].tid;
}

struct stop_thread *stop_thread_at(struct stop *s, size_t i)
{
	return &s->thread[i];
}

unsigned stop_generation(const struct stop *s)
{
	return s->generation;
}

int stop_get_regs(struct stop *s, size_t i, struct stop_regs *ret, struct err *err)
{
	return ptrace_get_regs(s->thread[i].tid, ret, err);
}

int stop_pc_sp_tp(struct stop *s, size_t i, taddr *ret_pc, taddr *ret_sp, taddr *ret_tp,
		  struct err *err)
{
	const struct arch *arch = arch_native();
	pid_t tid = s->thread[i].tid;
	struct stop_regs regs;
	uint64_t tls[2] = { 0 };
	size_t len = sizeof(tls);
	int r = ptrace_get_regs(tid, &regs, err);

	if (r == 0 && !arch->native(&regs))
		r = err_set(err, ERR_UNSUPPORTED, "thread %d is a 32-bit thread", (int)tid);
	if (r == 0 && arch->tls_regset)
		r = ptrace_get_regset(tid, arch->tls_regset, tls, &len, err);
	if (r < 0)
		return r;
	*ret_pc = arch->pc(&regs);
	*ret_sp = arch->sp(&regs);
	*ret_tp = arch->tls_regset ? taddr_of(tls[0]) : arch->tp(&regs);
	return 0;
}

uint64_t stop_elapsed_ns(const struct stop *s)
{
	return ptrace_clock_ns() - s->since_ns;
}
