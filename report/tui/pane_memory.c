/* SPDX-License-Identifier: MIT */
/* Memory: arenas, emptiest first, what pins them, size classes and the C library's arenas. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/tui/state.h"
#include "report/view/text.h"

enum { FILLED, PINS };
#define MAP_COLUMNS 64

static const struct tui_column columns[] = {
	{ "LIVE%", TUI_PERCENT, 0 },
	{ "PINS", TUI_COUNT, 100 },
};

static int build(struct tui_rows *rows, const struct tui_subject *s, const struct tui_state *state,
		 struct err *err)
{
	const struct heap_model *m = rows->heap;

	(void)state;
	if (!m || m->arenas.len == 0) {
		snprintf(rows->absent, sizeof rows->absent, "%s%s",
			 m ? "no pymalloc arenas: the process uses another allocator" :
			     "the map of memory needs a snapshot of the heap",
			 !m && s->kind == TUI_RECORDING ? ": R takes one now" : "");
		return 0;
	}
	for (size_t i = 0; i < m->arenas.len; i++) {
		const struct fact_heap_arena *a = &m->arenas.at[i];
		struct tui_row *row = tui_row_add(rows, a->addr, (uint32_t)i);
		uint64_t pins = 0;
		if (!row)
			return err_nomem(err);
		for (size_t k = 0; k < a->npins && k < FACT_HEAP_PINS; k++)
			pins += a->pins[k].count;
		row->v[FILLED] = m->heap.arena_size_bytes ? 100.0 * (double)a->live_bytes /
							    (double)m->heap.arena_size_bytes : NAN;
		row->v[PINS] = a->npins ? (double)pins : NAN;
	}
	return 0;
}

static void name(const struct tui_rows *rows, const struct tui_subject *s, const struct tui_row *row,
		 unsigned i, struct buf *out)
{
	static const char shade[] = ".:+#";
	const struct fact_heap_arena *a = &rows->heap->arenas.at[row->index];

	(void)s;
	if (i == 0) {
		(void)buf_printf(out, "%08" PRIx64, a->addr >> 16); /* arenas begin on 256 KiB */
		return;
	}
	for (size_t k = 0; k < MAP_COLUMNS; k++) {
		size_t from = k * a->pools / MAP_COLUMNS, to = (k + 1) * a->pools / MAP_COLUMNS;
		unsigned sum = 0;
		to = to > from ? to : from + 1;
		for (size_t p = from; p < to && p < a->pools && a->occupancy; p++)
			sum += a->occupancy[p];
		sum /= (unsigned)(to - from);
		(void)buf_printf(out, "%c", sum ? shade[sum * 3 / 255] : ' ');
	}
}

static void above(const struct tui_subject *s, struct tui_lines *out)
{
	const struct heap_model *m = tui_heap(s);
	struct units a, b, c;
	uint64_t live, pinned;

	if (!m || m->arenas.len == 0)
		return;
	size_t n = heap_model_nearly_empty(m, HEAP_NEARLY_EMPTY, &live, &pinned);
	tui_say(out, "obmalloc %u arenas %s  free inside %s  %zu nearly empty, pinned by %s\n",
		m->heap.arenas, tui_figure(&a, TUI_BYTES, (double)m->heap.arena_bytes, false),
		tui_figure(&b, TUI_BYTES, (double)heap_model_free_bytes(m), false), n,
		tui_figure(&c, TUI_BYTES, (double)live, false));
}

static void say_pins(const struct heap_model *m, const struct fact_heap_arena *a, struct tui_lines *out,
		     size_t most)
{
	char label[256];

	for (size_t k = 0; k < a->npins && k < FACT_HEAP_PINS && k < most; k++) {
		const struct fact_heap_type *t = heap_type_of(m, a->pins[k].type);
		heap_type_label(t ? t : &(struct fact_heap_type){ .name = "unknown", .module = "" }, label,
				sizeof label);
		tui_say(out, "%s%.0f %s", k ? ", " : "", (double)a->pins[k].count,
			a->pins[k].buffer ? "buffers of " : "");
		tui_say_name(out, label, strlen(label));
	}
	if (a->npins == 0)
		tui_say(out, "not looked at: more than a quarter full");
}

