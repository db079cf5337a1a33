/* SPDX-License-Identifier: MIT */
/*
 * Rows: for every stack judged leaking, what its live blocks turned out to be. Knows which
 * rows matter and in which order they come, not what they say.
 */
#include "report/model/leaks.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "report/model/leaks_private.h"

#define SHARE_BYTES 20	/* a row with 1/20 of its stack's bytes matters */
#define SHARE_OBJECTS 5 /* or with 1/5 as many objects as the most frequent type */
#define OBJECTS_MIN 3	/* fewer objects are no growth */
#define ROWS_PER_STACK 8
#define STEADY_OBJECTS 50  /* so many that their ages tell */
#define STEADY_LEAST 30	   /* per cent of them from the first half of the recording */
#define STEADY_MOST 65
#define HIDING_SHARE 5	   /* a growing container with 1/5 of a stack's bytes hides the rest */
#define STACKS_JOINED 4096 /* suspects beyond have no type: a report of so many is no report */

/* What blocks of one stack and type turned out to be, all threads together. */
struct cell {
	uint32_t stack, type;
	uint64_t objects, object_bytes, buffers, buffer_bytes;
	uint64_t unreachable, unexplained, early, retained;
	uint32_t site; /* one of its sites with the most objects, for the path */
	uint64_t site_objects;
};

struct cells {
	struct VEC(struct cell) at;
	struct map index; /* stack, type → cell */
};

static void cells_deinit(struct cells *c)
{
	vec_deinit(&c->at);
	map_deinit(&c->index);
}

void leaks_deinit(struct leaks *l)
{
	if (!l)
		return;
	vec_deinit(&l->rows);
	vec_deinit(&l->suppressions);
	arena_deinit(&l->arena);
	memset(l, 0, sizeof *l);
}

int leaks_suppress(struct leaks *l, const struct leak_suppression *s, struct err *err)
{
	struct leak_suppression own = { .expired = s->expired };
	own.reason = arena_str(&l->arena, s->reason, strlen(s->reason));
	own.type = s->type ? arena_str(&l->arena, s->type, strlen(s->type)) : NULL;
	own.site = s->site ? arena_str(&l->arena, s->site, strlen(s->site)) : NULL;
	if (!own.reason || (s->type && !own.type) || (s->site && !own.site) ||
	    vec_push(&l->suppressions, own) < 0)
		return err_nomem(err);
	return 0;
}

bool leak_used_again(const struct leak *row)
{
	const char *type = row->type_name;
	if (row->container) /* a larger buffer is never one used again */
		return false;
	return !strcmp(type, "tuple") || (!strcmp(type, "list") && !row->of_buffers) || !strcmp(type, "dict") ||
	       !strcmp(type, "float");
}

const char *leak_state_name(enum leak_state s)
{
	switch (s) {
	case LEAK_ACCUSED:
		return "accused";
	case LEAK_ACQUITTED:
		return "acquitted";
	case LEAK_SUPPRESSED:
		return "suppressed";
	}
	return "accused";
}

const char *leak_reach_name(enum leak_reach r)
{
	switch (r) {
	case LEAK_REACH_UNKNOWN:
		return "unknown";
	case LEAK_REACHABLE:
		return "reachable";
	case LEAK_UNREACHABLE:
		return "unreachable";
	case LEAK_C_REFERENCE:
		return "c-reference";
	}
	return "unknown";
}

void leaks_accused(const struct leaks *l, bool *by_stack)
{
	for (size_t i = 0; i < l->rows.len; i++)
		if (l->rows.at[i].state == LEAK_ACCUSED)
			by_stack[l->rows.at[i].stack] = true;
}

/* --- joining ------------------------------------------------------------------------------ */

