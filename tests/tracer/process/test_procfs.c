/* SPDX-License-Identifier: MIT */
/* The /proc readers on texts by hand, on ourselves and on a child. */
#include "tracer/process/procfs.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tracer/process/pidfd.h"

Test(tracer_process_procfs, status_fields_are_found_by_name)
{
	static const char text[] = "Name:\tpython3\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t4021\n"
				   "PPid:\t7\nTracerPid:\t99\nUid:\t1000\t1001\t1002\t1003\n"
				   "Gid:\t5\t6\t7\t8\nNSpid:\t4021\t12\nFDSize:\t256\nVmSize:\t  10 kB\nVmData:\t  7 kB\nThreads:\t3\n"
				   "SigPnd:\t0000000000000001\nShdPnd:\t0000000000000002\n"
				   "SigBlk:\tfffffffe7ffbfeff\nSigIgn:\t0000000001001000\n"
				   "SigCgt:\t0000000000000004\nx86_Thread_features:\tshstk wrss \n";
	struct procfs_status s;

	cr_assert_eq(procfs_status_parse(text, sizeof(text) - 1, &s, NULL), 0);
	cr_expect_str_eq(s.comm, "python3");
	cr_expect_eq(s.state, 'S');
	cr_expect_eq(s.tgid, 4021);
	cr_expect_eq(s.ppid, 7);
	cr_expect_eq(s.tracer, 99);
	cr_expect_eq(s.uid, 1000);
	cr_expect_eq(s.euid, 1001);
	cr_expect_eq(s.gid, 5);
	cr_expect_eq(s.egid, 6);
	cr_expect_eq(s.nspid_count, 2);
	cr_expect_eq(s.nspid[1], 12);
	cr_expect(s.has_memory);
	cr_expect_eq(s.vm_size_kib, 10);
	cr_expect_eq(s.vm_data_kib, 7);
	cr_expect_eq(s.fd_size, 256);
	cr_expect_eq(s.threads, 3);
	cr_expect_eq(s.sig_pending, 1);
	cr_expect_eq(s.sig_shared_pending, 2);
	cr_expect_eq(s.sig_blocked, 0xfffffffe7ffbfeff);
	cr_expect_eq(s.sig_ignored, 0x1001000);
	cr_expect_eq(s.sig_caught, 4);
	cr_expect(s.shadow_stack);
}

Test(tracer_process_procfs, a_status_without_state_is_corrupt)
{
	struct procfs_status s;

	cr_expect_eq(procfs_status_parse("Name:\tx\n", 8, &s, NULL), ERR_CORRUPT);
	cr_expect_eq(procfs_status_parse("", 0, &s, NULL), ERR_CORRUPT);
}

Test(tracer_process_procfs, stat_survives_parentheses_in_the_name)
{
	static const char text[] = "4021 (a) S (b)) R 7 4021 4021 0 -1 2097216 1018 0 0 0 12 3 0 0 "
				   "20 0 1 0 8675309 1 2 3\n";
	struct procfs_stat s;

	cr_assert_eq(procfs_stat_parse(text, sizeof(text) - 1, &s, NULL), 0);
	cr_expect_eq(s.state, 'R');
	cr_expect_eq(s.ppid, 7);
	cr_expect_eq(s.utime_ticks, 12);
	cr_expect_eq(s.stime_ticks, 3);
	cr_expect_eq(s.start_ticks, 8675309);
	cr_expect(procfs_is_kernel_thread(&s));
}

Test(tracer_process_procfs, a_cut_stat_is_corrupt)
{
	struct procfs_stat s;

	cr_expect_eq(procfs_stat_parse("12 (x", 5, &s, NULL), ERR_CORRUPT);
	cr_expect_eq(procfs_stat_parse("12 (x) R 1 2", 12, &s, NULL), ERR_CORRUPT);
	cr_expect_eq(procfs_stat_parse("", 0, &s, NULL), ERR_CORRUPT);
}

Test(tracer_process_procfs, we_know_ourselves)
{
	AUTO_FREE char *exe = NULL;
	AUTO_FREE char *base = NULL;
	AUTO_FREE char *root = NULL;
	struct procfs_status s;
	struct procfs_stat stat;
	struct err err = ERR_INIT;
	uint64_t rss = 0, cpu = 0, again = 0;

	cr_assert_eq(procfs_status(getpid(), 0, &s, &err), 0, "%s", err.text);
	cr_expect_eq(s.tgid, getpid());
	cr_expect_eq(s.uid, getuid());
	cr_expect_eq(s.nspid[s.nspid_count - 1], getpid());
	cr_assert_eq(procfs_status(getpid(), getpid(), &s, &err), 0, "%s", err.text);
	cr_assert_eq(procfs_stat(getpid(), 0, &stat, &err), 0, "%s", err.text);
	cr_expect_eq(stat.ppid, getppid());
	cr_expect_gt(stat.start_ticks, 0);
	cr_expect_not(procfs_is_kernel_thread(&stat));
	cr_assert_eq(procfs_exe(getpid(), &exe, &err), 0, "%s", err.text);
	cr_assert_eq(procfs_exe_base(getpid(), &base, &err), 0, "%s", err.text);
	cr_expect_eq(strchr(base, '/'), NULL);
	cr_expect(strstr(exe, base) != NULL);
	cr_assert_eq(procfs_root(getpid(), &root, &err), 0, "%s", err.text);
	cr_assert_eq(procfs_rss_bytes(getpid(), &rss, &err), 0, "%s", err.text);
	cr_expect_gt(rss, 100000);
	cr_assert_eq(procfs_cpu_ns(getpid(), &cpu, &err), 0, "%s", err.text);
	cr_assert_eq(procfs_cpu_ns(getpid(), &again, &err), 0, "%s", err.text);
	cr_expect_geq(again, cpu);
	cr_expect_eq(procfs_same_namespace(getpid(), "pid", &err), 1);
	cr_expect_geq(procfs_ptrace_scope(), -1);
}

