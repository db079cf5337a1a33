/* SPDX-License-Identifier: MIT */
/* Looking again until what was seen agrees with itself. */
#include "tracer/cpython/identify.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tracer/cpython/detect.h"
#include "tracer/process/maps.h"
#include "tracer/process/procfs.h"
#include "tracer/process/stop.h"

#define LOOKS 3
#define LOOK_AGAIN_NS 3000000
#define STOPS 4 /* a thread may be stopped in the middle of an allocation */
#define YOUNG_NS 1000000000
#define STARTS 150 /* looks at a process that may become one: half a second */

static void maps_deinit_p(struct maps *m)
{
	maps_deinit(m);
}

static int look(pid_t pid, struct mem_source *mem, const char *assume, struct maps *ret_maps,
		struct py *ret, struct err *err)
{
	AUTO(maps_deinit_p) struct maps maps = { 0 };
	int r = maps_read(pid, &maps, err);

	if (r == 0)
		r = py_detect(pid, mem, &maps, assume, ret, err);
	if (r < 0)
		return r;
	*ret_maps = maps;
	maps = (struct maps){ 0 };
	return 0;
}

/* A process we cannot stop is looked at as it runs: *err keeps what was wrong with it. */
static int look_stopped(pid_t pid, struct mem_source *mem, const char *assume,
			struct maps *ret_maps, struct py *ret, struct err *err)
{
	struct stop *stop;

	if (stop_attach(pid, &stop, NULL) < 0)
		return look(pid, mem, assume, ret_maps, ret, err);
	int r = look(pid, mem, assume, ret_maps, ret, err);
	int gone = stop_detach(stop, r < 0 ? NULL : err);

	if (r == 0 && gone < 0) {
		py_deinit(ret);
		maps_deinit(ret_maps);
	}
	return r < 0 ? r : gone;
}

/* Younger than a second: it may be about to execute Python. */
static bool is_young(pid_t pid)
{
	long per_second = sysconf(_SC_CLK_TCK);
	struct procfs_stat stat;
	struct timespec now;

	if (per_second <= 0 || clock_gettime(CLOCK_BOOTTIME, &now) < 0 ||
	    procfs_stat(pid, 0, &stat, NULL) < 0)
		return false;
	uint64_t tick_ns = UINT64_C(1000000000) / (uint64_t)per_second;
	uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return now_ns < (stat.start_ticks + 1) * tick_ns + YOUNG_NS;
}

/* Of a shared build the library comes some milliseconds after the program, which is called so. */
static bool is_called_python(pid_t pid)
{
	AUTO_FREE char *name = NULL;

	return procfs_exe_base(pid, &name, NULL) == 0 && strstr(name, "python");
}

/* No CPython, that is not yet: it has just been started. */
static bool may_become_one(pid_t pid, int r, const struct err *err)
{
	return r == ERR_UNSUPPORTED && err->hint && strcmp(err->hint, "not-python") == 0 &&
	       (is_called_python(pid) || is_young(pid));
}

int py_identify(pid_t pid, struct mem_source *mem, const char *assume, struct maps *ret_maps,
		struct py *ret, struct err *err)
{
	const struct timespec wait = { .tv_nsec = LOOK_AGAIN_NS };
	struct err own = ERR_INIT;
	int r;

	err = err ? err : &own;
	r = look(pid, mem, assume, ret_maps, ret, err);
	for (int i = 0; i < STARTS && may_become_one(pid, r, err); i++) {
		nanosleep(&wait, NULL);
		*err = ERR_INIT;
		r = look(pid, mem, assume, ret_maps, ret, err);
	}

	for (int i = 1; (r == ERR_CORRUPT || r == ERR_FAULT) && i < LOOKS + STOPS; i++) {
		nanosleep(&wait, NULL);
		r = (i < LOOKS ? look : look_stopped)(pid, mem, assume, ret_maps, ret, err);
	}
	return r;
}
