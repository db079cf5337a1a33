/* SPDX-License-Identifier: MIT */
/*
 * One line of checksums over the models, the same for the same facts in the same order on
 * every machine. For tests: replaying a file must give the digest of the live session.
 */
#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "report/view/view.h"

#define NOTHING UINT64_MAX /* in a cell that has nothing to say */

static uint64_t mix_number(uint64_t h, uint64_t v)
{
	uint8_t le[8];
	for (int i = 0; i < 8; i++)
		le[i] = (uint8_t)(v >> (8 * i));
	return hash_bytes(h, le, sizeof le);
}

static uint64_t mix_table(const struct recording *r, uint64_t h, const struct table *t)
{
	for (size_t k = 0; k < t->rows.len; k++) {
		for (size_t i = 0; i < t->ncolumns; i++) {
			const struct table_cell *c = &t->rows.at[k][i];
			bool rate = t->columns[i].kind == TABLE_RATE;
			if (c->none)
				h = mix_number(h, NOTHING);
			else if (c->text)
				h = hash_bytes(h, c->text, strlen(c->text) + 1);
			else if (t->columns[i].kind != TABLE_STACK)
				h = mix_number(h, rate ? (uint64_t)(int64_t)c->real : c->count);
			uint32_t place = t->columns[i].kind == TABLE_STACK && !c->none ?
						 r->stacks.stacks.at[c->count] :
						 0;
			struct stack_text f;
			while (stacks_next(&r->stacks, &place, &f)) {
				h = hash_bytes(h, f.function, f.function_bytes + 1);
				h = hash_bytes(h, f.file, f.file_bytes + 1);
				h = mix_number(h, f.line);
			}
		}
	}
	return h;
}

/* What the newest snapshot found: its types, arenas and the ledger. */
static int mix_heap(const struct recording *r, uint64_t *h, struct err *err)
{
	struct table types = { 0 }, arenas = { 0 }, ledger = { 0 };
	int rc = heaps_types_table(&r->heaps, &r->stacks, 0, &types, err);
	if (rc == 0)
		rc = heaps_fragmentation_table(&r->heaps, &r->stacks, &arenas, err);
	if (rc == 0)
		rc = heaps_ledger_table(&r->heaps, &ledger, err);
	if (rc == 0)
		*h = mix_table(r, mix_table(r, mix_table(r, *h, &types), &arenas), &ledger);
	table_deinit(&types);
	table_deinit(&arenas);
	table_deinit(&ledger);
	return rc;
}

static int draw(const struct recording *r, const struct view_options *o, struct out *out,
		struct err *err)
{
	(void)o;
	struct table t = { 0 };
	int rc = recording_sites_table(r, SITES_LIVE, 0, &t, err);
	if (rc < 0)
		return rc;
	uint64_t sites = mix_table(r, HASH_START, &t);
	table_deinit(&t);
	rc = recording_threads_table(r, &t, err);
	if (rc < 0)
		return rc;
	uint64_t threads = mix_table(r, HASH_START, &t);
	table_deinit(&t);
	rc = recording_timeline_table(r, &t, err);
	if (rc < 0)
		return rc;
	uint64_t timeline = mix_table(r, HASH_START, &t);
	table_deinit(&t);
	uint64_t heap = HASH_START;
	rc = mix_heap(r, &heap, err);
	if (rc < 0)
		return rc;
	const struct fact_totals *s = &r->totals.totals;
	const uint64_t sums[] = { s->alloc_blocks, s->alloc_bytes, s->free_blocks, s->free_bytes,
				  s->temp_blocks,  s->temp_bytes,  s->live_blocks, s->live_bytes,
				  s->peak_bytes,   s->peak_blocks };
	uint64_t totals = HASH_START;
	for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
		totals = mix_number(totals, sums[i]);
	out_printf(out,
		   "totals %016" PRIx64 " sites %016" PRIx64 " threads %016" PRIx64
		   " timeline %016" PRIx64 " heap %016" PRIx64 "\n",
		   totals, sites, threads, timeline, heap);
	return out_check(out, err);
}

const struct view view_digest = {
	.name = "digest",
	.summary = "checksums of the figures, for tests",
	.questions = (1u << VIEW_QUESTIONS) - 1,
	.draw = draw,
};
