/* SPDX-License-Identifier: MIT */
/*
 * Finding pymalloc's state by its signature: usedpools is an array of pairs, each pointing 16
 * bytes before itself or to a pool that points back (Objects/obmalloc.c, PTA macro).
 */
#include "tracer/cpython/obmalloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"

#define CLASSES_MAX 64
#define POOLS_MAX 16 /* pools remembered for the search of the arenas */
#define SEARCH_BYTES_MAX (64u << 20)
#define ARENAS_MAX (1u << 24)
#define ARENA_POOLS_MAX (1u << 16)
#define EMPTY_PROVE 1 /* pairs pointing to themselves beside aligned ones, when no pool can be read */
#define FIRST_ARENAS 16 /* the vector never has fewer entries (INITIAL_ARENA_OBJECTS) */

/* Pools met in usedpools, to recognise the arenas they lie in. */
struct pools {
	taddr pool[POOLS_MAX];
	size_t count;
	bool unreadable; /* some of them: a core file that was cut */
};

static uint32_t classes_of(const struct py_layout *l)
{
	return (uint32_t)(l->small_request_max / l->block_align);
}

/*
 * Is `pool` what pair `class` at address `pair` may point to? 1, 0, or a negative code; FAULT:
 * it cannot be read, which proves nothing (a core file may have been cut).
 */
static int pool_fits(const struct py *py, struct mem_source *mem, taddr pool, taddr pair,
		     uint32_t class)
{
	const struct py_layout *l = py->layout;
	uint32_t szidx;
	taddr prev;
	int r;

	if (pool.v % (uint64_t)l->pool_bytes || taddr_is_null(pool))
		return 0;
	r = mem_u32(mem, taddr_add(pool, l->pool_header_szidx), &szidx, NULL);
	if (r == 0)
		r = mem_ptr(mem, taddr_add(pool, l->pool_header_prevpool), &prev, NULL);
	if (r < 0)
		return r == ERR_GONE || r == ERR_FAULT ? r : 0;
	return szidx == class && taddr_eq(prev, taddr_add(pair, -2 * mem->word_bytes));
}

/* Do the words at `at` look like usedpools of this interpreter? words are copied from there. */
static int signature(const struct py *py, struct mem_source *mem, taddr at, const uint64_t *words,
		     struct pools *pools)
{
	uint32_t classes = classes_of(py->layout), unreadable = 0, empty = 0;

	pools->count = 0;
	for (uint32_t c = 0; c < classes; c++) {
		taddr pair = taddr_add(at, (int64_t)c * 2 * mem->word_bytes);
		uint64_t self = pair.v - 2u * mem->word_bytes;
		taddr pool = taddr_of(words[2 * c]);
		int r;

		if (words[2 * c] == self && words[2 * c + 1] == self) {
			empty++;
			continue;
		}
		r = pool_fits(py, mem, pool, pair, c);
		unreadable += r == ERR_FAULT;
		if (r == ERR_FAULT && words[2 * c + 1] &&
		    words[2 * c + 1] % (uint64_t)py->layout->pool_bytes == 0)
			continue;
		if (r <= 0)
			return r == ERR_FAULT ? 0 : r;
		if (pools->count < POOLS_MAX)
			pools->pool[pools->count++] = pool;
	}
	pools->unreadable = unreadable;
	return !unreadable || pools->count || empty >= EMPTY_PROVE;
}

static int signature_at(const struct py *py, struct mem_source *mem, taddr at, struct pools *pools)
{
	uint64_t words[2 * CLASSES_MAX];
	size_t n = 2u * classes_of(py->layout);

	for (size_t i = 0; i < n; i++) {
		int r = mem_word(mem, taddr_add(at, (int64_t)i * mem->word_bytes), &words[i], NULL);

		if (r < 0)
			return r == ERR_GONE ? r : 0;
	}
	return signature(py, mem, at, words, pools);
}

/* n bytes from at as words, holes as zeros. The caller frees. */
static int read_words(struct mem_source *mem, taddr at, uint64_t bytes, uint64_t **ret,
		      struct err *err)
{
	AUTO_FREE uint64_t *words = NULL;

	if (bytes > SEARCH_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "data of the interpreter is absurdly large");
	words = calloc(1, bytes + 8);
	if (!words)
		return err_nomem(err);
	for (uint64_t done = 0; done < bytes;) {
		int64_t got = mem_read_some(mem, taddr_add(at, (int64_t)done), (char *)words + done,
					    bytes - done);

		if (got < 0)
			return err_set(err, (int)got, "data of the interpreter");
		done += (uint64_t)got;
		if (done < bytes) /* pass over the unreadable page */
			done = ((at.v + done) / 4096 + 1) * 4096 - at.v;
	}
	*ret = TAKE(words);
	return 0;
}

