/* SPDX-License-Identifier: MIT */
/*
 * Pools whose every page is there are summed from block states; the others are asked block by
 * block. A chunk of glibc is a Python block when an object or a buffer of the walk begins in it.
 */
#include "tracer/heap/account.h"

#include <stdlib.h>
#include <string.h>

#include "tracer/cpython/interp.h"
#include "tracer/heap/glibc.h"
#include "tracer/heap/heap.h"

#define CHUNK_HEAD 16			/* before the user's address: prev_size and size */
#define HEAP_BYTES (UINT64_C(64) << 20) /* HEAP_MAX_SIZE, malloc/arena.c */
#define STATES_MAX 65536
#define FRAME_CHUNK_MAX (UINT64_C(1) << 28)

/* Python's blocks in one aligned 64 MiB piece of address space. */
struct piece {
	uint64_t base, chunks, bytes;
};

struct account {
	struct resident *r;
	struct heap *h;
	struct VEC(struct piece) pieces;
	size_t piece; /* last one hit */
	uint64_t mapped_chunks, mapped_bytes;
	struct err *err;
};

static enum resident_line block_line(uint32_t state)
{
	switch (STATE_KIND(state)) {
	case BLOCK_FREE:
	case BLOCK_UNSEEN:
		return RESIDENT_FREE_BLOCKS;
	case BLOCK_OBJECT:
		return RESIDENT_OBJECTS;
	case BLOCK_BUFFER:
	case BLOCK_WEAK:
		return RESIDENT_BUFFERS;
	case BLOCK_FREE_LIST:
		return RESIDENT_FREE_LISTS;
	case BLOCK_UNKNOWN:
		break;
	}
	return RESIDENT_UNKNOWN;
}

static void account_pool(struct account *a, const struct pymalloc_pool *pool)
{
	const struct pymalloc *pm = &a->h->pm;
	uint64_t size = pm->block_size[pool->szidx], at = pool->addr + pm->header_bytes;
	uint64_t end = pool->addr + pm->pool_bytes, sum[RESIDENT_LINES] = { 0 };
	bool whole = resident_count(a->r, pool->addr, end) == pm->pool_bytes;

	for (uint32_t i = 0; i < pool->blocks; i++, at += size) {
		enum resident_line line = block_line(a->h->state[pool->first_block + i]);

		if (whole)
			sum[line] += size;
		else
			(void)resident_claim(a->r, at, at + size, line);
	}
	for (int i = 0; whole && i < RESIDENT_LINES; i++)
		resident_add(a->r, pool->addr, sum[i], (enum resident_line)i);
	(void)resident_claim(a->r, pool->addr, pool->addr + pm->header_bytes,
			     RESIDENT_POOL_OVERHEAD);
	(void)resident_claim(a->r, at, end, RESIDENT_POOL_OVERHEAD);
}

static void account_arena(struct account *a, const struct pymalloc_arena *arena)
{
	const struct pymalloc *pm = &a->h->pm;
	uint64_t end = arena->address + a->h->total.arena_size_bytes, pool = arena->base;

	(void)resident_claim(a->r, arena->address, arena->base, RESIDENT_POOL_OVERHEAD);
	for (uint32_t i = 0; i < arena->pools; i++, pool += pm->pool_bytes) {
		uint32_t p = pymalloc_pool_of(pm, pool);

		if (p >= 2)
			account_pool(a, &pm->pools.at[p - 2]);
		else
			(void)resident_claim(a->r, pool, pool + pm->pool_bytes,
					     RESIDENT_FREE_POOLS);
	}
	(void)resident_claim(a->r, pool, end, RESIDENT_POOL_OVERHEAD);
}

/* Chunks of Python frames: mapped by the arena allocator, 16 KiB and up (3.11+, Python/pystate.c). */
static void account_chunk(struct account *a, uint64_t chunk)
{
	const struct py_layout *l = a->h->l;
	uint64_t size;

	for (uint32_t i = 0; chunk && i < STATES_MAX; i++) {
		if (!reader_u64(&a->h->r, chunk + (uint64_t)l->_PyStackChunk_size, &size) ||
		    size > FRAME_CHUNK_MAX)
			return;
		(void)resident_claim(a->r, chunk, chunk + size, RESIDENT_FRAMES);
		if (!reader_u64(&a->h->r, chunk + (uint64_t)l->_PyStackChunk_previous, &chunk))
			return;
	}
}

