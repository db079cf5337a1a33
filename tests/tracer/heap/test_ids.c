/* SPDX-License-Identifier: MIT */
/* From addresses to objects, from blocks to what they are used for. */
#include "tracer/heap/ids.h"

#include <criterion/criterion.h>

#include "heap_image.h"

Test(tracer_heap_ids, ids_lead_from_addresses_to_objects_and_back)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t number = heap_image_float(&i), list = heap_image_list(&i, &number, 1, 100);
		struct err err = ERR_INIT;
		struct heap *h = NULL;
		struct heap_object o;
		uint64_t pos = 0, found = 0;

		heap_image_finish(&i);
		cr_assert_eq(heap_image_walk(&i, &h, &err), 0, "%s", err.text);
		while (heap_object_next(h, &pos, &o)) {
			if (o.is_static)
				continue;
			cr_expect_eq(heap_id_of(h, o.addr), o.id);
			cr_expect_lt(o.id, heap_id_limit(h));
			found++;
		}
		cr_expect_eq(found, 2);
		cr_expect_eq(heap_id_of(h, list + 8), HEAP_ID_NONE);
		cr_expect_eq(heap_object_bytes(h, heap_id_of(h, number)), 32);
		cr_expect_eq(heap_object_bytes(h, heap_id_of(h, list)), 64 + 816);
		heap_free(h);
		heap_image_free(&i);
	}
}

Test(tracer_heap_ids, a_block_tells_what_it_is_used_for)
{
	EACH_SHEET(s) {
		struct heap_image i = heap_image_new(s);
		uint64_t number = heap_image_float(&i), gone = heap_image_float(&i);
		uint64_t list = heap_image_list(&i, &number, 1, 100), items, object = 0;
		struct err err = ERR_INIT;
		struct heap *h = NULL;
		struct heap_object o;
		uint32_t type = 0, of_list;

		heap_image_free_block(&i, gone, 24);
		heap_image_finish(&i);
		cr_assert_eq(heap_image_walk(&i, &h, &err), 0, "%s", err.text);
		cr_assert(heap_object(h, heap_id_of(h, list), &o));
		of_list = o.type;
		cr_expect_eq(o.block, list - 16);
		cr_expect_eq(heap_block_use(h, list - 16, &type, &object), HEAP_USE_OBJECT);
		cr_expect_eq(type, of_list);
		cr_expect_eq(object, list);
		cr_assert_eq(mem_u64(i.p.mem, taddr_of(list + (uint64_t)i.p.layout->PyListObject_ob_item),
				     &items, NULL), 0);
		cr_expect_eq(heap_block_use(h, items, &type, &object), HEAP_USE_BUFFER);
		cr_expect_eq(type, of_list);
		cr_expect_eq(object, 0);
		cr_expect_eq(heap_block_use(h, gone, &type, &object), HEAP_USE_FREE);
		cr_expect_eq(heap_block_use(h, list, &type, &object), HEAP_USE_NONE);
		cr_expect_eq(heap_block_use(h, 0x1234, &type, &object), HEAP_USE_NONE);
		heap_free(h);
		heap_image_free(&i);
	}
}
