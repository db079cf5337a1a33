/* SPDX-License-Identifier: MIT */
/*
 * Freezing by clone. It knows which frames make the copy harmless and how a copy is put away; who
 * reads it and why is not its business.
 *
 * Three signal frames lie in the dead stack of the thread that clones, from high to low:
 *   home   the dead man's frame of every remote call: the thread as it was
 *   last   where the copy's stack pointer starts: exit_group, for ever
 *   reap   where the target's thread returns to: wait4(copy, __WALL), then home
 * CLONE_PARENT_SETTID writes the copy's pid straight into the register slot of `reap`. While we
 * live none of them is used: the thread is put back by hand and the copy does not run.
 */
#include "tracer/process/freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/reserve.h"
#include "tracer/process/procfs.h"
#include "tracer/process/ptrace.h"
#include "tracer/process/remote_inside.h"

#define BIRTH_TIMEOUT_MS 10000
#define DEATH_TIMEOUT_MS 30000 /* giving back a large copy takes its time */
#define REAP_TRIES 200
#define RESERVE_BYTES (4ull << 20)
#define ORPHANS_MAX 64
#define REAP_ROUNDS 64 /* of orphans, each a list as long as it is looked at */
/* A process id nobody has (PID_MAX_LIMIT is 2^22): what wait4 gets when the clone failed. */
#define NO_SUCH_PID 0x7ffffffe

struct freeze {
	pid_t target, copy;
	pid_t copy_inside; /* the copy's pid as the target sees it */
	uint64_t clone_ns;
	bool killed, settled;
	struct reserve reserve; /* what letting the target reap it needs */
	struct arch_frame last, reap;
};

/* A frame that makes one call, with all signals blocked, and then returns into `then`. */
static int build_frame(const struct arch *arch, const struct arch_state *from,
		       const struct arch_call *call, taddr below, struct arch_frame *ret,
		       struct err *err)
{
	struct arch_state state = { .sigmask = UINT64_MAX };

	arch->call_regs(&from->regs, call, &state.regs);
	return arch->frame_build(&state, ARCH_IN_USER, below, call->sigreturn_at, ret, err);
}

static int build_frames(struct freeze *f, const struct arch *arch, const struct arch_state *state,
			const struct arch_call *home, struct err *err)
{
	struct arch_call call = *home;
	int r;

	call.nr = arch->nr_exit_group;
	/* Its address is known once it is built: built twice, the second time returning into itself. */
	r = build_frame(arch, state, &call, home->frame, &f->last, err);
	call.frame = f->last.addr;
	if (r == 0)
		r = build_frame(arch, state, &call, home->frame, &f->last, err);
	call = *home;
	call.nr = arch->sys.wait4;
	call.arg[0] = NO_SUCH_PID;
	call.arg[2] = __WALL;
	if (r == 0)
		r = build_frame(arch, state, &call, f->last.addr, &f->reap, err);
	return r;
}

int freeze_settle(struct freeze *f, struct err *err)
{
	int status, r;

	if (f->settled)
		return 0;
	f->settled = true;
	r = ptrace_wait(f->copy, BIRTH_TIMEOUT_MS, &status, err);

	if (r == 0 && ptrace_stop_kind(status) != PTRACE_STOP_TRAP)
		r = err_set(err, ERR_GONE, "the copy did not survive its birth (status %#x)",
			    (unsigned)status);
	return r < 0 ? r : ptrace_set_sigmask(f->copy, UINT64_MAX, err);
}

/*
 * Target and copy are equally large, so in a full control group either might be chosen when
 * memory runs out: it is to be the copy (proc(5), oom_score_adj). Best effort.
 */
static void offer_to_oom_killer(pid_t copy)
{
	AUTO_CLOSE int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)copy);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)!write(fd, "1000", 4);
}

static int refused(int64_t answer, pid_t pid, struct err *err)
{
	(void)err_sys(err, (int)-answer, "copy process %d", (int)pid);
	if (err)
		err->code = ERR_SYS;
	return err_hint(err, ERR_SYS, "clone-refused");
}

