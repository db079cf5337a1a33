/* SPDX-License-Identifier: MIT */
/*
 * Where leaking objects are put: the stack that last enlarged the container they gather in. The
 * snapshot knows which container owns a block of items, the recording who asked for the block. It
 * is a line of the program's that cannot be another object's, unlike that of a dict from a free list.
 */
#include <stdlib.h>
#include <string.h>

#include "report/model/leaks_private.h"

/* Containers at one path whose items were last moved at one site. */
struct filled {
	const char *path;
	uint32_t stack;
	uint64_t containers;
};

static int by_path(const void *a, const void *b)
{
	const struct filled *x = a, *y = b;
	int order = strcmp(x->path, y->path);
	if (order)
		return order;
	if (x->containers != y->containers)
		return x->containers > y->containers ? -1 : 1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

struct fills {
	struct VEC(struct filled) at;
	struct map objects; /* site and type: objects are made there */
};

static void fills_deinit(struct fills *f)
{
	vec_deinit(&f->at);
	map_deinit(&f->objects);
}

static uint64_t key_of(uint32_t site, uint32_t type)
{
	return (uint64_t)site << 32 | type;
}

/* Held rows of sites where no such objects are made are of containers that have their items from there. */
static int find_fills(struct fills *f, const struct recording *r, const struct heap_model *m,
		      struct err *err)
{
	for (size_t i = 0; i < m->joins.len; i++) {
		const struct fact_heap_join *j = &m->joins.at[i];
		if (j->use == FACT_JOIN_OBJECT && map_set(&f->objects, key_of(j->site, j->type), 1) < 0)
			return err_nomem(err);
	}
	for (size_t i = 0; i < m->helds.len; i++) {
		const struct fact_heap_held *h = &m->helds.at[i];
		const struct stack_site *site = stacks_site(&r->stacks, h->site);
		if (!*h->path || !site || map_has(&f->objects, key_of(h->site, h->type)))
			continue;
		if (vec_push(&f->at, (struct filled){ h->path, site->stack, h->objects }) < 0)
			return err_nomem(err);
	}
	vec_sort(&f->at, by_path);
	return 0;
}

/* The stack of most containers at the path that is the first n bytes of a text. */
static uint32_t filled_at(const struct fills *f, const char *text, size_t n)
{
	size_t low = 0, high = f->at.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strncmp(f->at.at[mid].path, text, n);
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	/* of those that begin like it the path itself sorts first */
	if (low < f->at.len && strncmp(f->at.at[low].path, text, n) == 0 && !f->at.at[low].path[n])
		return f->at.at[low].stack;
	return STACKS_NONE;
}

int leaks_put(struct leaks *l, const struct recording *r, struct err *err)
{
	AUTO(fills_deinit) struct fills f = { 0 };
	const struct heap_model *m = heaps_last(&r->heaps);
	int rc = m ? find_fills(&f, r, m, err) : 0;
	for (size_t i = 0; rc == 0 && i < l->rows.len; i++) {
		struct leak *row = &l->rows.at[i];
		const char *item = strrchr(row->path, '[');
		if (item && !row->container)
			row->put = filled_at(&f, row->path, (size_t)(item - row->path));
	}
	return rc;
}

/* Is it blamed on a line of the program's own? */
static bool by_program(const struct stacks *s, const struct leak *row)
{
	return row->blamed != STACKS_NONE && !leaks_library(stacks_text(s, row->blamed).file);
}

/* Was it made there, and not by a library on behalf of it? */
static bool own_line(const struct stacks *s, const struct leak *row)
{
	return !row->by_library && by_program(s, row);
}

/* A line of the program's own in a function that puts them, or calls what does, is believed. */
static bool agrees(const struct stacks *s, const struct leak *row, uint32_t frame)
{
	if (row->blamed == STACKS_NONE)
		return false;
	if (leaks_one_function(s, row->blamed, frame))
		return true;
	if (!own_line(s, row))
		return false;
	for (uint32_t at = s->stacks.at[row->put]; at >= STACKS_FIRST; at = s->places.at[at].parent)
		if (leaks_one_function(s, row->blamed, s->places.at[at].frame))
			return true;
	return false;
}

/* The row of the same leak, and in the same container, with most bytes, whose line is sure and the program's. */
static const struct leak *beside(const struct leaks *l, const struct stacks *s, const struct leak *row)
{
	const struct leak *best = NULL;
	const char *item = strrchr(row->path, '[');
	for (size_t i = 0; item && i < l->rows.len; i++) {
		const struct leak *other = &l->rows.at[i];
		if (other->lead == row->lead && !leak_used_again(other) && !other->container && by_program(s, other) &&
		    strncmp(other->path, row->path, (size_t)(item - row->path) + 1) == 0 &&
		    (!best || other->bytes > best->bytes))
			best = other;
	}
	return best;
}

static void believe(const struct leaks *l, const struct recording *r, struct leak *row)
{
	const struct stacks *s = &r->stacks;
	uint32_t frame = row->put != STACKS_NONE ? leaks_blamed(s, row->put) : STACKS_NONE;
	const struct leak *other;
	row->place = LEAK_PERHAPS_MADE;
	if (frame != STACKS_NONE) {
		row->place = agrees(s, row, frame) ? LEAK_MADE : LEAK_PUT;
		if (row->place == LEAK_PUT)
			row->blamed = frame;
		return;
	}
	other = beside(l, s, row);
	if (!other)
		return;
	if (own_line(s, row)) { /* one line makes what hangs together; one function may be all there is */
		row->place = row->blamed == other->blamed ? LEAK_MADE : LEAK_PERHAPS_MADE;
		return;
	}
	row->place = LEAK_BESIDE;
	row->blamed = other->blamed;
}

void leaks_believe(struct leaks *l, const struct recording *r)
{
	for (size_t i = 0; i < l->rows.len; i++)
		if (leak_used_again(&l->rows.at[i]))
			believe(l, r, &l->rows.at[i]);
}

const char *leak_place_name(enum leak_place p)
{
	switch (p) {
	case LEAK_MADE:
		return "made";
	case LEAK_PERHAPS_MADE:
		return "perhaps made";
	case LEAK_PUT:
		return "put in";
	case LEAK_BESIDE:
		return "beside what is made";
	}
	return "made";
}

bool leak_tells_put(const struct recording *r, const struct leak *row)
{
	uint32_t frame = row->put != STACKS_NONE ? leaks_blamed(&r->stacks, row->put) : STACKS_NONE;
	if (frame == STACKS_NONE)
		return false;
	return row->place == LEAK_PUT || row->blamed == STACKS_NONE || !leaks_one_function(&r->stacks, row->blamed, frame);
}
