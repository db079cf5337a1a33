/* SPDX-License-Identifier: MIT */
/*
 * A view turns a concluded recording into bytes of one format. Views own nothing but their
 * output buffer, know no files and no terminal: width, character set and colour are options.
 * views.c is the list of them.
 */
#ifndef PYMEMPROF_REPORT_VIEW_VIEW_H
#define PYMEMPROF_REPORT_VIEW_VIEW_H

#include "report/model/recording.h"
#include "report/view/out.h"

enum view_question {
	VIEW_SUMMARY,
	VIEW_LEAKS,
	VIEW_SITES,
	VIEW_FLAME,
	VIEW_TIMELINE,
	VIEW_THREADS,
	VIEW_TESTS,
	VIEW_TYPES, /* from here on: of a snapshot */
	VIEW_FRAGMENTATION,
	VIEW_LEDGER,
	VIEW_GC,
	VIEW_HOLDERS,
	VIEW_PATHS,
	VIEW_MODULES,
	VIEW_REFCOUNTS,
	VIEW_ADVICE,
};
#define VIEW_QUESTIONS 16

struct view_options {
	enum view_question question;
	enum sites_metric metric; /* order of sites, weight of flames */
	size_t top;		  /* rows; 0: the view's own choice */
	unsigned width;		  /* columns; at least VIEW_WIDTH_MIN */
	bool utf8, colour;
	size_t max_bytes;	  /* of an HTML page; 0: HTML_BYTES_MAX */
	/* The recording's file, carried in an HTML page when it fits; NULL: none, or larger than the page. */
	const void *source;
	size_t source_bytes;
	const char *path; /* of VIEW_PATHS: a type or "0x…"; NULL: the largest */
	const char *file; /* what was read, for the commands under NEXT; NULL: nothing was kept */
};

#define HTML_BYTES_MAX 2000000 /* of a page, unless asked otherwise */
#define VIEW_WIDTH 80
#define VIEW_WIDTH_MIN 72
#define VIEW_WIDTH_MAX 100

struct view {
	const char *name;    /* as in --format */
	const char *summary; /* one line for --help */
	unsigned questions;  /* bit per question it can answer */
	bool binary;	     /* no text: not for a terminal */
	bool recorded;	     /* says who allocated, nothing else: a snapshot has nothing for it */
	/* Errors: NOMEM, and those of out_check. The caller flushes. */
	int (*draw)(const struct recording *r, const struct view_options *o, struct out *out,
		    struct err *err);
};

extern const struct view view_text, view_json, view_csv, view_folded, view_html, view_speedscope, view_pprof, view_digest;

/* NULL-terminated list. */
extern const struct view *const views[];

/* NULL when there is no such view. */
const struct view *view_find(const char *name);

/* "summary" …; parse: USAGE with the list of names. */
const char *view_question_name(enum view_question q);
int view_question_parse(const char *name, enum view_question *ret, struct err *err) MUST_CHECK;

/*
 * Can the view answer the question, of a snapshot without a recording? Errors: USAGE, hint
 * "needs-recording".
 */
int view_check(const struct view *v, enum view_question q, bool snapshot, struct err *err) MUST_CHECK;

/* Is the metric known, when the view is one of it alone or was asked for it? Of a concluded recording. Errors: USAGE. */
int view_check_metric(const struct view *v, const struct recording *r, enum sites_metric metric, struct err *err) MUST_CHECK;

/* Draw after those checks. Errors: USAGE and draw's. */
int view_draw(const struct view *v, const struct recording *r, const struct view_options *o,
	      struct out *out, struct err *err) MUST_CHECK;

#endif
