/* SPDX-License-Identifier: MIT */
/*
 * Types and holders as culprits. A holder is named by the expression that leads to it
 * ("app.cache._entries"), so that it is the same in another run; what varies (an index, the
 * key of a dict) is part of no name.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "report/model/check.h"

#define DEPTH_MAX 6	     /* rows below a root that make up a name */
#define SHARE_LEAST 0.05     /* of the largest: less is not worth a line */

static int by_bytes(const void *a, const void *b)
{
	const struct check_share *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int by_share_name(const void *a, const void *b)
{
	return strcmp(((const struct check_share *)a)->name, ((const struct check_share *)b)->name);
}

struct check_shares VEC(struct check_share);

/* Same names become one; the largest stay. */
static void settle(struct check_shares *v)
{
	size_t kept = 0;
	vec_sort(v, by_share_name);
	for (size_t i = 0; i < v->len; i++) {
		if (kept && strcmp(v->at[kept - 1].name, v->at[i].name) == 0) {
			v->at[kept - 1].bytes += v->at[i].bytes;
			v->at[kept - 1].count += v->at[i].count;
			v->at[kept - 1].parts |= v->at[i].parts;
		} else {
			v->at[kept++] = v->at[i];
		}
	}
	v->len = kept;
	vec_sort(v, by_bytes);
	if (v->len > CHECK_SHARES_MAX)
		v->len = CHECK_SHARES_MAX;
}

static int add(struct check_figures *f, struct check_shares *v, const char *name, double bytes,
	       double count, struct err *err)
{
	struct check_share s = { arena_str(&f->arena, name, strlen(name)), bytes, count };
	return !s.name || vec_push(v, s) < 0 ? err_nomem(err) : 0;
}

/* Where a root is, without what another run or another version has otherwise: ids, lines. */
static const char *lasting(enum fact_root root, const char *where, char *ret, size_t n)
{
	const char *colon = root == FACT_ROOT_FRAME ? strrchr(where, ':') : NULL;
	if (root == FACT_ROOT_THREAD)
		return "";
	if (!colon)
		return where;
	snprintf(ret, n, "%.*s", (int)(colon - where), where);
	return ret;
}

/* One more piece of an expression: a root, or an edge. Bytes used. A frame stands for its thread. */
static size_t put_piece(enum fact_root root, enum fact_edge edge, const char *name, const char *where,
			size_t used, char *ret, size_t n)
{
	char part[256], place[256];
	const char *text =
		root != FACT_ROOT_NONE ?
			holders_root_text(root, name, lasting(root, where, place, sizeof place), part,
					  sizeof part) :
			holders_edge_text(edge, name, 0, true, part, sizeof part);
	if (root != FACT_ROOT_NONE)
		used = 0;
	bool bare = used && edge == FACT_EDGE_GLOBAL && text[0] != '.';
	if (used < n)
		used += (size_t)snprintf(ret + used, n - used, "%s%s", bare ? "." : "", text);
	return used;
}

/* Held in more than one way: the shortest of the most frequent one stands for it. */
static void path_of(const struct holders *h, uint32_t type, char *ret, size_t n)
{
	const struct fact_heap_path *best = NULL;
	size_t steps, used = 0;
	for (size_t i = 0; i < h->paths.len; i++)
		if (h->paths.at[i].type == type && (!best || h->paths.at[i].count > best->count))
			best = &h->paths.at[i];
	*ret = '\0';
	if (!best)
		return;
	const struct fact_heap_step *s = holders_steps(h, best, &steps);
	for (size_t i = 0; i < steps; i++)
		used = put_piece(s[i].root, s[i].edge, s[i].name, s[i].where, used, ret, n);
}

/* The expression of a row: its root and the edges down to it. */
static void name_of(const struct holders *h, const struct fact_heap_holder *row, char *ret, size_t n)
{
	const struct fact_heap_holder *chain[DEPTH_MAX];
	const uint32_t type = row->type;
	size_t depth = 0, used = 0;
	for (; row && depth < DEPTH_MAX; row = holders_row(h, row->parent))
		if (row->root != FACT_ROOT_ALL)
			chain[depth++] = row;
	if (depth == 0 || (chain[depth - 1]->root == FACT_ROOT_NONE && depth < DEPTH_MAX)) {
		path_of(h, type, ret, n);
		return;
	}
	*ret = '\0';
	while (depth-- > 0)
		used = put_piece(chain[depth]->root, chain[depth]->edge, chain[depth]->name,
				 chain[depth]->where, used, ret, n);
}

/* Every place there is a name for; the largest will stay. */
static int add_holders(struct check_figures *f, struct check_shares *v, const struct heap_model *m,
		       struct err *err)
{
	const struct holders *h = &m->holders;
	char name[512], type[CHECK_NAME_MAX];
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < h->rows.len; i++) {
		const struct fact_heap_holder *row = &h->rows.at[i];
		const struct fact_heap_type *t = heap_type_of(m, row->type);
		if (row->root != FACT_ROOT_NONE || !t)
			continue;
		name_of(h, row, name, sizeof name);
		size_t used = strlen(name);
		if (used == 0) /* below the root of all: nothing we have a name for */
			continue;
		snprintf(name + used, sizeof name - used, " (%s)",
			 heap_type_label(t, type, sizeof type));
		rc = add(f, v, name, (double)row->retained_bytes, (double)row->count, err);
		if (rc == 0)
			vec_last(v)->parts = row->drop;
	}
	return rc;
}

