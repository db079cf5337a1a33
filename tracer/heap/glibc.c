/* SPDX-License-Identifier: MIT */
/*
 * main_arena is recognised by its 127 bins, which are circular lists through the arena itself;
 * everything else follows from it. Offsets behind the bins are the same in both layouts
 * (binmap +2032, next +2048, system_mem +2072); only what lies before them differs.
 */
#include "tracer/heap/glibc.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/own.h"
#include "base/vec.h"
#include "tracer/heap/glibc_tcache.h"

#define BINS 127
#define BINS_TOP (-16) /* of `top`, relative to bins[] */
#define BINS_NEXT 2048
#define BINS_SYSTEM 2072
#define FAST_BINS 10
#define STATE_OLD_BINS 112 /* bins[] inside struct malloc_state, ≤ 2.42 */
#define STATE_NEW_BINS 24  /* 2.43 */
#define STATE_OLD_BYTES 2200
#define STATE_NEW_BYTES 2112
#define HEAP_MAX (64ull << 20)
#define CHUNK_MIN 32
#define PAGE 4096ull
#define SCAN_MAX (4u << 20)
#define ARENAS_MAX 4096
#define HEAPS_MAX 65536
#define FAST_MAX (1u << 24) /* chunks in fast bins, of all arenas */
#define EMPTY_BINS_MIN 24
#define IDLE_MAX (64ull << 20) /* of one mapping without a block: it is not malloc's */

struct walk {
	struct mem_source *mem;
	const struct maps *maps;
	const struct glibc_visit *visit;
	struct glibc_window win;
	struct map fast; /* chunk address → 1 */
	struct map heaps; /* of arenas other than main: address → 1 */
	struct glibc_tcache tcache;
	uint64_t state_bins, state_bytes;
	struct VEC(struct glibc_arena) arenas;
	struct VEC(struct glibc_range) ranges;
	const struct glibc_range *skip;
	size_t nskip;
};

static bool is_libc(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return strcmp(base, "libc.so.6") == 0 || strncmp(base, "libc-2.", 7) == 0;
}

static bool writable(const struct maps *maps, uint64_t addr)
{
	const struct map_range *r = maps_find(maps, taddr_of(addr));

	return r && r->flags & MAP_W;
}

/* Do the 127 pairs of words at `bins` (target address `at`) look like malloc's bins? */
static bool looks_like_bins(struct walk *w, const uint64_t *bins, uint64_t at)
{
	int empty = 0;

	for (int i = 0; i < BINS; i++)
		empty += bins[2 * i] == at + 16 * (uint64_t)i - 16 && bins[2 * i] == bins[2 * i + 1];
	if (empty < EMPTY_BINS_MIN)
		return false;
	for (int i = 0; i < BINS; i++) {
		uint64_t self = at + 16 * (uint64_t)i - 16, bk;

		if (bins[2 * i] == self)
			continue;
		if (bins[2 * i] & 15 || mem_u64(w->mem, taddr_of(bins[2 * i] + 24), &bk, NULL) < 0 ||
		    bk != self)
			return false;
	}
	return true;
}

/* Address of main_arena's bins inside one copied piece of libc's data, or 0. */
static uint64_t scan_piece(struct walk *w, const uint64_t *word, size_t n, uint64_t at)
{
	for (size_t i = 2; i + 2 * BINS + 8 < n; i++) {
		uint64_t top = word[i - 2];

		if (top & 15 || top < PAGE || !writable(w->maps, top))
			continue;
		if (looks_like_bins(w, word + i, at + 8 * i))
			return at + 8 * i;
	}
	return 0;
}

static int find_bins(struct walk *w, uint64_t *ret, struct err *err)
{
	*ret = 0;
	for (size_t i = 0; i < w->maps->count && !*ret; i++) {
		const struct map_range *r = &w->maps->ranges[i];
		size_t n = (size_t)(r->end - r->start);
		AUTO_FREE uint64_t *copy = NULL;
		int64_t got;

		if (!(r->flags & MAP_W) || !is_libc(r->path) || n > SCAN_MAX)
			continue;
		copy = malloc(n);
		if (!copy)
			return err_nomem(err);
		got = mem_read_some(w->mem, taddr_of(r->start), copy, n);
		if (got == ERR_GONE)
			return err_set(err, ERR_GONE, "the target is gone");
		if (got > 0)
			*ret = scan_piece(w, copy, (size_t)got / 8, r->start);
	}
	return 0;
}

static int note_torn(struct glibc_arena *a, uint64_t at)
{
	if (a->torn++ == 0)
		a->first_torn = taddr_of(at);
	return 0;
}

