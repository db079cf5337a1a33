/* SPDX-License-Identifier: MIT */
/*
 * Models into tables. Places of the tree of stacks go out depth first, so a depth each gives
 * the tree; sites name their place. Small places are merged into one more child of their
 * caller until the page fits.
 */
#include "report/view/html/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 40 /* halvings of detail tried */

static void walk_deinit(struct walk *w)
{
	tree_deinit(&w->tree);
	free(w->sums);
	vec_deinit(&w->places);
	vec_deinit(&w->depths);
	vec_deinit(&w->rests);
	vec_deinit(&w->counts);
}

static int walk_init(struct walk *w, const struct recording *r, struct err *err)
{
	const struct stacks *s = &r->stacks;
	size_t n = s->places.len;
	*w = (struct walk){ .r = r };
	w->sums = calloc(n + 1, sizeof *w->sums);
	if (!w->sums)
		return err_nomem(err);
	for (size_t i = n; i-- > 0;) {
		if (s->places.at[i].stack != STACKS_NONE)
			counters_add(&w->sums[i], &r->by_stack[s->places.at[i].stack]);
		if (i >= STACKS_FIRST)
			counters_add(&w->sums[s->places.at[i].parent], &w->sums[i]);
	}
	w->whole = w->sums[STACKS_ROOT];
	counters_add(&w->whole, &w->sums[STACKS_TRUNCATED]);
	return tree_init(&w->tree, s, r->by_stack, SITES_LIVE, err);
}

