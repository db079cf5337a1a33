/* SPDX-License-Identifier: MIT */
/* Tables of a snapshot: types, arenas, and when each snapshot of the file was taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/view/html/data.h"

#define LABEL_MAX 512
#define ARENAS_MAX 512

int data_types(const struct heap_model *m, const struct heap_model *old, struct pack *p,
		     struct strtab *strings, struct buf *ret, struct err *err)
{
	static const char *const names[] = { "type",   "count",	  "total", "payload", "header", "gc",
					     "attributes", "buffers", "slack", "rounding", "slots",
					     "growth" };
	char label[LABEL_MAX];
	pack_begin(p, m->types.len);
	for (int column = 0; column < 12; column++) {
		pack_column(p, names[column], column == 0 ? 't' : column == 11 ? 's' : 'u');
		for (size_t i = 0; i < m->types.len; i++) {
			const struct fact_heap_type *t = &m->types.at[i];
			const struct fact_heap_type *was = old ? heap_type_in(old, t) : NULL;
			const uint64_t v[] = { 0, t->count, t->total_bytes, t->payload_bytes,
					       t->header_bytes, t->gc_head_bytes, t->dict_bytes,
					       t->buffer_bytes, t->slack_bytes, t->rounding_bytes,
					       heap_type_slots_saving(t) };
			if (column == 0) {
				heap_type_label(t, label, sizeof label);
				pack_number(p, pack_text(p, strings, label, strlen(label)));
			} else if (column == 11) {
				uint64_t base = was ? was->total_bytes : 0;
				pack_signed(p, old ? (int64_t)(t->total_bytes - base) : 0);
			} else {
				pack_number(p, v[column]);
			}
		}
	}
	return pack_end(p, "types", ret, err);
}

static int emptiest_first(const void *a, const void *b)
{
	const struct fact_heap_arena *x = *(const struct fact_heap_arena *const *)a;
	const struct fact_heap_arena *y = *(const struct fact_heap_arena *const *)b;
	if (x->live_bytes != y->live_bytes)
		return x->live_bytes < y->live_bytes ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* ", made at cache.py:88", when it is known. */
static void pin_made(const struct recording *r, uint32_t number, char *to, size_t cap)
{
	const struct stack_site *site = number ? stacks_site(&r->stacks, number) : NULL;
	uint32_t place = site ? r->stacks.stacks.at[site->stack] : STACKS_ROOT;
	struct stack_text f;
	const char *base;
	if (!site || !stacks_next(&r->stacks, &place, &f))
		return;
	base = strrchr(f.file, '/');
	snprintf(to, cap, ", made at %s:%u", base ? base + 1 : f.file, f.line);
}

static uint32_t pin_text(struct pack *p, struct strtab *strings, const struct recording *r,
			 const struct heap_model *m, const struct fact_heap_arena *a)
{
	char label[LABEL_MAX] = "";
	if (a->npins == 0)
		return 0;
	const struct fact_heap_type *t = heap_type_of(m, a->pins[0].type);
	size_t n = (size_t)snprintf(label, sizeof label, "%llu %s",
				    (unsigned long long)a->pins[0].count,
				    a->pins[0].buffer ? "of " : "");
	if (t)
		heap_type_label(t, label + n, sizeof label - n);
	else
		snprintf(label + n, sizeof label - n, "unknown blocks");
	n = strlen(label);
	pin_made(r, a->pins[0].site, label + n, sizeof label - n);
	return pack_text(p, strings, label, strlen(label));
}

int data_arenas(const struct recording *r, const struct heap_model *m, struct pack *p,
		struct strtab *strings, struct buf *ret, struct err *err)
{
	static const char *const names[] = { "addr", "live", "pools", "pinned", "map" };
	static const char kinds[] = "uuutb";
	AUTO_FREE const struct fact_heap_arena **list = calloc(m->arenas.len + 1, sizeof *list);
	size_t n = m->arenas.len < ARENAS_MAX ? m->arenas.len : ARENAS_MAX;
	if (!list)
		return err_nomem(err);
	for (size_t i = 0; i < m->arenas.len; i++)
		list[i] = &m->arenas.at[i];
	if (m->arenas.len)
		qsort(list, m->arenas.len, sizeof *list, emptiest_first);
	pack_begin(p, n);
	for (int column = 0; column < 5; column++) {
		pack_column(p, names[column], kinds[column]);
		for (size_t i = 0; i < n; i++) {
			const struct fact_heap_arena *a = list[i];
			if (column == 0)
				pack_number(p, a->addr);
			else if (column < 3)
				pack_number(p, column == 1 ? a->live_bytes : a->pools);
			else if (column == 3)
				pack_number(p, pin_text(p, strings, r, m, a));
			else
				pack_bytes(p, a->occupancy, a->occupancy ? a->pools : 0);
		}
	}
	return pack_end(p, "arenas", ret, err);
}

int data_snapshots(const struct heaps *h, struct pack *p, struct buf *ret, struct err *err)
{
	static const char *const names[] = { "ms", "objects", "rss" };
	size_t rows = 0;
	for (size_t i = 0; i < h->snapshots.len; i++)
		rows += h->snapshots.at[i].complete;
	pack_begin(p, rows);
	for (int column = 0; column < 3; column++) {
		pack_column(p, names[column], 'u');
		for (size_t i = 0; i < h->snapshots.len; i++) {
			const struct heap_model *m = &h->snapshots.at[i];
			uint64_t v[3] = { m->heap.at_ns / 1000000, 0, 0 };
			if (!m->complete)
				continue;
			for (size_t k = 0; k < m->types.len; k++)
				v[1] += m->types.at[k].count;
			for (size_t k = 0; k < m->ledger.len; k++)
				v[2] += m->ledger.at[k].depth ? 0 : m->ledger.at[k].bytes;
			pack_number(p, v[column]);
		}
	}
	return pack_end(p, "snapshots", ret, err);
}