/* Cheap test before the whole signature: does a pair begin here that may be class 0's? */
static bool may_begin(const struct py *py, const uint64_t *word, uint64_t addr)
{
	uint64_t self = addr - 16, pool = (uint64_t)py->layout->pool_bytes;

	if (word[0] == self)
		return word[1] == self;
	return word[0] && word[1] && !(word[0] % pool) && !(word[1] % pool);
}

/* Search usedpools in the object's data (statics), where it is unique. */
static int search_static(const struct py *py, struct mem_source *mem, const uint64_t *words,
			 size_t n, taddr *ret, struct pools *pools, struct err *err)
{
	size_t need = 2u * classes_of(py->layout);

	for (size_t i = 0; i + need <= n; i++) {
		uint64_t addr = py->data_start + i * 8;
		int r;

		if (!may_begin(py, &words[i], addr))
			continue;
		r = signature(py, mem, taddr_of(addr), &words[i], pools);
		if (r < 0)
			return err_set(err, r, "pymalloc's pools");
		if (r > 0) {
			*ret = taddr_of(addr);
			return 0;
		}
	}
	return err_set(err, ERR_CORRUPT, "pymalloc's usedpools not found");
}

/*
 * Does the arena_object at `slot` agree with itself, and does it hold the pool (null: any)? 1, 0,
 * GONE.
 */
static int arena_holds(const struct py *py, struct mem_source *mem, taddr slot, taddr pool)
{
	const struct py_layout *l = py->layout;
	uint32_t total, nfree;
	taddr arena, next;
	int r = mem_ptr(mem, taddr_add(slot, l->arena_object_address), &arena, NULL);

	if (r == 0)
		r = mem_ptr(mem, taddr_add(slot, l->arena_object_pool_address), &next, NULL);
	if (r == 0)
		r = mem_u32(mem, taddr_add(slot, l->arena_object_ntotalpools), &total, NULL);
	if (r == 0)
		r = mem_u32(mem, taddr_add(slot, l->arena_object_nfreepools), &nfree, NULL);
	if (r < 0)
		return r == ERR_GONE ? r : 0;
	if (taddr_is_null(pool))
		pool = arena;
	return !taddr_is_null(arena) && arena.v % 4096 == 0 && pool.v >= arena.v &&
	       pool.v - arena.v < (uint64_t)l->arena_bytes + (uint64_t)l->pool_bytes && total &&
	       total <= ARENA_POOLS_MAX && nfree <= total && next.v > pool.v &&
	       next.v - arena.v <= ((uint64_t)total + 1) * (uint64_t)l->pool_bytes;
}

/* Does a vector of arenas begin at v, as far as its first entries tell? For want of a pool. */
static int vector_begins(const struct py *py, struct mem_source *mem, uint64_t v)
{
	const struct py_layout *l = py->layout;
	int used = 0;

	for (int i = 0; i < FIRST_ARENAS; i++) {
		taddr slot = taddr_of(v + (uint64_t)i * (uint64_t)l->arena_object_sizeof), arena;
		int r = mem_ptr(mem, taddr_add(slot, l->arena_object_address), &arena, NULL);

		if (r == 0 && taddr_is_null(arena))
			continue;
		if (r == 0)
			r = arena_holds(py, mem, slot, TADDR_NULL);
		if (r <= 0)
			return r == ERR_GONE ? r : 0;
		used++;
	}
	return used > 1;
}

/* Is v the vector of arenas all these pools belong to? */
static int vector_fits(const struct py *py, struct mem_source *mem, uint64_t v,
		       const struct pools *pools)
{
	const struct py_layout *l = py->layout;

	for (size_t i = 0; i < pools->count; i++) {
		uint32_t index;
		int r = mem_u32(mem, taddr_add(pools->pool[i], l->pool_header_arenaindex), &index,
				NULL);

		if (r < 0 || index >= ARENAS_MAX)
			return r == ERR_GONE ? r : 0;
		r = arena_holds(py, mem, taddr_of(v + (uint64_t)index * (uint64_t)l->arena_object_sizeof),
				pools->pool[i]);
		if (r <= 0)
			return r;
	}
	return 1;
}

static int search_arenas(const struct py *py, struct mem_source *mem, const uint64_t *words,
			 size_t n, const struct pools *pools, taddr *ret, struct err *err)
{
	*ret = TADDR_NULL;
	for (size_t i = 0; (pools->count || pools->unreadable) && i < n; i++) {
		int r;

		if (words[i] < 4096 || words[i] % 8 || words[i] >> 56)
			continue;
		r = pools->count ? vector_fits(py, mem, words[i], pools) :
				   vector_begins(py, mem, words[i]);
		if (r < 0)
			return err_set(err, r, "pymalloc's arenas");
		if (r > 0) {
			*ret = taddr_of(py->data_start + i * 8);
			return 0;
		}
	}
	return 0;
}

