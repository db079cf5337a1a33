/* SPDX-License-Identifier: MIT */
/*
 * What changed between two or three files of the same program: by type, by site, by holder.
 * Everything is matched by names (a type's qualified name; files' last parts and functions of a
 * stack, without lines; the text of a path), never by address, so the files may come from
 * different processes, hosts and versions of the program.
 */
#ifndef PYMEMPROF_REPORT_MODEL_DIFF_H
#define PYMEMPROF_REPORT_MODEL_DIFF_H

#include "report/model/recording.h"

enum diff_by { DIFF_TYPE, DIFF_SITE, DIFF_HOLDER };
#define DIFF_BYS 3
#define DIFF_FILES_MAX 3

/* UNTOLD: a file does not tell this row, and what it leaves room for proves no change. */
enum diff_state { DIFF_SAME, DIFF_NEW, DIFF_GROWN, DIFF_SHRUNK, DIFF_GONE, DIFF_UNTOLD };
#define DIFF_STATES 6

struct diff_row {
	const char *name; /* type; "function file" of the innermost own frame; "type held by holder" */
	const char *type, *holder, *path; /* of DIFF_HOLDER, else "" */
	const struct recording *of; /* of DIFF_SITE: the newest file that has it, */
	uint32_t stack;		    /* and its stack there */
	uint32_t frame;		    /* the frame it is blamed on, in of->stacks; STACKS_NONE */
	uint64_t count[DIFF_FILES_MAX], bytes[DIFF_FILES_MAX]; /* per file, oldest first */
	/* Of DIFF_HOLDER: that file's snapshot does not tell this row; count and bytes are the most there may be. */
	bool untold[DIFF_FILES_MAX];
	int64_t delta_count, delta_bytes; /* last file against the first; at least so much when one is untold */
	/* Of three files: new in the second and still there in the third. */
	uint64_t kept_count, kept_bytes;
	enum diff_state state; /* by bytes, first against last */
};

struct diff_table {
	bool known; /* every file can answer */
	struct VEC(struct diff_row) rows; /* largest growth first; of three files, most kept first */
	uint64_t bytes[DIFF_FILES_MAX], count[DIFF_FILES_MAX]; /* sums */
	size_t counts[DIFF_STATES]; /* rows by state */
};

struct diff_note {
	unsigned by; /* of which tables, a bit each */
	const char *text;
};

struct diff {
	size_t nfiles;
	const struct recording *files[DIFF_FILES_MAX]; /* concluded; borrowed */
	struct diff_table by[DIFF_BYS];
	struct arena arena;
	struct VEC(struct diff_note) notes; /* what limits the comparison: one sentence each */
};

/*
 * Compare n (2 or 3) concluded recordings, oldest first; they must outlive *d. Errors: NOMEM;
 * USAGE when they have nothing in common that could be compared.
 */
int diff_make(struct diff *d, const struct recording *const *files, size_t n,
	      struct err *err) MUST_CHECK;
void diff_deinit(struct diff *d); /* accepts NULL and zeroed */

/* Bytes by which a row is worse: kept bytes of three files, else growth; 0 for anything else. */
uint64_t diff_worse(const struct diff *d, const struct diff_row *row);

/* Rows of one table that grew by at least so many bytes; and whether any did of the tables in `by`, a bit each. */
size_t diff_count_grown(const struct diff *d, enum diff_by by, uint64_t min_bytes);
bool diff_grew(const struct diff *d, unsigned by, uint64_t min_bytes);

/* Why a table is not known: "not every file has a recording". */
const char *diff_unknown_why(enum diff_by by);

const char *diff_by_name(enum diff_by by);	/* "type", "site", "holder" */
const char *diff_state_name(enum diff_state s); /* "same", "new", "grown", "shrunk", "gone", "untold" */

#endif
