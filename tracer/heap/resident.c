/* SPDX-License-Identifier: MIT */
/*
 * Claims are kept by mapping and line, so that a mapping whose claims exceed what the kernel
 * charges (zero pages are present in pagemap and not in Rss: mm/memory.c, vm_normal_page) can be
 * brought back to the truth; what had to give is marked as an estimate.
 */
#include "tracer/heap/resident.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

#define PAGES_LEAST (UINT64_C(1) << 20)
#define PAGES_PER_RESIDENT 256
#define PAGE UINT64_C(4096)
#define GUARD_BYTES_MAX (UINT64_C(64) << 10)

struct resident_range {
	uint64_t start, end, rss, swap;
	uint64_t *present; /* bit per page; NULL: all or nothing, by `whole` */
	bool whole;
	bool file; /* shows a file: nobody claims parts of it */
	enum resident_line rest;
	uint64_t claimed[RESIDENT_LINES];
};

struct resident {
	struct resident_range *ranges;
	size_t count, hint;
	bool estimate; /* no pagemap */
	uint64_t rss, swap;
	uint64_t line[RESIDENT_LINES];
	bool inexact[RESIDENT_LINES];
};

static const struct {
	const char *code, *label;
} lines[RESIDENT_LINES] = {
	[RESIDENT_OBJECTS] = { "objects", "Python objects in arenas" },
	[RESIDENT_BUFFERS] = { "buffers", "their buffers in arenas" },
	[RESIDENT_FREE_LISTS] = { "free_lists", "free lists (dead objects kept for reuse)" },
	[RESIDENT_UNKNOWN] = { "unknown_blocks", "arena blocks of unknown use" },
	[RESIDENT_FREE_BLOCKS] = { "free_blocks", "free blocks in used pools" },
	[RESIDENT_FREE_POOLS] = { "free_pools", "free pools" },
	[RESIDENT_POOL_OVERHEAD] = { "pool_overhead", "pool headers, tails, alignment" },
	[RESIDENT_FRAMES] = { "frames", "Python frame stacks" },
	[RESIDENT_LARGE] = { "large_blocks", "malloc: large blocks of Python objects" },
	[RESIDENT_MALLOC_USED] = { "malloc_used", "malloc: other blocks in use" },
	[RESIDENT_MALLOC_CACHED] = { "malloc_cached", "malloc: cached by threads" },
	[RESIDENT_MALLOC_FREE] = { "malloc_free", "malloc: free and top" },
	[RESIDENT_MAPPED_PYTHON] = { "mapped_python", "own mappings of Python objects' memory" },
	[RESIDENT_MAPPED_OTHER] = { "mapped_other", "own mappings of other malloc blocks" },
	[RESIDENT_STACKS] = { "stacks", "thread stacks" },
	[RESIDENT_PYTHON] = { "python", "the interpreter's text and data" },
	[RESIDENT_LIBRARIES] = { "libraries", "shared libraries" },
	[RESIDENT_FILES] = { "files", "other mapped files" },
	[RESIDENT_SHARED] = { "shared", "shared memory" },
	[RESIDENT_KERNEL] = { "kernel", "pages of the kernel (vdso)" },
	[RESIDENT_AGENT] = { "agent", "pymemprof's agent" },
	[RESIDENT_UNEXPLAINED] = { "unexplained", "unexplained" },
};

/* Whose claims give way first when a mapping has fewer resident bytes than claimed. */
static const enum resident_line yielding[] = {
	RESIDENT_FREE_POOLS,   RESIDENT_MALLOC_FREE,   RESIDENT_FREE_BLOCKS, RESIDENT_MALLOC_CACHED,
	RESIDENT_MAPPED_OTHER, RESIDENT_MALLOC_USED,   RESIDENT_UNKNOWN,     RESIDENT_FREE_LISTS,
	RESIDENT_FRAMES,       RESIDENT_MAPPED_PYTHON, RESIDENT_LARGE,	     RESIDENT_POOL_OVERHEAD,
	RESIDENT_BUFFERS,      RESIDENT_OBJECTS,       RESIDENT_STACKS,	     RESIDENT_PYTHON,
	RESIDENT_LIBRARIES,    RESIDENT_FILES,	       RESIDENT_SHARED,	     RESIDENT_KERNEL,
	RESIDENT_AGENT,	       RESIDENT_UNEXPLAINED,
};

static_assert(sizeof(yielding) / sizeof(*yielding) == RESIDENT_LINES, "every line may give way");

static bool is_library(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	return strstr(name, ".so") != NULL;
}

