/* SPDX-License-Identifier: MIT */
/* Made in the target by remote calls, sized and sealed by us, closed there again at once. */
#include "tracer/agent/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "tracer/mem/live.h"
#include "tracer/process/pidfd.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18 /* Linux 4.14 */
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u /* Linux 6.3; later kernels may insist (vm.memfd_noexec) */
#endif

static int advise(struct inject *in, const char *what, uint64_t advice, struct err *err)
{
	const uint64_t arg[6] = { in->base.v + AGENT_STATE_OFFSET, SHARE_BYTES, advice };
	int64_t answer;

	return inject_call(in, what, remote_sys(in->remote)->madvise, arg, &answer, err);
}

static int undo_fd(void *ctx, uint64_t a, uint64_t b, struct err *err)
{
	struct inject *in = ctx;

	(void)a;
	(void)b;
	int r = inject_close_there(in, &in->share_fd_there, err);

	/* made, perhaps, and nothing heard of it */
	return r == 0 && *in->share_name ? inject_close_ours(in, err) : r;
}

/* A filter's answer to a call it does not expect may be to kill. We are not the ones to try. */
static bool may_ask(const struct inject *in)
{
	struct rlimit size;

	/* beyond this limit of ours, ftruncate is a signal */
	return !remote_filtered(in->remote) && getrlimit(RLIMIT_FSIZE, &size) == 0 &&
	       (size.rlim_cur == RLIM_INFINITY || size.rlim_cur >= SHARE_BYTES);
}

static int create_there(struct inject *in, struct err *err)
{
	const taddr name = taddr_add(in->base, AGENT_GATE_OFFSET +
						       (int64_t)offsetof(struct agent_gate, share_name));
	uint64_t arg[6] = { name.v, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL };
	int r;

	snprintf(in->share_name, sizeof(in->share_name), "pymemprof-%016llx",
		 (unsigned long long)in->fixed.cookie);
	r = live_write(in->mem, name, in->share_name, sizeof(in->share_name), err);
	if (r < 0)
		return r;
	r = inject_call(in, "memfd_create", remote_sys(in->remote)->memfd_create, arg,
			&in->share_fd_there, err);
	if (r < 0 && err->sys == EINVAL) {
		arg[1] &= ~(uint64_t)MFD_NOEXEC_SEAL;
		r = inject_call(in, "memfd_create", remote_sys(in->remote)->memfd_create, arg,
				&in->share_fd_there, err);
	}
	if (r < 0)
		in->share_fd_there = -1;
	return r;
}

static int take(struct inject *in, struct err *err)
{
	AUTO_CLOSE int pidfd = -1;
	int r;

	if (pidfd_of(in->pid, &pidfd, NULL) < 0)
		pidfd = -1;
	r = pidfd_take(pidfd, in->pid, (int)in->share_fd_there, O_RDWR, &in->share_fd, err);
	if (r < 0)
		return r;
	if (ftruncate(in->share_fd, SHARE_BYTES) < 0)
		return err_sys(err, errno, "size of the agent's memory");
	/* nobody makes it shorter under the target's feet */
	(void)fcntl(in->share_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	return 0;
}

static int map_over(struct inject *in, uint64_t flags, int64_t fd, struct err *err)
{
	const uint64_t map[6] = { in->base.v + AGENT_STATE_OFFSET, SHARE_BYTES,
				  PROT_READ | PROT_WRITE, flags | MAP_FIXED, (uint64_t)fd, 0 };
	int64_t answer;

	return inject_call(in, "mmap of its memory", remote_sys(in->remote)->mmap, map, &answer, err);
}

static void let_go(struct inject *in)
{
	own_close_p(&in->share_fd);
	in->share_fd = -1;
}

static int by_memfd(struct inject *in, struct err *err)
{
	int r = create_there(in, err), closed;

	if (r == 0)
		r = take(in, err);
	if (r == 0)
		r = map_over(in, MAP_SHARED, in->share_fd_there, err);
	closed = inject_close_there(in, &in->share_fd_there, r < 0 ? NULL : err);
	return r < 0 ? r : closed;
}

/* No descriptor in the target and no unusual call; opening the link wants CAP_CHECKPOINT_RESTORE. */
static int by_map_files(struct inject *in, struct err *err)
{
	const uint64_t start = in->base.v + AGENT_STATE_OFFSET, end = start + SHARE_BYTES;
	char path[96];
	int r = map_over(in, MAP_SHARED | MAP_ANONYMOUS, -1, err);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)in->pid,
		 (unsigned long long)start, (unsigned long long)end);
	in->share_fd = open(path, O_RDONLY | O_CLOEXEC);
	return in->share_fd < 0 ? err_sys(err, errno, "%s", path) : 0;
}

static int stay_private(struct inject *in, struct err *err)
{
	int r = map_over(in, MAP_PRIVATE | MAP_ANONYMOUS, -1, err);

	return r < 0 ? r : advise(in, "madvise(MADV_WIPEONFORK)", MADV_WIPEONFORK, err);
}

int share_make(struct inject *in, struct undo *undo, struct err *err)
{
	struct err why = ERR_INIT;
	int r = undo_push(undo, "share memory", undo_fd, in, 0, 0, err);

	if (r < 0)
		return r;
	r = may_ask(in) ? by_memfd(in, &why) : ERR_UNSUPPORTED;
	if (r < 0) {
		LOG(LOG_AGENT, "no memfd: %s", why.text);
		let_go(in);
		r = undo_fd(in, 0, 0, err); /* if that was what failed */
		if (r < 0)
			return r;
		r = by_map_files(in, &why);
	}
	if (r < 0) {
		LOG(LOG_AGENT, "no shared memory: %s", why.text);
		return stay_private(in, err);
	}
	in->fixed.shared = 1;
	/* the hooks are not live yet, so no child has seen it */
	return advise(in, "madvise(MADV_DONTFORK)", MADV_DONTFORK, err);
}

int share_read(const struct inject *in, size_t offset, void *to, size_t n, struct err *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(in->share_fd, (char *)to + done, n - done,
				    (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_sys(err, got < 0 ? errno : EIO, "the agent's memory");
		done += (size_t)got;
	}
	return 0;
}

bool share_is_link(const char *link, const char *name)
{
	static const char before[] = "/memfd:";
	size_t n = strlen(name);

	return n && strncmp(link, before, sizeof(before) - 1) == 0 &&
	       strncmp(link + sizeof(before) - 1, name, n) == 0 &&
	       strcmp(link + sizeof(before) - 1 + n, " (deleted)") == 0;
}
