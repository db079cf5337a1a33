/* SPDX-License-Identifier: MIT */
/*
 * Two searches by signature over the python object's writable data: `usedpools`, an array of
 * pairs which point to themselves or to pools of their size class, and `arenas`, the one word
 * for which arenas[pool.arenaindex] contains every pool of usedpools (Objects/obmalloc.c).
 */
#include "tracer/heap/pymalloc_state.h"

#include <string.h>

#define INTERPRETERS_MAX 4096
#define DATA_MAX (64u << 20)
#define ARENA_SLOTS_MAX (1u << 22)
#define SAMPLE_POOLS PYMALLOC_CLASSES

bool heap_interp_next(struct reader *r, const struct py *py, uint64_t *at, uint32_t *index)
{
	const struct py_layout *l = py->layout;
	uint64_t from = *at ? *at + (uint64_t)l->PyInterpreterState_next
			    : py->runtime.v + (uint64_t)l->_PyRuntimeState_interpreters_head;

	if (*at)
		++*index;
	else
		*index = 0;
	return *index < INTERPRETERS_MAX && reader_u64(r, from, at) && *at;
}

/* Words of the used-pool array which are pools, one per class at most. */
struct sample {
	uint64_t pool[SAMPLE_POOLS];
	uint32_t arena_index[SAMPLE_POOLS];
	size_t n;
};

/* A pool header whose class is c and which points back to the array's pair. */
static bool pool_of_class(struct reader *r, const struct pymalloc *pm, const struct py_layout *l,
			  uint64_t pool, uint32_t c, uint64_t back, uint32_t *ret_arena)
{
	uint8_t b[64];

	if (pool % pm->pool_bytes || !reader_get(r, pool, b, (size_t)l->pool_header_sizeof))
		return false;
	*ret_arena = le32(b + l->pool_header_arenaindex);
	return le32(b + l->pool_header_szidx) == c && le64(b + l->pool_header_prevpool) == back;
}

/* Is the array of pairs at local words w (target address at) usedpools? Fills the sample. */
static bool usedpools_at(struct reader *r, const struct pymalloc *pm, const struct py_layout *l,
			 const uint8_t *w, uint64_t at, struct sample *ret)
{
	ret->n = 0;
	for (uint32_t c = 0; c < pm->classes; c++) {
		uint64_t self = at + 16 * c - 16;
		uint64_t next = le64(w + 16 * c), prev = le64(w + 16 * c + 8);

		if (next == self && prev == self)
			continue;
		if (next == self || prev == self || next % pm->pool_bytes ||
		    prev % pm->pool_bytes || !next || !prev)
			return false;
	}
	for (uint32_t c = 0; c < pm->classes; c++) {
		uint64_t self = at + 16 * c - 16, next = le64(w + 16 * c);

		if (next == self)
			continue;
		if (!pool_of_class(r, pm, l, next, c, self, &ret->arena_index[ret->n]))
			return false;
		ret->pool[ret->n++] = next;
	}
	return ret->n > 0;
}

/* Does the vector at `vector` place every sampled pool inside its arena? */
static bool arenas_at(struct reader *r, const struct pymalloc *pm, const struct py_layout *l,
		      uint64_t vector, const struct sample *s)
{
	for (size_t i = 0; i < s->n; i++) {
		uint64_t slot = vector + (uint64_t)s->arena_index[i] * (uint64_t)l->arena_object_sizeof;
		uint64_t address;

		if (!reader_u64(r, slot + (uint64_t)l->arena_object_address, &address) ||
		    !address || s->pool[i] < address ||
		    s->pool[i] - address >= (uint64_t)l->arena_bytes + pm->pool_bytes)
			return false;
	}
	return true;
}

/*
 * Length of a malloc'ed arena vector without knowing maxarenas: from glibc's chunk size when
 * that is plausible (malloc.c: the size word lies before the block), else up to the highest
 * index the pools mention; implausible slots are refused later, one by one.
 */
static uint32_t vector_slots(struct reader *r, const struct py_layout *l, uint64_t vector,
			     const struct sample *s)
{
	uint64_t chunk = 0, stride = (uint64_t)l->arena_object_sizeof;
	uint32_t highest = 0;

	for (size_t i = 0; i < s->n; i++)
		highest = s->arena_index[i] > highest ? s->arena_index[i] : highest;
	if (reader_u64(r, vector - 8, &chunk)) {
		uint64_t bytes = (chunk & ~UINT64_C(7)) - 16, most = 0;

		/* new_arena doubles it from 16 on: the largest such number that fits. */
		for (uint64_t n = 16; n <= ARENA_SLOTS_MAX && bytes >= n * stride - 8; n *= 2)
			most = n;
		if (most > highest && bytes < 2 * most * stride + 8192)
			return (uint32_t)most;
	}
	return highest + 1;
}

