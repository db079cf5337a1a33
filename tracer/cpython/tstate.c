/* SPDX-License-Identifier: MIT */
/*
 * How a thread of the target finds its own thread state. Up to 3.11 it is a word of
 * _PyRuntime; from 3.12 on the thread-local variable _Py_tss_tstate, a local symbol, so its
 * place is read out of the code of the exported function that returns it.
 */
#include "tracer/cpython/detect.h"

#include <stdlib.h>

#include "base/own.h"
#include "tracer/cpython/codescan.h"
#include "tracer/cpython/interp.h"

#define TSTATES_MAX 4096
#define DTV_MODULES_MAX 4096
#define STATIC_TLS_MAX (1 << 20)

struct tstates {
	uint64_t addr[TSTATES_MAX];
	uint64_t thread_id[TSTATES_MAX];
	size_t count;
};

static int collect(const struct py *py, struct mem_source *mem, struct tstates *ret,
		   struct err *err)
{
	struct interp_iter interps;
	taddr interp;
	int r;

	ret->count = 0;
	if (!py->initialized)
		return 0;
	r = interp_iter_init(&interps, py, mem, err);
	while (r == 0 && (r = interp_next(&interps, &interp, err)) > 0) {
		struct thread_iter threads;
		struct interp_thread t;

		r = thread_iter_init(&threads, py, mem, interp, err);
		while (r == 0 && (r = thread_next(&threads, &t, err)) > 0) {
			if (ret->count < TSTATES_MAX) {
				ret->addr[ret->count] = t.tstate.v;
				ret->thread_id[ret->count++] = t.thread_id;
			}
			r = 0;
		}
	}
	return r;
}

/*
 * PyThreadState.thread_id is pthread_self(): the thread pointer on x86-64, a constant below it
 * on aarch64 (glibc, struct pthread lies before the TCB). The difference most threads have.
 */
static int64_t find_bias(const struct tstates *t, const taddr *tps, size_t ntps)
{
	int64_t best = 0;
	size_t best_hits = 0;

	for (size_t i = 0; i <= ntps && t->count; i++) {
		int64_t bias = i ? (int64_t)(t->thread_id[0] - tps[i - 1].v) : 0;
		size_t hits = 0;

		for (size_t a = 0; a < t->count; a++)
			for (size_t b = 0; b < ntps; b++)
				hits += t->thread_id[a] == tps[b].v + (uint64_t)bias;
		if (hits > best_hits) {
			best = bias;
			best_hits = hits;
		}
	}
	return best;
}

/*
 * Start of the TLS block of module in the thread with pointer tp, from its dtv: glibc's entries
 * are {value, to_free} (sysdeps/generic/dl-dtv.h), found at tp+8 on x86-64 and tp+0 on
 * aarch64. 0 when the thread has not touched the module yet.
 */
static uint64_t tls_block(const struct py *py, struct mem_source *mem, taddr tp, uint64_t module)
{
	uint64_t dtv, block;

	if (!module || module > DTV_MODULES_MAX ||
	    mem_word(mem, taddr_add(tp, py->aarch64 ? 0 : 8), &dtv, NULL) < 0 ||
	    mem_word(mem, taddr_of(dtv + module * 16), &block, NULL) < 0)
		return 0;
	return block == UINT64_MAX ? 0 : block;
}

/*
 * Static TLS lies next to the thread pointer: below it on x86-64, above it on aarch64 (variants
 * II and I of the ELF TLS ABI). A library loaded late has blocks from malloc instead, and one
 * thread alone would not tell the two apart.
 */
static bool is_static_distance(const struct py *py, int64_t d)
{
	return py->aarch64 ? d >= 0 && d < STATIC_TLS_MAX : d < 0 && d > -STATIC_TLS_MAX;
}

/* Static TLS when every thread that has the block has it at the same, short distance. */
static int from_index(struct py *py, struct mem_source *mem, uint64_t module, uint64_t offset,
		      const taddr *tps, size_t ntps, struct err *err)
{
	int64_t distance = 0;
	bool seen = false, same = true;

	for (size_t i = 0; i < ntps; i++) {
		uint64_t block = tls_block(py, mem, tps[i], module);
		int64_t d = (int64_t)(block + offset - tps[i].v);

		if (!block)
			continue;
		same = same && is_static_distance(py, d) && (!seen || d == distance);
		distance = d;
		seen = true;
	}
	if (!seen)
		return err_set(err, ERR_CORRUPT, "no thread has thread-local storage of the interpreter");
	if (same) {
		py->tstate_access = PY_TSTATE_TLS_FIXED;
		py->tstate_tls_offset = distance;
		py->tstate_tls_module = 0;
	} else {
		py->tstate_access = PY_TSTATE_TLS_DTV;
		py->tstate_tls_offset = (int64_t)offset;
		py->tstate_tls_module = module;
	}
	return 0;
}

