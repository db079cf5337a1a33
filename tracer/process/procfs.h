/* SPDX-License-Identifier: MIT */
/*
 * What /proc says about a process: who it is, who owns it, who traces it, where its files are.
 * Reads only; needs no ptrace stop. Texts come from the kernel but names in them are the
 * target's, so the parsers are bounded and take plain text for the tests.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_PROCFS_H
#define PYMEMPROF_TRACER_PROCESS_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "tracer/process/maps.h"

#define PROCFS_COMM_MAX 64
#define PROCFS_NSPID_MAX 32 /* MAX_PID_NS_LEVEL, include/linux/pid_namespace.h */

/* From /proc/PID/status, see proc_pid_status(5). Absent lines leave zeroes. */
struct procfs_status {
	char comm[PROCFS_COMM_MAX]; /* as the kernel escapes it */
	char state;		    /* R S D T t Z X I */
	pid_t tgid, ppid;
	pid_t tracer; /* TracerPid, 0: nobody */
	uid_t uid, euid;
	gid_t gid, egid;
	uint32_t threads;
	pid_t nspid[PROCFS_NSPID_MAX]; /* outermost (ours) first */
	uint32_t nspid_count;
	uint64_t sig_pending, sig_shared_pending, sig_blocked, sig_ignored, sig_caught;
	uint64_t capabilities; /* CapEff */
	uint32_t seccomp;      /* 0 none, 1 strict, 2 filter */
	uint64_t vm_size_kib, vm_data_kib;
	uint32_t fd_size;  /* of its table of descriptors: it has no more open than that */
	bool has_memory;   /* VmSize is present: neither a kernel thread nor a zombie */
	bool shadow_stack; /* x86_Thread_features names shstk (Linux 6.6) */
};

/* From /proc/PID/stat, see proc_pid_stat(5). Times in clock ticks. */
struct procfs_stat {
	char state;
	pid_t ppid;
	uint64_t flags; /* PF_* of include/linux/sched.h */
	uint64_t utime_ticks, stime_ticks;
	uint64_t start_ticks; /* since boot: with the pid, the identity of a process */
	int32_t exit_signal;  /* what the parent gets; 0: nothing. -1 when not shown */
};

/* From /proc/PID/task/TID/syscall, see proc_pid_syscall(5). */
struct procfs_syscall {
	bool running; /* not blocked just now; the rest is not known */
	int64_t nr;   /* of the call it waits in; -1: it waits, but in no system call */
};

/* From /proc/PID/task/TID/schedstat (CONFIG_SCHED_INFO). */
struct procfs_schedstat {
	uint64_t ran_ns, waited_ns; /* on a processor; ready to run, without one: counted when it gets one */
};

int procfs_status_parse(const char *text, size_t len, struct procfs_status *ret,
			struct err *err) MUST_CHECK;
int procfs_stat_parse(const char *text, size_t len, struct procfs_stat *ret,
		      struct err *err) MUST_CHECK;

int procfs_syscall_parse(const char *text, size_t len, struct procfs_syscall *ret,
			 struct err *err) MUST_CHECK;

/* What a thread waits in. Errors: GONE, SYS, CORRUPT, DENIED (it asks for what ptrace asks for). */
int procfs_syscall(pid_t pid, pid_t tid, struct procfs_syscall *ret, struct err *err) MUST_CHECK;

/* Of a process (tid = 0) or of one of its threads. Errors: GONE, SYS, CORRUPT. */
int procfs_status(pid_t pid, pid_t tid, struct procfs_status *ret, struct err *err) MUST_CHECK;
int procfs_stat(pid_t pid, pid_t tid, struct procfs_stat *ret, struct err *err) MUST_CHECK;
int procfs_schedstat(pid_t pid, pid_t tid, struct procfs_schedstat *ret,
		     struct err *err) MUST_CHECK;

/* True for a thread of the kernel itself (PF_KTHREAD). */
bool procfs_is_kernel_thread(const struct procfs_stat *stat);

/* Thread ids, sorted; *ret is malloc'ed, caller frees. Errors: GONE, NOMEM. */
int procfs_threads(pid_t pid, pid_t **ret, size_t *ret_count, struct err *err) MUST_CHECK;

/* Program file as the target names it ("… (deleted)" included); malloc'ed, caller frees. */
int procfs_exe(pid_t pid, char **ret, struct err *err) MUST_CHECK;
/* Its last component, without " (deleted)": "python3.11"; malloc'ed, caller frees. */
int procfs_exe_base(pid_t pid, char **ret, struct err *err) MUST_CHECK;
/* Root directory as seen from here: "/" unless the target is in a chroot or container. */
int procfs_root(pid_t pid, char **ret, struct err *err) MUST_CHECK;

/* Inode of a namespace ("pid", "mnt", "user", "net" …): equal numbers, same namespace. */
int procfs_namespace(pid_t pid, const char *kind, uint64_t *ret, struct err *err) MUST_CHECK;
/* 1: same namespace as ours, 0: another; negative code when unreadable. */
int procfs_same_namespace(pid_t pid, const char *kind, struct err *err) MUST_CHECK;

/* kernel.yama.ptrace_scope 0…3, or -1 when the kernel has no Yama. */
int procfs_ptrace_scope(void);

/* Resident bytes now (statm; may lag some pages per CPU). Errors: GONE. */
int procfs_rss_bytes(pid_t pid, uint64_t *ret, struct err *err) MUST_CHECK;
/* CPU time of all threads, living and dead, from the process's CPU clock. Errors: GONE. */
int procfs_cpu_ns(pid_t pid, uint64_t *ret, struct err *err) MUST_CHECK;

/*
 * Open a regular file by the path it has inside the target (chroot, container), read-only.
 * Symbolic links are resolved inside the target's root. Errors: SYS, DENIED, GONE, UNSUPPORTED
 * (not a regular file).
 */
int procfs_open(pid_t pid, const char *path, int *ret_fd, struct err *err) MUST_CHECK;
/*
 * Open the very file a range maps: by path when the inode agrees, through map_files when
 * it was deleted or replaced. Errors as procfs_open.
 */
int procfs_open_map(pid_t pid, const struct map_range *range, int *ret_fd,
		    struct err *err) MUST_CHECK;

#endif
