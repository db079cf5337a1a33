/* SPDX-License-Identifier: MIT */
/*
 * Memory of a living process. Reads ask process_vm_readv first and /proc/PID/mem for what it
 * refuses: that file reads PROT_NONE pages and writes read-only ones (proc(5): access is
 * checked as for PTRACE_ATTACH, page protection is not).
 */
#include "tracer/mem/live.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "base/check.h"
#include "base/log.h"
#include "base/own.h"

#define PAGE_BYTES ((uint64_t)4096)

struct live {
	struct mem_source src;
	pid_t pid;
	int proc_fd; /* /proc/PID: keeps meaning this process even if the pid is reused */
	int mem_fd;  /* /proc/PID/mem, opened at the first need */
	int mem_flags;
	bool no_vm; /* process_vm_readv is forbidden or missing here */
};

static int64_t live_read(struct mem_source *src, taddr addr, void *buf, size_t n);

static void live_free(struct mem_source *src)
{
	struct live *l = (struct live *)src;

	own_close_p(&l->mem_fd);
	own_close_p(&l->proc_fd);
	free(l);
}

static const struct mem_ops live_ops = { .read = live_read, .free = live_free };

/* The word size of the program; 8 when its file may not be opened (the first read will tell). */
static uint8_t word_bytes_of(int proc_fd)
{
	AUTO_CLOSE int fd = openat(proc_fd, "exe", O_RDONLY | O_CLOEXEC);
	unsigned char ident[EI_NIDENT];

	if (fd < 0 || pread(fd, ident, sizeof(ident), 0) != (ssize_t)sizeof(ident))
		return 8;
	if (memcmp(ident, ELFMAG, SELFMAG) == 0 && ident[EI_CLASS] == ELFCLASS32)
		return 4;
	return 8;
}

int live_new(pid_t pid, struct mem_source **ret, struct err *err)
{
	AUTO_CLOSE int proc_fd = -1;
	char path[32];
	struct live *l;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0) {
		if (errno == ENOENT)
			return err_set(err, ERR_GONE, "no process %d", (int)pid);
		return err_sys(err, errno, "%s", path);
	}
	l = malloc(sizeof(*l));
	if (!l)
		return err_nomem(err);
	*l = (struct live){
		.src = { .ops = &live_ops, .word_bytes = word_bytes_of(proc_fd) },
		.pid = pid,
		.mem_fd = -1,
	};
	l->proc_fd = TAKE_FD(proc_fd);
	*ret = &l->src;
	return 0;
}

/* The descriptor of /proc/PID/mem for reading, or also for writing; negative code on failure. */
static int mem_file(struct live *l, int flags)
{
	int fd;

	if (l->mem_fd >= 0 && (flags == O_RDONLY || l->mem_flags == O_RDWR))
		return l->mem_fd;
	fd = openat(l->proc_fd, "mem", flags | O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES || errno == EPERM ? ERR_DENIED :
		       errno == ENOENT || errno == ESRCH ? ERR_GONE :
							   ERR_SYS;
	own_close_p(&l->mem_fd);
	l->mem_fd = fd;
	l->mem_flags = flags;
	return fd;
}

int live_keep(struct mem_source *src, struct err *err)
{
	CHECK(src->ops == &live_ops);
	int fd = mem_file((struct live *)src, O_RDONLY);

	return fd < 0 ? err_set(err, fd, "cannot open the memory of the target") : 0;
}

/* Bytes read through /proc/PID/mem, 0 when the first one is unreadable, or a negative code. */
static int64_t read_file(struct live *l, uint64_t addr, uint8_t *buf, size_t n)
{
	ssize_t got = 0;

	if (addr > INT64_MAX)
		return 0; /* no file offset reaches the kernel's half */
	/*
	 * End of file is how an address space that no longer exists reads: after an exec, of a file that was
	 * opened before it.
	 */
	for (int tries = 0; got == 0 && tries < 2; tries++) {
		bool fresh = l->mem_fd < 0;
		int fd = mem_file(l, O_RDONLY);

		if (fd < 0)
			return fd;
		do {
			got = pread(fd, buf, n, (off_t)addr);
		} while (got < 0 && errno == EINTR);
		if (got == 0)
			own_close_p(&l->mem_fd);
		if (fresh)
			break;
	}
	if (got > 0)
		return got;
	if (got == 0)
		return ERR_GONE;
	return errno == EPERM || errno == EACCES ? ERR_DENIED : errno == ESRCH ? ERR_GONE : 0;
}

/* As read_file, by process_vm_readv; sets no_vm when the call itself is refused. */
static int64_t read_vm(struct live *l, uint64_t addr, uint8_t *buf, size_t n)
{
	struct iovec local = { .iov_base = buf, .iov_len = n };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)addr, .iov_len = n };
	ssize_t got = process_vm_readv(l->pid, &local, 1, &remote, 1, 0);

	if (got >= 0)
		return got;
	if (errno == ESRCH)
		return ERR_GONE;
	if (errno == EPERM || errno == ENOSYS) {
		LOG(LOG_MEM, "process_vm_readv(%d): %s, using /proc", (int)l->pid, strerror(errno));
		l->no_vm = true;
	}
	return 0;
}

