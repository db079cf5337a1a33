/* SPDX-License-Identifier: MIT */
/*
 * Which rows are one leak. A leaking object brings its attributes, their dict, and the growth of
 * the container it is put into: rows at different lines and of different types. They are told
 * by their paths (one hangs on the other) and by the function that makes them.
 */
#include <stdlib.h>
#include <string.h>

#include "report/model/leaks_private.h"

#define STEPS ".[ " /* characters that begin a step of a path */
#define MERGED_ROWS_MAX 2000 /* the first are compared with all */

bool leaks_library(const char *file)
{
	static const char *const marks[] = { "/lib/python3", "/lib64/python3", "/site-packages/",
					     "/dist-packages/" };
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (strstr(file, marks[i]))
			return true;
	/* "<frozen importlib._bootstrap>", "<string>" of a dataclass, "<__array_function__ internals>" */
	return file[0] == '<' && strcmp(file, "<stdin>") != 0 && strncmp(file, "<ipython", 8) != 0;
}

uint32_t leaks_blamed(const struct stacks *s, uint32_t stack)
{
	uint32_t first = STACKS_NONE, place = s->stacks.at[stack];
	while (place >= STACKS_FIRST) {
		uint32_t frame = s->places.at[place].frame;
		if (first == STACKS_NONE)
			first = frame;
		if (!leaks_library(stacks_text(s, frame).file))
			return frame;
		place = s->places.at[place].parent;
	}
	return first;
}

void leaks_place(const struct stacks *s, struct leak *row)
{
	uint32_t place = s->stacks.at[row->stack];
	bool passed = false;
	row->blamed = leaks_blamed(s, row->stack);
	row->by_library = place >= STACKS_FIRST && s->places.at[place].frame != row->blamed;
	row->caller = STACKS_NONE;
	for (; place >= STACKS_FIRST; place = s->places.at[place].parent) {
		uint32_t frame = s->places.at[place].frame;
		if (passed && !leaks_library(stacks_text(s, frame).file)) {
			row->caller = frame;
			return;
		}
		passed |= frame == row->blamed;
	}
}

bool leaks_path_within(const char *outer, const char *inner)
{
	size_t n = strlen(outer);
	return n > 0 && strncmp(outer, inner, n) == 0 &&
	       (!inner[n] || inner[n] == '*' || strchr(STEPS, inner[n])); /* "[*]*": a step repeated */
}

static size_t depth_of(const char *path)
{
	size_t n = 1;
	for (const char *p = strpbrk(path, STEPS); p; p = strpbrk(p + 1, STEPS))
		n++;
	return n;
}

bool leaks_one_function(const struct stacks *s, uint32_t a, uint32_t b)
{
	const struct stack_frame *x = &s->frames.at[a], *y = &s->frames.at[b];
	return x->function == y->function && x->file == y->file;
}

static bool same_function(const struct recording *r, const struct leak *a, const struct leak *b)
{
	return a->blamed != STACKS_NONE && b->blamed != STACKS_NONE &&
	       leaks_one_function(&r->stacks, a->blamed, b->blamed);
}

/* Is callee made in a call that caller's function makes? */
static bool calls(const struct recording *r, const struct leak *caller, const struct leak *callee)
{
	return caller->blamed != STACKS_NONE && callee->caller != STACKS_NONE &&
	       leaks_one_function(&r->stacks, caller->blamed, callee->caller);
}

/* Does the holder's text begin with that type: "list feed.listeners"? */
static bool gathers_in(const struct leak *row, const struct leak *container)
{
	const char *name = strrchr(container->type_name, '.');
	name = name ? name + 1 : container->type_name;
	size_t n = strlen(name);
	return n > 0 && strncmp(row->holder, name, n) == 0 && (!row->holder[n] || row->holder[n] == ' ');
}

/*
 * Told by their paths: one hangs on the other, or one function puts them into the same container.
 * Without any path the line that makes them has to do.
 */
