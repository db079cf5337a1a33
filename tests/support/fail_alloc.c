/* SPDX-License-Identifier: MIT */
/*
 * The wrappers behind -Wl,--wrap. Counting is not thread-safe: suites of this project have
 * one thread.
 */
#include "tests/support/fail_alloc.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_RUNS 100000

static struct {
	unsigned long at; /* 0: off */
	unsigned long count;
	bool lasting;
	bool hit;
} state;

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t count, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t count, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

static bool fails_now(void)
{
	state.count++;
	if (state.at == 0 || state.count < state.at || (state.count > state.at && !state.lasting))
		return false;
	state.hit = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return fails_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails_now() ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
	return fails_now() ? NULL : __real_reallocarray(p, count, size);
}

char *__wrap_strdup(const char *s)
{
	return fails_now() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return fails_now() ? NULL : __real_strndup(s, n);
}

static void set(unsigned long n, bool lasting)
{
	state.at = n;
	state.lasting = lasting;
	state.count = 0;
	state.hit = false;
}

void fail_alloc_at(unsigned long n)
{
	set(n, false);
}

void fail_alloc_from(unsigned long n)
{
	set(n, true);
}

bool fail_alloc_hit(void)
{
	return state.hit;
}

unsigned long fail_alloc_count(void)
{
	return state.count;
}

bool fail_alloc_next(unsigned long *n)
{
	if (*n > 0 && !state.hit) {
		fail_alloc_at(0);
		return false;
	}
	if (++*n > MOST_RUNS) {
		fprintf(stderr, "fail_alloc: still failing after %d runs\n", MOST_RUNS);
		abort();
	}
	fail_alloc_at(*n);
	return true;
}
