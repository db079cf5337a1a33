/* SPDX-License-Identifier: MIT */
/*
 * Who holds what, in processor time and memory. Without arguments: dominators and sums of made-up
 * heaps of one to ten million objects (containers of leaves, shared names, references back).
 * With a PID: the stopped process's own heap, walked, its graph built and everything told.
 * One JSON line each.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/dominators.h"
#include "tracer/cpython/detect.h"
#include "tracer/heap/graph.h"
#include "tracer/heap/graph_rows.h"
#include "tracer/heap/walk.h"
#include "tracer/mem/live.h"

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t seed = 1;

static uint32_t below(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)((seed >> 32) % n);
}

static void give_up(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

/* Three references an object: to a neighbour just made, to a name everybody shares, somewhere. */
static void made_up(uint32_t n)
{
	uint32_t *first = malloc((n + 1ul) * sizeof *first), *to = malloc(4ul * n * sizeof *to);
	uint32_t *own = malloc(n * sizeof *own), e = 0;
	struct err err = ERR_INIT;
	struct dominators d;
	uint64_t *sum;
	double begun, found;

	if (!first || !to || !own)
		exit(1);
	for (uint32_t v = 0; v < n; v++) {
		first[v] = e;
		own[v] = 64;
		if (v + 1 < n)
			to[e++] = v + 1 + below(n - v - 1 < 64 ? n - v - 1 : 64);
		if (v % 4 == 0 && v + 2 < n)
			to[e++] = v + 1;
		to[e++] = below(1000 < n ? 1000 : n);
		if (v % 16 == 0)
			to[e++] = below(n);
	}
	first[n] = e;
	struct digraph g = { n, first, to };

	begun = cpu_s();
	if (dominators_find(&g, 0, &d, &err) < 0)
		give_up("dominators", &err);
	found = cpu_s();
	if (dominators_sum(&d, own, &sum, &err) < 0)
		give_up("sums", &err);
	printf("{\"name\": \"dominators\", \"objects\": %u, \"edges\": %u, \"seconds\": %.3f, "
	       "\"sum_seconds\": %.3f, \"ns_per_object\": %.0f, \"bytes_per_object\": %.1f}\n",
	       n, e, found - begun, cpu_s() - found, (found - begun) * 1e9 / n,
	       (double)(d.peak_bytes - d.reverse_bytes) / n);
	free(sum);
	dominators_deinit(&d);
	free(first);
	free(to);
	free(own);
}

static int on_any(void *ctx)
{
	++*(uint64_t *)ctx;
	return 0;
}

static int on_holder(void *ctx, const struct fact_heap_holder *f, struct err *err)
{
	(void)f, (void)err;
	return on_any(ctx);
}

static int on_path(void *ctx, const struct fact_heap_path *f, struct err *err)
{
	(void)f, (void)err;
	return on_any(ctx);
}

static int on_module(void *ctx, const struct fact_heap_module *f, struct err *err)
{
	(void)f, (void)err;
	return on_any(ctx);
}

static void real(pid_t pid)
{
	uint64_t rows = 0;
	struct fact_sink sink = { .ctx = &rows, .heap_holder = on_holder, .heap_path = on_path,
				  .heap_module = on_module };
	struct err err = ERR_INIT;
	struct maps maps = { 0 };
	struct mem_source *mem = NULL;
	struct heap_graph *g = NULL;
	struct heap *h = NULL;
	struct py py;
	double begun, walked, built, told;

	kill(pid, SIGSTOP);
	if (maps_read(pid, &maps, &err) < 0 || live_new(pid, &mem, &err) < 0 ||
	    py_detect(pid, mem, &maps, NULL, &py, &err) < 0)
		give_up("attach", &err);
	begun = cpu_s();
	if (heap_walk(mem, &py, &maps, NULL, &h, &err) < 0)
		give_up("walk", &err);
	walked = cpu_s();
	if (graph_new(h, NULL, &g, &err) < 0)
		give_up("graph", &err);
	built = cpu_s();
	if (graph_types(g, &err) < 0 || graph_push(g, &sink, &err) < 0)
		give_up("rows", &err);
	told = cpu_s();
	kill(pid, SIGCONT);
	printf("{\"name\": \"graph\", \"objects\": %" PRIu64 ", \"edges\": %" PRIu64
	       ", \"walk_seconds\": %.2f, \"edges_seconds\": %.2f, \"dominators_seconds\": %.2f, "
	       "\"rows_seconds\": %.2f, \"graph_seconds\": %.2f, \"bytes_per_object\": %.1f, "
	       "\"rows\": %" PRIu64 ", \"skipped\": \"%s\"}\n",
	       g->sum.objects, g->sum.edges, walked - begun, (double)g->sum.build_ns / 1e9,
	       (double)g->sum.solve_ns / 1e9, told - built, told - walked,
	       (double)(g->sum.tool_bytes - g->sum.edge_tool_bytes) / (double)(g->sum.objects + 1), rows,
	       g->sum.skipped);
	graph_free(g);
	heap_free(h);
	py_deinit(&py);
	mem_free(mem);
	maps_deinit(&maps);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 1000000, 2500000, 5000000, 10000000 };

	if (argc > 1) {
		real((pid_t)strtol(argv[1], NULL, 10));
		return 0;
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		made_up(sizes[i]);
	return 0;
}
