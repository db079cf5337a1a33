/* SPDX-License-Identifier: MIT */
/*
 * Free lists by version: fields of the interpreter state (3.10–3.12), arrays with counters in
 * object_state.freelists (3.13), linked through the first word (3.14+, pycore_freelist_state.h).
 */
#include "tracer/heap/freelist.h"

#include <stdio.h>
#include <string.h>

#include "tracer/cpython/interp.h"
#include "tracer/heap/object.h"

#define BLOCK_MAX 512 /* of any size class */
#define LIST_MAX 100000
#define ARRAY_MAX 512
#define FLOAT_BLOCK 32 /* where a float lies */

/* Add to a row by name; the first use makes the row. */
static void row_add(struct heap *h, const char *name, uint64_t bytes)
{
	struct fact_heap_free_list f = { .count = 1, .bytes = bytes };

	for (size_t i = 0; i < h->free_lists.len; i++) {
		struct fact_heap_free_list *at = &h->free_lists.at[i];

		if (!strcmp(at->name, name)) {
			at->count++;
			at->bytes += bytes;
			return;
		}
	}
	f.name = arena_str(&h->types.strings, name, strlen(name));
	if (!f.name || vec_push(&h->free_lists, f) < 0)
		h->nomem = true;
}

static void mark(struct heap *h, const char *name, uint64_t addr)
{
	uint32_t off, b = pymalloc_block_of(&h->pm, addr, &off);
	uint32_t size;

	if (b == PYMALLOC_NONE || h->state[b] != BLOCK_UNSEEN)
		return;
	size = h->pm.block_size[h->pm.pools.at[pymalloc_pool_of(&h->pm, addr) - 2].szidx];
	h->state[b] = STATE(BLOCK_FREE_LIST, 0, 0);
	row_add(h, name, size);
}

/* A chain of dead objects, linked at offset `link` of each. */
static void chain(struct heap *h, const char *name, uint64_t at, int32_t link)
{
	for (uint32_t i = 0; at && i < LIST_MAX; i++) {
		mark(h, name, at);
		if (link < 0 || !reader_u64(&h->r, at + (uint64_t)link, &at))
			break;
	}
}

static void chain_at(struct heap *h, const char *name, uint64_t head, int32_t link)
{
	uint64_t at;

	if (reader_u64(&h->r, head, &at))
		chain(h, name, at, link);
}

/* items[capacity] of which `numfree` (an int at count_at) are in use. */
static void array(struct heap *h, const char *name, uint64_t items, uint64_t count_at)
{
	uint32_t n = 0;
	uint64_t p;

	if (!reader_u32(&h->r, count_at, &n))
		return;
	for (uint32_t i = 0; i < n && i < ARRAY_MAX; i++) {
		if (reader_u64(&h->r, items + 8 * i, &p))
			mark(h, name, p);
	}
}

static void tuples(struct heap *h, uint64_t heads, uint64_t stride, int32_t link)
{
	/* list 0 of 3.10 is the empty tuple itself, alive (Objects/tupleobject.c) */
	for (int32_t i = !h->l->free_tuple_first_len; i < h->l->free_tuple_lists; i++) {
		char name[32];

		snprintf(name, sizeof(name), "tuple[%d]", i + h->l->free_tuple_first_len);
		chain_at(h, name, heads + (uint64_t)i * stride, link);
	}
}

/* Count of entries in a fixed array type of `bytes`, whose counter follows it. */
#define IN(s, f) (at + (uint64_t)(l->s##_##f))