static bool surely_related(const struct recording *r, const struct leak *a, const struct leak *b)
{
	bool near = a->stack == b->stack || same_function(r, a, b) || calls(r, a, b) || calls(r, b, a);
	if (!*a->path && !*b->path)
		return near;
	if (!*a->path || !*b->path)
		return false;
	if (leaks_path_within(a->path, b->path) || leaks_path_within(b->path, a->path))
		return near || a->type == b->type || strcmp(a->path, b->path) != 0;
	return near && !a->container && !b->container && *a->holder && strcmp(a->holder, b->holder) == 0;
}

/*
 * Told by line or function only, 0: not at all. It says little: a function may feed two leaks, and an
 * object that was used before has the line of its first use. So a row that is told like this belongs
 * to the one it is nearest to, and joins no others together.
 */
static unsigned nearness(const struct recording *r, const struct leak *a, const struct leak *b)
{
	unsigned near = a->stack == b->stack		       ? 3 :
			same_function(r, a, b)		       ? 2 :
			calls(r, a, b) || calls(r, b, a) ? 1 : 0;
	if (near && *a->path && *b->path) /* what a library files away about an object is part of it */
		return a->by_library != b->by_library ? near : 0;
	if (near && a->container != b->container) {
		const struct leak *c = a->container ? a : b, *o = a->container ? b : a;
		return gathers_in(o, c) ? near + 1 : *o->holder ? 0 : near;
	}
	return near; /* garbage, references of C, blocks that are nobody's */
}

static uint32_t find_root(uint32_t *parent, uint32_t i)
{
	while (parent[i] != i)
		i = parent[i] = parent[parent[i]];
	return i;
}

/* "cache" for /srv/app/cache.py: the last component of the module a file is. */
static bool is_module(const char *file, const char *module)
{
	const char *base = strrchr(file, '/'), *last = strrchr(module, '.');
	size_t n;
	base = base ? base + 1 : file;
	last = last ? last + 1 : module;
	n = strlen(last);
	return strncmp(base, last, n) == 0 && strcmp(base + n, ".py") == 0;
}

/* A class of the program itself, as far as its module tells: of a file on the row's stack. */
static bool own_class(const struct recording *r, const struct leak *row,
		      const struct fact_heap_type *t)
{
	struct stack_text f;
	uint32_t place = r->stacks.stacks.at[row->stack];
	if (!t || !t->is_heap_type || row->by_library)
		return false;
	if (strcmp(t->module, "__main__") == 0)
		return true;
	while (stacks_next(&r->stacks, &place, &f))
		if (!leaks_library(f.file) && is_module(f.file, t->module))
			return true;
	return false;
}

/* Is a the better name for the whole leak? */
static bool leads(const struct recording *r, const struct leak *a, const struct leak *b)
{
	const struct heap_model *m = heaps_last(&r->heaps);
	if (a->container != b->container)
		return !a->container;
	const struct fact_heap_type *s = m && a->type ? heap_type_of(m, a->type) : NULL;
	const struct fact_heap_type *t = m && b->type ? heap_type_of(m, b->type) : NULL;
	bool own = own_class(r, a, s), other = own_class(r, b, t);
	if (own != other)
		return own;
	if (!*a->path != !*b->path)
		return *a->path;
	size_t x = depth_of(a->path), y = depth_of(b->path);
	if (*a->path && x != y)
		return x < y;
	/* Of what is in one container a number or a string is the key, or says less than the object. */
	if (s && t && s->is_gc != t->is_gc && *a->holder && strcmp(a->holder, b->holder) == 0)
		return s->is_gc;
	if (a->by_library != b->by_library)
		return b->by_library;
	if (!s != !t)
		return s;
	if (s && t && s->is_gc != t->is_gc)
		return s->is_gc;
	return a->retained_bytes > b->retained_bytes;
}

/* Groups as far as they are joined: roots of a forest, and what is known of the group of each root. */
struct groups {
	uint32_t *parent;
	bool *settled; /* hangs somewhere by itself, or has found what it belongs to */
	bool *solid;   /* has a row whose line is sure to be its own */
};