static int heap_push(struct pymalloc *pm, struct pymalloc_heap h, struct err *err)
{
	return vec_push(&pm->heaps, h) < 0 ? err_nomem(err) : 0;
}

static int arenas_search(struct reader *r, const struct py *py, struct pymalloc *pm,
			 const uint8_t *data, size_t len, const struct sample *s, struct err *err)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t word = le64(data + i);

		if (!word || word % 16 || word >> 56 ||
		    !arenas_at(r, pm, py->layout, word, s))
			continue;
		return heap_push(pm,
				 (struct pymalloc_heap){ .arenas_at = word,
							 .slots = vector_slots(r, py->layout, word, s) },
				 err);
	}
	return err_set(err, ERR_CORRUPT, "pymalloc's arena vector was not found");
}

/* 3.8–3.11: static `usedpools` and `arenas` somewhere in .data and .bss. */
static int state_static(struct reader *r, const struct py *py, struct pymalloc *pm, struct err *err)
{
	uint64_t len = py->data_end - py->data_start;
	size_t pairs = (size_t)pm->classes * 16, got;
	AUTO_FREE uint8_t *data = NULL;

	if (py->data_end <= py->data_start || len > DATA_MAX)
		return err_set(err, ERR_CORRUPT, "the interpreter's data segment has no plausible size");
	data = malloc(len);
	if (!data)
		return err_nomem(err);
	got = reader_bulk(r, py->data_start, data, len);
	for (size_t i = 0; i + pairs <= got; i += 8) {
		uint64_t self = py->data_start + i - 16;
		uint64_t next = le64(data + i);
		struct sample s;

		if (next != self && (next % pm->pool_bytes || !next))
			continue;
		if (usedpools_at(r, pm, py->layout, data + i, py->data_start + i, &s))
			return arenas_search(r, py, pm, data, got, &s, err);
	}
	if (!py->pymalloc)
		return 0;
	return err_set(err, ERR_CORRUPT, "pymalloc's used-pool table was not found");
}

/* struct _obmalloc_state at `state`, 3.12+ (Include/internal/pycore_obmalloc.h). */
static int state_add(struct reader *r, const struct py *py, struct pymalloc *pm, uint64_t state,
		     int64_t interp, struct err *err)
{
	const struct py_layout *l = py->layout;
	uint64_t mgmt = state + (uint64_t)l->obmalloc_state_mgmt;
	struct pymalloc_heap h = { .state = state, .interp = interp, .has_counters = true };
	uint32_t slots = 0;

	for (size_t i = 0; i < pm->heaps.len; i++) {
		if (pm->heaps.at[i].state == state)
			return 0;
	}
	if (!reader_u64(r, mgmt + (uint64_t)l->obmalloc_mgmt_arenas, &h.arenas_at) ||
	    !reader_u32(r, mgmt + (uint64_t)l->obmalloc_mgmt_maxarenas, &slots) ||
	    !reader_u64(r, mgmt + (uint64_t)l->obmalloc_mgmt_narenas_currently_allocated, &h.current) ||
	    !reader_u64(r, mgmt + (uint64_t)l->obmalloc_mgmt_ntimes_arena_allocated, &h.ever) ||
	    !reader_u64(r, mgmt + (uint64_t)l->obmalloc_mgmt_narenas_highwater, &h.highwater) ||
	    !reader_u64(r, mgmt + (uint64_t)l->obmalloc_mgmt_raw_allocated_blocks, &h.raw_blocks)) {
		pm->torn++;
		return 0;
	}
	if (!h.arenas_at)
		return 0;
	if (slots > ARENA_SLOTS_MAX) {
		pm->torn++;
		return 0;
	}
	h.slots = slots;
	return heap_push(pm, h, err);
}

int pymalloc_state_find(struct reader *r, const struct py *py, struct pymalloc *pm, struct err *err)
{
	const struct py_layout *l = py->layout;
	uint64_t interp = 0;
	uint32_t index;

	if (l->obmalloc_home == PY_OBMALLOC_STATIC)
		return state_static(r, py, pm, err);
	while (heap_interp_next(r, py, &interp, &index)) {
		uint64_t state = interp + (uint64_t)l->PyInterpreterState_obmalloc, id = 0;
		int code;

		if (l->obmalloc_home == PY_OBMALLOC_POINTER &&
		    (!reader_u64(r, state, &state) || !state)) {
			pm->torn++;
			continue;
		}
		(void)reader_u64(r, interp + (uint64_t)l->PyInterpreterState_id, &id);
		code = state_add(r, py, pm, state, (int64_t)id, err);
		if (code < 0)
			return code;
	}
	return 0;
}
