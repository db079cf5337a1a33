/* SPDX-License-Identifier: MIT */
/*
 * Typed growable arrays. `struct VEC(struct foo)` declares one; the macros check sizes against
 * overflow and report failure instead of growing over it. Element pointers die with the next
 * growth.
 *
 *	struct VEC(struct foo) foos = VEC_INIT;
 *	if (vec_push(&foos, foo) < 0)
 *		return err_nomem(err);
 *	for (size_t i = 0; i < foos.len; i++)
 *		use(&foos.at[i]);
 *	vec_deinit(&foos);
 */
#ifndef PYMEMPROF_BASE_VEC_H
#define PYMEMPROF_BASE_VEC_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* The body of a vector struct: `struct VEC(int) v;`, or with a tag `struct ints VEC(int);`. */
#define VEC(type)                                                                                  \
	{                                                                                          \
		type *at;                                                                          \
		size_t len;                                                                        \
		size_t cap;                                                                        \
	}

#define VEC_INIT                                                                                   \
	{                                                                                          \
		0                                                                                  \
	}

/* Grow *at to hold len + more elements of size bytes: 0 or ERR_NOMEM with nothing changed. */
static inline int vec_grow_(void **at, size_t *cap, size_t len, size_t more, size_t size)
{
	size_t need, bytes, next = *cap ? *cap : 8;
	void *grown;

	if (__builtin_add_overflow(len, more, &need))
		return ERR_NOMEM;
	if (need <= *cap)
		return 0;
	while (next < need) {
		if (__builtin_add_overflow(next, next / 2 + 1, &next))
			return ERR_NOMEM;
	}
	if (__builtin_mul_overflow(next, size, &bytes))
		return ERR_NOMEM;
	grown = realloc(*at, bytes);
	if (!grown)
		return ERR_NOMEM;
	*at = grown;
	*cap = next;
	return 0;
}

/* Room for more elements beyond len: 0 or ERR_NOMEM. */
#define vec_reserve(v, more)                                                                       \
	({                                                                                         \
		void *vec_at_ = (v)->at;                                                           \
		int vec_r_ = vec_grow_(&vec_at_, &(v)->cap, (v)->len, (more), sizeof(*(v)->at));   \
		(v)->at = vec_at_;                                                                 \
		vec_r_;                                                                            \
	})

/* Append a copy of one element (an expression, or a compound literal in parentheses). */
#define vec_push(v, ...)                                                                           \
	({                                                                                         \
		__typeof__(*(v)->at) vec_elem_ = __VA_ARGS__;                                      \
		int vec_pr_ = vec_reserve((v), 1);                                                 \
		if (vec_pr_ == 0)                                                                  \
			(v)->at[(v)->len++] = vec_elem_;                                           \
		vec_pr_;                                                                           \
	})

/* Append a zeroed element and return its address, NULL when out of memory. */
#define vec_add(v)                                                                                 \
	({                                                                                         \
		__typeof__((v)->at) vec_new_ = NULL;                                               \
		if (vec_reserve((v), 1) == 0) {                                                    \
			vec_new_ = &(v)->at[(v)->len++];                                           \
			memset(vec_new_, 0, sizeof(*vec_new_));                                    \
		}                                                                                  \
		vec_new_;                                                                          \
	})

/* The last element's address; the vector must not be empty. */
#define vec_last(v) (&(v)->at[(v)->len - 1])

#define vec_clear(v) ((void)((v)->len = 0))

/* Accepts a zeroed vector; leaves it zeroed. Elements that own something are the caller's. */
#define vec_deinit(v)                                                                              \
	do {                                                                                       \
		free((v)->at);                                                                     \
		(v)->at = NULL;                                                                    \
		(v)->len = (v)->cap = 0;                                                           \
	} while (0)

#define vec_sort(v, cmp)                                                                           \
	do {                                                                                       \
		if ((v)->len > 1)                                                                  \
			qsort((v)->at, (v)->len, sizeof(*(v)->at), (cmp));                         \
	} while (0)

#endif
