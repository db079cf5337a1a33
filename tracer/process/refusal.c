/* SPDX-License-Identifier: MIT */
/*
 * Attach refusals. It reads /proc only, so `doctor` may ask the same questions without
 * stopping anything. The order of tests follows ptrace(2), "Ptrace access mode checking".
 */
#include "tracer/process/refusal.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/process/cgroup.h"
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

/* --- its own limits ------------------------------------------------------------------------------- */

static uint64_t limit_of(pid_t pid, int which)
{
	struct rlimit limit;

	return prlimit(pid, which, NULL, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX :
											   limit.rlim_cur;
}

static uint64_t open_descriptors(pid_t pid)
{
	char path[64];
	uint64_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
		n += *e->d_name != '.';
	closedir(dir);
	return n;
}

static int at_its_limit(struct err *err)
{
	return err_hint(err, ERR_DENIED, "target-limit");
}

static int room_of_descriptors(pid_t pid, const struct procfs_status *s, uint64_t need, struct err *err)
{
	uint64_t limit = limit_of(pid, RLIMIT_NOFILE), used;

	/* the size of the table is known at once, and almost always says enough */
	if (limit >= s->fd_size && limit - s->fd_size >= need)
		return 0;
	used = open_descriptors(pid);
	if (limit >= used && limit - used >= need)
		return 0;
	(void)err_set(err, ERR_DENIED, "process %d has %" PRIu64 " of %" PRIu64 " descriptors open: too close to its limit",
		      (int)pid, used, limit);
	return at_its_limit(err);
}

static int room_of_address(pid_t pid, int which, uint64_t used_kib, uint64_t need, struct err *err)
{
	uint64_t limit = limit_of(pid, which), used = used_kib << 10;

	if (limit == UINT64_MAX || (limit >= used && limit - used >= need))
		return 0;
	(void)err_set(err, ERR_DENIED, "process %d has %" PRIu64 " of %" PRIu64 " MiB of %s: too close to its limit",
		      (int)pid, used >> 20, limit >> 20, which == RLIMIT_AS ? "address space" : "data");
	return at_its_limit(err);
}

static int room_of_group(pid_t pid, uint64_t need, struct err *err)
{
	struct cgroup_room room;

	if (!cgroup_memory_room(pid, &room) || room.bytes >= need)
		return 0;
	(void)err_set(err, ERR_DENIED, "the control group of process %d leaves it %" PRIu64 " KiB: too little",
		      (int)pid, room.bytes >> 10);
	return at_its_limit(err);
}

int refusal_of_room(pid_t pid, const struct refusal_need *need, struct err *err)
{
	struct procfs_status s;
	int r;

	if (procfs_status(pid, 0, &s, NULL) < 0)
		return 0; /* whoever goes on will see what is wrong */
	r = room_of_descriptors(pid, &s, need->descriptors, err);
	if (r == 0)
		r = room_of_address(pid, RLIMIT_AS, s.vm_size_kib, need->address_bytes, err);
	if (r == 0)
		r = room_of_address(pid, RLIMIT_DATA, s.vm_data_kib, need->address_bytes, err);
	return r < 0 ? r : room_of_group(pid, need->memory_bytes, err);
}