static void below(const struct tui_rows *rows, const struct tui_subject *s,
		  const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	const struct heap_model *m = rows->heap;
	struct units a, b, c;

	(void)s;
	(void)state;
	tui_say(out, "PINS %" PRIx64 "  ", m->arenas.at[row->index].addr);
	say_pins(m, &m->arenas.at[row->index], out, 3);
	tui_say(out, "\nclass ");
	/* The classes with most free bytes, in order of size, as many as a line takes. */
	uint64_t shown = 0;
	for (size_t i = 0; i < m->classes.len && shown < 9; i++) {
		const struct fact_heap_class *k = &m->classes.at[i];
		uint64_t all = k->used_blocks + k->free_blocks;
		if (!k->pools || !all)
			continue;
		tui_say(out, " %u:%.0f%%", k->block_bytes, 100.0 * (double)k->used_blocks / (double)all);
		shown++;
	}
	tui_say(out, "\n");
	for (size_t i = 0; i < m->mallocs.len && i < 1; i++)
		tui_say(out, "malloc main arena: used %s  free %s  largest free %s",
			tui_figure(&a, TUI_BYTES, (double)m->mallocs.at[i].used_bytes, false),
			tui_figure(&b, TUI_BYTES, (double)m->mallocs.at[i].free_bytes, false),
			tui_figure(&c, TUI_BYTES, (double)m->mallocs.at[i].largest_free_bytes, false));
}

static void status(const struct tui_rows *rows, const struct tui_subject *s,
		   const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	char line[TEXT_FRAGMENTATION_MAX];

	(void)s;
	(void)state;
	(void)row;
	text_fragmentation(rows->heap, line);
	tui_say(out, "fragmentation %s", line);
}

static void evidence(const struct tui_rows *rows, const struct tui_subject *s,
		     const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	const struct heap_model *m = rows->heap;
	const struct fact_heap_arena *a = &m->arenas.at[row->index];

	(void)s;
	(void)state;
	tui_say(out, "ARENA 0x%" PRIx64 "\n%.0f live bytes in %.0f blocks; %u of %u pools used\n\n", a->addr,
		(double)a->live_bytes, (double)a->live_blocks, a->used_pools, a->pools);
	tui_say(out, "PINNED BY  ");
	say_pins(m, a, out, FACT_HEAP_PINS);
	tui_say(out, "\n\n%8s %8s %12s %12s %8s\n", "CLASS", "POOLS", "USED", "FREE", "FILLED");
	for (size_t i = 0; i < m->classes.len; i++) {
		const struct fact_heap_class *k = &m->classes.at[i];
		uint64_t all = k->used_blocks + k->free_blocks;
		if (k->pools)
			tui_say(out, "%8u %8.0f %12.0f %12.0f %7.0f%%\n", k->block_bytes, (double)k->pools,
				(double)k->used_blocks, (double)k->free_blocks,
				all ? 100.0 * (double)k->used_blocks / (double)all : 0.0);
	}
	tui_say(out, "\n%-13s %13s %13s %13s %13s\n", "MALLOC", "SYSTEM", "USED", "FREE", "TRIMMABLE");
	for (size_t i = 0; i < m->mallocs.len; i++)
		tui_say(out, "%-13s %13.0f %13.0f %13.0f %13.0f\n",
			m->mallocs.at[i].mmapped ? "own mappings" : m->mallocs.at[i].main ? "main arena" :
									      "thread arena",
			(double)m->mallocs.at[i].system_bytes, (double)m->mallocs.at[i].used_bytes,
			(double)m->mallocs.at[i].free_bytes, (double)m->mallocs.at[i].trimmable_bytes);
	tui_say(out, "\nRESIDENT\n");
	for (size_t i = 0; i < m->ledger.len; i++)
		tui_say(out, "%*s%-*s %s%14.0f\n", 2 + 2 * m->ledger.at[i].depth, "",
			44 - 2 * m->ledger.at[i].depth, m->ledger.at[i].label,
			m->ledger.at[i].estimate ? "~" : " ", (double)m->ledger.at[i].bytes);
}

const struct tui_pane tui_memory = {
	.title = "Memory",
	.columns = columns,
	.ncolumns = 2,
	.names = { "ARENA", "POOLS  (64 cells: ' ' free . : + # full)" },
	.name_share = 13,
	.build = build,
	.name = name,
	.status = status,
	.evidence = evidence,
	.above = above,
	.below = below,
	.nabove = 1,
	.nbelow = 3,
};
