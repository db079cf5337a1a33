/* SPDX-License-Identifier: MIT */
/*
 * The recording every view is tested on: a service with two leaks, a cache that filled, a
 * buffer that comes and goes, two threads, and a hostile variant of it.
 */
#ifndef PYMEMPROF_TESTS_REPORT_SAMPLE_H
#define PYMEMPROF_TESTS_REPORT_SAMPLE_H

#include "report/view/view.h"
#include "tests/report/model/feed.h"

static inline void sample_end(struct recording *r)
{
	struct fact_sink s = feed_sink(r);
	struct counters sum = sites_sum(&r->sites);
	struct fact_totals t = {
		.alloc_blocks = sum.alloc_blocks,
		.alloc_bytes = sum.alloc_bytes,
		.free_blocks = sum.free_blocks,
		.free_bytes = sum.free_bytes,
		.temp_blocks = sum.temp_blocks,
		.temp_bytes = sum.temp_bytes,
		.live_blocks = counters_live_blocks(&sum),
		.live_bytes = counters_live_bytes(&sum),
		.peak_bytes = counters_live_bytes(&sum) + 40000,
		.peak_blocks = 4000,
		.peak_at_ns = UINT64_C(99000000000),
		.foreign_frees = 12,
		.duration_ns = UINT64_C(100000000000),
	};
	struct fact_cost c = { .attach_stop_ns = 412000,
			       .detach_stop_ns = 296000,
			       .attach_ns = 9100000,
			       .agent_bytes = 524288,
			       .events = 41234,
			       .batches = 100,
			       .stream_bytes = 600000,
			       .tracer_cpu_ns = 84000000,
			       .tracer_rss_bytes = 9 << 20,
			       .target_cpu_ns = UINT64_C(12000000000) };
	struct fact_site_peak p = { .site = 1, .bytes = 396000, .blocks = 3960 };
	cr_assert_eq(s.site_peak(s.ctx, &p, NULL), 0);
	feed_block(r, 1, 0.5, 100);
	cr_assert_eq(s.totals(s.ctx, &t, NULL), 0);
	cr_assert_eq(s.cost(s.ctx, &c, NULL), 0);
	cr_assert_eq(s.finish(s.ctx, FACT_END_DETACHED, NULL), 0);
	struct err err = ERR_INIT;
	cr_assert_eq(recording_conclude(r, &err), 0, "%s", err.text);
}

static inline void sample_run(struct recording *r)
{
	for (int i = 0; i < 100; i++) {
		struct fact_delta d[] = { { 1, 40, 4000, 0, 0, 0, 0 },
					  { 2, 10, 2000, i > 20 ? 1 : 0, i > 20 ? 200 : 0, 0, 0 },
					  { 4, 5000, 500000, 5000, 500000, 5000, 500000 },
					  { 5, i % 7 ? 4 : 0, i % 7 ? 4096 : 0,
					    i && i % 7 == 0 ? 24 : 0, i && i % 7 == 0 ? 24576 : 0,
					    0, 0 },
					  { 3, 10, 9000, 0, 0, 0, 0 } };
		feed_interval(r, i, i + 1, d, i < 40 ? 5 : 4);
		feed_tick(r, i + 1, (UINT64_C(50) << 20) + (uint64_t)i * 8192,
			  r->timeline.live_bytes);
	}
}

/* A test of pytest, so called. */
static inline void sample_test(struct recording *r, const char *id, uint64_t peak, uint64_t kept)
{
	struct fact_sink s = feed_sink(r);
	struct fact_test f = { .id = id, .runs = 1, .duration_ns = peak * 1000, .peak_bytes = peak,
			       .alloc_blocks = 9, .alloc_bytes = 2 * peak, .kept_bytes = kept,
			       .kept_blocks = kept / 100, .npeak = 2, .nkept = kept ? 1 : 0,
			       .phase[1] = { 9, 2 * peak, peak },
			       .peak = { { 1, peak / 2 }, { 3, peak / 4 } }, .kept = { { 1, kept } } };
	cr_assert_eq(s.test(s.ctx, &f, NULL), 0);
}