/*
 * One request for all, since a heap is mostly contiguous. Where it stops, the rest of that one
 * page is asked of the file, which may read what process_vm_readv may not; then on.
 */
static int64_t live_read(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	struct live *l = (struct live *)src;
	uint8_t *to = buf;
	size_t at = 0;

	while (at < n) {
		uint64_t from = addr.v + at;
		size_t to_page_end = (size_t)(PAGE_BYTES - from % PAGE_BYTES);
		size_t want = n - at;
		int64_t got = 0;

		if (!l->no_vm)
			got = read_vm(l, from, to + at, want);
		if (got == 0) {
			if (!l->no_vm && want > to_page_end)
				want = to_page_end;
			got = read_file(l, from, to + at, want);
		}
		/* What was read before the end of the process is no use to anybody. */
		if (got < 0)
			return got;
		if (got == 0)
			break;
		at += (size_t)got;
	}
	return (int64_t)at;
}

static int write_failed(struct err *err, int sys, taddr addr)
{
	if (sys == EIO || sys == EFAULT || sys == EINVAL)
		return err_fault(err, addr, "target memory not writable at 0x%" PRIx64, addr.v);
	if (sys == ENOENT)
		sys = ESRCH;
	return err_sys(err, sys, "cannot write target memory at 0x%" PRIx64, addr.v);
}

int live_write(struct mem_source *src, taddr addr, const void *buf, size_t n, struct err *err)
{
	struct live *l = (struct live *)src;
	const uint8_t *from = buf;
	size_t at = 0;

	CHECK(src->ops == &live_ops);
	while (at < n) {
		taddr to = taddr_add(addr, (int64_t)at);
		struct iovec local = { .iov_base = (void *)(from + at), .iov_len = n - at };
		struct iovec remote = { .iov_base = (void *)(uintptr_t)to.v, .iov_len = n - at };
		ssize_t put = -1;
		int fd;

		if (!l->no_vm)
			put = process_vm_writev(l->pid, &local, 1, &remote, 1, 0);
		if (put <= 0) {
			if (to.v > INT64_MAX)
				return write_failed(err, EFAULT, to);
			fd = mem_file(l, O_RDWR);
			if (fd < 0)
				return write_failed(err, errno, to);
			do {
				put = pwrite(fd, from + at, n - at, (off_t)to.v);
			} while (put < 0 && errno == EINTR);
			if (put <= 0)
				return write_failed(err, put < 0 ? errno : ESRCH, to);
		}
		at += (size_t)put;
	}
	return 0;
}
