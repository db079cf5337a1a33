/* SPDX-License-Identifier: MIT */
/*
 * One reader per section kind of a recording: payload bytes to facts. Every number that names
 * something is checked against what the file defined before; every count against the bytes
 * that are left. Knows nothing of files and checksums.
 */
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/vec.h"
#include "tracer/stream/pmp_format.h"

#define STRINGS_MAX (1u << 24)
#define STRING_BYTES_MAX 4096u
#define NAME_BYTES_MAX 512u
#define THREADS_MAX (1u << 20)
#define SITES_IN_FILE_MAX (1u << 23)
#define FRAMES_PER_SITE_MAX 65536u
#define MISSING_MAX 65536u /* sites and threads invented for a damaged file */
#define DOMAINS 3

struct pmp_recording {
	struct arena text;
	size_t strings_cap;
	struct VEC(struct fact_frame) frames, inner; /* of the site before, of this one */
	struct VEC(struct fact_delta) deltas;	     /* of an interval in several sections */
	bool more_deltas;
	uint64_t deltas_from_ns, deltas_to_ns, waited_ns;
	uint32_t missing;
	struct fact_totals sums; /* of the intervals, for a file without totals */
	bool target_seen, totals_seen, end_seen;
	enum fact_end end;
};

int pmp_recording_init(struct pmp_reader *r, struct err *err)
{
	r->recording = calloc(1, sizeof *r->recording);
	return r->recording ? 0 : err_nomem(err);
}

void pmp_recording_deinit(struct pmp_reader *r)
{
	struct pmp_recording *p = r->recording;

	if (!p)
		return;
	arena_deinit(&p->text);
	free(p->frames.at);
	free(p->inner.at);
	free(p->deltas.at);
	free(p);
	free(r->strings);
	r->recording = NULL;
	r->strings = NULL;
}

#define PUSH(r, callback, fact)                                                                    \
	((r)->sink->callback ? (r)->sink->callback((r)->sink->ctx, (fact), err) : 0)

int pmp_recording_begin(struct pmp_reader *r, struct err *err)
{
	struct fact_target f = {
		.python_version = "?", .implementation = "?", .executable = "?", .arch = "?",
		.word_bytes = 8,
	};

	if (r->recording->target_seen)
		return 0;
	r->recording->target_seen = true;
	return PUSH(r, target, &f);
}

int pmp_push_note(struct pmp_reader *r, const char *code, const char *text, struct err *err)
{
	struct fact_note f = { code, text };
	int e = pmp_recording_begin(r, err);

	return e < 0 ? e : PUSH(r, note, &f);
}

static int read_target(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	char version[NAME_BYTES_MAX], impl[NAME_BYTES_MAX], exe[STRING_BYTES_MAX],
		arch[NAME_BYTES_MAX];
	struct fact_target f = { .python_version = version, .implementation = impl,
				 .executable = exe, .arch = arch };

	if (r->recording->target_seen)
		return 1;
	f.pid = (int32_t)pmp_get_u32(c);
	pmp_get_str(c, version, sizeof version);
	pmp_get_str(c, impl, sizeof impl);
	pmp_get_str(c, exe, sizeof exe);
	pmp_get_str(c, arch, sizeof arch);
	f.word_bytes = (uint32_t)cursor_bounded(c, 8);
	f.start_unix_ns = cursor_uvarint(c);
	f.sample_bytes = cursor_uvarint(c);
	f.window_slots = pmp_get_u32(c);
	uint64_t flags = cursor_uvarint(c);
	if (c->failed || (f.word_bytes != 4 && f.word_bytes != 8))
		return 1;
	f.tracemalloc_on = flags & 1;
	f.from_start = flags & 2;
	r->recording->target_seen = true;
	return PUSH(r, target, &f);
}

