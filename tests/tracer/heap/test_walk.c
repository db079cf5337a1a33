/* SPDX-License-Identifier: MIT */
/* The walk over small heaps built block by block: every byte in its column, no damage believed. */
#include "tracer/heap/walk.h"

#include <criterion/criterion.h>
#include <string.h>

#include "heap_image.h"
#include "tests/support/fail_alloc.h"

TestSuite(tracer_heap_walk, .timeout = 30);

static struct fact_heap_type row_of(struct heap *h, uint64_t type_addr)
{
	struct fact_heap_type f;

	for (uint32_t t = 1; t <= heap_type_count(h); t++) {
		heap_type_row(h, t, &f);
		if (f.addr == type_addr)
			return f;
	}
	return (struct fact_heap_type){ 0 };
}

/* A list of three floats with room for seven, and a block nobody claims. */
static struct heap_image small_heap(const struct py_sheet *s)
{
	struct heap_image i = heap_image_new(s);
	uint64_t items[3];

	for (int k = 0; k < 3; k++)
		items[k] = heap_image_float(&i);
	heap_image_list(&i, items, 3, 7);
	fake_mem_put_u64(i.p.f, heap_image_block(&i, 100), 0x1111);
	heap_image_finish(&i);
	return i;
}

Test(tracer_heap_walk, objects_and_their_buffers_are_found_in_every_version)
{
	EACH_SHEET(s) {
		struct heap_image i = small_heap(s);
		struct err err = ERR_INIT;
		struct heap *h = NULL;
		struct fact_heap_type list, number;

		cr_assert_eq(heap_image_walk(&i, &h, &err), 0, "%s: %s", i.p.layout->name, err.text);
		list = row_of(h, i.type[IMAGE_LIST]);
		number = row_of(h, i.type[IMAGE_FLOAT]);
		cr_expect_eq(number.count, 3);
		cr_expect_eq(number.payload_bytes, 3 * 8);
		cr_expect_eq(number.header_bytes, 3 * 16);
		cr_expect_eq(number.rounding_bytes, 3 * 8);
		cr_expect_eq(list.count, 1, "%s", i.p.layout->name);
		cr_expect_eq(list.tracked, 1);
		cr_expect_eq(list.gc_head_bytes, 16);
		cr_expect_eq(list.buffer_bytes, 3 * 8);
		cr_expect_eq(list.slack_bytes, 4 * 8);
		cr_expect_eq(heap_totals(h)->unknown_bytes, 112);
		cr_expect_eq(heap_totals(h)->torn, 0);
		heap_free(h);
		heap_image_free(&i);
	}
}

Test(tracer_heap_walk, bytes_of_an_arena_and_of_its_blocks_add_up)
{
	EACH_SHEET(s) {
		struct heap_image i = small_heap(s);
		struct err err = ERR_INIT;
		struct heap *h = NULL;
		const struct fact_heap *f;

		cr_assert_eq(heap_image_walk(&i, &h, &err), 0, "%s", err.text);
		f = heap_totals(h);
		cr_expect_eq(f->block_bytes + f->free_bytes + f->pool_header_bytes +
				     f->pool_tail_bytes + f->free_pool_bytes + f->arena_align_bytes,
			     f->arena_bytes);
		cr_expect_eq(f->arena_bytes, (uint64_t)i.p.layout->arena_bytes);
		cr_expect_eq(f->object_bytes + f->buffer_bytes + f->free_list_bytes + f->unknown_bytes,
			     f->block_bytes);
		cr_expect_eq(f->blocks, 6);
		heap_free(h);
		heap_image_free(&i);
	}
}

Test(tracer_heap_walk, a_freed_block_is_no_object_whatever_it_still_holds)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t keep = heap_image_float(&i), gone = heap_image_float(&i);
		struct err err = ERR_INIT;
		struct heap *h = NULL;

		(void)keep;
		heap_image_free_block(&i, gone, 24);
		heap_image_finish(&i);
		cr_assert_eq(heap_image_walk(&i, &h, &err), 0, "%s", err.text);
		cr_expect_eq(row_of(h, i.type[IMAGE_FLOAT]).count, 1);
		cr_expect_eq(heap_totals(h)->torn, 0);
		heap_free(h);
		heap_image_free(&i);
	}
}

