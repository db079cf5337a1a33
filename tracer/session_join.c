/* SPDX-License-Identifier: MIT */
/*
 * Recording and snapshot joined by address: every block the ledger believes alive is looked up
 * in the heap just walked, and summed by site, type and use. Knows nothing of how either came
 * about.
 */
#include "base/map.h"
#include "base/vec.h"
#include "tracer/heap/held.h"
#include "tracer/heap/ids.h"
#include "tracer/heap/walk.h"
#include "tracer/session_private.h"
#include "tracer/snapshot_private.h"

#define BUFFER_MIN 512 /* bytes of items: of smaller ones some stand for all of a row */
#define BUFFERS_MAX (1u << 16)
#define SMALL_MAX (1u << 20)
#define FEW 3 /* fewer buffers are of containers that grow; of more small ones the containers become more */
#define CLIMB_MAX 256 /* dominators looked at, to find another object of the row */

struct join {
	struct heap *h;
	struct held *held; /* NULL: nothing is known of holders */
	uint64_t half_ns; /* births until then are early: half of the own time was over */
	struct map index; /* site, use and type → rows */
	struct VEC(struct fact_heap_join) rows;
	struct VEC(struct held_group *) groups; /* by row; NULL until it has members */
	struct map blocks; /* buffers, by address → row: their containers are looked for */
	struct VEC(uint64_t) small; /* addresses of small ones; groups of their rows choose among them */
	uint32_t *row_of; /* by vertex: row + 1, 0: made somewhere else */
};

static void join_deinit(struct join *j)
{
	map_deinit(&j->index);
	vec_deinit(&j->rows);
	for (size_t i = 0; i < j->groups.len; i++)
		free(j->groups.at[i]);
	vec_deinit(&j->groups);
	map_deinit(&j->blocks);
	vec_deinit(&j->small);
	free(j->row_of);
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
	if (fresh && (vec_push(&j->groups, NULL) < 0 || vec_push(&j->rows, (struct fact_heap_join){ .site = site,
								   .type = type,
								   .use = (uint8_t)use,
								   .oldest_ns = UINT64_MAX }) < 0))
		return NULL;
	return &j->rows.at[*at];
}

static struct held_group *group_of(struct join *j, size_t row)
{
	if (!j->groups.at[row])
		j->groups.at[row] = calloc(1, sizeof(struct held_group));
	return j->groups.at[row];
}

/* One object of a row: how it is reached, and perhaps as an example of the row's paths. */
static int note_holder(struct join *j, struct fact_heap_join *row, uint64_t object, uint64_t n,
		       struct err *err)
{
	size_t at = (size_t)(row - j->rows.at);
	uint32_t v = graph_vertex(j->held->g, object);
	enum fact_root root = v < j->held->g->objects ? held_root(j->held, v) : FACT_ROOT_ALL;

	if (v >= j->held->g->objects)
		return 0;
	j->row_of[v] = (uint32_t)at + 1;
	row->unreachable += root == FACT_ROOT_GARBAGE || root == FACT_ROOT_NONE ? n : 0;
	row->unexplained += root == FACT_ROOT_C_ONLY ? n : 0;
	struct held_group *group = group_of(j, at);
	if (!group)
		return err_nomem(err);
	held_add(group, v);
	return 0;
}

/* A buffer, whose container may be looked for when all blocks are known. */
static int note_buffer(struct join *j, const struct fact_heap_join *row, const struct fact_block *f,
		       struct err *err)
{
	size_t at = (size_t)(row - j->rows.at);
	struct held_group *group;

	if (f->size >= BUFFER_MIN)
		return j->blocks.len < BUFFERS_MAX && map_set(&j->blocks, f->addr, at) < 0 ? err_nomem(err) : 0;
	if (j->small.len >= SMALL_MAX)
		return 0;
	group = group_of(j, at);
	if (!group || vec_push(&j->small, f->addr) < 0)
		return err_nomem(err);
	held_add(group, (uint32_t)(j->small.len - 1));
	return 0;
}

static int on_block(void *ctx, const struct fact_block *f, struct err *err)
{
	struct join *j = ctx;
	uint64_t object, n = f->weight > 1 ? (uint64_t)(f->weight + 0.5) : 1;
	uint32_t type;
	enum fact_join_use use = use_of(heap_block_use(j->h, f->addr, &type, &object));
	struct fact_heap_join *row = row_of(j, f->site, use, type);

	if (!row)
		return err_nomem(err);
	row->blocks += n;
	row->early_blocks += f->birth_ns <= j->half_ns ? n : 0;
	row->bytes += f->weight > 1 ? (uint64_t)(f->weight * (double)f->size) : f->size;
	if (f->birth_ns < row->oldest_ns)
		row->oldest_ns = f->birth_ns;
	if (f->birth_ns > row->newest_ns)
		row->newest_ns = f->birth_ns;
	if (!j->held)
		return 0;
	if (use == FACT_JOIN_BUFFER)
		return note_buffer(j, row, f, err);
	return use == FACT_JOIN_OBJECT ? note_holder(j, row, object, n, err) : 0;
}

