/* SPDX-License-Identifier: MIT */
/*
 * Recording and snapshot joined by address: every block the ledger believes alive is looked up
 * in the heap just walked, and summed by site, type and use. Knows nothing of how either came
 * about.
 */
#include "base/map.h"
#include "base/vec.h"
#include "tracer/heap/ids.h"
#include "tracer/heap/walk.h"
#include "tracer/session_private.h"
#include "tracer/snapshot_private.h"

struct join {
	struct heap *h;
	uint64_t half_ns; /* births until then are early */
	struct map index; /* site, use and type → rows */
	struct VEC(struct fact_heap_join) rows;
};

static void join_deinit(struct join *j)
{
	map_deinit(&j->index);
	vec_deinit(&j->rows);
}

static enum fact_join_use use_of(enum heap_use use)
{
	switch (use) {
	case HEAP_USE_OBJECT:
		return FACT_JOIN_OBJECT;
	case HEAP_USE_BUFFER:
		return FACT_JOIN_BUFFER;
	case HEAP_USE_FREE_LIST:
		return FACT_JOIN_FREE_LIST;
	case HEAP_USE_FREE:
		return FACT_JOIN_GONE;
	case HEAP_USE_UNKNOWN:
	case HEAP_USE_NONE: /* outside the arenas, and nobody's who was looked at */
		return FACT_JOIN_OTHER;
	}
	return FACT_JOIN_OTHER;
}

static struct fact_heap_join *row_of(struct join *j, uint32_t site, enum fact_join_use use,
				     uint32_t type)
{
	uint64_t key = (uint64_t)site << 32 | (uint64_t)use << 24 | (type & 0xffffff);
	bool fresh;
	uint64_t *at = map_add(&j->index, key, j->rows.len, &fresh);

	if (!at)
		return NULL;
	if (fresh && vec_push(&j->rows, (struct fact_heap_join){ .site = site,
								   .type = type,
								   .use = (uint8_t)use,
								   .oldest_ns = UINT64_MAX }) < 0)
		return NULL;
	return &j->rows.at[*at];
}

static int on_block(void *ctx, const struct fact_block *f, struct err *err)
{
	struct join *j = ctx;
	uint64_t object;
	uint32_t type;
	enum fact_join_use use = use_of(heap_block_use(j->h, f->addr, &type, &object));
	struct fact_heap_join *row = row_of(j, f->site, use, type);

	if (!row)
		return err_nomem(err);
	uint64_t n = f->weight > 1 ? (uint64_t)(f->weight + 0.5) : 1;
	row->blocks += n;
	row->early_blocks += f->birth_ns <= j->half_ns ? n : 0;
	row->bytes += f->weight > 1 ? (uint64_t)(f->weight * (double)f->size) : f->size;
	if (f->birth_ns < row->oldest_ns)
		row->oldest_ns = f->birth_ns;
	if (f->birth_ns > row->newest_ns)
		row->newest_ns = f->birth_ns;
	return 0;
}

int session_join(void *ctx, struct heap *h, const struct fact_sink *sink, struct err *err)
{
	const struct session *s = ctx;
	AUTO(join_deinit) struct join j = { .h = h, .half_ns = heap_totals(h)->at_ns / 2 };
	int r;

	if (!sink->heap_join)
		return 0;
	r = ledger_each_block(s->ledger, on_block, &j, err);
	for (size_t i = 0; r == 0 && i < j.rows.len; i++)
		r = sink->heap_join(sink->ctx, &j.rows.at[i], err);
	return r;
}

int snapshot_join(const struct snapshot_sites *sites, struct heap *h, const struct fact_sink *sink,
		  struct err *err)
{
	AUTO(join_deinit) struct join j = { .h = h };
	struct fact_block f;
	size_t pos = 0;
	int r = 0;

	while (r == 0 && sink->heap_join && snapshot_sites_next(sites, &pos, &f))
		r = on_block(&j, &f, err);
	for (size_t i = 0; r == 0 && i < j.rows.len; i++)
		r = sink->heap_join(sink->ctx, &j.rows.at[i], err);
	return r;
}
