/* SPDX-License-Identifier: MIT */
/*
 * Putting the agent in: map, write, pipe, protect, and only then exchange twelve words. Every
 * step's inverse is on the undo stack first, so a failure anywhere leaves the target as it was.
 * And every step leaves what another tracer needs to clean up if we are killed here and now: the
 * mapping says what it is before anything else is made, and the pipe's numbers go into it.
 */
#include "tracer/agent/inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tracer/agent/agent_blob.h"
#include "base/own.h"
#include "tracer/agent/inject_inside.h"
#include "tracer/agent/share.h"
#include "tracer/agent/sys.h"
#include "tracer/cpython/agent_offsets.h"
#include "tracer/cpython/interp.h"
#include "tracer/mem/live.h"
#include "tracer/process/pidfd.h"
#include "tracer/process/procfs.h"

#define PIPE_BYTES (1 << 20)
#define PIPE_BYTES_MIN (64 << 10)
#define LOCKSTEP_PIPE_BYTES 4096 /* the kernel's least, where pages are so small */
#define LOCKSTEP_WORDS 128
#define FD_TOP 1024 /* descriptors go below this: select(2) and the size of the kernel's table */
#define OURS_MAX 8 /* descriptors of ours there can be in a target */
#define FD_ROOM 16
#define RESERVE_BYTES (8ull << 20) /* the largest part: the program's mappings, some ten thousand */
#define CALLER_TRIES 30
#define CALLER_STEP_USEC 200

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18 /* Linux 4.14 */
#endif

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int check_options(const struct inject_options *o, struct err *err)
{
	if (o->window & (o->window - 1) || o->window > AGENT_WINDOW_MAX)
		return err_set(err, ERR_USAGE, "the window has a power of two of slots, at most %d",
			       AGENT_WINDOW_MAX);
	if (!o->max_frames || o->max_frames > AGENT_FRAMES_MAX)
		return err_set(err, ERR_USAGE, "between 1 and %d frames of a stack can be kept",
			       AGENT_FRAMES_MAX);
	return 0;
}

void inject_make_room(struct inject *in)
{
	reserve_release(&in->reserve);
}

int inject_new(const struct inject_options *options, struct inject **ret, struct err *err)
{
	const struct timespec pause = { 0, 1000000 };
	struct inject *in;
	int r = check_options(options, err);

	if (r < 0)
		return r;
	in = calloc(1, sizeof(*in));
	if (!in)
		return err_nomem(err);
	in->options = *options;
	in->read_fd = -1;
	in->share_fd = -1;
	in->map_bytes = AGENT_MAP_BYTES;
	in->read_fd_there = in->write_fd_there = in->share_fd_there = -1;
	in->state = calloc(1, sizeof(*in->state));
	in->text = malloc(sizeof(agent_blob));
	if (!in->state || !in->text) {
		inject_free(in);
		return err_nomem(err);
	}
	memcpy(in->text, agent_blob, sizeof(agent_blob));
	in->calibrate_ns = now_ns();
	in->calibrate_ticks = sys_ticks();
	nanosleep(&pause, NULL);
	*ret = in;
	return 0;
}

void inject_free(struct inject *in)
{
	if (!in)
		return;
	if (in->read_fd >= 0)
		close(in->read_fd);
	if (in->share_fd >= 0)
		close(in->share_fd);
	inject_leave(in);
	inject_make_room(in);
	free(in->state);
	free(in->text);
	free(in->residual.bytes);
	free(in);
}

int inject_fd(const struct inject *in)
{
	return in->read_fd;
}

const struct agent_fixed *inject_fixed(const struct inject *in)
{
	return &in->fixed;
}

bool inject_shared(const struct inject *in)
{
	return in->share_fd >= 0;
}

bool inject_waits(const struct inject *in, struct mem_source *mem)
{
	struct agent_gate gate;

	return mem_read(mem, taddr_add(in->base, AGENT_GATE_OFFSET), &gate, sizeof(gate), NULL) == 0 &&
	       gate.why_pass == AGENT_WHY_FINAL;
}