static int clone_target(struct freeze *f, struct remote *remote, struct err *err)
{
	const struct arch *arch = remote_arch(remote);
	struct arch_state state;
	struct arch_call call;
	uint64_t began;
	int64_t answer = 0;
	int r = remote_prepare(remote, &call, &state, err);

	if (r == 0)
		r = build_frames(f, arch, &state, &call, err);
	if (r == 0)
		r = ptrace_options(remote_tid(remote), PTRACE_O_TRACECLONE, err);
	if (r < 0)
		return r;
	call.nr = arch->sys.clone;
	call.arg[0] = CLONE_PARENT_SETTID; /* and no exit signal */
	call.arg[1] = f->last.addr.v;
	call.arg[2] = f->reap.addr.v + arch->frame_arg0;
	call.frame = f->reap.addr;
	(void)remote_take_born(remote);
	began = ptrace_clock_ns();
	r = remote_run(remote, &call,
		       (struct remote_write[]){ { f->last.addr, f->last.bytes, f->last.len },
						{ f->reap.addr, f->reap.bytes, f->reap.len } },
		       2, &answer, err);
	f->clone_ns = ptrace_clock_ns() - began;
	f->copy = remote_take_born(remote);
	(void)!ptrace_options(remote_tid(remote), 0, NULL);
	if (r < 0)
		return r;
	if (answer < 0)
		return refused(answer, f->target, err);
	if (!f->copy)
		return err_set(err, ERR_GONE, "the copy of process %d was not caught", (int)f->target);
	f->copy_inside = (pid_t)answer;
	offer_to_oom_killer(f->copy);
	return 0;
}

int freeze_new(struct remote *r, struct freeze **ret, struct err *err)
{
	struct freeze *f = calloc(1, sizeof(*f));
	int code;

	if (!f)
		return err_nomem(err);
	f->target = stop_pid(remote_stop(r));
	code = reserve_hold(&f->reserve, RESERVE_BYTES, err);
	if (code == 0)
		code = clone_target(f, r, err);
	if (code < 0) {
		reserve_release(&f->reserve);
		if (f->copy)
			(void)!freeze_free(f, r, NULL);
		else
			free(f);
		return code;
	}
	*ret = f;
	return 0;
}

pid_t freeze_pid(const struct freeze *f)
{
	return f->copy;
}

uint64_t freeze_clone_ns(const struct freeze *f)
{
	return f->clone_ns;
}

/* As its tracer we hear of its end first, and only then the target may reap it. */
static void kill_copy(pid_t copy)
{
	int status;

	if (kill(copy, SIGKILL) < 0)
		return;
	do {
		if (ptrace_wait(copy, DEATH_TIMEOUT_MS, &status, NULL) < 0)
			return;
	} while (ptrace_stop_kind(status) != PTRACE_STOP_GONE);
}

void freeze_kill(struct freeze *f)
{
	kill_copy(f->copy);
	f->killed = true;
}

/* 1: reaped; 0: somebody else did, or there is no such child. */
static int reap_in_target(struct remote *r, pid_t inside, struct err *err)
{
	uint64_t arg[6] = { (uint64_t)inside, 0, __WALL | WNOHANG, 0 };
	int64_t answer = 0;

	for (int i = 0; i < REAP_TRIES; i++) {
		int code = remote_syscall(r, remote_sys(r)->wait4, arg, &answer, err);

		if (code < 0)
			return code;
		if (answer != 0)
			return answer == inside;
		/* Dead for us a moment before it is dead for its parent. */
		sched_yield();
	}
	return err_set(err, ERR_INTERRUPTED, "the copy (process %d) does not end", (int)inside);
}

/* For a stop of our own the instructions are looked for in the target directly. */
struct text_source {
	struct mem_source base;
	pid_t pid;
};

static int64_t text_read(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	pid_t pid = ((struct text_source *)src)->pid;

	return ptrace_read_memory(pid, addr, buf, n, NULL) == 0 ? (int64_t)n : 0;
}

