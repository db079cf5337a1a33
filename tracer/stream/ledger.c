/* SPDX-License-Identifier: MIT */
/*
 * One pass over the records of a batch: decode a group, prefetch the table slots its addresses
 * fall into, then account. A site's figures share one cache line. Everything pushed is derived
 * from sums that only grow, so allocated − freed = live holds by construction.
 */
#include "tracer/stream/ledger.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tracer/stream/blocks.h"
#include "tracer/stream/tests.h"

#define GROUP 128     /* records decoded ahead: their slots are on the way while we account */
#define UNFREE_RING 64 /* last frees, for the realloc that failed after announcing one */
#define EPOCHS 256     /* sampling intervals one recording may go through; 0: not sampled */

/* Blocks are counted in 1/1024 while sampling, for a sampled block may stand for 1.4 of them. */
#define SAMPLED_SHIFT 10

/* One cache line. live = alloc − free. */
struct site_sum {
	uint64_t alloc_bytes, free_bytes;
	uint64_t alloc_blocks, free_blocks;
	uint64_t peak_gen; /* generation of the peak the two below belong to */
	uint64_t peak_bytes, peak_blocks;
	uint32_t interval; /* the last interval it changed in */
	uint32_t unused;
} __attribute__((aligned(64)));

/* What is needed once an interval only. Blocks here are whole ones, as pushed. */
struct site_past {
	uint64_t temp_blocks, temp_bytes;
	struct fact_delta pushed; /* sums of all deltas pushed so far */
};

struct freed {
	uint64_t addr, size, word;
	bool foreign;
};

struct ledger {
	const struct fact_sink *sink;
	struct fact_sink own; /* what sites push goes by here */
	struct tests tests;
	const double *ns_per_tick;
	uint64_t ticks;	 /* when the batch being read was written */
	uint32_t moment; /* of tests: what blocks born now keep */
	struct sites *sites;
	struct blocks *blocks;
	struct block_slot *sorted; /* all of them by address, kept until the next batch; NULL: not known */
	size_t nsorted;
	struct site_sum *sum; /* by site */
	struct site_past *past;
	uint32_t cap; /* of both */
	unsigned shift;
	bool events, sampling;
	bool final; /* the program has done its work */
	uint64_t live_bytes, live_blocks; /* blocks in units of 1 << shift */
	uint64_t peak_bytes, peak_blocks, peak_gen, peak_at_ns;
	uint64_t upper_bytes; /* no instant can have had more: window included */
	uint64_t at_ns;
	uint32_t interval;
	uint64_t interval_from_ns, waited_ns;
	uint32_t *dirty;
	uint32_t ndirty;
	uint64_t foreign_frees;
	uint64_t records, definitions;
	struct fact_totals totals; /* sums of what was pushed */
	struct freed ring[UNFREE_RING];
	unsigned ring_next;
	double epoch[EPOCHS];
	unsigned nepochs;
	struct stream_hello hello;
	struct ledger_oddities odd;
};

/* --- a block's word: site 22 bits | domain 2 | epoch 8 | moment of birth 32 -------------- */

static inline uint64_t word_of(uint32_t site, unsigned domain, unsigned epoch, uint32_t moment)
{
	return site | (uint64_t)domain << 22 | (uint64_t)epoch << 24 | (uint64_t)moment << 32;
}

static inline uint32_t word_site(uint64_t word)
{
	return word & ((1u << 22) - 1);
}

