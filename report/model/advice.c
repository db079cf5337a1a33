/* SPDX-License-Identifier: MIT */
/* Three questions to a snapshot; savings overlap, so nobody adds them up. */
#include "report/model/advice.h"

#include <stdlib.h>

static const struct advice_words words[ADVICE_KINDS] = {
	[ADVICE_SLOTS] = { "__slots__ on ", "low", "name the attributes in __slots__, in the base classes too",
			   "attributes are added from outside, or the class is weakly referenced without naming __weakref__",
			   "the layout of its objects and how many attributes they have; what a size class adds is a word or none" },
	[ADVICE_TRIM] = { "malloc_trim: whole free pages of the C library", "none",
			  "ctypes.CDLL(None).malloc_trim(0), or MALLOC_TRIM_THRESHOLD_ and MALLOC_ARENA_MAX in the "
			  "environment", "the program needs the memory again at once",
			  "the C library's own lists of free chunks; pages that are not resident save nothing" },
	[ADVICE_COLLECT] = { "cycles nothing reaches: gc.collect()", "low",
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