/* Stop the target shortly, and let it put away one child, or with 0 all that were left to it. */
static int reap_with_own_stop(pid_t target, pid_t inside, struct err *err)
{
	static const struct mem_ops ops = { text_read, NULL };
	struct text_source text = { { &ops, 8 }, target };
	struct remote *remote = NULL;
	struct maps maps = { 0 };
	struct stop *stop = NULL;
	int r = stop_attach(target, &stop, err);

	if (r < 0)
		return r;
	r = maps_read(target, &maps, err);
	if (r == 0)
		r = remote_new(stop, &text.base, &maps, &remote, err);
	if (r == 0)
		r = inside ? reap_in_target(remote, inside, err) : freeze_reap_orphans(remote, err);
	remote_free(remote);
	maps_deinit(&maps);
	(void)!stop_detach(stop, NULL);
	return r;
}

int freeze_free(struct freeze *f, struct remote *r, struct err *err)
{
	pid_t target, inside;
	int code;

	if (!f)
		return 0;
	target = f->target;
	inside = f->copy_inside;
	if (!f->killed)
		kill_copy(f->copy);
	reserve_release(&f->reserve);
	free(f);
	code = r ? reap_in_target(r, inside, err) : reap_with_own_stop(target, inside, err);
	if (code == ERR_GONE)
		return 0;
	return code < 0 ? err_wrap(err, code, "reap the copy of process %d", (int)target) : 0;
}

/*
 * A child without exit signal that is a zombie, or that is our tracee without our asking: when its
 * maker's tracer dies during the clone and we attach before it is over, the kernel gives the copy
 * to us (kernel_clone decides to trace early, ptrace_init_task takes the tracer of then).
 */
static bool is_orphan(pid_t child)
{
	struct procfs_status status;
	struct procfs_stat stat;

	if (procfs_stat(child, 0, &stat, NULL) < 0 || stat.exit_signal != 0)
		return false;
	if (stat.state == 'Z')
		return true;
	return procfs_status(child, 0, &status, NULL) == 0 && status.tracer == getpid();
}

/* Pids of the children of one thread: "4021 4077 " (CONFIG_PROC_CHILDREN). */
static void list_orphans(pid_t pid, pid_t tid, pid_t *list, size_t *count)
{
	char path[64];
	AUTO_FCLOSE FILE *file = NULL;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)tid);
	file = fopen(path, "re");
	while (file && *count < ORPHANS_MAX && fscanf(file, "%d", &child) == 1)
		if (is_orphan(child))
			list[(*count)++] = child;
}

static int find_orphans(pid_t pid, pid_t *list, size_t *count, struct err *err)
{
	AUTO_FREE pid_t *tids = NULL;
	size_t threads = 0;
	int r = procfs_threads(pid, &tids, &threads, err);

	*count = 0;
	for (size_t i = 0; r == 0 && i < threads; i++)
		list_orphans(pid, tids[i], list, count);
	return r;
}

static int reap_listed(struct remote *r, struct err *err)
{
	pid_t list[ORPHANS_MAX];
	size_t count;
	int reaped = 0, code = find_orphans(stop_pid(remote_stop(r)), list, &count, err);

	for (size_t i = 0; code >= 0 && i < count; i++) {
		struct procfs_status status;

		if (procfs_status(list[i], 0, &status, NULL) < 0 || !status.nspid_count)
			continue;
		if (status.state != 'Z')
			kill_copy(list[i]);
		code = reap_in_target(r, status.nspid[status.nspid_count - 1], err);
		reaped += code > 0;
	}
	return code < 0 ? code : reaped;
}

int freeze_reap_orphans(struct remote *r, struct err *err)
{
	int reaped = 0;

	for (int i = 0; i < REAP_ROUNDS; i++) {
		int n = reap_listed(r, err);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		reaped += n;
	}
	return reaped;
}

int freeze_put_away(pid_t target, struct err *err)
{
	pid_t list[ORPHANS_MAX];
	size_t count;
	int r = find_orphans(target, list, &count, err);

	return r < 0 || count == 0 ? r : reap_with_own_stop(target, 0, err);
}
