/* SPDX-License-Identifier: MIT */
/*
 * Candidates are judged by their header: a known type, a sane reference count, a size that
 * fits. Freed memory fails the test, since a dead object's count is zero and glibc writes its
 * links over type and count (malloc/malloc.c).
 */
#include "tracer/heap/outside.h"

#include <elf.h>
#include <string.h>

#include "tracer/heap/object.h"
#include "tracer/heap/owner.h"

#define PIECE_BYTES (1u << 18)
#define HEAD_BYTES 1024
#define CANDIDATES_MAX (1u << 24)
#define ZONE_IMAGE_MAX (UINT64_C(1) << 32)
#define SCAN_MAX (UINT64_C(1) << 40)

const struct zone *heap_zone(struct heap *h, uint64_t addr)
{
	size_t low = 0, high = h->zones.len;
	const struct zone *z;

	if (!high)
		return NULL;
	z = &h->zones.at[h->zone_hint];
	if (addr >= z->start && addr < z->end)
		return z;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (h->zones.at[mid].start <= addr)
			low = mid;
		else
			high = mid;
	}
	z = &h->zones.at[low];
	if (addr < z->start || addr >= z->end)
		return NULL;
	h->zone_hint = low;
	return z;
}

/*
 * Where the writable segments of the ELF file mapped at `start` end, bss included: its program
 * headers are in memory (ELF-64). 0 when there are none to be read.
 */
static uint64_t image_end(struct heap *h, uint64_t start)
{
	Elf64_Ehdr e;
	Elf64_Phdr p;
	uint64_t low = UINT64_MAX, high = 0;

	if (!reader_get(&h->r, start, &e, sizeof(e)) || memcmp(e.e_ident, ELFMAG, SELFMAG) ||
	    e.e_phentsize != sizeof(p) || e.e_phnum > 64)
		return 0;
	for (uint32_t i = 0; i < e.e_phnum; i++) {
		if (!reader_get(&h->r, start + e.e_phoff + i * sizeof(p), &p, sizeof(p)))
			return 0;
		if (p.p_type != PT_LOAD)
			continue;
		low = p.p_vaddr < low ? p.p_vaddr : low;
		high = p.p_vaddr + p.p_memsz > high ? p.p_vaddr + p.p_memsz : high;
	}
	if (!high || high - low > ZONE_IMAGE_MAX)
		return 0;
	return (start - (low & ~UINT64_C(4095)) + high + 4095) & ~UINT64_C(4095);
}

static int zone_add(struct heap *h, uint64_t start, uint64_t end, bool is_static, const char *path)
{
	struct zone z = { .start = start, .end = end, .is_static = is_static, .path = path };
	struct zone *last = h->zones.len ? vec_last(&h->zones) : NULL;

	if (start >= end)
		return 0;
	/* madvise() splits mappings a block of malloc's lies across */
	if (last && !is_static && !last->is_static && last->end == start) {
		last->end = end;
		h->high = end > h->high ? end : h->high;
		return 0;
	}
	h->low = start < h->low ? start : h->low;
	h->high = end > h->high ? end : h->high;
	return vec_push(&h->zones, z);
}

int outside_zones(struct heap *h, const struct maps *maps, struct err *err)
{
	uint64_t image = 0, bss_end = 0;
	const char *path = "";

	h->low = UINT64_MAX;
	for (size_t i = 0; i < maps->count; i++) {
		const struct map_range *m = &maps->ranges[i];
		bool file = m->path[0] == '/';
		uint64_t split = m->start;

		if (file && strcmp(m->path, path)) {
			path = m->path;
			image = m->start;
			bss_end = 0;
		}
		if (!(m->flags & MAP_W) || !(m->flags & MAP_R) || m->flags & MAP_SHARED_MAP ||
		    !strncmp(m->path, "[stack", 6))
			continue;
		if (file) {
			bss_end = image_end(h, image);
			split = m->end;
		} else if (!*m->path && bss_end > m->start) {
			split = bss_end < m->end ? bss_end : m->end;
		}
		if (zone_add(h, m->start, split, true, path) < 0 ||
		    zone_add(h, split, m->end, false, m->path) < 0)
			return err_nomem(err);
	}
	return 0;
}