static int add_join(struct cells *c, uint32_t stack, const struct fact_heap_join *f,
		    struct err *err)
{
	bool fresh;
	uint64_t *at = map_add(&c->index, (uint64_t)stack << 32 | f->type, c->at.len, &fresh);
	if (!at || (fresh && vec_push(&c->at, (struct cell){ .stack = stack, .type = f->type }) < 0))
		return err_nomem(err);
	struct cell *cell = &c->at.at[*at];
	if (!cell->site)
		cell->site = f->site;
	if (f->use != FACT_JOIN_OBJECT) {
		cell->buffers += f->blocks;
		cell->buffer_bytes += f->bytes;
		return 0;
	}
	cell->objects += f->blocks;
	cell->object_bytes += f->bytes;
	cell->unreachable += f->unreachable;
	cell->unexplained += f->unexplained;
	cell->early += f->early_blocks;
	cell->retained += f->retained_bytes;
	if (f->blocks > cell->site_objects) {
		cell->site_objects = f->blocks;
		cell->site = f->site;
	}
	return 0;
}

static int cell_order(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;
	uint64_t p = x->object_bytes + x->buffer_bytes, q = y->object_bytes + y->buffer_bytes;
	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	if (p != q)
		return p > q ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

static int find_cells(struct cells *c, const struct recording *r, struct err *err)
{
	const struct heap_model *m = heaps_last(&r->heaps);
	for (size_t i = 0; m && i < m->joins.len; i++) {
		const struct fact_heap_join *f = &m->joins.at[i];
		const struct stack_site *site = stacks_site(&r->stacks, f->site);
		if (!site || f->use == FACT_JOIN_GONE || f->use == FACT_JOIN_FREE_LIST)
			continue;
		int rc = add_join(c, site->stack, f, err);
		if (rc < 0)
			return rc;
	}
	vec_sort(&c->at, cell_order);
	return 0;
}

/* --- rows --------------------------------------------------------------------------------- */

/* Few large buffers, or buffers of few: what they belong to is older and grows. */
static bool is_container(const struct cell *c)
{
	return c->objects < OBJECTS_MIN && c->buffers > 0 && c->buffers < OBJECTS_MIN;
}

static struct leak *new_row(struct leaks *l, const struct recording *r, uint32_t stack)
{
	struct leak *row = vec_add(&l->rows);
	if (!row)
		return NULL;
	row->lead = (uint32_t)(l->rows.len - 1);
	row->stack = stack;
	leaks_place(&r->stacks, row);
	row->confidence = r->verdicts[stack].confidence;
	row->put = STACKS_NONE;
	row->type_name = row->holder = row->path = "";
	row->sentence = row->why = row->unless = row->reason = "";
	return row;
}

static int name_type(struct leaks *l, const struct recording *r, struct leak *row, struct err *err)
{
	const struct heap_model *m = heaps_last(&r->heaps);
	const struct fact_heap_type *t = m && row->type ? heap_type_of(m, row->type) : NULL;
	char label[512];
	if (!t)
		return 0;
	heap_type_label(t, label, sizeof label);
	row->type_name = arena_str(&l->arena, label, strlen(label));
	return row->type_name ? 0 : err_nomem(err);
}

/* Bytes per second; of a stack whose verdict has no slope, what it kept over the time it had. */
static double slope_of(const struct recording *r, uint32_t stack)
{
	const struct growth_verdict *v = &r->verdicts[stack];
	if (v->slope_bytes_per_s > 0 || v->end_ns <= v->first_ns)
		return v->slope_bytes_per_s;
	return (double)counters_live_bytes(&r->by_stack[stack]) * 1e9 /
	       (double)(v->end_ns - v->first_ns);
}

/* All that a stack keeps but for the buffers of few, which grow in steps of their own; 0: nothing else. */
static uint64_t apart_from_containers(const struct cell *cells, size_t n, uint64_t live)
{
	uint64_t grown = 0;
	for (size_t i = 0; i < n; i++)
		if (is_container(&cells[i]))
			grown += cells[i].object_bytes + cells[i].buffer_bytes;
	return live > grown ? live - grown : 0;
}

/*
 * Objects per second. What is counted is surer than a line through bytes, into which the containers they are put in
 * throw their steps. When most came early, as in a warm-up, it is the later half that goes on.
 */
static double objects_rate(const struct recording *r, const struct cell *c)
{
	const struct growth_verdict *v = &r->verdicts[c->stack];
	double seconds = (double)(v->end_ns - v->first_ns) / 1e9;
	uint64_t late = c->objects - c->early;
	if (v->end_ns <= v->first_ns)
		return 0;
	return (double)(c->early * 100 > c->objects * STEADY_MOST ? 2 * late : c->objects) / seconds;
}

/* Growth of a row, in objects and in bytes. */
static void take_rates(const struct recording *r, struct leak *row, const struct cell *c, uint64_t live_apart)
{
	const uint64_t live = counters_live_bytes(&r->by_stack[c->stack]);
	if (!row->container && c->objects >= OBJECTS_MIN) {
		row->objects_per_s = objects_rate(r, c);
		row->bytes_per_s = row->objects_per_s * (double)row->bytes / (double)c->objects;
		return;
	}
	if (!row->container && live_apart > 0)
		row->bytes_per_s = slope_of(r, c->stack) * (double)row->bytes / (double)live_apart;
	else if (live > 0)
		row->bytes_per_s = slope_of(r, c->stack) * (double)row->bytes / (double)live;
	if (row->bytes > 0 && !row->container)
		row->objects_per_s = row->bytes_per_s * (double)row->objects / (double)row->bytes;
}

/* How many of a thousand of the row's objects are held as its path says, as far as the snapshot tells them apart. */
static uint32_t held_so(const struct heap_model *m, size_t at)
{
	const struct fact_heap_held *f = &m->helds.at[at];
	uint64_t all = 0;
	for (size_t i = at; i < m->helds.len && m->helds.at[i].site == f->site && m->helds.at[i].type == f->type; i++)
		all += m->helds.at[i].objects;
	return all ? (uint32_t)((double)f->objects * 1000 / (double)all) : 1000;
}

/* The path most of the row's objects hang on. */
static void take_path(const struct recording *r, struct leak *row, const struct cell *c)
{
	const struct heap_model *m = heaps_last(&r->heaps);
	size_t at = heap_helds_of(m, c->site, c->type);
	row->container = is_container(c);
	row->held_so = 1000;
	if (at < m->helds.len && m->helds.at[at].site == c->site &&
	    m->helds.at[at].type == c->type) {
		const struct fact_heap_held *f = &m->helds.at[at];
		row->holder = f->holder;
		row->path = f->path;
		row->bound = f->bound;
		row->bound_size = f->bound_size;
		row->bound_used = f->bound_used;
		row->held_so = held_so(m, at);
		row->container |= c->objects < OBJECTS_MIN && f->objects < OBJECTS_MIN;
	}
	if (row->objects && row->unreachable * 2 > row->objects)
		row->reach = LEAK_UNREACHABLE;
	else if (row->objects && row->unexplained * 2 > row->objects && !*row->path)
		row->reach = LEAK_C_REFERENCE;
	else if (*row->path)
		row->reach = LEAK_REACHABLE;
}

/* live_apart: bytes of the stack, apart_from_containers. */
static int add_cell(struct leaks *l, const struct recording *r, const struct cell *c, uint64_t live_apart,
		    struct err *err)
{
	struct leak *row = new_row(l, r, c->stack);
	if (!row)
		return err_nomem(err);
	row->type = c->type;
	row->objects = c->objects < OBJECTS_MIN && c->buffers > c->objects ? c->buffers : c->objects;
	row->of_buffers = !c->objects;
	row->bytes = c->object_bytes + c->buffer_bytes;
	row->retained_bytes = c->retained > row->bytes ? c->retained : row->bytes;
	row->unreachable = c->unreachable;
	row->unexplained = c->unexplained;
	row->early = c->early;
	take_path(r, row, c);
	take_rates(r, row, c, live_apart);
	return name_type(l, r, row, err);
}

/* A stack nothing is known of but that it grows. */
static int add_bare(struct leaks *l, const struct recording *r, uint32_t stack, struct err *err)
{
	struct leak *row = new_row(l, r, stack);
	if (!row)
		return err_nomem(err);
	const struct counters *c = &r->by_stack[stack];
	row->objects = counters_live_blocks(c);
	row->bytes = row->retained_bytes = counters_live_bytes(c);
	row->bytes_per_s = r->verdicts[stack].slope_bytes_per_s;
	if (row->bytes > 0)
		row->objects_per_s = row->bytes_per_s * (double)row->objects / (double)row->bytes;
	return 0;
}

/* The cells of one stack, largest first: those that matter become rows. */
static int add_stack(struct leaks *l, const struct recording *r, uint32_t stack,
		     const struct cell *cells, size_t n, struct err *err)
{
	const uint64_t apart = apart_from_containers(cells, n, counters_live_bytes(&r->by_stack[stack]));
	uint64_t bytes = 0, most = 0;
	size_t added = 0;
	for (size_t i = 0; i < n; i++) {
		bytes += cells[i].object_bytes + cells[i].buffer_bytes;
		most = cells[i].objects > most ? cells[i].objects : most;
	}
	for (size_t i = 0; i < n && added < ROWS_PER_STACK; i++) {
		const struct cell *c = &cells[i];
		uint64_t own = c->object_bytes + c->buffer_bytes;
		bool large = own * SHARE_BYTES >= bytes && own > 0;
		bool many = c->objects >= OBJECTS_MIN && c->objects * SHARE_OBJECTS >= most;
		if (!large && !many)
			continue;
		int rc = add_cell(l, r, c, apart, err);
		if (rc < 0)
			return rc;
		added++;
	}
	return added ? 0 : add_bare(l, r, stack, err);
}

/* First cell of a stack, and how many it has. */
static const struct cell *cells_of(const struct cells *c, uint32_t stack, size_t *ret_n)
{
	size_t low = 0, high = c->at.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (c->at.at[mid].stack < stack)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_n = 0;
	while (low + *ret_n < c->at.len && c->at.at[low + *ret_n].stack == stack)
		++*ret_n;
	return c->at.at + low;
}

static int make_rows(struct leaks *l, const struct recording *r, const struct cells *c,
		     struct err *err)
{
	for (size_t i = 0; i < r->nsuspects && i < STACKS_JOINED; i++) {
		size_t n;
		const struct cell *first = cells_of(c, r->suspects[i], &n);
		int rc = add_stack(l, r, r->suspects[i], first, n, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

bool leaks_steady(uint64_t objects, uint64_t early)
{
	return objects >= STEADY_OBJECTS && early * 100 >= objects * STEADY_LEAST &&
	       early * 100 <= objects * STEADY_MOST;
}

static bool steady(const struct cell *c)
{
	return leaks_steady(c->objects, c->early);
}

/*
 * A line that puts new objects into a growing dict has a curve of steps, because the dict doubles:
 * its bytes look like slowing down, but its objects tell. Only with much of the bytes in doubt. Many lists that
 * grow side by side do the same as one, but never make it stand still.
 */
static bool hidden_by_container(const struct recording *r, const struct cell *cells, size_t n)
{
	enum growth_class class = r->verdicts[cells->stack].class;
	uint64_t buffers = 0, all = 0;
	if (class != GROWTH_SLOWING && class != GROWTH_SHORT && class != GROWTH_STABLE)
		return false;
	for (size_t i = 0; i < n; i++) {
		all += cells[i].object_bytes + cells[i].buffer_bytes;
		if (is_container(&cells[i]) || (class == GROWTH_SLOWING && cells[i].objects < OBJECTS_MIN))
			buffers += cells[i].buffer_bytes;
	}
	return buffers * HIDING_SHARE >= all && buffers > 0;
}

static int add_hidden(struct leaks *l, const struct recording *r, const struct cells *c,
		      struct err *err)
{
	for (size_t i = 0; i < c->at.len;) {
		uint32_t stack = c->at.at[i].stack;
		size_t n, even = 0;
		const struct cell *first = cells_of(c, stack, &n);
		for (size_t k = 0; k < n; k++)
			even += steady(&first[k]);
		i += n;
		if (even == 0 || !hidden_by_container(r, first, n))
			continue;
		const uint64_t apart = apart_from_containers(first, n, counters_live_bytes(&r->by_stack[stack]));
		for (size_t k = 0; k < n; k++) {
			bool one = steady(&first[k]) || is_container(&first[k]);
			int rc = one ? add_cell(l, r, &first[k], apart, err) : 0;
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* Where the items of an accused row are filed: its path up to the last index. Keys → row. */
static int find_filed(const struct leaks *l, struct map *ret, struct err *err)
{
	for (size_t i = 0; i < l->rows.len; i++) {
		const char *path = l->rows.at[i].path, *item = strrchr(path, '[');
		if (item && l->rows.at[i].state == LEAK_ACCUSED && map_set(ret, hash_bytes(HASH_START, path, (size_t)(item - path)), i) < 0)
			return err_nomem(err);
	}
	return 0;
}

static bool is_filed_at(const struct leaks *l, const struct map *filed, const char *path)
{
	const size_t n = strlen(path);
	const uint64_t *row = n ? map_find(filed, hash_bytes(HASH_START, path, n)) : NULL;
	return row && strncmp(l->rows.at[*row].path, path, n) == 0 && l->rows.at[*row].path[n] == '[';
}

/*
 * The table of a dict that holds a leak was made in one step and then stands still: its line is not accused by
 * itself, but it is a part of what it holds.
 */
static int add_tables(struct leaks *l, const struct recording *r, const struct cells *c, struct err *err)
{
	AUTO_MAP struct map filed = MAP_INIT;
	const struct heap_model *m = heaps_last(&r->heaps);
	const size_t rows = l->rows.len;
	int rc = find_filed(l, &filed, err);
	for (size_t i = 0; rc == 0 && m && i < c->at.len; i++) {
		const struct cell *cell = &c->at.at[i];
		size_t at = heap_helds_of(m, cell->site, cell->type);
		if (!is_container(cell) || cell->buffer_bytes == 0 || r->verdicts[cell->stack].class == GROWTH_LEAKING ||
		    at == m->helds.len || m->helds.at[at].site != cell->site || m->helds.at[at].type != cell->type ||
		    !is_filed_at(l, &filed, m->helds.at[at].path))
			continue;
		bool there = false;
		for (size_t k = 0; k < rows && !there; k++)
			there = l->rows.at[k].stack == cell->stack && l->rows.at[k].type == cell->type;
		rc = there ? 0 : add_cell(l, r, cell, 0, err);
		if (rc == 0 && !there)
			vec_last(&l->rows)->table = true;
	}
	return rc;
}

/* By itself a table is no leak: it came at once and stays. */
static void acquit_lonely_tables(struct leaks *l)
{
	for (size_t i = 0; i < l->rows.len; i++) {
		struct leak *row = &l->rows.at[i];
		if (row->table && row->lead == i && row->state == LEAK_ACCUSED) {
			row->state = LEAK_ACQUITTED;
			row->reason = "the table of what is told elsewhere";
		}
	}
}

/*
 * What a line makes besides that the snapshot could not place (links of an lru_cache, C data)
 * shares the acquittal of what it could.
 */
static void share_acquittals(struct leaks *l)
{
	for (size_t i = 0; i < l->rows.len; i++) {
		const struct leak *known = &l->rows.at[i];
		if (known->state != LEAK_ACQUITTED)
			continue;
		for (size_t k = 0; k < l->rows.len; k++) {
			struct leak *row = &l->rows.at[k];
			if (row->stack != known->stack || row->state != LEAK_ACCUSED ||
			    row->reach != LEAK_REACH_UNKNOWN)
				continue;
			row->state = LEAK_ACQUITTED;
			row->reason = known->reason;
		}
	}
}

/* --- order -------------------------------------------------------------------------------- */

/* What a lead stands for: the sums over its parts. */
struct rank {
	uint32_t row, lead;
	enum leak_state state;
	enum growth_confidence confidence;
	double bytes_per_s; /* of the whole leak */
	uint64_t bytes;	    /* of the row */
};

static int rank_order(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;
	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	if (x->confidence != y->confidence)
		return x->confidence > y->confidence ? -1 : 1;
	if (x->bytes_per_s != y->bytes_per_s)
		return x->bytes_per_s > y->bytes_per_s ? -1 : 1;
	if (x->lead != y->lead)
		return x->lead < y->lead ? -1 : 1;
	if ((x->row == x->lead) != (y->row == y->lead))
		return x->row == x->lead ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/* A whole leak is as sure as its surest row, and what it retains is at least its parts. */
static void sum_up(struct leaks *l, struct rank *rank)
{
	for (size_t i = 0; i < l->rows.len; i++) {
		struct leak *row = &l->rows.at[i], *lead = &l->rows.at[row->lead];
		rank[row->lead].bytes_per_s += row->bytes_per_s;
		rank[row->lead].bytes += row->bytes;
		if (row->confidence > lead->confidence)
			lead->confidence = row->confidence;
	}
	for (size_t i = 0; i < l->rows.len; i++) {
		struct leak *row = &l->rows.at[i];
		row->retained_per_s = row->bytes_per_s;
		if (row->lead != i)
			continue;
		if (row->objects_per_s > 0)
			row->retained_per_s = row->objects_per_s * (double)row->retained_bytes / (double)row->objects;
		if (rank[i].bytes_per_s > row->retained_per_s)
			row->retained_per_s = rank[i].bytes_per_s;
		row->with_parts = rank[i].bytes > row->retained_bytes;
		if (rank[i].bytes > row->retained_bytes)
			row->retained_bytes = rank[i].bytes;
	}
	for (size_t i = 0; i < l->rows.len; i++) {
		struct leak *row = &l->rows.at[i];
		rank[i].row = (uint32_t)i;
		rank[i].lead = row->lead;
		rank[i].bytes_per_s = rank[row->lead].bytes_per_s;
		row->confidence = l->rows.at[row->lead].confidence;
		row->state = l->rows.at[row->lead].state;
		rank[i].confidence = row->confidence;
		rank[i].state = row->state;
		rank[i].bytes = row->bytes;
	}
}

static int put_in_order(struct leaks *l, struct err *err)
{
	size_t n = l->rows.len;
	AUTO_FREE struct rank *rank = calloc(n + 1, sizeof *rank);
	AUTO_FREE struct leak *sorted = calloc(n + 1, sizeof *sorted);
	uint32_t lead = 0;
	if (!rank || !sorted)
		return err_nomem(err);
	sum_up(l, rank);
	qsort(rank, n, sizeof *rank, rank_order);
	for (size_t i = 0; i < n; i++) {
		sorted[i] = l->rows.at[rank[i].row];
		if (rank[i].row == rank[i].lead) {
			lead = (uint32_t)i;
			l->naccused += sorted[i].state == LEAK_ACCUSED;
			l->nacquitted += sorted[i].state == LEAK_ACQUITTED;
			l->nsuppressed += sorted[i].state == LEAK_SUPPRESSED;
		}
		sorted[i].lead = lead;
		if (sorted[i].state == LEAK_ACCUSED)
			l->bytes += sorted[i].bytes;
	}
	if (n)
		memcpy(l->rows.at, sorted, n * sizeof *sorted);
	return 0;
}

static int find(struct leaks *l, const struct recording *r, struct cells *cells, struct err *err)
{
	int rc = find_cells(cells, r, err);
	if (rc == 0)
		rc = make_rows(l, r, cells, err);
	if (rc == 0)
		rc = add_hidden(l, r, cells, err);
	if (rc == 0)
		rc = leaks_put(l, r, err);
	size_t judged = l->rows.len;
	for (size_t i = 0; rc == 0 && i < judged; i++)
		rc = leaks_judge(l, r, &l->rows.at[i], err);
	if (rc == 0)
		rc = add_tables(l, r, cells, err);
	for (size_t i = judged; rc == 0 && i < l->rows.len; i++)
		rc = leaks_judge(l, r, &l->rows.at[i], err);
	if (rc == 0) {
		share_acquittals(l);
		rc = leaks_merge(l, r, err);
	}
	if (rc == 0) {
		acquit_lonely_tables(l);
		leaks_believe(l, r);
		rc = put_in_order(l, err);
	}
	for (size_t i = 0; rc == 0 && i < l->rows.len; i++)
		rc = leaks_say(l, r, &l->rows.at[i], err);
	return rc;
}

int leaks_find(struct leaks *l, const struct recording *r, struct err *err)
{
	AUTO(cells_deinit) struct cells cells = { 0 };
	return find(l, r, &cells, err);
}