/* Are objects made where the row's buffers are? Then those tell. */
static bool makes_objects(const struct join *j, const struct fact_heap_join *row)
{
	return map_has(&j->index, (uint64_t)row->site << 32 | (uint64_t)FACT_JOIN_OBJECT << 24 |
					  (row->type & 0xffffff));
}

/* The small buffers chosen become addresses to look for, and their groups empty: containers come in. */
static int choose_small(struct join *j, struct err *err)
{
	for (size_t i = 0; i < j->rows.len; i++) {
		const struct fact_heap_join *row = &j->rows.at[i];
		struct held_group *group = j->groups.at[i];

		if (!group || row->use != FACT_JOIN_BUFFER)
			continue;
		for (uint32_t k = makes_objects(j, row) ? group->n : 0; k < group->n; k++)
			if (map_set(&j->blocks, j->small.at[group->vertex[k]], i) < 0)
				return err_nomem(err);
		*group = (struct held_group){ .containers = row->blocks < FEW };
	}
	return 0;
}

/* The container whose items are in a buffer of a row that makes no such containers. */
static int on_owner(void *ctx, uint64_t value, uint32_t vertex, struct err *err)
{
	struct join *j = ctx;
	struct held_group *group;

	if (makes_objects(j, &j->rows.at[value]))
		return 0;
	if (!j->groups.at[value]) { /* large ones only */
		group = group_of(j, value);
		if (!group)
			return err_nomem(err);
		group->containers = true;
	}
	held_add(j->groups.at[value], vertex);
	return 0;
}

/* Does another object of the row retain this one already? */
static bool below_its_like(const struct join *j, uint32_t vertex)
{
	const struct heap_graph *g = j->held->g;
	uint32_t rank = g->dom.rank[vertex];

	if (rank == DIGRAPH_NONE)
		return true;
	for (int i = 0; i < CLIMB_MAX && rank; i++) {
		uint32_t above;

		rank = g->dom.idom[rank];
		above = g->dom.vertex[rank];
		if (above < g->objects && j->row_of[above] == j->row_of[vertex])
			return true;
	}
	return false;
}

static void add_retained(struct join *j)
{
	const struct heap_graph *g = j->held->g;

	for (uint32_t v = 0; v < g->objects; v++)
		if (j->row_of[v] && !below_its_like(j, v))
			j->rows.at[j->row_of[v] - 1].retained_bytes += graph_retained(g, v);
}

static int begin(struct join *j, struct err *err)
{
	if (!j->held)
		return 0;
	j->row_of = calloc((size_t)j->held->g->objects + 1, sizeof(*j->row_of));
	return j->row_of ? 0 : err_nomem(err);
}

static int push_all(struct join *j, const struct fact_sink *sink, struct err *err)
{
	int r = 0;

	if (j->held) {
		add_retained(j);
		r = choose_small(j, err);
		r = r < 0 ? r : held_owners(j->held, &j->blocks, on_owner, j, err);
	}
	for (size_t i = 0; r == 0 && i < j->rows.len; i++) {
		const struct fact_heap_join *row = &j->rows.at[i];
		struct held_group *group = j->groups.at[i];

		r = sink->heap_join(sink->ctx, row, err);
		if (r < 0 || !group)
			continue;
		group->site = row->site;
		group->type = row->type;
		group->objects = group->containers ? group->n : row->blocks;
		group->bytes = row->bytes;
		r = held_push(j->held, group, sink, err);
	}
	return r;
}

int session_join(void *ctx, struct heap *h, struct held *held, const struct fact_sink *sink,
		 struct err *err)
{
	const struct session *s = ctx;
	AUTO(join_deinit) struct join j = { .h = h, .held = held,
					    .half_ns = session_half_ns(s, heap_totals(h)->at_ns) };
	int r;

	if (!sink->heap_join)
		return 0;
	r = begin(&j, err);
	if (r == 0)
		r = ledger_each_block(s->ledger, on_block, &j, err);
	return r == 0 ? push_all(&j, sink, err) : r;
}

int snapshot_join(const struct snapshot_sites *sites, struct heap *h, struct held *held,
		  const struct fact_sink *sink, struct err *err)
{
	AUTO(join_deinit) struct join j = { .h = h, .held = held };
	struct fact_block f;
	size_t pos = 0;
	int r = 0;

	if (!sink->heap_join || !snapshot_sites_next(sites, &pos, &f))
		return 0;
	r = begin(&j, err);
	for (pos = 0; r == 0 && snapshot_sites_next(sites, &pos, &f);)
		r = on_block(&j, &f, err);
	return r == 0 ? push_all(&j, sink, err) : r;
}
