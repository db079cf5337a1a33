/* SPDX-License-Identifier: MIT */
/*
 * Sites: all stacks as one tree, outermost first, or turned over so that callers hang below
 * what they called. Small branches are one row that says how many they are.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "report/tui/state.h"

enum { LIVE, SHARE, SELF, BLOCKS, RATE };
#define OPEN_SHARE 0.10 /* branches above it are open by themselves */
#define SMALL_SHARE 0.001
#define FRAMES_MAX 200

static const struct tui_column columns[] = {
	{ "LIVE", TUI_BYTES, 0 },    { "%", TUI_PERCENT, 60 },	      { "SELF", TUI_BYTES, 60 },
	{ "BLOCKS", TUI_COUNT, 80 }, { "+B/s", TUI_BYTES_RATE, 72 },
};

struct branch {
	uint32_t parent, frame, first, next; /* frame: index into stacks.frames */
	double live, self, blocks, grown;
};

struct wood {
	struct VEC(struct branch) at; /* [0] all; children have larger numbers */
	struct map of; /* parent, frame → number */
};

static void wood_free(void *own)
{
	struct wood *w = own;

	if (!w)
		return;
	vec_deinit(&w->at);
	map_deinit(&w->of);
	free(w);
}

static uint32_t branch_of(struct wood *w, uint32_t parent, uint32_t frame)
{
	bool fresh;
	uint64_t *at = map_add(&w->of, (uint64_t)parent << 32 | frame, w->at.len, &fresh);

	if (!at)
		return 0;
	if (fresh) {
		struct branch *b = vec_add(&w->at);
		if (!b) {
			map_del(&w->of, (uint64_t)parent << 32 | frame, NULL);
			return 0;
		}
		b->parent = parent;
		b->frame = frame;
	}
	return (uint32_t)*at;
}

/* Frames of a stack, innermost first; what is beyond the bound is left out. */
static size_t frames_of(const struct stacks *s, uint32_t stack, uint32_t frames[FRAMES_MAX])
{
	size_t n = 0;

	for (uint32_t p = s->stacks.at[stack]; p >= STACKS_FIRST && n < FRAMES_MAX; p = s->places.at[p].parent)
		frames[n++] = s->places.at[p].frame;
	return n;
}

#define NO_FRAME UINT32_MAX

static void plant(struct wood *w, const struct tui_subject *s, uint32_t stack, bool inverted,
		  double live, double blocks, double grown)
{
	uint32_t frames[FRAMES_MAX], at = 0;
	size_t n = frames_of(&s->r->stacks, stack, frames);

	for (size_t i = 0; i < n; i++)
		at = branch_of(w, at, frames[inverted ? i : n - 1 - i]);
	if (n == 0)
		at = branch_of(w, 0, NO_FRAME);
	w->at.at[at].self += live;
	w->at.at[at].live += live;
	w->at.at[at].blocks += blocks;
	w->at.at[at].grown += grown;
}

static int largest_first(const void *a, const void *b, void *ctx)
{
	const struct wood *w = ctx;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	double x = w->at.at[i].live, y = w->at.at[k].live;

	return x < y ? 1 : x > y ? -1 : i < k ? -1 : i > k;
}

static int grow(struct wood *w, const struct tui_subject *s, const struct tui_state *state,
		struct err *err)
{
	const struct tui_capture *mark = &s->marks[state->mark < s->nmarks ? state->mark : 0];

	if (!vec_add(&w->at))
		return err_nomem(err);
	for (size_t i = 0; i < s->now.n; i++) {
		const struct tui_counted *now = &s->now.rows[i], *old = tui_counted_of(mark, now->key);
		if (now->bytes || (old && old->bytes))
			plant(w, s, (uint32_t)now->key, state->inverted_tree, (double)now->bytes,
			      (double)now->blocks, (double)now->bytes - (old ? (double)old->bytes : 0));
	}
	size_t n = w->at.len;
	AUTO_FREE uint32_t *order = calloc(n, sizeof *order);
	if (!order)
		return err_nomem(err);
	for (size_t i = n; i-- > 1;) {
		struct branch *b = &w->at.at[i], *p = &w->at.at[b->parent];
		p->live += b->live;
		p->blocks += b->blocks;
		p->grown += b->grown;
		order[i] = (uint32_t)i;
	}
	if (n > 2)
		qsort_r(order + 1, n - 1, sizeof *order, largest_first, w);
	for (size_t i = n; i-- > 1;) {
		struct branch *b = &w->at.at[order[i]];
		b->next = w->at.at[b->parent].first;
		w->at.at[b->parent].first = order[i];
	}
	return 0;
}

static uint64_t key_of(const struct wood *w, uint32_t at, bool inverted)
{
	uint64_t h = inverted ? 77 : 55;

	for (; at; at = w->at.at[at].parent)
		h = hash_bytes(h, &w->at.at[at].frame, sizeof w->at.at[at].frame);
	return h | 1;
}

struct laying {
	struct tui_rows *rows;
	const struct wood *w;
	const struct tui_subject *s;
	const struct tui_state *state;
	double seconds;
	struct err *err;
};

static void fill(const struct laying *l, struct tui_row *row, const struct branch *b)
{
	row->v[LIVE] = b->live;
	row->v[SHARE] = l->rows->total > 0 ? 100 * b->live / l->rows->total : 0;
	row->v[SELF] = b->self;
	row->v[BLOCKS] = l->s->now.blocks_known ? b->blocks : NAN;
	row->v[RATE] = l->seconds > 0 ? b->grown / l->seconds : NAN;
}

