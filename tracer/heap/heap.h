/* SPDX-License-Identifier: MIT */
/*
 * The walk's private state, shared by its parts: block states, objects outside the arenas,
 * ranges of writable memory, sums. Nothing outside this folder includes it.
 */
#ifndef PYMEMPROF_TRACER_HEAP_HEAP_H
#define PYMEMPROF_TRACER_HEAP_HEAP_H

#include "base/map.h"
#include "tracer/heap/gclist.h"
#include "tracer/heap/pymalloc.h"
#include "tracer/heap/types.h"
#include "tracer/heap_facts.h"
#include "tracer/process/maps.h"

/* What is known of one block: kind in bits 28–31, buffer kind in 24–27, type in 0–23. */
enum block_kind {
	BLOCK_UNSEEN = 0,
	BLOCK_FREE,
	BLOCK_OBJECT,
	BLOCK_BUFFER,
	BLOCK_WEAK, /* reached from C data of its owner */
	BLOCK_FREE_LIST,
	BLOCK_UNKNOWN, /* handed out, looked at, no object */
};

enum buffer_kind {
	BUFFER_ITEMS = 0,
	BUFFER_KEYS,
	BUFFER_SHARED_KEYS,
	BUFFER_VALUES,
	BUFFER_TABLE,
	BUFFER_TEXT,
	BUFFER_BYTES,
	BUFFER_NODES,
	BUFFER_STATE,
	BUFFER_CODE,
	BUFFER_TYPE,
	BUFFER_FRAME,
	BUFFER_ARRAY,
	BUFFER_OTHER,
	BUFFER_KINDS,
};

#define STATE(kind, sub, type) ((uint32_t)(kind) << 28 | (uint32_t)(sub) << 24 | (uint32_t)(type))
#define STATE_KIND(s) ((enum block_kind)((s) >> 28))
#define STATE_SUB(s) ((enum buffer_kind)((s) >> 24 & 15))
#define STATE_TYPE(s) ((s) & 0xffffff)

/* An object outside the arenas: malloc'ed because it is large, or in a mapped file. */
struct outside {
	uint64_t addr;
	uint64_t block_bytes; /* with the allocator's own word when it can be seen */
	uint32_t type;
	uint32_t gc_next; /* as heap.gc_next */
	bool is_static;
};

/* Values of heap.outside_index: an index into heap.outside, a buffer with its owner, or nothing. */
#define OUTSIDE_REJECTED UINT64_MAX
#define OUTSIDE_BUFFER (UINT64_C(1) << 62) /* | the owner's type */

/* Memory that can hold objects. */
struct zone {
	uint64_t start, end;
	bool is_static; /* file-backed, or the bss behind it */
	const char *path; /* of the file; "" */
};

struct claim_queue VEC(struct claim_late { uint64_t addr; uint64_t bytes; uint32_t owner; });

struct heap {
	struct reader r;
	const struct py *py;
	const struct py_layout *l;
	struct pymalloc pm;
	struct gclists gcs;
	struct types types;

	uint32_t *state;   /* one word per block of the used pools */
	uint32_t *gc_next; /* per block: 0 untracked, 1 elsewhere, else block index + 2 */
	uint32_t lead, trail; /* of PYTHONMALLOC=debug: bytes around every request */

	struct zones VEC(struct zone) zones;
	uint64_t low, high; /* of zones */
	size_t zone_hint;
	uint64_t *boring; /* direct-mapped: addresses known not to be of interest */

	struct VEC(struct outside) outside;
	struct map outside_index;
	size_t outside_done;
	struct claim_queue cdata; /* C data outside the arenas: may lead to blocks of its owner */
	struct claim_queue scans; /* buffers outside the arenas whose words are still to be read */

	const uint8_t *window; /* local copy of the arena being scanned */
	uint64_t window_at, window_bytes;
	uint32_t pool_now; /* pools before it have been scanned */

	struct VEC(struct overridden { uint64_t block; uint32_t type; }) overridden;

	struct map dict_owner; /* __dict__ objects still to be visited, by address: instances' type */
	bool measuring;	   /* claims are added up here instead of being made */
	uint64_t measured;

	const struct heap_sites *sites; /* NULL: nobody knows any */
	struct fact_heap total;
	struct VEC(struct fact_heap_free_list) free_lists;
	bool cycles_known;
	uint64_t unreachable, unreachable_bytes;
	bool nomem;
};

#define BORING 8192

static inline bool heap_boring(const struct heap *h, uint64_t addr)
{
	return h->boring[(addr >> 3 ^ addr >> 15) & (BORING - 1)] == addr;
}

static inline void heap_bore(struct heap *h, uint64_t addr)
{
	h->boring[(addr >> 3 ^ addr >> 15) & (BORING - 1)] = addr;
}

/* n bytes at addr from the window when they lie in it, else through the reader. */
static inline bool heap_get(struct heap *h, uint64_t addr, void *buf, size_t n)
{
	if (addr - h->window_at < h->window_bytes && addr - h->window_at + n <= h->window_bytes) {
		if (!reader_spend(&h->r, n))
			return false;
		__builtin_memcpy(buf, h->window + (addr - h->window_at), n);
		return true;
	}
	return reader_get(&h->r, addr, buf, n);
}

static inline bool heap_u64(struct heap *h, uint64_t addr, uint64_t *ret)
{
	uint8_t b[8];

	if (!heap_get(h, addr, b, sizeof(b)))
		return false;
	*ret = le64(b);
	return true;
}

static inline void heap_torn(struct heap *h, uint64_t addr)
{
	if (!h->total.torn++)
		h->total.first_torn = addr;
}

/* The zone holding addr, or NULL. */
const struct zone *heap_zone(struct heap *h, uint64_t addr);

#endif
