/* SPDX-License-Identifier: MIT */
/*
 * How long a target stands still: for an attach with one remote call, and for a frozen copy of
 * 1 GiB in 4 KiB pages. One JSON line per figure; argument: the victim program.
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

#define RUNS 11

static pid_t target;

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
	struct victim_page *page;

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

/* Milliseconds between the first interrupt and just before letting go. */
static double pause_once(bool copy)
{
	static const struct mem_ops ops = { read_target, NULL };
	struct mem_source text = { &ops, 8 };
	uint64_t arg[6] = { 0 }, paused;
	struct remote *remote;
	struct freeze *freeze = NULL;
	struct stop *stop;
	struct maps maps;
	struct err err = ERR_INIT;
	int64_t answer;

	if (stop_attach(target, &stop, &err) < 0 || maps_read(target, &maps, &err) < 0 ||
	    remote_new(stop, &text, &maps, &remote, &err) < 0)
		give_up("attach", &err);
	if (copy ? freeze_new(remote, &freeze, &err) < 0 :
		   remote_syscall(remote, remote_sys(remote)->getpid, arg, &answer, &err) < 0)
		give_up("call", &err);
	paused = stop_elapsed_ns(stop);
	remote_free(remote);
	maps_deinit(&maps);
	if (stop_detach(stop, &err) < 0 || freeze_free(freeze, NULL, &err) < 0)
		give_up("let go", &err);
	return (double)paused / 1e6;
}

static void measure(const char *name, bool copy)
{
	double ms[RUNS];

	for (int i = 0; i < RUNS; i++)
		ms[i] = pause_once(copy);
	qsort(ms, RUNS, sizeof(*ms), ascending);
	printf("{\"name\":\"%s\",\"unit\":\"ms\",\"median\":%.3f,\"spread\":%.3f}\n", name,
	       ms[RUNS / 2], ms[RUNS - 1] - ms[0]);
	fflush(stdout);
	kill(target, SIGKILL);
	waitpid(target, NULL, __WALL);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	start(argv[1], "busy", NULL);
	measure("pause.call", false);
	start(argv[1], "copies", "1024");
	measure("pause.freeze-1GiB", true);
	return 0;
}
