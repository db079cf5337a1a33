/* SPDX-License-Identifier: MIT */
/*
 * From the walk's tables to fact rows. Types with nothing alive, nothing static and no buffer
 * are left out; pseudo-types that own nothing too.
 */
#include <stdlib.h>
#include <string.h>

#include "tracer/heap/heap.h"
#include "tracer/heap/owner.h"
#include "tracer/heap/walk.h"

uint32_t heap_type_count(const struct heap *h)
{
	return (uint32_t)h->types.list.len - 1;
}

void heap_type_row(const struct heap *h, uint32_t type, struct fact_heap_type *ret)
{
	const struct heap_type *t = types_at(&h->types, type);
	const struct heap_sums *s = &t->sum;

	*ret = (struct fact_heap_type){
		.type = type,
		.addr = t->addr,
		.metatype = t->meta,
		.name = t->name,
		.module = t->module,
		.pseudo = !t->addr,
		.is_heap_type = t->flags & PY_TPFLAG_HEAPTYPE,
		.is_gc = t->gc_head,
		.has_dict = t->dict_offset || (t->flags & (uint32_t)h->l->flag_managed_dict),
		.has_weakrefs = t->weak_offset || (t->flags & (uint32_t)h->l->flag_managed_weakref),
		.basic_bytes = t->basic,
		.item_bytes = t->item,
		.pre_bytes = t->pre,
		.slots = t->slots,
		.count = s->count,
		.tracked = s->tracked,
		.frozen = s->frozen,
		.static_count = s->static_count,
		.static_bytes = s->static_bytes,
		.immortal_count = s->immortal,
		.large_count = s->large,
		.payload_bytes = s->payload,
		.header_bytes = s->header,
		.gc_head_bytes = s->gc_head,
		.dict_bytes = s->dict,
		.buffer_bytes = s->buffer,
		.slack_bytes = s->slack,
		.rounding_bytes = s->rounding,
		.instance_dict_bytes = s->instance_dict,
		.attributes = s->attributes,
		.bare_bytes = t->bare,
		.retained_bytes = t->retained,
	};
	ret->total_bytes = ret->payload_bytes + ret->header_bytes + ret->gc_head_bytes +
			   ret->dict_bytes + ret->buffer_bytes + ret->slack_bytes +
			   ret->rounding_bytes;
}

static bool type_shown(const struct fact_heap_type *f)
{
	return f->count || f->static_count || f->total_bytes;
}

static int push_types(struct heap *h, const struct fact_sink *sink, struct err *err)
{
	for (uint32_t i = 1; sink->heap_type && i < h->types.list.len; i++) {
		struct fact_heap_type f;
		int code;

		heap_type_row(h, i, &f);
		if (!type_shown(&f))
			continue;
		code = sink->heap_type(sink->ctx, &f, err);
		if (code < 0)
			return code;
	}
	return 0;
}

/* What one pass over all block states adds up. */
struct tally {
	struct fact_heap_class class[PYMALLOC_CLASSES];
	struct fact_heap_unknown unknown[PYMALLOC_CLASSES];
	struct part { uint64_t count, bytes; } *part; /* types × (kinds, then weak) */
};

#define PARTS (BUFFER_KINDS + 1)

static void tally_block(const struct heap *h, struct tally *t, uint32_t b, uint8_t szidx,
			uint64_t addr)
{
	uint32_t state = h->state[b], size = h->pm.block_size[szidx];
	struct fact_heap_class *c = &t->class[szidx];
	struct fact_heap_unknown *u = &t->unknown[szidx];
	struct part *p = &t->part[(size_t)STATE_TYPE(state) * PARTS + STATE_SUB(state)];

	switch (STATE_KIND(state)) {
	case BLOCK_UNSEEN:
	case BLOCK_FREE:
		return;
	case BLOCK_OBJECT:
		c->object_blocks++;
		return;
	case BLOCK_FREE_LIST:
		c->free_list_blocks++;
		return;
	case BLOCK_UNKNOWN:
		c->unknown_blocks++;
		u->count++;
		u->bytes += size;
		u->sample_addr = u->sample_addr ? u->sample_addr : addr;
		return;
	case BLOCK_WEAK:
		p = &t->part[(size_t)STATE_TYPE(state) * PARTS + BUFFER_KINDS];
		break;
	case BLOCK_BUFFER:
		break;
	}
	c->buffer_blocks++;
	p->count++;
	p->bytes += size;
}

static void tally_all(const struct heap *h, struct tally *t)
{
	for (size_t i = 0; i < h->pm.pools.len; i++) {
		const struct pymalloc_pool *pool = &h->pm.pools.at[i];

		for (uint32_t k = 0; k < pool->blocks; k++)
			tally_block(h, t, pool->first_block + k, pool->szidx,
				    pymalloc_block_addr(&h->pm, pool, pool->first_block + k));
	}
}

