/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files that write the data sections: the places chosen for one page, and the
 * tables made of them. Internal to report/view/html.
 */
#ifndef PYMEMPROF_REPORT_VIEW_HTML_DATA_H
#define PYMEMPROF_REPORT_VIEW_HTML_DATA_H

#include "report/view/html/html.h"
#include "report/view/html/pack.h"

/* A place entry that stands for all small children of a caller. */
#define MERGED UINT32_C(0x80000000)

struct walk {
	const struct html_compare *compare; /* NULL: none */
	const struct recording *r;
	struct tree tree;
	struct counters *sums; /* by place, with everything below it */
	struct counters whole;
	double share;
	struct VEC(uint32_t) places; /* in order of output; MERGED | caller for merged rests */
	struct VEC(uint16_t) depths;
	struct VEC(struct counters) rests; /* of the merged entries, in order */
	struct VEC(uint32_t) counts;	   /* places in each rest */
	struct html_merged merged;
};

/* Figures of counters as the page has them, by column. */
#define DATA_FIGURES 8
extern const char *const data_figure_names[DATA_FIGURES];
uint64_t data_figure(const struct counters *c, int column);

/* Its share of every total is below w->share: it goes into its caller's rest. */
bool walk_small(const struct walk *w, uint32_t place);

/* Rows of the table of sites: entries of w->places with figures of their own. */
bool walk_has_row(const struct walk *w, size_t entry);

/* Rows of sites by stack, 1 more; 0: merged, or nothing happened there. malloc'ed; NULL: no memory. */
uint32_t *walk_rows_of_stacks(const struct walk *w);

/*
 * Tables appended to ret. series: live bytes over time of each row of sites, and the times;
 * threads: whose the rows of sites are; nothing for one thread;
 * suspects: accused rows of the leaks, leads before their parts, each with its row of sites, 1 more,
 * 0 for one that was merged. Errors: NOMEM.
 */
int data_series(const struct walk *w, struct pack *p, struct buf *ret, struct err *err) MUST_CHECK;
int data_threads(const struct walk *w, struct pack *p, struct strtab *strings, struct buf *ret,
		 struct err *err) MUST_CHECK;
int data_suspects(const struct walk *w, struct pack *p, struct strtab *strings, struct buf *ret,
		  struct err *err) MUST_CHECK;
int data_types(const struct heap_model *m, const struct heap_model *old, struct pack *p,
	       struct strtab *strings, struct buf *ret, struct err *err) MUST_CHECK;
int data_diff(const struct diff *d, struct pack *p, struct strtab *strings, struct buf *ret,
	      struct err *err) MUST_CHECK;
/* Nothing when the recording has no holders. */
int data_holders(const struct recording *r, struct pack *p, struct strtab *strings, struct buf *ret,
		 struct err *err) MUST_CHECK;
int data_arenas(const struct recording *r, const struct heap_model *m, struct pack *p,
		struct strtab *strings,
		struct buf *ret, struct err *err) MUST_CHECK;
/* Where objects of each type were made; site_row as walk_rows_of_stacks. */
int data_made(const struct recording *r, const struct heap_model *m, const uint32_t *site_row,
	      struct pack *p, struct strtab *strings, struct buf *ret, struct err *err) MUST_CHECK;
int data_snapshots(const struct heaps *h, struct pack *p, struct buf *ret,
		   struct err *err) MUST_CHECK;

#endif