bool inject_busy(const struct inject *in, struct mem_source *mem)
{
	const size_t at = offsetof(struct agent_state, lane);
	struct agent_lane lane;
	int r = in->share_fd >= 0 ? share_read(in, at, &lane, sizeof(lane), NULL) :
				    mem_read(mem, taddr_add(in->base, AGENT_STATE_OFFSET + (int64_t)at), &lane,
					     sizeof(lane), NULL);

	return r == 0 && (lane.in_realloc || lane.inside);
}

int inject_public(const struct inject *in, struct mem_source *mem, struct agent_public *ret,
		  struct err *err)
{
	struct agent_gate gate;
	/* is this still the program we attached to? */
	int r = mem_read(mem, taddr_add(in->base, AGENT_GATE_OFFSET), &gate, sizeof(gate), err);

	if (r == 0 && in->share_fd >= 0)
		r = share_read(in, offsetof(struct agent_state, pub), ret, sizeof(*ret), err);
	else if (r == 0)
		r = mem_read(mem, taddr_add(in->base, AGENT_STATE_OFFSET), ret, sizeof(*ret), err);
	if (r == 0)
		ret->frees += ret->cancelled;
	return r;
}

taddr inject_word(const struct inject *in, uint32_t domain, uint32_t func)
{
	return taddr_of(in->fixed.table_addr[domain] + 8 + 8 * func);
}

/*
 * A single thread may just be where it cannot make a call: at the very edge of a stack that has
 * not grown yet, or inside a restartable sequence. It does not stay there.
 */
int inject_find_caller(struct inject *in, struct err *err)
{
	int r = remote_new(in->stop, in->mem, &in->maps, &in->remote, err);

	for (unsigned i = 1; r == ERR_UNSUPPORTED && i < CALLER_TRIES; i++) {
		if (stop_step(in->stop, i * CALLER_STEP_USEC, NULL) < 0)
			return r;
		maps_deinit(&in->maps);
		in->maps = (struct maps){ 0 };
		r = maps_read(in->pid, &in->maps, err);
		if (r == 0)
			r = remote_new(in->stop, in->mem, &in->maps, &in->remote, err);
	}
	return r;
}

int inject_enter(struct inject *in, struct stop *s, struct mem_source *mem, struct err *err)
{
	int r;

	in->stop = s;
	in->mem = mem;
	in->pid = stop_pid(s);
	r = maps_read(in->pid, &in->maps, err);
	return r < 0 ? r : inject_find_caller(in, err);
}

void inject_leave(struct inject *in)
{
	remote_free(in->remote);
	maps_deinit(&in->maps);
	in->remote = NULL;
	in->maps = (struct maps){ 0 };
	in->stop = NULL;
	in->mem = NULL;
}

int inject_call(struct inject *in, const char *what, long nr, const uint64_t arg[6], int64_t *ret,
		struct err *err)
{
	int r = remote_syscall(in->remote, nr, arg, ret, err);

	if (r < 0)
		return err_wrap(err, r, "%s in the target", what);
	if (*ret >= 0 || *ret <= -4096)
		return 0;
	r = err_sys(err, (int)-*ret, "%s in the target", what);
	return *ret == -EMFILE || *ret == -ENOMEM ? err_hint(err, r, "target-limit") : r;
}

int inject_owns_fd(const struct inject *in, int fd, bool *ret, struct err *err)
{
	char path[64], link[96];
	struct stat st;
	ssize_t n;

	*ret = false;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)in->pid, fd);
	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "%s", path);
	*ret = in->fixed.pipe_ino && st.st_ino == in->fixed.pipe_ino && st.st_dev == in->fixed.pipe_dev;
	if (*ret)
		return 0;
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "%s", path);
	link[n] = 0;
	*ret = share_is_link(link, in->share_name);
	return 0;
}

int inject_find_fd(const struct inject *in, int *ret, struct err *err)
{
	char path[64];
	DIR *dir;
	const struct dirent *e;
	bool ours = false;
	int r = 0;

	*ret = -1;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)in->pid);
	dir = opendir(path);
	if (!dir)
		return err_sys(err, errno, "%s", path);
	while (r == 0 && !ours && (errno = 0, e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		*ret = (int)strtol(e->d_name, NULL, 10);
		r = inject_owns_fd(in, *ret, &ours, err);
	}
	/* a list that ends early is no list: what is ours may be behind it */
	if (r == 0 && !ours && errno)
		r = err_sys(err, errno, "%s", path);
	closedir(dir);
	if (!ours)
		*ret = -1;
	return r;
}

