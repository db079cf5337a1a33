/* SPDX-License-Identifier: MIT */
/* Looking again until what was seen agrees with itself. */
#include "tracer/cpython/identify.h"

#include <time.h>

#include "base/own.h"
#include "tracer/cpython/detect.h"
#include "tracer/process/maps.h"
#include "tracer/process/stop.h"

#define LOOKS 3
#define LOOK_AGAIN_NS 3000000
#define STOPS 4 /* a thread may be stopped in the middle of an allocation */

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

int py_identify(pid_t pid, struct mem_source *mem, const char *assume, struct maps *ret_maps,
		struct py *ret, struct err *err)
{
	const struct timespec wait = { .tv_nsec = LOOK_AGAIN_NS };
	int r = look(pid, mem, assume, ret_maps, ret, err);

	for (int i = 1; (r == ERR_CORRUPT || r == ERR_FAULT) && i < LOOKS + STOPS; i++) {
		nanosleep(&wait, NULL);
		r = (i < LOOKS ? look : look_stopped)(pid, mem, assume, ret_maps, ret, err);
	}
	return r;
}