static int read_strings(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	struct pmp_recording *p = r->recording;
	size_t n = pmp_get_count(c, 2);

	for (size_t i = 0; i < n && !c->failed; i++) {
		uint32_t id = (uint32_t)cursor_bounded(c, STRINGS_MAX);
		size_t len = (size_t)cursor_bounded(c, cursor_left(c));
		const char *s = (const char *)cursor_take(c, len);

		if (c->failed || id <= r->nstrings || (id > r->nstrings + 1 && !r->damaged) ||
		    utf8_valid(s, len) != len || memchr(s, 0, len))
			return 1;
		/* Strings of a lost section stay NULL: pmp_get_string shows them as "?". */
		if (id >= p->strings_cap) {
			size_t cap = p->strings_cap ? p->strings_cap : 256;
			while (cap <= id)
				cap *= 2;
			const char **strings = realloc(r->strings, cap * sizeof *strings);
			if (!strings)
				return err_nomem(err);
			memset(strings + p->strings_cap, 0,
			       (cap - p->strings_cap) * sizeof *strings);
			r->strings = strings;
			p->strings_cap = cap;
		}
		r->strings[id] = arena_str(&p->text, s, len);
		if (!r->strings[id])
			return err_nomem(err);
		r->nstrings = id;
	}
	return c->failed;
}

/* Define what a lost section should have: ids stay dense. 1: there is no such loss. */
static int invent_threads(struct pmp_reader *r, uint32_t upto, struct err *err)
{
	while (r->nthreads < upto) {
		struct fact_thread f = { .thread = r->nthreads + 1, .name = "" };

		if (!r->damaged || ++r->recording->missing > MISSING_MAX)
			return 1;
		r->nthreads++;
		int e = PUSH(r, thread, &f);
		if (e < 0)
			return e;
	}
	return 0;
}

static int invent_sites(struct pmp_reader *r, uint32_t upto, struct err *err)
{
	while (r->nsites < upto) {
		struct fact_site f = { .site = r->nsites + 1 };

		if (!r->damaged || ++r->recording->missing > MISSING_MAX)
			return 1;
		r->nsites++;
		int e = PUSH(r, site, &f);
		if (e < 0)
			return e;
	}
	return 0;
}

static int read_threads(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	char name[NAME_BYTES_MAX];
	size_t n = pmp_get_count(c, 4);

	for (size_t i = 0; i < n; i++) {
		struct fact_thread f = { .name = name };

		f.thread = (uint32_t)cursor_bounded(c, THREADS_MAX);
		f.tid = pmp_get_u32(c);
		f.tstate_id = cursor_uvarint(c);
		pmp_get_str(c, name, sizeof name);
		if (c->failed || f.thread <= r->nthreads)
			return 1;
		int e = invent_threads(r, f.thread - 1, err);
		if (e != 0)
			return e;
		r->nthreads = f.thread;
		e = PUSH(r, thread, &f);
		if (e < 0)
			return e;
	}
	return c->failed;
}

/* A number told by how far it is from the one before; -1 when the sum is none. */
static int64_t next_number(struct cursor *c, uint32_t before)
{
	int64_t sum;

	return __builtin_add_overflow((int64_t)before, cursor_svarint(c), &sum) ? -1 : sum;
}

/* The frames of one site into p->inner, outer ones shared with the site before. */
static int read_frames(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	struct pmp_recording *p = r->recording;
	size_t shared = (size_t)cursor_bounded(c, p->frames.len);
	size_t n = pmp_get_count(c, 4);

	if (c->failed || shared + n > FRAMES_PER_SITE_MAX)
		return 1;
	p->inner.len = 0;
	if (vec_reserve(&p->inner, shared + n + 1) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		struct fact_frame *f = &p->inner.at[i];

		f->function = pmp_get_string(r, c);
		f->file = pmp_get_string(r, c);
		f->first_line = pmp_get_u32(c);
		int64_t line = next_number(c, f->first_line);
		if (c->failed || line < 0 || line > UINT32_MAX)
			return 1;
		f->line = (uint32_t)line;
	}
	if (shared)
		memcpy(p->inner.at + n, p->frames.at + (p->frames.len - shared),
		       shared * sizeof *p->inner.at);
	p->inner.len = n + shared;
	return 0;
}