static inline uint32_t word_moment(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

static inline unsigned word_domain(uint64_t word)
{
	return word >> 22 & 3;
}

static inline unsigned word_epoch(uint64_t word)
{
	return word >> 24 & 0xff;
}

/* How many blocks of `size` one sampled block stands for: 1 / P(sampled). */
static double weight_of(const struct ledger *l, uint64_t size, unsigned epoch)
{
	if (epoch == 0 || l->epoch[epoch] <= 0)
		return 1.0;
	double p = -expm1(-(double)(size ? size : 1) / l->epoch[epoch]);
	return p > 0 ? 1.0 / p : 1.0;
}

/* Units and bytes one block adds to the sums. */
static inline void measure(const struct ledger *l, uint64_t size, unsigned epoch, uint64_t *units,
			   uint64_t *bytes)
{
	*units = 1ull << l->shift;
	*bytes = size;
	if (__builtin_expect(epoch != 0, 0)) {
		double w = weight_of(l, size, epoch);
		*units = (uint64_t)llround(w * (double)(1u << l->shift));
		*bytes = (uint64_t)llround(w * (double)size);
	}
}

static inline uint64_t whole(const struct ledger *l, uint64_t units)
{
	return l->shift ? (units + (1u << (l->shift - 1))) >> l->shift : units;
}

/* --- definitions go by here to the sink ------------------------------------------------- */

static int on_thread(void *ctx, const struct fact_thread *f, struct err *err)
{
	const struct fact_sink *sink = ((struct ledger *)ctx)->sink;

	return sink->thread ? sink->thread(sink->ctx, f, err) : 0;
}

static int on_site(void *ctx, const struct fact_site *f, struct err *err)
{
	struct ledger *l = ctx;
	int r = tests_define(&l->tests, f->site, l->sites->whose, err);

	return r < 0 || !l->sink->site ? r : l->sink->site(l->sink->ctx, f, err);
}

/* --- making and freeing ------------------------------------------------------------------ */

int ledger_new(const struct ledger_options *options, const struct fact_sink *sink,
	       struct ledger **ret, struct err *err)
{
	struct ledger *l = calloc(1, sizeof *l);

	if (!l)
		return err_nomem(err);
	l->sink = sink;
	l->ns_per_tick = options->ns_per_tick;
	l->events = options->events && sink->event;
	l->interval = 1;
	l->peak_gen = 1;
	int r = blocks_new(options->live_max ? options->live_max : LEDGER_LIVE_MAX, &l->blocks, err);
	if (r == 0)
		r = tests_init(&l->tests, err);
	l->own = (struct fact_sink){ .ctx = l, .thread = on_thread, .site = on_site };
	if (r == 0)
		r = sites_new(&l->own, &options->sites, &l->sites, err);
	if (r < 0) {
		ledger_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void ledger_free(struct ledger *l)
{
	if (!l)
		return;
	blocks_free(l->blocks);
	free(l->sorted);
	sites_free(l->sites);
	tests_deinit(&l->tests);
	free(l->sum);
	free(l->past);
	free(l->dirty);
	free(l);
}

/* Room for every site defined so far. */
static int grow_sites(struct ledger *l, struct err *err)
{
	if (l->sites->count < l->cap)
		return 0;
	size_t cap = l->cap ? l->cap : 512;
	while (cap <= l->sites->count)
		cap *= 2;
	void *sum = NULL;
	if (posix_memalign(&sum, 64, cap * sizeof *l->sum) != 0)
		return err_nomem(err);
	memset(sum, 0, cap * sizeof *l->sum);
	if (l->sum)
		memcpy(sum, l->sum, l->cap * sizeof *l->sum);
	free(l->sum);
	l->sum = sum;
	struct site_past *past = realloc(l->past, cap * sizeof *past);
	if (!past)
		return err_nomem(err);
	memset(past + l->cap, 0, (cap - l->cap) * sizeof *past);
	l->past = past;
	uint32_t *dirty = realloc(l->dirty, cap * sizeof *dirty);
	if (!dirty)
		return err_nomem(err);
	l->dirty = dirty;
	l->cap = (uint32_t)cap;
	return 0;
}

/* --- sums -------------------------------------------------------------------------------- */

/* Before any change of a site: note the interval, keep its value at the newest peak. */
static inline struct site_sum *touch(struct ledger *l, uint32_t site)
{
	struct site_sum *s = &l->sum[site];

	if (s->interval != l->interval) {
		s->interval = l->interval;
		l->dirty[l->ndirty++] = site;
	}
	if (s->peak_gen != l->peak_gen) {
		s->peak_gen = l->peak_gen;
		s->peak_bytes = s->alloc_bytes - s->free_bytes;
		s->peak_blocks = s->alloc_blocks - s->free_blocks;
	}
	return s;
}

static inline void add(struct ledger *l, uint32_t site, uint64_t units, uint64_t bytes)
{
	struct site_sum *s = touch(l, site);

	s->alloc_blocks += units;
	s->alloc_bytes += bytes;
	l->live_blocks += units;
	l->live_bytes += bytes;
	if (l->live_bytes > l->peak_bytes) {
		l->peak_bytes = l->live_bytes;
		l->peak_blocks = l->live_blocks;
		l->peak_at_ns = l->at_ns;
		l->peak_gen++;
	}
}

static inline void sub(struct ledger *l, uint32_t site, uint64_t units, uint64_t bytes)
{
	struct site_sum *s = touch(l, site);

	s->free_blocks += units;
	s->free_bytes += bytes;
	l->live_blocks -= units;
	l->live_bytes -= bytes;
}

static int push_event(struct ledger *l, char kind, unsigned domain, uint32_t site, uint64_t addr,
		      uint64_t size, uint64_t blocks, struct err *err)
{
	struct fact_event f = { kind, (uint8_t)domain, site, l->at_ns, addr, size, blocks };

	return l->sink->event(l->sink->ctx, &f, err);
}

/* Site of a serial; one that nobody defined goes to the site of the unattributed. */
static inline int64_t site_of(struct ledger *l, uint32_t serial, struct err *err)
{
	uint32_t site = sites_of(l->sites, serial);

	if (__builtin_expect(site != 0, 1))
		return site;
	l->sites->hit.undefined++;
	int64_t nobody = sites_unknown(l->sites, err);
	if (nobody < 0)
		return nobody;
	int r = grow_sites(l, err);
	return r < 0 ? r : nobody;
}

static inline void drop_slot(struct ledger *l, struct block_slot *slot)
{
	uint64_t size = blocks_slot_size(l->blocks, slot), units, bytes;

	measure(l, size, word_epoch(slot->word), &units, &bytes);
	sub(l, word_site(slot->word), units, bytes);
	if (l->tests.active)
		tests_died(&l->tests, word_moment(slot->word), word_site(slot->word), bytes);
}

/* Allocated where a block was believed alive: its free was missed. */
static enum blocks_insert replace(struct ledger *l, const struct record *r, uint64_t word)
{
	struct block_slot *old = blocks_find(l->blocks, r->addr);

	l->odd.replaced++;
	drop_slot(l, old);
	blocks_remove(l->blocks, old);
	return blocks_insert(l->blocks, r->addr, r->size, word);
}

static int on_alloc(struct ledger *l, const struct record *r, struct err *err)
{
	int64_t site = site_of(l, r->site, err);

	if (site < 0)
		return (int)site;
	unsigned epoch = r->sampled ? l->nepochs : 0;
	uint64_t word = word_of((uint32_t)site, r->domain, epoch, l->moment), units, bytes;
	enum blocks_insert done = blocks_insert(l->blocks, r->addr, r->size, word);
	if (__builtin_expect(done == BLOCKS_EXISTS, 0))
		done = replace(l, r, word);
	if (__builtin_expect(done != BLOCKS_INSERTED, 0)) {
		l->odd.untracked_blocks++;
		l->odd.untracked_bytes += r->size;
		return 0;
	}
	measure(l, r->size, epoch, &units, &bytes);
	add(l, (uint32_t)site, units, bytes);
	if (l->tests.run)
		tests_born(&l->tests, l->moment, (uint32_t)site, bytes);
	return l->events ? push_event(l, 'a', r->domain, (uint32_t)site, r->addr, r->size, 1, err) :
			   0;
}

static int on_free(struct ledger *l, const struct record *r, struct err *err)
{
	struct block_slot *slot = blocks_find(l->blocks, r->addr);
	struct freed *f = &l->ring[l->ring_next++ % UNFREE_RING];

	f->addr = r->addr;
	f->foreign = !slot;
	if (!slot) {
		l->foreign_frees++;
		return l->events ? push_event(l, 'f', 0, 0, r->addr, 0, 1, err) : 0;
	}
	f->size = blocks_slot_size(l->blocks, slot);
	f->word = slot->word;
	drop_slot(l, slot);
	blocks_remove(l->blocks, slot);
	return l->events ? push_event(l, 'f', word_domain(f->word), word_site(f->word), r->addr,
				      f->size, 1, err) :
			   0;
}

static int on_temp(struct ledger *l, const struct record *r, struct err *err)
{
	int64_t site = site_of(l, r->site, err);

	if (site < 0)
		return (int)site;
	struct site_sum *s = touch(l, (uint32_t)site);
	uint64_t units = (uint64_t)r->blocks << l->shift;
	s->alloc_blocks += units;
	s->free_blocks += units;
	s->alloc_bytes += r->size;
	s->free_bytes += r->size;
	l->past[site].temp_blocks += r->blocks;
	l->past[site].temp_bytes += r->size;
	if (l->tests.run)
		tests_passed(&l->tests, (uint32_t)site, r->blocks, r->size);
	return l->events ? push_event(l, 't', 0, (uint32_t)site, 0, r->size, r->blocks, err) : 0;
}

/* The realloc announced by the last FREE of this address failed: take the FREE back. */
static int on_unfree(struct ledger *l, const struct record *r, struct err *err)
{
	for (unsigned back = 1; back <= UNFREE_RING && back <= l->ring_next; back++) {
		struct freed *f = &l->ring[(l->ring_next - back) % UNFREE_RING];
		uint64_t units, bytes;

		if (f->addr != r->addr)
			continue;
		f->addr = 0;
		if (f->foreign) {
			l->foreign_frees--;
			return 0;
		}
		if (blocks_insert(l->blocks, r->addr, f->size, f->word) != BLOCKS_INSERTED)
			break;
		/* Counted as a new birth: sums only grow, so no interval can turn negative. */
		measure(l, f->size, word_epoch(f->word), &units, &bytes);
		add(l, word_site(f->word), units, bytes);
		if (l->tests.active)
			tests_born(&l->tests, word_moment(f->word), word_site(f->word), bytes);
		return l->events ? push_event(l, 'a', word_domain(f->word), word_site(f->word),
					      r->addr, f->size, 1, err) :
				   0;
	}
	l->odd.unfree_unknown++;
	return 0;
}

static void sample_from(struct ledger *l, uint64_t bytes)
{
	if (bytes == 0)
		return;
	/* Units change from 1 to 1/1024 with the first sampling interval, before any block. */
	if (l->nepochs == 0 && l->live_blocks == 0 && l->totals.alloc_blocks == 0)
		l->shift = SAMPLED_SHIFT;
	if (l->nepochs > 0 && l->epoch[l->nepochs] == (double)bytes)
		return;
	if (l->nepochs < EPOCHS - 1)
		l->nepochs++;
	l->epoch[l->nepochs] = (double)bytes;
}

/* When a label came: some time before the batch it is in was written. */
static uint64_t label_at(const struct ledger *l, const struct record *r)
{
	uint64_t ticks, ago;

	if (!l->ns_per_tick || r->blocks < sizeof ticks)
		return l->at_ns;
	memcpy(&ticks, r->meta, sizeof ticks);
	if (ticks >= l->ticks)
		return l->at_ns;
	ago = (uint64_t)((double)(l->ticks - ticks) * *l->ns_per_tick);
	return ago < l->at_ns ? l->at_ns - ago : 0;
}

/* 1: the record makes no sense. */
static int on_meta(struct ledger *l, const struct record *r, struct err *err)
{
	struct stream_sample sample;
	int e;

	l->definitions++;
	switch (r->site) {
	case STREAM_HELLO:
		if (r->blocks < sizeof l->hello)
			return 1;
		memcpy(&l->hello, r->meta, sizeof l->hello);
		sample_from(l, l->hello.sample_bytes);
		return 0;
	case STREAM_SAMPLE:
		if (r->blocks < sizeof sample)
			return 1;
		memcpy(&sample, r->meta, sizeof sample);
		sample_from(l, sample.sample_bytes);
		return 0;
	case STREAM_FINAL:
		l->final = true;
		return 0;
	case STREAM_LABEL:
		e = tests_label(&l->tests, r, label_at(l, r), err);
		l->moment = tests_moment(&l->tests, l->at_ns);
		return e;
	default:
		break;
	}
	e = sites_meta(l->sites, r, err);
	return e != 0 ? e : grow_sites(l, err);
}

static int on_record(struct ledger *l, const struct record *r, struct err *err)
{
	switch ((enum stream_kind)r->kind) {
	case STREAM_ALLOC:
		return on_alloc(l, r, err);
	case STREAM_FREE:
		return on_free(l, r, err);
	case STREAM_TEMP:
		return on_temp(l, r, err);
	case STREAM_UNFREE:
		return on_unfree(l, r, err);
	case STREAM_META:
		return on_meta(l, r, err);
	}
	return 1;
}

/* always_inline: see blocks_prefetch. */
__attribute__((always_inline)) static inline void prefetch(const struct ledger *l,
							    const struct record *r)
{
	if (r->kind == STREAM_ALLOC || r->kind == STREAM_FREE)
		blocks_prefetch(l->blocks, r->addr);
	if (r->kind == STREAM_ALLOC)
		__builtin_prefetch(&l->sum[sites_of(l->sites, r->site)], 1);
}

int ledger_apply(struct ledger *l, const struct decode_batch *batch, uint64_t at_ns,
		 struct err *err)
{
	struct record_cursor c = { batch->words, batch->words + batch->nwords, false };
	struct record group[GROUP];
	size_t n;

	free(l->sorted);
	l->sorted = NULL;
	l->at_ns = at_ns;
	l->ticks = batch->head.ticks_written;
	l->moment = tests_moment(&l->tests, at_ns);
	int e = grow_sites(l, err);
	if (e < 0)
		return e;
	uint64_t highest = l->live_bytes; /* within this batch */
	while (!c.bad && (n = record_decode(&c, group, GROUP)) > 0) {
		l->records += n;
		for (size_t i = 0; i < n; i++)
			prefetch(l, &group[i]);
		for (size_t i = 0; i < n; i++) {
			e = on_record(l, &group[i], err);
			if (e < 0)
				return e;
			if (e > 0) {
				c.bad = true;
				break;
			}
			if (l->live_bytes > highest)
				highest = l->live_bytes;
		}
	}
	if (c.bad)
		l->odd.bad_batches++;
	/* What waited in the agent's window was alive too, unseen: the bound on a missed peak. */
	if (highest + batch->head.window_peak_bytes > l->upper_bytes)
		l->upper_bytes = highest + batch->head.window_peak_bytes;
	return 0;
}

/* --- what is pushed ---------------------------------------------------------------------- */

/* Sums of a site in whole blocks. */
static struct fact_delta whole_sums(const struct ledger *l, uint32_t site)
{
	const struct site_sum *s = &l->sum[site];
	const struct site_past *p = &l->past[site];

	return (struct fact_delta){
		.site = site,
		.alloc_blocks = whole(l, s->alloc_blocks),
		.alloc_bytes = s->alloc_bytes,
		.free_blocks = whole(l, s->free_blocks),
		.free_bytes = s->free_bytes,
		.temp_blocks = p->temp_blocks,
		.temp_bytes = p->temp_bytes,
	};
}

static struct fact_delta minus(struct fact_delta a, const struct fact_delta *b)
{
	a.alloc_blocks -= b->alloc_blocks;
	a.alloc_bytes -= b->alloc_bytes;
	a.free_blocks -= b->free_blocks;
	a.free_bytes -= b->free_bytes;
	a.temp_blocks -= b->temp_blocks;
	a.temp_bytes -= b->temp_bytes;
	return a;
}

static void count_totals(struct fact_totals *t, const struct fact_delta *d)
{
	t->alloc_blocks += d->alloc_blocks;
	t->alloc_bytes += d->alloc_bytes;
	t->free_blocks += d->free_blocks;
	t->free_bytes += d->free_bytes;
	t->temp_blocks += d->temp_blocks;
	t->temp_bytes += d->temp_bytes;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void ledger_waited(struct ledger *l, uint64_t ns)
{
	l->waited_ns += ns;
}

int ledger_interval(struct ledger *l, uint64_t to_ns, struct err *err)
{
	AUTO_FREE struct fact_delta *deltas = NULL;
	uint32_t n = l->ndirty;

	if (to_ns < l->interval_from_ns)
		to_ns = l->interval_from_ns;
	if (n > 0) {
		deltas = malloc(n * sizeof *deltas);
		if (!deltas)
			return err_nomem(err);
		qsort(l->dirty, n, sizeof *l->dirty, by_number);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct fact_delta sums = whole_sums(l, l->dirty[i]);

		deltas[i] = minus(sums, &l->past[l->dirty[i]].pushed);
		l->past[l->dirty[i]].pushed = sums;
		count_totals(&l->totals, &deltas[i]);
	}
	struct fact_interval f = { l->interval_from_ns, to_ns, n, deltas, l->waited_ns };
	l->ndirty = 0;
	l->waited_ns = 0;
	l->interval++;
	l->interval_from_ns = to_ns;
	return l->sink->interval ? l->sink->interval(l->sink->ctx, &f, err) : 0;
}

static int note(struct ledger *l, const char *code, const char *what, uint64_t n, struct err *err)
{
	char text[256];

	if (n == 0 || !l->sink->note)
		return 0;
	snprintf(text, sizeof text, "%llu %s", (unsigned long long)n, what);
	struct fact_note f = { code, text };
	return l->sink->note(l->sink->ctx, &f, err);
}

static int push_notes(struct ledger *l, struct err *err)
{
	const struct sites_limits_hit *hit = &l->sites->hit;
	const struct {
		const char *code, *what;
		uint64_t n;
	} all[] = {
		{ "bad-batches", "batches held records that make no sense; their rest is missing",
		  l->odd.bad_batches },
		{ "replaced-blocks",
		  "blocks were allocated where another was believed alive: a free was missed",
		  l->odd.replaced },
		{ "live-limit",
		  "blocks are missing from every figure: there were too many live ones to follow",
		  l->odd.untracked_blocks },
		{ "unknown-unfree", "failed reallocations could not be taken back",
		  l->odd.unfree_unknown },
		{ "site-limit", "stacks are counted as one: there were too many different ones",
		  hit->sites },
		{ "stacks-cut",
		  "stacks are known by their innermost frames only: there were too many different ones",
		  hit->cut },
		{ "code-limit", "code objects have no name: there were too many", hit->codes },
		{ "thread-limit", "threads are counted as one, with what no Python thread did: the first 256 are told apart", hit->threads },
		{ "string-limit", "names are shown as ?: there were too many", hit->strings },
		{ "undefined-sites", "events name a stack that was never sent", hit->undefined },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		int r = note(l, all[i].code, all[i].what, all[i].n, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int push_peaks(struct ledger *l, struct err *err)
{
	for (uint32_t site = 1; l->sink->site_peak && site <= l->sites->count; site++) {
		const struct site_sum *s = &l->sum[site];
		bool kept = s->peak_gen == l->peak_gen;
		uint64_t bytes = kept ? s->peak_bytes : s->alloc_bytes - s->free_bytes;
		uint64_t units = kept ? s->peak_blocks : s->alloc_blocks - s->free_blocks;

		if (units == 0 && bytes == 0)
			continue;
		struct fact_site_peak f = { site, bytes, whole(l, units) };
		int r = l->sink->site_peak(l->sink->ctx, &f, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int ledger_each_block(struct ledger *l, ledger_block_fn *fn, void *ctx, struct err *err)
{
	/* the snapshot at the end asks first, the end itself again */
	int r = l->sorted ? 0 : blocks_sorted(l->blocks, &l->sorted, &l->nsorted, err);
	const struct block_slot *all = l->sorted;
	if (r < 0)
		return r;
	for (size_t i = 0; all && i < l->nsorted; i++) {
		uint64_t size = blocks_slot_size(l->blocks, &all[i]), word = all[i].word;
		struct fact_block f = {
			.addr = blocks_slot_addr(&all[i]),
			.size = size,
			.weight = weight_of(l, size, word_epoch(word)),
			.site = word_site(word),
			.domain = (uint8_t)word_domain(word),
			.birth_ns = tests_when(&l->tests, word_moment(word)).ms * UINT64_C(1000000),
		};
		r = fn(ctx, &f, err);
		if (r < 0)
			return r;
	}
	return 0;
}

uint32_t ledger_site_of(const struct ledger *l, uint64_t addr)
{
	const struct block_slot *slot = addr && !(addr & 7) && !(addr >> 48) ?
						blocks_find(l->blocks, addr) :
						NULL;

	return slot ? word_site(slot->word) : 0;
}

int64_t ledger_add_site(struct ledger *l, const struct fact_site *fact, struct err *err)
{
	int64_t site = sites_foreign(l->sites, fact, err);
	int r = site < 0 ? 0 : grow_sites(l, err);

	return r < 0 ? r : site;
}

static int push_blocks(struct ledger *l, struct err *err)
{
	return l->sink->block ? ledger_each_block(l, l->sink->block, l->sink->ctx, err) : 0;
}

int ledger_finish(struct ledger *l, uint64_t duration_ns, struct err *err)
{
	int r = grow_sites(l, err);

	if (r == 0 && (l->ndirty > 0 || duration_ns > l->interval_from_ns))
		r = ledger_interval(l, duration_ns, err);
	if (r == 0)
		r = push_notes(l, err);
	if (r == 0)
		r = push_peaks(l, err);
	if (r == 0)
		r = push_blocks(l, err);
	if (r == 0)
		r = tests_push(&l->tests, duration_ns, l->sink, err);
	if (r < 0)
		return r;
	struct fact_totals *t = &l->totals;
	t->live_blocks = t->alloc_blocks - t->free_blocks;
	t->live_bytes = t->alloc_bytes - t->free_bytes;
	t->peak_bytes = l->peak_bytes;
	t->peak_blocks = whole(l, l->peak_blocks);
	t->peak_at_ns = l->peak_at_ns;
	t->peak_slack_bytes = l->upper_bytes > l->peak_bytes ? l->upper_bytes - l->peak_bytes : 0;
	t->foreign_frees = l->foreign_frees;
	t->duration_ns = duration_ns;
	return l->sink->totals ? l->sink->totals(l->sink->ctx, t, err) : 0;
}

struct ledger_live ledger_live(const struct ledger *l)
{
	return (struct ledger_live){
		.blocks = whole(l, l->live_blocks),
		.bytes = l->live_bytes,
		.peak_bytes = l->peak_bytes,
		.events = l->records - l->definitions,
		.sites = l->sites->count,
	};
}

uint64_t ledger_births(const struct ledger *l)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < l->cap; i++)
		n += l->sum[i].alloc_blocks;
	return whole(l, n);
}

const struct ledger_oddities *ledger_oddities(const struct ledger *l)
{
	return &l->odd;
}

const struct sites_limits_hit *ledger_limits_hit(const struct ledger *l)
{
	return &l->sites->hit;
}

bool ledger_final(const struct ledger *l)
{
	return l->final;
}

struct stream_hello ledger_hello(const struct ledger *l)
{
	return l->hello;
}