int inject_close_ours(struct inject *in, struct err *err)
{
	for (int i = 0; i < OURS_MAX; i++) {
		int fd, r = inject_find_fd(in, &fd, err);
		int64_t number;

		if (r < 0 || fd < 0)
			return r;
		number = fd;
		r = inject_close_there(in, &number, err);
		if (r < 0)
			return r;
	}
	return err_set(err, ERR_CORRUPT, "the target makes descriptors of ours");
}

/* A tracer that died while making the pipe: its two ends, as the kernel wrote them down. */
static bool find_pipe(struct inject *in, const int32_t made[2])
{
	struct stat st[2];

	for (int i = 0; i < 2; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)in->pid, (int)made[i]);
		if (made[0] == made[1] || stat(path, &st[i]) < 0 || !S_ISFIFO(st[i].st_mode))
			return false;
	}
	if (st[0].st_ino != st[1].st_ino || st[0].st_dev != st[1].st_dev)
		return false;
	in->fixed.pipe_ino = st[0].st_ino;
	in->fixed.pipe_dev = st[0].st_dev;
	return true;
}

void inject_tell_pipe(struct inject *in, const int32_t made[2])
{
	const taddr dev = taddr_add(in->base,
				    AGENT_FIXED_OFFSET + (int64_t)offsetof(struct agent_fixed, pipe_dev));

	_Static_assert(offsetof(struct agent_fixed, pipe_ino) == offsetof(struct agent_fixed, pipe_dev) + 8,
		       "one write");
	if (in->fixed.pipe_ino || find_pipe(in, made))
		(void)!live_write(in->mem, dev, (uint64_t[]){ in->fixed.pipe_dev, in->fixed.pipe_ino },
				  16, NULL);
}

/* --- inverses --------------------------------------------------------------------------------- */

static int undo_map(void *ctx, uint64_t a, uint64_t b, struct err *err)
{
	struct inject *in = ctx;
	const uint64_t arg[6] = { in->base.v, AGENT_MAP_BYTES };
	int64_t answer;
	int r;

	(void)a;
	(void)b;
	if (taddr_is_null(in->base))
		return 0;
	r = inject_call(in, "munmap", remote_sys(in->remote)->munmap, arg, &answer, err);
	if (r == 0)
		in->base = TADDR_NULL;
	return r;
}

int inject_close_there(struct inject *in, int64_t *fd, struct err *err)
{
	const uint64_t arg[6] = { (uint64_t)*fd };
	int64_t answer = INT64_MIN;
	int r;

	if (*fd < 0)
		return 0;
	r = inject_call(in, "close", remote_sys(in->remote)->close, arg, &answer, err);
	/* Whatever close answers, the number is free; a call that was not made is made again by the undo. */
	if (answer != INT64_MIN)
		*fd = -1;
	/* we heard nothing of a call that was made */
	return answer == -EBADF ? 0 : r;
}

/* Where the kernel wrote them down; 0, 0: no pipe was made. */
static int read_pipe_made(struct inject *in, struct err *err)
{
	const taddr made = taddr_add(in->base, AGENT_GATE_OFFSET +
						       (int64_t)offsetof(struct agent_gate, pipe_made));
	int32_t fds[2];
	int r = mem_read(in->mem, made, fds, sizeof(fds), err);

	if (r == 0 && fds[0] != fds[1]) {
		in->read_fd_there = fds[0];
		in->write_fd_there = fds[1];
	}
	return r;
}

