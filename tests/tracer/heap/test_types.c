/* SPDX-License-Identifier: MIT */
/* What a type object may claim: each bound from both sides, and bases that never end. */
#include "tracer/heap/types.h"

#include <criterion/criterion.h>
#include <string.h>

#include "heap_image.h"
#include "tests/support/fail_alloc.h"

TestSuite(tracer_heap_types, .timeout = 10);

#define BASIC_MAX (INT64_C(1) << 20)
#define ITEM_MAX (INT64_C(1) << 16)
#define TYPES_MAX (1u << 22)
#define REJECTED_MAX (1u << 20)
#define READY (UINT64_C(1) << 12)

/* An image, and the table of its types. */
struct world {
	struct heap_image i;
	const struct py_layout *l;
	struct reader r;
	struct types t;
};

static void world_init(struct world *w, const struct py_sheet *sheet)
{
	w->i = heap_image_new(sheet);
	w->l = w->i.p.layout;
	cr_assert_eq(reader_init(&w->r, w->i.p.mem, 0, NULL), 0);
	cr_assert_eq(types_init(&w->t, &w->r, &w->i.p.py, NULL), 0);
}

static void world_deinit(struct world *w)
{
	types_deinit(&w->t);
	reader_deinit(&w->r);
	heap_image_free(&w->i);
}

/* Is a type believed of which this field says so? */
static bool believed(struct world *w, int32_t field, int64_t value)
{
	uint64_t at = heap_image_type(&w->i, "forged", IMAGE_OBJECT, 32, 0, 0);

	fake_mem_put_u64(w->i.p.f, at + (uint64_t)field, (uint64_t)value);
	return types_resolve(&w->t, at) != 0;
}

Test(tracer_heap_types, sizes_of_instances_are_bounded)
{
	EACH_SHEET(s) {
		struct world w;
		int32_t basic, item;

		world_init(&w, s);
		basic = w.l->PyTypeObject_tp_basicsize;
		item = w.l->PyTypeObject_tp_itemsize;
		cr_expect(believed(&w, basic, w.l->PyObject_sizeof) && believed(&w, basic, BASIC_MAX));
		cr_expect_not(believed(&w, basic, w.l->PyObject_sizeof - 1));
		cr_expect_not(believed(&w, basic, 0));
		cr_expect_not(believed(&w, basic, -32));
		cr_expect_not(believed(&w, basic, BASIC_MAX + 1));
		cr_expect_not(believed(&w, basic, INT64_MAX));
		cr_expect(believed(&w, item, 0) && believed(&w, item, ITEM_MAX));
		cr_expect_not(believed(&w, item, -1));
		cr_expect_not(believed(&w, item, ITEM_MAX + 1));
		cr_expect_not(believed(&w, item, INT64_MAX));
		world_deinit(&w);
	}
}

Test(tracer_heap_types, offsets_into_instances_are_bounded)
{
	EACH_SHEET(s) {
		struct world w;

		world_init(&w, s);
		const int32_t offset[] = { w.l->PyTypeObject_tp_dictoffset,
					   w.l->PyTypeObject_tp_weaklistoffset };

		for (int k = 0; k < 2; k++) {
			cr_expect(believed(&w, offset[k], BASIC_MAX), "%d", k);
			cr_expect(believed(&w, offset[k], -BASIC_MAX), "%d", k);
			cr_expect_not(believed(&w, offset[k], BASIC_MAX + 1), "%d", k);
			cr_expect_not(believed(&w, offset[k], -BASIC_MAX - 1), "%d", k);
			cr_expect_not(believed(&w, offset[k], INT64_MIN), "%d", k);
		}
		world_deinit(&w);
	}
}

Test(tracer_heap_types, what_is_not_ready_or_no_place_for_a_type_is_none)
{
	EACH_SHEET(s) {
		struct world w;
		uint64_t at;

		world_init(&w, s);
		cr_expect(believed(&w, w.l->PyTypeObject_tp_flags, READY));
		cr_expect_not(believed(&w, w.l->PyTypeObject_tp_flags, 0));
		/* as sane as any, but where nothing allocates */
		at = fake_py_alloc(&w.i.p, 1024).v;
		for (int32_t k = 0; k < w.l->PyTypeObject_sizeof; k += 8) {
			uint64_t v = 0;

			cr_assert_eq(mem_u64(w.i.p.mem, taddr_of(w.i.type[IMAGE_LIST] + (uint64_t)k), &v,
					     NULL), 0);
			fake_mem_put_u64(w.i.p.f, at + 4 + (uint64_t)k, v);
		}
		cr_expect_eq(types_resolve(&w.t, at + 4), 0);
		cr_expect_eq(types_resolve(&w.t, 0), 0);
		world_deinit(&w);
	}
}

/* Two types of no known name, each the other's base. */
static uint64_t circle(struct world *w, uint64_t flags)
{
	uint64_t a = heap_image_type(&w->i, "a", IMAGE_OBJECT, 32, 0, flags);
	uint64_t b = heap_image_type(&w->i, "b", IMAGE_OBJECT, 32, 0, flags);
	uint64_t name = fake_py_alloc(&w->i.p, 512).v; /* as much as a name's reader asks for */

	fake_mem_put_str(w->i.p.f, name, "Forged");
	fake_mem_put_u64(w->i.p.f, a + (uint64_t)w->l->PyTypeObject_tp_name, name);
	fake_mem_put_u64(w->i.p.f, b + (uint64_t)w->l->PyTypeObject_tp_name, name);
	fake_mem_put_u64(w->i.p.f, a + (uint64_t)w->l->PyTypeObject_tp_base, b);
	fake_mem_put_u64(w->i.p.f, b + (uint64_t)w->l->PyTypeObject_tp_base, a);
	return a;
}