static int push_buffers(struct heap *h, const struct tally *t, const struct fact_sink *sink,
			struct err *err)
{
	for (uint32_t type = 1; sink->heap_buffer && type < h->types.list.len; type++) {
		for (uint32_t kind = 0; kind < PARTS; kind++) {
			const struct part *p = &t->part[(size_t)type * PARTS + kind];
			struct fact_heap_buffer f = {
				.type = type,
				.kind = owner_kind_name(kind < BUFFER_KINDS ? kind : BUFFER_OTHER),
				.count = p->count,
				.bytes = p->bytes,
				.weak = kind == BUFFER_KINDS,
			};
			int code = p->count ? sink->heap_buffer(sink->ctx, &f, err) : 0;

			if (code < 0)
				return code;
		}
	}
	return 0;
}

static int push_classes(struct heap *h, struct tally *t, const struct fact_sink *sink,
			struct err *err)
{
	for (uint32_t i = 0; i < h->pm.classes; i++) {
		const struct pymalloc_class *c = &h->pm.class[i];
		struct fact_heap_class *f = &t->class[i];
		struct fact_heap_unknown *u = &t->unknown[i];
		int code = 0;

		f->block_bytes = u->block_bytes = h->pm.block_size[i];
		f->pools = c->pools;
		f->used_blocks = c->used;
		f->free_blocks = c->free;
		f->virgin_blocks = c->virgin;
		f->tail_bytes = c->pools * (h->pm.pool_bytes - h->pm.header_bytes -
					    (uint64_t)h->pm.per_pool[i] * h->pm.block_size[i]);
		if (sink->heap_class && c->pools)
			code = sink->heap_class(sink->ctx, f, err);
		if (code == 0 && sink->heap_unknown && u->count)
			code = sink->heap_unknown(sink->ctx, u, err);
		if (code < 0)
			return code;
	}
	return 0;
}

void heap_use_sites(struct heap *h, const struct heap_sites *sites)
{
	h->sites = sites;
}

#define PINS 64

/* The pin a block belongs to: of its kind, type and site; without the site when there are too many. */
static struct fact_heap_pin *pin_of(struct fact_heap_pin *pins, uint32_t *n, uint32_t type,
				    bool buffer, uint32_t site)
{
	for (uint32_t i = 0; i < *n; i++)
		if (pins[i].type == type && pins[i].buffer == buffer && pins[i].site == site)
			return &pins[i];
	if (*n < PINS) {
		pins[*n] = (struct fact_heap_pin){ .type = type, .buffer = buffer, .site = site };
		return &pins[(*n)++];
	}
	for (uint32_t i = 0; i < *n; i++)
		if (pins[i].type == type && pins[i].buffer == buffer) {
			pins[i].site = 0;
			return &pins[i];
		}
	return NULL;
}

/* Objects and buffers which keep an arena, by type and site, the largest first. */
static void arena_pins(const struct heap *h, const struct pymalloc_arena *a,
		       struct fact_heap_arena *f)
{
	struct fact_heap_pin pins[PINS];
	uint32_t n = 0;

	for (uint32_t i = a->first_pool; i < a->first_pool + a->used_pools; i++) {
		const struct pymalloc_pool *pool = &h->pm.pools.at[i];

		for (uint32_t k = 0; k < pool->blocks; k++) {
			uint32_t state = h->state[pool->first_block + k], site;
			enum block_kind kind = STATE_KIND(state);
			uint64_t addr;
			struct fact_heap_pin *pin;

			if (kind == BLOCK_FREE || kind == BLOCK_UNSEEN)
				continue;
			addr = pymalloc_block_addr(&h->pm, pool, pool->first_block + k);
			if (!f->pin_addr)
				f->pin_addr = addr;
			site = h->sites ? h->sites->site_of(h->sites->ctx, addr + h->lead) : 0;
			pin = pin_of(pins, &n, STATE_TYPE(state),
				     kind == BLOCK_BUFFER || kind == BLOCK_WEAK, site);
			if (!pin)
				continue;
			pin->count++;
			pin->bytes += h->pm.block_size[pool->szidx];
		}
	}
	for (f->npins = 0; f->npins < FACT_HEAP_PINS; f->npins++) {
		uint32_t best = 0;

		for (uint32_t i = 1; i < n; i++)
			best = pins[i].bytes > pins[best].bytes ? i : best;
		if (!n || !pins[best].bytes)
			break;
		f->pins[f->npins] = pins[best];
		pins[best].bytes = 0;
	}
}

