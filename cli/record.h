/* SPDX-License-Identifier: MIT */
/*
 * What attach and run share: their options, progress, signals, the file that is kept and the
 * report at the end.
 */
#ifndef PYMEMPROF_CLI_RECORD_H
#define PYMEMPROF_CLI_RECORD_H

#include "cli/command.h"
#include "tracer/session.h"

/* Rows of the option tables of both commands; what they say differently is given. */
#define RECORD_OPTIONS(output_words, snapshot_words)                                               \
	{ 'o', "output", "FILE", output_words, NULL, NULL },                                      \
		{ 0, "html", "FILE", "also write a page for browsers to FILE", NULL, NULL },       \
		{ 'f', "force", NULL, "replace FILE when it exists", NULL, NULL },                 \
		{ 'd', "duration", "TIME", "end after 30s, 5m, 2h …", NULL, NULL },                \
		{ 0,	   "sample",                                                               \
		  "BYTES", "one sample every BYTES on average: cheaper, figures become ~",         \
		  NULL,	   NULL },                                                                 \
		{ 0,                                                                               \
		  "on-full",                                                                       \
		  "POLICY",                                                                        \
		  "when we are too slow: block (default) or drop",                                 \
		  "block drop",                                                                    \
		  NULL },                                                                          \
		{ 0,	  "stall-limit",                                                           \
		  "TIME", "longest the program waits at once before events are dropped (10s)",        \
		  NULL,	  NULL },                                                                  \
		{ 0, "events", NULL, "keep every event in FILE, not only sums", NULL, NULL },      \
		{ 0,	"window", "SLOTS", "blocks that may die unseen; a power of two, 0: none",  \
		  NULL, NULL },                                                                    \
		{ 0, "interval", "TIME", "resolution of the time series", NULL, NULL },            \
		{ 0, "no-snapshot", NULL, snapshot_words, NULL, NULL },                    \
		{ 0, "max-frames", "N", "frames kept of a stack, innermost first", NULL, NULL },   \
		{ 0,	     "suppressions",                                                       \
		  "FILE",    "suspects that are explained, with reasons",                          \
		  NULL,	     NULL },                                                               \
		{ 0,	     "assume-layout",                                                      \
		  "VERSION", "treat an unknown Python like this one (3.15)",                       \
		  NULL,	     NULL },                                                               \
		{ 'F',                                                                             \
		  "format",                                                                        \
		  "FORMAT",                                                                        \
		  "of the report at the end: text, html, json, csv, folded, speedscope, pprof",          \
		  "text html json csv folded speedscope pprof",                                         \
		  NULL },                                                                          \
	{                                                                                          \
		0, "trace-python-allocators", NULL, NULL, NULL, NULL                               \
	}

/* How the session is started; the rest is the same for both. */
struct record_job {
	pid_t pid;	   /* attach: 0 when argv is set */
	char *const *argv; /* run */
};

/*
 * Record, keep, report. Returns the exit status: for run the program's own (128 + signal when
 * it was killed), else STATUS_FINE or STATUS_INCOMPLETE. Errors: USAGE, those of the session,
 * and those of writing, then after the report was printed.
 */
int record(struct cli *cli, const struct opt_args *args, const struct record_job *job,
	   struct err *err) MUST_CHECK;

/* What the audit after a detach found, in words, into buf. Returns buf. */
const char *record_audit(const struct session_audit *audit, char *buf, size_t cap);

#endif
