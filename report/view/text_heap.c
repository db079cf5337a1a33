/* SPDX-License-Identifier: MIT */
/* The sections of a snapshot: types, fragmentation, ledger, collector. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/view/text.h"

#define LABEL_MAX 512
#define TYPE_FIGURES 62  /* columns before its name */
#define LAYOUTS 8	   /* types whose layout is spelled out */
#define ARENA_ROWS 10
#define MAP_COLUMNS_MAX 32
#define MADE 3	      /* places spelled out for a type */
#define MADE_FRAMES 4
#define PIN_ROWS 8

/* "320.0M": six columns at most, for tables with many figures. */
static const char *brief(struct units *u, uint64_t bytes)
{
	static const char unit[] = " KMGTPE";
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 999.95 && i + 1 < sizeof unit - 1) {
		v /= 1024;
		i++;
	}
	if (i == 0)
		snprintf(u->text, sizeof u->text, "%" PRIu64, bytes);
	else
		snprintf(u->text, sizeof u->text, "%.1f%c", v, unit[i]);
	return u->text;
}

static int largest_first(const void *a, const void *b)
{
	const struct fact_heap_type *x = *(const struct fact_heap_type *const *)a;
	const struct fact_heap_type *y = *(const struct fact_heap_type *const *)b;

	if (x->total_bytes != y->total_bytes)
		return x->total_bytes < y->total_bytes ? 1 : -1;
	return x->type < y->type ? -1 : x->type > y->type;
}

static void no_snapshot(struct text *t, const char *title)
{
	out_put(t->out, "\n", 1);
	text_wrapped(t, title, strlen(title) + 2,
		     "there is no snapshot in this file; pymemprof snapshot PID takes one.");
}

static void type_row(struct text *t, const struct fact_heap_type *f)
{
	struct units a, b, c, d, e, g, h, i;
	char label[LABEL_MAX];
	uint64_t each = f->count ? (f->total_bytes + f->count / 2) / f->count : 0;

	out_printf(t->out, "%7s %9s %6s %6s %6s %6s %7s %6s  ", brief(&a, f->total_bytes),
		   units_count_short(&b, f->count), brief(&c, each),
		   brief(&d, f->header_bytes + f->gc_head_bytes), brief(&i, f->payload_bytes), brief(&e, f->dict_bytes),
		   brief(&g, f->buffer_bytes), brief(&h, f->slack_bytes + f->rounding_bytes));
	heap_type_label(f, label, sizeof label);
	text_name(t, label, strlen(label), t->width - TYPE_FIGURES, false);
	out_put(t->out, "\n", 1);
}

static void put_part(char *buf, size_t cap, size_t *n, uint64_t bytes, uint64_t count, const char *what)
{
	if (!bytes || *n >= cap)
		return;
	*n += (size_t)snprintf(buf + *n, cap - *n, "%s%.*f %s", *n ? " + " : "",
			       bytes % count ? 1 : 0, (double)bytes / (double)count, what);
}

/* "= 16 gc head + 16 header + 8 fields + 48 attributes + 8 rounding; __slots__ would save 12 MiB to 14 MiB" */
static void type_layout(struct text *t, const struct heap_model *old, const struct fact_heap_type *f)
{
	const struct fact_heap_type *before = heap_type_in(old, f);
	struct heap_saving saving = heap_type_slots_saving(f);
	char line[512];
	struct units a, b;
	size_t n = 0;

	put_part(line, sizeof line, &n, f->gc_head_bytes, f->count, "gc head");
	put_part(line, sizeof line, &n, f->header_bytes, f->count, "header");
	put_part(line, sizeof line, &n, f->payload_bytes, f->count, "fields");
	put_part(line, sizeof line, &n, f->dict_bytes, f->count, "attributes");
	put_part(line, sizeof line, &n, f->buffer_bytes, f->count, "buffers");
	put_part(line, sizeof line, &n, f->slack_bytes, f->count, "slack");
	put_part(line, sizeof line, &n, f->rounding_bytes, f->count, "rounding");
	if (f->instance_dict_bytes)
		n += (size_t)snprintf(line + n, sizeof line - n, "; __dict__ objects besides: %s",
				      units_bytes(&a, f->instance_dict_bytes));
	if (saving.least >= 1024 && saving.least == saving.most)
		n += (size_t)snprintf(line + n, sizeof line - n, "; __slots__ would save ~%s",
				      units_bytes(&a, saving.least));
	else if (saving.least >= 1024)
		n += (size_t)snprintf(line + n, sizeof line - n, "; __slots__ would save %s to %s",
				      units_bytes(&a, saving.least), units_bytes(&b, saving.most));
	if (old) {
		double grown = (double)f->total_bytes - (before ? (double)before->total_bytes : 0);
		int64_t more = (int64_t)f->count - (before ? (int64_t)before->count : 0);

		snprintf(line + n, sizeof line - n, "; since the first snapshot %+" PRId64 " objects, %s",
			 more, units_delta(&b, grown));
	}
	text_wrapped(t, "        = ", 10, line);
}