int check_shares_add(struct check_figures *f, const struct recording *r, struct err *err)
{
	const struct heap_model *m = heaps_last(&r->heaps);
	struct check_shares types = VEC_INIT, holders = VEC_INIT;
	char label[CHECK_NAME_MAX];
	int rc = 0;
	if (!m)
		return 0;
	for (size_t i = 0; rc == 0 && i < m->types.len; i++)
		if (m->types.at[i].total_bytes)
			rc = add(f, &types, heap_type_label(&m->types.at[i], label, sizeof label),
				 (double)m->types.at[i].total_bytes, (double)m->types.at[i].count, err);
	if (rc == 0)
		rc = add_holders(f, &holders, m, err);
	if (rc < 0) {
		vec_deinit(&types);
		vec_deinit(&holders);
		return rc;
	}
	settle(&types);
	settle(&holders);
	vec_deinit(&f->types);
	vec_deinit(&f->holders);
	memcpy(&f->types, &types, sizeof types);
	memcpy(&f->holders, &holders, sizeof holders);
	return 0;
}

/* What rows of the type retain, leaving out those below one of the same type. */
double check_retained(const struct heap_model *m, const char *type)
{
	const struct holders *h = &m->holders;
	char label[CHECK_NAME_MAX];
	double sum = 0;
	for (size_t i = 0; i < h->rows.len; i++) {
		const struct fact_heap_holder *row = &h->rows.at[i], *up;
		const struct fact_heap_type *t = heap_type_of(m, row->type);
		if (row->root != FACT_ROOT_NONE || !t ||
		    strcmp(heap_type_label(t, label, sizeof label), type) != 0)
			continue;
		for (up = holders_row(h, row->parent); up && up->type != row->type;
		     up = holders_row(h, up->parent))
			;
		sum += up ? 0 : (double)row->retained_bytes;
	}
	return sum;
}

/* Of a full list the smallest is the most that one may have which is not on it: having that is no growth. */
static double share_in(const struct check_share *at, size_t n, const char *name)
{
	double least = n ? at[0].bytes : 0;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(at[i].name, name) == 0)
			return at[i].bytes;
		least = fmin(least, at[i].bytes);
	}
	return n < CHECK_SHARES_MAX ? 0 : least;
}

/*
 * A rule about one type wants to know who holds that one: holders' names end with "(type)". Others want
 * the place where what is held parts, not every step of the way to it.
 */
static bool concerns(const struct check_finding *f, enum check_what what, const struct check_share *s)
{
	const char *type = strchr(f->name, ':'), *end = strrchr(s->name, '(');
	size_t n = type ? strlen(type + 1) : 0;
	if (f->kind != CHECK_TYPE && f->kind != CHECK_RETAINED)
		return what == CHECK_OF_TYPE || s->parts;
	return end && strncmp(end + 1, type + 1, n) == 0 && strcmp(end + 1 + n, ")") == 0;
}

/* Those that grew most, at least by a twentieth of the most. */
static void pick(struct check_finding *f, enum check_what what, const struct check_share *now, size_t n,
		 const struct check_share *base, size_t nbase)
{
	struct check_culprit best[CHECK_SHARE_CULPRITS + 1];
	size_t have = 0;
	for (size_t i = 0; i < n; i++) {
		struct check_culprit c = { .file = "",
					   .function = now[i].name,
					   .base = share_in(base, nbase, now[i].name),
					   .now = now[i].bytes,
					   .alone = !base,
					   .what = what };
		size_t at = have;
		if (c.now - c.base < 1 || !concerns(f, what, &now[i]))
			continue;
		while (at > 0 && c.now - c.base > best[at - 1].now - best[at - 1].base)
			at--;
		if (at >= CHECK_SHARE_CULPRITS)
			continue;
		have = have < CHECK_SHARE_CULPRITS ? have + 1 : have;
		memmove(&best[at + 1], &best[at], (have - 1 - at) * sizeof *best);
		best[at] = c;
	}
	for (size_t i = 0; i < have; i++)
		if (best[i].now - best[i].base >= SHARE_LEAST * (best[0].now - best[0].base))
			f->shares[f->nshares++] = best[i];
}

/* What is alive says nothing about what was made, and not which test made it. */
bool check_wants_shares(const struct check_finding *f)
{
	return check_wants_culprits(f) && f->rule->metric.kind != CHECK_TEST &&
	       f->kind != CHECK_ALLOC_BYTES && f->kind != CHECK_ALLOCS && f->kind != CHECK_FRAG;
}

void check_find_shares(const struct check_question *q, struct check_finding *f)
{
	bool rate = f->kind == CHECK_LEAK_RATE && q->least;
	const struct check_figures *now = q->now, *base = rate ? q->least : q->base;
	bool compared = base && base->types.len > 0;
	f->nshares = 0;
	f->older = now->attached && !check_needs_snapshot(f->kind) && f->kind != CHECK_RSS_PEAK;
	if (!check_wants_shares(f) ||
	    (rate && !compared)) /* what there is says nothing of what grows */
		return;
	pick(f, CHECK_OF_TYPE, now->types.at, now->types.len, compared ? base->types.at : NULL,
	     compared ? base->types.len : 0);
	pick(f, CHECK_HOLDER, now->holders.at, now->holders.len, compared ? base->holders.at : NULL,
	     compared ? base->holders.len : 0);
}
