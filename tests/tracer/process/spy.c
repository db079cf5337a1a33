/* SPDX-License-Identifier: MIT */
/* See spy.h. */
#include "spy.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer/process/procfs.h"

void spy_sleep_us(unsigned us)
{
	struct timespec ts = { us / 1000000, (long)(us % 1000000) * 1000 };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

struct victim victim_start(const char *mode, const char *argument)
{
	struct victim v;
	int fd = (int)syscall(SYS_memfd_create, "page", 0);

	cr_assert(fd >= 0 && ftruncate(fd, sizeof(*v.page)) == 0);
	v.page = mmap(NULL, sizeof(*v.page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(v.page, MAP_FAILED);
	v.pid = fork();
	if (v.pid == 0) {
		dup2(fd, 3);
		execl(VICTIM_PROGRAM, "victim", mode, argument, (char *)NULL);
		_exit(127);
	}
	close(fd);
	for (int i = 0; i < 20000 && !atomic_load(&v.page->ready); i++)
		spy_sleep_us(500);
	cr_assert(atomic_load(&v.page->ready), "the victim does not start");
	return v;
}

unsigned long victim_beats(const struct victim *v)
{
	unsigned long sum = 0;

	for (int i = 0; i < VICTIM_WORKERS; i++)
		sum += atomic_load(&v->page->beats[i]);
	return sum;
}

/* 30 seconds: two cores shared by six such victims leave a runnable thread waiting for three. */
#define HANG_ROUNDS 60000

static void tell_file(pid_t pid, const char *tid, const char *name)
{
	char path[64], text[600];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/%s", pid, tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return;
	text[n] = '\0';
	for (char *p = text; (p = strchr(p, '\n'));)
		*p = p[1] ? ';' : '\0';
	cr_log_error("%s %s: %s", tid, name, text);
}

/* What each thread of a victim that hangs is doing, for whoever reads the log. */
static void tell_threads(pid_t pid)
{
	static const char *const files[] = { "stat", "syscall", "wchan", "stack" };
	char path[32];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d)))
		for (size_t i = 0; e->d_name[0] != '.' && i < sizeof(files) / sizeof(*files); i++)
			tell_file(pid, e->d_name, files[i]);
	if (d)
		closedir(d);
}

void victim_must_be_well(const struct victim *v)
{
	unsigned long before[VICTIM_WORKERS];
	int status = 0, hangs = -1;

	for (int i = 0; i < VICTIM_WORKERS; i++)
		before[i] = atomic_load(&v->page->beats[i]);
	for (int i = 0; hangs < 0 && i < VICTIM_WORKERS; i++) {
		for (int n = 0;
		     before[i] && n < HANG_ROUNDS && atomic_load(&v->page->beats[i]) == before[i];
		     n++)
			spy_sleep_us(500);
		if (before[i] && atomic_load(&v->page->beats[i]) == before[i])
			hangs = i;
	}
	cr_assert_eq(waitpid(v->pid, &status, WNOHANG), 0, "the victim ended: status %#x", status);
	if (hangs >= 0)
		tell_threads(v->pid);
	cr_assert_lt(hangs, 0, "worker %d hangs", hangs);
	cr_assert_eq(atomic_load(&v->page->errors), 0, "%lu errors, first at victim.c:%u (%ld)",
		     atomic_load(&v->page->errors), atomic_load(&v->page->error_line),
		     atomic_load(&v->page->error_value));
}

void victim_end(struct victim *v)
{
	atomic_store(&v->page->stop, 1);
	kill(v->pid, SIGKILL);
	waitpid(v->pid, NULL, __WALL);
	munmap(v->page, sizeof(*v->page));
}

char victim_state(pid_t pid, pid_t tid)
{
	struct procfs_stat stat;

	return procfs_stat(pid, tid, &stat, NULL) < 0 ? '-' : stat.state;
}

struct spy_source {
	struct mem_source base;
	pid_t pid;
};

static int64_t spy_read(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	struct iovec ours = { buf, n }, theirs = { (void *)(uintptr_t)addr.v, n };
	ssize_t got = process_vm_readv(((struct spy_source *)src)->pid, &ours, 1, &theirs, 1, 0);

	return got < 0 ? 0 : got;
}

static void spy_free(struct mem_source *src)
{
	free(src);
}

struct mem_source *spy_memory(pid_t pid)
{
	static const struct mem_ops ops = { spy_read, spy_free };
	struct spy_source *s = calloc(1, sizeof(*s));

	cr_assert_not_null(s);
	s->base = (struct mem_source){ &ops, 8 };
	s->pid = pid;
	return &s->base;
}

void spy_require_ptrace(void)
{
	pid_t pid = fork();
	long r;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	r = ptrace(PTRACE_SEIZE, pid, NULL, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
	if (r < 0)
		cr_skip_test("ptrace of a child is not allowed here");
}
