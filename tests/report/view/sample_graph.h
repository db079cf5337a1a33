/* SPDX-License-Identifier: MIT */
/* A snapshot with who holds what: a module's dict of sessions, a frame, what C code holds. */
#ifndef PYMEMPROF_TESTS_REPORT_SAMPLE_GRAPH_H
#define PYMEMPROF_TESTS_REPORT_SAMPLE_GRAPH_H

#include "tests/report/view/sample.h"

static inline int sample_holder(struct fact_sink *s, uint32_t holder, uint32_t parent,
				uint32_t type, const char *name, uint64_t count, uint64_t own,
				uint64_t retained)
{
	struct fact_heap_holder f = { .holder = holder, .parent = parent, .type = type,
				      .name = name, .where = "", .count = count,
				      .own_bytes = own, .retained_bytes = retained,
				      .retained_objects = count * 3,
				      .edge = !type ? FACT_EDGE_NONE :
					      *name ? FACT_EDGE_ATTRIBUTE :
						      FACT_EDGE_INDEX,
				      .root = holder == 1 ? FACT_ROOT_ALL :
					      type	  ? FACT_ROOT_NONE :
							    FACT_ROOT_MODULE };
	return s->heap_holder(s->ctx, &f, NULL);
}

static inline int sample_path(struct fact_sink *s, const char *module, const char *variable)
{
	struct fact_heap_path p = { .path = 1, .type = 2, .count = 41200, .own_bytes = 52800000,
				    .retained_bytes = 512000000, .steps = 3 };
	struct fact_heap_step step[] = {
		{ .path = 1, .step = 0, .root = FACT_ROOT_MODULE, .name = module, .where = "" },
		{ .path = 1, .step = 1, .type = 1, .edge = FACT_EDGE_GLOBAL, .name = variable,
		  .where = "", .alike = 1 },
		{ .path = 1, .step = 2, .type = 2, .edge = FACT_EDGE_VALUE, .name = "str",
		  .where = "", .alike = 41200 },
	};
	int rc = s->heap_path(s->ctx, &p, NULL);
	for (size_t i = 0; i < 3; i++)
		rc |= s->heap_step(s->ctx, &step[i], NULL);
	return rc;
}

/* The names stand wherever a name of the target may stand. */
static inline void sample_snapshot_with_graph(struct recording *r, uint32_t n, const char *module,
					      const char *variable)
{
	struct fact_sink s = feed_sink(r);
	struct fact_heap h = { .snapshot = n, .interpreters = 1, .arenas = 1, .arena_bytes = 1 << 20,
			       .arena_size_bytes = 1 << 20, .block_bytes = 900000 };
	struct fact_heap_type t[] = {
		{ .type = 1, .addr = 0x10, .name = "dict", .module = "builtins", .count = 2,
		  .total_bytes = 2500000, .payload_bytes = 2500000 },
		{ .type = 2, .addr = 0x20, .name = "Session", .module = module, .count = 41200,
		  .total_bytes = 52800000, .payload_bytes = 52800000 },
		{ .type = 3, .addr = 0x30, .name = "bytearray", .module = "builtins",
		  .count = 41200, .total_bytes = 320000000, .payload_bytes = 320000000 },
	};
	struct fact_heap_graph g = { .skipped = "", .objects = 123602, .edges = 300000, .roots = 30,
				     .audited = 120000, .exact = 119990, .more = 10 };
	struct fact_ledger l = { "objects", "Python objects in arenas", 0, 376000000, false };
	int rc = s.heap(s.ctx, &h, NULL);
	for (size_t i = 0; i < 3; i++)
		rc |= s.heap_type(s.ctx, &t[i], NULL);
	rc |= s.heap_graph(s.ctx, &g, NULL);
	rc |= sample_holder(&s, 1, 0, 0, "", 1, 0, 600000000);
	rc |= sample_holder(&s, 2, 1, 0, module, 1, 1000, 561000000);
	rc |= sample_holder(&s, 3, 1, 0, "app.models", 1, 1000, 30000000);
	rc |= sample_holder(&s, 4, 2, 1, variable, 1, 2500000, 559000000);
	rc |= sample_holder(&s, 5, 4, 2, "", 41200, 52800000, 512000000);
	rc |= sample_holder(&s, 6, 5, 3, "body", 41200, 320000000, 320000000);
	rc |= sample_path(&s, module, variable);
	rc |= s.ledger(s.ctx, &l, NULL);
	rc |= s.heap_end(s.ctx, n, NULL);
	cr_assert_eq(rc, 0);
}

#endif
