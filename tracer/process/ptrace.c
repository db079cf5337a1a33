/* SPDX-License-Identifier: MIT */
/*
 * The ptrace requests, see ptrace(2). Nothing here decides; every function is one request, or
 * one wait, and its error.
 */
#include "tracer/process/ptrace.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer/process/procfs.h"

/* Linux 5.13; its number and struct are not in older C libraries. */
#define REQUEST_GET_RSEQ 0x420f
struct rseq_configuration {
	uint64_t pointer;
	uint32_t size, signature, flags, pad;
};

#define SPINS_BEFORE_SLEEP 300
#define SLEEP_MIN_NS 20000
#define SLEEP_MAX_NS 1000000

uint64_t ptrace_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int ptrace_stop_event(int status)
{
	return status >> 16;
}

int ptrace_stop_signal(int status)
{
	return WSTOPSIG(status);
}

enum ptrace_stop_kind ptrace_stop_kind(int status)
{
	if (!WIFSTOPPED(status))
		return PTRACE_STOP_GONE;
	if (ptrace_stop_event(status) == PTRACE_EVENT_STOP)
		return WSTOPSIG(status) == SIGTRAP ? PTRACE_STOP_TRAP : PTRACE_STOP_GROUP;
	if (ptrace_stop_event(status))
		return PTRACE_STOP_EVENT;
	if (WSTOPSIG(status) == (SIGTRAP | 0x80))
		return PTRACE_STOP_SYSCALL;
	return PTRACE_STOP_SIGNAL;
}

static int request(int which, pid_t tid, void *addr, void *data, const char *what, struct err *err)
{
	/* glibc declares the request as an enum that lacks the newer ones. */
	if (ptrace((enum __ptrace_request)which, tid, addr, data) == -1)
		return err_sys(err, errno, "%s thread %d", what, (int)tid);
	return 0;
}

int ptrace_seize(pid_t tid, uint32_t options, struct err *err)
{
	return request(PTRACE_SEIZE, tid, NULL,
		       (void *)(uintptr_t)(options | PTRACE_O_TRACESYSGOOD), "seize", err);
}

int ptrace_options(pid_t tid, uint32_t options, struct err *err)
{
	return request(PTRACE_SETOPTIONS, tid, NULL,
		       (void *)(uintptr_t)(options | PTRACE_O_TRACESYSGOOD), "set options of", err);
}

int ptrace_interrupt(pid_t tid, struct err *err)
{
	return request(PTRACE_INTERRUPT, tid, NULL, NULL, "interrupt", err);
}

int ptrace_cont(pid_t tid, int sig, struct err *err)
{
	return request(PTRACE_CONT, tid, NULL, (void *)(intptr_t)sig, "continue", err);
}

int ptrace_to_syscall(pid_t tid, int sig, struct err *err)
{
	return request(PTRACE_SYSCALL, tid, NULL, (void *)(intptr_t)sig, "continue", err);
}

int ptrace_listen(pid_t tid, struct err *err)
{
	return request(PTRACE_LISTEN, tid, NULL, NULL, "listen to", err);
}

int ptrace_detach(pid_t tid, struct err *err)
{
	return request(PTRACE_DETACH, tid, NULL, NULL, "detach", err);
}

int ptrace_event_message(pid_t tid, unsigned long *ret, struct err *err)
{
	return request(PTRACE_GETEVENTMSG, tid, NULL, ret, "event of", err);
}

int ptrace_signal_raised(pid_t tid, bool *ret, struct err *err)
{
	siginfo_t info;
	int r = request(PTRACE_GETSIGINFO, tid, NULL, &info, "signal of", err);

	if (r == 0)
		*ret = info.si_code > 0;
	return r;
}

int ptrace_get_regset(pid_t tid, int type, void *buf, size_t *len, struct err *err)
{
	struct iovec iov = { buf, *len };

	if (ptrace(PTRACE_GETREGSET, tid, (void *)(intptr_t)type, &iov) == -1) {
		if (errno == EINVAL || errno == EIO || errno == ENODEV)
			return err_set(err, ERR_UNSUPPORTED, "thread %d has no register set %#x",
				       (int)tid, (unsigned)type);
		return err_sys(err, errno, "read registers of thread %d", (int)tid);
	}
	*len = iov.iov_len;
	return 0;
}

int ptrace_set_regset(pid_t tid, int type, const void *buf, size_t len, struct err *err)
{
	struct iovec iov = { (void *)(uintptr_t)buf, len };

	return request(PTRACE_SETREGSET, tid, (void *)(intptr_t)type, &iov, "set registers of", err);
}

int ptrace_get_regs(pid_t tid, struct stop_regs *ret, struct err *err)
{
	size_t len = sizeof(ret->word);
	int r = ptrace_get_regset(tid, PTRACE_REGS_GENERAL, ret->word, &len, err);

	if (r < 0)
		return r;
	/* A 32-bit thread under a 64-bit kernel: 17 or 18 words of four bytes. */
	if (len < 20 * sizeof(uint64_t))
		return err_set(err, ERR_UNSUPPORTED, "thread %d is a 32-bit thread", (int)tid);
	ret->count = len / sizeof(uint64_t);
	return 0;
}

int ptrace_set_regs(pid_t tid, const struct stop_regs *regs, struct err *err)
{
	return ptrace_set_regset(tid, PTRACE_REGS_GENERAL, regs->word,
				 regs->count * sizeof(uint64_t), err);
}

