/* SPDX-License-Identifier: MIT */
/*
 * One forwarding function per callback of struct fact_sink; a new callback is one more line.
 */
#include "tracer/stream/fanout.h"

#include <string.h>

static void note_failure(struct fanout *f, size_t i, int code, const struct err *why)
{
	f->behind[i] = NULL;
	if (f->failed == 0) {
		f->failed = code;
		f->why = *why;
	}
}

static int verdict(const struct fanout *f, struct err *err)
{
	if (f->failed == 0)
		return 0;
	for (size_t i = 0; i < f->count; i++)
		if (f->behind[i])
			return 0;
	if (err)
		*err = f->why;
	return f->failed;
}

#define FORWARD(name, type)                                                                        \
	static int on_##name(void *ctx, type fact, struct err *err)                                \
	{                                                                                          \
		struct fanout *f = ctx;                                                            \
                                                                                                   \
		for (size_t i = 0; i < f->count; i++) {                                            \
			struct err why = ERR_INIT;                                                 \
			const struct fact_sink *s = f->behind[i];                                  \
			int r = s && s->name ? s->name(s->ctx, fact, &why) : 0;                    \
			if (r < 0)                                                                 \
				note_failure(f, i, r, &why);                                       \
		}                                                                                  \
		return verdict(f, err);                                                            \
	}

FORWARD(target, const struct fact_target *)
FORWARD(thread, const struct fact_thread *)
FORWARD(site, const struct fact_site *)
FORWARD(interval, const struct fact_interval *)
FORWARD(tick, const struct fact_tick *)
FORWARD(event, const struct fact_event *)
FORWARD(site_peak, const struct fact_site_peak *)
FORWARD(block, const struct fact_block *)
FORWARD(test, const struct fact_test *)
FORWARD(note, const struct fact_note *)
FORWARD(totals, const struct fact_totals *)
FORWARD(cost, const struct fact_cost *)
FORWARD(finish, enum fact_end)
FORWARD(heap, const struct fact_heap *)
FORWARD(heap_type, const struct fact_heap_type *)
FORWARD(heap_buffer, const struct fact_heap_buffer *)
FORWARD(heap_class, const struct fact_heap_class *)
FORWARD(heap_arena, const struct fact_heap_arena *)
FORWARD(heap_free_list, const struct fact_heap_free_list *)
FORWARD(heap_unknown, const struct fact_heap_unknown *)
FORWARD(heap_gc, const struct fact_heap_gc *)
FORWARD(heap_cycle, const struct fact_heap_cycle *)
FORWARD(heap_malloc, const struct fact_heap_malloc *)
FORWARD(heap_join, const struct fact_heap_join *)
FORWARD(heap_held, const struct fact_heap_held *)
FORWARD(ledger, const struct fact_ledger *)
FORWARD(heap_graph, const struct fact_heap_graph *)
FORWARD(heap_holder, const struct fact_heap_holder *)
FORWARD(heap_path, const struct fact_heap_path *)
FORWARD(heap_step, const struct fact_heap_step *)
FORWARD(heap_refcount, const struct fact_heap_refcount *)
FORWARD(heap_module, const struct fact_heap_module *)
FORWARD(heap_name, const struct fact_heap_name *)
FORWARD(heap_edges, const struct fact_heap_edges *)
FORWARD(heap_end, uint32_t)

/* A callback nobody behind implements stays NULL: whoever pushes may skip the work. */
#define WIRE(name)                                                                                 \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < f->count; i_++)                                           \
			if (f->behind[i_]->name)                                                   \
				f->sink.name = on_##name;                                          \
	} while (0)

static void wire(struct fanout *f, bool events)
{
	WIRE(target);
	WIRE(thread);
	WIRE(site);
	WIRE(interval);
	WIRE(tick);
	if (events)
		WIRE(event);
	WIRE(site_peak);
	WIRE(block);
	WIRE(test);
	WIRE(note);
	WIRE(totals);
	WIRE(cost);
	WIRE(finish);
	WIRE(heap);
	WIRE(heap_type);
	WIRE(heap_buffer);
	WIRE(heap_class);
	WIRE(heap_arena);
	WIRE(heap_free_list);
	WIRE(heap_unknown);
	WIRE(heap_gc);
	WIRE(heap_cycle);
	WIRE(heap_malloc);
	WIRE(heap_join);
	WIRE(heap_held);
	WIRE(ledger);
	WIRE(heap_graph);
	WIRE(heap_holder);
	WIRE(heap_path);
	WIRE(heap_step);
	WIRE(heap_refcount);
	WIRE(heap_module);
	WIRE(heap_name);
	WIRE(heap_edges);
	WIRE(heap_end);
}

int fanout_init(struct fanout *f, const struct fact_sink *const *sinks, size_t n, bool events,
		struct err *err)
{
	if (n > FANOUT_MAX)
		return err_set(err, ERR_USAGE, "%zu sinks; at most %d", n, FANOUT_MAX);
	memset(f, 0, sizeof *f);
	f->sink.ctx = f;
	f->count = n;
	if (n)
		memcpy(f->behind, sinks, n * sizeof *sinks);
	wire(f, events);
	return 0;
}
