/* SPDX-License-Identifier: MIT */
/*
 * Instants of a recording are looked up in the series the growth model keeps anyway; instants
 * of snapshots are kept here, a bounded number of them.
 */
#include "report/tui/subject.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define RATE_WINDOW_NS UINT64_C(30000000000)
#define OLDER_NS UINT64_C(2000000000)
#define JUDGE_AT_ONCE 3	/* verdicts are dear: a few at each refresh */
#define JUDGE_BEST 24	/* … of those that grew most */

static void capture_deinit(struct tui_capture *c)
{
	free(c->rows);
	*c = (struct tui_capture){ 0 };
}

void tui_subject_of_file(struct tui_subject *s, const struct recording *r)
{
	const struct fact_cost *c = &r->totals.cost;

	s->kind = TUI_FILE;
	s->r = r;
	s->pause_ns = s->pause_max_ns = c->attach_stop_ns > c->pause_ns ? c->attach_stop_ns : c->pause_ns;
}

void tui_subject_deinit(struct tui_subject *s)
{
	if (!s)
		return;
	capture_deinit(&s->now);
	for (size_t i = 0; i < s->nmarks; i++)
		capture_deinit(&s->marks[i]);
	for (size_t i = 0; i < s->nkept; i++)
		capture_deinit(&s->kept[i]);
	free(s->stacks);
	memset(s, 0, sizeof *s);
}

bool tui_by_stack(const struct tui_subject *s)
{
	return s->kind != TUI_SNAPSHOTS && !(s->r && recording_is_snapshot(s->r));
}

uint64_t tui_type_key(const struct fact_heap_type *t)
{
	return hash_bytes(t->addr ^ HASH_START, t->name, t->name ? strlen(t->name) : 0);
}

const struct heap_model *tui_heap(const struct tui_subject *s)
{
	const struct heap_model *best = NULL;

	if (!s->r)
		return NULL;
	for (size_t i = 0; i < s->r->heaps.snapshots.len; i++) {
		const struct heap_model *m = &s->r->heaps.snapshots.at[i];
		if (m->complete && (!best || s->kind == TUI_SNAPSHOTS || m->heap.at_ns <= s->now.at_ns))
			best = m;
	}
	return best;
}

bool tui_heap_is_older(const struct tui_subject *s, uint64_t *ret_unix_ns)
{
	const struct heap_model *m = tui_heap(s);

	*ret_unix_ns = m ? m->heap.at_unix_ns : 0;
	return m && s->kind == TUI_RECORDING && s->now.unix_ns > *ret_unix_ns + OLDER_NS;
}

