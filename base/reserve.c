/* SPDX-License-Identifier: MIT */
/* Descriptors of an event counter, which need no file system, and one mapping that nobody touches. */
#include "base/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

void reserve_release(struct reserve *r)
{
	if (r->memory)
		munmap(r->memory, r->bytes);
	while (r->fds > 0)
		close(r->fd[--r->fds]);
	*r = (struct reserve){ 0 };
}

int reserve_hold(struct reserve *r, size_t bytes, struct err *err)
{
	void *memory;

	if (r->memory)
		return 0;
	/* not malloc: what it gives back there it may keep for itself */
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return err_nomem(err);
	*r = (struct reserve){ .memory = memory, .bytes = bytes };
	while (r->fds < RESERVE_FDS) {
		int fd = r->fds ? fcntl(r->fd[0], F_DUPFD_CLOEXEC, 0) : eventfd(0, EFD_CLOEXEC);
		int why = errno;

		if (fd < 0) {
			reserve_release(r);
			return err_sys(err, why, "descriptors for the way out");
		}
		r->fd[r->fds++] = fd;
	}
	return 0;
}