static int undo_pipe(void *ctx, uint64_t a, uint64_t b, struct err *err)
{
	struct inject *in = ctx;
	int r, q;

	(void)a;
	(void)b;
	if (in->write_fd_there < 0 && (r = read_pipe_made(in, err)) < 0)
		return r;
	inject_tell_pipe(in, (int32_t[]){ (int32_t)in->read_fd_there, (int32_t)in->write_fd_there });
	r = inject_close_there(in, &in->read_fd_there, err);
	q = inject_close_there(in, &in->write_fd_there, err);
	if (r == 0)
		r = q;
	/* of a call that was made, and nothing heard of, there may be another */
	q = in->fixed.pipe_ino ? inject_close_ours(in, err) : 0;
	return r < 0 ? r : q;
}

static int undo_words(void *ctx, uint64_t a, uint64_t b, struct err *err)
{
	struct inject *in = ctx;
	int first = 0;

	(void)a;
	(void)b;
	while (in->words_set > 0) {
		uint32_t w = --in->words_set, d = w / AGENT_FUNCS, f = w % AGENT_FUNCS;
		int r = live_write(in->mem, inject_word(in, d, f), &in->fixed.original[d].func[f],
				   8, err);

		if (r < 0 && !first)
			first = r;
	}
	return first;
}

/* --- steps ------------------------------------------------------------------------------------- */

static void fill_clock(struct inject *in)
{
	struct agent_fixed *fx = &in->fixed;
	uint64_t ns = now_ns() - in->calibrate_ns, ticks = sys_ticks() - in->calibrate_ticks;

	fx->ticks_per_ms = ns ? (uint64_t)((double)ticks * 1e6 / (double)ns) : 1000000;
	if (!fx->ticks_per_ms)
		fx->ticks_per_ms = 1;
	fx->flush_ticks = fx->ticks_per_ms * (in->options.flush_ms ? in->options.flush_ms : 1);
}

static void fill_fixed(struct inject *in)
{
	const struct agent_head *head = (const struct agent_head *)in->text;
	const struct inject_options *o = &in->options;
	struct agent_fixed *fx = &in->fixed;
	struct procfs_stat self;

	fx->magic = AGENT_MAGIC;
	fx->abi_version = AGENT_ABI_VERSION;
	fx->bytes = sizeof(*fx);
	fx->map_base = in->base.v;
	fx->map_bytes = AGENT_MAP_BYTES;
	fx->text_bytes = sizeof(agent_blob);
	fx->gate_addr = in->base.v + AGENT_GATE_OFFSET;
	fx->state_addr = in->base.v + AGENT_STATE_OFFSET;
	for (int d = 0; d < AGENT_DOMAINS; d++)
		for (int f = 0; f < AGENT_FUNCS; f++)
			fx->hook[d][f] = in->base.v + head->hook[d][f];
	if (fx->tstate_kind == AGENT_TSTATE_GLOBAL) {
		fx->tstate_base = fx->tstate_addr;
		fx->tstate_tp_mask = 0;
	} else {
		fx->tstate_base = (uint64_t)fx->tstate_tls_offset;
		fx->tstate_tp_mask = UINT64_MAX;
	}
	fx->pipe_fd = -1;
	fx->on_full = o->on_full;
	fx->stall_limit_ms = o->stall_limit_ms;
	fx->window = o->sample_bytes ? 0 : o->window;
	fx->window_max_bytes = o->window_max_bytes;
	fx->max_frames = o->max_frames;
	fx->sample_bytes = o->sample_bytes;
	fx->batch_words = o->lockstep ? LOCKSTEP_WORDS : AGENT_OUT_WORDS;
	fill_clock(in);
	if (getrandom(&fx->seed, sizeof(fx->seed), GRND_NONBLOCK) != sizeof(fx->seed))
		fx->seed = sys_ticks();
	fx->cookie = fx->seed * 0x9e3779b97f4a7c15ull ^ now_ns();
	fx->tracer_pid = getpid();
	fx->target_pid = in->pid;
	if (procfs_stat(getpid(), 0, &self, NULL) == 0)
		fx->tracer_start = self.start_ticks;
}

static int protect(struct inject *in, uint64_t offset, uint64_t bytes, uint64_t prot, struct err *err)
{
	const uint64_t arg[6] = { in->base.v + offset, bytes, prot };
	int64_t answer;

	return inject_call(in, "mprotect", remote_sys(in->remote)->mprotect, arg, &answer, err);
}