static int read_sites(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	struct pmp_recording *p = r->recording;
	size_t n = pmp_get_count(c, 5);

	p->frames.len = 0;
	for (size_t i = 0; i < n; i++) {
		struct fact_site f = { 0 };

		f.site = (uint32_t)cursor_bounded(c, SITES_IN_FILE_MAX);
		f.thread = pmp_get_u32(c);
		f.truncated = cursor_u8(c) & 1;
		int e = read_frames(r, c, err);
		if (e == 0 && (c->failed || f.site <= r->nsites))
			e = 1;
		if (e == 0)
			e = invent_threads(r, f.thread, err);
		if (e == 0)
			e = invent_sites(r, f.site - 1, err);
		if (e != 0)
			return e;
		f.frames = p->inner.at;
		f.nframes = (uint32_t)p->inner.len;
		r->nsites = f.site;
		e = PUSH(r, site, &f);
		if (e < 0)
			return e;
		__typeof__(p->frames) t = p->frames;
		memcpy(&p->frames, &p->inner, sizeof t);
		memcpy(&p->inner, &t, sizeof t);
	}
	return c->failed;
}

static int push_interval(struct pmp_reader *r, struct err *err)
{
	struct pmp_recording *p = r->recording;
	struct fact_interval f = { p->deltas_from_ns, p->deltas_to_ns, p->deltas.len, p->deltas.at,
				   p->waited_ns };
	struct fact_totals *t = &p->sums;

	for (size_t i = 0; i < p->deltas.len; i++) {
		const struct fact_delta *d = &p->deltas.at[i];
		t->alloc_blocks += d->alloc_blocks;
		t->alloc_bytes += d->alloc_bytes;
		t->free_blocks += d->free_blocks;
		t->free_bytes += d->free_bytes;
		t->temp_blocks += d->temp_blocks;
		t->temp_bytes += d->temp_bytes;
	}
	t->duration_ns = f.to_ns;
	uint64_t live = t->alloc_bytes > t->free_bytes ? t->alloc_bytes - t->free_bytes : 0;
	if (live > t->peak_bytes) {
		t->peak_bytes = live;
		t->peak_blocks = t->alloc_blocks > t->free_blocks ? t->alloc_blocks - t->free_blocks : 0;
		t->peak_at_ns = f.to_ns;
	}
	p->more_deltas = false;
	int e = PUSH(r, interval, &f);
	p->deltas.len = 0;
	return e;
}

static int read_interval(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	struct pmp_recording *p = r->recording;
	uint64_t from = cursor_uvarint(c), span = cursor_uvarint(c);
	bool more = cursor_u8(c) & 1;
	size_t n = pmp_get_count(c, 7);
	uint32_t site = 0;

	if (c->failed || from + span < from)
		return 1;
	if (!p->more_deltas) {
		p->deltas.len = 0;
		p->deltas_from_ns = from;
		p->deltas_to_ns = from + span;
	} else if (from != p->deltas_from_ns) {
		p->more_deltas = false;
		return 1;
	}
	if (vec_reserve(&p->deltas, n + 1) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		struct fact_delta d = { 0 };

		int64_t next = next_number(c, site);
		if (next < 1 || next > SITES_IN_FILE_MAX)
			cursor_fail(c);
		d.site = site = (uint32_t)next;
		d.alloc_blocks = cursor_uvarint(c);
		d.alloc_bytes = cursor_uvarint(c);
		d.free_blocks = cursor_uvarint(c);
		d.free_bytes = cursor_uvarint(c);
		d.temp_blocks = cursor_uvarint(c);
		d.temp_bytes = cursor_uvarint(c);
		int e = c->failed ? 1 : invent_sites(r, site, err);
		if (e != 0) {
			p->deltas.len = 0;
			p->more_deltas = false;
			return e;
		}
		p->deltas.at[p->deltas.len++] = d;
	}
	/* not there in files of earlier programs */
	p->waited_ns = cursor_left(c) ? cursor_uvarint(c) : 0;
	p->more_deltas = more;
	return more ? 0 : push_interval(r, err);
}