uint64_t outside_chunk(struct heap *h, uint64_t addr, uint64_t need)
{
	const struct zone *z = heap_zone(h, addr);
	uint64_t size, chunk;

	if (addr % 16 || !z || z->is_static || addr - z->start < 16 ||
	    !heap_u64(h, addr - 8, &size))
		return 0;
	chunk = size & ~UINT64_C(7);
	if (chunk % 16 || chunk < 32 || chunk < need + 8 || chunk > z->end - addr + 16)
		return 0;
	if (size & 2)
		return (addr - 16) % 4096 == 0 && chunk % 4096 == 0 ? chunk : 0;
	/* malloc rounds to 16 and may leave less than a minimal chunk; realloc may leave more */
	return need && chunk > need + need / 2 + 64 ? 0 : chunk;
}

static bool index_set(struct heap *h, uint64_t addr, uint64_t value)
{
	if (h->outside_index.len >= CANDIDATES_MAX && value == OUTSIDE_REJECTED)
		return false;
	if (map_set(&h->outside_index, addr, value) < 0) {
		h->nomem = true;
		return false;
	}
	return true;
}

/* Add what one object costs to its type. */
static void account(struct heap *h, const struct outside *o, uint64_t own, const uint8_t *head)
{
	struct heap_type *t = types_at(&h->types, o->type);
	struct heap_sums *s = &t->sum;
	uint64_t managed = t->pre - t->gc_head;

	s->immortal += object_immortal(h->l, head);
	if (o->is_static) {
		s->static_count++;
		s->static_bytes += own;
		h->total.static_objects++;
		h->total.static_bytes += own;
		return;
	}
	s->count++;
	s->large++;
	s->header += OBJECT_WORDS_AT;
	s->gc_head += t->gc_head;
	s->dict += managed + t->inline_bytes;
	s->payload += own > OBJECT_WORDS_AT + t->inline_bytes
			      ? own - OBJECT_WORDS_AT - t->inline_bytes
			      : 0;
	s->rounding += o->block_bytes - t->pre - own;
	h->total.large_blocks++;
	h->total.large_bytes += o->block_bytes;
}

/* Judge the object at addr; sure: a collector's list says it is one. */
static uint32_t object_add(struct heap *h, uint64_t addr, bool sure)
{
	const struct zone *z = heap_zone(h, addr);
	uint8_t head[HEAD_BYTES];
	struct outside o = { .addr = addr };
	const struct heap_type *t;
	uint64_t own, meta, room;
	size_t n;

	if (!z)
		return PYMALLOC_NONE;
	room = z->end - addr;
	n = room < sizeof(head) ? (size_t)room : sizeof(head);
	if (n < OBJECT_HEAD_BYTES || !reader_get(&h->r, addr, head, n) ||
	    !object_refcount_sane(h->l, head))
		return PYMALLOC_NONE;
	meta = le64(head + h->l->PyObject_ob_type);
	o.type = types_known(&h->types, meta);
	if (!o.type && meta % 8 == 0 && heap_zone(h, meta))
		o.type = types_resolve(&h->types, meta);
	if (!o.type)
		return PYMALLOC_NONE;
	o.is_static = z->is_static;
	t = types_at(&h->types, o.type);
	own = object_own_bytes(h, t, head, n);
	if (o.is_static && t->family == HEAP_TYPE)
		own = (uint64_t)h->l->PyTypeObject_sizeof;
	if (!own || own > room || !reader_holds(&h->r, own) || (!sure && !z->is_static && addr % 16))
		return PYMALLOC_NONE;
	o.block_bytes = outside_chunk(h, addr - t->pre, t->pre + own);
	if (!o.block_bytes)
		o.block_bytes = t->pre + own;
	if (h->outside.len >= PYMALLOC_NONE - 2 || vec_push(&h->outside, o) < 0) {
		h->nomem = true;
		return PYMALLOC_NONE;
	}
	account(h, &o, own, head);
	return (uint32_t)h->outside.len - 1;
}

void outside_consider_slow(struct heap *h, uint64_t addr)
{
	uint32_t index;

	if (map_has(&h->outside_index, addr)) {
		heap_bore(h, addr);
		return;
	}
	if (!heap_zone(h, addr)) {
		heap_bore(h, addr);
		return;
	}
	index = object_add(h, addr, false);
	(void)index_set(h, addr, index == PYMALLOC_NONE ? OUTSIDE_REJECTED : index);
	heap_bore(h, addr);
}

uint32_t outside_object(struct heap *h, uint64_t addr)
{
	uint64_t known = map_get(&h->outside_index, addr, OUTSIDE_REJECTED);
	uint32_t index;

	if (known < OUTSIDE_BUFFER)
		return (uint32_t)known;
	index = object_add(h, addr, true);
	if (index != PYMALLOC_NONE)
		(void)index_set(h, addr, index);
	return index;
}

