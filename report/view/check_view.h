/* SPDX-License-Identifier: MIT */
/*
 * What a gate found, in the formats that people and build servers read. Views write to an
 * out and know no files; check_views.c is the list of them.
 */
#ifndef PYMEMPROF_REPORT_VIEW_CHECK_VIEW_H
#define PYMEMPROF_REPORT_VIEW_CHECK_VIEW_H

#include "report/model/check.h"
#include "report/view/out.h"

#define CHECK_NOTES_MAX 16

struct check_report {
	const char *name; /* of the job: last component of the program or file */
	const struct check_question *question;
	const struct check_answer *answer;
	const char *notes[CHECK_NOTES_MAX]; /* what a reader must know first */
	size_t nnotes;
	const char *place; /* file to look at where no line is known: the budget or the script */
	const char *why; /* nothing was judged, or not to be trusted (status 4, 6); else NULL */
	int status;	 /* exit status of the check */
	int exit_status; /* of the program; -1: none was started, or it has not ended */
	unsigned runs;
};

struct check_view {
	const char *name; /* as in --report */
	void (*draw)(const struct check_report *r, struct out *out);
};

extern const struct check_view check_view_text, check_view_json, check_view_markdown,
	check_view_junit, check_view_sarif, check_view_github, check_view_gitlab,
	check_view_bencher, check_view_ghbench;

/* NULL-terminated list. */
extern const struct check_view *const check_views[];

/* Errors: USAGE with the list of names. n bytes of name. */
int check_view_find(const char *name, size_t n, const struct check_view **ret,
		    struct err *err) MUST_CHECK;

/* Second layer of escaping, after escape.h made text harmless on one line. */
enum check_escape {
	CHECK_XML,
	CHECK_MARKDOWN,
	CHECK_COMMAND,	/* message of a GitHub workflow command */
	CHECK_PROPERTY, /* property of one */
	CHECK_URI,	/* path of a URI reference; of the raw name */
};
void check_put(struct out *out, enum check_escape to, const char *text);

#define CHECK_VALUE_MAX 48

/* A figure with its unit as people read it, "1.5 MiB", "30.0 %"; delta: with its sign. */
const char *check_value(enum check_kind kind, double v, bool delta, char buf[CHECK_VALUE_MAX]);

/* The figure as a JSON number, exact; null when it is not known. */
const char *check_number(double v, char buf[CHECK_VALUE_MAX]);

/* "; +3.9 MiB of it for feed/read.py:30 load", escaped; nothing when no caller is told. */
void check_put_caller(struct out *out, enum check_escape to, const struct check_culprit *c,
		      enum check_kind kind);

/* "; 2.2 MiB of it at line 4"; nothing when that line has it all. */
void check_put_line(struct out *out, const struct check_culprit *c, enum check_kind kind);

/* "type str", "held by dict store.SESSIONS" into buf: names of the target, to be escaped. */
#define CHECK_SENTENCE_MAX 480
const char *check_share_words(const struct check_figures *now, const struct check_finding *f,
			      const struct check_culprit *c, char buf[CHECK_SENTENCE_MAX]);

/* Types and holders are of the whole heap, the figure of what was made since the attach. */
#define CHECK_OLDER "of the whole heap, with what was there before the recording:"
bool check_shares_older(const struct check_finding *f);

/* "peak 3.2 MiB is above the limit of 3.0 MiB" … into buf. The names of types
 * and tests are the target's: to be escaped. */
const char *check_sentence(const struct check_finding *f, char buf[CHECK_SENTENCE_MAX]);

/* Findings that a build server shows: failed, and warned. */
bool check_is_told(const struct check_finding *f);

/* The largest culprit that lies in a file, not in what is frozen or typed; NULL: none. */
const struct check_culprit *check_place_of_finding(const struct check_finding *f);

/* What came of it, in one or two words: "FAILED", "passed" … */
const char *check_headline(const struct check_report *r);

/* Stable over runs and lines: 16 hexadecimal digits of rule and place; f NULL: of nothing having been measured. */
const char *check_fingerprint(const struct check_finding *f, char buf[CHECK_VALUE_MAX]);

#endif
