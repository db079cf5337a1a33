/* SPDX-License-Identifier: MIT */
/* Texts that were looked at once and must not change unnoticed. */
#ifndef PYMEMPROF_TESTS_REPORT_GOLDEN_H
#define PYMEMPROF_TESTS_REPORT_GOLDEN_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

#define GOLDEN_BYTES_MAX ((size_t)1 << 17)

static inline char *golden_read(const char *path)
{
	AUTO_FCLOSE FILE *f = fopen(path, "re");
	cr_assert(f, "%s is missing", path);
	char *text = calloc(1, GOLDEN_BYTES_MAX);
	cr_assert(text);
	cr_assert_lt(fread(text, 1, GOLDEN_BYTES_MAX - 1, f), GOLDEN_BYTES_MAX - 1);
	return text;
}

/* With PYMEMPROF_GOLDEN=write the golden files are made anew: read the difference. */
static inline void golden_compare(const char *path, const char *text)
{
	const char *mode = getenv("PYMEMPROF_GOLDEN");
	if (mode && strcmp(mode, "write") == 0) {
		AUTO_FCLOSE FILE *f = fopen(path, "we");
		cr_assert(f);
		fputs(text, f);
		return;
	}
	AUTO_FREE char *want = golden_read(path);
	cr_assert_str_eq(text, want, "%s differs; PYMEMPROF_GOLDEN=write makes it anew", path);
}

#endif