static bool kind_has_references(enum buffer_kind kind)
{
	switch (kind) {
	case BUFFER_TEXT:
	case BUFFER_BYTES:
	case BUFFER_ARRAY:
		return false;
	case BUFFER_ITEMS:
	case BUFFER_KEYS:
	case BUFFER_SHARED_KEYS:
	case BUFFER_VALUES:
	case BUFFER_TABLE:
	case BUFFER_NODES:
	case BUFFER_STATE:
	case BUFFER_CODE:
	case BUFFER_TYPE:
	case BUFFER_FRAME:
	case BUFFER_OTHER:
	case BUFFER_KINDS:
		break;
	}
	return true;
}

void outside_buffer(struct heap *h, uint64_t addr, uint64_t bytes, uint64_t used, uint32_t owner,
		    enum buffer_kind kind)
{
	const struct zone *z = heap_zone(h, addr);
	struct heap_sums *s = &types_at(&h->types, owner)->sum;
	uint64_t *part = kind == BUFFER_VALUES ? &s->dict : &s->buffer;
	uint64_t known, chunk;

	if (!z || z->is_static)
		return;
	if (h->measuring) {
		chunk = outside_chunk(h, addr, bytes);
		h->measured += chunk ? chunk : bytes;
		return;
	}
	known = map_get(&h->outside_index, addr, OUTSIDE_REJECTED);
	if (known != OUTSIDE_REJECTED)
		return;
	chunk = outside_chunk(h, addr, bytes);
	if (!bytes)
		bytes = used = chunk ? chunk - 8 : 0;
	if (!bytes || bytes > z->end - addr || (used && !reader_holds(&h->r, used))) {
		if (bytes)
			heap_torn(h, addr);
		return;
	}
	if (!index_set(h, addr, OUTSIDE_BUFFER | owner))
		return;
	if (!chunk) {
		chunk = bytes;
		h->total.mapped_bytes += bytes;
	}
	*part += used < bytes ? used : bytes;
	s->slack += used < bytes ? bytes - used : 0;
	s->rounding += chunk - bytes;
	h->total.large_blocks++;
	h->total.large_bytes += chunk;
	if (kind_has_references(kind)) {
		struct claim_late late = { .addr = addr, .bytes = bytes, .owner = owner };

		if (vec_push(&h->scans, late) < 0)
			h->nomem = true;
		if ((kind == BUFFER_STATE || kind == BUFFER_OTHER || kind == BUFFER_CODE) &&
		    vec_push(&h->cdata, late) < 0)
			h->nomem = true;
	}
}

void outside_region(struct heap *h, uint64_t addr, uint64_t bytes)
{
	AUTO_FREE uint8_t *piece = NULL;

	if (!reader_holds(&h->r, bytes)) {
		heap_torn(h, addr);
		return;
	}
	piece = malloc(PIECE_BYTES);
	if (!piece) {
		h->nomem = true;
		return;
	}
	while (bytes && !h->r.gone) {
		size_t n = bytes < PIECE_BYTES ? (size_t)bytes : PIECE_BYTES;
		size_t got = reader_bulk(&h->r, addr, piece, n);

		outside_words(h, piece, got);
		if (got < n)
			break;
		addr += n;
		bytes -= n;
	}
}

/* Buffers and references of one object outside the arenas. */
static void object_contents(struct heap *h, const struct outside *o)
{
	const struct heap_type *t = types_at(&h->types, o->type);
	uint8_t bytes[64 + HEAD_BYTES];
	uint64_t from = o->addr - t->pre, own = o->block_bytes - t->pre;
	size_t n = own < HEAD_BYTES ? (size_t)own : HEAD_BYTES;
	bool leaf = t->leaf;

	if (t->pre > 64 || !reader_get(&h->r, from, bytes, t->pre + n))
		return;
	owner_buffers(h, o->type, o->addr, bytes + t->pre, n);
	if (leaf)
		return;
	outside_words(h, bytes, types_at(&h->types, o->type)->pre + n);
	if (own > n && own < SCAN_MAX)
		outside_region(h, o->addr + n, own - n);
}

void outside_drain(struct heap *h)
{
	while ((h->outside_done < h->outside.len || h->scans.len) && !h->r.gone && !h->nomem) {
		if (h->scans.len) {
			struct claim_late late = h->scans.at[--h->scans.len];

			outside_region(h, late.addr, late.bytes);
			continue;
		}
		struct outside o = h->outside.at[h->outside_done++];

		object_contents(h, &o);
	}
}