static void account_frames(struct account *a)
{
	const struct py_layout *l = a->h->l;
	int32_t field[] = { l->PyThreadState_datastack_chunk,
			    l->PyThreadState_datastack_cached_chunk };
	struct mem_source *mem = &a->h->r.base;
	struct interp_iter it;
	taddr interp;

	if (l->PyThreadState_datastack_chunk < 0 || interp_iter_init(&it, a->h->py, mem, NULL) < 0)
		return;
	while (interp_next(&it, &interp, NULL) > 0) {
		struct thread_iter threads;
		struct interp_thread t;

		if (thread_iter_init(&threads, a->h->py, mem, interp, NULL) < 0)
			continue;
		while (thread_next(&threads, &t, NULL) > 0) {
			for (size_t i = 0; i < 2; i++) {
				uint64_t chunk;

				if (field[i] >= 0 &&
				    reader_u64(&a->h->r, t.tstate.v + (uint64_t)field[i], &chunk))
					account_chunk(a, chunk);
			}
		}
	}
}

/* --- the C library's heaps ---------------------------------------------------------------- */

/* Does a block of the walk begin at this address? Objects lie behind what their type puts first. */
static bool is_python(const struct heap *h, uint64_t user)
{
	for (uint64_t pre = 0; pre <= 64; pre += 8) {
		uint64_t i = map_get(&h->outside_index, user + pre, OUTSIDE_REJECTED);

		if (i == OUTSIDE_REJECTED)
			continue;
		if (i & OUTSIDE_BUFFER && (pre == 0 || pre == h->lead))
			return true;
		if (i < h->outside.len &&
		    h->lead + types_at(&h->types, h->outside.at[i].type)->pre == pre)
			return true;
	}
	return false;
}

static int python_chunk(struct account *a, uint64_t user, uint64_t bytes)
{
	uint64_t base = user & ~(HEAP_BYTES - 1);
	struct piece fresh = { .base = base };

	if (a->piece >= a->pieces.len || a->pieces.at[a->piece].base != base) {
		for (a->piece = 0; a->piece < a->pieces.len; a->piece++)
			if (a->pieces.at[a->piece].base == base)
				break;
		if (a->piece == a->pieces.len && vec_push(&a->pieces, fresh) < 0)
			return err_nomem(a->err);
	}
	a->pieces.at[a->piece].chunks++;
	a->pieces.at[a->piece].bytes += bytes;
	return 0;
}

static int on_chunk(void *ctx, uint64_t user, uint64_t bytes, bool cached, bool mmapped)
{
	struct account *a = ctx;
	bool python = !cached && is_python(a->h, user);
	enum resident_line line =
		cached	? RESIDENT_MALLOC_CACHED :
		mmapped ? (python ? RESIDENT_MAPPED_PYTHON : RESIDENT_MAPPED_OTHER) :
		python	? RESIDENT_LARGE :
			  RESIDENT_MALLOC_USED;

	(void)resident_claim(a->r, user - CHUNK_HEAD, user - CHUNK_HEAD + bytes, line);
	if (python && mmapped) {
		a->mapped_chunks++;
		a->mapped_bytes += bytes;
	}
	return python && !mmapped ? python_chunk(a, user, bytes) : 0;
}

/* What no chunk of a heap claimed is free: bins, top, heads of heaps. */
static void account_ranges(struct account *a, const struct glibc_heap *g)
{
	for (size_t i = 0; i < g->nranges; i++)
		(void)resident_claim(a->r, g->ranges[i].start, g->ranges[i].end,
				     RESIDENT_MALLOC_FREE);
	resident_heaps_done(a->r);
}

/* To which arena a piece belongs: heaps begin with a pointer to it (struct heap_info, ar_ptr). */
static void python_of(struct account *a, const struct glibc_heap *g, struct fact_heap_malloc *f)
{
	for (size_t i = 0; i < a->pieces.len; i++) {
		const struct piece *p = &a->pieces.at[i];
		uint64_t owner = 0;
		bool mine = f->main;

		if (!reader_u64(&a->h->r, p->base, &owner))
			owner = 0;
		for (size_t k = 0; k < g->narenas; k++)
			if (!g->arenas[k].main && g->arenas[k].addr.v == owner)
				mine = owner == f->addr;
		f->python_chunks += mine ? p->chunks : 0;
		f->python_bytes += mine ? p->bytes : 0;
	}
}

