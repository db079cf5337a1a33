/* SPDX-License-Identifier: MIT */
/* Which lists of lists does nobody hold? Counted by the collector's rule on small heaps. */
#include "tracer/heap/cycles.h"

#include <criterion/criterion.h>

#include "heap_image.h"

struct seen {
	uint64_t count, bytes;
	uint64_t unreachable;
};

static int on_cycle(void *ctx, const struct fact_heap_cycle *f, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	s->count += f->count;
	s->bytes += f->bytes;
	return 0;
}

static int on_gc(void *ctx, const struct fact_heap_gc *f, struct err *err)
{
	(void)err;
	((struct seen *)ctx)->unreachable = f->cycles_known ? f->unreachable : UINT64_MAX;
	return 0;
}

static struct seen find(struct heap_image *i)
{
	struct seen s = { 0 };
	struct fact_sink sink = { .ctx = &s, .heap_cycle = on_cycle, .heap_gc = on_gc };
	struct err err = ERR_INIT;
	struct heap *h = NULL;

	heap_image_finish(i);
	cr_assert_eq(heap_image_walk(i, &h, &err), 0, "%s", err.text);
	cr_assert_eq(heap_find_cycles(h, &err), 0, "%s", err.text);
	cr_assert_eq(heap_push(h, &sink, &err), 0, "%s", err.text);
	heap_free(h);
	return s;
}

static void point(struct heap_image *i, uint64_t list, uint64_t target)
{
	uint64_t items;

	cr_assert_eq(mem_u64(i->p.mem, taddr_of(list + (uint64_t)i->p.layout->PyListObject_ob_item),
			     &items, NULL), 0);
	fake_mem_put_u64(i->p.f, items, target);
	fake_mem_put_u64(i->p.f, list + (uint64_t)i->p.layout->PyVarObject_ob_size, 1);
}

Test(tracer_heap_cycles, two_lists_that_hold_each_other_are_unreachable)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t a = heap_image_list(&i, NULL, 0, 1), b = heap_image_list(&i, NULL, 0, 1);
		struct seen seen;

		point(&i, a, b);
		point(&i, b, a);
		seen = find(&i);
		cr_expect_eq(seen.count, 2, "%s", i.p.layout->name);
		cr_expect_eq(seen.unreachable, 2);
		cr_expect_eq(seen.bytes, 2 * (64 + 16), "%s", i.p.layout->name);
		heap_image_free(&i);
	}
}

Test(tracer_heap_cycles, a_cycle_somebody_holds_is_reachable)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t a = heap_image_list(&i, NULL, 0, 1), b = heap_image_list(&i, NULL, 0, 1);

		point(&i, a, b);
		point(&i, b, a);
		heap_image_refs(&i, a, 2);
		cr_expect_eq(find(&i).count, 0, "%s", i.p.layout->name);
		heap_image_free(&i);
	}
}

Test(tracer_heap_cycles, what_an_unreachable_cycle_shares_with_the_living_stays)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t root = heap_image_list(&i, NULL, 0, 1), a = heap_image_list(&i, NULL, 0, 1);
		uint64_t shared = heap_image_list(&i, NULL, 0, 1), both[2] = { a, shared }, b;

		b = heap_image_list(&i, both, 2, 2);
		point(&i, a, b);
		point(&i, root, shared);
		heap_image_refs(&i, shared, 2);
		cr_expect_eq(find(&i).count, 2, "%s", i.p.layout->name);
		heap_image_free(&i);
	}
}