/* A resolved descriptor's argument: an offset, or {module, offset} (glibc dl-tlsdesc.h). */
static int from_descriptor(struct py *py, struct mem_source *mem, uint64_t got, const taddr *tps,
			   size_t ntps, struct err *err)
{
	uint64_t arg, pair[2];
	int r = mem_word(mem, taddr_of(got + 8), &arg, err);

	if (r < 0)
		return err_wrap(err, r, "thread-local storage descriptor");
	if (arg + (1u << 24) < 2u << 24) {
		py->tstate_access = PY_TSTATE_TLS_FIXED;
		py->tstate_tls_offset = (int64_t)arg;
		return 0;
	}
	r = mem_read(mem, taddr_of(arg), pair, sizeof(pair), err);
	if (r < 0)
		return err_wrap(err, r, "thread-local storage descriptor");
	return from_index(py, mem, pair[0], pair[1], tps, ntps, err);
}

static int find_tls(struct py *py, struct mem_source *mem, const taddr *tps, size_t ntps,
		    struct err *err)
{
	static const char *const name[] = { "PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet",
					    "_PyThreadState_GetCurrent" };
	struct codescan_tls tls;
	uint8_t code[CODESCAN_BYTES];
	uint64_t pair[2];
	int64_t got;
	taddr at;
	int r = 0;

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]) && r == 0; i++)
		r = py_symbol(py, name[i], &at, NULL, err);
	if (r <= 0)
		return r < 0 ? r : err_set(err, ERR_CORRUPT, "no function returns the thread state");
	got = mem_read_some(mem, at, code, sizeof(code));
	if (got < 0)
		return err_set(err, (int)got, "code of the interpreter");
	if (!codescan_tls(py->aarch64 ? PY_AARCH64 : PY_X86_64, code, (size_t)got, at.v, &tls))
		return err_set(err, ERR_UNSUPPORTED, "cannot tell where threads keep their state");
	switch (tls.kind) {
	case TLS_LOCAL_EXEC:
		py->tstate_access = PY_TSTATE_TLS_FIXED;
		py->tstate_tls_offset = tls.offset;
		return 0;
	case TLS_INITIAL_EXEC:
		py->tstate_access = PY_TSTATE_TLS_FIXED;
		r = mem_word(mem, taddr_of(tls.got), (uint64_t *)&py->tstate_tls_offset, err);
		return r < 0 ? err_wrap(err, r, "global offset table") : 0;
	case TLS_INDEX:
		r = mem_read(mem, taddr_of(tls.got), pair, sizeof(pair), err);
		if (r < 0)
			return err_wrap(err, r, "global offset table");
		return from_index(py, mem, pair[0], pair[1] + (uint64_t)tls.offset, tps, ntps, err);
	case TLS_DESCRIPTOR:
		return from_descriptor(py, mem, tls.got, tps, ntps, err);
	}
	return err_set(err, ERR_UNSUPPORTED, "cannot tell where threads keep their state");
}

int py_tstate_of(const struct py *py, struct mem_source *mem, taddr tp, taddr *ret,
		 struct err *err)
{
	uint64_t block;
	int r = 0;

	*ret = TADDR_NULL;
	switch (py->tstate_access) {
	case PY_TSTATE_GLOBAL: {
		uint64_t thread_id;
		taddr holder;

		r = mem_ptr(mem, py->tstate_global, &holder, err);
		if (r < 0 || taddr_is_null(holder))
			return r;
		r = mem_word(mem, taddr_add(holder, py->layout->PyThreadState_thread_id), &thread_id,
			     err);
		if (r == 0 && thread_id == tp.v + (uint64_t)py->thread_id_bias)
			*ret = holder;
		return r;
	}
	case PY_TSTATE_TLS_FIXED:
		return mem_ptr(mem, taddr_add(tp, py->tstate_tls_offset), ret, err);
	case PY_TSTATE_TLS_DTV:
		block = tls_block(py, mem, tp, py->tstate_tls_module);
		if (block)
			r = mem_ptr(mem, taddr_of(block + (uint64_t)py->tstate_tls_offset), ret, err);
		return r;
	}
	return err_set(err, ERR_UNSUPPORTED, "access to the thread state is not known yet");
}

int py_find_tstate_access(struct py *py, struct mem_source *mem, const taddr *tps, size_t ntps,
			  struct err *err)
{
	static const char what[] = "a thread's own state is not in the interpreter's list";
	AUTO_FREE struct tstates *known = malloc(sizeof(*known));
	int r;

	if (!known)
		return err_nomem(err);
	r = collect(py, mem, known, err);
	if (r < 0)
		return r;
	py->thread_id_bias = find_bias(known, tps, ntps);
	if (py->layout->tstate_kind == PY_TSTATE_HOLDER) {
		py->tstate_access = PY_TSTATE_GLOBAL;
		return 0;
	}
	r = find_tls(py, mem, tps, ntps, err);
	if (r < 0)
		return r;
	/* every thread's word is null (detached, foreign) or one of the interpreter's own */
	for (size_t i = 0; i < ntps; i++) {
		taddr tstate;
		bool listed = false;

		r = py_tstate_of(py, mem, tps[i], &tstate, err);
		if (r < 0)
			return err_wrap(err, r, "thread-local storage");
		for (size_t k = 0; k < known->count; k++)
			listed |= known->addr[k] == tstate.v;
		if (!taddr_is_null(tstate) && !listed && known->count < TSTATES_MAX &&
		    py->initialized)
			return err_set(err, ERR_CORRUPT, "%s", what);
	}
	return 0;
}
