/* SPDX-License-Identifier: MIT */
/*
 * Descriptors a test leaves open, reported when its process ends. suite.sh asks for it with
 * PYMEMPROF_FD_LOG and fails when a report exists. Nothing calls this file: it is linked
 * whole into every suite, and preloaded into the program under an integration suite.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_FDS 1024

static struct {
	pid_t pid;
	bool open[MAX_FDS];
} before;

/* Call fn for each open descriptor but the one used for listing. */
static void each_fd(void (*fn)(int fd, void *ctx), void *ctx)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd != dirfd(dir) && fd >= 0 && fd < MAX_FDS)
			fn(fd, ctx);
	}
	closedir(dir);
}

static void remember(int fd, void *ctx)
{
	(void)ctx;
	before.open[fd] = true;
}

__attribute__((constructor)) static void fd_check_begin(void)
{
	if (!getenv("PYMEMPROF_FD_LOG"))
		return;
	unsetenv("LD_PRELOAD"); /* what this process starts is somebody else's */
	before.pid = getpid();
	each_fd(remember, NULL);
}

/* libunwind keeps a pipe from its first unwinding to the end, to try addresses on. */
int pipe2(int fd[2], int flags);

int pipe2(int fd[2], int flags)
{
	int rc = (int)syscall(SYS_pipe2, fd, flags);
	Dl_info caller;

	if (rc == 0 && fd[0] < MAX_FDS && fd[1] < MAX_FDS)
		before.open[fd[0]] = before.open[fd[1]] =
			dladdr(__builtin_return_address(0), &caller) && caller.dli_fname &&
			strstr(caller.dli_fname, "/libunwind");
	return rc;
}

/* Criterion's worker talks to its runner by a socket at /tmp/criterion_PID.sock. */
static bool to_the_runner(int fd)
{
	struct sockaddr_un peer = { 0 };
	socklen_t n = sizeof(peer) - 1;

	if (getpeername(fd, (struct sockaddr *)&peer, &n) < 0)
		return errno == ENOTCONN; /* the runner was quicker */
	return peer.sun_family == AF_UNIX && strstr(peer.sun_path, "/criterion_");
}

/*
 * What the worker's own event loop closes only after this file has looked, and the other end
 * of the pipe it puts in place of standard input.
 */
static bool framework_owns(int fd, const char *what)
{
	struct stat in, it;

	if (strcmp(what, "anon_inode:[eventfd]") == 0 ||
	    strcmp(what, "anon_inode:[eventpoll]") == 0 || to_the_runner(fd))
		return true;
	return fstat(STDIN_FILENO, &in) == 0 && fstat(fd, &it) == 0 && in.st_dev == it.st_dev &&
	       in.st_ino == it.st_ino;
}

static void report(int fd, void *ctx)
{
	char link[64], what[256], path[512];
	ssize_t n;
	FILE *log;

	if (fd <= STDERR_FILENO || before.open[fd])
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, what, sizeof(what) - 1);
	if (n < 0)
		return;
	what[n] = '\0';
	if (framework_owns(fd, what))
		return;
	snprintf(path, sizeof(path), "%s/descriptors.%d", (const char *)ctx, (int)getpid());
	log = fopen(path, "ae");
	if (!log)
		return;
	fprintf(log, "leaked descriptor %d: %s\n", fd, what);
	fclose(log);
}

/* A forked child that ends by exit() has its parent's descriptors: not its leak. */
__attribute__((destructor)) static void fd_check_end(void)
{
	const char *dir = getenv("PYMEMPROF_FD_LOG");

	if (dir && before.pid == getpid())
		each_fd(report, (void *)dir);
}
