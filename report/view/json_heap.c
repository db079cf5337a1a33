/* SPDX-License-Identifier: MIT */
/*
 * The snapshot's members of the JSON object, exact bytes throughout. Names and meaning:
 * pymemprof-json(5), "Snapshots".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "report/model/advice.h"
#include "report/view/json_put.h"
#include "report/view/text.h"

#define PLACES 10 /* of a type */

static void put_addr(struct json *j, const char *name, uint64_t addr)
{
	char text[24];

	snprintf(text, sizeof text, "0x%" PRIx64, addr);
	json_word(j, name, text);
}

static void put_snapshot(struct json *j, const struct fact_heap *h)
{
	json_open(j, "heap", '{');
	json_number(j, "snapshot", h->snapshot);
	json_number(j, "at_unix_ns", h->at_unix_ns);
	json_number(j, "at_ns", h->at_ns);
	json_number(j, "interpreters", h->interpreters);
	json_number(j, "arenas", h->arenas);
	json_number(j, "arena_size_bytes", h->arena_size_bytes);
	json_number(j, "pool_size_bytes", h->pool_size_bytes);
	json_number(j, "arena_bytes", h->arena_bytes);
	json_number(j, "blocks", h->blocks);
	json_number(j, "block_bytes", h->block_bytes);
	json_number(j, "object_bytes", h->object_bytes);
	json_number(j, "buffer_bytes", h->buffer_bytes);
	json_number(j, "free_list_bytes", h->free_list_bytes);
	json_number(j, "unknown_bytes", h->unknown_bytes);
	json_number(j, "weak_bytes", h->weak_bytes);
	json_number(j, "free_bytes", h->free_bytes);
	json_number(j, "free_pool_bytes", h->free_pool_bytes);
	json_number(j, "pool_header_bytes", h->pool_header_bytes);
	json_number(j, "pool_tail_bytes", h->pool_tail_bytes);
	json_number(j, "arena_align_bytes", h->arena_align_bytes);
	json_number(j, "raw_blocks", h->raw_blocks);
	json_number(j, "large_blocks", h->large_blocks);
	json_number(j, "large_bytes", h->large_bytes);
	json_number(j, "static_objects", h->static_objects);
	json_number(j, "static_bytes", h->static_bytes);
	json_number(j, "mapped_bytes", h->mapped_bytes);
	json_number(j, "torn", h->torn);
	json_number(j, "unreadable", h->unreadable);
	put_addr(j, "first_torn", h->first_torn);
	json_bool(j, "collecting", h->collecting);
	json_bool(j, "inside_allocator", h->inside_allocator);
	json_close(j, '}');
}

