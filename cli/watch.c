/* SPDX-License-Identifier: MIT */
/*
 * A pipe would make the target wait for a user who pressed ^Z; a file in memory does not. What
 * was read from it is given back to the kernel at once.
 */
#include "cli/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/signals.h"

#define PIECE_BYTES ((size_t)256 << 10)
#define PUNCH_BYTES ((off_t)4 << 20)

/* Of the helper; written by its handlers only. */
static volatile sig_atomic_t snapshot_asked;

static void on_snapshot(int sig)
{
	(void)sig;
	snapshot_asked = 1;
}

__attribute__((noreturn)) static void end_helper(void)
{
	for (;;)
		(void)syscall(SYS_exit_group, 0); /* nothing of the program's ending runs here */
}

static int work(struct watch *w, watch_fn *fn, void *ctx, struct err *err)
{
	struct pmp_options o = { .path = "-" };
	struct pmp_writer *writer = NULL;
	struct signals signals;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int rc = signals_catch(&signals, false, err);

	if (rc < 0)
		return rc;
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ||
	    dup2(w->fd, STDOUT_FILENO) < 0)
		return err_sys(err, errno, "cannot redirect");
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_snapshot }, NULL);
	rc = pmp_writer_new(&o, &writer, err);
	if (rc < 0)
		return rc;
	struct watch_inside in = { .ctx = ctx,
				   .sink = pmp_writer_sink(writer),
				   .told = w->told,
				   .stop = signals.stop,
				   .snapshot = &snapshot_asked,
				   .wake_fd = signals.pipe[0] };
	rc = fn(&in, err);
	struct err closing = ERR_INIT;
	int closed = pmp_writer_close(writer, &closing);
	if (rc >= 0 && closed < 0) {
		*err = closing;
		rc = closed;
	}
	return rc;
}

__attribute__((noreturn)) static void help(struct watch *w, watch_fn *fn, void *ctx, pid_t parent)
{
	/* Keys of the terminal are not for the helper; our death is. */
	(void)setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
		end_helper();
	(void)signal(SIGTSTP, SIG_IGN);
	w->told->rc = work(w, fn, ctx, &w->told->err);
	w->told->begun = 1;
	end_helper();
}

int watch_start(struct watch *w, watch_fn *fn, void *ctx, const struct fact_sink *to, struct err *err)
{
	pid_t parent = getpid();

	*w = (struct watch){ .pidfd = -1, .fd = -1 };
	int rc = pmp_feed_new(to, &w->feed, err);
	if (rc < 0)
		return rc;
	void *shared = mmap(NULL, sizeof *w->told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	w->told = shared == MAP_FAILED ? NULL : shared;
	w->fd = memfd_create("watch", MFD_CLOEXEC);
	if (!w->told || w->fd < 0) {
		rc = err_sys(err, errno, "memory for a helper");
		watch_deinit(w);
		return rc;
	}
	w->told->rc = ERR_GONE; /* what it means when the helper dies without a word */
	err_set(&w->told->err, ERR_GONE, "the helper that watches the process died");
	w->helper = fork();
	if (w->helper == 0)
		help(w, fn, ctx, parent);
	if (w->helper < 0) {
		w->helper = 0;
		rc = err_sys(err, errno, "fork");
		watch_deinit(w);
		return rc;
	}
	w->pidfd = (int)syscall(SYS_pidfd_open, w->helper, 0);
	return 0;
}

static bool ended(struct watch *w)
{
	struct rusage used;
	int status;

	if (!w->helper)
		return true;
	if (wait4(w->helper, &status, WNOHANG, &used) != w->helper)
		return false;
	w->helper = 0;
	w->cpu_ns = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000u +
		    (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000u;
	return true;
}

int watch_read(struct watch *w, struct err *err)
{
	bool over = ended(w); /* before reading: what it wrote last is there then */
	static uint8_t piece[PIECE_BYTES];
	ssize_t n;

	while ((n = pread(w->fd, piece, sizeof piece, w->read_at)) > 0) {
		w->read_at += n;
		w->bytes += (uint64_t)n;
		int rc = pmp_feed_put(w->feed, piece, (size_t)n, err);
		if (rc < 0)
			return rc;
	}
	if (w->read_at - w->punched >= PUNCH_BYTES) {
		(void)fallocate(w->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, w->punched,
				w->read_at - w->punched);
		w->punched = w->read_at;
	}
	if (!over)
		return 0;
	int rc = w->read_at && w->feed ? pmp_feed_end(w->feed, err) : 0;
	pmp_feed_free(w->feed);
	w->feed = NULL;
	return rc < 0 ? rc : 1;
}

void watch_wait(const struct watch *w, bool until_end, int timeout_ms)
{
	struct pollfd p = { .fd = w->pidfd, .events = POLLIN };

	for (int left = timeout_ms; left > 0 && (until_end || !w->told->begun); left -= 10)
		if (poll(&p, 1, 10) > 0)
			return;
}

bool watch_ended(const struct watch *w)
{
	struct pollfd p = { .fd = w->pidfd, .events = POLLIN };

	return !w->helper || poll(&p, 1, 0) > 0;
}

void watch_ask_stop(struct watch *w)
{
	if (w->helper)
		(void)kill(w->helper, SIGTERM);
}

void watch_ask_snapshot(struct watch *w)
{
	if (w->helper)
		(void)kill(w->helper, SIGUSR1);
}

void watch_deinit(struct watch *w)
{
	if (w->helper) {
		watch_ask_stop(w);
		(void)waitpid(w->helper, NULL, 0);
	}
	pmp_feed_free(w->feed);
	if (w->told)
		munmap(w->told, sizeof *w->told);
	if (w->fd > 0)
		close(w->fd);
	if (w->pidfd > 0)
		close(w->pidfd);
	*w = (struct watch){ 0 };
}
