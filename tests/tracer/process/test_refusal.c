/* SPDX-License-Identifier: MIT */
/* Limits of a child of ours. The rest of refusal.c is tested where it is met: test_stop.c. */
#include "tracer/process/refusal.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tracer/process/procfs.h"

#define NEED_FDS 16
#define NEED_BYTES (1ull << 20)

TestSuite(tracer_process_refusal, .timeout = 10);

static const struct refusal_need need = { NEED_FDS, NEED_BYTES, 0 };

/* By the kernel's list; under valgrind some of them are its own. */
static unsigned count_open(pid_t pid)
{
	char path[64];
	unsigned n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	cr_assert(dir);
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
		n += *e->d_name != '.';
	closedir(dir);
	return n;
}

/* It waits with `extra` descriptors more than it inherits; *ret_open is how many it has. */
static pid_t start_child(int extra, unsigned *ret_open)
{
	int report[2];
	char byte;

	cr_assert_eq(pipe(report), 0);
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		close(report[0]);
		for (int i = 0; i < extra; i++)
			(void)!dup(report[1]);
		(void)!write(report[1], "", 1);
		for (;;)
			pause();
	}
	close(report[1]);
	cr_assert_eq(read(report[0], &byte, 1), 1);
	close(report[0]);
	*ret_open = count_open(pid);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void limit(pid_t pid, int which, uint64_t value)
{
	struct rlimit l;

	cr_assert_eq(prlimit(pid, which, NULL, &l), 0);
	l.rlim_cur = value;
	cr_assert_eq(prlimit(pid, which, &l, NULL), 0);
}

static void expect_refused(pid_t pid, const char *word)
{
	struct err err = ERR_INIT;

	cr_assert_eq(refusal_of_room(pid, &need, &err), ERR_DENIED);
	cr_expect_str_eq(err.hint, "target-limit");
	cr_expect(strstr(err.text, word), "%s", err.text);
}

Test(tracer_process_refusal, without_limits_there_is_room)
{
	unsigned n;
	pid_t pid = start_child(0, &n);

	cr_expect_eq(refusal_of_room(pid, &need, NULL), 0);
	cr_expect_eq(refusal_of_room(0x7ffffff0, &need, NULL), 0, "nobody has no limits");
	end_child(pid);
}

Test(tracer_process_refusal, descriptors_are_counted_to_the_last)
{
	for (int extra = 0; extra <= 80; extra += 80) { /* in a table of 64, and of 256 */
		unsigned n;
		pid_t pid = start_child(extra, &n);

		limit(pid, RLIMIT_NOFILE, n + NEED_FDS);
		cr_expect_eq(refusal_of_room(pid, &need, NULL), 0);
		limit(pid, RLIMIT_NOFILE, n + NEED_FDS - 1);
		expect_refused(pid, "descriptors open");
		limit(pid, RLIMIT_NOFILE, 0); /* below what it has */
		expect_refused(pid, "of 0 descriptors");
		end_child(pid);
	}
}

Test(tracer_process_refusal, address_space_and_data_are_counted)
{
	struct procfs_status s;
	unsigned n;
	pid_t pid = start_child(0, &n);

	cr_assert_eq(procfs_status(pid, 0, &s, NULL), 0);
	limit(pid, RLIMIT_AS, (s.vm_size_kib << 10) + NEED_BYTES);
	cr_expect_eq(refusal_of_room(pid, &need, NULL), 0);
	limit(pid, RLIMIT_AS, (s.vm_size_kib << 10) + NEED_BYTES - 1);
	expect_refused(pid, "of address space");
	limit(pid, RLIMIT_AS, RLIM_INFINITY);
	limit(pid, RLIMIT_DATA, (s.vm_data_kib << 10) + NEED_BYTES);
	cr_expect_eq(refusal_of_room(pid, &need, NULL), 0);
	limit(pid, RLIMIT_DATA, (s.vm_data_kib << 10) + NEED_BYTES - 1);
	expect_refused(pid, "of data");
	end_child(pid);
}

Test(tracer_process_refusal, a_control_group_is_asked_when_there_is_one)
{
	const struct refusal_need all = { 0, 0, UINT64_MAX };
	struct err err = ERR_INIT;
	unsigned n;
	pid_t pid = start_child(0, &n);
	int r = refusal_of_room(pid, &all, &err);

	cr_expect(r == 0 || strstr(err.text, "control group"), "%s", err.text);
	end_child(pid);
}