/* An old stack kept by the C library for the next thread: a small guard lies below it. */
static bool looks_like_stack(const struct maps *m, size_t i)
{
	const struct map_range *guard, *r = &m->ranges[i];

	if (i == 0 || (r->flags & (MAP_R | MAP_W | MAP_X)) != (MAP_R | MAP_W))
		return false;
	guard = &m->ranges[i - 1];
	return guard->end == r->start && !*guard->path &&
	       !(guard->flags & (MAP_R | MAP_W | MAP_X)) &&
	       guard->end - guard->start <= GUARD_BYTES_MAX;
}

static enum resident_line default_line(const struct maps *m, size_t i, enum resident_line before)
{
	const struct map_range *r = &m->ranges[i];

	if (r->flags & MAP_SHARED_MAP || !strncmp(r->path, "/dev/shm/", 9) ||
	    !strncmp(r->path, "/memfd:", 7) || !strncmp(r->path, "/SYSV", 5))
		return RESIDENT_SHARED;
	if (*r->path == '/')
		return is_library(r->path) ? RESIDENT_LIBRARIES : RESIDENT_FILES;
	if (!strncmp(r->path, "[stack", 6))
		return RESIDENT_STACKS;
	if (!strncmp(r->path, "[v", 2) || !strcmp(r->path, "[uprobes]"))
		return RESIDENT_KERNEL;
	/* bss: nameless, writable, right behind the file's data */
	if (!*r->path && i > 0 && m->ranges[i - 1].end == r->start && r->flags & MAP_W &&
	    m->ranges[i - 1].flags & MAP_W && *m->ranges[i - 1].path == '/')
		return before;
	return looks_like_stack(m, i) ? RESIDENT_STACKS : RESIDENT_UNEXPLAINED;
}

int resident_new(const struct smaps *usage, struct resident **ret, struct err *err)
{
	struct resident *r = calloc(1, sizeof(*r));
	enum resident_line line = RESIDENT_UNEXPLAINED;

	if (!r)
		return err_nomem(err);
	r->ranges = calloc(usage->maps.count + 1, sizeof(*r->ranges));
	if (!r->ranges) {
		free(r);
		return err_nomem(err);
	}
	r->estimate = true;
	r->count = usage->maps.count;
	for (size_t i = 0; i < r->count; i++) {
		struct resident_range *x = &r->ranges[i];

		line = default_line(&usage->maps, i, line);
		*x = (struct resident_range){ .start = usage->maps.ranges[i].start,
					      .end = usage->maps.ranges[i].end,
					      .rss = usage->usage[i].rss,
					      .swap = usage->usage[i].swap,
					      .whole = usage->usage[i].rss != 0,
					      .file = *usage->maps.ranges[i].path == '/',
					      .rest = line };
		r->rss += x->rss;
		r->swap += x->swap;
	}
	*ret = r;
	return 0;
}

void resident_free(struct resident *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->count; i++)
		free(r->ranges[i].present);
	free(r->ranges);
	free(r);
}

/*
 * *left: pages that may still be looked at. A mapping that is all but empty (address space somebody
 * reserved, terabytes of it) is not looked through: what it has counts with its rest.
 */
static int pages_of(struct resident_range *x, struct pagemap *p, uint64_t *left, struct err *err)
{
	uint64_t n = (x->end - x->start) / PAGE;

	x->whole = x->rss == x->end - x->start;
	/* The kernel may join bss and arenas that happen to lie behind it: names decide, not lines. */
	if (x->whole || !x->rss || x->file || n > *left)
		return 0;
	*left -= n;
	x->present = calloc(n / 64 + 1, sizeof(uint64_t));
	if (!x->present)
		return err_nomem(err);
	return pagemap_present(p, x->start, x->end, x->present, err);
}

int resident_pages(struct resident *r, pid_t pid, struct err *err)
{
	struct pagemap *p;
	uint64_t left = PAGES_LEAST + r->rss / PAGE * PAGES_PER_RESIDENT;
	int code = pagemap_open(pid, &p, err);

	for (size_t i = 0; code == 0 && i < r->count; i++)
		code = pages_of(&r->ranges[i], p, &left, err);
	if (code < 0)
		return code;
	pagemap_free(p);
	r->estimate = false;
	return 0;
}

