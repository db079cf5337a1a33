/* SPDX-License-Identifier: MIT */
/* Advice in its order, within its bounds, and none that is not worth saying. */
#include "report/model/advice.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/own.h"
#include "feed.h"

static struct recording rec;
static struct fact_sink sink;

static void begin(void)
{
	cr_assert_eq(recording_init(&rec, NULL), 0);
	sink = recording_sink(&rec);
	cr_assert_eq(sink.heap(sink.ctx, &(struct fact_heap){ .snapshot = 1 }, NULL), 0);
}

static void end(void)
{
	recording_deinit(&rec);
}

static const struct heap_model *model(void)
{
	cr_assert_eq(sink.heap_end(sink.ctx, 1, NULL), 0);
	return heaps_last(&rec.heaps);
}

TestSuite(report_model_advice, .init = begin, .fini = end);

/* Objects of 3.11 with three attributes each: 48 bytes would be saved. */
static void add_class(uint32_t type, uint64_t count)
{
	struct fact_heap_type t = { .type = type, .name = "Session", .module = "app", .is_heap_type = true, .is_gc = true,
				    .has_dict = true, .pre_bytes = 32, .count = count, .total_bytes = 112 * count,
				    .header_bytes = 16 * count, .gc_head_bytes = 16 * count, .payload_bytes = 8 * count,
				    .dict_bytes = 56 * count, .rounding_bytes = 16 * count, .bare_bytes = 32,
				    .attributes = 3 * count };
	cr_assert_eq(sink.heap_type(sink.ctx, &t, NULL), 0);
}

Test(report_model_advice, its_table_has_a_row_each_and_no_bound_where_none_is_known)
{
	struct fact_heap_gc gc = { .cycles_known = true, .unreachable = 10, .unreachable_bytes = 40000 };
	struct table t;

	cr_assert_eq(advice_table(&rec.heaps, 0, &t, NULL), 0);
	cr_assert_eq(t.rows.len, 0, "there is no snapshot yet");
	table_deinit(&t);
	add_class(1, 9000);
	cr_assert_eq(sink.heap_gc(sink.ctx, &gc, NULL), 0);
	(void)model();
	cr_assert_eq(advice_table(&rec.heaps, 0, &t, NULL), 0);
	cr_assert_eq(t.rows.len, 2);
	cr_assert_str_eq(t.rows.at[0][0].text, "slots");
	cr_assert_str_eq(t.rows.at[0][2].text, "Session");
	cr_assert_str_eq(t.rows.at[1][0].text, "collect");
	cr_assert(t.rows.at[1][1].none && t.rows.at[1][2].none);
	cr_assert_eq(t.rows.at[1][3].count, 40000);
	cr_assert(t.rows.at[1][4].none, "without a graph nobody knows the most");
	table_deinit(&t);
	cr_assert_eq(advice_table(&rec.heaps, 1, &t, NULL), 0);
	cr_assert_eq(t.rows.len, 1);
	table_deinit(&t);
}

Test(report_model_advice, what_saves_most_for_sure_comes_first)
{
	AUTO_FREE struct advice *list = NULL;
	struct fact_heap_gc gc = { .cycles_known = true, .unreachable = 10, .unreachable_bytes = 40000 };
	size_t n = 0;
	add_class(1, 700);
	add_class(2, 9000);
	cr_assert_eq(sink.heap_gc(sink.ctx, &gc, NULL), 0);
	cr_assert_eq(sink.heap_malloc(sink.ctx, &(struct fact_heap_malloc){ .main = true, .trimmable_bytes = 1 << 20 }, NULL), 0);
	const struct heap_model *m = model();
	cr_assert_eq(advice_of(m, &list, &n, NULL), 0);
	cr_assert_eq(n, 4);
	cr_assert(list[0].kind == ADVICE_SLOTS && m->types.at[list[0].type].count == 9000);
	cr_assert(list[0].saving.least <= 9000 * 48 && list[0].saving.most >= 9000 * 48);
	cr_assert_eq(list[1].kind, ADVICE_COLLECT);
	cr_assert_eq(list[1].saving.least, 40000);
	cr_assert_eq(list[1].saving.most, HEAP_SAVING_UNKNOWN, "without a graph nobody knows what garbage holds");
	cr_assert_eq(list[2].kind, ADVICE_SLOTS);
	cr_assert_eq(list[3].kind, ADVICE_TRIM);
	cr_assert_eq(list[3].saving.most, 1 << 20);
}

Test(report_model_advice, what_garbage_holds_is_known_from_the_graph)
{
	AUTO_FREE struct advice *list = NULL;
	struct fact_heap_gc gc = { .cycles_known = true, .unreachable = 10, .unreachable_bytes = 40000 };
	struct fact_heap_graph g = { .skipped = "", .garbage_bytes = 50000 };
	size_t n = 0;
	cr_assert_eq(sink.heap_gc(sink.ctx, &gc, NULL), 0);
	cr_assert_eq(sink.heap_graph(sink.ctx, &g, NULL), 0);
	cr_assert_eq(advice_of(model(), &list, &n, NULL), 0);
	cr_assert_eq(n, 1);
	cr_assert_eq(list[0].saving.most, 50000);
}

Test(report_model_advice, little_is_not_worth_a_word)
{
	AUTO_FREE struct advice *list = NULL;
	size_t n = 7;
	add_class(1, 100);
	cr_assert_eq(advice_of(model(), &list, &n, NULL), 0);
	cr_assert_eq(n, 0);
	for (int k = 0; k < ADVICE_KINDS; k++)
		cr_assert(advice_words((enum advice_kind)k)->how && advice_words((enum advice_kind)k)->unless);
}
