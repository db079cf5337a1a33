/* SPDX-License-Identifier: MIT */
/*
 * Makes the n-th allocation fail, in our code only: the linker wraps malloc, calloc, realloc,
 * strdup, strndup and reallocarray of the objects in a suite, not those of libraries it loads.
 *
 *	FAIL_ALLOC_EACH {
 *		struct foo *foo = NULL;
 *		int r = foo_new(&foo, NULL);
 *
 *		cr_assert(r == 0 || (r == ERR_NOMEM && fail_alloc_hit()));
 *		foo_free(foo);
 *	}
 *
 * runs the body with the first allocation failing, then the second, … until a run in which
 * none failed.
 */
#ifndef PYMEMPROF_TESTS_SUPPORT_FAIL_ALLOC_H
#define PYMEMPROF_TESTS_SUPPORT_FAIL_ALLOC_H

#include <stdbool.h>

/* The n-th allocation from now (first is 1) returns NULL, once; 0 switches failing off. */
void fail_alloc_at(unsigned long n);

/* All allocations from the n-th on fail; 0 switches failing off. */
void fail_alloc_from(unsigned long n);

/* An allocation has failed since the last fail_alloc_at or fail_alloc_from. */
bool fail_alloc_hit(void);

/* Allocations since then. */
unsigned long fail_alloc_count(void);

bool fail_alloc_next(unsigned long *n);

#define FAIL_ALLOC_EACH for (unsigned long fail_n_ = 0; fail_alloc_next(&fail_n_);)

#endif