static void *wait_for_end(void *arg)
{
	pthread_mutex_lock(arg);
	pthread_mutex_unlock(arg);
	return NULL;
}

Test(tracer_process_procfs, all_threads_are_listed)
{
	static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	AUTO_FREE pid_t *tids = NULL;
	pthread_t thread[100];
	size_t count = 0;
	bool main_seen = false;

	pthread_mutex_lock(&gate);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, wait_for_end, &gate), 0);
	cr_assert_eq(procfs_threads(getpid(), &tids, &count, NULL), 0);
	pthread_mutex_unlock(&gate);
	for (int i = 0; i < 100; i++)
		pthread_join(thread[i], NULL);
	cr_expect_geq(count, 101);
	for (size_t i = 0; i < count; i++)
		main_seen |= tids[i] == getpid();
	cr_expect(main_seen);
}

Test(tracer_process_procfs, a_dead_pid_is_gone_with_a_hint)
{
	struct procfs_status s;
	struct err err = ERR_INIT;
	AUTO_FREE pid_t *tids = NULL;
	size_t count;

	cr_expect_eq(procfs_status(0x7ffffff0, 0, &s, &err), ERR_GONE);
	cr_assert_not_null(err.hint);
	cr_expect_str_eq(err.hint, "no-such-process");
	cr_expect_eq(procfs_threads(0x7ffffff0, &tids, &count, &err), ERR_GONE);
}

Test(tracer_process_procfs, files_open_as_the_target_sees_them)
{
	AUTO_CLOSE int fd = -1;
	AUTO_CLOSE int dir = -1;
	AUTO_FREE char *exe = NULL;
	struct err err = ERR_INIT;
	struct stat ours, theirs;

	cr_assert_eq(procfs_exe(getpid(), &exe, &err), 0);
	cr_assert_eq(procfs_open(getpid(), exe, &fd, &err), 0, "%s", err.text);
	cr_assert_eq(fstat(fd, &theirs), 0);
	cr_assert_eq(stat(exe, &ours), 0);
	cr_expect_eq(ours.st_ino, theirs.st_ino);
	cr_expect_eq(procfs_open(getpid(), "/", &dir, &err), ERR_UNSUPPORTED, "%s", err.text);
	cr_expect_eq(procfs_open(getpid(), "/no/such/file", &dir, &err), ERR_SYS, "%s", err.text);
}

Test(tracer_process_procfs, the_file_behind_a_range_opens)
{
	AUTO_CLOSE int fd = -1;
	struct err err = ERR_INIT;
	struct stat st;
	struct maps m;
	const struct map_range *r;

	cr_assert_eq(maps_read(getpid(), &m, &err), 0);
	r = maps_find(&m, taddr_of((uintptr_t)&wait_for_end));
	cr_assert_not_null(r);
	cr_assert_eq(procfs_open_map(getpid(), r, &fd, &err), 0, "%s", err.text);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_expect_eq(st.st_ino, r->inode);
	maps_deinit(&m);
}

Test(tracer_process_procfs, a_pidfd_tells_exit_and_hands_over_descriptors)
{
	AUTO_CLOSE int pidfd = -1;
	AUTO_CLOSE int taken = -1;
	AUTO_CLOSE int opened = -1;
	struct err err = ERR_INIT;
	int fds[2];
	char c = 0;
	pid_t pid;

	cr_assert_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	if (pidfd_of(pid, &pidfd, &err) < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(fds[0]);
		close(fds[1]);
		cr_skip_test("%s", err.text);
	}
	cr_expect_not(pidfd_exited(pidfd));
	cr_expect_eq(pidfd_take(pidfd, pid, fds[0], O_RDONLY, &taken, &err), 0, "%s", err.text);
	cr_expect_eq(pidfd_take(-1, pid, fds[0], O_RDONLY, &opened, &err), 0, "%s", err.text);
	cr_assert_eq(write(fds[1], "ab", 2), 2);
	cr_expect_eq(read(taken, &c, 1), 1);
	cr_expect_eq(c, 'a');
	cr_expect_eq(read(opened, &c, 1), 1);
	cr_expect_eq(c, 'b');
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fds[0]);
	close(fds[1]);
	cr_expect(pidfd_exited(pidfd));
}

Test(tracer_process_procfs, what_a_thread_waits_in_is_a_number_or_nothing)
{
	struct procfs_syscall c;
	struct err err = ERR_INIT;

	cr_assert_eq(procfs_syscall_parse("running\n", 8, &c, &err), 0);
	cr_expect(c.running && c.nr == -1);
	cr_assert_eq(procfs_syscall_parse("230 0x1 0x1\n", 12, &c, &err), 0);
	cr_expect(!c.running && c.nr == 230);
	cr_assert_eq(procfs_syscall_parse("-1 0x7ffe 0x7f\n", 15, &c, &err), 0);
	cr_expect(!c.running && c.nr == -1);
	cr_expect_eq(procfs_syscall_parse("", 0, &c, &err), ERR_CORRUPT);
	cr_expect_eq(procfs_syscall_parse("x", 1, &c, &err), ERR_CORRUPT);
	cr_assert_eq(procfs_syscall(getpid(), 0, &c, &err), 0, "%s", err.text);
	cr_expect(c.running || c.nr >= 0);
}