/* Does the line of row i say where its group belongs? */
static bool testifies(const struct leaks *l, const struct groups *s, size_t i)
{
	return !leak_used_again(&l->rows.at[i]) || !s->solid[find_root(s->parent, (uint32_t)i)];
}

/* The row outside i's group that a row of it is nearest to, of those with a path; n: none. */
static size_t nearest(const struct leaks *l, const struct recording *r, const struct groups *s,
		      size_t n, size_t i)
{
	uint32_t *parent = s->parent;
	const struct leak *a = &l->rows.at[i];
	unsigned best = 0;
	uint64_t apart = 0;
	size_t ret = n;
	for (size_t k = 0; k < n; k++) {
		const struct leak *b = &l->rows.at[k];
		uint64_t more = a->objects > b->objects ? a->objects - b->objects : b->objects - a->objects;
		unsigned near = a->state == b->state && *b->path && (!*a->path || !b->by_library) &&
						testifies(l, s, k) &&
						find_root(parent, (uint32_t)k) !=
							find_root(parent, (uint32_t)i) ?
					nearness(r, a, b) :
					0;
		if (near > best || (near && near == best && more < apart)) {
			best = near;
			apart = more;
			ret = k;
		}
	}
	return ret;
}

/* Groups of rows that are surely related, also by others between them; of rows beyond the first n only by those. */
static void join_groups(const struct leaks *l, const struct recording *r, uint32_t *parent, size_t n)
{
	for (size_t i = 0; i < l->rows.len; i++)
		for (size_t k = 0; k < i && k < n; k++) {
			const struct leak *a = &l->rows.at[i], *b = &l->rows.at[k];
			uint32_t *mine = &parent[find_root(parent, (uint32_t)i)], other = find_root(parent, (uint32_t)k);
			if (*mine != other && a->state == b->state && surely_related(r, a, b))
				*mine = other;
		}
}

/* Groups that the function alone tells find the one they belong to. */
static void join_nearest(const struct leaks *l, const struct recording *r, struct groups *s,
			 size_t n)
{
	uint32_t *parent = s->parent;
	for (size_t i = 0; i < n; i++) {
		const struct leak *row = &l->rows.at[i];
		uint32_t root = find_root(parent, (uint32_t)i);
		s->settled[root] |= *row->path && !row->by_library;
		s->solid[root] |= *row->path && !leak_used_again(row);
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t root = find_root(parent, (uint32_t)i);
		size_t to = s->settled[root] || !testifies(l, s, i) ? n : nearest(l, r, s, n, i);
		if (to == n)
			continue;
		s->settled[root] = true;
		parent[root] = find_root(parent, (uint32_t)to);
	}
}

int leaks_merge(struct leaks *l, const struct recording *r, struct err *err)
{
	size_t n = l->rows.len < MERGED_ROWS_MAX ? l->rows.len : MERGED_ROWS_MAX;
	AUTO_FREE uint32_t *parent = calloc(l->rows.len + 1, sizeof *parent);
	AUTO_FREE uint32_t *best = calloc(l->rows.len + 1, sizeof *best);
	AUTO_FREE bool *settled = calloc(l->rows.len + 1, sizeof *settled);
	AUTO_FREE bool *solid = calloc(l->rows.len + 1, sizeof *solid);
	struct groups groups = { parent, settled, solid };
	if (!parent || !best || !settled || !solid)
		return err_nomem(err);
	for (size_t i = 0; i < l->rows.len; i++)
		parent[i] = (uint32_t)i;
	join_groups(l, r, parent, n);
	join_nearest(l, r, &groups, n);
	for (size_t i = 0; i < l->rows.len; i++)
		best[i] = (uint32_t)i;
	for (size_t i = 0; i < l->rows.len; i++) {
		uint32_t root = find_root(parent, (uint32_t)i);
		if (leads(r, &l->rows.at[i], &l->rows.at[best[root]]))
			best[root] = (uint32_t)i;
	}
	for (size_t i = 0; i < l->rows.len; i++)
		l->rows.at[i].lead = best[find_root(parent, (uint32_t)i)];
	return 0;
}
