/* SPDX-License-Identifier: MIT */
/* Only calls that can wait: what does not wait is never seen. Numbers are the C library's. */
#include "tracer/process/syscall_name.h"

#include <stddef.h>
#include <sys/syscall.h>

#define NAME(call) { SYS_##call, #call }

static const struct {
	int64_t nr;
	const char *name;
} names[] = {
	NAME(read),
	NAME(readv),
	NAME(pread64),
	NAME(write),
	NAME(writev),
	NAME(pwrite64),
	NAME(sendfile),
	NAME(splice),
	NAME(copy_file_range),
	NAME(openat),
	NAME(close),
	NAME(fsync),
	NAME(fdatasync),
	NAME(flock),
	NAME(fcntl),
	NAME(ioctl),
	NAME(getrandom),
	NAME(pselect6),
	NAME(ppoll),
	NAME(epoll_pwait),
	NAME(accept),
	NAME(accept4),
	NAME(connect),
	NAME(recvfrom),
	NAME(recvmsg),
	NAME(recvmmsg),
	NAME(sendto),
	NAME(sendmsg),
	NAME(sendmmsg),
	NAME(futex),
	NAME(nanosleep),
	NAME(clock_nanosleep),
	NAME(restart_syscall),
	NAME(wait4),
	NAME(waitid),
	NAME(rt_sigsuspend),
	NAME(rt_sigtimedwait),
	NAME(semtimedop),
	NAME(msgrcv),
	NAME(msgsnd),
	NAME(mq_timedreceive),
	NAME(mq_timedsend),
	NAME(io_getevents),
#ifdef SYS_io_uring_enter
	NAME(io_uring_enter),
#endif
#ifdef SYS_futex_waitv
	NAME(futex_waitv),
#endif
#ifdef SYS_epoll_pwait2
	NAME(epoll_pwait2),
#endif
	/* arm64 was born without these */
#ifdef SYS_select
	NAME(select),
#endif
#ifdef SYS_poll
	NAME(poll),
#endif
#ifdef SYS_epoll_wait
	NAME(epoll_wait),
#endif
#ifdef SYS_pause
	NAME(pause),
#endif
#ifdef SYS_open
	NAME(open),
#endif
#ifdef SYS_vfork
	NAME(vfork),
#endif
};

const char *syscall_name(int64_t nr)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].nr == nr)
			return names[i].name;
	return NULL;
}