static int write_fixed(struct inject *in, struct err *err)
{
	return live_write(in->mem, taddr_add(in->base, AGENT_FIXED_OFFSET), &in->fixed,
			  sizeof(in->fixed), err);
}

static int write_text(struct inject *in, struct err *err)
{
	int r = write_fixed(in, err);

	return r < 0 ? r : live_write(in->mem, in->base, in->text, sizeof(agent_blob), err);
}

/*
 * Mapped without permission to write, so that it never becomes one range with its neighbours and
 * can be found by its first bytes (inject_find); until they are there, by its shape (orphan.c). We write through /proc/PID/mem; where the
 * kernel does not allow that (proc_mem.force_override, 6.12), with the permission after all.
 */
static int map_agent(struct inject *in, struct undo *undo, struct err *err)
{
	const struct remote_sys *sys = remote_sys(in->remote);
	const uint64_t map[6] = { 0, AGENT_MAP_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				  (uint64_t)-1, 0 };
	const uint64_t gate_bytes = AGENT_STATE_OFFSET - AGENT_GATE_OFFSET;
	int64_t answer;
	int r = undo_push(undo, "map the agent", undo_map, in, 0, 0, err);

	if (r == 0)
		r = inject_call(in, "mmap", sys->mmap, map, &answer, err);
	if (r < 0)
		return r;
	in->base = taddr_of((uint64_t)answer);
	fill_fixed(in);
	if (write_text(in, NULL) < 0) {
		r = protect(in, 0, AGENT_GATE_OFFSET, PROT_READ | PROT_WRITE, err);
		if (r == 0)
			r = write_text(in, err);
	}
	if (r == 0)
		r = protect(in, AGENT_GATE_OFFSET, gate_bytes, PROT_READ | PROT_WRITE, err);
	if (r == 0) {
		const uint64_t wipe[6] = { in->base.v + AGENT_GATE_OFFSET, gate_bytes,
					   MADV_WIPEONFORK };

		r = inject_call(in, "madvise(MADV_WIPEONFORK)", sys->madvise, wipe, &answer, err);
	}
	return r;
}

/* A number few programs look at: high, but without growing the kernel's table of descriptors. */
static uint64_t high_fd(pid_t pid)
{
	struct rlimit limit = { 0, 0 };

	if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0 || limit.rlim_cur > FD_TOP)
		limit.rlim_cur = FD_TOP;
	return limit.rlim_cur > 2 * FD_ROOM ? limit.rlim_cur - FD_ROOM : 3;
}

static void size_pipe(int fd, bool lockstep)
{
	if (lockstep) {
		(void)fcntl(fd, F_SETPIPE_SZ, LOCKSTEP_PIPE_BYTES);
		return;
	}
	/* an unprivileged owner may be over the limit of pipe-user-pages-soft (pipe(7)) */
	for (int bytes = PIPE_BYTES; bytes > PIPE_BYTES_MIN; bytes /= 2)
		if (fcntl(fd, F_SETPIPE_SZ, bytes) >= 0)
			return;
}

/* Our own description or a duplicate of the target's: non-blocking either way. */
static int take_read_end(struct inject *in, struct err *err)
{
	AUTO_CLOSE int pidfd = -1;
	struct stat st;
	int r;

	if (pidfd_of(in->pid, &pidfd, NULL) < 0)
		pidfd = -1;
	r = pidfd_take(pidfd, in->pid, (int)in->read_fd_there, O_RDONLY | O_NONBLOCK, &in->read_fd,
		       err);
	if (r < 0)
		return err_wrap(err, r, "read end of the pipe");
	if (fcntl(in->read_fd, F_SETFL, O_NONBLOCK) < 0 || fstat(in->read_fd, &st) < 0)
		return err_sys(err, errno, "read end of the pipe");
	in->fixed.pipe_dev = st.st_dev;
	in->fixed.pipe_ino = st.st_ino;
	size_pipe(in->read_fd, in->options.lockstep);
	return 0;
}