static int read_ticks(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	size_t n = pmp_get_count(c, 6);
	uint64_t at = 0;

	for (size_t i = 0; i < n; i++) {
		struct fact_tick f = { 0 };

		f.at_ns = at += (uint64_t)cursor_svarint(c);
		f.rss_bytes = cursor_uvarint(c);
		f.live_bytes = cursor_uvarint(c);
		f.live_blocks = cursor_uvarint(c);
		f.allocs = cursor_uvarint(c);
		f.frees = cursor_uvarint(c);
		int e = c->failed ? 1 : PUSH(r, tick, &f);
		if (e != 0)
			return e;
	}
	return c->failed;
}

static int read_events(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	size_t n = pmp_get_count(c, 5);
	uint64_t at = 0, addr = 0;

	for (size_t i = 0; i < n; i++) {
		struct fact_event f = { .blocks = 1 };
		unsigned head = cursor_u8(c);

		if ((head & 3) > 2 || head >> 2 >= DOMAINS)
			return 1;
		f.kind = "aft"[head & 3];
		f.domain = (uint8_t)(head >> 2);
		f.at_ns = at += (uint64_t)cursor_svarint(c);
		f.site = (uint32_t)cursor_bounded(c, SITES_IN_FILE_MAX);
		f.addr = addr += (uint64_t)cursor_svarint(c);
		f.size = cursor_uvarint(c);
		if (f.kind == 't')
			f.blocks = cursor_uvarint(c);
		int e = c->failed ? 1 : invent_sites(r, f.site, err);
		if (e == 0)
			e = PUSH(r, event, &f);
		if (e != 0)
			return e;
	}
	return c->failed;
}

static int read_notes(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	char code[NAME_BYTES_MAX], text[STRING_BYTES_MAX];
	size_t n = pmp_get_count(c, 2);

	for (size_t i = 0; i < n; i++) {
		pmp_get_str(c, code, sizeof code);
		pmp_get_str(c, text, sizeof text);
		int e = c->failed ? 1 : pmp_push_note(r, code, text, err);
		if (e != 0)
			return e;
	}
	return c->failed;
}

static int read_peaks(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	size_t n = pmp_get_count(c, 3);
	uint32_t site = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t next = next_number(c, site);
		if (next < 1 || next > SITES_IN_FILE_MAX)
			cursor_fail(c);
		site = (uint32_t)next;
		struct fact_site_peak f = { .site = site };
		f.bytes = cursor_uvarint(c);
		f.blocks = cursor_uvarint(c);
		int e = c->failed ? 1 : invent_sites(r, site, err);
		if (e == 0)
			e = PUSH(r, site_peak, &f);
		if (e != 0)
			return e;
	}
	return c->failed;
}

static int read_blocks(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	size_t n = pmp_get_count(c, 5);
	uint64_t addr = 0;

	for (size_t i = 0; i < n; i++) {
		struct fact_block f = { .weight = 1.0 };

		f.addr = addr += (uint64_t)cursor_svarint(c);
		f.size = cursor_uvarint(c);
		f.site = (uint32_t)cursor_bounded(c, SITES_IN_FILE_MAX);
		unsigned flags = cursor_u8(c);
		f.domain = flags & 0x7f;
		f.birth_ns = cursor_uvarint(c);
		if (flags & 0x80) {
			uint64_t bits = cursor_u64(c);
			memcpy(&f.weight, &bits, sizeof bits);
		}
		if (c->failed || f.domain >= DOMAINS || !isfinite(f.weight) || f.weight < 1.0)
			return 1;
		int e = invent_sites(r, f.site, err);
		if (e == 0)
			e = PUSH(r, block, &f);
		if (e != 0)
			return e;
	}
	return c->failed;
}

static int read_totals(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	struct fact_totals f = { 0 };
	uint64_t *const field[] = {
		&f.alloc_blocks, &f.alloc_bytes, &f.free_blocks,      &f.free_bytes,
		&f.temp_blocks,	 &f.temp_bytes,	 &f.peak_bytes,	      &f.peak_blocks,
		&f.peak_at_ns,	 &f.peak_slack_bytes, &f.foreign_frees, &f.duration_ns,
	};

	for (size_t i = 0; i < sizeof field / sizeof *field; i++)
		*field[i] = cursor_uvarint(c);
	if (c->failed || f.free_blocks > f.alloc_blocks || f.free_bytes > f.alloc_bytes ||
	    r->recording->totals_seen)
		return 1;
	f.live_blocks = f.alloc_blocks - f.free_blocks;
	f.live_bytes = f.alloc_bytes - f.free_bytes;
	r->recording->totals_seen = true;
	return PUSH(r, totals, &f);
}