static int by_key(const void *a, const void *b)
{
	const struct tui_counted *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

const struct tui_counted *tui_counted_of(const struct tui_capture *c, uint64_t key)
{
	struct tui_counted wanted = { .key = key };

	/* Stacks are their own index as long as none is left out. */
	if (key < c->n && c->rows[key].key == key)
		return &c->rows[key];
	return c->n ? bsearch(&wanted, c->rows, c->n, sizeof *c->rows, by_key) : NULL;
}

/* --- one instant -------------------------------------------------------------------------- */

static uint64_t series_at(const struct growth_series *g, uint32_t bucket)
{
	size_t lo = 0, hi = g->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (g->points[mid].bucket <= bucket)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && g->points[lo - 1].live_bytes > 0 ? (uint64_t)g->points[lo - 1].live_bytes : 0;
}

static uint64_t rss_at(const struct timeline *t, uint64_t at_ns)
{
	uint64_t rss = 0;

	for (size_t i = 0; i < t->slices.len; i++) {
		if (t->slices.at[i].at_ns > at_ns)
			break;
		if (t->slices.at[i].rss_bytes)
			rss = t->slices.at[i].rss_bytes;
	}
	return rss;
}

static int capture_types(const struct tui_subject *s, struct tui_capture *c, struct err *err)
{
	const struct heap_model *m = s->r ? heaps_last(&s->r->heaps) : NULL;

	if (!m)
		return 0;
	c->rows = calloc(m->types.len + 1, sizeof *c->rows);
	if (!c->rows)
		return err_nomem(err);
	for (size_t i = 0; i < m->types.len; i++) {
		const struct fact_heap_type *t = &m->types.at[i];
		if (t->count || t->total_bytes)
			c->rows[c->n++] = (struct tui_counted){ tui_type_key(t), t->total_bytes, t->count };
	}
	if (c->n)
		qsort(c->rows, c->n, sizeof *c->rows, by_key);
	c->blocks_known = true;
	c->live_bytes = m->heap.block_bytes + m->heap.large_bytes;
	c->unix_ns = m->heap.at_unix_ns;
	c->at_ns = s->kind == TUI_SNAPSHOTS ? s->now_ns : m->heap.at_ns;
	for (size_t i = 0; i < m->ledger.len; i++)
		c->rss_bytes += m->ledger.at[i].depth ? 0 : m->ledger.at[i].bytes;
	return 0;
}

/* The newest figures are exact; older ones are those at the end of an interval. */
static int capture_stacks(const struct tui_subject *s, size_t step, struct tui_capture *c,
			  struct err *err)
{
	const struct recording *r = s->r;
	const struct growth *g = &r->growth;
	size_t n = r->stacks.stacks.len, buckets = g->buckets.len;
	AUTO_FREE struct counters *sums = NULL;
	uint32_t bucket = 0;

	if (step == 0) {
		int rc = sites_by_stack(&r->sites, &sums, err);
		if (rc < 0)
			return rc;
		c->at_ns = r->timeline.end_ns > g->end_ns ? r->timeline.end_ns : g->end_ns;
		struct counters all = sites_sum(&r->sites);
		c->live_bytes = r->totals.have_totals ? r->totals.totals.live_bytes :
							 counters_live_bytes(&all);
		c->rss_bytes = r->timeline.rss_last_bytes;
		if (r->totals.totals.duration_ns > c->at_ns)
			c->at_ns = r->totals.totals.duration_ns;
	} else if (buckets) {
		bucket = (uint32_t)(step < buckets ? buckets - 1 - step : 0);
		c->at_ns = g->buckets.at[bucket].end_ns;
		c->live_bytes = series_at(&g->all, bucket);
		c->rss_bytes = rss_at(&r->timeline, c->at_ns);
	}
	c->rows = calloc(n + 1, sizeof *c->rows);
	if (!c->rows)
		return err_nomem(err);
	c->n = n;
	c->blocks_known = step == 0;
	c->unix_ns = r->totals.target.start_unix_ns ? r->totals.target.start_unix_ns + c->at_ns : 0;
	for (size_t i = 0; i < n; i++) {
		c->rows[i].key = i;
		if (sums) {
			c->rows[i].bytes = counters_live_bytes(&sums[i]);
			c->rows[i].blocks = counters_live_blocks(&sums[i]);
		} else if (i < g->series.len) {
			c->rows[i].bytes = series_at(&g->series.at[i], bucket);
		}
	}
	return 0;
}

static int capture_copy(const struct tui_capture *from, struct tui_capture *to, struct err *err)
{
	*to = *from;
	to->rows = calloc(from->n + 1, sizeof *to->rows);
	if (!to->rows)
		return err_nomem(err);
	if (from->n)
		memcpy(to->rows, from->rows, from->n * sizeof *to->rows);
	return 0;
}

/* --- what is known of stacks -------------------------------------------------------------- */

static void take_leaks(struct tui_subject *s)
{
	const struct leaks *l = &s->r->leaks;
	uint32_t number = 0;

	for (size_t i = 0; i < l->rows.len; i++) {
		const struct leak *k = &l->rows.at[i];
		if (k->stack >= s->nstacks || k->state != LEAK_ACCUSED)
			continue;
		number += k->lead == i;
		struct tui_stack *t = &s->stacks[k->stack];
		if (t->suspect)
			continue;
		t->suspect = number;
		t->leak = (uint32_t)i;
		t->type = k->type;
	}
}

static int take_types(struct tui_subject *s, struct err *err)
{
	const struct heap_model *m = heaps_last(&s->r->heaps);
	AUTO_FREE uint64_t *most = calloc(s->nstacks + 1, sizeof *most);

	if (!most)
		return err_nomem(err);
	for (size_t i = 0; m && i < m->joins.len; i++) {
		const struct fact_heap_join *j = &m->joins.at[i];
		const struct stack_site *site = stacks_site(&s->r->stacks, j->site);
		if (!site || site->stack >= s->nstacks || !j->type || j->bytes <= most[site->stack])
			continue;
		most[site->stack] = j->bytes;
		if (s->stacks[site->stack].leak == UINT32_MAX)
			s->stacks[site->stack].type = j->type;
	}
	return 0;
}

/* Judge a few of those that grew most; a finished recording has its verdicts. */
static void judge_some(struct tui_subject *s)
{
	uint64_t least = 0;

	for (size_t turn = 0; turn < JUDGE_BEST; turn++) {
		size_t best = SIZE_MAX;
		for (size_t i = 0; i < s->now.n && i < s->nstacks; i++)
			if ((turn == 0 || s->now.rows[i].bytes < least) &&
			    (best == SIZE_MAX || s->now.rows[i].bytes > s->now.rows[best].bytes))
				best = i;
		if (best == SIZE_MAX || s->now.rows[best].bytes == 0) {
			s->judge_next = 0;
			return;
		}
		least = s->now.rows[best].bytes;
		if (turn < s->judge_next)
			continue;
		struct growth_verdict v = growth_judge(&s->r->growth, (uint32_t)best);
		struct tui_stack *t = &s->stacks[best];
		t->judged = true;
		t->leaking = v.class == GROWTH_LEAKING && v.confidence > GROWTH_LOW;
		t->slope = v.slope_bytes_per_s;
		if (turn + 1 >= s->judge_next + JUDGE_AT_ONCE)
			break;
	}
	s->judge_next = s->judge_next + JUDGE_AT_ONCE < JUDGE_BEST ? s->judge_next + JUDGE_AT_ONCE : 0;
}

static void number_live_suspects(struct tui_subject *s)
{
	uint32_t number = 0;

	for (size_t i = 0; i < s->nstacks; i++)
		s->stacks[i].suspect = 0;
	for (;;) {
		size_t best = SIZE_MAX;
		for (size_t i = 0; i < s->nstacks; i++)
			if (s->stacks[i].leaking && !s->stacks[i].suspect &&
			    (best == SIZE_MAX || s->stacks[i].slope > s->stacks[best].slope))
				best = i;
		if (best == SIZE_MAX)
			return;
		s->stacks[best].suspect = ++number;
	}
}

static int know_stacks(struct tui_subject *s, struct err *err)
{
	size_t n = s->r->stacks.stacks.len;
	bool fresh = n > s->nstacks;

	if (fresh) {
		struct tui_stack *more = realloc(s->stacks, n * sizeof *more);
		if (!more)
			return err_nomem(err);
		s->stacks = more;
		for (size_t i = s->nstacks; i < n; i++)
			s->stacks[i] = (struct tui_stack){ .leak = UINT32_MAX };
		s->nstacks = n;
	}
	if (!s->r->concluded) {
		judge_some(s);
		number_live_suspects(s);
		return 0;
	}
	for (size_t i = 0; i < s->nstacks; i++)
		s->stacks[i] = (struct tui_stack){ .leak = UINT32_MAX,
						   .judged = true,
						   .slope = s->r->verdicts[i].slope_bytes_per_s };
	take_leaks(s);
	return take_types(s, err);
}

/* --- outside ------------------------------------------------------------------------------ */

static int first_mark(struct tui_subject *s, struct err *err)
{
	if (s->nmarks > 0)
		return 0;
	s->nmarks = 1;
	if (tui_by_stack(s)) {
		s->marks[0] = (struct tui_capture){ .blocks_known = true };
		return 0;
	}
	return capture_copy(&s->now, &s->marks[0], err);
}

int tui_refresh(struct tui_subject *s, size_t step, struct err *err)
{
	struct tui_capture now = { 0 };
	int rc = 0;

	if (!s->r)
		return 0;
	if (s->kind == TUI_SNAPSHOTS) {
		s->steps = s->nkept ? s->nkept - 1 : 0;
		if (step > s->steps)
			step = s->steps;
		if (s->nkept)
			rc = capture_copy(&s->kept[s->nkept - 1 - step], &now, err);
	} else if (tui_by_stack(s)) {
		s->steps = s->r->growth.buckets.len ? s->r->growth.buckets.len - 1 : 0;
		rc = capture_stacks(s, step > s->steps ? s->steps : step, &now, err);
	} else {
		s->steps = 0;
		rc = capture_types(s, &now, err);
	}
	if (rc < 0)
		return rc;
	capture_deinit(&s->now);
	s->now = now;
	if (tui_by_stack(s))
		rc = know_stacks(s, err);
	return rc < 0 ? rc : first_mark(s, err);
}

int tui_keep(struct tui_subject *s, struct err *err)
{
	struct tui_capture c = { 0 };
	int rc = capture_types(s, &c, err);

	if (rc < 0)
		return rc;
	if (s->nkept == TUI_KEPT_MAX) {
		capture_deinit(&s->kept[0]);
		memmove(&s->kept[0], &s->kept[1], (TUI_KEPT_MAX - 1) * sizeof s->kept[0]);
		s->nkept--;
	}
	s->kept[s->nkept++] = c;
	return 0;
}

int tui_mark(struct tui_subject *s, struct err *err)
{
	struct tui_capture c;
	int rc = capture_copy(&s->now, &c, err);

	if (rc < 0)
		return rc;
	c.letter = s->nmarks > 1 ? (char)(s->marks[s->nmarks - 1].letter + 1) : 'A';
	if (c.letter > 'Z')
		c.letter = 'A';
	if (s->nmarks > TUI_MARKS_MAX) {
		capture_deinit(&s->marks[1]);
		memmove(&s->marks[1], &s->marks[2], (TUI_MARKS_MAX - 1) * sizeof s->marks[0]);
		s->nmarks--;
	}
	s->marks[s->nmarks++] = c;
	return 0;
}

static double rate_of_type(const struct tui_subject *s, uint64_t key)
{
	const struct tui_capture *from = NULL;

	for (size_t i = 0; i < s->nkept; i++)
		if (s->kept[i].at_ns < s->now.at_ns &&
		    (!from || s->kept[i].at_ns + RATE_WINDOW_NS <= s->now.at_ns))
			from = &s->kept[i];
	if (!from)
		return NAN;
	const struct tui_counted *a = tui_counted_of(from, key), *b = tui_counted_of(&s->now, key);
	double grown = (b ? (double)b->bytes : 0) - (a ? (double)a->bytes : 0);
	return grown / ((double)(s->now.at_ns - from->at_ns) / 1e9);
}

double tui_rate(const struct tui_subject *s, uint64_t key)
{
	const struct growth *g = &s->r->growth;

	if (!tui_by_stack(s))
		return rate_of_type(s, key);
	if (s->kind == TUI_FILE && key < s->nstacks)
		return s->stacks[key].slope;
	if (key >= g->series.len || g->buckets.len < 2)
		return NAN;
	size_t from = g->buckets.len - 1;
	while (from > 0 && g->buckets.at[from].end_ns + RATE_WINDOW_NS > s->now.at_ns)
		from--;
	const struct tui_counted *b = tui_counted_of(&s->now, key);
	double seconds = ((double)s->now.at_ns - (double)g->buckets.at[from].end_ns) / 1e9;
	if (seconds <= 0)
		return NAN;
	return ((b ? (double)b->bytes : 0) -
		(double)series_at(&g->series.at[key], (uint32_t)from)) / seconds;
}
