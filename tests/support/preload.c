/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the built program by a test that wants it in trouble; the program knows nothing of
 * it, and what it starts does not inherit it.
 *
 *	PYMEMPROF_FAIL_ALLOC=N	the N-th allocation after main began returns NULL, those of libraries
 *				included; 0: none, they are only counted
 *	PYMEMPROF_CLOCK=N:S:M	from the N-th look at a clock on, the date has leapt by S seconds and
 *				CLOCK_MONOTONIC by M (which only grows)
 *	PYMEMPROF_FAULTS=FILE	how many allocations and looks there were, written at the end
 *	PYMEMPROF_PLACES=FILE	a number for the stack of each allocation, a line each
 *	PYMEMPROF_DEPTH=N	of the innermost N frames of it, this library's included (all)
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int (*main_fn)(int, char **, char **);
typedef int (*start_fn)(main_fn, int, char **, void (*)(void), void (*)(void), void (*)(void),
			void *);

static struct {
	main_fn main;
	int (*clock)(clockid_t, struct timespec *);
	int (*sleep)(clockid_t, int, const struct timespec *, struct timespec *);
	atomic_bool on;
	atomic_ulong allocs, looks;
	unsigned long fail_at, leap_at;
	long date, monotonic;
	char path[256];
	FILE *places;
	int depth;
} state;

#define DEPTH_MAX 64
static _Thread_local int within;

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void *malloc(size_t n);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t n);
void *aligned_alloc(size_t alignment, size_t n);
int clock_gettime(clockid_t clock, struct timespec *ts);
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *ts, struct timespec *rest);
time_t time(time_t *ret);
int __libc_start_main(main_fn fn, int argc, char **argv, void (*init)(void), void (*fini)(void),
		      void (*rtld_fini)(void), void *stack_end);

/* Who allocates: the same number for the same stack. */
static void note_place(void)
{
	void *frame[DEPTH_MAX];
	uint64_t hash = 14695981039346656037u;

	within = 1;
	for (int i = backtrace(frame, state.depth) - 1; i >= 0; i--)
		hash = (hash ^ (uint64_t)(uintptr_t)frame[i]) * 1099511628211u;
	fprintf(state.places, "%" PRIx64 "\n", hash);
	within = 0;
}

static int fails_now(void)
{
	if (!atomic_load(&state.on) || within)
		return 0;
	if (state.places)
		note_place();
	if (atomic_fetch_add(&state.allocs, 1) + 1 != state.fail_at)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t n)
{
	return fails_now() ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t n)
{
	return fails_now() ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
	return fails_now() ? NULL : __libc_memalign(alignment, n);
}

static long leapt(clockid_t clock)
{
	if (state.leap_at == 0 || atomic_load(&state.looks) < state.leap_at)
		return 0;
	return clock == CLOCK_REALTIME				   ? state.date :
	       clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ? state.monotonic :
								     0;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int rc = state.clock ? state.clock(clock, ts) : -1;
	if (rc == 0 && atomic_load(&state.on)) {
		atomic_fetch_add(&state.looks, 1);
		ts->tv_sec += leapt(clock);
	}
	return rc;
}

/* Until an instant of the clock that has leapt. */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *ts, struct timespec *rest)
{
	struct timespec until = *ts;
	if (flags & TIMER_ABSTIME)
		until.tv_sec -= leapt(clock);
	if (until.tv_sec < 0)
		return 0;
	return state.sleep ? state.sleep(clock, flags, &until, rest) : ENOSYS;
}

time_t time(time_t *ret)
{
	struct timespec ts = { 0 };
	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}

static int begin(int argc, char **argv, char **env)
{
	void *frame[DEPTH_MAX];

	if (state.places) /* loads the unwinder */
		setvbuf(state.places, NULL, _IOLBF, BUFSIZ), (void)!backtrace(frame, DEPTH_MAX);
	atomic_store(&state.on, 1);
	return state.main(argc, argv, env);
}

__attribute__((destructor)) static void tell(void)
{
	char text[64];
	atomic_store(&state.on, 0);
	int fd =
		*state.path ? open(state.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	int n = snprintf(text, sizeof(text), "%lu %lu\n", atomic_load(&state.allocs),
			 atomic_load(&state.looks));
	if (write(fd, text, (size_t)n) != n)
		unlink(state.path);
	close(fd);
}

int __libc_start_main(main_fn fn, int argc, char **argv, void (*init)(void), void (*fini)(void),
		      void (*rtld_fini)(void), void *stack_end)
{
	start_fn next = (start_fn)dlsym(RTLD_NEXT, "__libc_start_main");
	const char *alloc = getenv("PYMEMPROF_FAIL_ALLOC"), *leap = getenv("PYMEMPROF_CLOCK");
	const char *path = getenv("PYMEMPROF_FAULTS");
	state.main = fn;
	state.clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	state.sleep = (int (*)(clockid_t, int, const struct timespec *, struct timespec *))dlsym(
		RTLD_NEXT, "clock_nanosleep");
	if (alloc)
		state.fail_at = strtoul(alloc, NULL, 10);
	if (leap)
		sscanf(leap, "%lu:%ld:%ld", &state.leap_at, &state.date, &state.monotonic);
	const char *places = getenv("PYMEMPROF_PLACES"), *depth = getenv("PYMEMPROF_DEPTH");
	state.depth = depth ? atoi(depth) : 0;
	if (state.depth < 1 || state.depth > DEPTH_MAX)
		state.depth = DEPTH_MAX;
	state.places = places ? fopen(places, "we") : NULL;
	if (path)
		snprintf(state.path, sizeof(state.path), "%s", path);
	unsetenv("LD_PRELOAD");
	return next(begin, argc, argv, init, fini, rtld_fini, stack_end);
}
