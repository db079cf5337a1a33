/* SPDX-License-Identifier: MIT */
/*
 * A runtime whose memory says anything: interpreters, threads, frames, code objects, strings and
 * dicts are read to their ends, which there must be. Input: a version, then (where, value) pairs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/tracer/cpython/fake_py.h"
#include "tracer/cpython/activity.h"
#include "tracer/cpython/code.h"
#include "tracer/cpython/dict.h"
#include "tracer/cpython/frame.h"
#include "tracer/cpython/interp.h"
#include "tracer/cpython/obmalloc.h"
#include "tracer/cpython/str.h"
#include "tracer/cpython/tracemalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define PLACES 16
#define STEPS_MAX (1u << 20)

struct world {
	struct fake_py p;
	taddr place[PLACES]; /* what a mutation may hit and what it may point to */
	size_t places;
};

static taddr keep(struct world *w, taddr at)
{
	w->place[w->places++] = at;
	return at;
}

static void populate(struct world *w)
{
	struct fake_py *p = &w->p;
	taddr thread = keep(w, fake_py_thread(p, p->py.main_interp, 1));
	taddr code = keep(w, fake_py_code(p, "work", "/tmp/work.py"));
	taddr outer = keep(w, fake_py_frame(p, TADDR_NULL, code, 4, 0));

	fake_py_set_top(p, thread, keep(w, fake_py_frame(p, outer, code, 4, 0)));
	keep(w, fake_py_interp(p));
	keep(w, fake_py_thread(p, p->py.main_interp, 2));
	keep(w, fake_py_str(p, "text"));
	keep(w, fake_py_alloc(p, 4096)); /* a dict */
	keep(w, fake_py_alloc(p, 4096)); /* its keys */
	keep(w, p->py.main_interp);
	keep(w, p->py.runtime);
	fake_py_word(p, w->place[7], p->layout->PyDictObject_ma_keys, w->place[8].v);
}

static void mutate(struct world *w, const uint8_t *bytes, size_t len)
{
	for (; len >= 8; bytes += 8, len -= 8) {
		uint64_t at = w->place[bytes[0] % w->places].v + (uint64_t)(bytes[1] | bytes[2] << 8) * 8 % 4096;
		uint64_t v = (uint64_t)bytes[4] | (uint64_t)bytes[5] << 8 | (uint64_t)bytes[6] << 16 |
			     (uint64_t)bytes[7] << 56;
		uint64_t old;

		if (mem_u64(w->p.mem, taddr_of(at), &old, NULL) < 0)
			continue;
		if (bytes[3] & 1)
			v = w->place[bytes[4] % w->places].v + bytes[5] * 8u;
		fake_mem_put_u64(w->p.f, at, bytes[3] & 2 ? old ^ v : v);
	}
}

static void read_stack(struct world *w, taddr tstate)
{
	struct frame_iter it;
	struct frame f;
	uint32_t steps = 0;
	int r = frame_iter_init(&it, &w->p.py, w->p.mem, tstate, NULL);

	while (r == 0 && frame_next(&it, &f, NULL) > 0) {
		struct code c = { 0 };

		CHECK(steps++ < STEPS_MAX);
		if (steps < 4 && code_read(&w->p.py, w->p.mem, f.code, &c, NULL) == 0)
			CHECK(code_line(&c, f.lasti) >= 0 && c.name && c.file);
		code_deinit(&c);
	}
}

static void read_threads(struct world *w, taddr interp)
{
	struct thread_iter it;
	struct interp_thread t;
	struct obmalloc o;
	taddr holder;
	bool own;
	int r = thread_iter_init(&it, &w->p.py, w->p.mem, interp, NULL);

	while (r == 0 && thread_next(&it, &t, NULL) > 0)
		if (it.count < 8)
			read_stack(w, t.tstate);
	(void)!interp_own_gil(&w->p.py, w->p.mem, interp, &own, NULL);
	(void)!interp_gil_holder(&w->p.py, w->p.mem, interp, &holder, NULL);
	if (w->p.py.layout->obmalloc_home != PY_OBMALLOC_STATIC)
		(void)!obmalloc_find(&w->p.py, w->p.mem, interp, &o, NULL);
}

static void read_traces(struct world *w)
{
	struct tracemalloc_iter it;
	struct tracemalloc_trace t;
	struct tracemalloc_place places[8];
	uint32_t steps = 0, deep;

	w->p.py.tracemalloc_on = true;
	if (w->p.layout->tracemalloc_home == PY_TRACEMALLOC_STATIC ||
	    tracemalloc_iter_init(&it, &w->p.py, w->p.mem, NULL) < 0)
		return;
	while (tracemalloc_next(&it, &t, NULL) > 0 && steps++ < 64)
		(void)!tracemalloc_frames(&w->p.py, w->p.mem, t.traceback, places, 8, &deep, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct world w = { .places = 0 };
	struct interp_iter it;
	taddr interp;
	char text[64], *all = NULL;
	int seen = 0;

	if (!len || len > 2048)
		return 0;
	w.p = fake_py_new(py_sheets[bytes[0] % py_sheets_count]);
	populate(&w);
	mutate(&w, bytes + 1, len - 1);
	if (interp_iter_init(&it, &w.p.py, w.p.mem, NULL) == 0)
		while (interp_next(&it, &interp, NULL) > 0 && seen++ < 8)
			read_threads(&w, interp);
	if (str_copy(w.p.mem, w.p.layout, w.place[6], text, sizeof(text)) > 0)
		CHECK(strlen(text) < sizeof(text));
	if (str_read(w.p.mem, w.p.layout, w.place[6], 1000, &all, NULL) == 0)
		free(all);
	(void)dict_get(w.p.mem, w.p.layout, w.place[7].v, "sys");
	read_traces(&w);
	fake_py_free(&w.p);
	return 0;
}