static double share_of(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

/* The largest share a place has of any total: what matters to some question is kept. */
bool walk_small(const struct walk *w, uint32_t place)
{
	const struct counters *c = &w->sums[place], *all = &w->whole;
	return share_of(counters_live_bytes(c), counters_live_bytes(all)) < w->share &&
	       share_of(c->alloc_bytes, all->alloc_bytes) < w->share &&
	       share_of(c->peak_bytes, all->peak_bytes) < w->share;
}

static uint32_t places_below(const struct walk *w, uint32_t place)
{
	uint32_t n = 1, at = w->tree.places[place].first_child, depth = 1;
	while (at != TREE_NONE) {
		n++;
		uint32_t next = w->tree.places[at].first_child;
		if (next != TREE_NONE) {
			depth++;
		} else {
			while ((next = w->tree.places[at].next_sibling) == TREE_NONE && depth > 1) {
				at = w->r->stacks.places.at[at].parent;
				depth--;
			}
		}
		at = next;
	}
	return n;
}

static int emit(struct walk *w, uint32_t place, size_t depth)
{
	uint16_t d = depth < UINT16_MAX ? (uint16_t)depth : UINT16_MAX;
	return vec_push(&w->places, place) < 0 || vec_push(&w->depths, d) < 0 ? -1 : 0;
}

/* All small children of a place as one entry. */
static int emit_rest(struct walk *w, uint32_t caller, size_t depth)
{
	struct counters sum = { 0 };
	uint32_t n = 0;
	for (uint32_t c = w->tree.places[caller].first_child; c != TREE_NONE;
	     c = w->tree.places[c].next_sibling) {
		if (!walk_small(w, c))
			continue;
		counters_add(&sum, &w->sums[c]);
		n += places_below(w, c);
	}
	if (n == 0)
		return 0;
	w->merged.places += n;
	w->merged.live_bytes += counters_live_bytes(&sum);
	w->merged.alloc_bytes += sum.alloc_bytes;
	if (emit(w, MERGED | caller, depth) < 0 || vec_push(&w->rests, sum) < 0)
		return -1;
	return vec_push(&w->counts, n) < 0 ? -1 : 0;
}

/* Depth first without recursion: stacks may be deeper than ours. */
static int collect(struct walk *w, uint32_t root, struct err *err)
{
	uint32_t at = root;
	size_t depth = 0;
	bool up = false;
	while (true) {
		if (!up && (emit(w, at, depth) < 0 || emit_rest(w, at, depth + 1) < 0))
			return err_nomem(err);
		uint32_t next = up ? TREE_NONE : w->tree.places[at].first_child;
		while (next != TREE_NONE && walk_small(w, next))
			next = w->tree.places[next].next_sibling;
		if (next != TREE_NONE) {
			at = next;
			depth++;
			continue;
		}
		up = false;
		if (at == root)
			return 0;
		next = w->tree.places[at].next_sibling;
		while (next != TREE_NONE && walk_small(w, next))
			next = w->tree.places[next].next_sibling;
		if (next != TREE_NONE) {
			at = next;
			continue;
		}
		at = w->r->stacks.places.at[at].parent;
		depth--;
		up = true;
	}
}

static int collect_all(struct walk *w, double share, struct err *err)
{
	w->places.len = w->depths.len = w->rests.len = w->counts.len = 0;
	w->share = share;
	w->merged = (struct html_merged){ .share = share };
	int rc = collect(w, STACKS_ROOT, err);
	if (rc == 0 && w->tree.places[STACKS_TRUNCATED].total.blocks +
				       w->sums[STACKS_TRUNCATED].alloc_blocks > 0)
		rc = collect(w, STACKS_TRUNCATED, err);
	return rc;
}

/* Frames of the places written, numbered as they come. */
static int put_places(struct walk *w, struct pack *p, struct strtab *strings, struct buf *ret,
		      struct err *err)
{
	const struct stacks *s = &w->r->stacks;
	AUTO_FREE uint32_t *number = calloc(s->frames.len + 1, sizeof *number);
	struct VEC(uint32_t) used = { 0 };
	size_t rest = 0;
	int rc = number ? 0 : err_nomem(err);
	if (rc < 0)
		return rc;
	pack_begin(p, w->places.len);
	pack_column(p, "depth", 'u');
	for (size_t i = 0; i < w->depths.len; i++)
		pack_number(p, w->depths.at[i]);
	/* 0 no frame, 1 merged, 2 outer frames missing, else frame + 3 */
	pack_column(p, "frame", 'u');
	for (size_t i = 0; i < w->places.len && rc == 0; i++) {
		uint32_t place = w->places.at[i];
		if (place & MERGED || place < STACKS_FIRST) {
			pack_number(p, place & MERGED ? 1 : place == STACKS_ROOT ? 0 : 2);
			continue;
		}
		uint32_t frame = s->places.at[place].frame;
		if (number[frame] == 0) {
			rc = vec_push(&used, frame) < 0 ? err_nomem(err) : 0;
			number[frame] = (uint32_t)used.len;
		}
		pack_number(p, number[frame] + 2);
	}
	pack_column(p, "merged", 'u');
	for (size_t i = 0; i < w->places.len; i++)
		pack_number(p, w->places.at[i] & MERGED ? w->counts.at[rest++] : 0);
	if (rc == 0)
		rc = pack_end(p, "places", ret, err);
	pack_begin(p, used.len);
	for (int column = 0; column < 3; column++) {
		static const char *const name[] = { "function", "file", "line" };
		pack_column(p, name[column], column < 2 ? 't' : 'u');
		for (size_t i = 0; i < used.len; i++) {
			struct stack_text f = stacks_text(s, used.at[i]);
			if (column == 2)
				pack_number(p, f.line);
			else
				pack_number(p, pack_text(p, strings,
							 column ? f.file : f.function,
							 column ? f.file_bytes : f.function_bytes));
		}
	}
	vec_deinit(&used);
	return rc == 0 ? pack_end(p, "frames", ret, err) : rc;
}

static const struct counters *own(const struct walk *w, size_t i, size_t *rest, uint32_t *ret_stack)
{
	uint32_t place = w->places.at[i];
	*ret_stack = STACKS_NONE;
	if (place & MERGED)
		return &w->rests.at[(*rest)++];
	*ret_stack = w->r->stacks.places.at[place].stack;
	return *ret_stack == STACKS_NONE ? NULL : &w->r->by_stack[*ret_stack];
}

const char *const data_figure_names[DATA_FIGURES] = { "live", "live_blocks", "alloc", "alloc_blocks",
						      "peak", "peak_blocks", "temp",  "temp_blocks" };

uint64_t data_figure(const struct counters *c, int column)
{
	switch (column) {
	case 0:
		return counters_live_bytes(c);
	case 1:
		return counters_live_blocks(c);
	case 2:
		return c->alloc_bytes;
	case 3:
		return c->alloc_blocks;
	case 4:
		return c->peak_bytes;
	case 5:
		return c->peak_blocks;
	case 6:
		return c->temp_bytes;
	default:
		return c->temp_blocks;
	}
}

static uint64_t judgement(const struct growth_verdict *v)
{
	return (uint64_t)v->class * 4 + v->confidence;
}

static int put_sites(struct walk *w, struct pack *p, struct buf *ret, struct err *err)
{
	static const char *const more[] = { "verdict", "slope", "first_ms", "place" };
	uint64_t rows = 0;
	uint32_t stack;
	size_t rest = 0;
	for (size_t i = 0; i < w->places.len; i++)
		rows += own(w, i, &rest, &stack) != NULL;
	pack_begin(p, rows);
	for (int column = 0; column < 12; column++) {
		size_t last = 0;
		rest = 0;
		pack_column(p, column < DATA_FIGURES ? data_figure_names[column] : more[column - DATA_FIGURES],
			    column == 9 ? 's' : 'u');
		for (size_t i = 0; i < w->places.len; i++) {
			const struct counters *c = own(w, i, &rest, &stack);
			const struct growth_verdict *v =
				stack == STACKS_NONE ? NULL : &w->r->verdicts[stack];
			if (!c)
				continue;
			if (column < DATA_FIGURES)
				pack_number(p, data_figure(c, column));
			else if (column == 8)
				pack_number(p, v ? judgement(v) : 0);
			else if (column == 9)
				pack_signed(p, v ? (int64_t)llround(v->slope_bytes_per_s) : 0);
			else if (column == 10)
				pack_number(p, v ? v->first_ns / 1000000 : 0);
			else
				pack_number(p, i - last);
			last = i;
		}
	}
	return pack_end(p, "sites", ret, err);
}

static int put_timeline(const struct recording *r, struct pack *p, struct buf *ret, struct err *err)
{
	static const char *const names[] = { "ms", "live", "rss", "alloc", "freed" };
	uint64_t rows = 0;
	for (size_t i = 0; i < r->timeline.slices.len; i++)
		rows += r->timeline.slices.at[i].at_ns != 0;
	pack_begin(p, rows);
	for (int column = 0; column < 5; column++) {
		pack_column(p, names[column], 'u');
		for (size_t i = 0; i < r->timeline.slices.len; i++) {
			const struct timeline_slice *s = &r->timeline.slices.at[i];
			const uint64_t v[] = { s->at_ns / 1000000, s->live_bytes, s->rss_bytes,
					       s->alloc_bytes, s->free_bytes };
			if (s->at_ns)
				pack_number(p, v[column]);
		}
	}
	return pack_end(p, "timeline", ret, err);
}

/* What the whole page needs to know, one row. */
static int put_facts(const struct walk *w, struct pack *p, struct buf *ret, struct err *err)
{
	const struct recording *r = w->r;
	const struct heap_model *m = heaps_last(&r->heaps);
	const struct { const char *name; uint64_t v; } facts[] = {
		{ "duration_ms", r->totals.totals.duration_ns / 1000000 },
		{ "estimate", totals_estimated(&r->totals) },
		{ "merged_places", w->merged.places },
		{ "merged_live", w->merged.live_bytes },
		{ "suspects", r->leaks.naccused },
		{ "judged", r->overall.samples > 0 && r->overall.class != GROWTH_SHORT },
		{ "snapshot", m != NULL },
		{ "holders", html_has_holders(r) },
		{ "compared", w->compare != NULL },
		{ "recorded", !recording_is_snapshot(r) },
		{ "peaks", !r->peaks_cut },
		{ "two_snapshots", heaps_baseline(&r->heaps) != NULL },
		{ "arenas", m ? m->arenas.len : 0 },
		{ "arena_bytes", m ? m->heap.arena_size_bytes : 0 },
	};
	pack_begin(p, 1);
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		pack_column(p, facts[i].name, 'u');
		pack_number(p, facts[i].v);
	}
	return pack_end(p, "facts", ret, err);
}

