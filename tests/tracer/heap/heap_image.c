/* SPDX-License-Identifier: MIT */
/* Builds what Objects/obmalloc.c would have built, for the walk to find again. */
#include "heap_image.h"

#include <stdlib.h>
#include <string.h>

#define ARENA UINT64_C(0x7f0000000000)
#define DATA_BYTES 8192

static void put(struct heap_image *i, uint64_t at, int32_t off, uint64_t v)
{
	if (off != PY_ABSENT)
		fake_mem_put_u64(i->p.f, at + (uint64_t)off, v);
}

static void put32(struct heap_image *i, uint64_t at, int32_t off, uint32_t v)
{
	if (off != PY_ABSENT)
		fake_mem_put_u32(i->p.f, at + (uint64_t)off, v);
}

static uint64_t text(struct heap_image *i, const char *s)
{
	taddr at = fake_py_alloc(&i->p, strlen(s) + 1);

	fake_mem_put_str(i->p.f, at.v, s);
	return at.v;
}

static void type_fill(struct heap_image *i, uint64_t at, const char *name, uint64_t base,
		      uint32_t basic, uint32_t item, uint64_t flags)
{
	const struct py_layout *l = i->p.layout;

	put(i, at, l->PyObject_ob_refcnt, 1);
	put(i, at, l->PyObject_ob_type, i->p.py.type_type.v);
	put(i, at, l->PyTypeObject_tp_name, text(i, name));
	put(i, at, l->PyTypeObject_tp_basicsize, basic);
	put(i, at, l->PyTypeObject_tp_itemsize, item);
	put(i, at, l->PyTypeObject_tp_flags, flags | 1u << 12);
	put(i, at, l->PyTypeObject_tp_base, base);
}

uint64_t heap_image_type(struct heap_image *i, const char *name, int base, uint32_t basic,
			 uint32_t item, uint64_t flags)
{
	uint64_t at = fake_py_alloc(&i->p, 1024).v;

	type_fill(i, at, name, i->type[base], basic, item, flags);
	return at;
}

static void types_make(struct heap_image *i)
{
	const struct py_layout *l = i->p.layout;
	const struct {
		const char *name;
		int32_t basic;
		uint32_t item;
		uint64_t flags;
	} t[IMAGE_TYPES] = {
		[IMAGE_TYPE] = { "type", l->PyHeapTypeObject_sizeof, 40,
				 PY_TPFLAG_TYPE | PY_TPFLAG_HAVE_GC },
		[IMAGE_OBJECT] = { "object", 16, 0, 0 },
		[IMAGE_INT] = { "int", 24, 4, PY_TPFLAG_LONG },
		[IMAGE_STR] = { "str", l->PyUnicodeObject_sizeof, 0, PY_TPFLAG_UNICODE },
		[IMAGE_BYTES] = { "bytes", l->PyBytesObject_ob_sval + 1, 1, PY_TPFLAG_BYTES },
		[IMAGE_LIST] = { "list", l->PyListObject_sizeof, 0, PY_TPFLAG_LIST | PY_TPFLAG_HAVE_GC },
		[IMAGE_TUPLE] = { "tuple", l->PyTupleObject_ob_item, 8,
				  PY_TPFLAG_TUPLE | PY_TPFLAG_HAVE_GC },
		[IMAGE_DICT] = { "dict", l->PyDictObject_sizeof, 0, PY_TPFLAG_DICT | PY_TPFLAG_HAVE_GC },
		[IMAGE_FLOAT] = { "float", 24, 0, 0 },
	};

	for (int k = 0; k < IMAGE_TYPES; k++)
		i->type[k] = k == IMAGE_TYPE ? i->p.py.type_type.v : fake_py_alloc(&i->p, 1024).v;
	for (int k = 0; k < IMAGE_TYPES; k++)
		type_fill(i, i->type[k], t[k].name, k == IMAGE_OBJECT ? 0 : i->type[IMAGE_OBJECT],
			  (uint32_t)t[k].basic, t[k].item, t[k].flags);
}

static uint64_t gc_state(const struct heap_image *i)
{
	const struct py_layout *l = i->p.layout;

	return l->gc_home == PY_GC_IN_RUNTIME
		       ? i->p.py.runtime.v + (uint64_t)l->_PyRuntimeState_gc
		       : i->p.py.main_interp.v + (uint64_t)l->PyInterpreterState_gc;
}