/* The places where most of a type's bytes were made, when somebody knows. */
static void type_made(struct text *t, const struct heap_model *m, const struct fact_heap_type *f)
{
	size_t i = heap_type_made(m, f->type);

	for (size_t n = 0; n < MADE && i < m->made.len && m->made.at[i].type == f->type; n++, i++) {
		const struct stack_site *site = stacks_site(&t->r->stacks, m->made.at[i].site);
		char label[48];
		struct units a;

		snprintf(label, sizeof label, "        %9s made ",
			 units_bytes(&a, m->made.at[i].bytes));
		if (site)
			text_stack(t, label, 23, site->stack, MADE_FRAMES);
	}
}

/* The types with objects, largest first; *ret is malloc'ed. */
static size_t sorted_types(const struct heap_model *m, const struct fact_heap_type ***ret)
{
	const struct fact_heap_type **list = calloc(m->types.len + 1, sizeof *list);
	size_t n = 0;

	for (size_t i = 0; list && i < m->types.len; i++)
		if (m->types.at[i].count && m->types.at[i].total_bytes)
			list[n++] = &m->types.at[i];
	if (n)
		qsort(list, n, sizeof *list, largest_first);
	*ret = list;
	return n;
}

int text_section_types(struct text *t, size_t top, struct err *err)
{
	const struct heap_model *m = heaps_last(&t->r->heaps), *old = heaps_baseline(&t->r->heaps);
	AUTO_FREE const struct fact_heap_type **list = NULL;
	uint64_t rest = 0;
	struct units a;
	size_t n;

	if (!m) {
		no_snapshot(t, "TYPES");
		return 0;
	}
	n = sorted_types(m, &list);
	if (!list)
		return err_nomem(err);
	out_put(t->out, "\n", 1);
	text_heading(t, "  TOTAL     COUNT  B/OBJ  HEADS FIELDS   DICT BUFFERS  SLACK  TYPE", 0);
	out_put(t->out, "\n", 1);
	for (size_t i = 0; i < n; i++) {
		if (i >= top) {
			rest += list[i]->total_bytes;
			continue;
		}
		type_row(t, list[i]);
		if (t->o->question == VIEW_TYPES && i < LAYOUTS)
			type_layout(t, old, list[i]);
		if (t->o->question == VIEW_TYPES && i < LAYOUTS)
			type_made(t, m, list[i]);
	}
	if (n > top)
		out_printf(t->out, "%7s  (%zu more type%s)\n", brief(&a, rest), n - top,
			   n - top == 1 ? "" : "s");
	if (m->heap.unknown_bytes)
		out_printf(t->out, "%7s  (blocks of unknown use: %.2f %% of allocated block bytes)\n",
			   brief(&a, m->heap.unknown_bytes),
			   100.0 * (double)m->heap.unknown_bytes /
				   (double)(m->heap.block_bytes ? m->heap.block_bytes : 1));
	return 0;
}

/* --- fragmentation ------------------------------------------------------------------------ */

void text_fragmentation(const struct heap_model *m, char line[TEXT_FRAGMENTATION_MAX])
{
	uint64_t live, pinned;
	size_t n = heap_model_nearly_empty(m, HEAP_NEARLY_EMPTY, &live, &pinned);
	double share = heap_model_fragmentation(m);
	struct units a, b, c;

	if (m->heap.arenas == 0)
		snprintf(line, TEXT_FRAGMENTATION_MAX, "no pymalloc arenas: the target uses another allocator.");
	else if (share < 0.15)
		snprintf(line, TEXT_FRAGMENTATION_MAX, "little: %.0f %% of %s of arenas is free.", share * 100,
			 units_bytes(&a, m->heap.arena_bytes));
	else if (n && pinned * 4 >= m->heap.arena_bytes)
		snprintf(line, TEXT_FRAGMENTATION_MAX,
			 "heavy: %.0f %% of %s of arenas is free, but %zu nearly empty %s (%s) cannot "
			 "be returned because %s of live blocks pin %s.",
			 share * 100, units_bytes(&a, m->heap.arena_bytes), n,
			 n == 1 ? "arena" : "arenas", units_bytes(&b, pinned),
			 units_bytes(&c, live), n == 1 ? "it" : "them");
	else
		snprintf(line, TEXT_FRAGMENTATION_MAX,
			 "%.0f %% of %s of arenas is free, spread over arenas that are in use; new objects "
			 "will fill it first.",
			 share * 100, units_bytes(&a, m->heap.arena_bytes));
}

