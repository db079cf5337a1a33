/* SPDX-License-Identifier: MIT */
/*
 * Where things were made: of types, from join rows; of what keeps nearly empty arenas, from
 * their pins. Sites are numbers here; what they say is the stacks' business.
 */
#include <stdlib.h>

#include "report/model/heaps.h"

static int by_type_and_site(const void *a, const void *b)
{
	const struct fact_heap_join *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->site != y->site ? (x->site < y->site ? -1 : 1) : 0;
}

static int by_type_and_size(const void *a, const void *b)
{
	const struct fact_heap_join *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->site < y->site ? -1 : x->site > y->site;
}

int heap_model_made(struct heap_model *m, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < m->joins.len; i++) {
		const struct fact_heap_join *j = &m->joins.at[i];

		if (j->type && j->site && (j->use == FACT_JOIN_OBJECT || j->use == FACT_JOIN_BUFFER) &&
		    vec_push(&m->made, *j) < 0)
			return err_nomem(err);
	}
	vec_sort(&m->made, by_type_and_site);
	for (size_t i = 0; i < m->made.len; i++) {
		struct fact_heap_join *last = n ? &m->made.at[n - 1] : NULL;
		const struct fact_heap_join *j = &m->made.at[i];

		if (last && by_type_and_site(last, j) == 0) {
			last->blocks += j->blocks;
			last->bytes += j->bytes;
		} else {
			m->made.at[n++] = *j;
		}
	}
	m->made.len = n;
	vec_sort(&m->made, by_type_and_size);
	return 0;
}

size_t heap_type_made(const struct heap_model *m, uint32_t type)
{
	size_t low = 0, high = m->made.len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->made.at[mid].type < type)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int same_pins_together(const void *a, const void *b)
{
	const struct fact_heap_pin *x = &((const struct heap_pin_sum *)a)->pin;
	const struct fact_heap_pin *y = &((const struct heap_pin_sum *)b)->pin;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->buffer != y->buffer)
		return x->buffer - y->buffer;
	return x->site != y->site ? (x->site < y->site ? -1 : 1) : 0;
}

static int largest_pins_first(const void *a, const void *b)
{
	const struct heap_pin_sum *x = a, *y = b;

	if (x->pin.bytes != y->pin.bytes)
		return x->pin.bytes > y->pin.bytes ? -1 : 1;
	return same_pins_together(a, b);
}

int heap_model_pins(const struct heap_model *m, double max_share, struct heap_pins *ret,
		    struct err *err)
{
	struct heap_pins list = VEC_INIT;
	size_t n = 0;

	for (size_t i = 0; i < m->arenas.len; i++) {
		const struct fact_heap_arena *a = &m->arenas.at[i];

		if ((double)a->live_bytes > max_share * m->heap.arena_size_bytes)
			continue;
		for (uint32_t k = 0; k < a->npins && k < FACT_HEAP_PINS; k++)
			if (vec_push(&list, ((struct heap_pin_sum){ a->pins[k], 1 })) < 0) {
				vec_deinit(&list);
				return err_nomem(err);
			}
	}
	vec_sort(&list, same_pins_together);
	for (size_t i = 0; i < list.len; i++) {
		struct heap_pin_sum *last = n ? &list.at[n - 1] : NULL;

		if (last && same_pins_together(last, &list.at[i]) == 0) {
			last->pin.count += list.at[i].pin.count;
			last->pin.bytes += list.at[i].pin.bytes;
			last->arenas++;
		} else {
			list.at[n++] = list.at[i];
		}
	}
	list.len = n;
	vec_sort(&list, largest_pins_first);
	*ret = list;
	return 0;
}
