/* SPDX-License-Identifier: MIT */
/*
 * Instances and their dicts are met in any order: a dict visited before is measured at once,
 * one still to come is remembered until it is visited.
 */
#include "tracer/heap/instance.h"

#include "tracer/heap/ids.h"

#define ATTRIBUTES_MAX 4096 /* of one instance: more are no class's business */

/* The instance's __dict__ object: managed, or at a fixed offset; 0 when there is none. */
static uint64_t dict_of(const struct heap *h, const struct heap_type *t, const uint8_t *o,
			size_t avail)
{
	uint64_t word;

	if (t->flags & (uint32_t)h->l->flag_managed_dict) {
		if (t->pre <= t->gc_head)
			return 0;
		word = le64(o - 24);
		return word & 1 ? 0 : word;
	}
	if (t->dict_offset <= 0 || (size_t)t->dict_offset + 8 > avail)
		return 0;
	return le64(o + t->dict_offset);
}

/* How many attributes an instance has: its dict's, or those its class knows. */
static uint64_t attributes_of(struct heap *h, const struct heap_type *t, uint64_t dict)
{
	uint64_t used = 0;

	if (!dict)
		return t->flags & (uint32_t)h->l->flag_managed_dict ? t->shared_names : 0;
	if (!reader_u64(&h->r, dict + (uint64_t)h->l->PyDictObject_ma_used, &used))
		return 0;
	return used < ATTRIBUTES_MAX ? used : ATTRIBUTES_MAX;
}

void instance_visit(struct heap *h, uint32_t type, const uint8_t *o, size_t avail)
{
	struct heap_type *t = types_at(&h->types, type);
	uint64_t dict = t->python ? dict_of(h, t, o, avail) : 0;
	uint32_t id;

	if (h->measuring)
		return;
	if (t->bare)
		t->sum.attributes += attributes_of(h, t, dict);
	if (!dict)
		return;
	id = heap_id_of(h, dict);
	if (id != HEAP_ID_NONE)
		types_at(&h->types, type)->sum.instance_dict += heap_object_bytes(h, id);
	else if (pymalloc_has(&h->pm, dict) && map_set(&h->dict_owner, dict, type) < 0)
		h->nomem = true;
}

void instance_dict(struct heap *h, uint64_t dict, uint64_t block, uint64_t buffers)
{
	uint64_t type;

	if (h->dict_owner.len && map_del(&h->dict_owner, dict, &type))
		types_at(&h->types, (uint32_t)type)->sum.instance_dict += block + buffers;
}
