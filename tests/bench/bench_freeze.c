/* SPDX-License-Identifier: MIT */
/*
 * How long a target stands still: for an attach with one remote call, and for a frozen copy of heaps in 4 KiB
 * pages; between the stops the target makes such copies itself, unwatched, which is what the kernel takes.
 * One JSON line per figure; argument: the victim program.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/tracer/process/victim_page.h"
#include "tracer/process/freeze.h"
#include "tracer/process/ptrace.h"

#define RUNS 15

static pid_t target;
static struct victim_page *page;

static int64_t read_target(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	(void)src;
	return ptrace_read_memory(target, addr, buf, n, NULL) == 0 ? (int64_t)n : 0;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void give_up(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->text);
	kill(target, SIGKILL);
	exit(1);
}

static void start(const char *victim, const char *mode, const char *argument)
{
	int fd = (int)syscall(SYS_memfd_create, "page", 0);

	if (fd < 0 || ftruncate(fd, sizeof(*page)) < 0)
		exit(1);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	target = fork();
	if (target == 0) {
		dup2(fd, 3);
		execl(victim, "victim", mode, argument, (char *)NULL);
		_exit(127);
	}
	close(fd);
	while (page != MAP_FAILED && !atomic_load(&page->ready))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* One stop, in milliseconds. */
struct pause {
	double whole;  /* between the first interrupt and just before letting go */
	double inside; /* longest between two rounds of the target's loop */
	double clone;  /* from the call to its return, as we saw it */
};

static struct pause pause_once(bool copy)
{
	static const struct mem_ops ops = { read_target, NULL };
	struct mem_source text = { &ops, 8 };
	uint64_t arg[6] = { 0 };
	struct pause p = { 0 };
	struct remote *remote;
	struct freeze *freeze = NULL;
	struct stop *stop;
	struct maps maps;
	struct err err = ERR_INIT;
	int64_t answer;

	atomic_store(&page->gap_ns, 0);
	if (maps_read(target, &maps, &err) < 0 || stop_attach(target, &stop, &err) < 0 ||
	    remote_new(stop, &text, &maps, &remote, &err) < 0)
		give_up("attach", &err);
	if (copy ? freeze_new(remote, &freeze, &err) < 0 :
		   remote_syscall(remote, remote_sys(remote)->getpid, arg, &answer, &err) < 0)
		give_up("call", &err);
	p.clone = freeze ? (double)freeze_clone_ns(freeze) / 1e6 : 0;
	p.whole = (double)stop_elapsed_ns(stop) / 1e6;
	remote_free(remote);
	maps_deinit(&maps);
	if (stop_detach(stop, &err) < 0)
		give_up("let go", &err);
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	p.inside = (double)atomic_load(&page->gap_ns) / 1e6;
	if (freeze_free(freeze, NULL, &err) < 0)
		give_up("reap", &err);
	return p;
}

static double fork_once(void)
{
	atomic_store(&page->fork_ns, 0);
	atomic_store(&page->fork_asked, 1);
	for (int i = 0; i < 10000 && !atomic_load(&page->fork_ns); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return (double)atomic_load(&page->fork_ns) / 1e6;
}

static double median(double *v)
{
	qsort(v, RUNS, sizeof(*v), ascending);
	return v[RUNS / 2];
}

static void end_target(void)
{
	fflush(stdout);
	kill(target, SIGKILL);
	waitpid(target, NULL, __WALL);
	munmap(page, sizeof(*page));
}

static void measure_call(void)
{
	double ms[RUNS];

	for (int i = 0; i < RUNS; i++)
		ms[i] = pause_once(false).whole;
	double middle = median(ms);
	printf("{\"name\":\"pause.call\",\"unit\":\"ms\",\"median\":%.3f,\"spread\":%.3f}\n", middle,
	       ms[RUNS - 1] - ms[0]);
	end_target();
}

/* By turns: whatever else the machine does, it does to both. */
static void measure_copies(int mib)
{
	double whole[RUNS], inside[RUNS], bare[RUNS], rest[RUNS], ratio[RUNS];

	for (int i = 0; i < RUNS; i++) {
		struct pause p = pause_once(true);

		bare[i] = fork_once();
		whole[i] = p.whole;
		inside[i] = p.inside;
		rest[i] = p.whole - p.clone;
		ratio[i] = bare[i] > 0 ? p.whole / bare[i] : 0;
	}
	double middle = median(whole), fork = median(bare);
	printf("{\"name\":\"pause.freeze-%dMiB\",\"unit\":\"ms\",\"median\":%.3f,\"spread\":%.3f,\"inside\":%.3f,"
	       "\"fork\":%.3f,\"ratio\":%.3f,\"rest\":%.3f,\"per_gb\":%.2f,\"fork_per_gb\":%.2f}\n",
	       mib, middle, whole[RUNS - 1] - whole[0], median(inside), fork, median(ratio), median(rest),
	       middle * 1e9 / (mib * 1048576.0), fork * 1e9 / (mib * 1048576.0));
	end_target();
}

int main(int argc, char **argv)
{
	static const int sizes[] = { 256, 728, 1024, 1434 };
	char mib[16];

	if (argc != 2)
		return 2;
	start(argv[1], "busy", NULL);
	measure_call();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		snprintf(mib, sizeof(mib), "%d", sizes[i]);
		start(argv[1], "copies", mib);
		measure_copies(sizes[i]);
	}
	return 0;
}