static void fragmentation_verdict(struct text *t, const struct heap_model *m)
{
	char line[TEXT_FRAGMENTATION_MAX];

	text_fragmentation(m, line);
	out_put(t->out, "\n", 1);
	text_wrapped(t, "FRAGMENTATION", 15, line);
}

static size_t map_columns(const struct text *t)
{
	return t->width >= 96 ? MAP_COLUMNS_MAX : t->width >= 80 ? 16 : 8;
}

static void arena_row(struct text *t, const struct heap_model *m, const struct fact_heap_arena *a)
{
	static const char shade[] = ".:-=+*#";
	size_t columns = map_columns(t);
	bool told = heap_arena_told(a);
	char map[MAP_COLUMNS_MAX + 1], head[160];
	struct units count, used, left, pools, lost;

	for (size_t i = 0; i < columns; i++) {
		size_t from = i * a->pools / columns, to = (i + 1) * a->pools / columns;
		unsigned sum = 0;

		to = to > from ? to : from + 1;
		for (size_t k = from; k < to && k < a->pools && a->occupancy; k++)
			sum += a->occupancy[k];
		sum /= (unsigned)(to - from);
		map[i] = sum ? shade[sum * (sizeof shade - 2) / 255] : ' ';
	}
	map[columns] = 0;
	int n = snprintf(head, sizeof head, "%012" PRIx64 " %7s %7s %7s %6s [%s]", a->addr,
			 brief(&used, a->live_bytes), told ? brief(&left, a->free_bytes) : "?",
			 brief(&pools, (uint64_t)a->free_pools * m->heap.pool_size_bytes),
			 told ? brief(&lost, a->header_bytes + a->tail_bytes + a->align_bytes) : "?", map);
	if (a->npins)
		n += snprintf(head + n, sizeof head - (size_t)n, " %s %s",
			      units_count_short(&count, a->pins[0].count),
			      a->pins[0].buffer ? "of " : "");
	out_str(t->out, head);
	if (a->npins) {
		const struct fact_heap_type *f = heap_type_of(m, a->pins[0].type);
		char label[LABEL_MAX] = "unknown blocks";

		if (f)
			heap_type_label(f, label, sizeof label);
		text_name(t, label, strlen(label), t->width > (size_t)n ? t->width - (size_t)n : 1, false);
	}
	out_put(t->out, "\n", 1);
}

static void pin_row(struct text *t, const struct heap_model *m, const struct heap_pin_sum *p)
{
	const struct fact_heap_type *f = heap_type_of(m, p->pin.type);
	const struct stack_site *site = p->pin.site ? stacks_site(&t->r->stacks, p->pin.site) : NULL;
	char label[LABEL_MAX] = "unknown blocks";
	struct units a, b;

	if (f)
		heap_type_label(f, label, sizeof label);
	out_printf(t->out, "%8" PRIu64 " %9s %9s  %s", p->arenas, units_count_short(&a, p->pin.count),
		   brief(&b, p->pin.bytes), p->pin.buffer ? "buffers of " : "");
	text_name(t, label, strlen(label), t->width - (p->pin.buffer ? 41 : 30), false);
	out_put(t->out, "\n", 1);
	if (site)
		text_stack(t, "          made ", 15, site->stack, MADE_FRAMES);
}

/* What would have to go for nearly empty arenas to come back. */
static int pin_rows(struct text *t, const struct heap_model *m, struct err *err)
{
	struct heap_pins pins = VEC_INIT;
	uint64_t live, bytes;
	size_t n = heap_model_nearly_empty(m, HEAP_NEARLY_EMPTY, &live, &bytes);
	struct units a;
	int r = n ? heap_model_pins(m, HEAP_NEARLY_EMPTY, &pins, err) : 0;

	if (r < 0 || !pins.len)
		return r;
	out_put(t->out, "\n", 1);
	text_heading(t, "  ARENAS    BLOCKS     BYTES  PINNED BY: what keeps nearly empty arenas", 0);
	out_put(t->out, "\n", 1);
	for (size_t i = 0; i < pins.len && i < PIN_ROWS; i++)
		pin_row(t, m, &pins.at[i]);
	if (pins.len > PIN_ROWS)
		out_printf(t->out, "  (%zu more)\n", pins.len - PIN_ROWS);
	out_printf(t->out, "  without them %zu %s, %s, would come back\n", n, n == 1 ? "arena" : "arenas",
		   units_bytes(&a, bytes));
	vec_deinit(&pins);
	return 0;
}

