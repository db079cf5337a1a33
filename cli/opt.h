/* SPDX-License-Identifier: MIT */
/*
 * One option table per command gives parsing, --help and shell completion. Words after "--"
 * are the program's and never looked at.
 */
#ifndef PYMEMPROF_CLI_OPT_H
#define PYMEMPROF_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct opt {
	char letter;	      /* 0: long form only */
	const char *name;     /* long form; ends the table when NULL */
	const char *argument; /* "FILE"; NULL: takes none */
	const char *help;     /* one line; NULL: accepted but not shown (an alias) */
	const char *choices;  /* "text json csv": for completion; NULL: free */
	const char *same_as;  /* long name of the option this one is another spelling of, or NULL */
};

#define OPT_MAX 32 /* options in one table */

/* One value as it was given; option is its place in the table. */
struct opt_one {
	size_t option;
	const char *value;
};

/* What was given. Zeroed is empty. Strings are those of argv. */
struct opt_args {
	const struct opt *table;
	unsigned count[OPT_MAX];
	const char *value[OPT_MAX]; /* the last one given */
	char **words;		    /* what is no option, in order; points into a private array */
	size_t nwords;
	struct opt_one *all; /* every value, in order */
	size_t nall;
	char **program; /* NULL-terminated, after "--"; NULL when there was no "--" */
};

/*
 * Parse argv[0…argc). stop_at_word: end at the first word that is no option, *ret_used tells
 * where. Errors: USAGE naming the option; NOMEM.
 */
int opt_parse(const struct opt *table, int argc, char **argv, bool stop_at_word,
	      struct opt_args *ret, int *ret_used, struct err *err) MUST_CHECK;
void opt_deinit(struct opt_args *a); /* accepts NULL and zeroed */

/* Was it given, how often, and with what? name is the long form and must be in the table. */
bool opt_given(const struct opt_args *a, const char *name);
unsigned opt_count(const struct opt_args *a, const char *name);
const char *opt_value(const struct opt_args *a, const char *name); /* NULL: not given */
/* All values of an option that may be repeated: start with *at = 0; NULL after the last. */
const char *opt_next(const struct opt_args *a, const char *name, size_t *at);

/* "30", "30s", "1500ms", "5m", "2h" → ns. Errors: USAGE. */
int opt_duration(const char *option, const char *text, uint64_t *ret_ns,
		 struct err *err) MUST_CHECK;
/* "65536", "64K", "64KiB", "1MB" (powers of 1000 with B, of 1024 without or with iB). Errors: USAGE. */
int opt_size(const char *option, const char *text, uint64_t *ret_bytes, struct err *err) MUST_CHECK;
/* Decimal number in [least, most]. Errors: USAGE. */
int opt_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *ret,
	       struct err *err) MUST_CHECK;
int opt_pid(const char *text, uint64_t *ret, struct err *err) MUST_CHECK;
/* One of the words of choices; *ret is its place. Errors: USAGE. */
int opt_choice(const char *option, const char *text, const char *choices, int *ret,
	       struct err *err) MUST_CHECK;

#endif
