/* SPDX-License-Identifier: MIT */
/*
 * Attach refusals. It reads /proc only, so `doctor` may ask the same questions without
 * stopping anything. The order of tests follows ptrace(2), "Ptrace access mode checking".
 */
#include "tracer/process/refusal.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/process/procfs.h"

#define CAPABILITY_SYS_PTRACE 19

static int already_traced(pid_t pid, pid_t tracer, struct err *err)
{
	struct procfs_status by;
	int r;

	if (procfs_status(tracer, 0, &by, NULL) == 0)
		r = err_set(err, ERR_DENIED, "process %d is already traced by %s (process %d)",
			    (int)pid, by.comm, (int)tracer);
	else
		r = err_set(err, ERR_DENIED, "process %d is already traced by process %d", (int)pid,
			    (int)tracer);
	return err_hint(err, r, "already-traced");
}

int refusal_before(pid_t pid, struct err *err)
{
	struct procfs_status status;
	struct procfs_stat stat;
	int r;

	if (pid <= 0)
		return err_set(err, ERR_USAGE, "%d is not a process id", (int)pid);
	if (pid == getpid())
		return err_hint(err, err_set(err, ERR_UNSUPPORTED,
					     "process %d is pymemprof itself", (int)pid),
				"own-pid");
	r = procfs_status(pid, 0, &status, err);
	if (r == 0)
		r = procfs_stat(pid, 0, &stat, err);
	if (r == ERR_GONE)
		return err_hint(err, err_set(err, ERR_GONE, "there is no process %d", (int)pid),
				"no-such-process");
	if (r < 0)
		return r;
	if (status.tgid != pid)
		return err_hint(err, err_set(err, ERR_USAGE, "%d is a thread of process %d",
					     (int)pid, (int)status.tgid),
				"thread-not-process");
	if (procfs_is_kernel_thread(&stat))
		return err_hint(err, err_set(err, ERR_UNSUPPORTED,
					     "process %d (%s) is a thread of the kernel", (int)pid,
					     status.comm),
				"kernel-thread");
	if ((stat.state == 'Z' && status.threads <= 1) || stat.state == 'X')
		return err_hint(err, err_set(err, ERR_GONE,
					     "process %d (%s) has exited and waits for its parent "
					     "process %d", (int)pid, status.comm, (int)status.ppid),
				"zombie");
	if (status.tracer)
		return already_traced(pid, status.tracer, err);
	return 0;
}

static int denied_by_yama(pid_t pid, int scope, struct err *err)
{
	int r = err_set(err, ERR_DENIED,
			"process %d: kernel.yama.ptrace_scope is %d, which %s", (int)pid, scope,
			scope == 3 ? "forbids ptrace for everybody" :
			scope == 2 ? "allows ptrace with CAP_SYS_PTRACE only" :
				     "allows ptrace of child processes only");

	return err_hint(err, r, "yama");
}

/* /proc/PID belongs to root when the process is not dumpable, see proc(5). */
static bool is_dumpable(pid_t pid, uid_t euid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	return stat(path, &st) < 0 || euid == 0 || st.st_uid == euid;
}

int refusal_explain(pid_t pid, struct err *err)
{
	struct procfs_status target, self;
	int scope = procfs_ptrace_scope();
	bool privileged;
	int r = procfs_status(pid, 0, &target, err);

	if (r == 0)
		r = procfs_status(getpid(), 0, &self, err);
	if (r < 0)
		return r;
	privileged = self.capabilities & (1ull << CAPABILITY_SYS_PTRACE);
	if (target.tracer)
		return already_traced(pid, target.tracer, err);
	if (scope == 3)
		return denied_by_yama(pid, scope, err);
	if (!privileged && self.euid != 0 && (target.uid != self.uid || target.euid != self.euid))
		return err_hint(err, err_set(err, ERR_DENIED,
					     "process %d (%s) belongs to user %u, not to user %u",
					     (int)pid, target.comm, (unsigned)target.uid,
					     (unsigned)self.euid),
				"other-user");
	if (!privileged && scope > 0)
		return denied_by_yama(pid, scope, err);
	if (!is_dumpable(pid, target.euid))
		return err_hint(err, err_set(err, ERR_DENIED,
					     "process %d (%s) has made itself undumpable", (int)pid,
					     target.comm),
				"not-dumpable");
	if (privileged && procfs_same_namespace(pid, "user", NULL) == 0)
		return err_hint(err, err_set(err, ERR_DENIED,
					     "process %d (%s) is in another user namespace",
					     (int)pid, target.comm),
				"user-namespace");
	return err_hint(err, err_set(err, ERR_DENIED, "the kernel forbids ptrace of process %d (%s)%s",
				     (int)pid, target.comm,
				     privileged ? "" : " without CAP_SYS_PTRACE"),
			"ptrace-denied");
}

int refusal_better(pid_t pid, int rc, struct err *err)
{
	struct err better = ERR_INIT;

	if (rc == ERR_DENIED && err && !err->hint && pid > 0 &&
	    refusal_explain(pid, &better) == ERR_DENIED)
		*err = better;
	return rc;
}