/* Index of the first range that ends after addr. */
static size_t range_at(struct resident *r, uint64_t addr)
{
	size_t low = 0, high = r->count;

	if (r->hint < r->count && addr >= r->ranges[r->hint].start && addr < r->ranges[r->hint].end)
		return r->hint;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->ranges[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	r->hint = low;
	return low;
}

static uint64_t part_present(const struct resident_range *x, uint64_t from, uint64_t to)
{
	uint64_t bytes = 0;

	if (!x->present)
		return x->whole ? to - from : 0;
	while (from < to) {
		uint64_t page = (from - x->start) / PAGE;
		uint64_t next = x->start + (page + 1) * PAGE;

		next = next < to ? next : to;
		if (x->present[page / 64] >> page % 64 & 1)
			bytes += next - from;
		from = next;
	}
	return bytes;
}

static uint64_t take(struct resident *r, uint64_t start, uint64_t end, int line)
{
	uint64_t bytes = 0;

	for (size_t i = range_at(r, start); i < r->count && r->ranges[i].start < end; i++) {
		struct resident_range *x = &r->ranges[i];
		uint64_t n = part_present(x, start > x->start ? start : x->start,
					  end < x->end ? end : x->end);

		bytes += n;
		if (line >= 0)
			x->claimed[line] += n;
	}
	return bytes;
}

uint64_t resident_claim(struct resident *r, uint64_t start, uint64_t end, enum resident_line line)
{
	return start < end ? take(r, start, end, (int)line) : 0;
}

uint64_t resident_count(struct resident *r, uint64_t start, uint64_t end)
{
	return start < end ? take(r, start, end, -1) : 0;
}

void resident_add(struct resident *r, uint64_t addr, uint64_t bytes, enum resident_line line)
{
	size_t i = bytes ? range_at(r, addr) : r->count;

	if (i < r->count && r->ranges[i].start <= addr)
		r->ranges[i].claimed[line] += bytes;
}

void resident_heaps_done(struct resident *r)
{
	for (size_t i = 0; i < r->count; i++) {
		uint64_t *c = r->ranges[i].claimed;
		uint64_t used =
			c[RESIDENT_LARGE] + c[RESIDENT_MALLOC_USED] + c[RESIDENT_MALLOC_CACHED];

		c[RESIDENT_MALLOC_FREE] -=
			used < c[RESIDENT_MALLOC_FREE] ? used : c[RESIDENT_MALLOC_FREE];
	}
}

void resident_rest(struct resident *r, uint64_t addr, enum resident_line line)
{
	size_t i = range_at(r, addr);

	if (i < r->count && r->ranges[i].start <= addr)
		r->ranges[i].rest = line;
}

void resident_python(struct resident *r, uint64_t start, uint64_t end)
{
	for (size_t i = range_at(r, start); i < r->count && r->ranges[i].start < end; i++)
		if (r->ranges[i].rest == RESIDENT_LIBRARIES || r->ranges[i].rest == RESIDENT_FILES)
			r->ranges[i].rest = RESIDENT_PYTHON;
}

uint64_t resident_rss(const struct resident *r)
{
	return r->rss;
}

uint64_t resident_swapped(const struct resident *r)
{
	return r->swap;
}

/* Claims of one mapping into the lines; they add up to its rss afterwards. */
static void settle_range(struct resident *r, struct resident_range *x)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < RESIDENT_LINES; i++)
		sum += x->claimed[i];
	for (size_t i = 0; sum > x->rss && i < sizeof(yielding) / sizeof(*yielding); i++) {
		uint64_t *c = &x->claimed[yielding[i]];
		uint64_t less = sum - x->rss < *c ? sum - x->rss : *c;

		*c -= less;
		sum -= less;
		r->inexact[yielding[i]] |= less != 0;
	}
	x->claimed[x->rest] += x->rss - sum;
	for (size_t i = 0; i < RESIDENT_LINES; i++)
		r->line[i] += x->claimed[i];
}

int resident_push(struct resident *r, const struct fact_sink *sink, struct err *err)
{
	memset(r->line, 0, sizeof(r->line));
	for (size_t i = 0; i < r->count; i++)
		settle_range(r, &r->ranges[i]);
	for (size_t i = 0; sink->ledger && i < RESIDENT_LINES; i++) {
		struct fact_ledger f = { .code = lines[i].code,
					 .label = lines[i].label,
					 .bytes = r->line[i],
					 .estimate = r->estimate || r->inexact[i] };
		int code = 0;

		/* What is not there needs no line, except the one that must be seen to be zero. */
		if (f.bytes || i == RESIDENT_UNEXPLAINED)
			code = sink->ledger(sink->ctx, &f, err);
		if (code < 0)
			return code;
	}
	return 0;
}

uint64_t resident_bytes(const struct resident *r, enum resident_line line)
{
	return r->line[line];
}