static inline void sample_begin(struct recording *r, uint64_t sample_bytes)
{
	cr_assert_eq(recording_init(r, NULL), 0);
	feed_target(r, sample_bytes);
	struct fact_thread t[] = { { .thread = 1, .tid = 4242, .name = "python3.12" },
				   { .thread = 2, .tid = 4250, .name = "worker" } };
	struct fact_sink s = feed_sink(r);
	cr_assert_eq(s.thread(s.ctx, &t[0], NULL), 0);
	cr_assert_eq(s.thread(s.ctx, &t[1], NULL), 0);
	feed_site(
		r, 1, 1,
		"put /srv/app/releases/2026-08-14/app/cache.py:88 < handle "
		"/srv/app/releases/2026-08-14/worker.py:140 < serve /srv/app/releases/2026-08-14/worker.py:77");
	feed_site(r, 2, 2, "read app/http.py:41 < handle worker.py:138 < serve worker.py:77");
	feed_site(r, 3, 1, "lookup app/plan.py:12 < handle worker.py:139 < serve worker.py:77");
	feed_site(r, 4, 1, "parse app/parse.py:9 < serve worker.py:77");
	feed_site(r, 5, 2, "fill app/buf.py:7 < serve worker.py:77");
	sample_run(r);
	sample_test(r, "tests/test_cache.py::test_put[1000-caf\xc3\xa9]", 3000000, 0);
	sample_test(r, "tests/test_cache.py::TestPlan::test_that_has_quite_a_long_name_for_a_column[x]",
		    7000000, 65536);
	sample_test(r, "tests/test_http.py::test_read", 100, 100);
}

static inline void sample_make(struct recording *r, uint64_t sample_bytes)
{
	sample_begin(r, sample_bytes);
	sample_end(r);
}

/* Its end is missing: nothing was said of the peak, the totals, the cost. */
static inline void sample_make_cut(struct recording *r)
{
	struct fact_sink s;
	sample_begin(r, 0);
	s = feed_sink(r);
	cr_assert_eq(s.finish(s.ctx, FACT_END_TRUNCATED, NULL), 0);
	cr_assert_eq(recording_conclude(r, NULL), 0);
}

/* Names that try to leave their cell, line, string or terminal. */
static const char *const hostile_names[] = {
	"\033[2J\033]52;c;ZXZpbA==\007",
	"a\nVERDICT  STEADY",
	"\xe2\x80\xae"
	"txt.exe",
	"</script><img src=x onerror=1>",
	"=cmd|' /C calc'!A0",
	"\"quoted\", and; semi\\colon",
	"\xff\xfe bad \xc3",
	"\xe6\xbc\xa2\xe5\xad\x97 wide \xf0\x9f\x90\x8d",
	"Z\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
	"\xc2\x9b"
	"31m",
	"",
	"\t\r\b\x7f",
};
#define HOSTILE_NAMES (sizeof hostile_names / sizeof *hostile_names)

static inline void sample_snapshot(struct recording *r, uint32_t n, const char *name);

static inline void sample_make_hostile(struct recording *r)
{
	static char huge[10001];
	memset(huge, 'x', sizeof huge - 1);
	cr_assert_eq(recording_init(r, NULL), 0);
	struct fact_sink s = feed_sink(r);
	struct fact_target target = { .pid = 1,
				      .python_version = "3.\033[31m",
				      .implementation = "C\nPython",
				      .executable = hostile_names[0],
				      .arch = "\"x\"" };
	cr_assert_eq(s.target(s.ctx, &target, NULL), 0);
	for (uint32_t i = 0; i < HOSTILE_NAMES + 1; i++) {
		const char *name = i < HOSTILE_NAMES ? hostile_names[i] : huge;
		struct fact_frame frames[2] = {
			{ .function = name, .file = name, .line = i },
			{ .function = "main", .file = name, .line = UINT32_MAX }
		};
		struct fact_site f = { .site = i + 1,
				       .thread = i,
				       .nframes = 2,
				       .frames = frames,
				       .truncated = i % 2 };
		struct fact_thread t = { .thread = i, .tid = i, .name = name };
		struct fact_note n = { .code = "note", .text = name };
		cr_assert_eq(s.site(s.ctx, &f, NULL), 0);
		cr_assert_eq(s.thread(s.ctx, &t, NULL), 0);
		cr_assert_eq(s.note(s.ctx, &n, NULL), 0);
		sample_test(r, name, 1000 * i, 100 * i);
	}
	for (int k = 0; k < 50; k++) {
		struct fact_delta d[HOSTILE_NAMES + 1];
		for (uint32_t i = 0; i < HOSTILE_NAMES + 1; i++)
			d[i] = (struct fact_delta){ i + 1, i + 1, 1000 * (i + 1), 0, 0, 0, 0 };
		feed_interval(r, k, k + 1, d, HOSTILE_NAMES + 1);
	}
	for (uint32_t i = 0; i < HOSTILE_NAMES + 1; i++)
		sample_snapshot(r, i + 1, i < HOSTILE_NAMES ? hostile_names[i] : huge);
	sample_end(r);
}

