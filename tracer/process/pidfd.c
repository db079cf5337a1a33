/* SPDX-License-Identifier: MIT */
/*
 * pidfd_open and pidfd_getfd by number, because older C libraries have no wrappers. It knows
 * nothing of what the descriptors are for.
 */
#include "tracer/process/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same numbers on every architecture (asm-generic since Linux 5.1). */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

int pidfd_of(pid_t pid, int *ret_fd, struct err *err)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0 && errno == ENOSYS)
		return err_set(err, ERR_UNSUPPORTED, "pidfd_open: the kernel is older than 5.3");
	if (fd < 0)
		return err_sys(err, errno, "pidfd_open %d", (int)pid);
	*ret_fd = (int)fd;
	return 0;
}

bool pidfd_exited(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLIN | POLLHUP));
}

int pidfd_take(int pidfd, pid_t pid, int target_fd, int open_flags, int *ret_fd, struct err *err)
{
	char path[64];
	int fd = -1;

	if (pidfd >= 0)
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, target_fd, 0);
	if (fd < 0) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, target_fd);
		fd = open(path, open_flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd >= 0 && !(open_flags & O_NONBLOCK))
			(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	}
	if (fd < 0)
		return err_sys(err, errno, "take descriptor %d of process %d", target_fd, (int)pid);
	*ret_fd = fd;
	return 0;
}
