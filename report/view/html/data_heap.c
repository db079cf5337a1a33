/* SPDX-License-Identifier: MIT */
/* Tables of a snapshot: types, arenas, and when each snapshot of the file was taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/view/html/data.h"

#define LABEL_MAX 512
#define ARENAS_MAX 512
#define MADE_EACH 8 /* places of one type */
#define MADE_MAX 8000

int data_types(const struct heap_model *m, const struct heap_model *old, struct pack *p,
		     struct strtab *strings, struct buf *ret, struct err *err)
{
	static const char *const names[] = { "type",   "count",	  "total", "payload", "header", "gc",
					     "attributes", "buffers", "slack", "rounding", "slots",
					     "slots_most", "growth" };
	char label[LABEL_MAX];
	pack_begin(p, m->types.len);
	for (int column = 0; column < 13; column++) {
		pack_column(p, names[column], column == 0 ? 't' : column == 12 ? 's' : 'u');
		for (size_t i = 0; i < m->types.len; i++) {
			const struct fact_heap_type *t = &m->types.at[i];
			const struct fact_heap_type *was = old ? heap_type_in(old, t) : NULL;
			const uint64_t v[] = { 0, t->count, t->total_bytes, t->payload_bytes,
					       t->header_bytes, t->gc_head_bytes, t->dict_bytes,
					       t->buffer_bytes, t->slack_bytes, t->rounding_bytes,
					       heap_type_slots_saving(t).least,
					       heap_type_slots_saving(t).most };
			if (column == 0) {
				heap_type_label(t, label, sizeof label);
				pack_number(p, pack_text(p, strings, label, strlen(label)));
			} else if (column == 12) {
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

/* Number of a type in the table of types, from its number in the snapshot. */
static uint32_t *rows_of_types(const struct heap_model *m)
{
	uint32_t most = 0;
	for (size_t i = 0; i < m->types.len; i++)
		most = m->types.at[i].type > most ? m->types.at[i].type : most;
	uint32_t *row = calloc((size_t)most + 1, sizeof *row);
	for (size_t i = 0; row && i < m->types.len; i++)
		row[m->types.at[i].type] = (uint32_t)i;
	return row;
}

/* "put /srv/app/cache.py:88" of the innermost frame. */
static void made_label(const struct recording *r, uint32_t stack, struct buf *ret)
{
	struct stack_text f;
	uint32_t place = r->stacks.stacks.at[stack];
	buf_clear(ret);
	if (!stacks_next(&r->stacks, &place, &f))
		return;
	buf_put(ret, f.function, f.function_bytes);
	buf_str(ret, " ");
	buf_put(ret, f.file, f.file_bytes);
	buf_printf(ret, ":%u", f.line);
}

struct chosen VEC(uint32_t);

/* Rows of m->made, at most so many of each type, whose site is known. */
static int choose_made(const struct recording *r, const struct heap_model *m, struct chosen *ret,
		       struct err *err)
{
	for (size_t i = 0; i < m->types.len && ret->len < MADE_MAX; i++) {
		uint32_t type = m->types.at[i].type;
		size_t k = heap_type_made(m, type), n = 0;
		for (; k < m->made.len && m->made.at[k].type == type && n < MADE_EACH; k++, n++)
			if (stacks_site(&r->stacks, m->made.at[k].site) &&
			    vec_push(ret, (uint32_t)k) < 0)
				return err_nomem(err);
	}
	return 0;
}

static int put_made(const struct recording *r, const struct heap_model *m, const uint32_t *type_row,
		    const uint32_t *site_row, const struct chosen *list, struct pack *p,
		    struct strtab *strings, struct buf *ret, struct err *err)
{
	static const char *const names[] = { "type", "row", "label", "blocks", "bytes" };
	AUTO_BUF struct buf label = BUF_INIT;
	pack_begin(p, list->len);
	for (int column = 0; column < 5; column++) {
		pack_column(p, names[column], column == 2 ? 't' : 'u');
		for (size_t i = 0; i < list->len; i++) {
			const struct fact_heap_join *f = &m->made.at[list->at[i]];
			uint32_t stack = stacks_site(&r->stacks, f->site)->stack;
			const uint64_t v[] = { type_row[f->type], site_row[stack], 0, f->blocks,
					       f->bytes };
			if (column == 2) {
				made_label(r, stack, &label);
				pack_need(p, &label);
				pack_number(p, pack_text(p, strings, (char *)label.bytes, label.len));
			} else {
				pack_number(p, v[column]);
			}
		}
	}
	return pack_end(p, "made", ret, err);
}

int data_made(const struct recording *r, const struct heap_model *m, const uint32_t *site_row,
	      struct pack *p, struct strtab *strings, struct buf *ret, struct err *err)
{
	AUTO_FREE uint32_t *type_row = rows_of_types(m);
	struct chosen list = { 0 };
	int rc = type_row ? choose_made(r, m, &list, err) : err_nomem(err);
	if (rc == 0)
		rc = put_made(r, m, type_row, site_row, &list, p, strings, ret, err);
	vec_deinit(&list);
	return rc;
}