/* Modules/…: _Py_float_state and the rest of 3.10–3.12's PyInterpreterState. */
static void interp_lists(struct heap *h, uint64_t interp)
{
	const struct py_layout *l = h->l;
	uint64_t at = interp, s;

	chain_at(h, "float", IN(PyInterpreterState, float_state) + (uint64_t)l->_Py_float_state_free_list,
		 l->PyObject_ob_type);
	tuples(h, IN(PyInterpreterState, tuple) + (uint64_t)l->_Py_tuple_state_free_list, 8,
	       l->PyTupleObject_ob_item);
	s = IN(PyInterpreterState, list);
	array(h, "list", s + (uint64_t)l->_Py_list_state_free_list,
	      s + (uint64_t)l->_Py_list_state_numfree);
	s = IN(PyInterpreterState, dict_state);
	array(h, "dict", s + (uint64_t)l->_Py_dict_state_free_list,
	      s + (uint64_t)l->_Py_dict_state_numfree);
	array(h, "dict keys", s + (uint64_t)l->_Py_dict_state_keys_free_list,
	      s + (uint64_t)l->_Py_dict_state_keys_numfree);
	chain_at(h, "slice", IN(PyInterpreterState, slice_cache), -1);
	/* _Py_context_state: head first; _Py_async_gen_state: two arrays of 80, each with an int */
	chain_at(h, "context", IN(PyInterpreterState, context), l->PyContext_ctx_weakreflist);
	s = IN(PyInterpreterState, async_gen);
	array(h, "async generator value", s, s + 640);
	array(h, "async generator asend", s + 648, s + 648 + 640);
	if (l->PyInterpreterState_frame >= 0) /* _Py_frame_state: free_list, numfree */
		chain_at(h, "frame", IN(PyInterpreterState, frame), l->PyFrameObject_f_back);
}

/* struct _Py_freelists of 3.13: arrays end in their counter. */
static void array_lists(struct heap *h, uint64_t at)
{
	const struct py_layout *l = h->l;

	chain_at(h, "float", IN(_Py_freelists, floats) + 8, l->PyObject_ob_type); /* behind its counter */
	tuples(h, IN(_Py_freelists, tuples), 8, l->PyTupleObject_ob_item);
	array(h, "list", IN(_Py_freelists, lists), IN(_Py_freelists, lists) + 640);
	array(h, "dict", IN(_Py_freelists, dicts), IN(_Py_freelists, dicts) + 640);
	array(h, "dict keys", IN(_Py_freelists, dictkeys), IN(_Py_freelists, dictkeys) + 640);
	chain_at(h, "slice", IN(_Py_freelists, slices), -1);
	chain_at(h, "context", IN(_Py_freelists, contexts), l->PyContext_ctx_weakreflist);
	array(h, "async generator value", IN(_Py_freelists, async_gens),
	      IN(_Py_freelists, async_gens) + 640);
	array(h, "async generator asend", IN(_Py_freelists, async_gen_asends),
	      IN(_Py_freelists, async_gen_asends) + 640);
}

/* 3.14+: struct _Py_freelist { void *freelist; Py_ssize_t size; }, linked by the first word. */
static void linked_lists(struct heap *h, uint64_t at)
{
	const struct py_layout *l = h->l;
	const struct {
		const char *name;
		int32_t off;
	} lists[] = {
		{ "float", l->_Py_freelists_floats },
		{ "complex", l->_Py_freelists_complexes },
		{ "int", l->_Py_freelists_ints },
		{ "list", l->_Py_freelists_lists },
		{ "list iterator", l->_Py_freelists_list_iters },
		{ "tuple iterator", l->_Py_freelists_tuple_iters },
		{ "dict", l->_Py_freelists_dicts },
		{ "dict keys", l->_Py_freelists_dictkeys },
		{ "slice", l->_Py_freelists_slices },
		{ "range", l->_Py_freelists_ranges },
		{ "range iterator", l->_Py_freelists_range_iters },
		{ "context", l->_Py_freelists_contexts },
		{ "async generator value", l->_Py_freelists_async_gens },
		{ "async generator asend", l->_Py_freelists_async_gen_asends },
		{ "future iterator", l->_Py_freelists_futureiters },
		{ "object stack chunk", l->_Py_freelists_object_stack_chunks },
		{ "unicode writer", l->_Py_freelists_unicode_writers },
		{ "bytes writer", l->_Py_freelists_bytes_writers },
		{ "builtin function", l->_Py_freelists_pycfunctionobject },
		{ "builtin method", l->_Py_freelists_pycmethodobject },
		{ "method", l->_Py_freelists_pymethodobjects },
	};

	tuples(h, IN(_Py_freelists, tuples), 16, 0);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (lists[i].off >= 0)
			chain_at(h, lists[i].name, at + (uint64_t)lists[i].off, 0);
	}
}