static void lists_make(struct heap_image *i)
{
	const struct py_layout *l = i->p.layout;
	uint64_t gc = gc_state(i), head = gc + (uint64_t)l->gc_runtime_state_generations, stats;

	i->gc_head = i->gc_last = head;
	put(i, gc, l->gc_runtime_state_generation0, head);
	for (int k = 0; k < 4; k++) {
		uint64_t at = head + (uint64_t)(k * l->gc_generation_sizeof);

		if (k == 3)
			at = gc + (uint64_t)l->gc_runtime_state_permanent_generation;
		put(i, at, 0, at);
		put(i, at, 8, at);
		put32(i, at, l->gc_generation_threshold, 700 + (uint32_t)k);
		put32(i, at, l->gc_generation_count, 10 + (uint32_t)k);
	}
	if (l->gc_stats_kind == PY_GC_STATS_RINGS) {
		stats = fake_py_alloc(&i->p, 2048).v;
		put(i, gc, l->gc_runtime_state_generation_stats, stats);
		put(i, stats, l->gc_generation_stats_collections, 5);
	} else {
		put(i, gc + (uint64_t)l->gc_runtime_state_generation_stats,
		    l->gc_generation_stats_collections, 5);
	}
}

struct heap_image heap_image_new(const struct py_sheet *sheet)
{
	struct heap_image i = { .p = fake_py_new(sheet), .arena = ARENA, .large = IMAGE_LARGE + 16 };
	const struct py_layout *l = i.p.layout;

	i.p.py.type_type = fake_py_alloc(&i.p, 1024);
	i.p.py.pymalloc = true;
	i.data = fake_py_alloc(&i.p, DATA_BYTES).v;
	i.p.py.data_start = i.data;
	i.p.py.data_end = i.data + DATA_BYTES;
	i.vector = fake_py_alloc(&i.p, 16 * (size_t)l->arena_object_sizeof).v;
	fake_mem_map(i.p.f, i.arena, (size_t)l->arena_bytes);
	fake_mem_map(i.p.f, IMAGE_LARGE, IMAGE_LARGE_BYTES);
	types_make(&i);
	lists_make(&i);
	return i;
}

void heap_image_free(struct heap_image *i)
{
	fake_py_free(&i->p);
}

uint64_t heap_image_block(struct heap_image *i, uint32_t size)
{
	const struct py_layout *l = i->p.layout;
	uint32_t c = (size - 1) / 16, bytes = (c + 1) * 16;
	uint64_t block;

	if (!i->class[c].pool) {
		i->class[c].pool = i->arena + (uint64_t)i->pools++ * (uint64_t)l->pool_bytes;
		i->class[c].next = 48;
	}
	i->class[c].used++;
	block = i->class[c].freeblock;
	if (block) {
		if (mem_u64(i->p.mem, taddr_of(block), &i->class[c].freeblock, NULL) < 0)
			return 0;
		return block;
	}
	block = i->class[c].pool + i->class[c].next;
	i->class[c].next += bytes;
	return block;
}

void heap_image_free_block(struct heap_image *i, uint64_t block, uint32_t size)
{
	uint32_t c = (size - 1) / 16;

	fake_mem_put_u64(i->p.f, block, i->class[c].freeblock);
	i->class[c].freeblock = block;
	i->class[c].used--;
}

uint64_t heap_image_large(struct heap_image *i, uint64_t n)
{
	uint64_t chunk = (n + 8 + 15) & ~UINT64_C(15), at = i->large;

	fake_mem_put_u64(i->p.f, at - 8, chunk | 1);
	i->large += chunk;
	return at;
}

/* Link the object at its end of the young list. */
static void track(struct heap_image *i, uint64_t object)
{
	uint64_t gc = object - 16;

	fake_mem_put_u64(i->p.f, i->gc_last, gc);
	fake_mem_put_u64(i->p.f, gc, i->gc_head);
	fake_mem_put_u64(i->p.f, gc + 8, i->gc_last);
	fake_mem_put_u64(i->p.f, i->gc_head + 8, gc);
	i->gc_last = gc;
}

uint64_t heap_image_object(struct heap_image *i, int type, uint64_t own)
{
	const struct py_layout *l = i->p.layout;
	uint64_t pre = type == IMAGE_LIST || type == IMAGE_TUPLE || type == IMAGE_DICT ? 16 : 0, at;

	at = pre + own <= 512 ? heap_image_block(i, (uint32_t)(pre + own))
			      : heap_image_large(i, pre + own);
	at += pre;
	put(i, at, l->PyObject_ob_refcnt, 1);
	put(i, at, l->PyObject_ob_type, i->type[type]);
	if (pre)
		track(i, at);
	return at;
}

uint64_t heap_image_list(struct heap_image *i, const uint64_t *items, uint64_t n, uint64_t allocated)
{
	const struct py_layout *l = i->p.layout;
	uint64_t list = heap_image_object(i, IMAGE_LIST, (uint64_t)l->PyListObject_sizeof);
	uint64_t bytes = allocated * 8, at;

	at = bytes <= 512 ? heap_image_block(i, (uint32_t)bytes) : heap_image_large(i, bytes);
	for (uint64_t k = 0; k < n; k++)
		fake_mem_put_u64(i->p.f, at + 8 * k, items[k]);
	put(i, list, l->PyVarObject_ob_size, n);
	put(i, list, l->PyListObject_ob_item, at);
	put(i, list, l->PyListObject_allocated, allocated);
	return list;
}

