/* SPDX-License-Identifier: MIT */
/* The runtime's lists of interpreters and threads (Include/internal/pycore_runtime.h, _interp.h). */
#include "tracer/cpython/interp.h"

#define PTHREAD_SCAN_BYTES 0x900

/* Brent's way: remember one place of a list, ever less often; true when next was there before. */
static bool runs_in_a_circle(taddr *was, uint32_t count, taddr at, taddr next)
{
	if (!taddr_is_null(next) && (taddr_eq(next, at) || taddr_eq(next, *was)))
		return true;
	if ((count & (count - 1)) == 0)
		*was = at;
	return false;
}

int interp_iter_init(struct interp_iter *it, const struct py *py, struct mem_source *mem,
		     struct err *err)
{
	int r;

	*it = (struct interp_iter){ .py = py, .mem = mem };
	r = mem_ptr(mem, taddr_add(py->runtime, py->layout->_PyRuntimeState_interpreters_head),
		    &it->next, err);
	return r < 0 ? err_wrap(err, r, "list of interpreters") : 0;
}

int interp_next(struct interp_iter *it, taddr *ret, struct err *err)
{
	taddr next;
	int r;

	if (taddr_is_null(it->next))
		return 0;
	if (it->count++ == INTERP_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d interpreters", INTERP_MAX);
	r = mem_ptr(it->mem, taddr_add(it->next, it->py->layout->PyInterpreterState_next), &next,
		    err);
	if (r < 0)
		return err_wrap(err, r, "interpreter");
	if (runs_in_a_circle(&it->was, it->count, it->next, next))
		return err_set(err, ERR_CORRUPT, "the list of interpreters runs in a circle");
	*ret = it->next;
	it->next = next;
	return 1;
}

int thread_iter_init(struct thread_iter *it, const struct py *py, struct mem_source *mem,
		     taddr interp, struct err *err)
{
	int r;

	*it = (struct thread_iter){ .py = py, .mem = mem, .interp = interp };
	r = mem_ptr(mem, taddr_add(interp, py->layout->PyInterpreterState_threads_head), &it->next,
		    err);
	return r < 0 ? err_wrap(err, r, "list of threads") : 0;
}

int thread_next(struct thread_iter *it, struct interp_thread *ret, struct err *err)
{
	const struct py_layout *l = it->py->layout;
	struct mem_source *mem = it->mem;
	struct interp_thread t = { .tstate = it->next };
	taddr next;
	int r;

	if (taddr_is_null(it->next))
		return 0;
	if (it->count++ == INTERP_THREADS_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d threads", INTERP_THREADS_MAX);
	r = mem_ptr(mem, taddr_add(t.tstate, l->PyThreadState_next), &next, err);
	if (r == 0)
		r = mem_ptr(mem, taddr_add(t.tstate, l->PyThreadState_interp), &t.interp, err);
	if (r == 0)
		r = mem_word(mem, taddr_add(t.tstate, l->PyThreadState_id), &t.id, err);
	if (r == 0)
		r = mem_word(mem, taddr_add(t.tstate, l->PyThreadState_thread_id), &t.thread_id, err);
	if (r == 0 && l->PyThreadState_native_thread_id != PY_ABSENT)
		r = mem_word(mem, taddr_add(t.tstate, l->PyThreadState_native_thread_id), &t.tid, err);
	if (r < 0)
		return err_wrap(err, r, "thread state");
	if (!taddr_eq(t.interp, it->interp))
		return err_set(err, ERR_CORRUPT, "thread state %#llx belongs to another interpreter",
			       (unsigned long long)t.tstate.v);
	if (runs_in_a_circle(&it->was, it->count, it->next, next))
		return err_set(err, ERR_CORRUPT, "the list of threads runs in a circle");
	*ret = t;
	it->next = next;
	return 1;
}

int interp_own_gil(const struct py *py, struct mem_source *mem, taddr interp, bool *ret,
		   struct err *err)
{
	const struct py_layout *l = py->layout;
	taddr gil;
	int r;

	*ret = false;
	if (l->PyInterpreterState_ceval_gil == PY_ABSENT || taddr_eq(interp, py->main_interp))
		return 0;
	/* own_gil ⇔ ceval.gil points at the _gil inside (Python/ceval_gil.c, init_own_gil) */
	r = mem_ptr(mem, taddr_add(interp, l->PyInterpreterState_ceval_gil), &gil, err);
	if (r < 0)
		return err_wrap(err, r, "interpreter");
	*ret = taddr_eq(gil, taddr_add(interp, l->PyInterpreterState__gil));
	return 0;
}

taddr interp_gc(const struct py *py, taddr interp)
{
	if (py->layout->gc_home == PY_GC_IN_RUNTIME)
		return taddr_add(py->runtime, py->layout->_PyRuntimeState_gc);
	return taddr_add(interp, py->layout->PyInterpreterState_gc);
}

int interp_gc_generations(const struct py *py, struct mem_source *mem, taddr interp, taddr *ret,
			  struct err *err)
{
	const struct py_layout *l = py->layout;
	taddr gc = interp_gc(py, interp);
	int r;

	if (l->gc_runtime_state_generation0 == PY_ABSENT) {
		*ret = taddr_add(gc, l->gc_runtime_state_generations);
		return 0;
	}
	r = mem_ptr(mem, taddr_add(gc, l->gc_runtime_state_generation0), ret, err);
	return r < 0 ? err_wrap(err, r, "garbage collector") : 0;
}

int interp_gil_holder(const struct py *py, struct mem_source *mem, taddr interp, taddr *ret,
		      struct err *err)
{
	const struct py_layout *l = py->layout;
	uint32_t locked;
	taddr gil, holder;
	int r = 0;

	if (l->_PyRuntimeState_ceval_gil != PY_ABSENT)
		gil = taddr_add(py->runtime, l->_PyRuntimeState_ceval_gil);
	else
		r = mem_ptr(mem, taddr_add(interp, l->PyInterpreterState_ceval_gil), &gil, err);
	if (r == 0)
		r = mem_u32(mem, taddr_add(gil, l->_gil_runtime_state_locked), &locked, err);
	if (r == 0)
		r = mem_ptr(mem, taddr_add(gil, l->_gil_runtime_state_last_holder), &holder, err);
	if (r < 0)
		return err_wrap(err, r, "interpreter lock");
	*ret = (int32_t)locked > 0 ? holder : TADDR_NULL;
	return 0;
}

static bool is_tid(uint32_t v, const pid_t *tids, size_t ntids)
{
	for (size_t i = 0; i < ntids; i++)
		if ((uint32_t)tids[i] == v)
			return true;
	return false;
}

uint64_t interp_tid_of(struct mem_source *mem, uint64_t pthread, const pid_t *tids, size_t ntids)
{
	/* glibc: 0x2d0 on x86-64, 0xd0 on aarch64; musl: 0x30 or 0x38 */
	static const uint16_t usual[] = { 0x2d0, 0xd0, 0x30, 0x38 };
	uint64_t found = 0;

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		uint32_t v;

		if (!mem_u32(mem, taddr_of(pthread + usual[i]), &v, NULL) && is_tid(v, tids, ntids))
			return v;
	}
	for (uint64_t at = 0; at < PTHREAD_SCAN_BYTES; at += 4) {
		uint32_t v;

		if (mem_u32(mem, taddr_of(pthread + at), &v, NULL) < 0 || !is_tid(v, tids, ntids))
			continue;
		if (found && found != v)
			return 0;
		found = v;
	}
	return found;
}
