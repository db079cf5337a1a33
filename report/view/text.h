/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files of the text view: what is drawn, for whom, and the few ways lines are
 * made. Internal to report/view.
 */
#ifndef PYMEMPROF_REPORT_VIEW_TEXT_H
#define PYMEMPROF_REPORT_VIEW_TEXT_H

#include "report/model/lines.h"
#include "report/view/units.h"
#include "report/view/view.h"

struct text {
	const struct recording *r;
	const struct view_options *o;
	struct out *out;
	size_t width;
	const char *about; /* "~" before estimates, else "" */
};

enum text_role { TEXT_PLAIN, TEXT_STRONG, TEXT_BAD, TEXT_GOOD, TEXT_DIM };

/* s in the colours of a role; nothing around it when colour is off. */
void text_in_role(struct text *t, enum text_role role, const char *s);

/* A section that nothing was recorded for: its title and why. False: something was, and nothing is written. */
bool text_not_known(struct text *t, const char *title);

/* A heading in bold, padded to `columns`. */
void text_heading(struct text *t, const char *s, size_t columns);

/*
 * Words of text, broken at spaces so that no line passes the width. The first line starts
 * after `label` (padded to indent), the others are indented. text is already safe to print.
 */
void text_wrapped(struct text *t, const char *label, size_t indent, const char *safe_text);

/* Escaped text of the target cut to `columns` (in the middle) and padded when pad is true. */
void text_name(struct text *t, const char *s, size_t n, size_t columns, bool pad);

/*
 * "function file:line" of the innermost frame in exactly `columns` columns: the path loses its
 * leading folders first, the line number never is cut.
 */
void text_place(struct text *t, uint32_t stack, size_t columns);

/* The same of a frame (index into stacks.frames). */
void text_frame_place(struct text *t, uint32_t frame, size_t columns);
/*
 * A line in `room` columns, of which the last `ways` say how many stacks lead there, " in 14 stacks" or, where
 * room is scarce, " x14"; and the ways n of them want.
 */
void text_line_place(struct text *t, const struct line *line, size_t room, size_t ways);
size_t text_ways_columns(const struct line *lines, size_t n, size_t room);

/* The columns that takes when nothing is cut but folders. */
size_t text_frame_columns(const struct text *t, uint32_t frame);

/*
 * A whole stack, innermost first, "put app/cache.py:88 < handle worker.py:140 < serve :77",
 * wrapped like the above: the first file with its path, the others by name, none twice in a row.
 */
void text_stack(struct text *t, const char *label, size_t indent, uint32_t stack,
		size_t max_frames);

/* One character per value, lowest to highest over [0, top]. */
void text_spark(struct text *t, const uint64_t *values, size_t n, uint64_t top);

/* Figures with the estimate mark. */
const char *text_bytes(const struct text *t, struct units *buf, uint64_t bytes);
const char *text_count(const struct text *t, struct units *buf, uint64_t count);
const char *text_rate(const struct text *t, struct units *buf, double bytes_per_s);

/* The verdict's one word and its sentence, as every face says them. */
#define TEXT_VERDICT_MAX (GROWTH_REASON_MAX + 160)
enum text_role text_verdict(struct text *t, const char **ret_head, char words[TEXT_VERDICT_MAX]);

/* What the snapshot says about fragmentation, one sentence. */
#define TEXT_FRAGMENTATION_MAX 400
void text_fragmentation(const struct heap_model *m, char line[TEXT_FRAGMENTATION_MAX]);

/* Sections. */
void text_section_header(struct text *t);
void text_section_verdict(struct text *t);
void text_section_memory(struct text *t);
void text_section_suspects(struct text *t, size_t top);
void text_section_explained(struct text *t, size_t top);
int text_section_acquitted(struct text *t, size_t top, struct err *err) MUST_CHECK;
int text_section_sites(struct text *t, size_t top, struct err *err) MUST_CHECK;
int text_section_flame(struct text *t, size_t top, struct err *err) MUST_CHECK;
int text_section_threads(struct text *t, size_t top, struct err *err) MUST_CHECK;
void text_section_timeline(struct text *t);
int text_section_tests(struct text *t, size_t top, struct err *err) MUST_CHECK;
int text_section_types(struct text *t, size_t top, struct err *err) MUST_CHECK;
int text_section_fragmentation(struct text *t, size_t top, struct err *err) MUST_CHECK;
void text_section_ledger(struct text *t);
void text_section_gc(struct text *t, size_t top);
void text_section_holders(struct text *t, size_t top);
int text_section_paths(struct text *t, size_t top, struct err *err) MUST_CHECK;
int text_section_modules(struct text *t, size_t top, struct err *err) MUST_CHECK;
int text_section_refcounts(struct text *t, size_t top, struct err *err) MUST_CHECK;
int text_section_advice(struct text *t, size_t top, struct err *err) MUST_CHECK;
#define TEXT_COST_MAX 400
/* What it cost the target and us, in one sentence without its end. False: nothing is known. */
bool text_cost(const struct recording *r, char words[TEXT_COST_MAX]);
void text_section_cost(struct text *t);
void text_section_limits(struct text *t);
void text_section_next(struct text *t);

#endif
