/* SPDX-License-Identifier: MIT */
/*
 * tracemalloc's table as sites. It knows files and lines but no functions: those are "?". A
 * block's word keeps 42 bits of its size; larger ones count as that.
 */
#include "tracer/snapshot_sites.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/vec.h"
#include "tracer/cpython/tracemalloc.h"
#include "tracer/mem/cache.h"

#define CACHE_BYTES (8u << 20)
#define FRAMES_MAX 128
#define SITE_BITS 22
#define SITE_MASK ((UINT64_C(1) << SITE_BITS) - 1)
#define SIZE_MAX_KEPT ((UINT64_C(1) << (64 - SITE_BITS)) - 1)

struct tables {
	struct snapshot_sites *s;
	const struct py *py;
	struct mem_source *mem; /* cached */
	const struct fact_sink *sink;
};

static void mem_free_p(struct mem_source **m)
{
	mem_free(*m);
}

void snapshot_sites_deinit(struct snapshot_sites *s)
{
	for (size_t i = 0; i < s->names.len; i++)
		free(s->names.at[i]);
	free(s->names.at);
	map_deinit(&s->site_of);
	map_deinit(&s->places);
	map_deinit(&s->files);
	*s = (struct snapshot_sites){ 0 };
}

/* Name of a file by its identity; kept, so that it is read once. NULL with *ret_code on failure. */
static const char *file_name(struct tables *t, taddr id, int *ret_code, struct err *err)
{
	struct snapshot_names *names = &t->s->names;
	uint64_t known = map_get(&t->s->files, id.v, UINT64_MAX);
	AUTO_FREE char *name = NULL;
	int r;

	*ret_code = 0;
	if (known != UINT64_MAX)
		return names->at[known];
	r = tracemalloc_filename(t->py, t->mem, id, &name, NULL);
	if (r == ERR_NOMEM || r == ERR_GONE) {
		*ret_code = err_set(err, r, "names of tracemalloc's files");
		return NULL;
	}
	if (r < 0)
		t->s->damaged++;
	if (!name)
		name = strdup("?");
	if (!name || vec_push(names, name) < 0 ||
	    map_set(&t->s->files, id.v, names->len - 1) < 0) {
		if (names->len && names->at[names->len - 1] == name)
			names->len--;
		*ret_code = err_nomem(err);
		return NULL;
	}
	return TAKE(name);
}

static int64_t number(struct tables *t, struct fact_site *f, struct err *err)
{
	int r;

	if (t->s->add)
		return t->s->add(t->s->ctx, f, err);
	if (t->s->count >= SITE_MASK)
		return 0;
	f->site = ++t->s->count;
	r = t->sink->site ? t->sink->site(t->sink->ctx, f, err) : 0;
	return r < 0 ? r : (int64_t)f->site;
}

/* Site of a traceback: its frames, innermost first, as tracemalloc keeps them. */
static int64_t place_site(struct tables *t, taddr traceback, struct err *err)
{
	uint64_t known = map_get(&t->s->places, traceback.v, UINT64_MAX);
	struct tracemalloc_place place[FRAMES_MAX];
	struct fact_frame frame[FRAMES_MAX];
	struct fact_site f = { .frames = frame };
	uint32_t depth = 0;
	int64_t site = 0;
	int n, r = 0;

	if (known != UINT64_MAX)
		return (int64_t)known;
	n = tracemalloc_frames(t->py, t->mem, traceback, place, FRAMES_MAX, &depth, NULL);
	if (n == ERR_GONE)
		return err_set(err, n, "tracemalloc's places");
	t->s->damaged += n < 0;
	for (int i = 0; i < n && r == 0; i++) {
		const char *file = file_name(t, place[i].filename, &r, err);

		frame[i] = (struct fact_frame){ .function = "?", .file = file, .line = place[i].line };
	}
	if (r < 0)
		return r;
	if (n > 0) {
		f.nframes = (uint32_t)n;
		f.truncated = depth > (uint32_t)n;
		site = number(t, &f, err);
	}
	if (site < 0)
		return site;
	return map_set(&t->s->places, traceback.v, (uint64_t)site) < 0 ? err_nomem(err) : site;
}

static int take(struct tables *t, const struct tracemalloc_trace *trace, struct err *err)
{
	uint64_t size = trace->size < SIZE_MAX_KEPT ? trace->size : SIZE_MAX_KEPT;
	int64_t site;

	if (trace->domain || (t->s->recorded && t->s->recorded(t->s->ctx, trace->block.v)))
		return 0;
	site = place_site(t, trace->traceback, err);
	if (site <= 0)
		return (int)site;
	if (map_set(&t->s->site_of, trace->block.v, size << SITE_BITS | (uint64_t)site) < 0)
		return err_nomem(err);
	return 0;
}

int snapshot_sites_read(struct snapshot_sites *s, const struct py *py, struct mem_source *mem,
			const struct fact_sink *sink, struct err *err)
{
	AUTO_FREE struct tracemalloc_iter *it = NULL;
	AUTO(mem_free_p) struct mem_source *cached = NULL;
	struct tables t = { .s = s, .py = py, .sink = sink };
	struct tracemalloc_trace trace;
	struct err why = ERR_INIT;
	int r;

	if (!py->tracemalloc_on)
		return 0;
	it = calloc(1, sizeof(*it));
	if (!it)
		return err_nomem(err);
	r = cache_new(mem, CACHE_BYTES, &cached, err);
	if (r < 0)
		return r;
	t.mem = cached;
	r = tracemalloc_iter_init(it, py, cached, &why);
	while (r == 0 && (r = tracemalloc_next(it, &trace, &why)) > 0)
		r = take(&t, &trace, &why);
	s->damaged += it->damaged;
	if (r == ERR_CORRUPT || r == ERR_FAULT) { /* what was read so far is true all the same */
		s->damaged++;
		r = 0;
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

static uint32_t site_of(void *ctx, uint64_t block)
{
	struct snapshot_sites *s = ctx;
	uint32_t site = s->recorded ? s->recorded(s->ctx, block) : 0;

	return site ? site : (uint32_t)(map_get(&s->site_of, block, 0) & SITE_MASK);
}

const struct heap_sites *snapshot_sites_lookup(struct snapshot_sites *s)
{
	if (!s->recorded && !s->site_of.len)
		return NULL;
	s->lookup = (struct heap_sites){ s, site_of };
	return &s->lookup;
}

bool snapshot_sites_next(const struct snapshot_sites *s, size_t *pos, struct fact_block *ret)
{
	for (; s->site_of.slots && *pos <= s->site_of.mask; ++*pos) {
		const struct map_slot *slot = &s->site_of.slots[*pos];

		if (!slot->key)
			continue;
		*ret = (struct fact_block){ .addr = slot->key,
					    .size = slot->value >> SITE_BITS,
					    .weight = 1.0,
					    .site = (uint32_t)(slot->value & SITE_MASK) };
		++*pos;
		return true;
	}
	return false;
}
