/* SPDX-License-Identifier: MIT */
/* Paths in a stored graph pushed by hand: a module's list of records, one also held by a frame. */
#include "report/model/paths.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "report/model/recording.h"

TestSuite(report_model_paths, .timeout = 10);

static struct recording recording;

/* 1 list, 2–4 records, 5 all, 6 module, 7 frame, 8 garbage; 3 is the frame's too. */
static const struct heap_model *stored(bool with_edges)
{
	static const uint64_t addr[] = { 0x10, 0x20, 0x30, 0x40, 0, 0, 0, 0 };
	static const uint64_t own[] = { 100, 8, 8, 8, 0, 0, 0, 0 };
	static const uint32_t type[] = { 1, 2, 2, 2, FACT_ROOT_ALL, FACT_ROOT_MODULE, FACT_ROOT_FRAME,
					 FACT_ROOT_GARBAGE };
	static const uint32_t name[] = { 0, 0, 0, 0, 0, 1, 2, 0 }, where[8] = { 0 };
	static const uint32_t degree[] = { 2, 0, 0, 0, 3, 1, 1, 1 };
	static const uint32_t to[] = { 2, 3, 6, 7, 8, 1, 3, 4 };
	static const uint8_t edge[] = { FACT_EDGE_INDEX, FACT_EDGE_INDEX, FACT_EDGE_ROOT, FACT_EDGE_ROOT,
					FACT_EDGE_ROOT,	 FACT_EDGE_GLOBAL, FACT_EDGE_LOCAL,
					FACT_EDGE_ROOT };
	static const uint32_t edge_name[] = { 0, 1, 0, 0, 0, 3, 4, 0 };
	static const char *const names[] = { "app", "serve", "RECORDS", "record" };
	const struct fact_heap heap = { .snapshot = 1 };
	const struct fact_heap_type types[] = { { .type = 1, .name = "list", .module = "builtins" },
						{ .type = 2, .name = "Record", .module = "app" } };
	const struct fact_heap_edges edges = { .node = 1, .count = 8, .addr = addr, .type = type,
					       .own_bytes = own, .name = name, .where = where,
					       .degree = degree, .nedges = 8, .to = to, .edge = edge,
					       .edge_name = edge_name };

	cr_assert_eq(recording_init(&recording, NULL), 0);
	struct fact_sink s = recording_sink(&recording);

	cr_assert_eq(s.heap(s.ctx, &heap, NULL), 0);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(s.heap_type(s.ctx, &types[i], NULL), 0);
	for (uint32_t i = 0; i < 4 && with_edges; i++)
		cr_assert_eq(s.heap_name(s.ctx, &(struct fact_heap_name){ i + 1, names[i] }, NULL), 0);
	if (with_edges)
		cr_assert_eq(s.heap_edges(s.ctx, &edges, NULL), 0);
	cr_assert_eq(s.heap_end(s.ctx, 1, NULL), 0);
	return heaps_last(&recording.heaps);
}

static void expect_way(const struct heap_model *m, const struct paths *p, size_t i, const char *want)
{
	AUTO_BUF struct buf text = BUF_INIT;
	const struct held_alike *w = &p->ways.at[i];

	cr_assert_eq(holders_path_text(m, &p->steps.at[w->first], w->steps, &text), 0);
	cr_expect_str_eq(buf_cstr(&text), want);
}

Test(report_model_paths, objects_of_a_type_are_told_by_how_they_are_held)
{
	const struct heap_model *m = stored(true);
	struct err err = ERR_INIT;
	struct paths p;

	cr_assert_eq(paths_find(m, "app.Record", &p, &err), 0, "%s", err.text);
	cr_expect_eq(p.objects, 3);
	cr_assert_eq(p.ways.len, 3);
	expect_way(m, &p, 0, "module app > .RECORDS list > [0] app.Record");
	expect_way(m, &p, 1, "frame serve > local record app.Record");
	expect_way(m, &p, 2, "unreachable cycles > app.Record");
	cr_expect_eq(p.ways.at[0].retained_bytes, 8);
	paths_deinit(&p);
	recording_deinit(&recording);
}

Test(report_model_paths, one_object_has_those_who_refer_to_it)
{
	const struct heap_model *m = stored(true);
	struct paths p;

	cr_assert_eq(paths_find(m, "0x30", &p, NULL), 0);
	cr_expect_eq(p.objects, 1);
	cr_assert_eq(p.direct.len, 2);
	cr_expect_eq(p.direct.at[0].addr, 0x10);
	cr_expect_eq(p.direct.at[0].index, 1);
	cr_expect_eq(p.direct.at[1].root, FACT_ROOT_FRAME);
	paths_deinit(&p);
	cr_assert_eq(paths_find(m, "list", &p, NULL), 0);
	cr_expect_eq(p.ways.at[0].retained_bytes, 108, "one record is the frame's too");
	paths_deinit(&p);
	recording_deinit(&recording);
}

Test(report_model_paths, what_cannot_be_answered_is_said)
{
	const struct heap_model *m = stored(true);
	struct err err = ERR_INIT;
	struct paths p;

	cr_expect_eq(paths_find(m, "Nobody", &p, &err), ERR_USAGE);
	cr_expect_eq(paths_find(m, "0xdead", &p, &err), ERR_USAGE);
	cr_expect_eq(paths_find(m, "0xzz", &p, &err), ERR_USAGE);
	recording_deinit(&recording);
	cr_expect_eq(paths_find(stored(false), "list", &p, &err), ERR_USAGE);
	cr_expect_str_eq(err.hint, "no-graph");
	recording_deinit(&recording);
}
