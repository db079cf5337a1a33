/* SPDX-License-Identifier: MIT */
/*
 * One mapping per buffer: whole pages that hold the bytes at their end, then one without access.
 */
#include "tests/support/guard_alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_GUARDS 4096

struct guard {
	void *p;
	uint8_t *map;
	size_t map_bytes;
};

static struct guard guards[MAX_GUARDS];

static void die(const char *why)
{
	fprintf(stderr, "guard_alloc: %s\n", why);
	abort();
}

static struct guard *find(const void *p)
{
	for (size_t i = 0; i < MAX_GUARDS; i++) {
		if (guards[i].p == p)
			return &guards[i];
	}
	die(p ? "not a guarded buffer" : "too many buffers");
	return NULL;
}

void *guard_alloc(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t data_bytes = (n + page - 1) / page * page;
	struct guard *g = find(NULL);

	g->map_bytes = data_bytes + page;
	g->map = mmap(NULL, g->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (g->map == MAP_FAILED || mprotect(g->map + data_bytes, page, PROT_NONE) < 0)
		die("out of memory");
	memset(g->map, 0xa5, data_bytes);
	g->p = g->map + data_bytes - n;
	return g->p;
}

void *guard_copy(const void *bytes, size_t n)
{
	void *p = guard_alloc(n);

	if (n)
		memcpy(p, bytes, n);
	return p;
}

void guard_free(void *p)
{
	struct guard *g;

	if (!p)
		return;
	g = find(p);
	munmap(g->map, g->map_bytes);
	*g = (struct guard){ 0 };
}

void guard_freeze(void *p)
{
	struct guard *g = find(p);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (g->map_bytes > page)
		mprotect(g->map, g->map_bytes - page, PROT_READ);
}
