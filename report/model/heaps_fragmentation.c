/* SPDX-License-Identifier: MIT */
/*
 * All of the fragmentation view as one table: rows of six kinds, and columns that mean the
 * same in each of them. A cell that a kind has nothing to say in is empty.
 */
#include <string.h>

#include "report/model/heaps.h"
#include "report/model/stacks.h"

enum column {
	KIND, ADDRESS, INTERPRETER, BLOCK_BYTES, COUNT, POOLS, USED_POOLS, FREE_POOLS, SYSTEM_BYTES,
	USED_BLOCKS, USED_BYTES, FREE_BLOCKS, FREE_BYTES, VIRGIN_BLOCKS, FREE_POOL_BYTES, HEADER_BYTES,
	TAIL_BYTES, ALIGN_BYTES, OBJECT_BLOCKS, BUFFER_BLOCKS, FREE_LIST_BLOCKS, UNKNOWN_BLOCKS,
	PYTHON_BLOCKS, PYTHON_BYTES, CACHED_BYTES, TOP_BYTES, LARGEST_FREE_BYTES, TRIMMABLE_BYTES,
	MODULE, TYPE, BUFFER, MAP, MADE, COLUMNS,
};

static const struct table_column columns[COLUMNS] = {
	[KIND] = { "kind", "KIND", TABLE_WORD, false },
	[ADDRESS] = { "address", "ADDRESS", TABLE_ADDRESS, false },
	[INTERPRETER] = { "interpreter", "INTERPRETER", TABLE_NUMBER, false },
	[BLOCK_BYTES] = { "block_bytes", "BLOCK", TABLE_BYTES, false },
	[COUNT] = { "arenas", "ARENAS", TABLE_COUNT, false },
	[POOLS] = { "pools", "POOLS", TABLE_COUNT, false },
	[USED_POOLS] = { "used_pools", "USED POOLS", TABLE_COUNT, false },
	[FREE_POOLS] = { "free_pools", "FREE POOLS", TABLE_COUNT, false },
	[SYSTEM_BYTES] = { "system_bytes", "SYSTEM", TABLE_BYTES, false },
	[USED_BLOCKS] = { "used_blocks", "USED", TABLE_COUNT, false },
	[USED_BYTES] = { "used_bytes", "USED BYTES", TABLE_BYTES, false },
	[FREE_BLOCKS] = { "free_blocks", "FREE", TABLE_COUNT, false },
	[FREE_BYTES] = { "free_bytes", "FREE BYTES", TABLE_BYTES, false },
	[VIRGIN_BLOCKS] = { "virgin_blocks", "NEVER USED", TABLE_COUNT, false },
	[FREE_POOL_BYTES] = { "free_pool_bytes", "FREE POOL BYTES", TABLE_BYTES, false },
	[HEADER_BYTES] = { "header_bytes", "HEADERS", TABLE_BYTES, false },
	[TAIL_BYTES] = { "tail_bytes", "TAILS", TABLE_BYTES, false },
	[ALIGN_BYTES] = { "align_bytes", "ALIGNMENT", TABLE_BYTES, false },
	[OBJECT_BLOCKS] = { "object_blocks", "OBJECTS", TABLE_COUNT, false },
	[BUFFER_BLOCKS] = { "buffer_blocks", "BUFFERS", TABLE_COUNT, false },
	[FREE_LIST_BLOCKS] = { "free_list_blocks", "FREE LISTS", TABLE_COUNT, false },
	[UNKNOWN_BLOCKS] = { "unknown_blocks", "UNKNOWN", TABLE_COUNT, false },
	[PYTHON_BLOCKS] = { "python_blocks", "PYTHON'S", TABLE_COUNT, false },
	[PYTHON_BYTES] = { "python_bytes", "PYTHON'S BYTES", TABLE_BYTES, false },
	[CACHED_BYTES] = { "cached_bytes", "CACHED", TABLE_BYTES, false },
	[TOP_BYTES] = { "top_bytes", "TOP", TABLE_BYTES, false },
	[LARGEST_FREE_BYTES] = { "largest_free_bytes", "LARGEST", TABLE_BYTES, false },
	[TRIMMABLE_BYTES] = { "trimmable_bytes", "TRIMMABLE", TABLE_BYTES, false },
	[MODULE] = { "module", "MODULE", TABLE_NAME, false },
	[TYPE] = { "type", "TYPE", TABLE_NAME, false },
	[BUFFER] = { "buffer", "BUFFER", TABLE_NUMBER, false },
	[MAP] = { "map", "MAP", TABLE_WORD, false },
	[MADE] = { "made", "MADE", TABLE_STACK, false },
};