uint64_t heap_image_float(struct heap_image *i)
{
	uint64_t at = heap_image_object(i, IMAGE_FLOAT, 24);

	fake_mem_put_u64(i->p.f, at + 16, UINT64_C(0x3ff8000000000000));
	return at;
}

void heap_image_refs(struct heap_image *i, uint64_t object, uint64_t count)
{
	fake_mem_put_u64(i->p.f, object, count);
}

static void pool_write(struct heap_image *i, uint32_t c, uint64_t back)
{
	const struct py_layout *l = i->p.layout;
	uint64_t at = i->class[c].pool;

	put32(i, at, l->pool_header_ref, i->class[c].used);
	put(i, at, l->pool_header_freeblock, i->class[c].freeblock);
	put(i, at, l->pool_header_nextpool, back);
	put(i, at, l->pool_header_prevpool, back);
	put32(i, at, l->pool_header_arenaindex, 0);
	put32(i, at, l->pool_header_szidx, c);
	put32(i, at, l->pool_header_nextoffset, i->class[c].next);
	put32(i, at, l->pool_header_maxnextoffset, (uint32_t)l->pool_bytes - (c + 1) * 16);
}

/* Where struct _obmalloc_state is, 3.12+. */
static uint64_t state_of(struct heap_image *i)
{
	const struct py_layout *l = i->p.layout;
	uint64_t at = i->p.py.main_interp.v + (uint64_t)l->PyInterpreterState_obmalloc, state = 0;

	if (l->obmalloc_home == PY_OBMALLOC_IN_INTERP)
		return at;
	if (mem_u64(i->p.mem, taddr_of(at), &state, NULL) < 0 || !state) {
		state = fake_py_alloc(&i->p, 4096).v;
		fake_mem_put_u64(i->p.f, at, state);
	}
	return state;
}

static void ranges_fill(struct heap_image *i)
{
	i->ranges[0] = (struct map_range){ .start = 0x10000000, .end = i->p.next, .path = "/usr/bin/python",
					   .flags = MAP_R | MAP_W };
	i->ranges[1] = (struct map_range){ .start = IMAGE_LARGE, .end = IMAGE_LARGE + IMAGE_LARGE_BYTES,
					   .path = "[heap]", .flags = MAP_R | MAP_W };
	i->ranges[2] = (struct map_range){ .start = i->arena,
					   .end = i->arena + (uint64_t)i->p.layout->arena_bytes,
					   .path = "", .flags = MAP_R | MAP_W };
	i->maps = (struct maps){ .ranges = i->ranges, .count = 3 };
}

void heap_image_finish(struct heap_image *i)
{
	const struct py_layout *l = i->p.layout;
	uint32_t total = (uint32_t)(l->arena_bytes / l->pool_bytes);
	uint64_t used = i->data + 512;

	if (l->obmalloc_home != PY_OBMALLOC_STATIC) {
		uint64_t state = state_of(i), mgmt = state + (uint64_t)l->obmalloc_state_mgmt;

		used = state;
		put(i, mgmt, l->obmalloc_mgmt_arenas, i->vector);
		put32(i, mgmt, l->obmalloc_mgmt_maxarenas, 16);
		put(i, mgmt, l->obmalloc_mgmt_narenas_currently_allocated, 1);
	} else {
		fake_mem_put_u64(i->p.f, i->data + 64, i->vector);
	}
	for (uint32_t c = 0; c < IMAGE_CLASSES; c++) {
		uint64_t self = used + 16 * c - 16, pool = i->class[c].pool;

		fake_mem_put_u64(i->p.f, used + 16 * c, pool ? pool : self);
		fake_mem_put_u64(i->p.f, used + 16 * c + 8, pool ? pool : self);
		if (pool)
			pool_write(i, c, self);
	}
	put(i, i->vector, l->arena_object_address, i->arena);
	put(i, i->vector, l->arena_object_pool_address,
	    i->arena + (uint64_t)i->pools * (uint64_t)l->pool_bytes);
	put32(i, i->vector, l->arena_object_nfreepools, total - i->pools);
	put32(i, i->vector, l->arena_object_ntotalpools, total);
	put(i, i->vector, l->arena_object_freepools, 0);
	ranges_fill(i);
}

int heap_image_walk(struct heap_image *i, struct heap **ret, struct err *err)
{
	const struct heap_options small = { .cache_bytes = 1 << 18 };

	i->maps.ranges = i->ranges; /* the image may have been copied */
	return heap_walk(i->p.mem, &i->p.py, &i->maps, &small, ret, err);
}
