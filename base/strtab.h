/* SPDX-License-Identifier: MIT */
/*
 * Interned strings: equal bytes get equal 32-bit ids, counted up from 0. Id 0 is always the
 * empty string. Strings may hold any byte, NUL included, and are stored with a NUL after them.
 */
#ifndef PYMEMPROF_BASE_STRTAB_H
#define PYMEMPROF_BASE_STRTAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct strtab;

#define STRTAB_NONE UINT32_MAX

/* Errors: NOMEM. */
int strtab_new(struct strtab **ret, struct err *err) MUST_CHECK;
void strtab_free(struct strtab *t); /* accepts NULL */

/* The id of n bytes, added when new. Errors: NOMEM (also when 2^32-2 ids are taken). */
int strtab_add(struct strtab *t, const char *s, size_t n, uint32_t *ret,
	       struct err *err) MUST_CHECK;
int strtab_add_str(struct strtab *t, const char *s, uint32_t *ret, struct err *err) MUST_CHECK;

/* The id when present, STRTAB_NONE otherwise; adds nothing. */
uint32_t strtab_find(const struct strtab *t, const char *s, size_t n);

/* Borrowed as long as the table lives; "" for an id never given out. ret_len may be NULL. */
const char *strtab_get(const struct strtab *t, uint32_t id, size_t *ret_len);

/* Number of ids given out (at least 1), and bytes held. */
uint32_t strtab_count(const struct strtab *t);
size_t strtab_bytes(const struct strtab *t);

#endif