static int emptiest_first(const void *a, const void *b)
{
	const struct fact_heap_arena *x = *(const struct fact_heap_arena *const *)a;
	const struct fact_heap_arena *y = *(const struct fact_heap_arena *const *)b;

	if (x->live_bytes != y->live_bytes)
		return x->live_bytes < y->live_bytes ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int arena_map(struct text *t, const struct heap_model *m, size_t top, struct err *err)
{
	AUTO_FREE const struct fact_heap_arena **list = calloc(m->arenas.len + 1, sizeof *list);
	char head[96];

	if (!list)
		return err_nomem(err);
	for (size_t i = 0; i < m->arenas.len; i++)
		list[i] = &m->arenas.at[i];
	if (m->arenas.len)
		qsort(list, m->arenas.len, sizeof *list, emptiest_first);
	out_put(t->out, "\n", 1);
	snprintf(head, sizeof head, "ARENAS          USED    FREE F.POOLS   LOST %-*s pinned by",
		 (int)map_columns(t) + 2, "occupancy");
	text_heading(t, head, 0);
	out_put(t->out, "\n", 1);
	for (size_t i = 0; i < m->arenas.len && i < top; i++)
		arena_row(t, m, list[i]);
	if (m->arenas.len > top)
		out_printf(t->out, "  (%zu more arena%s)\n", m->arenas.len - top,
			   m->arenas.len - top == 1 ? "" : "s");
	return 0;
}

static void size_classes(struct text *t, const struct heap_model *m)
{
	struct units a, b, c, d;

	out_put(t->out, "\n", 1);
	text_heading(t, "  CLASS    POOLS      USED      FREE NEVER USED FREE BYTES   TAILS  FULL", 0);
	out_put(t->out, "\n", 1);
	for (size_t i = 0; i < m->classes.len; i++) {
		const struct fact_heap_class *f = &m->classes.at[i];
		uint64_t all = f->used_blocks + f->free_blocks;

		if (!f->pools)
			continue;
		out_printf(t->out, "%7u %8" PRIu64 " %9s %9s %10" PRIu64 " %10s %7s  %3.0f%%\n",
			   f->block_bytes, f->pools, units_count_short(&a, f->used_blocks),
			   units_count_short(&b, f->free_blocks), f->virgin_blocks,
			   brief(&c, f->free_blocks * f->block_bytes), brief(&d, f->tail_bytes),
			   all ? 100.0 * (double)f->used_blocks / (double)all : 0.0);
	}
}

static void malloc_rows(struct text *t, const struct heap_model *m)
{
	struct units a, b, c, d, e, f;

	if (m->mallocs.len == 0)
		return;
	out_put(t->out, "\n", 1);
	text_heading(t, "MALLOC (glibc)  SYSTEM    USED  CACHED    FREE     TOP LARGEST TRIMMABLE", 0);
	out_put(t->out, "\n", 1);
	for (size_t i = 0; i < m->mallocs.len; i++) {
		const struct fact_heap_malloc *r = &m->mallocs.at[i];
		struct units g;

		out_printf(t->out, "  %-12s %7s %7s %7s %7s %7s %7s %9s\n",
			   r->mmapped ? "own mappings" : r->main ? "main arena" : "thread arena",
			   brief(&a, r->system_bytes), brief(&b, r->used_bytes), brief(&c, r->cached_bytes),
			   brief(&d, r->free_bytes), brief(&e, r->top_bytes), brief(&f, r->largest_free_bytes),
			   brief(&g, r->trimmable_bytes));
	}
}

int text_section_fragmentation(struct text *t, size_t top, struct err *err)
{
	const struct heap_model *m = heaps_last(&t->r->heaps);
	struct units a, b, c;
	int r;

	if (!m) {
		no_snapshot(t, "FRAGMENTATION");
		return 0;
	}
	fragmentation_verdict(t, m);
	if (t->o->question != VIEW_FRAGMENTATION)
		return 0;
	out_printf(t->out, "  arenas %u x %s; live blocks %s; free in used pools %s\n", m->heap.arenas,
		   brief(&a, m->heap.arena_size_bytes), brief(&b, m->heap.block_bytes),
		   brief(&c, m->heap.free_bytes));
	out_printf(t->out, "  free pools %s; pool headers and tails %s; lost to alignment %s\n",
		   brief(&a, m->heap.free_pool_bytes),
		   brief(&b, m->heap.pool_header_bytes + m->heap.pool_tail_bytes),
		   brief(&c, m->heap.arena_align_bytes));
	r = pin_rows(t, m, err);
	if (r == 0)
		r = arena_map(t, m, top ? top : ARENA_ROWS, err);
	if (r < 0)
		return r;
	size_classes(t, m);
	malloc_rows(t, m);
	return 0;
}

/* --- ledger and collector ----------------------------------------------------------------- */

void text_section_ledger(struct text *t)
{
	const struct heap_model *m = heaps_last(&t->r->heaps);
	uint64_t rss = 0;
	struct units a, b;

	if (!m || m->ledger.len == 0) {
		if (!m)
			no_snapshot(t, "LEDGER");
		return;
	}
	for (size_t i = 0; i < m->ledger.len; i++)
		rss += m->ledger.at[i].depth ? 0 : m->ledger.at[i].bytes;
	out_put(t->out, "\n", 1);
	text_heading(t, "LEDGER: what is resident", t->width - 20);
	out_printf(t->out, "%12s %6s\n", "BYTES", "%");
	for (size_t i = 0; i < m->ledger.len; i++) {
		const struct fact_ledger *f = &m->ledger.at[i];
		size_t indent = 2 + 2 * (size_t)(f->depth < 8 ? f->depth : 8);

		out_fill(t->out, ' ', indent);
		text_name(t, f->label, strlen(f->label), t->width - 20 - indent, true);
		out_printf(t->out, "%s%*s %6s\n", f->estimate ? "~" : " ", 11, units_bytes(&a, f->bytes),
			   units_percent(&b, f->bytes, rss));
	}
	/* a core file does not tell what was resident */
	bool guess = t->r->totals.have_cost && t->r->totals.cost.pause_kind == FACT_PAUSE_CORE;
	out_printf(t->out, "  %-*s%s%11s\n", (int)t->width - 22, "resident (RSS)", guess ? "~" : " ",
		   units_bytes(&a, rss));
}

static void gc_interpreter(struct text *t, const struct fact_heap_gc *g)
{
	struct units a, b, c, d;

	out_printf(t->out, "  interpreter %" PRId64 ": %s%s\n", g->interpreter,
		   g->enabled ? "enabled" : "DISABLED", g->collecting ? ", collecting now" : "");
	out_printf(t->out, "  %-4s %10s %6s %9s %11s %11s %13s\n", "gen.", "objects", "count", "threshold",
		   "collections", "collected", "uncollectable");
	for (size_t i = 0; i < FACT_GC_GENERATIONS && i < g->generations; i++)
		out_printf(t->out, "  %-4zu %10s %6d %9d %11s %11s %13s\n", i,
			   units_count(&a, g->gen[i].objects), g->gen[i].count, g->gen[i].threshold,
			   units_count(&b, g->gen[i].collections), units_count(&c, g->gen[i].collected),
			   units_count(&d, g->gen[i].uncollectable));
	out_printf(t->out, "  frozen %s, gc.garbage %s\n", units_count(&a, g->frozen),
		   units_count(&b, g->garbage));
	if (g->cycles_known)
		out_printf(t->out, "  unreachable, waiting for a collection: %s objects, %s\n",
			   units_count(&a, g->unreachable), units_bytes(&b, g->unreachable_bytes));
}

void text_section_gc(struct text *t, size_t top)
{
	const struct heap_model *m = heaps_last(&t->r->heaps);
	char label[LABEL_MAX];
	struct units a, b;

	if (!m) {
		no_snapshot(t, "COLLECTOR");
		return;
	}
	out_put(t->out, "\n", 1);
	text_heading(t, "COLLECTOR", 0);
	out_put(t->out, "\n", 1);
	for (size_t i = 0; i < m->gc.len; i++)
		gc_interpreter(t, &m->gc.at[i]);
	for (size_t i = 0; i < m->cycles.len && i < top; i++) {
		const struct fact_heap_type *f = heap_type_of(m, m->cycles.at[i].type);

		if (f)
			heap_type_label(f, label, sizeof label);
		else
			snprintf(label, sizeof label, "?");
		out_printf(t->out, "    %10s %11s  ", units_count(&a, m->cycles.at[i].count),
			   units_bytes(&b, m->cycles.at[i].bytes));
		text_name(t, label, strlen(label), t->width - 28, false);
		out_put(t->out, "\n", 1);
	}
}
