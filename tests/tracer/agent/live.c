/* SPDX-License-Identifier: MIT */
/* What a session does, without the session. */
#include "tests/tracer/agent/live.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "tracer/cpython/detect.h"
#include "tracer/cpython/identify.h"
#include "tracer/mem/live.h"

#define THREADS_MAX 256

static bool fail(struct live *l, const char *what, const char *why)
{
	snprintf(l->why, sizeof(l->why), "%s: %s: %s", l->python->name, what, why);
	return false;
}

bool live_begin(struct live *l, const struct python *python, const char *script, const char *word)
{
	const char *args[] = { word, NULL };
	struct target_options options = { .script = script, .args = args };
	struct maps maps = { 0 };
	struct err err = ERR_INIT;
	bool ok;

	*l = (struct live){ .python = python, .decode = true };
	replay_init(&l->replay);
	if (!target_spawn(&l->target, python, &options))
		return fail(l, "spawn", l->target.error);
	ok = live_new(l->target.pid, &l->mem, &err) == 0 &&
	     py_identify(l->target.pid, l->mem, NULL, &maps, &l->py, &err) == 0;
	maps_deinit(&maps);
	return ok || fail(l, "detect", err.text);
}

void live_end(struct live *l)
{
	if (l->stop)
		stop_detach(l->stop, NULL);
	undo_run(&l->undo, 0, NULL);
	inject_free(l->in);
	py_deinit(&l->py);
	mem_free(l->mem);
	target_kill(&l->target);
	replay_deinit(&l->replay);
}

static int find_access(struct live *l, struct err *err)
{
	taddr tps[THREADS_MAX], pc, sp;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < stop_count(l->stop) && n < THREADS_MAX && r == 0; i++)
		r = stop_pc_sp_tp(l->stop, i, &pc, &sp, &tps[n++], err);
	return r < 0 ? r : py_find_tstate_access(&l->py, l->mem, tps, n, err);
}

bool live_attach(struct live *l, const struct inject_options *options)
{
	struct err err = ERR_INIT;
	int r;

	inject_free(l->in);
	l->in = NULL;
	l->received = 0;
	r = inject_new(options, &l->in, &err);
	if (r == 0)
		r = stop_attach(l->target.pid, &l->stop, &err);
	if (r == 0)
		r = find_access(l, &err);
	if (r == 0)
		r = inject_attach(l->in, l->stop, l->mem, &l->py, &l->undo, &err);
	if (l->stop) {
		l->attach_stop_ns = (int64_t)stop_elapsed_ns(l->stop);
		if (stop_detach(l->stop, NULL) < 0 && r == 0)
			r = err_set(&err, ERR_GONE, "the target died");
	}
	l->stop = NULL;
	return r == 0 || fail(l, "attach", err.text);
}

static int take(struct live *l)
{
	static uint8_t buf[1 << 18];
	ssize_t n = inject_fd(l->in) < 0 ? 0 : read(inject_fd(l->in), buf, sizeof(buf));

	if (n <= 0)
		return n == 0 || errno == EAGAIN ? 0 : -1; /* 0: end, or an orphan's pipe */
	l->stream_bytes += (uint64_t)n;
	l->received += (uint64_t)n;
	if (l->decode && !replay_feed(&l->replay, buf, (size_t)n))
		return -1;
	return 1;
}

static int take_all(void *ctx, struct err *err)
{
	struct live *l = ctx;
	int r;

	while ((r = take(l)) > 0)
		;
	return r < 0 ? err_set(err, ERR_CORRUPT, "%s", l->replay.bad) : 0;
}

bool live_read(struct live *l, int ms)
{
	int64_t end = now_ms() + ms;

	for (int64_t left = ms; left > 0; left = end - now_ms()) {
		struct pollfd p = { inject_fd(l->in), POLLIN, 0 };

		if (poll(&p, 1, (int)left) > 0 && take(l) < 0)
			return fail(l, "stream", l->replay.bad);
	}
	return true;
}

json_t *live_ask(struct live *l, const char *command)
{
	int64_t end = now_ms() + 20000;

	if (!target_tell(&l->target, command)) {
		fail(l, command, l->target.error);
		return NULL;
	}
	while (now_ms() < end) {
		struct pollfd p = { l->target.out, POLLIN, 0 };

		if (poll(&p, 1, 0) > 0) {
			json_t *answer = target_hear(&l->target, 5000);

			if (!answer)
				fail(l, command, l->target.error);
			return answer;
		}
		if (!live_read(l, 5))
			return NULL;
	}
	fail(l, command, "no answer");
	return NULL;
}

bool live_remove(struct live *l)
{
	struct err err = ERR_INIT;
	int r = stop_attach(l->target.pid, &l->stop, &err);

	if (r == 0)
		r = inject_public(l->in, l->mem, &l->at_end, &err);
	if (r == 0)
		r = inject_remove(l->in, l->stop, l->mem, take_all, l, &l->audit, &err);
	if (l->stop) {
		l->detach_stop_ns = (int64_t)stop_elapsed_ns(l->stop);
		stop_detach(l->stop, NULL);
		l->stop = NULL;
	}
	undo_drop(&l->undo);
	if (r == 0)
		r = take_all(l, &err);
	return r == 0 ? live_rest(l) : fail(l, "remove", err.text);
}

bool live_rest(struct live *l)
{
	struct inject_rest rest;
	struct err err = ERR_INIT;
	int r = take_all(l, &err);

	if (r == 0)
		r = inject_rest(l->in, l->received, &rest, &err);
	if (r == 0 && rest.torn)
		r = err_set(&err, ERR_CORRUPT, "torn: %llu", (unsigned long long)rest.torn);
	if (r == 0 && l->decode && rest.n && !replay_feed(&l->replay, rest.bytes, rest.n))
		r = err_set(&err, ERR_CORRUPT, "residual: %s", l->replay.bad);
	if (r == 0 && rest.known)
		l->at_end = rest.counters;
	return r == 0 || fail(l, "rest", err.text);
}

bool live_check_target(struct live *l)
{
	json_t *answer = target_ask(&l->target, "check", 10000);
	char text[160];
	bool ok;

	if (!answer)
		return fail(l, "check", l->target.error);
	ok = json_integer_value(json_object_get(answer, "bad")) == 0 &&
	     json_integer_value(json_object_get(answer, "rounds")) > 0;
	snprintf(text, sizeof(text), "%d rounds, %d bad",
		 (int)json_integer_value(json_object_get(answer, "rounds")),
		 (int)json_integer_value(json_object_get(answer, "bad")));
	json_decref(answer);
	if (!ok)
		return fail(l, "target", text);
	if (target_status(l->target.pid, "TracerPid") != 0)
		return fail(l, "target", "is still traced");
	return l->audit.clean ||
	       fail(l, "audit",
		    l->audit.thread_inside ? "a thread was inside" : "something is left");
}

bool live_check_stream(struct live *l)
{
	const struct replay *r = &l->replay;
	uint64_t births = 0;
	char text[200];

	for (size_t i = 0; i < r->nsites; i++)
		births += r->sites[i].births;
	if (r->nrest)
		return fail(l, "stream", "ends in the middle of a batch");
	if (births == r->last.allocs && !r->last.dropped_events)
		return true;
	snprintf(text, sizeof(text), "%llu births, %llu allocations, %llu dropped",
		 (unsigned long long)births, (unsigned long long)r->last.allocs,
		 (unsigned long long)r->last.dropped_events);
	return fail(l, "balance", text);
}
