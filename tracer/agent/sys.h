/* SPDX-License-Identifier: MIT */
/*
 * What the agent asks of the machine: raw system calls, the thread pointer, the cycle counter,
 * a pause. One block per architecture, no libc: errno stays the program's. Freestanding, and
 * good in hosted tests too.
 */
#ifndef PYMEMPROF_TRACER_AGENT_SYS_H
#define PYMEMPROF_TRACER_AGENT_SYS_H

#include <stddef.h>
#include <stdint.h>

#define SYS_LIKELY(x) __builtin_expect(!!(x), 1)
#define SYS_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* errno values the agent tells apart (asm-generic/errno.h; the same on both architectures). */
enum sys_errno { SYS_EINTR = 4, SYS_EBADF = 9, SYS_EAGAIN = 11, SYS_EPIPE = 32 };

enum sys_sig { SYS_SIGPIPE = 13, SYS_SIG_BLOCK = 0, SYS_SIG_SETMASK = 2 };

#define SYS_POLLOUT 4

struct sys_timespec {
	int64_t sec, nsec;
};

struct sys_pollfd {
	int32_t fd;
	int16_t events, revents;
};

#if defined(__x86_64__)

enum sys_nr {
	SYS_NR_WRITE = 1,
	SYS_NR_FSTAT = 5,
	SYS_NR_SIGPROCMASK = 14,
	SYS_NR_SCHED_YIELD = 24,
	SYS_NR_SIGPENDING = 127,
	SYS_NR_SIGTIMEDWAIT = 128,
	SYS_NR_GETTID = 186,
	SYS_NR_PPOLL = 271,
};

static inline long sys_call5(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

/* fs:0 holds its own address: the psABI's TCB self pointer (glibc and musl). */
static inline uint64_t sys_thread_pointer(void)
{
	uint64_t tp;

	__asm__("mov %%fs:0, %0" : "=r"(tp));
	return tp;
}

static inline uint64_t sys_ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static inline void sys_pause(void)
{
	__asm__ volatile("pause");
}

/* The dynamic thread vector: glibc keeps it in the second word of the TCB (tcbhead_t). */
static inline const uint64_t *sys_dtv(uint64_t tp)
{
	return *(const uint64_t *const *)(tp + 8);
}

#elif defined(__aarch64__)

enum sys_nr {
	SYS_NR_WRITE = 64,
	SYS_NR_PPOLL = 73,
	SYS_NR_FSTAT = 80,
	SYS_NR_SCHED_YIELD = 124,
	SYS_NR_SIGPROCMASK = 135,
	SYS_NR_SIGPENDING = 136,
	SYS_NR_SIGTIMEDWAIT = 137,
	SYS_NR_GETTID = 178,
};

static inline long sys_call5(long nr, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}

static inline uint64_t sys_thread_pointer(void)
{
	uint64_t tp;

	__asm__("mrs %0, tpidr_el0" : "=r"(tp));
	return tp;
}

static inline uint64_t sys_ticks(void)
{
	uint64_t t;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
	return t;
}

static inline void sys_pause(void)
{
	__asm__ volatile("yield");
}

/* tcbhead_t of glibc on aarch64 begins with the dynamic thread vector. */
static inline const uint64_t *sys_dtv(uint64_t tp)
{
	return *(const uint64_t *const *)tp;
}

#else
#error "the agent knows x86-64 and aarch64"
#endif

static inline long sys_write(int fd, const void *buf, size_t n)
{
	return sys_call5(SYS_NR_WRITE, fd, (long)buf, (long)n, 0, 0);
}

/* Device and inode of fd: the first two words of struct stat on both architectures. */
static inline long sys_fstat(int fd, uint64_t *ret_dev, uint64_t *ret_ino)
{
	uint64_t st[24];
	long r = sys_call5(SYS_NR_FSTAT, fd, (long)st, 0, 0, 0);

	*ret_dev = r ? 0 : st[0];
	*ret_ino = r ? 0 : st[1];
	return r;
}

static inline long sys_sigprocmask(int how, const uint64_t *set, uint64_t *old)
{
	return sys_call5(SYS_NR_SIGPROCMASK, how, (long)set, (long)old, 8, 0);
}

static inline long sys_sigpending(uint64_t *set)
{
	return sys_call5(SYS_NR_SIGPENDING, (long)set, 8, 0, 0, 0);
}

static inline long sys_sigtimedwait(const uint64_t *set, const struct sys_timespec *timeout)
{
	return sys_call5(SYS_NR_SIGTIMEDWAIT, (long)set, 0, (long)timeout, 8, 0);
}

/* The kernel writes the time left into *timeout (ppoll(2)). */
static inline long sys_ppoll_out(int fd, struct sys_timespec *timeout)
{
	struct sys_pollfd p = { fd, SYS_POLLOUT, 0 };

	return sys_call5(SYS_NR_PPOLL, (long)&p, 1, (long)timeout, 0, 8);
}

/* Waits for nothing but an error on fd, such as a pipe without a reader: more than 0. */
static inline long sys_ppoll_gone(int fd, struct sys_timespec *timeout)
{
	struct sys_pollfd p = { fd, 0, 0 };

	return sys_call5(SYS_NR_PPOLL, (long)&p, 1, (long)timeout, 0, 8);
}

static inline uint32_t sys_gettid(void)
{
	return (uint32_t)sys_call5(SYS_NR_GETTID, 0, 0, 0, 0, 0);
}

static inline void sys_yield(void)
{
	sys_call5(SYS_NR_SCHED_YIELD, 0, 0, 0, 0, 0);
}

#endif