/* Who holds what: a module, its cache, the objects of the first type in it. */
static inline void sample_graph(const struct fact_sink *s, const char *name)
{
	struct fact_heap_holder rows[] = {
		{ .holder = 1, .root = FACT_ROOT_ALL, .name = "", .where = "", .count = 1,
		  .retained_objects = 9000, .retained_bytes = 900000 },
		{ .holder = 2, .parent = 1, .root = FACT_ROOT_MODULE, .edge = FACT_EDGE_ROOT, .name = name,
		  .where = "", .count = 1, .own_bytes = 5000, .retained_objects = 8000,
		  .retained_bytes = 700000 },
		{ .holder = 3, .parent = 2, .type = 2, .edge = FACT_EDGE_GLOBAL, .name = name, .where = "",
		  .count = 1, .own_bytes = 33000, .retained_objects = 4001, .retained_bytes = 400000,
		  .addr = 0x7f1a00000040, .addr_retained_bytes = 400000, .drop = true },
		{ .holder = 4, .parent = 3, .type = 1, .edge = FACT_EDGE_INDEX, .name = "", .where = "",
		  .count = 4000, .own_bytes = 352000, .retained_objects = 4000, .retained_bytes = 367000 },
		{ .holder = 5, .parent = 1, .root = FACT_ROOT_FRAME, .edge = FACT_EDGE_ROOT, .name = name,
		  .where = "server.py:12", .count = 1, .retained_objects = 10, .retained_bytes = 1000 },
	};
	struct fact_heap_step steps[] = {
		{ .path = 1, .step = 0, .root = FACT_ROOT_MODULE, .edge = FACT_EDGE_ROOT, .name = name,
		  .where = "", .alike = 1 },
		{ .path = 1, .step = 1, .type = 2, .addr = 0x7f1a00000040, .edge = FACT_EDGE_GLOBAL,
		  .name = name, .where = "", .alike = 1 },
		{ .path = 1, .step = 2, .type = 1, .addr = 0x7f1a00000080, .edge = FACT_EDGE_INDEX,
		  .index = 17, .name = "", .where = "", .alike = 4000 },
	};
	int rc = s->heap_graph(s->ctx, &(struct fact_heap_graph){
				       .skipped = "", .objects = 9000, .edges = 20000, .roots = 12,
				       .reached_bytes = 900000, .audited = 8900, .exact = 8880, .more = 12,
				       .excess = 40, .explained = 30, .fewer = 8 }, NULL);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		rc |= s->heap_holder(s->ctx, &rows[i], NULL);
	rc |= s->heap_path(s->ctx, &(struct fact_heap_path){ .path = 1, .type = 1, .count = 4000,
				   .own_bytes = 352000, .retained_bytes = 367000,
				   .addr = 0x7f1a00000080, .steps = 3 }, NULL);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		rc |= s->heap_step(s->ctx, &steps[i], NULL);
	rc |= s->heap_refcount(s->ctx, &(struct fact_heap_refcount){ .type = 2, .objects = 12,
				       .excess = 40, .explained = 30, .holder = name, .largest = 20,
				       .addr = 0x7f1a000000c0 }, NULL);
	rc |= s->heap_module(s->ctx, &(struct fact_heap_module){ .name = name, .objects = 30,
				     .retained_objects = 8000, .retained_bytes = 700000, .importers = 2,
				     .functions = 20, .called = 3 }, NULL);
	rc |= s->heap_module(s->ctx, &(struct fact_heap_module){ .name = "html.entities", .objects = 5,
				     .retained_objects = 400, .retained_bytes = 50000,
				     .functions = 7, .idle = true }, NULL);
	cr_assert_eq(rc, 0);
}

