/* SPDX-License-Identifier: MIT */
/*
 * struct tcache_perthread_struct: 2.30 to 2.42 u16 counts[64] then entry *[64], the first chunk
 * of the heap (0x290); 2.43 u16 num_slots[76] then entry *[76], a later chunk (0x300).
 */
#include "tracer/heap/glibc_tcache.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"

#define WINDOW_BYTES (1u << 20)
#define LEARN_CHUNKS 4096

int glibc_window_init(struct glibc_window *w, struct mem_source *mem, struct err *err)
{
	*w = (struct glibc_window){ .mem = mem, .bytes = malloc(WINDOW_BYTES) };
	return w->bytes ? 0 : err_nomem(err);
}

void glibc_window_deinit(struct glibc_window *w)
{
	free(w->bytes);
	w->bytes = NULL;
}

bool glibc_window_u64(struct glibc_window *w, uint64_t addr, uint64_t *ret)
{
	if (addr < w->start || addr + 8 > w->end || addr + 8 < addr) {
		int64_t got = mem_read_some(w->mem, taddr_of(addr), w->bytes, WINDOW_BYTES);

		if (got < 8) {
			w->start = w->end = 0;
			return false;
		}
		w->start = addr;
		w->end = addr + (uint64_t)got;
	}
	memcpy(ret, w->bytes + (addr - w->start), 8);
	return true;
}

static bool in_heap(const struct map_range *heap, uint64_t addr)
{
	return addr >= heap->start && addr + 16 <= heap->end && addr % 16 == 0;
}

/* All cached blocks share their second word; at least one must be there. */
static bool try_entries(struct glibc_tcache *t, struct mem_source *mem, const struct map_range *heap,
			uint64_t entries, unsigned n)
{
	uint64_t entry[76], key = 0;

	if (mem_read(mem, taddr_of(entries), entry, n * 8, NULL) < 0)
		return false;
	for (unsigned i = 0; i < n; i++) {
		uint64_t second;

		if (!entry[i])
			continue;
		if (!in_heap(heap, entry[i]) ||
		    mem_u64(mem, taddr_of(entry[i] + 8), &second, NULL) < 0 || second == 0 ||
		    (key && second != key))
			return false;
		key = second;
	}
	if (!key || key >> 32 == 0 || maps_find(&(struct maps){ (struct map_range *)heap, 1, NULL },
						 taddr_of(key)))
		return false;
	t->known = true;
	t->key = key;
	t->max_bytes = n == 64 ? 64 * 16 + 16 : 1ull << 22;
	return true;
}

void glibc_tcache_learn(struct glibc_tcache *t, struct glibc_window *w, const struct maps *maps,
			uint64_t top)
{
	const struct map_range *heap = maps_find(maps, taddr_of(top));
	uint64_t p, word;

	if (!heap)
		return;
	p = heap->start;
	for (unsigned i = 0; i < LEARN_CHUNKS && p < top; i++) {
		if (!glibc_window_u64(w, p + 8, &word) || (word & ~7ull) < 32)
			return;
		if ((word & ~7ull) == 0x290 && try_entries(t, w->mem, heap, p + 16 + 128, 64))
			return;
		if ((word & ~7ull) == 0x300 && try_entries(t, w->mem, heap, p + 16 + 152, 76))
			return;
		p += word & ~7ull;
	}
}
