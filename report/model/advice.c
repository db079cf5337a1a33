/* SPDX-License-Identifier: MIT */
/* Three questions to a snapshot; savings overlap, so nobody adds them up. */
#include "report/model/advice.h"

#include <stdlib.h>

#include "base/own.h"

static const struct advice_words words[ADVICE_KINDS] = {
	[ADVICE_SLOTS] = { "slots", "__slots__", "__slots__ on ", "low", "name the attributes in __slots__, in the base classes too",
			   "attributes are added from outside, or the class is weakly referenced without naming __weakref__",
			   "the layout of its objects and how many attributes they have; what a size class adds is a word or none" },
	[ADVICE_TRIM] = { "trim", "malloc_trim", "malloc_trim: whole free pages of the C library", "none",
			  "ctypes.CDLL(None).malloc_trim(0), or MALLOC_TRIM_THRESHOLD_ and MALLOC_ARENA_MAX in the "
			  "environment", "the program needs the memory again at once",
			  "the C library's own lists of free chunks; pages that are not resident save nothing" },
	[ADVICE_COLLECT] = { "collect", "gc.collect()", "cycles nothing reaches: gc.collect()", "low",
			     "gc.collect() after the work that makes cycles, or break them with weakref",
			     "the pause of a full collection is dearer than the memory",
			     "the references of all objects the collector tracks, and what only those hold" },
};

const struct advice_words *advice_words(enum advice_kind kind)
{
	return &words[kind];
}

static int most_first(const void *a, const void *b)
{
	const struct advice *x = a, *y = b;

	if (x->saving.least != y->saving.least)
		return x->saving.least < y->saving.least ? 1 : -1;
	if (x->saving.most != y->saving.most)
		return x->saving.most < y->saving.most ? 1 : -1;
	return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : x->type < y->type ? -1 : x->type > y->type;
}

static void add(struct advice *list, size_t *n, enum advice_kind kind, uint32_t type, struct heap_saving s)
{
	if (s.most >= ADVICE_LEAST_BYTES)
		list[(*n)++] = (struct advice){ kind, type, s };
}

int advice_of(const struct heap_model *m, struct advice **ret, size_t *ret_n, struct err *err)
{
	struct advice *list = calloc(m->types.len + 2, sizeof *list);
	uint64_t trim = 0, cycles = 0;
	size_t n = 0;

	if (!list)
		return err_nomem(err);
	for (size_t i = 0; i < m->types.len; i++)
		add(list, &n, ADVICE_SLOTS, (uint32_t)i, heap_type_slots_saving(&m->types.at[i]));
	for (size_t i = 0; i < m->mallocs.len; i++)
		trim += m->mallocs.at[i].trimmable_bytes;
	for (size_t i = 0; i < m->gc.len; i++)
		cycles += m->gc.at[i].cycles_known ? m->gc.at[i].unreachable_bytes : 0;
	add(list, &n, ADVICE_TRIM, 0, (struct heap_saving){ 0, trim });
	/* What only garbage holds, without being in a cycle, is known from the graph. */
	uint64_t garbage = m->holders.known && !*m->holders.graph.skipped ? m->holders.graph.garbage_bytes :
									     HEAP_SAVING_UNKNOWN;
	if (cycles)
		add(list, &n, ADVICE_COLLECT, 0, (struct heap_saving){ cycles, garbage > cycles ? garbage : cycles });
	qsort(list, n, sizeof *list, most_first);
	*ret = list;
	*ret_n = n;
	return 0;
}

bool advice_has(const struct advice *list, size_t n, enum advice_kind kind)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].kind == kind)
			return true;
	return false;
}

static int put_row(struct table *t, const struct heap_model *m, const struct advice *a, struct err *err)
{
	const struct fact_heap_type *type = a->kind == ADVICE_SLOTS ? &m->types.at[a->type] : NULL;
	const struct advice_words *w = advice_words(a->kind);
	struct table_cell *c = table_row(t);

	if (!c)
		return err_nomem(err);
	c[0].text = w->key;
	c[1] = (struct table_cell){ .text = type ? type->module : "", .none = !type };
	c[2] = (struct table_cell){ .text = type ? type->name : "", .none = !type };
	c[3].count = a->saving.least;
	c[4] = (struct table_cell){ .count = a->saving.most, .none = a->saving.most == HEAP_SAVING_UNKNOWN };
	c[5].text = w->risk;
	return 0;
}

int advice_table(const struct heaps *h, size_t top, struct table *ret, struct err *err)
{
	static const struct table_column columns[] = {
		{ "kind", "KIND", TABLE_WORD, false },
		{ "module", "MODULE", TABLE_NAME, false },
		{ "type", "TYPE", TABLE_NAME, false },
		{ "saves_at_least_bytes", "AT LEAST", TABLE_BYTES, false },
		{ "saves_at_most_bytes", "AT MOST", TABLE_BYTES, false },
		{ "risk", "RISK", TABLE_WORD, false },
	};
	const struct heap_model *m = heaps_last(h);
	AUTO_FREE struct advice *list = NULL;
	size_t n = 0;
	int r = table_init(ret, columns, sizeof columns / sizeof *columns, err);

	if (r == 0 && m)
		r = advice_of(m, &list, &n, err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = put_row(ret, m, &list[i], err);
	if (r == 0 && top)
		(void)table_top(ret, top);
	if (r < 0)
		table_deinit(ret);
	return r;
}