static int push_arena(struct heap *h, const struct pymalloc_arena *a, uint8_t *occupancy,
		      const struct fact_sink *sink, struct err *err)
{
	struct fact_heap_arena f = {
		.addr = a->address,
		.interpreter = (uint32_t)h->pm.heaps.at[a->heap].interp,
		.pools = a->pools,
		.used_pools = a->used_pools,
		.free_pools = a->pools - a->used_pools,
		.header_bytes = (uint64_t)a->used_pools * h->pm.header_bytes,
		.align_bytes = a->base != a->address ? h->pm.pool_bytes : 0,
		.occupancy = occupancy,
	};
	uint64_t arena_bytes = (uint64_t)a->pools * h->pm.pool_bytes + f.align_bytes;

	memset(occupancy, 0, a->pools);
	for (uint32_t i = a->first_pool; i < a->first_pool + a->used_pools; i++) {
		const struct pymalloc_pool *pool = &h->pm.pools.at[i];
		uint64_t at = (pool->addr - a->base) / h->pm.pool_bytes;
		uint32_t size = h->pm.block_size[pool->szidx];

		f.live_blocks += pool->used;
		f.live_bytes += (uint64_t)pool->used * size;
		f.free_blocks += (uint32_t)pool->blocks - pool->used;
		f.free_bytes += ((uint64_t)pool->blocks - pool->used) * size;
		f.tail_bytes += h->pm.pool_bytes - h->pm.header_bytes - (uint64_t)pool->blocks * size;
		occupancy[at] = pool->used >= pool->blocks
					? 255
					: (uint8_t)(1 + pool->used * 253u / pool->blocks);
	}
	if (f.live_bytes * 4 <= arena_bytes)
		arena_pins(h, a, &f);
	return sink->heap_arena(sink->ctx, &f, err);
}

static int push_arenas(struct heap *h, const struct fact_sink *sink, struct err *err)
{
	AUTO_FREE uint8_t *occupancy = malloc(65536 + 1);

	if (!occupancy)
		return err_nomem(err);
	for (size_t i = 0; sink->heap_arena && i < h->pm.arenas.len; i++) {
		int code = push_arena(h, &h->pm.arenas.at[i], occupancy, sink, err);

		if (code < 0)
			return code;
	}
	return 0;
}

static void gc_row(struct heap *h, const struct gclist *g, struct fact_heap_gc *f)
{
	uint64_t items = 0;

	*f = (struct fact_heap_gc){
		.interpreter = g->interp,
		.enabled = g->enabled,
		.collecting = g->collecting,
		.incremental = g->incremental,
		.debug = g->debug,
		.generations = FACT_GC_GENERATIONS,
		.frozen = g->objects[GCLIST_PERMANENT],
		.long_lived_total = g->long_lived_total,
		.long_lived_pending = g->long_lived_pending,
	};
	if (h->cycles_known && g == h->gcs.at) {
		f->cycles_known = true;
		f->unreachable = h->unreachable;
		f->unreachable_bytes = h->unreachable_bytes;
	}
	if (g->garbage_list &&
	    reader_u64(&h->r, g->garbage_list + (uint64_t)h->l->PyVarObject_ob_size, &items))
		f->garbage = items;
	for (unsigned i = 0; i < FACT_GC_GENERATIONS; i++) {
		f->gen[i].threshold = g->threshold[i];
		f->gen[i].count = g->count[i];
		f->gen[i].collections = g->collections[i];
		f->gen[i].collected = g->collected[i];
		f->gen[i].uncollectable = g->uncollectable[i];
		f->gen[i].objects = g->objects[i];
	}
}

static int push_gc(struct heap *h, const struct fact_sink *sink, struct err *err)
{
	for (size_t i = 0; sink->heap_gc && i < h->gcs.len; i++) {
		struct fact_heap_gc f;
		int code;

		gc_row(h, &h->gcs.at[i], &f);
		code = sink->heap_gc(sink->ctx, &f, err);
		if (code < 0)
			return code;
	}
	return 0;
}

static int push_cycles(struct heap *h, const struct fact_sink *sink, struct err *err)
{
	for (uint32_t i = 1; h->cycles_known && sink->heap_cycle && i < h->types.list.len; i++) {
		const struct heap_type *t = types_at(&h->types, i);
		struct fact_heap_cycle f = { .type = i, .count = t->garbage, .bytes = t->garbage_bytes };
		int code = t->garbage ? sink->heap_cycle(sink->ctx, &f, err) : 0;

		if (code < 0)
			return code;
	}
	return 0;
}

int heap_push(struct heap *h, const struct fact_sink *sink, struct err *err)
{
	AUTO_FREE struct tally *t = calloc(1, sizeof(*t));
	AUTO_FREE struct part *part = calloc(h->types.list.len * PARTS, sizeof(*part));
	int code = 0;

	if (!t || !part)
		return err_nomem(err);
	t->part = part;
	tally_all(h, t);
	if (sink->heap)
		code = sink->heap(sink->ctx, &h->total, err);
	if (code == 0)
		code = push_types(h, sink, err);
	if (code == 0)
		code = push_buffers(h, t, sink, err);
	if (code == 0)
		code = push_classes(h, t, sink, err);
	if (code == 0)
		code = push_arenas(h, sink, err);
	for (size_t i = 0; code == 0 && sink->heap_free_list && i < h->free_lists.len; i++)
		code = sink->heap_free_list(sink->ctx, &h->free_lists.at[i], err);
	if (code == 0)
		code = push_gc(h, sink, err);
	if (code == 0)
		code = push_cycles(h, sink, err);
	if (code == 0 && sink->heap_end)
		code = sink->heap_end(sink->ctx, h->total.snapshot, err);
	return code;
}