/* Pages malloc_trim(0) gives back from a free chunk (malloc.c, mtrim, since 2.8). */
static uint64_t whole_pages(uint64_t chunk, uint64_t bytes)
{
	uint64_t first = (chunk + 48 + PAGE - 1) & ~(PAGE - 1);

	return first < chunk + bytes ? (chunk + bytes - first) & ~(PAGE - 1) : 0;
}

static int visit(struct walk *w, uint64_t chunk, uint64_t bytes, bool cached, bool mmapped)
{
	return w->visit ? w->visit->chunk(w->visit->ctx, chunk + 16, bytes, cached, mmapped) : 0;
}

static int count_chunk(struct walk *w, struct glibc_arena *a, uint64_t p, uint64_t bytes, bool used)
{
	uint64_t key;

	if (!used) {
		a->free_chunks++;
		a->free_bytes += bytes;
		a->whole_page_free_bytes += whole_pages(p, bytes);
		if (bytes > a->largest_free_bytes)
			a->largest_free_bytes = bytes;
		return 0;
	}
	if (map_has(&w->fast, p)) {
		a->fast_chunks++;
		a->fast_bytes += bytes;
		return 0;
	}
	if (w->tcache.known && bytes <= w->tcache.max_bytes &&
	    glibc_window_u64(&w->win, p + 24, &key) && key == w->tcache.key) {
		a->cached_chunks++;
		a->cached_bytes += bytes;
		return visit(w, p, bytes, true, false);
	}
	a->used_chunks++;
	a->used_bytes += bytes;
	return visit(w, p, bytes, false, false);
}

/* Chunks from p to `top` or, in an older heap of an arena, to the fence post before `end`. */
static int walk_chunks(struct walk *w, struct glibc_arena *a, uint64_t p, uint64_t end, uint64_t top)
{
	while (p + 16 <= end) {
		uint64_t word, next, bytes;
		int r;

		if (!glibc_window_u64(&w->win, p + 8, &word))
			return note_torn(a, p);
		bytes = word & ~7ull;
		if (p == top) {
			a->top_bytes = bytes;
			a->walked_bytes += bytes;
			if (bytes > CHUNK_MIN + 1)
				a->whole_page_free_bytes += (bytes - CHUNK_MIN - 1) & ~(PAGE - 1);
			return bytes > end - p ? note_torn(a, p) : 0;
		}
		if (bytes < CHUNK_MIN && (top < p || top >= end)) {
			a->walked_bytes += end - p; /* fence post (sysmalloc, "MINSIZE" foot) */
			return 0;
		}
		if (bytes < CHUNK_MIN || bytes & 15 || bytes > end - p ||
		    !glibc_window_u64(&w->win, p + bytes + 8, &next))
			return note_torn(a, p);
		r = count_chunk(w, a, p, bytes, next & 1);
		if (r < 0)
			return r;
		a->walked_bytes += bytes;
		p += bytes;
	}
	return 0;
}

static int collect_fast(struct walk *w, uint64_t state, struct err *err)
{
	if (w->state_bins != STATE_OLD_BINS)
		return 0;
	for (int i = 0; i < FAST_BINS; i++) {
		uint64_t p;

		if (mem_u64(w->mem, taddr_of(state + 16 + 8 * (uint64_t)i), &p, NULL) < 0)
			continue;
		while (p && !(p & 15) && w->fast.len < FAST_MAX && !map_has(&w->fast, p)) {
			uint64_t stored;

			if (map_set(&w->fast, p, 1) < 0)
				return err_nomem(err);
			if (mem_u64(w->mem, taddr_of(p + 16), &stored, NULL) < 0)
				break;
			/* safe-linking since 2.32: next is stored ^ (position >> 12) */
			p = writable(w->maps, stored) ? stored : stored ^ ((p + 16) >> 12);
		}
	}
	return 0;
}

static int add_range(struct walk *w, uint64_t start, uint64_t end, struct err *err)
{
	return vec_push(&w->ranges, ((struct glibc_range){ start, end })) < 0 ? err_nomem(err) : 0;
}

/* The brk heap, from the start of [heap] to the end of top. */
static int walk_main(struct walk *w, struct glibc_arena *a, uint64_t top, struct err *err)
{
	uint64_t start = 0, end = 0;
	int r;

	for (size_t i = 0; i < w->maps->count; i++) {
		const struct map_range *m = &w->maps->ranges[i];

		if (strcmp(m->path, "[heap]") == 0) {
			start = start ? start : m->start;
			end = m->end;
		}
	}
	if (!start) { /* a core has no names: the writable range that holds top */
		const struct map_range *m = maps_find(w->maps, taddr_of(top));

		start = m ? m->start : 0;
		end = m ? m->end : 0;
	}
	if (!start || top < start || top >= end)
		return note_torn(a, top);
	a->heaps = 1;
	r = add_range(w, start, end, err);
	return r < 0 ? r : walk_chunks(w, a, start, end, top);
}

