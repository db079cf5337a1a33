/* SPDX-License-Identifier: MIT */
/*
 * Readers of /proc/PID. Every text is parsed by a function that takes bytes, so a test needs no
 * process. It opens files for others and does not look inside them.
 */
#include "tracer/process/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"

#define PROC_TEXT_MAX 16384
#define PROC_PATH_MAX 96
#define KERNEL_THREAD_FLAG 0x00200000u /* PF_KTHREAD, include/linux/sched.h */
#define DELETED_SUFFIX " (deleted)"

/* A vanished process shows as ENOENT on open and as ESRCH on read: both are GONE. */
static int proc_error(struct err *err, pid_t pid, const char *what)
{
	int sys = errno == ENOENT ? ESRCH : errno;
	int r = err_sys(err, sys, "process %d: %s", (int)pid, what);

	return sys == ESRCH ? err_hint(err, r, "no-such-process") : r;
}

/* /proc/PID/name or /proc/PID/task/TID/name. */
static void proc_path(char *path, size_t size, pid_t pid, pid_t tid, const char *name)
{
	if (tid)
		snprintf(path, size, "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
	else
		snprintf(path, size, "/proc/%d/%s", (int)pid, name);
}

static int read_text(pid_t pid, pid_t tid, const char *name, char text[PROC_TEXT_MAX],
		     size_t *ret_len, struct err *err)
{
	char path[PROC_PATH_MAX];
	size_t len = 0;
	AUTO_CLOSE int fd = -1;

	proc_path(path, sizeof(path), pid, tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return proc_error(err, pid, name);
	while (len < PROC_TEXT_MAX) {
		ssize_t n = read(fd, text + len, PROC_TEXT_MAX - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return proc_error(err, pid, name);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

/* Next number in [*at, end) after blanks; false when there is none. */
static bool next_number(const char **at, const char *end, unsigned base, uint64_t *ret)
{
	const char *p = *at;
	uint64_t value = 0;
	bool negative = false, any = false;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (p < end && *p == '-') {
		negative = true;
		p++;
	}
	for (; p < end; p++) {
		unsigned digit;

		if (*p >= '0' && *p <= '9')
			digit = (unsigned)(*p - '0');
		else if (*p >= 'a' && *p <= 'f')
			digit = (unsigned)(*p - 'a') + 10;
		else
			break;
		if (digit >= base)
			break;
		value = value * base + digit;
		any = true;
	}
	*at = p;
	*ret = negative ? (uint64_t)0 - value : value;
	return any;
}

static uint64_t number_or_zero(const char *at, const char *end, unsigned base)
{
	uint64_t v = 0;

	return next_number(&at, end, base, &v) ? v : 0;
}

/* "Name:\tpython3" → value range when the line starts with key. */
static bool line_value(const char *line, const char *end, const char *key, const char **ret)
{
	size_t n = strlen(key);

	if ((size_t)(end - line) < n || memcmp(line, key, n) != 0)
		return false;
	line += n;
	while (line < end && (*line == '\t' || *line == ' '))
		line++;
	*ret = line;
	return true;
}

static void status_ids(const char *v, const char *end, uint32_t *real, uint32_t *effective)
{
	uint64_t a = 0, b = 0;

	if (next_number(&v, end, 10, &a) && next_number(&v, end, 10, &b)) {
		*real = (uint32_t)a;
		*effective = (uint32_t)b;
	}
}

static void status_nspid(const char *v, const char *end, struct procfs_status *s)
{
	uint64_t n;

	while (s->nspid_count < PROCFS_NSPID_MAX && next_number(&v, end, 10, &n))
		s->nspid[s->nspid_count++] = (pid_t)n;
}

static bool has_word(const char *v, const char *end, const char *word)
{
	return memmem(v, (size_t)(end - v), word, strlen(word)) != NULL;
}

/* One line, for example "Uid:\t1000\t1000\t1000\t1000" or "SigBlk:\t0000000000010000". */
static void status_line(const char *line, const char *end, struct procfs_status *s)
{
	const struct {
		const char *key;
		pid_t *to;
	} pids[] = { { "Tgid:", &s->tgid }, { "PPid:", &s->ppid }, { "TracerPid:", &s->tracer } };
	const struct {
		const char *key;
		uint64_t *to;
	} sets[] = { { "SigPnd:", &s->sig_pending },	   { "ShdPnd:", &s->sig_shared_pending },
		     { "SigBlk:", &s->sig_blocked },	   { "SigIgn:", &s->sig_ignored },
		     { "SigCgt:", &s->sig_caught },
		     { "CapEff:", &s->capabilities } };
	const char *v;

	for (size_t i = 0; i < sizeof(pids) / sizeof(*pids); i++)
		if (line_value(line, end, pids[i].key, &v))
			*pids[i].to = (pid_t)number_or_zero(v, end, 10);
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		if (line_value(line, end, sets[i].key, &v))
			*sets[i].to = number_or_zero(v, end, 16);
	if (line_value(line, end, "Name:", &v)) {
		size_t n = (size_t)(end - v);

		n = n < sizeof(s->comm) ? n : sizeof(s->comm) - 1;
		memcpy(s->comm, v, n);
		s->comm[n] = '\0';
	} else if (line_value(line, end, "State:", &v)) {
		s->state = v < end ? *v : '\0';
	} else if (line_value(line, end, "Uid:", &v)) {
		status_ids(v, end, &s->uid, &s->euid);
	} else if (line_value(line, end, "Gid:", &v)) {
		status_ids(v, end, &s->gid, &s->egid);
	} else if (line_value(line, end, "Threads:", &v)) {
		s->threads = (uint32_t)number_or_zero(v, end, 10);
	} else if (line_value(line, end, "Seccomp:", &v)) {
		s->seccomp = (uint32_t)number_or_zero(v, end, 10);
	} else if (line_value(line, end, "NSpid:", &v)) {
		status_nspid(v, end, s);
	} else if (line_value(line, end, "VmSize:", &v)) {
		s->has_memory = true;
		s->vm_size_kib = number_or_zero(v, end, 10);
	} else if (line_value(line, end, "VmData:", &v)) {
		s->vm_data_kib = number_or_zero(v, end, 10);
	} else if (line_value(line, end, "FDSize:", &v)) {
		s->fd_size = (uint32_t)number_or_zero(v, end, 10);
	} else if (line_value(line, end, "x86_Thread_features:", &v)) {
		s->shadow_stack = has_word(v, end, "shstk");
	}
}

int procfs_status_parse(const char *text, size_t len, struct procfs_status *ret, struct err *err)
{
	struct procfs_status s = { 0 };
	const char *at = text, *end = text + len;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;

		status_line(at, stop, &s);
		at = newline ? newline + 1 : end;
	}
	if (!s.state || !s.tgid)
		return err_set(err, ERR_CORRUPT, "status has no State or Tgid line");
	*ret = s;
	return 0;
}

/*
 * 4021 (python3 (x)) S 1 4021 4021 0 -1 4194304 1018 0 0 0 12 3 0 0 20 0 1 0 8675309 …
 * The name may hold anything, also parentheses: fields start after the last one.
 */
int procfs_stat_parse(const char *text, size_t len, struct procfs_stat *ret, struct err *err)
{
	const char *end = text + len, *at = len ? memrchr(text, ')', len) : NULL;
	struct procfs_stat s = { 0 };
	uint64_t field[39] = { 0 };

	if (!at || end - at < 4 || at[1] != ' ')
		return err_set(err, ERR_CORRUPT, "stat has no process name");
	s.state = at[2];
	at += 3;
	for (int i = 4; i <= 22; i++)
		if (!next_number(&at, end, 10, &field[i]))
			return err_set(err, ERR_CORRUPT, "stat ends before field %d", i);
	s.ppid = (pid_t)field[4];
	s.flags = field[9];
	s.utime_ticks = field[14];
	s.stime_ticks = field[15];
	s.start_ticks = field[22];
	s.exit_signal = -1;
	for (int i = 23; i <= 38 && next_number(&at, end, 10, &field[i]); i++)
		if (i == 38)
			s.exit_signal = (int32_t)field[i];
	*ret = s;
	return 0;
}

int procfs_status(pid_t pid, pid_t tid, struct procfs_status *ret, struct err *err)
{
	char text[PROC_TEXT_MAX];
	size_t len = 0;
	int r = read_text(pid, tid, "status", text, &len, err);

	if (r < 0)
		return r;
	r = procfs_status_parse(text, len, ret, err);
	return r < 0 ? err_wrap(err, r, "process %d", (int)pid) : 0;
}

int procfs_stat(pid_t pid, pid_t tid, struct procfs_stat *ret, struct err *err)
{
	char text[PROC_TEXT_MAX];
	size_t len = 0;
	int r = read_text(pid, tid, "stat", text, &len, err);

	if (r < 0)
		return r;
	r = procfs_stat_parse(text, len, ret, err);
	return r < 0 ? err_wrap(err, r, "process %d", (int)pid) : 0;
}

/* "47548048 298798577 217" */
int procfs_schedstat(pid_t pid, pid_t tid, struct procfs_schedstat *ret, struct err *err)
{
	char text[PROC_TEXT_MAX];
	const char *at = text;
	size_t len = 0;
	int r = read_text(pid, tid, "schedstat", text, &len, err);

	if (r == 0 && (!next_number(&at, text + len, 10, &ret->ran_ns) ||
		       !next_number(&at, text + len, 10, &ret->waited_ns)))
		r = err_set(err, ERR_CORRUPT, "process %d: schedstat makes no sense", (int)pid);
	return r;
}

/* "running", "-1 0x7ffe6d4a1ab8 0x7f7b2c" or "230 0x1 0x1 0x7ffe 0x0 0x0 0x0 0x7ffe6d4a 0x7f7b" */
int procfs_syscall_parse(const char *text, size_t len, struct procfs_syscall *ret, struct err *err)
{
	const char *at = text;
	uint64_t nr = 0;

	*ret = (struct procfs_syscall){ .running = true, .nr = -1 };
	if (len >= 7 && memcmp(text, "running", 7) == 0)
		return 0;
	if (!next_number(&at, text + len, 10, &nr))
		return err_set(err, ERR_CORRUPT, "syscall has no number");
	*ret = (struct procfs_syscall){ .nr = (int64_t)nr < -1 ? -1 : (int64_t)nr };
	return 0;
}

int procfs_syscall(pid_t pid, pid_t tid, struct procfs_syscall *ret, struct err *err)
{
	char text[PROC_TEXT_MAX];
	size_t len = 0;
	int r = read_text(pid, tid, "syscall", text, &len, err);

	return r < 0 ? r : procfs_syscall_parse(text, len, ret, err);
}

bool procfs_is_kernel_thread(const struct procfs_stat *stat)
{
	return (stat->flags & KERNEL_THREAD_FLAG) != 0;
}

int procfs_rss_bytes(pid_t pid, uint64_t *ret, struct err *err)
{
	char text[PROC_TEXT_MAX];
	const char *at = text;
	uint64_t size, resident;
	size_t len = 0;
	int r = read_text(pid, 0, "statm", text, &len, err);

	if (r < 0)
		return r;
	/* "3301 1127 683 ..." in pages: total, resident */
	if (!next_number(&at, text + len, 10, &size) ||
	    !next_number(&at, text + len, 10, &resident))
		return err_set(err, ERR_CORRUPT, "process %d: statm makes no sense", (int)pid);
	*ret = resident * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

int procfs_cpu_ns(pid_t pid, uint64_t *ret, struct err *err)
{
	struct timespec ts;
	clockid_t clock;
	int sys = clock_getcpuclockid(pid, &clock);

	if (sys == 0 && clock_gettime(clock, &ts) < 0)
		sys = errno == EINVAL ? ESRCH : errno;
	if (sys)
		return err_sys(err, sys, "process %d: CPU clock", (int)pid);
	*ret = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	return 0;
}

int procfs_ptrace_scope(void)
{
	char c = 0;
	AUTO_CLOSE int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, &c, 1) != 1 || c < '0' || c > '3')
		return -1;
	return c - '0';
}

static int read_link(pid_t pid, const char *name, char **ret, struct err *err)
{
	char path[PROC_PATH_MAX], target[PATH_MAX + 1];
	ssize_t n;

	proc_path(path, sizeof(path), pid, 0, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return proc_error(err, pid, name);
	target[n] = '\0';
	*ret = strdup(target);
	return *ret ? 0 : err_nomem(err);
}

int procfs_exe(pid_t pid, char **ret, struct err *err)
{
	return read_link(pid, "exe", ret, err);
}

static void cut_suffix(char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	if (n > m && strcmp(path + n - m, suffix) == 0)
		path[n - m] = '\0';
}

int procfs_exe_base(pid_t pid, char **ret, struct err *err)
{
	AUTO_FREE char *path = NULL;
	const char *slash;
	int r = procfs_exe(pid, &path, err);

	if (r < 0)
		return r;
	cut_suffix(path, DELETED_SUFFIX);
	slash = strrchr(path, '/');
	*ret = strdup(slash ? slash + 1 : path);
	return *ret ? 0 : err_nomem(err);
}

int procfs_root(pid_t pid, char **ret, struct err *err)
{
	return read_link(pid, "root", ret, err);
}

int procfs_namespace(pid_t pid, const char *kind, uint64_t *ret, struct err *err)
{
	char path[PROC_PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	if (stat(path, &st) < 0)
		return proc_error(err, pid, path);
	*ret = st.st_ino;
	return 0;
}

int procfs_same_namespace(pid_t pid, const char *kind, struct err *err)
{
	uint64_t theirs = 0, ours = 0;
	int r = procfs_namespace(pid, kind, &theirs, err);

	if (r == 0)
		r = procfs_namespace(getpid(), kind, &ours, err);
	return r < 0 ? r : theirs == ours;
}

static int compare_tids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

int procfs_threads(pid_t pid, pid_t **ret, size_t *ret_count, struct err *err)
{
	char path[PROC_PATH_MAX];
	AUTO_FREE pid_t *tids = NULL;
	size_t count = 0, room = 0;
	AUTO(close_dir) DIR *dir = NULL;
	struct dirent *e;

	proc_path(path, sizeof(path), pid, 0, "task");
	dir = opendir(path);
	if (!dir)
		return proc_error(err, pid, "task");
	while ((errno = 0, e = readdir(dir))) {
		const char *name = e->d_name;
		uint64_t tid;

		if (!next_number(&name, e->d_name + strlen(e->d_name), 10, &tid))
			continue;
		if (count == room) {
			size_t grown = room ? room * 2 : 64;
			pid_t *p = realloc(tids, grown * sizeof(*p));

			if (!p)
				return err_nomem(err);
			tids = p;
			room = grown;
		}
		tids[count++] = (pid_t)tid;
	}
	/* half a list would leave threads running while we believe that all stand still */
	if (errno || count == 0) {
		errno = errno ? errno : ESRCH;
		return proc_error(err, pid, "task");
	}
	qsort(tids, count, sizeof(*tids), compare_tids);
	*ret = TAKE(tids);
	*ret_count = count;
	return 0;
}

/*
 * A symbolic link with an absolute target must be resolved in the target's root, not in ours:
 * openat2(2) does that (Linux 5.6); without it a plain openat is the best there is.
 */
static int open_in_root(int root, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
				.resolve = RESOLVE_IN_ROOT };
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
		while (*path == '/')
			path++;
		fd = openat(root, *path ? path : ".", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	}
	return fd;
}

static int require_regular(int fd, const char *path, struct stat *ret, struct err *err)
{
	if (fstat(fd, ret) < 0)
		return err_sys(err, errno, "%s", path);
	if (!S_ISREG(ret->st_mode))
		return err_set(err, ERR_UNSUPPORTED, "%s is not a regular file", path);
	return 0;
}

static int open_path(pid_t pid, const char *path, struct stat *ret_stat, int *ret_fd,
		     struct err *err)
{
	char root_path[PROC_PATH_MAX];
	AUTO_CLOSE int root = -1;
	AUTO_CLOSE int fd = -1;
	int r;

	proc_path(root_path, sizeof(root_path), pid, 0, "root");
	root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return proc_error(err, pid, "root");
	fd = open_in_root(root, path);
	if (fd < 0)
		return err_sys(err, errno, "open %s of process %d", path, (int)pid);
	r = require_regular(fd, path, ret_stat, err);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int procfs_open(pid_t pid, const char *path, int *ret_fd, struct err *err)
{
	struct stat st;

	return open_path(pid, path, &st, ret_fd, err);
}

/* /proc/PID/map_files/START-END leads to the mapped file whatever became of its name. */
static int open_map_file(pid_t pid, const struct map_range *range)
{
	char path[PROC_PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid,
		 (unsigned long long)range->start, (unsigned long long)range->end);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* btrfs and overlayfs show another device in maps than stat does, so the inode alone decides. */
static bool same_file(const struct map_range *range, const struct stat *st)
{
	return range->inode == st->st_ino;
}

int procfs_open_map(pid_t pid, const struct map_range *range, int *ret_fd, struct err *err)
{
	AUTO_CLOSE int by_path = -1;
	struct stat st;
	size_t len = strlen(range->path), cut = strlen(DELETED_SUFFIX);
	bool deleted = len > cut && strcmp(range->path + len - cut, DELETED_SUFFIX) == 0;
	int r = 0, fd;

	if (range->path[0] != '/')
		return err_set(err, ERR_UNSUPPORTED, "range %llx maps no file",
			       (unsigned long long)range->start);
	if (!deleted) {
		r = open_path(pid, range->path, &st, &by_path, err);
		if (r == 0 && same_file(range, &st)) {
			*ret_fd = TAKE_FD(by_path);
			return 0;
		}
	}
	fd = open_map_file(pid, range);
	if (fd >= 0 && require_regular(fd, range->path, &st, err) == 0) {
		*ret_fd = fd;
		return 0;
	}
	if (fd >= 0) {
		close(fd);
		return ERR_UNSUPPORTED;
	}
	/* No privilege for map_files: the path is the best guess; the build-id will tell. */
	if (by_path >= 0) {
		*ret_fd = TAKE_FD(by_path);
		return 0;
	}
	return r < 0 ? r : err_sys(err, errno, "open deleted file %s of process %d", range->path,
				   (int)pid);
}
