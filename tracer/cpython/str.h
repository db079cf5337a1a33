/* SPDX-License-Identifier: MIT */
/*
 * Text of a str object as valid UTF-8. Knows the three storage forms and nothing about types:
 * whether an address is a str is the caller's business.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_STR_H
#define PYMEMPROF_TRACER_CPYTHON_STR_H

#include <stdbool.h>

#include "base/err.h"
#include "tracer/cpython/layout.h"
#include "tracer/mem/source.h"

/* What a str's head says, and where its characters are. */
struct str_form {
	uint64_t length; /* characters */
	uint32_t kind;	 /* bytes a character: 1, 2, 4; 0: text was never made (legacy, ≤3.11) */
	bool ascii, compact;
	uint32_t head_bytes; /* of the struct in front of compact text */
	taddr data;	     /* null when the head at hand was too short to tell */
};

/*
 * From `avail` local bytes of the head of the str at addr. False when they contradict
 * themselves or do not reach the state word.
 */
bool str_form_of(const struct py_layout *layout, const uint8_t *head, size_t avail, taddr addr,
		 struct str_form *ret);

/* Errors: FAULT, GONE, CORRUPT (kind or length no str can have). */
int str_form(struct mem_source *mem, const struct py_layout *layout, taddr addr,
	     struct str_form *ret, struct err *err) MUST_CHECK;

/*
 * The str at addr as malloc'ed NUL-terminated UTF-8 (lone surrogates and NUL become U+FFFD);
 * the caller frees. At most max_chars are taken, the rest is left out silently. Errors as
 * str_form, and NOMEM.
 */
int str_read(struct mem_source *mem, const struct py_layout *layout, taddr addr, size_t max_chars,
	     char **ret, struct err *err) MUST_CHECK;

/*
 * The same into size bytes with its NUL, cut to fit, without an allocation: its length, or a
 * negative code (nothing is said why). size > 0.
 */
int str_copy(struct mem_source *mem, const struct py_layout *layout, taddr addr, char *ret,
	     size_t size) MUST_CHECK;

/* 1 when the str at addr is exactly the ASCII text s, 0 when not. Errors as str_form. */
int str_equals(struct mem_source *mem, const struct py_layout *layout, taddr addr, const char *s,
	       struct err *err) MUST_CHECK;

#endif
