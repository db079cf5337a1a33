/* SPDX-License-Identifier: MIT */
/*
 * The walk over a small heap with mutated bytes: no crash, no hang, and whatever was counted
 * adds up. Input: a version, then (where, value) pairs written over arena, data or collector.
 */
#include <string.h>

#include "base/check.h"
#include "tests/tracer/heap/heap_image.h"
#include "tracer/heap/cycles.h"
#include "tracer/heap/getsizeof.h"
#include "tracer/heap/graph_rows.h"
#include "tracer/heap/held.h"
#include "tracer/heap/ids.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void populate(struct heap_image *i)
{
	const struct py_layout *l = i->p.layout;
	uint64_t items[4], list, big;

	for (int k = 0; k < 4; k++)
		items[k] = heap_image_float(i);
	list = heap_image_list(i, items, 4, 6);
	items[0] = list;
	list = heap_image_list(i, items, 2, 100);
	big = heap_image_object(i, IMAGE_BYTES, 33 + 900);
	fake_mem_put_u64(i->p.f, big + (uint64_t)l->PyVarObject_ob_size, 900);
	items[1] = big;
	heap_image_list(i, items, 2, 2);
	list = heap_image_object(i, IMAGE_TUPLE, (uint64_t)l->PyTupleObject_ob_item + 16);
	fake_mem_put_u64(i->p.f, list + (uint64_t)l->PyVarObject_ob_size, 2);
	heap_image_object(i, IMAGE_DICT, (uint64_t)l->PyDictObject_sizeof);
	heap_image_object(i, IMAGE_STR, (uint64_t)l->PyASCIIObject_sizeof + 6);
	heap_image_object(i, IMAGE_INT, 28);
	heap_image_free_block(i, heap_image_block(i, 64), 64);
	heap_image_finish(i);
}

/* Where a mutation goes: four regions, so that few bytes reach what matters. */
static uint64_t place(const struct heap_image *i, uint8_t region, uint32_t offset)
{
	const struct py_layout *l = i->p.layout;

	switch (region & 3) {
	case 0:
		return i->arena + offset % ((uint32_t)l->pool_bytes * 8);
	case 1:
		return 0x10000000 + offset % (uint32_t)(i->p.next - 0x10000000);
	case 2:
		return i->vector + offset % ((uint32_t)l->arena_object_sizeof * 2);
	default:
		return IMAGE_LARGE + offset % 4096;
	}
}

static void mutate(struct heap_image *i, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at + 8 <= len; at += 8) {
		uint32_t offset = (uint32_t)bytes[at + 1] | (uint32_t)bytes[at + 2] << 8 |
				  (uint32_t)bytes[at + 3] << 16;
		uint64_t where = place(i, bytes[at], offset), word = 0, v;
		uint8_t width = bytes[at] >> 2 & 3;

		v = (uint64_t)bytes[at + 4] | (uint64_t)bytes[at + 5] << 8 |
		    (uint64_t)bytes[at + 6] << 16 | (uint64_t)bytes[at + 7] << 24;
		if (bytes[at] & 0x80) /* an address that means something */
			v = place(i, bytes[at] >> 4, (uint32_t)v);
		if (mem_u64(i->p.mem, taddr_of(where & ~UINT64_C(7)), &word, NULL) < 0)
			continue;
		if (width == 0)
			fake_mem_put_u8(i->p.f, where, (uint8_t)v);
		else
			fake_mem_put_u64(i->p.f, where & ~UINT64_C(7), width == 1 ? word ^ v : v);
	}
}

static int on_held(void *ctx, const struct fact_heap_held *f, struct err *err)
{
	uint64_t *objects = ctx;

	(void)err;
	CHECK(f->holder && f->path && f->objects <= *objects);
	return 0;
}

static int on_owner(void *ctx, uint64_t value, uint32_t vertex, struct err *err)
{
	const struct held *held = ctx;

	(void)value, (void)err;
	CHECK(vertex < held->g->objects);
	return 0;
}

/* Who holds what: edges, dominators, paths and owners of damaged objects. */
static void ask_holders(struct heap *h)
{
	struct heap_graph *g = NULL;
	struct held held = { 0 };
	struct map blocks = MAP_INIT;
	struct err err = ERR_INIT;
	uint64_t objects = 0;
	const struct fact_sink sink = { .ctx = &objects, .heap_held = on_held };
	const struct fact_sink nobody = { 0 };

	if (graph_new(h, NULL, &g, &err) < 0)
		return;
	objects = g->objects;
	if (g->retained && held_init(&held, g, &err) == 0) {
		(void)!graph_push(g, &nobody, &err);
		(void)!held_push_types(&held, &sink, &err);
		if (map_set(&blocks, IMAGE_LARGE + 16, 1) == 0)
			(void)!held_owners(&held, &blocks, on_owner, &held, &err);
	}
	map_deinit(&blocks);
	held_deinit(&held);
	graph_free(g);
}

static void ask_everything(struct heap *h)
{
	const struct fact_heap *f = heap_totals(h);
	const struct fact_sink nobody = { 0 };
	struct heap_object o;
	struct err err = ERR_INIT;
	uint64_t pos = 0;

	CHECK(f->object_bytes + f->buffer_bytes + f->free_list_bytes + f->unknown_bytes ==
	      f->block_bytes);
	CHECK(f->block_bytes <= f->arena_bytes);
	while (heap_object_next(h, &pos, &o)) {
		(void)heap_getsizeof(h, o.addr);
		(void)heap_object_bytes(h, o.id);
	}
	(void)!heap_find_cycles(h, &err);
	(void)!heap_push(h, &nobody, &err);
	ask_holders(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct err err = ERR_INIT;
	struct heap_image i;
	struct heap *h = NULL;

	if (!len || len > 4096)
		return 0;
	i = heap_image_new(py_sheets[bytes[0] % py_sheets_count]);
	populate(&i);
	mutate(&i, bytes + 1, len - 1);
	if (heap_image_walk(&i, &h, &err) == 0)
		ask_everything(h);
	heap_free(h);
	heap_image_free(&i);
	return 0;
}