/* Other arenas: a chain of aligned heaps, newest first, each with {ar_ptr, prev, size, …}. */
static int walk_heaps(struct walk *w, struct glibc_arena *a, uint64_t top, struct err *err)
{
	uint64_t heap = top & ~(HEAP_MAX - 1);

	while (heap && w->ranges.len < HEAPS_MAX) {
		uint64_t ar, prev, size, from, word;
		bool fresh;
		int r;

		if (!map_add(&w->heaps, heap, 1, &fresh))
			return err_nomem(err);
		if (!fresh || heap & (HEAP_MAX - 1)) /* a ring; or heaps that overlap */
			return note_torn(a, heap);
		if (mem_u64(w->mem, taddr_of(heap), &ar, NULL) < 0 || ar != a->addr.v ||
		    mem_u64(w->mem, taddr_of(heap + 8), &prev, NULL) < 0 ||
		    mem_u64(w->mem, taddr_of(heap + 16), &size, NULL) < 0 || size > HEAP_MAX)
			return note_torn(a, heap);
		a->heaps++;
		if (heap == (a->addr.v & ~(HEAP_MAX - 1))) {
			from = a->addr.v + w->state_bytes;
		} else { /* heap_info is 48 bytes since 2.35 (pagesize), 32 before */
			from = heap + 48;
			if (mem_u64(w->mem, taddr_of(heap + 32), &word, NULL) == 0 && word != PAGE)
				from = heap + 32;
		}
		from = (from + 15) & ~15ull;
		a->walked_bytes += from - heap;
		r = add_range(w, heap, heap + size, err);
		if (r < 0)
			return r;
		r = walk_chunks(w, a, from, heap + size, top);
		if (r < 0)
			return r;
		heap = prev;
	}
	return 0;
}

static int walk_arena(struct walk *w, uint64_t state, bool is_main, struct err *err)
{
	struct glibc_arena a = { .addr = taddr_of(state), .main = is_main };
	uint64_t bins = state + w->state_bins, top;
	int r;

	if (mem_u64(w->mem, taddr_of(bins + BINS_TOP), &top, NULL) < 0 ||
	    mem_u64(w->mem, taddr_of(bins + BINS_SYSTEM), &a.system_bytes, NULL) < 0) {
		note_torn(&a, state);
		return vec_push(&w->arenas, a) < 0 ? err_nomem(err) : 0;
	}
	r = collect_fast(w, state, err);
	if (r < 0)
		return r;
	r = is_main ? walk_main(w, &a, top, err) : walk_heaps(w, &a, top, err);
	if (r < 0)
		return r;
	return vec_push(&w->arenas, a) < 0 ? err_nomem(err) : 0;
}

/* ranges sorted by address */
static const struct glibc_range *range_at(const struct glibc_range *r, size_t n, uint64_t addr)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && r[lo].start <= addr ? &r[lo] : NULL;
}

/*
 * The block at a page, if it has a mapping of its own: {0, size | IS_MMAPPED}. size is the whole
 * mapping, since 2.43 without the last 16 bytes. memalign'ed ones start elsewhere and are missed.
 */
static uint64_t mmapped_bytes(struct walk *w, uint64_t p, uint64_t end)
{
	uint64_t prev, word, bytes;

	if (!glibc_window_u64(&w->win, p, &prev) || prev != 0 ||
	    !glibc_window_u64(&w->win, p + 8, &word) || (word & 7) != 2)
		return 0;
	bytes = word & ~7ull;
	if (bytes % PAGE == PAGE - 16)
		bytes += 16;
	return bytes % PAGE == 0 && bytes <= end - p ? bytes : 0;
}

/*
 * Neighbours are merged by the kernel, with other mappings too: look at every page of [from, to).
 * A block may go on in the mappings behind, up to run_end: madvise splits them (numpy asks for
 * huge pages from the second page on). *ret_after is where the last block ends.
 */
static int walk_mmapped_range(struct walk *w, struct glibc_heap *h, uint64_t from, uint64_t to,
			      uint64_t run_end, uint64_t *ret_after)
{
	uint64_t idle = 0;

	for (uint64_t p = from; p + PAGE <= to && idle < IDLE_MAX;) {
		uint64_t bytes;
		const struct glibc_range *skip = range_at(w->skip, w->nskip, p);

		if (skip) {
			p = (skip->end + PAGE - 1) & ~(PAGE - 1);
			continue;
		}
		bytes = mmapped_bytes(w, p, run_end);
		if (bytes) {
			int r = visit(w, p, bytes, false, true);

			if (r < 0)
				return r;
			h->mmapped_chunks++;
			h->mmapped_bytes += bytes;
			*ret_after = p + bytes;
		}
		idle = bytes ? 0 : idle + PAGE;
		p += bytes ? bytes : PAGE;
	}
	return 0;
}

