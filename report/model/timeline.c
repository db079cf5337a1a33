/* SPDX-License-Identifier: MIT */
/*
 * Slices indexed by time; when the index would pass TIMELINE_MAX, pairs are merged and the
 * width doubles. A time from a hostile file costs at most 64 doublings.
 */
#include "report/model/timeline.h"

#include <string.h>

void timeline_init(struct timeline *t)
{
	memset(t, 0, sizeof *t);
	t->width_ns = TIMELINE_FIRST_NS;
}

void timeline_deinit(struct timeline *t)
{
	if (!t)
		return;
	vec_deinit(&t->slices);
	memset(t, 0, sizeof *t);
}

static void merge(struct timeline_slice *into, const struct timeline_slice *later)
{
	into->alloc_blocks += later->alloc_blocks;
	into->alloc_bytes += later->alloc_bytes;
	into->free_blocks += later->free_blocks;
	into->free_bytes += later->free_bytes;
	into->temp_blocks += later->temp_blocks;
	into->temp_bytes += later->temp_bytes;
	if (later->rss_max_bytes > into->rss_max_bytes)
		into->rss_max_bytes = later->rss_max_bytes;
	if (later->at_ns == 0)
		return;
	into->at_ns = later->at_ns;
	into->live_bytes = later->live_bytes;
	if (later->foreign_frees > into->foreign_frees)
		into->foreign_frees = later->foreign_frees;
	if (later->rss_bytes)
		into->rss_bytes = later->rss_bytes;
}

static void double_width(struct timeline *t)
{
	size_t kept = 0;
	for (size_t i = 0; i < t->slices.len; i += 2) {
		struct timeline_slice s = t->slices.at[i];
		if (i + 1 < t->slices.len)
			merge(&s, &t->slices.at[i + 1]);
		t->slices.at[kept++] = s;
	}
	t->slices.len = kept;
	t->width_ns = t->width_ns > UINT64_MAX / 2 ? UINT64_MAX : t->width_ns * 2;
}

static struct timeline_slice *slice_at(struct timeline *t, uint64_t at_ns)
{
	while (at_ns / t->width_ns >= TIMELINE_MAX)
		double_width(t);
	while (t->slices.len <= at_ns / t->width_ns)
		if (!vec_add(&t->slices))
			return NULL;
	struct timeline_slice *s = &t->slices.at[at_ns / t->width_ns];
	if (at_ns >= s->at_ns)
		s->at_ns = at_ns ? at_ns : 1;
	if (at_ns > t->end_ns)
		t->end_ns = at_ns;
	return s;
}

int timeline_interval(struct timeline *t, const struct fact_interval *f, struct err *err)
{
	struct timeline_slice *s = slice_at(t, f->to_ns);
	if (!s)
		return err_nomem(err);
	uint64_t born = 0, dead = 0;
	for (size_t i = 0; i < f->ndeltas; i++) {
		const struct fact_delta *d = &f->deltas[i];
		s->alloc_blocks += d->alloc_blocks;
		s->free_blocks += d->free_blocks;
		s->temp_blocks += d->temp_blocks;
		s->temp_bytes += d->temp_bytes;
		born += d->alloc_bytes;
		dead += d->free_bytes;
	}
	s->alloc_bytes += born;
	s->free_bytes += dead;
	t->live_bytes += born;
	t->live_bytes -= dead < t->live_bytes ? dead : t->live_bytes;
	s->live_bytes = t->live_bytes;
	return 0;
}

void timeline_rss_peak(struct timeline *t, uint64_t bytes)
{
	if (bytes > t->rss_max_bytes)
		t->rss_max_bytes = bytes;
}

int timeline_tick(struct timeline *t, const struct fact_tick *f, struct err *err)
{
	struct timeline_slice *s = slice_at(t, f->at_ns);
	if (!s)
		return err_nomem(err);
	t->ticks++;
	s->live_bytes = f->live_bytes;
	if (f->frees + f->live_blocks > f->allocs)
		s->foreign_frees = f->frees + f->live_blocks - f->allocs;
	if (f->rss_bytes == 0)
		return 0;
	s->rss_bytes = f->rss_bytes;
	if (f->rss_bytes > s->rss_max_bytes)
		s->rss_max_bytes = f->rss_bytes;
	if (f->rss_bytes > t->rss_max_bytes)
		t->rss_max_bytes = f->rss_bytes;
	if (t->rss_first_bytes == 0) {
		t->rss_first_bytes = f->rss_bytes;
		t->rss_first_ns = f->at_ns;
	}
	t->rss_last_bytes = f->rss_bytes;
	t->rss_last_ns = f->at_ns;
	return 0;
}

uint64_t timeline_foreign_frees(const struct timeline *t, uint64_t at_ns)
{
	uint64_t most = 0;
	for (size_t i = 0; i < t->slices.len && t->slices.at[i].at_ns <= at_ns; i++)
		if (t->slices.at[i].foreign_frees > most)
			most = t->slices.at[i].foreign_frees;
	return most;
}

size_t timeline_curve(const struct timeline *t, bool rss, uint64_t *ret, size_t n)
{
	if (n > t->slices.len)
		n = t->slices.len;
	uint64_t last = 0;
	size_t from = 0;
	for (size_t i = 0; i < n; i++) {
		size_t to = (i + 1) * t->slices.len / n;
		for (; from < to; from++) {
			const struct timeline_slice *s = &t->slices.at[from];
			if (s->at_ns && (!rss || s->rss_bytes))
				last = rss ? s->rss_bytes : s->live_bytes;
		}
		ret[i] = last;
	}
	return n;
}
