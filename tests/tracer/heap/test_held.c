/* SPDX-License-Identifier: MIT */
/* Groups of objects: an even choice of members, roots of ways, and containers found by their items. */
#include "tracer/heap/held.h"

#include <criterion/criterion.h>

#include "heap_image.h"
#include "tracer/heap/ids.h"
#include "tracer/heap/walk.h"

#define FLOATS 40

static struct heap_image image;
static struct heap *heap;
static struct heap_graph *graph;
static struct held held;
static uint64_t list, items[FLOATS];

static void setup(void)
{
	struct err err = ERR_INIT;

	image = heap_image_new(py_sheets[py_sheets_count - 1]);
	for (int i = 0; i < FLOATS; i++)
		items[i] = heap_image_float(&image);
	list = heap_image_list(&image, items, FLOATS, FLOATS);
	heap_image_finish(&image);
	cr_assert_eq(heap_image_walk(&image, &heap, &err), 0, "%s", err.text);
	cr_assert_eq(graph_new(heap, NULL, &graph, &err), 0, "%s", err.text);
	cr_assert(graph->retained);
	cr_assert_eq(held_init(&held, graph, &err), 0, "%s", err.text);
}

static void teardown(void)
{
	held_deinit(&held);
	graph_free(graph);
	heap_free(heap);
	heap_image_free(&image);
}

TestSuite(tracer_heap_held, .init = setup, .fini = teardown);

Test(tracer_heap_held, what_nothing_accounts_for_is_held_by_c_code)
{
	uint32_t v = graph_vertex(graph, list);

	cr_assert_neq(v, DIGRAPH_NONE);
	cr_assert_eq(held_root(&held, v), FACT_ROOT_C_ONLY);
	cr_assert_eq(held_root(&held, graph_vertex(graph, items[7])), FACT_ROOT_C_ONLY);
	cr_assert_eq(held_root(&held, DIGRAPH_NONE), FACT_ROOT_NONE);
}

Test(tracer_heap_held, the_choice_of_members_is_even_and_bounded)
{
	struct held_group group = { 0 };

	for (uint32_t i = 0; i < 100000; i++)
		held_add(&group, i);
	cr_assert_geq(group.n, HELD_SAMPLE);
	cr_assert_leq(group.n, 2 * HELD_SAMPLE);
	for (uint32_t i = 1; i < group.n; i++)
		cr_assert_eq(group.vertex[i] - group.vertex[i - 1], group.stride);
	cr_assert_geq(group.vertex[group.n - 1], 90000);
}

static int on_owner(void *ctx, uint64_t value, uint32_t vertex, struct err *err)
{
	(void)err;
	cr_assert_eq(value, 7);
	*(uint32_t *)ctx = vertex;
	return 0;
}

Test(tracer_heap_held, a_list_is_found_by_the_block_of_its_items)
{
	const struct py_layout *l = image.p.layout;
	struct map blocks = MAP_INIT;
	struct err err = ERR_INIT;
	uint32_t found = DIGRAPH_NONE;
	uint64_t block = 0;

	cr_assert(mem_u64(image.p.mem, taddr_of(list + (uint64_t)l->PyListObject_ob_item), &block, &err) == 0);
	cr_assert_eq(map_set(&blocks, block, 7), 0);
	cr_assert_eq(held_owners(&held, &blocks, on_owner, &found, &err), 0);
	cr_assert_eq(found, graph_vertex(graph, list));
	map_deinit(&blocks);
}

static uint64_t told;

static int on_held(void *ctx, const struct fact_heap_held *f, struct err *err)
{
	(void)ctx, (void)err;
	cr_assert_str_eq(f->path, "");
	cr_assert_eq(f->site, 9);
	told += f->objects;
	return 0;
}

Test(tracer_heap_held, rows_of_a_group_add_up_to_its_objects)
{
	struct held_group group = { .site = 9, .type = 1, .objects = 1000, .bytes = 24000 };
	const struct fact_sink sink = { .heap_held = on_held };
	struct err err = ERR_INIT;

	for (int i = 0; i < FLOATS; i++)
		held_add(&group, graph_vertex(graph, items[i]));
	cr_assert_eq(held_push(&held, &group, &sink, &err), 0, "%s", err.text);
	cr_assert_eq(told, 1000);
}
