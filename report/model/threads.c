/* SPDX-License-Identifier: MIT */
/*
 * Threads are numbered by the tracer; a hostile file may number them wildly, so they are
 * found through a map and never used as an index.
 */
#include "report/model/threads.h"

#include <stdlib.h>
#include <string.h>

int threads_init(struct threads *t, struct err *err)
{
	memset(t, 0, sizeof *t);
	return strtab_new(&t->names, err);
}

void threads_deinit(struct threads *t)
{
	if (!t)
		return;
	strtab_free(t->names);
	map_deinit(&t->index);
	vec_deinit(&t->known);
	memset(t, 0, sizeof *t);
}

int threads_add(struct threads *t, const struct fact_thread *f, struct err *err)
{
	struct thread_identity who = { .thread = f->thread, .tid = f->tid };
	int r = strtab_add_str(t->names, f->name ? f->name : "", &who.name, err);
	if (r < 0)
		return r;
	bool fresh;
	uint64_t *at = map_add(&t->index, f->thread, t->known.len, &fresh);
	if (!at)
		return err_nomem(err);
	if (!fresh) {
		t->known.at[*at] = who;
		return 0;
	}
	if (vec_push(&t->known, who) < 0) {
		map_del(&t->index, f->thread, NULL);
		return err_nomem(err);
	}
	return 0;
}

struct rows VEC(struct thread_row);

static struct thread_row *row_of(struct rows *rows, struct map *where, uint32_t thread)
{
	bool fresh;
	uint64_t *at = map_add(where, thread, rows->len, &fresh);
	if (!at)
		return NULL;
	if (!fresh)
		return &rows->at[*at];
	struct thread_row *row = vec_add(rows);
	if (row) {
		row->thread = thread;
		row->name = "";
	}
	return row;
}

static void rank_site(struct thread_row *row, const struct sites *sites, uint32_t site)
{
	struct counters mine = sites_of(sites, site);
	uint64_t live = counters_live_bytes(&mine);
	for (size_t i = 0; i < THREADS_TOP && live > 0; i++) {
		struct counters other = sites_of(sites, row->top_sites[i]);
		if (row->top_sites[i] && counters_live_bytes(&other) >= live)
			continue;
		memmove(&row->top_sites[i + 1], &row->top_sites[i],
			(THREADS_TOP - 1 - i) * sizeof *row->top_sites);
		row->top_sites[i] = site;
		return;
	}
}

static int by_live(const void *a, const void *b)
{
	const struct thread_row *x = a, *y = b;
	uint64_t p = counters_live_bytes(&x->counters), q = counters_live_bytes(&y->counters);
	if (p != q)
		return p < q ? 1 : -1;
	return x->thread < y->thread ? -1 : x->thread > y->thread;
}

static int fill(const struct threads *t, const struct sites *sites, struct rows *rows,
		struct map *where)
{
	for (size_t i = 0; i < t->known.len; i++) {
		struct thread_row *row = row_of(rows, where, t->known.at[i].thread);
		if (!row)
			return ERR_NOMEM;
		row->tid = t->known.at[i].tid;
		row->name = strtab_get(t->names, t->known.at[i].name, NULL);
	}
	for (size_t i = 0; i < sites->by_site.len; i++) {
		struct thread_row *row = row_of(rows, where, sites->stacks->sites.at[i].thread);
		if (!row)
			return ERR_NOMEM;
		counters_add(&row->counters, &sites->by_site.at[i]);
		rank_site(row, sites, (uint32_t)i + 1);
	}
	return 0;
}

int threads_rows(const struct threads *t, const struct sites *sites, struct thread_row **ret,
		 size_t *ret_n, struct err *err)
{
	struct rows rows = VEC_INIT;
	AUTO_MAP struct map where = MAP_INIT;
	if (vec_reserve(&rows, 1) < 0 || fill(t, sites, &rows, &where) < 0) {
		vec_deinit(&rows);
		return err_nomem(err);
	}
	vec_sort(&rows, by_live);
	*ret = rows.at;
	*ret_n = rows.len;
	return 0;
}
