/* SPDX-License-Identifier: MIT */
/* Arenas and pools of built heaps: counts, lookup, free lists, contradictions. */
#include "tracer/heap/pymalloc.h"

#include <criterion/criterion.h>
#include <string.h>

#include "heap_image.h"

static struct pymalloc read_image(struct heap_image *i, struct reader *r)
{
	struct pymalloc pm;
	struct err err = ERR_INIT;

	heap_image_finish(i);
	cr_assert_eq(reader_init(r, i->p.mem, 1 << 18, &err), 0);
	cr_assert_eq(pymalloc_read(r, &i->p.py, &pm, &err), 0, "%s: %s", i->p.layout->name, err.text);
	return pm;
}

Test(tracer_heap_pymalloc, blocks_are_counted_by_class)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		struct reader r;
		struct pymalloc pm;

		for (int k = 0; k < 5; k++)
			heap_image_block(&i, 48);
		heap_image_block(&i, 500);
		pm = read_image(&i, &r);
		cr_expect_eq(pm.class[2].used, 5);
		cr_expect_eq(pm.class[2].pools, 1);
		cr_expect_eq(pm.class[2].used + pm.class[2].free, pm.per_pool[2]);
		cr_expect_eq(pm.class[31].used, 1);
		cr_expect_eq(pm.live_blocks, 6);
		cr_expect_eq(pm.torn, 0);
		pymalloc_deinit(&pm);
		reader_deinit(&r);
		heap_image_free(&i);
	}
}

Test(tracer_heap_pymalloc, every_address_leads_to_its_block)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t first = heap_image_block(&i, 80), second = heap_image_block(&i, 80);
		uint32_t off = 0, a, b;
		struct reader r;
		struct pymalloc pm = read_image(&i, &r);

		a = pymalloc_block_of(&pm, first + 79, &off);
		cr_expect_eq(off, 79);
		b = pymalloc_block_of(&pm, second, &off);
		cr_expect_eq(off, 0);
		cr_expect_eq(b, a + 1);
		cr_expect_eq(pymalloc_block_addr(&pm, pymalloc_pool_of_block(&pm, b), b), second);
		cr_expect_eq(pymalloc_block_of(&pm, i.arena + 8, &off), PYMALLOC_NONE);
		cr_expect_eq(pymalloc_block_of(&pm, 4096, &off), PYMALLOC_NONE);
		cr_expect(!pymalloc_has(&pm, i.arena - 1));
		pymalloc_deinit(&pm);
		reader_deinit(&r);
		heap_image_free(&i);
	}
}

Test(tracer_heap_pymalloc, listed_and_never_used_blocks_are_not_live)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t block[3];
		uint8_t live[4096];
		struct reader r;
		struct pymalloc pm;
		uint8_t *bytes = malloc((size_t)i.p.layout->pool_bytes);

		for (int k = 0; k < 3; k++)
			block[k] = heap_image_block(&i, 64);
		heap_image_free_block(&i, block[1], 64);
		pm = read_image(&i, &r);
		cr_assert_eq(reader_bulk(&r, pm.pools.at[0].addr, bytes, pm.pool_bytes), pm.pool_bytes);
		cr_expect(pymalloc_live(&pm, &pm.pools.at[0], bytes, live));
		cr_expect(live[0] && !live[1] && live[2] && !live[3]);
		free(bytes);
		pymalloc_deinit(&pm);
		reader_deinit(&r);
		heap_image_free(&i);
	}
}

Test(tracer_heap_pymalloc, a_free_list_that_runs_in_a_circle_ends)
{
	struct heap_image i = heap_image_new(py_sheets[0]);
	uint64_t a = heap_image_block(&i, 64), b = heap_image_block(&i, 64);
	uint8_t live[4096], *bytes = malloc((size_t)i.p.layout->pool_bytes);
	struct reader r;
	struct pymalloc pm;

	heap_image_free_block(&i, a, 64);
	heap_image_free_block(&i, b, 64);
	fake_mem_put_u64(i.p.f, a, b);
	pm = read_image(&i, &r);
	cr_assert_eq(reader_bulk(&r, pm.pools.at[0].addr, bytes, pm.pool_bytes), pm.pool_bytes);
	cr_expect(!pymalloc_live(&pm, &pm.pools.at[0], bytes, live));
	cr_expect_eq(pm.torn, 1);
	free(bytes);
	pymalloc_deinit(&pm);
	reader_deinit(&r);
	heap_image_free(&i);
}

Test(tracer_heap_pymalloc, a_pool_header_full_of_nonsense_is_left_out_and_counted)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		struct err err = ERR_INIT;
		struct reader r;
		struct pymalloc pm;

		heap_image_block(&i, 32);
		heap_image_block(&i, 64);
		heap_image_finish(&i);
		fake_mem_put_u32(i.p.f, i.class[3].pool + (uint64_t)i.p.layout->pool_header_maxnextoffset, 7);
		cr_assert_eq(reader_init(&r, i.p.mem, 1 << 18, &err), 0);
		cr_assert_eq(pymalloc_read(&r, &i.p.py, &pm, &err), 0, "%s", err.text);
		cr_expect_eq(pm.pools.len, 1);
		cr_expect_gt(pm.torn, 0);
		cr_expect_eq(pm.first_torn, i.class[3].pool);
		pymalloc_deinit(&pm);
		reader_deinit(&r);
		heap_image_free(&i);
	}
}