static int make_pipe(struct inject *in, struct undo *undo, struct err *err)
{
	const struct remote_sys *sys = remote_sys(in->remote);
	taddr made = taddr_add(in->base, AGENT_GATE_OFFSET +
						 (int64_t)offsetof(struct agent_gate, pipe_made));
	const uint64_t pipe[6] = { made.v, O_CLOEXEC | O_NONBLOCK };
	int64_t answer;
	int r = undo_push(undo, "make a pipe", undo_pipe, in, 0, 0, err);

	if (r == 0)
		r = inject_call(in, "pipe2", sys->pipe2, pipe, &answer, err);
	if (r == 0)
		r = read_pipe_made(in, err);
	if (r == 0)
		r = take_read_end(in, err);
	if (r == 0)
		r = write_fixed(in, err); /* whose pipe it is, before its number changes */
	if (r == 0)
		r = inject_close_there(in, &in->read_fd_there, err);
	if (r < 0)
		return r;
	{
		const uint64_t dup[6] = { (uint64_t)in->write_fd_there, F_DUPFD_CLOEXEC, high_fd(in->pid) };

		/* no room up there: the low number does as well; but there must be an answer */
		answer = INT64_MIN;
		r = inject_call(in, "fcntl", sys->fcntl, dup, &answer, err);
		if (r < 0 && answer == INT64_MIN)
			return r;
		if (r == 0) {
			in->read_fd_there = in->write_fd_there; /* the undo knows both */
			in->write_fd_there = answer;
			r = inject_close_there(in, &in->read_fd_there, err);
		} else {
			r = 0;
		}
	}
	in->fixed.pipe_fd = (int32_t)in->write_fd_there;
	return r;
}

static int several_gils(const struct inject *in, bool *ret, struct err *err)
{
	struct interp_iter it;
	taddr interp;
	int r;

	*ret = false;
	if (!in->py->initialized)
		return 0;
	r = interp_iter_init(&it, in->py, in->mem, err);
	while (r == 0 && (r = interp_next(&it, &interp, err)) > 0) {
		bool own = false;

		r = 0;
		if (!taddr_eq(interp, in->py->main_interp))
			r = interp_own_gil(in->py, in->mem, interp, &own, err);
		*ret |= own;
	}
	return r;
}

/* Do the originals behave as CPython's own: large blocks go to the raw table unchanged? */
static bool needs_care(const struct inject *in)
{
	const struct py *py = in->py;

	if (py->debug_allocators || py->tracemalloc_on)
		return true;
	for (int d = AGENT_MEM; d <= AGENT_OBJ; d++) {
		const struct agent_table_copy *t = &in->fixed.original[d];

		for (int f = 0; f < AGENT_FUNCS; f++)
			if (t->func[f] < py->text_start || t->func[f] >= py->text_end || t->ctx)
				return true;
	}
	return false;
}

/* Table contents, GIL, mode: what must be read while nobody runs. */
static int read_interpreter(struct inject *in, struct err *err)
{
	struct agent_fixed *fx = &in->fixed;
	bool several = false;
	int r = 0;

	agent_offsets_fill(in->py, fx);
	if (in->options.past_final)
		fx->finalizing_addr = 0;
	fx->off.interp_gil = in->py->layout->PyInterpreterState_ceval_gil;
	for (int d = 0; d < AGENT_DOMAINS && r == 0; d++)
		r = mem_read(in->mem, taddr_of(fx->table_addr[d]), &fx->original[d],
			     sizeof(fx->original[d]), err);
	if (r == 0)
		r = several_gils(in, &several, err);
	if (r == 0 && fx->off.interp_gil >= 0 && in->py->initialized)
		r = mem_u64(in->mem, taddr_add(in->py->main_interp, fx->off.interp_gil),
			    &fx->main_gil, err);
	if (r < 0)
		return r;
	for (int d = 0; d < AGENT_DOMAINS; d++) {
		for (int f = 0; f < AGENT_FUNCS; f++) {
			const struct map_range *m =
				maps_find(&in->maps, taddr_of(fx->original[d].func[f]));

			if (!m || !(m->flags & MAP_X))
				return err_set(err, ERR_UNSUPPORTED,
					       "the allocator table at %#llx does not lead to code",
					       (unsigned long long)fx->table_addr[d]);
		}
	}
	fx->mode = (several ? AGENT_MODE_LOCKED : AGENT_MODE_RECORD) | AGENT_GATE_FRESH;
	if (in->options.sample_bytes)
		fx->mode |= AGENT_GATE_SAMPLE;
	if (needs_care(in))
		fx->mode |= AGENT_GATE_CAREFUL;
	return 0;
}

