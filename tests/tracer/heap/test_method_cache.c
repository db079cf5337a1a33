/* SPDX-License-Identifier: MIT */
/* The table of attribute lookups, found by its look: where it begins, and what lies beside it. */
#include "tracer/heap/method_cache.h"

#include <criterion/criterion.h>

#include "heap_image.h"
#include "tracer/heap/walk.h"

#define NAMES 40
#define BESIDE 8 /* entries of other things on either side */
#define ENTRIES (BESIDE + METHOD_CACHE_ENTRIES + BESIDE)
#define ENTRY 24

static struct heap_image image;
static struct heap *heap;
static struct heap_graph *graph;
static uint64_t names[NAMES], area;

static void entry_put(size_t at, uint64_t version, uint64_t name, uint64_t value)
{
	fake_mem_put_u64(image.p.f, area + at * ENTRY, version);
	fake_mem_put_u64(image.p.f, area + at * ENTRY + 8, name);
	fake_mem_put_u64(image.p.f, area + at * ENTRY + 16, value);
}

static uint64_t name_new(void)
{
	const struct py_layout *l = image.p.layout;
	uint64_t at = heap_image_object(&image, IMAGE_STR, (uint64_t)l->PyASCIIObject_sizeof + 2);

	fake_mem_put_u64(image.p.f, at + (uint64_t)l->PyASCIIObject_length, 1);
	fake_mem_put_u32(image.p.f, at + (uint64_t)l->PyASCIIObject_state,
			 1u << l->unicode_kind_shift | 1u << l->unicode_compact_shift | 1u << l->unicode_ascii_shift |
				 1u << l->unicode_ready_shift);
	return at;
}

static void setup(void)
{
	image = heap_image_new(py_sheets[0]);
	for (size_t k = 0; k < NAMES; k++)
		names[k] = name_new();
	area = heap_image_large(&image, (uint64_t)ENTRIES * ENTRY);
	for (size_t k = 0; k < BESIDE; k++) {
		entry_put(k, area, area, area);
		entry_put(BESIDE + METHOD_CACHE_ENTRIES + k, area, area, area);
	}
	/* the first and the last entry have names; so do the others, here and there */
	for (size_t k = 0; k < NAMES; k++)
		entry_put(BESIDE + k * (METHOD_CACHE_ENTRIES - 1) / (NAMES - 1), k + 1, names[k], area);
}

static void teardown(void)
{
	graph_free(graph);
	heap_free(heap);
	heap_image_free(&image);
}

TestSuite(tracer_heap_method_cache, .init = setup, .fini = teardown);

static bool find(struct method_cache *c)
{
	struct err err = ERR_INIT;

	heap_image_finish(&image);
	cr_assert_eq(heap_image_walk(&image, &heap, &err), 0, "%s", err.text);
	cr_assert_eq(graph_new(heap, NULL, &graph, &err), 0, "%s", err.text);
	for (size_t k = 0; k < NAMES; k++)
		cr_assert_neq(graph_vertex(graph, names[k]), DIGRAPH_NONE);
	return method_cache_find(graph, area, (uint64_t)ENTRIES * ENTRY, c);
}

static void expect_found(uint32_t with_names)
{
	struct method_cache c;

	cr_assert(find(&c));
	cr_expect_eq(c.start, area + (uint64_t)BESIDE * ENTRY);
	cr_expect_eq(c.end, area + (uint64_t)(BESIDE + METHOD_CACHE_ENTRIES) * ENTRY);
	cr_expect_eq(c.names, with_names);
}

Test(tracer_heap_method_cache, is_found_by_its_names)
{
	expect_found(NAMES);
}

Test(tracer_heap_method_cache, the_first_lookup_has_version_zero_and_a_name)
{
	entry_put(BESIDE + 1000, 0, names[7], 0);
	expect_found(NAMES + 1);
}

Test(tracer_heap_method_cache, what_lies_beside_may_look_like_a_first_lookup)
{
	for (size_t k = 0; k < BESIDE; k++)
		entry_put(k, 0, names[k], 0);
	/* of all windows only the true one has both ends */
	entry_put(BESIDE + 1000, 0, names[7], 0);
	expect_found(NAMES + 1);
}

Test(tracer_heap_method_cache, of_two_with_as_many_names_it_is_the_one_without_a_first_lookup)
{
	/* the last entry unused: a window that begins one earlier has as many versions */
	entry_put(BESIDE + METHOD_CACHE_ENTRIES - 1, 0, 0, 0);
	entry_put(BESIDE - 1, 0, names[7], 0);
	expect_found(NAMES - 1);
}

Test(tracer_heap_method_cache, a_table_cut_short_is_none)
{
	struct method_cache c;

	entry_put(BESIDE + 2000, area, area, area);
	cr_expect_not(find(&c));
	cr_expect_eq(c.end, 0);
}

Test(tracer_heap_method_cache, first_lookups_alone_are_none)
{
	struct method_cache c;

	for (size_t k = 0; k < METHOD_CACHE_ENTRIES; k++)
		entry_put(BESIDE + k, 0, names[k % NAMES], 0);
	cr_expect_not(find(&c));
}