static int read_cost(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	struct fact_cost f = { 0 };
	uint64_t *const field[] = {
		&f.attach_stop_ns, &f.detach_stop_ns, &f.attach_ns,	 &f.agent_bytes,
		&f.events,	   &f.batches,	      &f.stream_bytes,	 &f.dropped_events,
		&f.offgil_dropped, &f.stalls,	      &f.stall_ns,	 &f.tracer_cpu_ns,
		&f.tracer_rss_bytes, &f.target_cpu_ns,
	};

	for (size_t i = 0; i < sizeof field / sizeof *field; i++)
		*field[i] = cursor_uvarint(c);
	/* Appended with snapshots: absent in older files. */
	if (!c->failed && cursor_left(c) > 0) {
		f.pause_ns = cursor_uvarint(c);
		f.pause_total_ns = cursor_uvarint(c);
		f.pause_kind = (uint32_t)cursor_bounded(c, UINT32_MAX);
		f.pause_retries = (uint32_t)cursor_bounded(c, UINT32_MAX);
		f.snapshot_ns = cursor_uvarint(c);
	}
	if (!c->failed && cursor_left(c) > 0)
		f.first_event_ns = cursor_uvarint(c);
	if (!c->failed && cursor_left(c) > 0)
		f.rss_peak_bytes = cursor_uvarint(c);
	return c->failed ? 1 : PUSH(r, cost, &f);
}

static int read_end(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	(void)err;
	r->recording->end = (enum fact_end)cursor_bounded(c, FACT_END_LAST);
	r->recording->end_seen = !c->failed;
	return c->failed;
}

int pmp_recording_close(struct pmp_reader *r, struct err *err)
{
	struct pmp_recording *p = r->recording;
	struct fact_totals *t = &p->sums;
	char text[160] = "the file ends before the recording did; figures are those of its last "
			 "interval";
	int e = pmp_recording_begin(r, err);

	if (r->lost_at)
		snprintf(text, sizeof text,
			 "the file cannot be read from byte %llu on; figures are those of the last "
			 "interval before",
			 (unsigned long long)r->lost_at);
	if (e == 0 && !p->end_seen)
		e = pmp_push_note(r, "truncated-file", text, err);
	if (e == 0 && !p->totals_seen) {
		if (t->free_blocks > t->alloc_blocks)
			t->free_blocks = t->alloc_blocks;
		if (t->free_bytes > t->alloc_bytes)
			t->free_bytes = t->alloc_bytes;
		t->live_blocks = t->alloc_blocks - t->free_blocks;
		t->live_bytes = t->alloc_bytes - t->free_bytes;
		e = PUSH(r, totals, t);
	}
	if (e < 0)
		return e;
	bool whole = p->end_seen && !r->damaged;
	return r->sink->finish ? r->sink->finish(r->sink->ctx, whole ? p->end : FACT_END_TRUNCATED,
						 err) :
				 0;
}

const struct pmp_section PMP_RECORDING_SECTIONS[] = {
	{ PMP_TARGET, "target", read_target },	     { PMP_STRINGS, "strings", read_strings },
	{ PMP_THREADS, "threads", read_threads },    { PMP_SITES, "sites", read_sites },
	{ PMP_INTERVAL, "interval", read_interval }, { PMP_TICKS, "ticks", read_ticks },
	{ PMP_EVENTS, "events", read_events },	     { PMP_NOTES, "notes", read_notes },
	{ PMP_PEAKS, "peaks", read_peaks },	     { PMP_BLOCKS, "blocks", read_blocks },
	{ PMP_TOTALS, "totals", read_totals },	     { PMP_COST, "cost", read_cost },
	{ PMP_END, "end", read_end },		     { 0, NULL, NULL },
};