/* Siblings from `at` on as one row. */
static int lay_rest(const struct laying *l, uint32_t at, uint16_t depth, uint64_t guide)
{
	struct branch sum = { 0 };
	uint32_t n = 0;

	for (uint32_t i = at; i; i = l->w->at.at[i].next, n++) {
		sum.live += l->w->at.at[i].live;
		sum.blocks += l->w->at.at[i].blocks;
		sum.grown += l->w->at.at[i].grown;
	}
	struct tui_row *row = tui_row_add(l->rows, key_of(l->w, at, true) + 2, n);
	if (!row)
		return err_nomem(l->err);
	row->depth = depth;
	row->guide = guide;
	row->rest = row->last = true;
	fill(l, row, &sum);
	row->v[SELF] = NAN;
	return 0;
}

static int lay(const struct laying *l, uint32_t at, uint16_t depth, uint64_t guide, bool last)
{
	const struct branch *b = &l->w->at.at[at];
	struct tui_row *row = tui_row_add(l->rows, key_of(l->w, at, l->state->inverted_tree), at);
	int rc = 0;

	if (!row)
		return err_nomem(l->err);
	row->depth = depth;
	row->guide = guide;
	row->last = last;
	fill(l, row, b);
	bool open = b->first && depth < TUI_DEPTH_MAX &&
		    tui_open(l->state, row->key, at == 0 || b->live >= OPEN_SHARE * l->rows->total);
	row->open = open;
	row->folded = b->first && !open;
	if (!last)
		guide |= UINT64_C(1) << depth;
	unsigned shown = 0;
	for (uint32_t i = open ? b->first : 0; i && rc == 0; i = l->w->at.at[i].next) {
		const struct branch *c = &l->w->at.at[i];
		/* A single small one is shown: "1 more" would take the same room. */
		if (shown && c->next && c->live < SMALL_SHARE * l->rows->total && !l->state->unfold_all)
			return lay_rest(l, i, (uint16_t)(depth + 1), guide);
		rc = lay(l, i, (uint16_t)(depth + 1), guide, c->next == 0);
		shown++;
	}
	return rc;
}

static int build(struct tui_rows *rows, const struct tui_subject *s, const struct tui_state *state,
		 struct err *err)
{
	const struct tui_capture *mark = &s->marks[state->mark < s->nmarks ? state->mark : 0];

	if (!tui_by_stack(s)) {
		snprintf(rows->absent, sizeof rows->absent,
			 "sites need a recording: %s", s->kind == TUI_SNAPSHOTS ?
			 "top alone installs nothing; pymemprof attach PID shows them live" :
			 "this file is a snapshot; attach makes one");
		return 0;
	}
	struct wood *w = calloc(1, sizeof *w);
	if (!w)
		return err_nomem(err);
	rows->own = w;
	rows->own_free = wood_free;
	int rc = grow(w, s, state, err);
	if (rc < 0)
		return rc;
	rows->total = w->at.at[0].live;
	struct laying l = { rows, w, s, state,
			    s->now.at_ns > mark->at_ns ? (double)(s->now.at_ns - mark->at_ns) / 1e9 : 0, err };
	return lay(&l, 0, 0, 0, true);
}

static void name(const struct tui_rows *rows, const struct tui_subject *s, const struct tui_row *row,
		 unsigned i, struct buf *out)
{
	const struct wood *w = rows->own;

	if (row->rest) {
		if (i == 0)
			(void)buf_printf(out, "(%u more)", row->index);
		return;
	}
	if (row->index == 0 || w->at.at[row->index].frame == NO_FRAME) {
		if (i == 0)
			(void)buf_str(out, row->index ? "(no Python stack)" : "all threads");
		return;
	}
	struct stack_text f = stacks_text(&s->r->stacks, w->at.at[row->index].frame);
	if (i == 0) {
		(void)buf_put(out, f.function, f.function_bytes);
	} else {
		tui_file_line(f.file, f.file_bytes, f.line, out);
	}
}

static void status(const struct tui_rows *rows, const struct tui_subject *s,
		   const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	(void)rows;
	(void)s;
	(void)row;
	tui_say(out, "+ folded  - open   h l fold, * all, i %s", state->inverted_tree ?
		"callers below callees: turn back" : "turns the tree over");
}

static void evidence(const struct tui_rows *rows, const struct tui_subject *s,
		     const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	const struct wood *w = rows->own;

	tui_say(out, "live      %.0f bytes (%.1f %%), of it here %.0f\n\n", row->v[LIVE], row->v[SHARE],
		isnan(row->v[SELF]) ? 0 : row->v[SELF]);
	if (row->rest) {
		tui_say(out, "%u branches too small to be shown one by one; * shows them\n", row->index);
		return;
	}
	for (uint32_t at = row->index, n = 0; at; at = w->at.at[at].parent, n++) {
		if (w->at.at[at].frame == NO_FRAME)
			continue;
		struct stack_text f = stacks_text(&s->r->stacks, w->at.at[at].frame);
		tui_say(out, "%s", n ? state->inverted_tree ? "        > " : "        < " : "          ");
		tui_say_name(out, f.function, f.function_bytes);
		tui_say(out, "  ");
		tui_say_name(out, f.file, f.file_bytes);
		tui_say(out, ":%u\n", f.line);
	}
}

const struct tui_pane tui_sites = {
	.title = "Sites",
	.columns = columns,
	.ncolumns = 5,
	.names = { "STACK", "AT" },
	.name_share = 60,
	.tree = true,
	.build = build,
	.name = name,
	.status = status,
	.evidence = evidence,
};