Test(tracer_heap_walk, large_objects_are_found_through_whoever_refers_to_them)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t big = heap_image_object(&i, IMAGE_BYTES, 33 + 5000), items[1] = { big };
		struct err err = ERR_INIT;
		struct heap *h = NULL;
		struct fact_heap_type bytes;

		fake_mem_put_u64(i.p.f, big + (uint64_t)i.p.layout->PyVarObject_ob_size, 5000);
		heap_image_list(&i, items, 1, 100);
		heap_image_finish(&i);
		cr_assert_eq(heap_image_walk(&i, &h, &err), 0, "%s", err.text);
		bytes = row_of(h, i.type[IMAGE_BYTES]);
		cr_expect_eq(bytes.count, 1);
		cr_expect_eq(bytes.large_count, 1);
		cr_expect_eq(bytes.payload_bytes, 5033 - 16);
		cr_expect_eq(row_of(h, i.type[IMAGE_LIST]).slack_bytes, 99 * 8);
		cr_expect_eq(heap_totals(h)->large_blocks, 2);
		heap_free(h);
		heap_image_free(&i);
	}
}

Test(tracer_heap_walk, a_list_that_misses_its_head_ends_and_is_counted)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t a = heap_image_list(&i, NULL, 0, 2), b = heap_image_list(&i, NULL, 0, 2);
		struct err err = ERR_INIT;
		struct heap *h = NULL;

		heap_image_finish(&i);
		fake_mem_put_u64(i.p.f, b - 16, a - 16);
		cr_assert_eq(heap_image_walk(&i, &h, &err), 0, "%s", err.text);
		cr_expect_gt(heap_totals(h)->torn, 0);
		cr_expect_eq(row_of(h, i.type[IMAGE_LIST]).count, 2);
		heap_free(h);
		heap_image_free(&i);
	}
}

/* Lists behind one another; the last leads back to the one at `back`. */
static void circle(struct heap_image *i, int n, int back)
{
	uint64_t first = 0, at = 0;

	for (int k = 0; k < n; k++) {
		at = heap_image_list(i, NULL, 0, 2);
		if (k == back)
			first = at;
	}
	heap_image_finish(i);
	fake_mem_put_u64(i->p.f, at - 16, first - 16);
}

/* Not only at the bound of all there can be: what goes round is counted once or twice, not for ever. */
Test(tracer_heap_walk, a_list_in_a_circle_is_noticed_after_a_lap_or_two)
{
	static const struct {
		int n, back;
	} c[] = { { 1, 0 }, { 2, 0 }, { 3, 1 }, { 5, 4 }, { 9, 3 } };

	EACH_SHEET(s) {
		for (size_t k = 0; k < sizeof(c) / sizeof(*c); k++) {
			struct heap_image i = heap_image_new(s);
			struct err err = ERR_INIT;
			struct heap *h = NULL;
			struct fact_heap_type list;

			/* many a block, so that the bound is far away */
			for (int b = 0; b < 200; b++)
				(void)heap_image_block(&i, 16);
			circle(&i, c[k].n, c[k].back);
			cr_assert_eq(heap_image_walk(&i, &h, &err), 0, "%s", err.text);
			list = row_of(h, i.type[IMAGE_LIST]);
			cr_expect_eq(list.count, (uint64_t)c[k].n);
			cr_expect_geq(list.tracked, (uint64_t)c[k].n);
			cr_expect_leq(list.tracked, 4 * (uint64_t)c[k].n, "%s: circle %zu",
				      i.p.layout->name, k);
			cr_expect_gt(heap_totals(h)->torn, 0);
			heap_free(h);
			heap_image_free(&i);
		}
	}
}

Test(tracer_heap_walk, a_pool_whose_count_contradicts_its_list_is_torn_and_read_all_the_same)
{
	EACH_SHEET(s) {
		struct heap_image i = small_heap(s);
		struct err err = ERR_INIT;
		struct heap *h = NULL;

		fake_mem_put_u32(i.p.f, i.class[1].pool, 100);
		cr_assert_eq(heap_image_walk(&i, &h, &err), 0, "%s", err.text);
		cr_expect_gt(heap_totals(h)->torn, 0);
		cr_expect_eq(row_of(h, i.type[IMAGE_FLOAT]).count, 3);
		heap_free(h);
		heap_image_free(&i);
	}
}

Test(tracer_heap_walk, absurd_sizes_are_refused)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t list = heap_image_list(&i, NULL, 0, 4);
		struct err err = ERR_INIT;
		struct heap *h = NULL;

		fake_mem_put_u64(i.p.f, list + (uint64_t)i.p.layout->PyListObject_allocated,
				 UINT64_C(1) << 58);
		heap_image_finish(&i);
		cr_assert_eq(heap_image_walk(&i, &h, &err), 0, "%s", err.text);
		cr_expect_eq(row_of(h, i.type[IMAGE_LIST]).buffer_bytes, 0);
		heap_free(h);
		heap_image_free(&i);
	}
}

Test(tracer_heap_walk, a_target_that_goes_away_is_an_error)
{
	struct heap_image i = small_heap(py_sheets[py_sheets_count - 1]);
	struct err err = ERR_INIT;
	struct heap *h = NULL;

	for (uint64_t n = 1; n < 40; n++) {
		fake_mem_fail_from(i.p.f, n, ERR_GONE);
		cr_expect_eq(heap_image_walk(&i, &h, &err), ERR_GONE, "read %u: %s", (unsigned)n,
			     err.text);
	}
	heap_image_free(&i);
}