Test(tracer_heap_types, bases_in_a_circle_end)
{
	EACH_SHEET(s) {
		struct world w;
		uint32_t t;

		world_init(&w, s);
		t = types_resolve(&w.t, circle(&w, 0));
		cr_assert_neq(t, 0);
		cr_expect(types_at(&w.t, t)->opaque && !types_at(&w.t, t)->python);
		/* classes: their bases are looked through once more, for what instances would be without a dict */
		t = types_resolve(&w.t, circle(&w, PY_TPFLAG_HEAPTYPE));
		cr_assert_neq(t, 0);
		cr_expect(types_at(&w.t, t)->opaque && types_at(&w.t, t)->by_class);
		cr_expect_eq(types_at(&w.t, t)->bare, 0);
		world_deinit(&w);
	}
}

Test(tracer_heap_types, metatypes_in_a_circle_are_none)
{
	EACH_SHEET(s) {
		struct world w;
		uint64_t a, b, c;

		world_init(&w, s);
		a = heap_image_type(&w.i, "a", IMAGE_TYPE, 32, 0, PY_TPFLAG_TYPE);
		b = heap_image_type(&w.i, "b", IMAGE_TYPE, 32, 0, PY_TPFLAG_TYPE);
		c = heap_image_type(&w.i, "c", IMAGE_TYPE, 32, 0, PY_TPFLAG_TYPE);
		fake_mem_put_u64(w.i.p.f, c + (uint64_t)w.l->PyObject_ob_type, a);
		cr_expect_neq(types_resolve(&w.t, c), 0, "a metatype of its own");
		fake_mem_put_u64(w.i.p.f, a + (uint64_t)w.l->PyObject_ob_type, b);
		fake_mem_put_u64(w.i.p.f, b + (uint64_t)w.l->PyObject_ob_type, a);
		reader_deinit(&w.r); /* it knows the page as it was */
		cr_assert_eq(reader_init(&w.r, w.i.p.mem, 0, NULL), 0);
		cr_expect_eq(types_resolve(&w.t, a), 0);
		world_deinit(&w);
	}
}

Test(tracer_heap_types, as_many_as_there_may_be)
{
	struct world w;
	size_t len;

	world_init(&w, py_sheets[0]);
	cr_expect_neq(types_resolve(&w.t, w.i.type[IMAGE_LIST]), 0);
	/* the table is as good as full: nothing looks into it */
	len = w.t.list.len;
	w.t.list.len = TYPES_MAX;
	cr_expect_eq(types_resolve(&w.t, w.i.type[IMAGE_DICT]), 0);
	cr_assert_eq(w.t.list.len, TYPES_MAX);
	w.t.list.len = len;
	/* what is no type is remembered, up to a bound */
	w.t.rejected = REJECTED_MAX - 1;
	len = w.t.index.len;
	cr_expect_eq(types_resolve(&w.t, w.i.data), 0);
	cr_expect_eq(w.t.index.len, len + 1);
	cr_expect_eq(types_resolve(&w.t, w.i.data + 8), 0);
	cr_expect_eq(w.t.index.len, len + 1);
	cr_expect_neq(types_resolve(&w.t, w.i.type[IMAGE_FLOAT]), 0, "types go on being found");
	world_deinit(&w);
}

#define MANY 19 /* as many as there is room for without the table growing: the next does not fit */

/* Types with a module in their names, and one that is only a name: true when nothing of them is missing. */
static bool all_of(struct types *t, const uint64_t *type)
{
	bool whole = true;
	uint32_t pseudo;

	for (int k = 0; k < MANY; k++) {
		uint32_t at = types_resolve(t, type[k]);

		whole = whole && at && !strcmp(types_at(t, at)->name, "forged") &&
			!strcmp(types_at(t, at)->module, "some.module") && types_known(t, type[k]) == at;
	}
	pseudo = types_pseudo(t, "", "interpreter state");
	return whole && pseudo && !strcmp(types_at(t, pseudo)->name, "interpreter state");
}

/* Whatever is lost for want of memory, whoever walks must be able to tell. */
Test(tracer_heap_types, lack_of_memory_is_never_silent)
{
	struct world w;
	uint64_t type[MANY], name;

	world_init(&w, py_sheets[0]);
	name = fake_py_alloc(&w.i.p, 512).v;
	fake_mem_put_str(w.i.p.f, name, "some.module.forged");
	for (int k = 0; k < MANY; k++) {
		type[k] = heap_image_type(&w.i, "", IMAGE_OBJECT, 32, 0, 0);
		fake_mem_put_u64(w.i.p.f, type[k] + (uint64_t)w.l->PyTypeObject_tp_name, name);
	}
	FAIL_ALLOC_EACH
	{
		int r;

		types_deinit(&w.t);
		r = types_init(&w.t, &w.r, &w.i.p.py, NULL);
		cr_expect(r == 0 || (r == ERR_NOMEM && fail_alloc_hit()));
		if (r == 0) {
			bool whole = all_of(&w.t, type);

			cr_expect(whole || w.t.nomem, "allocation %lu", fail_n_);
			cr_expect(!w.t.nomem || fail_alloc_hit());
		}
	}
	cr_expect(!w.t.nomem && w.t.list.len > MANY);
	world_deinit(&w);
}
