/* SPDX-License-Identifier: MIT */
/*
 * Rows about who holds what, pushed by hand: order, links, damage, spelling.
 */
#include "report/model/holders.h"

#include <criterion/criterion.h>
#include <string.h>

#include "report/model/recording.h"

TestSuite(report_model_holders, .timeout = 10);

static struct recording recording;
static struct fact_sink sink;

static const struct fact_heap heap = { .snapshot = 1 };

static void begin(void)
{
	cr_assert_eq(recording_init(&recording, NULL), 0);
	sink = recording_sink(&recording);
	cr_assert_eq(sink.heap(sink.ctx, &heap, NULL), 0);
	cr_assert_eq(sink.heap_graph(sink.ctx, &(struct fact_heap_graph){ .skipped = "" }, NULL), 0);
}

static const struct holders *end(void)
{
	cr_assert_eq(sink.heap_end(sink.ctx, 1, NULL), 0);
	return &heaps_last(&recording.heaps)->holders;
}

static void row(uint32_t holder, uint32_t parent, uint64_t bytes)
{
	struct fact_heap_holder f = { .holder = holder, .parent = parent, .retained_bytes = bytes,
				      .name = "x", .where = "" };

	cr_assert_eq(sink.heap_holder(sink.ctx, &f, NULL), 0);
}

Test(report_model_holders, children_come_largest_first)
{
	begin();
	row(1, 0, 100);
	row(2, 1, 20);
	row(3, 1, 50);
	row(4, 3, 7);
	row(5, 1, 20);
	const struct holders *h = end();

	cr_assert(h->known);
	cr_expect_eq(holders_child(h, 0), 1);
	cr_expect_eq(holders_child(h, 1), 3);
	cr_expect_eq(holders_next(h, 3), 2);
	cr_expect_eq(holders_next(h, 2), 5);
	cr_expect_eq(holders_next(h, 5), 0);
	cr_expect_eq(holders_child(h, 3), 4);
	cr_expect_eq(holders_row(h, 4)->retained_bytes, 7);
	cr_expect_null(holders_row(h, 6));
	cr_expect_null(holders_row(h, 0));
	recording_deinit(&recording);
}

Test(report_model_holders, rows_numbered_wrongly_end_the_list)
{
	begin();
	row(1, 0, 100);
	row(2, 2, 20); /* its own parent */
	row(3, 1, 50);
	const struct holders *h = end();

	cr_expect_eq(h->rows.len, 1);
	cr_expect_eq(holders_child(h, 1), 0);
	recording_deinit(&recording);
}

Test(report_model_holders, steps_are_found_by_their_path_in_order)
{
	static const uint32_t order[][2] = { { 2, 1 }, { 1, 0 }, { 2, 0 }, { 1, 1 }, { 2, 2 } };
	struct fact_heap_path path = { .path = 2, .steps = 3 }, none = { .path = 9 };
	size_t n;

	begin();
	cr_assert_eq(sink.heap_path(sink.ctx, &path, NULL), 0);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		struct fact_heap_step f = { .path = order[i][0], .step = order[i][1] };

		cr_assert_eq(sink.heap_step(sink.ctx, &f, NULL), 0);
	}
	const struct holders *h = end();
	const struct fact_heap_step *s = holders_steps(h, &path, &n);

	cr_assert_eq(n, 3);
	for (uint32_t i = 0; i < 3; i++)
		cr_expect(s[i].path == 2 && s[i].step == i);
	cr_expect_null(holders_steps(h, &none, &n));
	cr_expect_eq(n, 0);
	recording_deinit(&recording);
}

Test(report_model_holders, pieces_of_a_stored_graph_are_put_together_or_called_broken)
{
	const uint64_t addr[] = { 0x10, 0x20 }, own[] = { 1, 2 };
	const uint32_t type[] = { 1, 1 }, zero[] = { 0, 0 }, degree[] = { 1, 2 }, to[] = { 2, 1, 3 };
	const uint8_t edge[] = { FACT_EDGE_INDEX, FACT_EDGE_ATTRIBUTE, FACT_EDGE_DICT };
	const uint32_t edge_name[] = { 7, 1, 0 };
	struct fact_heap_edges f = { .node = 1, .count = 2, .addr = addr, .own_bytes = own,
				     .type = type, .name = zero, .where = zero, .degree = degree,
				     .nedges = 3, .to = to, .edge = edge, .edge_name = edge_name };

	begin();
	cr_assert_eq(sink.heap_name(sink.ctx, &(struct fact_heap_name){ 1, "entries" }, NULL), 0);
	cr_assert_eq(sink.heap_edges(sink.ctx, &f, NULL), 0);
	f.node = 3;
	f.count = 1;
	f.nedges = 1;
	cr_assert_eq(sink.heap_edges(sink.ctx, &f, NULL), 0);
	const struct stored_graph *g = &end()->stored;

	cr_assert(!g->broken);
	cr_expect_eq(g->addr.len, 3);
	cr_expect_eq(g->first.at[1], 1);
	cr_expect_eq(g->first.at[3], 4);
	cr_expect_eq(g->to.at[2], 3);
	cr_expect_str_eq(g->names.at[1], "entries");
	recording_deinit(&recording);

	begin();
	f.node = 2;
	cr_assert_eq(sink.heap_edges(sink.ctx, &f, NULL), 0);
	cr_expect(end()->stored.broken);
	recording_deinit(&recording);

	begin();
	f = (struct fact_heap_edges){ .node = 1, .count = 1, .addr = addr, .own_bytes = own,
				      .type = type, .name = zero, .where = zero, .degree = degree,
				      .nedges = 1, .to = to, .edge = edge, .edge_name = edge_name };
	cr_assert_eq(sink.heap_edges(sink.ctx, &f, NULL), 0);
	cr_expect(end()->stored.broken, "an edge leads to nothing");
	recording_deinit(&recording);
}

Test(report_model_holders, edges_and_roots_are_spelled_as_python_would)
{
	char b[64];

	cr_expect_str_eq(holders_edge_text(FACT_EDGE_ATTRIBUTE, "cache", 0, false, b, 64), ".cache");
	cr_expect_str_eq(holders_edge_text(FACT_EDGE_KEY, "user", 0, false, b, 64), "['user']");
	cr_expect_str_eq(holders_edge_text(FACT_EDGE_INDEX, "", 4, false, b, 64), "[4]");
	cr_expect_str_eq(holders_edge_text(FACT_EDGE_INDEX, "", 4, true, b, 64), "[*]");
	cr_expect_str_eq(holders_edge_text(FACT_EDGE_DICT, "", 0, false, b, 64), "");
	cr_expect_str_eq(holders_root_text(FACT_ROOT_FRAME, "serve", "app.py:12", b, 64),
			 "frame serve (app.py:12)");
	cr_expect_str_eq(holders_root_text(FACT_ROOT_MODULE, "app.cache", "", b, 64),
			 "module app.cache");
	cr_expect_str_eq(holders_root_name(FACT_ROOT_GARBAGE), "garbage");
	cr_expect_str_eq(holders_edge_name(FACT_EDGE_WEAK), "weak");
}