Test(tracer_heap_walk, an_interpreter_without_pymalloc_has_no_arenas)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		struct err err = ERR_INIT;
		struct heap *h = NULL;

		heap_image_finish(&i);
		i.p.py.pymalloc = false;
		fake_mem_put_u64(i.p.f, i.vector + (uint64_t)i.p.layout->arena_object_address, 0);
		cr_assert_eq(heap_image_walk(&i, &h, &err), 0, "%s", err.text);
		cr_expect_eq(heap_totals(h)->arenas, 0);
		heap_free(h);
		heap_image_free(&i);
	}
}

/* A dict that claims 2^40 slots, in malloc'ed memory that goes on for so many bytes. */
static void huge_dict(struct heap_image *i, uint64_t zone_bytes)
{
	const struct py_layout *l = i->p.layout;
	uint64_t dict = heap_image_object(i, IMAGE_DICT, (uint64_t)l->PyDictObject_sizeof);
	uint64_t keys = heap_image_large(i, 1000);

	fake_mem_put_u64(i->p.f, dict + (uint64_t)l->PyDictObject_ma_keys, keys);
	fake_mem_put_u64(i->p.f, keys + (uint64_t)l->PyDictKeysObject_dk_nentries, UINT64_C(1) << 38);
	if (l->dict_keys == PY_KEYS_LOG2) {
		fake_mem_put_u8(i->p.f, keys + (uint64_t)l->PyDictKeysObject_dk_log2_size, 40);
		fake_mem_put_u8(i->p.f, keys + (uint64_t)l->PyDictKeysObject_dk_log2_index_bytes, 43);
	} else {
		fake_mem_put_u64(i->p.f, keys + (uint64_t)l->PyDictKeysObject_dk_size, UINT64_C(1) << 40);
	}
	heap_image_finish(i);
	i->maps.ranges = i->ranges;
	i->ranges[1].end = i->ranges[1].start + zone_bytes;
}

Test(tracer_heap_walk, a_dict_of_more_entries_than_memory_is_not_believed)
{
	static const struct {
		uint64_t zone, resident;
	} c[] = { { IMAGE_LARGE_BYTES, 0 },		      /* behind the mapping's end */
		  { UINT64_C(1) << 46, IMAGE_LARGE_BYTES } }; /* more than is there */

	EACH_SHEET(s) {
		for (size_t k = 0; k < sizeof(c) / sizeof(*c); k++) {
			struct heap_image i = heap_image_new(s);
			struct heap_options o = { .cache_bytes = 1 << 18, .resident_bytes = c[k].resident };
			struct err err = ERR_INIT;
			struct heap *h = NULL;
			struct fact_heap_type dict;

			huge_dict(&i, c[k].zone);
			cr_assert_eq(heap_walk(i.p.mem, &i.p.py, &i.maps, &o, &h, &err), 0, "%s", err.text);
			dict = row_of(h, i.type[IMAGE_DICT]);
			cr_expect_eq(dict.count, 1);
			cr_expect_eq(dict.buffer_bytes + dict.slack_bytes, 0, "%s: %zu", i.p.layout->name, k);
			cr_expect_gt(heap_totals(h)->torn, 0);
			heap_free(h);
			heap_image_free(&i);
		}
	}
}

/* The n-th allocation fails, or it and all after it; false when there are fewer. */
static bool fails(struct heap_image *i, unsigned long n, bool for_good)
{
	struct heap *h = NULL;
	struct err err = ERR_INIT;
	bool hit;
	int r;

	if (for_good)
		fail_alloc_from(n);
	else
		fail_alloc_at(n);
	r = heap_image_walk(i, &h, &err);
	hit = fail_alloc_hit();
	fail_alloc_at(0);
	cr_expect_eq(r, hit ? ERR_NOMEM : 0, "%s: allocation %lu: %d", i->p.layout->name, n, r);
	heap_free(h);
	return hit;
}

Test(tracer_heap_walk, every_allocation_may_fail)
{
	EACH_SHEET(s) {
		struct heap_image i = small_heap(s);
		uint64_t big = heap_image_object(&i, IMAGE_BYTES, 33 + 5000), items[1] = { big };
		unsigned long n;

		fake_mem_put_u64(i.p.f, big + (uint64_t)i.p.layout->PyVarObject_ob_size, 5000);
		heap_image_list(&i, items, 1, 100);
		heap_image_finish(&i);
		for (n = 1; fails(&i, n, false) && n < 1000; n++)
			(void)fails(&i, n, true);
		cr_expect(n > 10 && n < 1000, "%lu", n);
		heap_image_free(&i);
	}
}
