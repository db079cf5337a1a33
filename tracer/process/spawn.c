/* SPDX-License-Identifier: MIT */
/*
 * Entry points by a breakpoint at AT_ENTRY of the auxiliary vector: the kernel starts the
 * dynamic linker, which maps and relocates everything, then jumps there. The original bytes
 * are back before the program runs. Knows two instructions per CPU and no ELF.
 */
#include "tracer/process/spawn.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tracer/process/ptrace.h"

#define SLICE_MS 100
#define AUXV_WORDS_MAX 128

#if defined(__x86_64__)
#define PC_WORD 16 /* rip in struct user_regs_struct, asm/user_64.h */
#define TRAP_PC_AHEAD 1 /* int3 reports the address after itself */
static const unsigned char TRAP[] = { 0xcc };
#elif defined(__aarch64__)
#define PC_WORD 32 /* pc in struct user_pt_regs, asm/ptrace.h */
#define TRAP_PC_AHEAD 0
static const unsigned char TRAP[] = { 0x00, 0x00, 0x20, 0xd4 }; /* brk #0 */
#else
#error "no entry point breakpoint for this CPU"
#endif

struct spawn {
	pid_t pid;
	bool traced, reaped;
	int pending; /* signal to deliver with the next resumption */
	uint64_t entry; /* of the current image while the breakpoint is in place, else 0 */
	unsigned char text[sizeof TRAP];
};

pid_t spawn_pid(const struct spawn *s)
{
	return s->pid;
}

static void reap(struct spawn *s)
{
	int status;

	while (waitpid(s->pid, &status, __WALL) < 0 && errno == EINTR)
		;
	s->reaped = true;
}

void spawn_free(struct spawn *s)
{
	if (!s)
		return;
	if (s->traced && !s->reaped) {
		kill(s->pid, SIGKILL);
		reap(s);
	}
	free(s);
}

/* In the child: wait to be seized, then become the program; errno travels back on failure. */
static _Noreturn void become(char *const argv[], int go, int report)
{
	char byte;

	while (read(go, &byte, 1) < 0 && errno == EINTR)
		;
	execvp(argv[0], argv);
	int sys = errno;
	ssize_t n = write(report, &sys, sizeof sys);
	(void)n;
	_Exit(127);
}

/* Resume until the child is in its exec, or its errno arrived. */
static int await_exec(struct spawn *s, const char *name, int report, struct err *err)
{
	int status, sys = 0;

	for (;;) {
		int r = ptrace_wait(s->pid, SLICE_MS, &status, err);

		if (r == ERR_INTERRUPTED)
			continue;
		if (r < 0)
			return r;
		if (ptrace_stop_kind(status) == PTRACE_STOP_GONE) {
			s->reaped = true;
			break;
		}
		if (ptrace_stop_kind(status) == PTRACE_STOP_EVENT &&
		    ptrace_stop_event(status) == PTRACE_EVENT_EXEC)
			return 0;
		int sig = ptrace_stop_kind(status) == PTRACE_STOP_SIGNAL ?
				  ptrace_stop_signal(status) :
				  0;
		r = ptrace_cont(s->pid, sig, err);
		if (r < 0)
			return r;
	}
	if (read(report, &sys, sizeof sys) == sizeof sys) {
		int r = err_sys(err, sys, "%s", name);
		bool named = sys != ENOENT && sys != ENOTDIR && sys != EACCES && sys != ENOEXEC;
		return named ? r : err_hint(err, r, "no-such-program");
	}
	return err_set(err, ERR_GONE, "%s: died before it began", name);
}

/* AT_ENTRY from /proc/PID/auxv: pairs of words, see getauxval(3). */
static int read_entry(pid_t pid, uint64_t *ret, struct err *err)
{
	char path[40];
	uint64_t word[AUXV_WORDS_MAX];

	snprintf(path, sizeof path, "/proc/%d/auxv", (int)pid);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	ssize_t n = read(fd, word, sizeof word);
	if (n < 0)
		return err_sys(err, errno, "%s", path);
	for (size_t i = 0; i + 1 < (size_t)n / 8 && word[i] != AT_NULL; i += 2) {
		if (word[i] == AT_ENTRY) {
			*ret = word[i + 1];
			return 0;
		}
	}
	return err_set(err, ERR_CORRUPT, "%s names no entry point", path);
}

/* Text is not writable for the program itself; /proc/PID/mem is, see proc_pid_mem(5). */
static int write_text(pid_t pid, uint64_t addr, const void *bytes, size_t n, struct err *err)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	ssize_t k = pwrite(fd, bytes, n, (off_t)addr);
	if (k < 0)
		return err_sys(err, errno, "%s", path);
	return k == (ssize_t)n ? 0 : err_fault(err, taddr_of(addr), "short write");
}