/* One snapshot, n of 1…; its first type is called `name` everywhere a name may stand. */
static inline void sample_snapshot(struct recording *r, uint32_t n, const char *name)
{
	static uint8_t occupancy[64];
	struct fact_sink s = feed_sink(r);
	struct fact_heap h = { .snapshot = n, .interpreters = 1, .arenas = 2,
			       .arena_size_bytes = 1 << 20, .pool_size_bytes = 1 << 14,
			       .arena_bytes = 2 << 20, .block_bytes = 900000, .free_bytes = 600000,
			       .free_pool_bytes = 500000, .unknown_bytes = 1234 };
	struct fact_heap_type t[] = {
		{ .type = 1, .addr = 0x10, .name = name, .module = "app.models", .is_gc = true,
		  .is_heap_type = true, .has_dict = true, .count = 4000 * n,
		  .total_bytes = 352000 * n, .payload_bytes = 32000 * n, .header_bytes = 64000 * n,
		  .gc_head_bytes = 64000 * n, .dict_bytes = 160000 * n, .rounding_bytes = 32000 * n,
		  .attributes = 12000 * n, .bare_bytes = 32 },
		{ .type = 2, .addr = 0x20, .name = "list", .module = "builtins", .is_gc = true,
		  .count = 300, .total_bytes = 60000, .payload_bytes = 7200, .header_bytes = 4800,
		  .gc_head_bytes = 4800, .buffer_bytes = 40000, .slack_bytes = 3200 },
	};
	struct fact_heap_arena a = { .addr = 0x7f1a00000000, .pools = 64, .used_pools = 5,
				     .free_pools = 59, .live_blocks = 833, .live_bytes = 40000,
				     .free_blocks = 860, .free_bytes = 41280, .header_bytes = 240,
				     .tail_bytes = 400, .occupancy = occupancy, .npins = 1,
				     .pins = { { 1, true, 7, 336 } } };
	struct fact_heap_gc gc = { .enabled = true, .generations = 3, .cycles_known = true,
				   .gen = { { 700, 12, 100, 50, 0, 300 }, { 10, 3, 9, 8, 0, 20 },
					    { 10, 1, 1, 0, 0, 9000 } },
				   .unreachable = 40, .unreachable_bytes = 4800 };
	struct fact_ledger l[] = { { "python", name, 0, 2 << 20, false },
				   { "objects", "live objects", 1, 900000, false },
				   { "unexplained", "unexplained", 0, 4096, true } };
	int rc = s.heap(s.ctx, &h, NULL);

	for (unsigned i = 0; i < 64; i++)
		occupancy[i] = (uint8_t)(i * 4);
	for (unsigned i = 0; i < 2; i++)
		rc |= s.heap_type(s.ctx, &t[i], NULL);
	rc |= s.heap_buffer(s.ctx, &(struct fact_heap_buffer){ .type = 2, .kind = name, .count = 300,
							       .bytes = 43200 }, NULL);
	rc |= s.heap_arena(s.ctx, &a, NULL);
	a = (struct fact_heap_arena){ .addr = 0x7f1a00100000, .pools = 64, .used_pools = 64,
				      .live_bytes = 860000, .occupancy = occupancy };
	rc |= s.heap_arena(s.ctx, &a, NULL);
	rc |= s.heap_class(s.ctx, &(struct fact_heap_class){ .block_bytes = 48, .pools = 30,
				   .used_blocks = 8000, .free_blocks = 2000, .virgin_blocks = 100 }, NULL);
	rc |= s.heap_malloc(s.ctx, &(struct fact_heap_malloc){ .main = true, .system_bytes = 9 << 20,
				   .used_bytes = 7 << 20, .free_bytes = 1 << 20, .top_bytes = 1 << 20 }, NULL);
	rc |= s.heap_gc(s.ctx, &gc, NULL);
	rc |= s.heap_cycle(s.ctx, &(struct fact_heap_cycle){ 1, 40, 4800 }, NULL);
	rc |= s.heap_free_list(s.ctx, &(struct fact_heap_free_list){ name, 3, 72 }, NULL);
	sample_graph(&s, name);
	for (unsigned i = 0; i < 3; i++)
		rc |= s.ledger(s.ctx, &l[i], NULL);
	rc |= s.heap_end(s.ctx, n, NULL);
	cr_assert_eq(rc, 0);
}

/* What a view writes about r, NUL-terminated; the caller frees. */
static inline char *sample_draw(const struct recording *r, const char *format,
				struct view_options o, size_t *ret_n)
{
	struct out out;
	struct err err = ERR_INIT;
	out_init(&out, OUT_MEMORY);
	if (o.width == 0)
		o.width = VIEW_WIDTH;
	cr_assert_eq(view_draw(view_find(format), r, &o, &out, &err), 0, "%s", err.text);
	cr_assert_eq(out_flush(&out, &err), 0, "%s", err.text);
	char *text = buf_take(&out.buf, ret_n);
	out_deinit(&out);
	cr_assert(text);
	return text;
}

#endif