static int put_strings(const struct strtab *strings, struct pack *p, struct buf *ret,
		       struct err *err)
{
	uint32_t n = strtab_count(strings);
	size_t len;
	pack_begin(p, n);
	pack_column(p, "text", 'b');
	for (uint32_t i = 0; i < n; i++) {
		const char *s = strtab_get(strings, i, &len);
		pack_bytes(p, s, len);
	}
	return pack_end(p, "strings", ret, err);
}

static int put_made(struct walk *w, const struct heap_model *m, struct pack *p,
		    struct strtab *strings, struct buf *ret, struct err *err)
{
	AUTO_FREE uint32_t *rows = walk_rows_of_stacks(w);
	return rows ? data_made(w->r, m, rows, p, strings, ret, err) : err_nomem(err);
}

static int put_all(struct walk *w, struct buf *ret, struct err *err)
{
	const struct heap_model *m = heaps_last(&w->r->heaps), *old = heaps_baseline(&w->r->heaps);
	struct strtab *strings = NULL;
	struct pack p = { 0 };
	buf_clear(ret);
	int rc = strtab_new(&strings, err);
	if (rc == 0)
		rc = put_facts(w, &p, ret, err);
	if (rc == 0)
		rc = put_timeline(w->r, &p, ret, err);
	if (rc == 0)
		rc = put_places(w, &p, strings, ret, err);
	if (rc == 0)
		rc = put_sites(w, &p, ret, err);
	if (rc == 0)
		rc = data_series(w, &p, ret, err);
	if (rc == 0)
		rc = data_threads(w, &p, strings, ret, err);
	if (rc == 0)
		rc = data_suspects(w, &p, strings, ret, err);
	if (rc == 0)
		rc = data_snapshots(&w->r->heaps, &p, ret, err);
	if (rc == 0)
		rc = w->compare ? data_diff(w->compare->diff, &p, strings, ret, err) : 0;
	if (rc == 0)
		rc = data_holders(w->r, &p, strings, ret, err);
	if (rc == 0 && m)
		rc = data_types(m, old, &p, strings, ret, err);
	if (rc == 0 && m)
		rc = data_arenas(w->r, m, &p, strings, ret, err);
	if (rc == 0 && m)
		rc = put_made(w, m, &p, strings, ret, err);
	if (rc == 0)
		rc = put_strings(strings, &p, ret, err);
	strtab_free(strings);
	pack_deinit(&p);
	return rc;
}

int html_data(const struct recording *r, const struct html_compare *compare, size_t max_bytes,
	      struct buf *ret, struct html_merged *ret_merged, struct err *err)
{
	struct walk w;
	double share = 0;
	int rc = walk_init(&w, r, err);
	w.compare = compare;
	for (int i = 0; rc == 0 && i < GROUPS_MAX; i++) {
		rc = collect_all(&w, share, err);
		if (rc == 0)
			rc = put_all(&w, ret, err);
		if (rc < 0 || ret->len <= max_bytes || share > 1)
			break;
		/* The first cut in proportion to what is too much, then by halves. */
		share = share > 0 ? share * 2 : 1.0 / (64.0 * (double)(w.places.len + 1));
	}
	*ret_merged = w.merged;
	walk_deinit(&w);
	return rc;
}
