/* SPDX-License-Identifier: MIT */
/*
 * One entry per pymalloc state. Where they are is cpython/obmalloc's knowledge; a state that
 * does not look like one is taken where the sheet says, and counted: a thread may have been
 * stopped while it changed it.
 */
#include "tracer/heap/pymalloc_state.h"

#include "tracer/cpython/interp.h"
#include "tracer/cpython/obmalloc.h"

#define SEARCHES_MAX 8 /* through whole interpreters, for states that are not where they should be */

static uint64_t counter(struct reader *r, taddr at)
{
	uint64_t v;

	return !taddr_is_null(at) && reader_u64(r, at.v, &v) ? v : 0;
}

static int heap_add(struct reader *r, struct pymalloc *pm, const struct obmalloc *o, int64_t interp,
		    struct err *err)
{
	struct pymalloc_heap h = {
		.state = o->used.v,
		.arenas_at = o->arenas.v,
		.slots = o->maxarenas,
		.interp = interp,
		.has_counters = !taddr_is_null(o->narenas_currently_allocated),
		.current = counter(r, o->narenas_currently_allocated),
		.ever = counter(r, o->ntimes_arena_allocated),
		.highwater = counter(r, o->narenas_highwater),
		.raw_blocks = counter(r, o->raw_allocated_blocks),
	};

	for (size_t i = 0; i < pm->heaps.len; i++)
		if (pm->heaps.at[i].state == h.state)
			return 0;
	if (!h.arenas_at)
		return 0;
	return vec_push(&pm->heaps, h) < 0 ? err_nomem(err) : 0;
}

static int interp_add(struct reader *r, const struct py *py, struct pymalloc *pm, taddr interp,
		      struct err *err)
{
	struct obmalloc o;
	uint64_t id = 0;
	int code = ERR_CORRUPT;

	if (pm->torn < SEARCHES_MAX)
		code = obmalloc_find(py, &r->base, interp, &o, err);
	if (code == ERR_CORRUPT || code == ERR_FAULT) {
		pm->torn += py->pymalloc;
		code = obmalloc_at_sheet(py, &r->base, interp, &o, err);
	}
	if (code == ERR_CORRUPT || code == ERR_FAULT)
		return 0;
	if (code < 0)
		return code;
	(void)reader_u64(r, interp.v + (uint64_t)py->layout->PyInterpreterState_id, &id);
	return heap_add(r, pm, &o, (int64_t)id, err);
}

int pymalloc_state_find(struct reader *r, const struct py *py, struct pymalloc *pm, struct err *err)
{
	struct interp_iter it;
	taddr interp;
	int code = interp_iter_init(&it, py, &r->base, err);

	if (code < 0)
		return code;
	while (code == 0 && interp_next(&it, &interp, NULL) > 0) {
		code = interp_add(r, py, pm, interp, err);
		if (py->layout->obmalloc_home == PY_OBMALLOC_STATIC)
			break; /* they share one */
	}
	if (code == 0 && r->gone)
		return err_set(err, r->gone, "target's memory is no longer readable");
	if (code == 0 && py->pymalloc && !pm->heaps.len)
		code = err_set(err, ERR_CORRUPT, "pymalloc's arenas were not found");
	return code;
}