/* A figure of one row: of which column, and what. */
struct figure {
	enum column column;
	uint64_t count;
};

static struct table_cell *row_of(struct table *t, const char *kind, const struct figure *figures, size_t n)
{
	struct table_cell *row = table_row(t);

	for (size_t i = 0; row && i < COLUMNS; i++)
		row[i].none = true;
	if (!row)
		return NULL;
	row[KIND] = (struct table_cell){ .text = kind };
	for (size_t i = 0; i < n; i++)
		row[figures[i].column] = (struct table_cell){ .count = figures[i].count };
	return row;
}

#define ROW(t, kind, ...)                                                                          \
	row_of((t), (kind), (const struct figure[]){ __VA_ARGS__ },                                \
	       sizeof((const struct figure[]){ __VA_ARGS__ }) / sizeof(struct figure))

static int put_heap(struct table *t, const struct heap_model *m, struct err *err)
{
	const struct fact_heap *h = &m->heap;
	uint64_t live, bytes;
	size_t n = heap_model_nearly_empty(m, HEAP_NEARLY_EMPTY, &live, &bytes);

	if (!ROW(t, "all", { COUNT, h->arenas }, { SYSTEM_BYTES, h->arena_bytes },
		 { USED_BLOCKS, h->blocks }, { USED_BYTES, h->block_bytes }, { FREE_BYTES, h->free_bytes },
		 { FREE_POOL_BYTES, h->free_pool_bytes }, { HEADER_BYTES, h->pool_header_bytes },
		 { TAIL_BYTES, h->pool_tail_bytes }, { ALIGN_BYTES, h->arena_align_bytes }) ||
	    !ROW(t, "nearly_empty", { COUNT, n }, { SYSTEM_BYTES, bytes }, { USED_BYTES, live }))
		return err_nomem(err);
	return 0;
}

static int put_class(struct table *t, const struct heap_model *m, const struct fact_heap_class *f,
		     struct err *err)
{
	uint64_t all = (f->used_blocks + f->free_blocks) * f->block_bytes + f->tail_bytes;
	uint64_t pools = f->pools * m->heap.pool_size_bytes;

	if (!ROW(t, "class", { BLOCK_BYTES, f->block_bytes }, { POOLS, f->pools },
		 { USED_POOLS, f->pools }, { SYSTEM_BYTES, pools }, { USED_BLOCKS, f->used_blocks },
		 { USED_BYTES, f->used_blocks * f->block_bytes }, { FREE_BLOCKS, f->free_blocks },
		 { FREE_BYTES, f->free_blocks * f->block_bytes }, { VIRGIN_BLOCKS, f->virgin_blocks },
		 { HEADER_BYTES, pools > all ? pools - all : 0 }, { TAIL_BYTES, f->tail_bytes },
		 { OBJECT_BLOCKS, f->object_blocks }, { BUFFER_BLOCKS, f->buffer_blocks },
		 { FREE_LIST_BLOCKS, f->free_list_blocks }, { UNKNOWN_BLOCKS, f->unknown_blocks }))
		return err_nomem(err);
	return 0;
}