static int plant(struct spawn *s, struct err *err)
{
	uint64_t entry;
	int r = read_entry(s->pid, &entry, err);

	if (r == 0)
		r = ptrace_read_memory(s->pid, taddr_of(entry), s->text, sizeof s->text, err);
	if (r == 0)
		r = write_text(s->pid, entry, TRAP, sizeof TRAP, err);
	if (r < 0)
		return err_wrap(err, r, "entry point");
	s->entry = entry;
	return 0;
}

/* 1: this trap was ours; text and program counter are as if it had never been. */
static int unplant(struct spawn *s, struct err *err)
{
	struct stop_regs regs;
	int r = ptrace_get_regs(s->pid, &regs, err);

	if (r < 0)
		return r;
	if (s->entry == 0 || regs.word[PC_WORD] != s->entry + TRAP_PC_AHEAD)
		return 0;
	r = write_text(s->pid, s->entry, s->text, sizeof s->text, err);
	regs.word[PC_WORD] = s->entry;
	if (r == 0)
		r = ptrace_set_regs(s->pid, &regs, err);
	s->entry = 0;
	return r < 0 ? r : 1;
}

static int seize(struct spawn *s, const char *name, int go, int report, struct err *err)
{
	int r = ptrace_seize(s->pid, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL, err);

	if (r < 0)
		return err_wrap(err, r, "%s", name);
	s->traced = true;
	if (write(go, "", 1) != 1)
		return err_sys(err, errno, "%s", name);
	r = await_exec(s, name, report, err);
	return r < 0 ? r : plant(s, err);
}

static void spawn_free_p(struct spawn **s)
{
	spawn_free(*s);
}

int spawn_start(char *const argv[], struct spawn **ret, struct err *err)
{
	AUTO(spawn_free_p) struct spawn *s = calloc(1, sizeof *s);
	int go[2], report[2];

	if (!s)
		return err_nomem(err);
	if (pipe2(go, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	AUTO_CLOSE int go_read = go[0];
	AUTO_CLOSE int go_write = go[1];
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	AUTO_CLOSE int report_read = report[0];
	AUTO_CLOSE int report_write = report[1];
	s->pid = fork();
	if (s->pid < 0)
		return err_sys(err, errno, "fork");
	if (s->pid == 0)
		become(argv, go_read, report_write);
	close(TAKE_FD(report_write));
	int r = seize(s, argv[0], go_write, report_read, err);
	if (r < 0) {
		s->traced = true; /* so that it is killed and reaped, whatever went wrong */
		return r;
	}
	*ret = TAKE(s);
	return 0;
}

/* One stop of the process: 0 to go on (s->pending is the signal to deliver), or an enum spawn_at. */
static int on_stop(struct spawn *s, int status, int *ret_status, struct err *err)
{
	int r;

	s->pending = 0;
	switch (ptrace_stop_kind(status)) {
	case PTRACE_STOP_GONE:
		s->reaped = true;
		*ret_status = status;
		return SPAWN_EXITED;
	case PTRACE_STOP_EVENT:
		if (ptrace_stop_event(status) != PTRACE_EVENT_EXEC)
			return 0;
		r = plant(s, err);
		return r < 0 ? r : 0;
	case PTRACE_STOP_SIGNAL:
		if (ptrace_stop_signal(status) == SIGTRAP) {
			r = unplant(s, err);
			if (r != 0)
				return r < 0 ? r : SPAWN_AT_ENTRY;
		}
		s->pending = ptrace_stop_signal(status);
		return 0;
	case PTRACE_STOP_GROUP:
	case PTRACE_STOP_TRAP:
	case PTRACE_STOP_SYSCALL:
		return 0;
	}
	return 0;
}

int spawn_next(struct spawn *s, bool (*ended)(void *ctx), void *ctx, int *ret_status,
	       struct err *err)
{
	int r = ptrace_cont(s->pid, s->pending, err);

	/* ESRCH: it runs already, since an earlier wait was interrupted. */
	if (r < 0 && r != ERR_GONE)
		return r;
	for (;;) {
		int status;

		r = ptrace_wait(s->pid, SLICE_MS, &status, err);
		if (r == ERR_INTERRUPTED) {
			if (ended && ended(ctx))
				return err_set(err, ERR_INTERRUPTED, "interrupted");
			continue;
		}
		if (r < 0)
			return r;
		r = on_stop(s, status, ret_status, err);
		if (r != 0)
			return r;
		r = ptrace_stop_kind(status) == PTRACE_STOP_GROUP ?
			    ptrace_listen(s->pid, err) :
			    ptrace_cont(s->pid, s->pending, err);
		if (r < 0 && r != ERR_GONE)
			return r;
	}
}

int spawn_release(struct spawn *s, bool hold, struct err *err)
{
	if (hold && kill(s->pid, SIGSTOP) < 0)
		return err_sys(err, errno, "SIGSTOP");
	int r = ptrace_detach(s->pid, err);
	if (r == 0)
		s->traced = false;
	return r;
}
