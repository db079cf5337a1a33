/* SPDX-License-Identifier: MIT */
#include "report/model/heaps.h"

#include <criterion/criterion.h>
#include <string.h>

#include "report/model/recording.h"

static struct recording rec;
static struct fact_sink sink;
static struct err err;

static void setup(void)
{
	cr_assert_eq(recording_init(&rec, &err), 0);
	sink = recording_sink(&rec);
}

static void teardown(void)
{
	recording_deinit(&rec);
}

TestSuite(report_model_heaps, .init = setup, .fini = teardown);

static void type(uint32_t id, uint64_t addr, const char *module, const char *name, uint64_t count,
		 uint64_t total)
{
	struct fact_heap_type t = { .type = id, .addr = addr, .module = module, .name = name,
				    .count = count, .total_bytes = total, .payload_bytes = total };

	cr_assert_eq(sink.heap_type(sink.ctx, &t, &err), 0);
}

static void begin(uint32_t snapshot)
{
	struct fact_heap h = { .snapshot = snapshot, .arena_bytes = 1 << 20, .free_bytes = 1 << 18,
			       .free_pool_bytes = 1 << 18, .arena_size_bytes = 1 << 20 };

	cr_assert_eq(sink.heap(sink.ctx, &h, &err), 0);
}

static void end(uint32_t snapshot)
{
	cr_assert_eq(sink.heap_end(sink.ctx, snapshot, &err), 0);
}

Test(report_model_heaps, the_last_complete_snapshot_counts)
{
	begin(1);
	type(1, 0x10, "builtins", "dict", 5, 500);
	end(1);
	begin(2); /* cut off */
	type(1, 0x10, "builtins", "dict", 9, 900);
	cr_assert_eq(heaps_last(&rec.heaps)->heap.snapshot, 1);
	cr_assert_null(heaps_baseline(&rec.heaps));
	end(2);
	cr_assert_eq(heaps_last(&rec.heaps)->heap.snapshot, 2);
	cr_assert_eq(heaps_baseline(&rec.heaps)->heap.snapshot, 1);
}

Test(report_model_heaps, types_are_sorted_and_compared_with_the_baseline)
{
	struct table t;

	begin(1);
	type(1, 0x10, "app", "Session", 10, 1000);
	end(1);
	begin(2);
	type(1, 0x20, "builtins", "str", 7, 70);
	type(2, 0x10, "app", "Session", 30, 3000);
	type(3, 0x30, "app", "Session", 1, 100); /* another class of the same name */
	end(2);
	cr_assert_eq(heaps_types_table(&rec.heaps, &rec.stacks, 0, &t, &err), 0);
	cr_assert_eq(t.rows.len, 3);
	cr_assert_eq(t.rows.at[0][3].count, 3000);
	cr_assert_eq(t.rows.at[0][12].count, 10);
	cr_assert_eq(t.rows.at[0][11].count, 100);
	cr_assert_str_eq(t.rows.at[2][1].text, "str");
	cr_assert_eq(t.rows.at[2][12].count, 0);
	table_deinit(&t);
}

Test(report_model_heaps, rows_before_any_snapshot_are_dropped)
{
	type(1, 0x10, "app", "Lost", 1, 1);
	begin(1);
	end(1);
	type(2, 0x10, "app", "Late", 1, 1);
	cr_assert_eq(heaps_last(&rec.heaps)->types.len, 0);
}

Test(report_model_heaps, fragmentation_is_the_free_share_of_arenas)
{
	uint64_t live, arena;

	begin(1);
	cr_assert_eq(sink.heap_arena(sink.ctx, &(struct fact_heap_arena){ .addr = 1, .pools = 64,
					       .live_bytes = 1000 }, &err), 0);
	cr_assert_eq(sink.heap_arena(sink.ctx, &(struct fact_heap_arena){ .addr = 2, .pools = 64,
					       .live_bytes = 900000 }, &err), 0);
	end(1);
	cr_assert_float_eq(heap_model_fragmentation(heaps_last(&rec.heaps)), 0.5, 1e-9);
	cr_assert_eq(heap_model_nearly_empty(heaps_last(&rec.heaps), 0.25, &live, &arena), 1);
	cr_assert_eq(live, 1000);
	cr_assert_eq(arena, 1 << 20);
}

Test(report_model_heaps, slots_save_dicts_but_keep_a_word_per_attribute)
{
	/* 3.12: 16 gc head, 16 managed words, 16 header; 3 attributes in 48 bytes of their own */
	struct fact_heap_type t = { .is_heap_type = true, .has_dict = true, .count = 100, .bare_bytes = 32,
				    .attributes = 300, .header_bytes = 1600, .gc_head_bytes = 1600,
				    .dict_bytes = 100 * (16 + 40), .rounding_bytes = 800 };

	cr_assert_eq(heap_type_slots_saving(&t).least, 100 * (96 - 64));
	cr_assert_eq(heap_type_slots_saving(&t).most, 100 * (96 - 64));
	t.attributes = 250; /* some have two, some three, or some many more: a word of rounding, or none */
	cr_assert_eq(heap_type_slots_saving(&t).least, 9600 - (3200 + 2000 + 800));
	cr_assert_eq(heap_type_slots_saving(&t).most, 9600 - (3200 + 2000));
	t.bare_bytes = 0; /* an exception: its C base has the dict */
	cr_assert_eq(heap_type_slots_saving(&t).most, 0);
	t.bare_bytes = 32;
	t.has_dict = false;
	cr_assert_eq(heap_type_slots_saving(&t).most, 0);
}