static int put_pin(struct table *t, const struct heap_model *m, const struct stacks *stacks,
		   const struct fact_heap_arena *a, const struct fact_heap_pin *p, struct err *err)
{
	const struct fact_heap_type *type = heap_type_of(m, p->type);
	const struct stack_site *site = p->site ? stacks_site(stacks, p->site) : NULL;
	struct table_cell *c = ROW(t, "pin", { ADDRESS, a->addr }, { INTERPRETER, a->interpreter },
				   { USED_BLOCKS, p->count }, { USED_BYTES, p->bytes },
				   { BUFFER, p->buffer });

	if (!c)
		return err_nomem(err);
	c[MODULE] = (struct table_cell){ .text = type ? type->module : "" };
	c[TYPE] = (struct table_cell){ .text = type ? type->name : "" };
	if (site)
		c[MADE] = (struct table_cell){ .count = site->stack };
	return 0;
}

static int put_arena(struct table *t, const struct heap_model *m, const struct stacks *stacks,
		     const struct fact_heap_arena *f, struct err *err)
{
	struct table_cell *c;
	char *map = arena_alloc(&t->arena, f->occupancy ? (size_t)f->pools + 1 : 1);
	int r = 0;

	if (!map)
		return err_nomem(err);
	c = ROW(t, "arena", { ADDRESS, f->addr }, { INTERPRETER, f->interpreter }, { COUNT, 1 },
		{ POOLS, f->pools }, { USED_POOLS, f->used_pools }, { FREE_POOLS, f->free_pools },
		{ SYSTEM_BYTES, heap_arena_bytes(m, f) }, { USED_BLOCKS, f->live_blocks },
		{ USED_BYTES, f->live_bytes }, { FREE_BLOCKS, f->free_blocks },
		{ FREE_BYTES, f->free_bytes },
		{ FREE_POOL_BYTES, (uint64_t)f->free_pools * m->heap.pool_size_bytes },
		{ HEADER_BYTES, f->header_bytes }, { TAIL_BYTES, f->tail_bytes },
		{ ALIGN_BYTES, f->align_bytes });
	if (!c)
		return err_nomem(err);
	if (!heap_arena_told(f))
		c[FREE_BLOCKS].none = c[FREE_BYTES].none = c[HEADER_BYTES].none = c[TAIL_BYTES].none = true;
	c[MAP] = (struct table_cell){ .text = heap_arena_map(f, map) };
	for (uint32_t i = 0; i < f->npins && i < FACT_HEAP_PINS && r == 0; i++)
		r = put_pin(t, m, stacks, f, &f->pins[i], err);
	return r;
}

static int put_malloc(struct table *t, const struct fact_heap_malloc *f, struct err *err)
{
	const char *kind = f->mmapped ? "malloc_mmapped" : f->main ? "malloc_main" : "malloc_thread";

	if (!ROW(t, kind, { ADDRESS, f->addr }, { SYSTEM_BYTES, f->system_bytes },
		 { USED_BLOCKS, f->used_chunks }, { USED_BYTES, f->used_bytes },
		 { FREE_BLOCKS, f->free_chunks }, { FREE_BYTES, f->free_bytes },
		 { PYTHON_BLOCKS, f->python_chunks }, { PYTHON_BYTES, f->python_bytes },
		 { CACHED_BYTES, f->cached_bytes }, { TOP_BYTES, f->top_bytes },
		 { LARGEST_FREE_BYTES, f->largest_free_bytes }, { TRIMMABLE_BYTES, f->trimmable_bytes }))
		return err_nomem(err);
	return 0;
}

int heaps_fragmentation_table(const struct heaps *h, const struct stacks *stacks, struct table *ret,
			      struct err *err)
{
	const struct heap_model *m = heaps_last(h);
	int r = table_init(ret, columns, COLUMNS, err);

	if (r < 0 || !m)
		return r;
	r = put_heap(ret, m, err);
	for (size_t i = 0; i < m->classes.len && r == 0; i++)
		r = put_class(ret, m, &m->classes.at[i], err);
	for (size_t i = 0; i < m->arenas.len && r == 0; i++)
		r = put_arena(ret, m, stacks, &m->arenas.at[i], err);
	for (size_t i = 0; i < m->mallocs.len && r == 0; i++)
		r = put_malloc(ret, &m->mallocs.at[i], err);
	if (r < 0)
		table_deinit(ret);
	return r;
}