/* The last of it: the descriptor, the mode, and what may be done with which part. */
static int finish_agent(struct inject *in, struct err *err)
{
	const uint32_t mode = in->fixed.mode;
	int r = write_fixed(in, err);

	if (r == 0)
		r = live_write(in->mem, taddr_add(in->base, AGENT_GATE_OFFSET), &mode,
			       sizeof(mode), err);
	if (r == 0)
		r = protect(in, 0, AGENT_GATE_OFFSET, PROT_READ | PROT_EXEC, err);
	return r < 0 ? err_wrap(err, r, "writing the agent") : 0;
}

/*
 * Read back what the target will run and depend on. The words come last and one by one; a thread
 * may be between its load of a function and its call, and either function is right for it.
 */
static int swap_words(struct inject *in, struct undo *undo, struct err *err)
{
	int r;

	r = mem_read(in->mem, in->base, in->text, sizeof(agent_blob), err);
	if (r == 0 && memcmp(in->text, agent_blob, sizeof(agent_blob)) != 0)
		r = err_set(err, ERR_CORRUPT, "the agent reads back different from what was written");
	if (r == 0)
		r = undo_push(undo, "hook the allocators", undo_words, in, 0, 0, err);
	while (r == 0 && in->words_set < AGENT_DOMAINS * AGENT_FUNCS) {
		uint32_t d = in->words_set / AGENT_FUNCS, f = in->words_set % AGENT_FUNCS;
		uint64_t back = 0;

		in->words_set++;
		r = live_write(in->mem, inject_word(in, d, f), &in->fixed.hook[d][f], 8, err);
		if (r == 0)
			r = mem_u64(in->mem, inject_word(in, d, f), &back, err);
		if (r == 0 && back != in->fixed.hook[d][f])
			r = err_set(err, ERR_CORRUPT, "an allocator table does not keep a change");
	}
	return r;
}

static int refuse_second(struct inject *in, struct err *err)
{
	struct inject_orphan o;
	int r = inject_find(in->pid, in->py, in->mem, &in->maps, &o, err);

	if (r <= 0)
		return r;
	if (o.tracer_alive)
		return err_hint(err, err_set(err, ERR_DENIED, "process %d is being recorded by process %d",
					     (int)in->pid, (int)o.fixed.tracer_pid),
				"already-attached");
	return err_hint(err, err_set(err, ERR_USAGE, "process %d still has the agent of a tracer that died",
				     (int)in->pid),
			"orphan-agent");
}

static int attach(struct inject *in, struct stop *s, struct mem_source *mem, struct undo *undo,
		  struct err *err)
{
	int r = inject_enter(in, s, mem, err);

	if (r == 0)
		r = refuse_second(in, err);
	if (r == 0)
		r = read_interpreter(in, err);
	if (r == 0)
		r = reserve_hold(&in->reserve, RESERVE_BYTES, err);
	if (r == 0)
		r = map_agent(in, undo, err);
	if (r == 0)
		r = share_make(in, undo, err);
	if (r == 0)
		r = make_pipe(in, undo, err);
	if (r == 0)
		r = finish_agent(in, err);
	return r < 0 ? r : swap_words(in, undo, err);
}

int inject_attach(struct inject *in, struct stop *s, struct mem_source *mem, const struct py *py,
		  struct undo *undo, struct err *err)
{
	int mark = undo->depth, r;

	in->py = py;
	r = attach(in, s, mem, undo, err);
	if (r < 0) {
		inject_make_room(in);
		undo_run(undo, mark, NULL);
		inject_leave(in);
		return r;
	}
	/* the inverses in a stopped target become one that stops it by itself */
	in->hooked = true;
	while (undo->depth > mark)
		undo_drop(undo);
	r = undo_push(undo, "remove the agent", inject_undo_remove, in, 0, 0, err);
	inject_leave(in);
	return r;
}