void freelist_mark(struct heap *h)
{
	const struct py_layout *l = h->l;
	struct interp_iter it;
	taddr interp;

	if (interp_iter_init(&it, h->py, &h->r.base, NULL) < 0)
		return;
	while (interp_next(&it, &interp, NULL) > 0) {
		uint64_t lists = interp.v + (uint64_t)l->PyInterpreterState_object_state_freelists;

		switch (l->free_lists) {
		case PY_FREE_LISTS_STATIC:
			break; /* freelist_mark_dead finds them */
		case PY_FREE_LISTS_IN_INTERP:
			interp_lists(h, interp.v);
			break;
		case PY_FREE_LISTS_ARRAYS:
			array_lists(h, lists);
			break;
		case PY_FREE_LISTS_LINKED:
			linked_lists(h, lists);
			break;
		}
	}
}

/* A type, also one without a living object: then it is in the interpreter's own data. */
static uint32_t type_at(struct heap *h, uint64_t addr)
{
	uint32_t type = types_known(&h->types, addr);

	if (type || addr < h->py->data_start || addr >= h->py->data_end)
		return type;
	return types_resolve(&h->types, addr);
}

/* The type of the dead object in a block: all as if alive but for a reference count of zero. */
static uint32_t dead_type(struct heap *h, const uint8_t *bytes, uint32_t size)
{
	for (uint32_t pre = 0; pre <= 32; pre += 16) {
		uint32_t lead = h->lead + pre, type;
		const struct heap_type *t;

		if (lead + 16 > size || le64(bytes + lead))
			continue;
		type = type_at(h, le64(bytes + lead + 8));
		if (!type)
			continue;
		t = types_at(&h->types, type);
		if (t->pre == pre && lead + t->basic <= size + 16)
			return type;
	}
	return 0;
}

/*
 * A dead float: count zero, the type word links to another block of its size (≤3.9): that block, else
 * PYMALLOC_NONE.
 */
static uint32_t dead_float(const struct heap *h, const uint8_t *bytes, uint32_t size, uint64_t *ret_next)
{
	uint32_t off, b;

	if (h->l->free_lists != PY_FREE_LISTS_STATIC || size != FLOAT_BLOCK || le64(bytes))
		return PYMALLOC_NONE;
	*ret_next = le64(bytes + 8);
	if (!*ret_next)
		return PYMALLOC_NONE;
	b = pymalloc_block_of(&h->pm, *ret_next, &off);
	return b != PYMALLOC_NONE && off == 0 ? b : PYMALLOC_NONE;
}

static void mark_dead(struct heap *h, uint32_t b, uint32_t type, const char *name, uint32_t size)
{
	h->state[b] = STATE(BLOCK_FREE_LIST, 0, type);
	row_add(h, name, size);
}

static void block_dead(struct heap *h, uint32_t b, const uint8_t *bytes, uint32_t size)
{
	uint32_t type = dead_type(h, bytes, size), next;
	uint64_t next_at, words[2];

	if (type) {
		mark_dead(h, b, type, types_at(&h->types, type)->name, size);
		return;
	}
	next = dead_float(h, bytes, size, &next_at);
	if (next == PYMALLOC_NONE)
		return;
	mark_dead(h, b, 0, "float", size);
	/* The last of the list links to nothing: only who links to it says what it is. */
	if (STATE_KIND(h->state[next]) == BLOCK_UNKNOWN && reader_get(&h->r, next_at, words, sizeof(words)) &&
	    !words[0] && !words[1])
		mark_dead(h, next, 0, "float", size);
}

static void unknown_look(struct heap *h, uint32_t b, uint64_t addr, uint32_t size)
{
	uint8_t bytes[BLOCK_MAX + 64] = { 0 };

	if (reader_get(&h->r, addr, bytes, size))
		block_dead(h, b, bytes, size);
}

void freelist_mark_dead(struct heap *h)
{
	for (size_t p = 0; p < h->pm.pools.len; p++) {
		const struct pymalloc_pool *pool = &h->pm.pools.at[p];
		uint32_t size = h->pm.block_size[pool->szidx];

		for (uint32_t i = 0; i < pool->blocks; i++) {
			uint32_t b = pool->first_block + i;

			if (STATE_KIND(h->state[b]) == BLOCK_UNKNOWN && size <= BLOCK_MAX)
				unknown_look(h, b, pymalloc_block_addr(&h->pm, pool, b), size);
		}
	}
}
