/* SPDX-License-Identifier: MIT */
/*
 * Whose the rows of sites are: what the page's choice of a thread reads. Most stacks belong to one
 * thread, so a row names it; only rows of several have their figures taken apart. Merged rows are
 * of nobody. Nothing is written when one thread made everything.
 */
#include <stdlib.h>
#include <string.h>

#include "report/view/html/data.h"

#define NOBODY 0
#define SEVERAL UINT32_MAX

struct owners {
	struct thread_row *threads; /* by falling live bytes */
	size_t nthreads;
	struct map number;   /* thread → place in threads, 1 more */
	uint32_t *row;	     /* by stack: row of sites, 1 more */
	uint32_t *of_row;    /* NOBODY, a place in threads, 1 more, or SEVERAL */
	size_t rows;
};

static void owners_deinit(struct owners *o)
{
	free(o->threads);
	map_deinit(&o->number);
	free(o->row);
	free(o->of_row);
}

static int owners_init(struct owners *o, const struct walk *w, struct err *err)
{
	const struct recording *r = w->r;
	int rc = threads_rows(&r->threads, &r->sites, &o->threads, &o->nthreads, err);

	for (size_t i = 0; rc == 0 && i < o->nthreads; i++)
		if (map_set(&o->number, o->threads[i].thread, i + 1) < 0)
			rc = err_nomem(err);
	for (size_t i = 0; i < w->places.len; i++)
		o->rows += walk_has_row(w, i);
	o->row = walk_rows_of_stacks(w);
	o->of_row = calloc(o->rows + 1, sizeof *o->of_row);
	return rc < 0 ? rc : o->row && o->of_row ? 0 : err_nomem(err);
}

/* The row of a site that did anything, or SIZE_MAX; its thread's place in threads, 1 more. */
static size_t row_of(const struct owners *o, const struct walk *w, size_t site, uint32_t *ret_thread)
{
	const struct stack_site *s = &w->r->stacks.sites.at[site];

	if (site >= w->r->sites.by_site.len || !w->r->sites.by_site.at[site].alloc_blocks || !o->row[s->stack])
		return SIZE_MAX;
	*ret_thread = (uint32_t)map_get(&o->number, s->thread, NOBODY);
	return o->row[s->stack] - 1;
}

static int put_names(const struct owners *o, struct pack *p, struct strtab *strings, struct buf *ret,
		     struct err *err)
{
	pack_begin(p, o->nthreads);
	pack_column(p, "name", 't');
	for (size_t i = 0; i < o->nthreads; i++)
		pack_number(p, pack_text(p, strings, o->threads[i].name, strlen(o->threads[i].name)));
	pack_column(p, "tid", 'u');
	for (size_t i = 0; i < o->nthreads; i++)
		pack_number(p, o->threads[i].tid);
	return pack_end(p, "threads", ret, err);
}

static int put_parts(const struct owners *o, const struct walk *w, struct pack *p, struct buf *ret, struct err *err)
{
	size_t n = 0, sites = w->r->stacks.sites.len;
	uint32_t thread;

	for (size_t i = 0; i < sites; i++) {
		size_t row = row_of(o, w, i, &thread);
		n += row != SIZE_MAX && o->of_row[row] == SEVERAL;
	}
	pack_begin(p, n);
	for (int column = 0; column < DATA_FIGURES + 2; column++) {
		pack_column(p, column < DATA_FIGURES ? data_figure_names[column] : column == DATA_FIGURES ? "row" : "thread", 'u');
		for (size_t i = 0; i < sites; i++) {
			size_t row = row_of(o, w, i, &thread);
			if (row == SIZE_MAX || o->of_row[row] != SEVERAL)
				continue;
			pack_number(p, column < DATA_FIGURES ? data_figure(&w->r->sites.by_site.at[i], column) :
				       column == DATA_FIGURES ? row : thread);
		}
	}
	return pack_end(p, "parts", ret, err);
}

int data_threads(const struct walk *w, struct pack *p, struct strtab *strings, struct buf *ret, struct err *err)
{
	struct owners o = { 0 };
	uint32_t thread, first = NOBODY;
	bool several = false;
	int rc = owners_init(&o, w, err);

	for (size_t i = 0; rc == 0 && i < w->r->stacks.sites.len; i++) {
		size_t row = row_of(&o, w, i, &thread);
		if (row == SIZE_MAX)
			continue;
		o.of_row[row] = o.of_row[row] == NOBODY || o.of_row[row] == thread ? thread : SEVERAL;
		several |= first != NOBODY && first != thread;
		first = thread;
	}
	if (rc == 0 && several) {
		rc = put_names(&o, p, strings, ret, err);
		pack_begin(p, o.rows);
		pack_column(p, "thread", 'u');
		for (size_t i = 0; i < o.rows; i++)
			pack_number(p, o.of_row[i] == SEVERAL ? NOBODY : o.of_row[i]);
		if (rc == 0)
			rc = pack_end(p, "owners", ret, err);
		if (rc == 0)
			rc = put_parts(&o, w, p, ret, err);
	}
	owners_deinit(&o);
	return rc;
}