/*
 * Entries of the vector by the size of the malloc chunk it lies in: glibc keeps it in the word
 * before (malloc/malloc.c); new_arena doubles the vector from 16 entries on, and a chunk is at
 * most a page larger than asked for. When that makes no sense, up to the highest index pools
 * mention: whoever walks refuses implausible entries one by one.
 */
static uint32_t vector_capacity(const struct py *py, struct mem_source *mem, taddr vector,
				const struct pools *pools)
{
	uint64_t chunk = 0, bytes, most = 0, entry = (uint64_t)py->layout->arena_object_sizeof;
	uint32_t highest = 0, index;

	for (size_t i = 0; i < pools->count; i++)
		if (mem_u32(mem, taddr_add(pools->pool[i], py->layout->pool_header_arenaindex),
			    &index, NULL) == 0 &&
		    index < ARENAS_MAX && index > highest)
			highest = index;
	if (mem_word(mem, taddr_add(vector, -8), &chunk, NULL) < 0)
		return highest + 1;
	bytes = (chunk & ~UINT64_C(7)) - 8;
	for (uint64_t n = 16; n <= ARENAS_MAX && n * entry <= bytes; n *= 2)
		most = n;
	return most > highest && bytes < 2 * most * entry + 8192 ? (uint32_t)most : highest + 1;
}

static int local_or_null(const struct py *py, const char *name, taddr *ret, struct err *err)
{
	int r = py_symbol_local(py, name, ret, err);

	if (r == 0)
		*ret = TADDR_NULL;
	return r < 0 ? r : 0;
}

static int from_symbols(const struct py *py, struct mem_source *mem, struct obmalloc *o,
			struct err *err)
{
	uint32_t max = 0;
	taddr at = TADDR_NULL;
	int r = local_or_null(py, "maxarenas", &at, err);

	if (r == 0)
		r = local_or_null(py, "narenas_currently_allocated", &o->narenas_currently_allocated,
				  err);
	if (r == 0)
		r = local_or_null(py, "ntimes_arena_allocated", &o->ntimes_arena_allocated, err);
	if (r == 0)
		r = local_or_null(py, "narenas_highwater", &o->narenas_highwater, err);
	if (r == 0)
		r = local_or_null(py, "raw_allocated_blocks", &o->raw_allocated_blocks, err);
	if (r == 0)
		r = local_or_null(py, "arena_map_root", &o->arena_map_root, err);
	if (r == 0 && !taddr_is_null(at))
		r = mem_u32(mem, at, &max, err);
	if (r == 0)
		o->maxarenas = max <= ARENAS_MAX ? max : 0;
	return r;
}

static int find_static(const struct py *py, struct mem_source *mem, struct obmalloc *o,
		       struct err *err)
{
	AUTO_FREE uint64_t *words = NULL;
	uint64_t bytes = (py->data_end - py->data_start) & ~UINT64_C(7);
	struct pools pools = { .count = 0 };
	int r = local_or_null(py, "usedpools", &o->used, err);

	if (r == 0)
		r = local_or_null(py, "arenas", &o->arenas_at, err);
	if (r == 0)
		r = from_symbols(py, mem, o, err);
	if (r == 0)
		r = read_words(mem, taddr_of(py->data_start), bytes, &words, err);
	if (r < 0)
		return r;
	if (taddr_is_null(o->used) || signature_at(py, mem, o->used, &pools) <= 0) {
		r = search_static(py, mem, words, bytes / 8, &o->used, &pools, err);
		if (r < 0)
			return r;
	}
	if (taddr_is_null(o->arenas_at))
		r = search_arenas(py, mem, words, bytes / 8, &pools, &o->arenas_at, err);
	if (r == 0 && !taddr_is_null(o->arenas_at))
		r = mem_ptr(mem, o->arenas_at, &o->arenas, err);
	if (r == 0 && !taddr_is_null(o->arenas) && !o->maxarenas)
		o->maxarenas = vector_capacity(py, mem, o->arenas, &pools);
	return r;
}

/* All places follow from the address of struct _obmalloc_state. */
static int fill_state(const struct py *py, struct mem_source *mem, taddr state, struct obmalloc *o,
		      struct err *err)
{
	const struct py_layout *l = py->layout;
	taddr mgmt = taddr_add(state, l->obmalloc_state_mgmt);
	int r;