int ptrace_get_sigmask(pid_t tid, uint64_t *ret, struct err *err)
{
	return request(PTRACE_GETSIGMASK, tid, (void *)sizeof(*ret), ret, "signal mask of", err);
}

int ptrace_set_sigmask(pid_t tid, uint64_t mask, struct err *err)
{
	return request(PTRACE_SETSIGMASK, tid, (void *)sizeof(mask), &mask, "set signal mask of",
		       err);
}

taddr ptrace_rseq(pid_t tid)
{
	struct rseq_configuration c = { 0 };

	if (ptrace((enum __ptrace_request)REQUEST_GET_RSEQ, tid, (void *)sizeof(c), &c) <= 0)
		return TADDR_NULL;
	return taddr_of(c.pointer);
}

/* The first thread of a process we started: its end is told to us twice, as tracer and as parent. */
static bool is_own_child(pid_t tid)
{
	struct procfs_status st;

	return procfs_status(tid, 0, &st, NULL) == 0 && st.tgid == tid && st.ppid == getpid();
}

/*
 * waitpid without waiting, but some things are looked at and not taken. A stop for a signal that is to be
 * delivered: what waitpid takes, the kernel forgets, and the signal would be lost with us if we were
 * killed before we let the thread go on; ptrace_cont ends such a stop all the same. And the end of a
 * child of ours, for who started it and wants to know (session_run); traced threads that are no children
 * have to be reaped, or their own parent is not told.
 */
static pid_t take_status(pid_t tid, int *ret_status)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) < 0)
		return -1;
	if (info.si_pid == 0)
		return 0;
	if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED) {
		*ret_status = (int)((unsigned)info.si_status << 8 | 0x7f);
		if (ptrace_stop_kind(*ret_status) == PTRACE_STOP_SIGNAL)
			return tid;
	} else if (is_own_child(tid)) {
		*ret_status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status;
		return tid;
	}
	return waitpid(tid, ret_status, WNOHANG | __WALL);
}

/*
 * Most stops come within microseconds, so yielding first is both fast and fair to a target on
 * our own CPU; waitpid has no time limit, hence no blocking wait. The copy of a large heap takes
 * longer: the kernel's SIGCHLD, blocked meanwhile, ends a pause at once, where nobody has said that he wants none.
 */
static int wait_blocked(pid_t tid, unsigned timeout_ms, const sigset_t *child, int *ret_status,
			struct err *err)
{
	uint64_t deadline = 0;
	long pause_ns = SLEEP_MIN_NS;

	for (unsigned spin = 0;; spin++) {
		pid_t got = take_status(tid, ret_status);

		if (got == tid)
			return 0;
		if (got < 0 && errno != EINTR)
			return err_sys(err, errno == ECHILD ? ESRCH : errno, "wait for thread %d",
				       (int)tid);
		if (spin < SPINS_BEFORE_SLEEP) {
			sched_yield();
			continue;
		}
		if (!deadline)
			deadline = ptrace_clock_ns() + (uint64_t)timeout_ms * 1000000u;
		else if (ptrace_clock_ns() > deadline)
			return err_set(err, ERR_INTERRUPTED, "thread %d does not stop within %u ms",
				       (int)tid, timeout_ms);
		(void)sigtimedwait(child, NULL, &(struct timespec){ .tv_nsec = pause_ns });
		pause_ns = pause_ns * 2 < SLEEP_MAX_NS ? pause_ns * 2 : SLEEP_MAX_NS;
	}
}

int ptrace_wait(pid_t tid, unsigned timeout_ms, int *ret_status, struct err *err)
{
	sigset_t child, before;
	int r;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	(void)pthread_sigmask(SIG_BLOCK, &child, &before);
	r = wait_blocked(tid, timeout_ms, &child, ret_status, err);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int ptrace_poll(pid_t tid, int *ret_status)
{
	return take_status(tid, ret_status) == tid;
}

static int transfer_result(ssize_t done, size_t n, taddr addr, const char *what, struct err *err)
{
	if (done == (ssize_t)n)
		return 0;
	if (done < 0 && errno != EFAULT)
		return err_sys(err, errno, "%s target memory", what);
	return err_fault(err, taddr_add(addr, done > 0 ? done : 0), "%s target memory at %#llx",
			 what, (unsigned long long)addr.v);
}

int ptrace_read_memory(pid_t pid, taddr addr, void *buf, size_t n, struct err *err)
{
	struct iovec ours = { buf, n }, theirs = { (void *)(uintptr_t)addr.v, n };

	return transfer_result(process_vm_readv(pid, &ours, 1, &theirs, 1, 0), n, addr, "read", err);
}

bool ptrace_touch(pid_t tid, taddr addr)
{
	errno = 0;
	(void)ptrace(PTRACE_PEEKDATA, tid, (void *)(uintptr_t)addr.v, NULL);
	return errno == 0;
}

int ptrace_write_memory(pid_t pid, taddr addr, const void *buf, size_t n, struct err *err)
{
	struct iovec ours = { (void *)(uintptr_t)buf, n };
	struct iovec theirs = { (void *)(uintptr_t)addr.v, n };

	return transfer_result(process_vm_writev(pid, &ours, 1, &theirs, 1, 0), n, addr, "write",
			       err);
}
