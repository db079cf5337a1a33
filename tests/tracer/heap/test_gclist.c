/* SPDX-License-Identifier: MIT */
/* The collector's figures and lists, as every version lays them out. */
#include "tracer/heap/gclist.h"

#include <criterion/criterion.h>

#include "heap_image.h"

static struct gclists read_image(struct heap_image *i, struct reader *r)
{
	struct gclists lists;
	struct err err = ERR_INIT;

	cr_assert_eq(reader_init(r, i->p.mem, 1 << 18, &err), 0);
	cr_assert_eq(gclist_read(r, &i->p.py, &lists, &err), 0, "%s: %s", i->p.layout->name, err.text);
	return lists;
}

Test(tracer_heap_gclist, thresholds_counts_and_statistics_are_read)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		struct reader r;
		struct gclists lists = read_image(&i, &r);

		cr_assert_eq(lists.len, 1);
		cr_expect_eq(lists.at[0].threshold[0], 700);
		cr_expect_eq(lists.at[0].threshold[1], 701);
		cr_expect_eq(lists.at[0].count[1], 11);
		cr_expect_eq(lists.at[0].collections[0], 5);
		cr_expect(!lists.at[0].collecting);
		vec_deinit(&lists);
		reader_deinit(&r);
		heap_image_free(&i);
	}
}

Test(tracer_heap_gclist, a_list_is_walked_from_its_head_to_its_head)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t a = heap_image_list(&i, NULL, 0, 2), b = heap_image_list(&i, NULL, 0, 2), at = 0;
		struct reader r;
		struct gclists lists = read_image(&i, &r);
		const struct gclist *g = &lists.at[0];

		cr_expect_eq(gclist_next(&r, g, 0, &at), 1);
		cr_expect_eq(at, a - g->head_bytes);
		cr_expect_eq(gclist_next(&r, g, 0, &at), 1);
		cr_expect_eq(at, b - g->head_bytes);
		cr_expect_eq(gclist_next(&r, g, 0, &at), 0);
		at = 0;
		cr_expect_eq(gclist_next(&r, g, GCLIST_PERMANENT, &at), 0);
		vec_deinit(&lists);
		reader_deinit(&r);
		heap_image_free(&i);
	}
}

Test(tracer_heap_gclist, an_entry_that_does_not_point_back_is_damage)
{
	struct heap_image i = heap_image_new(py_sheets[0]);
	uint64_t a = heap_image_list(&i, NULL, 0, 2), at = 0;
	struct gclists lists;
	struct reader r;

	fake_mem_put_u64(i.p.f, a - 8, 0);
	lists = read_image(&i, &r);
	cr_expect_lt(gclist_next(&r, &lists.at[0], 0, &at), 0);
	vec_deinit(&lists);
	reader_deinit(&r);
	heap_image_free(&i);
}
