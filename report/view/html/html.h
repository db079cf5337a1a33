/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files of the HTML view: one self-contained page, readable without scripts and
 * without styles, which a script (report/web) makes explorable. Internal to report/view.
 */
#ifndef PYMEMPROF_REPORT_VIEW_HTML_HTML_H
#define PYMEMPROF_REPORT_VIEW_HTML_HTML_H

#include "report/view/text.h"
#include "report/view/view.h"

#define HTML_TOP 20	   /* rows of a static table */

/* What was left out of the data so that the page keeps its size. */
struct html_merged {
	uint64_t places, live_bytes, alloc_bytes;
	double share; /* places below this share of every total were merged; 0: none */
	size_t recording_bytes; /* of the recording's file; 0: none was kept */
	bool recording_inside;
};

/* A comparison whose newest file the page is of. */
struct diff;
struct diff_options;
struct html_compare {
	const struct diff *diff;
	const struct diff_options *options;
};

/* The whole page; compare NULL: of one recording. Errors: those of view_draw. */
int html_page(const struct recording *r, const struct view_options *o,
	      const struct html_compare *compare, struct out *out, struct err *err) MUST_CHECK;
void html_diff(struct text *t, const struct html_compare *c); /* its static section */

/* The static sections, without scripts. Errors: NOMEM, and those of out_check. */
int html_static(struct text *t, const struct html_merged *merged,
		const struct html_compare *compare, struct err *err) MUST_CHECK;
int html_snapshot(struct text *t, struct err *err) MUST_CHECK; /* those of a snapshot */
int html_holders(struct text *t, struct err *err) MUST_CHECK;
int html_advice(struct text *t, const struct heap_model *m, struct err *err) MUST_CHECK;
bool html_has_holders(const struct recording *r);
void html_leaks(struct text *t);
void html_ledger(struct text *t, const struct heap_model *m);
void html_cost(struct text *t);
void html_limits(struct text *t, const struct html_merged *merged);
void html_about(struct text *t, bool compared);

/*
 * All data sections of at most max_bytes, appended to ret: as many places of the tree of
 * stacks as fit. *ret_merged says what was merged. When not even the smallest data fits, that
 * is written: the page is larger then. Errors: NOMEM.
 */
int html_data(const struct recording *r, const struct html_compare *compare, size_t max_bytes,
	      struct buf *ret, struct html_merged *ret_merged, struct err *err) MUST_CHECK;

/* Text of the target, visible and inert, in an element or a quoted attribute. */
void html_name(struct text *t, const char *s, size_t n);
void html_name_str(struct text *t, const char *s);

/* "put <span>cache.py:88</span>" of a frame, of the innermost one as a cell; the stack as a list. */
void html_frame(struct text *t, const struct stack_text *f, bool whole);
void html_place(struct text *t, uint32_t stack);
void html_stack(struct text *t, uint32_t stack);

/* A table: caption, then one heading per title; a title that begins with '#' is of figures. */
void html_table(struct text *t, const char *id, const char *caption, const char *const *titles,
		size_t n);
void html_table_end(struct text *t);

/* One cell of a figure, its exact value in a data attribute. */
void html_bytes(struct text *t, uint64_t bytes);
void html_exact_bytes(struct text *t, uint64_t bytes); /* never an estimate */
void html_count(struct text *t, uint64_t count);
void html_percent(struct text *t, uint64_t part, uint64_t whole);
/* The same with a bar behind it, as long as its share; and the classes of such a cell. */
void html_share_bytes(struct text *t, uint64_t bytes, uint64_t whole);
const char *html_share_class(uint64_t part, uint64_t whole);
void html_verdict(struct text *t, const char *words); /* a growth class, as a tag */
void html_words(struct text *t, const char *words); /* of ours */

/* The script and the style made at build time, and their hashes for the policy. */
extern const char html_script[], html_style[];
extern const size_t html_script_bytes, html_style_bytes;
extern const char html_script_hash[], html_style_hash[]; /* "sha256-…" */

#endif