static void put_buffers(struct json *j, const struct heap_model *m, uint32_t type)
{
	json_open(j, "buffers", '[');
	for (size_t i = heap_type_buffers(m, type); i < m->buffers.len; i++) {
		const struct fact_heap_buffer *b = &m->buffers.at[i];

		if (b->type != type)
			break;
		json_open(j, NULL, '{');
		json_word(j, "kind", b->kind);
		json_number(j, "count", b->count);
		json_number(j, "bytes", b->bytes);
		json_bool(j, "weak", b->weak);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* Where something was made: the innermost frame that is known, or null. */
static void put_made(struct json *j, const struct recording *r, uint32_t number)
{
	const struct stack_site *site = number ? stacks_site(&r->stacks, number) : NULL;
	struct stack_text f;
	uint32_t place = site ? r->stacks.stacks.at[site->stack] : STACKS_ROOT;

	if (!site || !stacks_next(&r->stacks, &place, &f)) {
		json_nothing(j, "made");
		return;
	}
	json_open(j, "made", '{');
	json_text(j, "function", f.function, f.function_bytes);
	json_text(j, "file", f.file, f.file_bytes);
	json_number(j, "line", f.line);
	json_close(j, '}');
}

/* The places where most bytes of a type were made; [] when nobody knows. */
static void put_places(struct json *j, const struct recording *r, const struct heap_model *m,
		       uint32_t type)
{
	size_t i = heap_type_made(m, type);

	json_open(j, "sites", '[');
	for (size_t n = 0; n < PLACES && i < m->made.len && m->made.at[i].type == type; n++, i++) {
		json_open(j, NULL, '{');
		put_made(j, r, m->made.at[i].site);
		json_number(j, "blocks", m->made.at[i].blocks);
		json_number(j, "bytes", m->made.at[i].bytes);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_type(struct json *j, const struct recording *r, const struct heap_model *m,
		     const struct heap_model *old, const struct fact_heap_type *t)
{
	const struct fact_heap_type *before = old ? heap_type_in(old, t) : NULL;

	json_open(j, NULL, '{');
	json_word(j, "type", t->name);
	json_word(j, "module", t->module);
	put_addr(j, "address", t->addr);
	json_number(j, "count", t->count);
	json_number(j, "total_bytes", t->total_bytes);
	json_number(j, "payload_bytes", t->payload_bytes);
	json_number(j, "header_bytes", t->header_bytes);
	json_number(j, "gc_head_bytes", t->gc_head_bytes);
	json_number(j, "dict_bytes", t->dict_bytes);
	json_number(j, "buffer_bytes", t->buffer_bytes);
	json_number(j, "slack_bytes", t->slack_bytes);
	json_number(j, "rounding_bytes", t->rounding_bytes);
	json_number(j, "instance_dict_bytes", t->instance_dict_bytes);
	json_number(j, "retained_bytes", t->retained_bytes);
	json_number(j, "tracked", t->tracked);
	json_number(j, "frozen", t->frozen);
	json_number(j, "large_count", t->large_count);
	json_number(j, "static_count", t->static_count);
	json_number(j, "static_bytes", t->static_bytes);
	json_number(j, "immortal_count", t->immortal_count);
	json_number(j, "basicsize", t->basic_bytes);
	json_number(j, "itemsize", t->item_bytes);
	json_number(j, "slots", t->slots);
	json_bool(j, "pseudo", t->pseudo);
	json_bool(j, "gc", t->is_gc);
	json_bool(j, "heap_type", t->is_heap_type);
	json_bool(j, "has_dict", t->has_dict);
	json_number(j, "slots_would_save_bytes", heap_type_slots_saving(t).least);
	json_number(j, "slots_would_save_at_most_bytes", heap_type_slots_saving(t).most);
	if (old) {
		json_number(j, "baseline_count", before ? before->count : 0);
		json_number(j, "baseline_total_bytes", before ? before->total_bytes : 0);
	}
	put_buffers(j, m, t->type);
	put_places(j, r, m, t->type);
	json_close(j, '}');
}

static void put_classes(struct json *j, const struct heap_model *m)
{
	json_open(j, "size_classes", '[');
	for (size_t i = 0; i < m->classes.len; i++) {
		const struct fact_heap_class *c = &m->classes.at[i];

		json_open(j, NULL, '{');
		json_number(j, "block_bytes", c->block_bytes);
		json_number(j, "pools", c->pools);
		json_number(j, "used_blocks", c->used_blocks);
		json_number(j, "free_blocks", c->free_blocks);
		json_number(j, "virgin_blocks", c->virgin_blocks);
		json_number(j, "object_blocks", c->object_blocks);
		json_number(j, "buffer_blocks", c->buffer_blocks);
		json_number(j, "free_list_blocks", c->free_list_blocks);
		json_number(j, "unknown_blocks", c->unknown_blocks);
		json_number(j, "tail_bytes", c->tail_bytes);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* null: the file is of before it was told. */
static void put_told(struct json *j, const char *name, bool told, uint64_t v)
{
	if (told)
		json_number(j, name, v);
	else
		json_nothing(j, name);
}

static int put_arena(struct json *j, const struct recording *r, const struct heap_model *m,
		     const struct fact_heap_arena *a, struct err *err)
{
	AUTO_FREE char *map = malloc(a->occupancy ? (size_t)a->pools + 1 : 1);

	bool told = heap_arena_told(a);

	if (!map)
		return err_nomem(err);
	json_open(j, NULL, '{');
	put_addr(j, "address", a->addr);
	json_number(j, "interpreter", a->interpreter);
	json_number(j, "pools", a->pools);
	json_number(j, "used_pools", a->used_pools);
	json_number(j, "free_pools", a->free_pools);
	json_number(j, "live_blocks", a->live_blocks);
	json_number(j, "live_bytes", a->live_bytes);
	json_number(j, "free_pool_bytes", (uint64_t)a->free_pools * m->heap.pool_size_bytes);
	put_told(j, "free_blocks", told, a->free_blocks);
	put_told(j, "free_bytes", told, a->free_bytes);
	put_told(j, "header_bytes", told, a->header_bytes);
	put_told(j, "tail_bytes", told, a->tail_bytes);
	json_number(j, "align_bytes", a->align_bytes);
	json_word(j, "map", heap_arena_map(a, map));
	json_open(j, "pins", '[');
	for (uint32_t i = 0; i < a->npins; i++) {
		const struct fact_heap_type *t = heap_type_of(m, a->pins[i].type);

		json_open(j, NULL, '{');
		json_word(j, "type", t ? t->name : "");
		json_word(j, "module", t ? t->module : "");
		json_bool(j, "buffer", a->pins[i].buffer);
		json_number(j, "count", a->pins[i].count);
		json_number(j, "bytes", a->pins[i].bytes);
		put_made(j, r, a->pins[i].site);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
	return out_check(j->out, err);
}

/* How fragmented it is, and what would come back without what pins nearly empty arenas. */
static void put_fragmentation(struct json *j, const struct heap_model *m)
{
	char verdict[TEXT_FRAGMENTATION_MAX];
	uint64_t live, bytes;
	size_t n = heap_model_nearly_empty(m, HEAP_NEARLY_EMPTY, &live, &bytes);

	text_fragmentation(m, verdict);
	json_open(j, "fragmentation", '{');
	json_number(j, "free_bytes", heap_model_free_bytes(m));
	json_fraction(j, "free_share", heap_model_fragmentation(m), 4);
	json_number(j, "nearly_empty_arenas", n);
	json_number(j, "pinned_bytes", bytes);
	json_number(j, "pinning_bytes", live);
	json_word(j, "verdict", verdict);
	json_close(j, '}');
}

static void put_mallocs(struct json *j, const struct heap_model *m)
{
	json_open(j, "malloc", '[');
	for (size_t i = 0; i < m->mallocs.len; i++) {
		const struct fact_heap_malloc *a = &m->mallocs.at[i];

		json_open(j, NULL, '{');
		put_addr(j, "address", a->addr);
		json_word(j, "kind", a->mmapped ? "mmapped" : a->main ? "main" : "thread");
		json_number(j, "heaps", a->heaps);
		json_number(j, "system_bytes", a->system_bytes);
		json_number(j, "used_chunks", a->used_chunks);
		json_number(j, "used_bytes", a->used_bytes);
		json_number(j, "python_chunks", a->python_chunks);
		json_number(j, "python_bytes", a->python_bytes);
		json_number(j, "cached_bytes", a->cached_bytes);
		json_number(j, "free_chunks", a->free_chunks);
		json_number(j, "free_bytes", a->free_bytes);
		json_number(j, "top_bytes", a->top_bytes);
		json_number(j, "largest_free_bytes", a->largest_free_bytes);
		json_number(j, "trimmable_bytes", a->trimmable_bytes);
		json_number(j, "torn", a->torn);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_gc_state(struct json *j, const struct fact_heap_gc *g)
{
	json_open(j, NULL, '{');
	json_key(j, "interpreter");
	out_printf(j->out, "%" PRId64, g->interpreter);
	json_bool(j, "enabled", g->enabled);
	json_bool(j, "collecting", g->collecting);
	json_bool(j, "incremental", g->incremental);
	json_number(j, "debug", g->debug);
	json_open(j, "generations", '[');
	for (size_t i = 0; i < FACT_GC_GENERATIONS && i < g->generations; i++) {
		json_open(j, NULL, '{');
		json_key(j, "threshold");
		out_printf(j->out, "%" PRId32, g->gen[i].threshold);
		json_key(j, "count");
		out_printf(j->out, "%" PRId32, g->gen[i].count);
		json_number(j, "collections", g->gen[i].collections);
		json_number(j, "collected", g->gen[i].collected);
		json_number(j, "uncollectable", g->gen[i].uncollectable);
		json_number(j, "objects", g->gen[i].objects);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_number(j, "frozen", g->frozen);
	json_number(j, "garbage", g->garbage);
	json_number(j, "long_lived_total", g->long_lived_total);
	json_number(j, "long_lived_pending", g->long_lived_pending);
	if (g->cycles_known) {
		json_number(j, "unreachable", g->unreachable);
		json_number(j, "unreachable_bytes", g->unreachable_bytes);
	} else {
		json_nothing(j, "unreachable");
		json_nothing(j, "unreachable_bytes");
	}
	json_close(j, '}');
}

static void put_gc(struct json *j, const struct heap_model *m)
{
	json_open(j, "gc", '{');
	json_open(j, "interpreters", '[');
	for (size_t i = 0; i < m->gc.len; i++)
		put_gc_state(j, &m->gc.at[i]);
	json_close(j, ']');
	json_open(j, "unreachable", '[');
	for (size_t i = 0; i < m->cycles.len; i++) {
		const struct fact_heap_type *t = heap_type_of(m, m->cycles.at[i].type);

		json_open(j, NULL, '{');
		json_word(j, "type", t ? t->name : "");
		json_word(j, "module", t ? t->module : "");
		json_number(j, "count", m->cycles.at[i].count);
		json_number(j, "bytes", m->cycles.at[i].bytes);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void put_small_lists(struct json *j, const struct heap_model *m)
{
	json_open(j, "free_lists", '[');
	for (size_t i = 0; i < m->free_lists.len; i++) {
		json_open(j, NULL, '{');
		json_word(j, "name", m->free_lists.at[i].name);
		json_number(j, "count", m->free_lists.at[i].count);
		json_number(j, "bytes", m->free_lists.at[i].bytes);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "unknown_blocks", '[');
	for (size_t i = 0; i < m->unknown.len; i++) {
		json_open(j, NULL, '{');
		json_number(j, "block_bytes", m->unknown.at[i].block_bytes);
		json_number(j, "count", m->unknown.at[i].count);
		json_number(j, "bytes", m->unknown.at[i].bytes);
		put_addr(j, "sample", m->unknown.at[i].sample_addr);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "ledger", '[');
	for (size_t i = 0; i < m->ledger.len; i++) {
		json_open(j, NULL, '{');
		json_word(j, "code", m->ledger.at[i].code);
		json_word(j, "label", m->ledger.at[i].label);
		json_number(j, "depth", m->ledger.at[i].depth);
		json_number(j, "bytes", m->ledger.at[i].bytes);
		json_bool(j, "estimate", m->ledger.at[i].estimate);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static int put_advice(struct json *j, const struct heap_model *m, struct err *err)
{
	struct advice *list = NULL;
	size_t n = 0;
	int rc = advice_of(m, &list, &n, err);

	if (rc < 0)
		return rc;
	json_open(j, "advice", '[');
	for (size_t i = 0; i < n; i++) {
		const struct fact_heap_type *t = list[i].kind == ADVICE_SLOTS ? &m->types.at[list[i].type] : NULL;
		json_open(j, NULL, '{');
		json_word(j, "kind", advice_words(list[i].kind)->key);
		json_word(j, "type", t ? t->name : "");
		json_word(j, "module", t ? t->module : "");
		json_number(j, "saves_at_least_bytes", list[i].saving.least);
		if (list[i].saving.most == HEAP_SAVING_UNKNOWN)
			json_nothing(j, "saves_at_most_bytes");
		else
			json_number(j, "saves_at_most_bytes", list[i].saving.most);
		json_close(j, '}');
	}
	json_close(j, ']');
	free(list);
	return 0;
}

int json_heap(struct json *j, const struct recording *rec, const char *path, struct err *err)
{
	const struct heaps *h = &rec->heaps;
	const struct heap_model *m = heaps_last(h), *old = heaps_baseline(h);

	if (!m) {
		json_nothing(j, "heap");
		return 0;
	}
	put_snapshot(j, &m->heap);
	json_open(j, "types", '[');
	for (size_t i = 0; i < m->types.len; i++) {
		int r = out_check(j->out, err);

		if (r < 0)
			return r;
		put_type(j, rec, m, old, &m->types.at[i]);
	}
	json_close(j, ']');
	put_classes(j, m);
	json_open(j, "arenas", '[');
	for (size_t i = 0; i < m->arenas.len; i++) {
		int r = put_arena(j, rec, m, &m->arenas.at[i], err);

		if (r < 0)
			return r;
	}
	json_close(j, ']');
	put_fragmentation(j, m);
	put_mallocs(j, m);
	put_gc(j, m);
	put_small_lists(j, m);
	int r = put_advice(j, m, err);
	if (r == 0)
		r = json_holders(j, m, path, err);
	return r < 0 ? r : out_check(j->out, err);
}