/* Private anonymous memory that is no heap of an arena. */
static bool may_be_mmapped(const struct walk *w, const struct map_range *m)
{
	return (m->flags & (MAP_R | MAP_W | MAP_X | MAP_SHARED_MAP)) == (MAP_R | MAP_W) &&
	       !m->path[0] && !range_at(w->ranges.at, w->ranges.len, m->start);
}

static int walk_mmapped(struct walk *w, struct glibc_heap *h)
{
	uint64_t after = 0;
	size_t run = 0; /* first range behind those that follow each other without a gap */

	for (size_t i = 0; i < w->maps->count; i++) {
		const struct map_range *m = &w->maps->ranges[i];
		int r;

		if (!may_be_mmapped(w, m))
			continue;
		for (run = run > i ? run : i + 1; run < w->maps->count; run++)
			if (m[run - i].start != m[run - i - 1].end || !may_be_mmapped(w, &m[run - i]))
				break;
		r = walk_mmapped_range(w, h, m->start > after ? m->start : after, m->end,
				       m[run - i - 1].end, &after);
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct glibc_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int walk_all(struct walk *w, uint64_t main_state, struct err *err)
{
	uint64_t state = main_state, next;

	for (size_t i = 0; i < ARENAS_MAX; i++) {
		int r = walk_arena(w, state, i == 0, err);

		if (r < 0)
			return r;
		if (mem_u64(w->mem, taddr_of(state + w->state_bins + BINS_NEXT), &next, NULL) < 0 ||
		    next == main_state || !next || next & 7)
			return 0;
		state = next;
	}
	return 0;
}

static void walk_deinit(struct walk *w)
{
	glibc_window_deinit(&w->win);
	map_deinit(&w->fast);
	map_deinit(&w->heaps);
	vec_deinit(&w->arenas);
	vec_deinit(&w->ranges);
}

static const char *why_missing(const struct maps *maps)
{
	bool libc = false, musl = false;

	for (size_t i = 0; i < maps->count; i++) {
		libc |= is_libc(maps->ranges[i].path);
		musl |= strstr(maps->ranges[i].path, "ld-musl") != NULL;
	}
	return musl ? "the target uses musl libc" :
	       libc ? "malloc's arenas have an unknown layout" :
		      "no glibc is mapped";
}

/* Which of the two layouts: the ring of arenas must lead back to the arena's own start. */
static bool choose_layout(struct walk *w, uint64_t bins)
{
	static const uint64_t layouts[][2] = { { STATE_OLD_BINS, STATE_OLD_BYTES },
					       { STATE_NEW_BINS, STATE_NEW_BYTES } };

	for (size_t i = 0; i < 2; i++) {
		uint64_t state = bins - layouts[i][0], at = state;

		for (size_t n = 0; n < ARENAS_MAX; n++) {
			if (mem_u64(w->mem, taddr_of(at + layouts[i][0] + BINS_NEXT), &at, NULL) < 0 || !at)
				break;
			if (at == state) {
				w->state_bins = layouts[i][0];
				w->state_bytes = layouts[i][1];
				return true;
			}
		}
	}
	return false;
}

int glibc_walk(struct mem_source *mem, const struct maps *maps, const struct glibc_range *skip,
	       size_t nskip, const struct glibc_visit *visit, struct glibc_heap *ret,
	       struct err *err)
{
	AUTO(walk_deinit) struct walk w = { .mem = mem, .maps = maps, .visit = visit, .skip = skip,
					    .nskip = nskip };
	struct glibc_heap h = { 0 };
	uint64_t bins, top;
	int r;

	r = glibc_window_init(&w.win, mem, err);
	if (r < 0)
		return r;
	r = find_bins(&w, &bins, err);
	if (r < 0)
		return r;
	if (!bins || !choose_layout(&w, bins)) {
		h.why = why_missing(maps);
		*ret = h;
		return 0;
	}
	if (mem_u64(mem, taddr_of(bins + BINS_TOP), &top, NULL) == 0)
		glibc_tcache_learn(&w.tcache, &w.win, maps, top);
	r = walk_all(&w, bins - w.state_bins, err);
	if (r < 0)
		return r;
	if (w.ranges.len)
		qsort(w.ranges.at, w.ranges.len, sizeof *w.ranges.at, by_start);
	r = walk_mmapped(&w, &h);
	if (r < 0)
		return r;
	h.found = true;
	h.tcache_known = w.tcache.known;
	h.narenas = w.arenas.len;
	h.arenas = TAKE(w.arenas.at);
	h.nranges = w.ranges.len;
	h.ranges = TAKE(w.ranges.at);
	*ret = h;
	return 0;
}

void glibc_heap_deinit(struct glibc_heap *h)
{
	free(h->arenas);
	free(h->ranges);
	*h = (struct glibc_heap){ 0 };
}