	o->used = taddr_add(state, l->obmalloc_state_pools + l->obmalloc_pools_used);
	o->arenas_at = taddr_add(mgmt, l->obmalloc_mgmt_arenas);
	o->narenas_currently_allocated = taddr_add(mgmt, l->obmalloc_mgmt_narenas_currently_allocated);
	o->ntimes_arena_allocated = taddr_add(mgmt, l->obmalloc_mgmt_ntimes_arena_allocated);
	o->narenas_highwater = taddr_add(mgmt, l->obmalloc_mgmt_narenas_highwater);
	o->raw_allocated_blocks = taddr_add(mgmt, l->obmalloc_mgmt_raw_allocated_blocks);
	o->arena_map_root = taddr_add(state, l->obmalloc_state_usage + l->obmalloc_usage_arena_map_root);
	r = mem_ptr(mem, o->arenas_at, &o->arenas, err);
	if (r == 0)
		r = mem_u32(mem, taddr_add(mgmt, l->obmalloc_mgmt_maxarenas), &o->maxarenas, err);
	if (r == 0 && o->maxarenas > ARENAS_MAX)
		return err_set(err, ERR_CORRUPT, "pymalloc claims %u arenas", o->maxarenas);
	return r;
}

/* The state's place is not where the sheet says: look through the interpreter for it. */
static int search_interp(const struct py *py, struct mem_source *mem, taddr interp, taddr *ret,
			 struct err *err)
{
	AUTO_FREE uint64_t *words = NULL;
	uint64_t bytes = (uint64_t)py->layout->PyInterpreterState_sizeof & ~UINT64_C(7);
	bool inside = py->layout->obmalloc_home == PY_OBMALLOC_IN_INTERP;
	struct pools pools;
	int r = read_words(mem, interp, bytes, &words, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i + 2 <= bytes / 8; i++) {
		taddr state = inside ? taddr_add(interp, (int64_t)i * 8) : taddr_of(words[i]);
		uint64_t pair[2];

		if (inside) {
			memcpy(pair, &words[i], sizeof(pair));
		} else if (words[i] < 4096 || words[i] % 8 || words[i] >> 56 ||
			   mem_read(mem, state, pair, sizeof(pair), NULL) < 0) {
			continue;
		}
		if (!may_begin(py, pair, state.v))
			continue;
		r = signature_at(py, mem, state, &pools);
		if (r < 0)
			return err_set(err, r, "pymalloc's pools");
		if (r > 0) {
			*ret = state;
			return 1;
		}
	}
	return 0;
}

static int find_state(const struct py *py, struct mem_source *mem, taddr interp, taddr *ret,
		      struct err *err)
{
	const struct py_layout *l = py->layout;
	struct pools pools;
	int r = 0;

	*ret = taddr_add(interp, l->PyInterpreterState_obmalloc);
	if (l->obmalloc_home == PY_OBMALLOC_POINTER)
		r = mem_ptr(mem, *ret, ret, err);
	if (r < 0)
		return err_wrap(err, r, "interpreter");
	r = signature_at(py, mem, *ret, &pools);
	if (r < 0)
		return err_set(err, r, "pymalloc's pools");
	if (r > 0)
		return 0;
	r = search_interp(py, mem, interp, ret, err);
	if (r < 0)
		return r;
	return r > 0 ? 0 : err_set(err, ERR_CORRUPT, "pymalloc's state not found");
}

int obmalloc_find(const struct py *py, struct mem_source *mem, taddr interp, struct obmalloc *ret,
		  struct err *err)
{
	struct obmalloc o = { .classes = classes_of(py->layout) };
	taddr state;
	int r;

	if (py->layout->obmalloc_home == PY_OBMALLOC_STATIC) {
		r = find_static(py, mem, &o, err);
	} else {
		r = find_state(py, mem, interp, &state, err);
		/* 3.12: interpreters without arenas of their own leave theirs zeroed */
		if (r == ERR_CORRUPT && !taddr_eq(interp, py->main_interp))
			r = find_state(py, mem, py->main_interp, &state, err);
		if (r == 0)
			r = fill_state(py, mem, state, &o, err);
	}
	if (r < 0)
		return r;
	*ret = o;
	return 0;
}

int obmalloc_at_sheet(const struct py *py, struct mem_source *mem, taddr interp,
		      struct obmalloc *ret, struct err *err)
{
	const struct py_layout *l = py->layout;
	struct obmalloc o = { .classes = classes_of(l) };
	taddr state = taddr_add(interp, l->PyInterpreterState_obmalloc);
	int r = 0;

	if (l->obmalloc_home == PY_OBMALLOC_STATIC)
		return err_set(err, ERR_CORRUPT, "pymalloc's books are not where a sheet could say");
	if (l->obmalloc_home == PY_OBMALLOC_POINTER)
		r = mem_ptr(mem, state, &state, err);
	if (r == 0)
		r = fill_state(py, mem, state, &o, err);
	if (r == 0)
		*ret = o;
	return r;
}