static int push_mallocs(struct account *a, const struct glibc_heap *g, const struct fact_sink *sink)
{
	struct fact_heap_malloc mapped = { .mmapped = true,
					   .system_bytes = g->mmapped_bytes,
					   .used_chunks = g->mmapped_chunks,
					   .used_bytes = g->mmapped_bytes,
					   .python_chunks = a->mapped_chunks,
					   .python_bytes = a->mapped_bytes };
	int code = 0;

	for (size_t i = 0; code == 0 && sink->heap_malloc && i < g->narenas; i++) {
		const struct glibc_arena *x = &g->arenas[i];
		struct fact_heap_malloc f = { .addr = x->addr.v,
					      .main = x->main,
					      .heaps = x->heaps,
					      .system_bytes = x->system_bytes,
					      .used_chunks = x->used_chunks,
					      .used_bytes = x->used_bytes,
					      .cached_bytes = x->cached_bytes,
					      .free_chunks = x->free_chunks + x->fast_chunks,
					      .free_bytes = x->free_bytes + x->fast_bytes,
					      .top_bytes = x->top_bytes,
					      .largest_free_bytes = x->largest_free_bytes,
					      .trimmable_bytes = x->whole_page_free_bytes,
					      .torn = x->torn };

		python_of(a, g, &f);
		code = sink->heap_malloc(sink->ctx, &f, a->err);
	}
	if (code == 0 && sink->heap_malloc && mapped.used_chunks)
		code = sink->heap_malloc(sink->ctx, &mapped, a->err);
	return code;
}

static int by_start(const void *x, const void *y)
{
	const struct glibc_range *a = x, *b = y;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Memory in which no malloc block is to be looked for. */
static int skip_ranges(const struct account *a, const struct maps *maps,
		       const struct account_threads *t, struct glibc_range **ret, size_t *ret_count)
{
	const struct pymalloc *pm = &a->h->pm;
	struct glibc_range *list = calloc(pm->arenas.len + t->count + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return err_nomem(a->err);
	for (size_t i = 0; i < pm->arenas.len; i++)
		list[n++] = (struct glibc_range){ pm->arenas.at[i].address,
						  pm->arenas.at[i].address +
							  a->h->total.arena_size_bytes };
	for (size_t i = 0; i < t->count; i++) {
		const struct map_range *m = maps_find(maps, (taddr){ t->sp[i] });

		if (m)
			list[n++] = (struct glibc_range){ m->start, m->end };
	}
	if (n)
		qsort(list, n, sizeof(*list), by_start);
	*ret = list;
	*ret_count = n;
	return 0;
}

static int account_malloc(struct account *a, struct mem_source *mem, const struct maps *maps,
			  const struct account_threads *threads, const struct fact_sink *sink)
{
	struct glibc_visit visit = { a, on_chunk };
	struct glibc_range *skip = NULL;
	struct glibc_heap g = { 0 };
	size_t n = 0;
	int code = skip_ranges(a, maps, threads, &skip, &n);

	if (code < 0)
		return code;
	code = glibc_walk(mem, maps, skip, n, &visit, &g, a->err);
	free(skip);
	if (code == 0 && g.found)
		account_ranges(a, &g);
	if (code == 0 && g.found)
		code = push_mallocs(a, &g, sink);
	glibc_heap_deinit(&g);
	return code;
}

int account_heap(struct resident *r, struct heap *h, struct mem_source *mem,
		 const struct maps *maps, const struct account_threads *threads,
		 const struct fact_sink *sink, struct err *err)
{
	struct account a = { .r = r, .h = h, .err = err };
	int code;

	resident_python(r, h->py->obj_start, h->py->obj_end);
	for (size_t i = 0; i < threads->count; i++)
		resident_rest(r, threads->sp[i], RESIDENT_STACKS);
	for (size_t i = 0; i < h->pm.arenas.len; i++)
		account_arena(&a, &h->pm.arenas.at[i]);
	account_frames(&a);
	code = account_malloc(&a, mem, maps, threads, sink);
	vec_deinit(&a.pieces);
	return code;
}
