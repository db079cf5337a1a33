/* SPDX-License-Identifier: MIT */
/* The strict reader. Allocation failure is not its business: a test would crash, and say so. */
#include "tests/tracer/agent/replay.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void replay_init(struct replay *r)
{
	memset(r, 0, sizeof(*r));
	r->table_size = 1 << 12;
	r->table = calloc(r->table_size, sizeof(*r->table));
	r->chains = calloc(REPLAY_CHAINS, sizeof(*r->chains));
}

static void forget_serials(struct replay *r)
{
	for (size_t i = 0; i < r->ncodes; i++)
		free(r->code_name[i]);
	free(r->code_name);
	free(r->site_of);
	free(r->thread_id);
	r->code_name = NULL;
	r->site_of = NULL;
	r->thread_id = NULL;
	r->ncodes = r->nserials = r->nthreads = 0;
}

void replay_deinit(struct replay *r)
{
	forget_serials(r);
	for (size_t i = 0; i < r->nsites; i++)
		free(r->sites[i].where);
	free(r->sites);
	free(r->chains);
	free(r->table);
	free(r->rest);
}

static bool refuse(struct replay *r, const char *why, uint64_t word)
{
	if (!r->bad[0])
		snprintf(r->bad, sizeof(r->bad), "%s (%#llx, batch %llu)", why,
			 (unsigned long long)word, (unsigned long long)r->batches);
	return false;
}

static struct replay_block *place(const struct replay *r, uint64_t addr)
{
	size_t i = (size_t)(addr * 0x9e3779b97f4a7c15ull >> 20) % r->table_size;

	while (r->table[i].addr && r->table[i].addr != addr)
		i = (i + 1) % r->table_size;
	return &r->table[i];
}

static struct replay_block *block(struct replay *r, uint64_t addr)
{
	struct replay_block *b;

	if (r->table_used * 2 > r->table_size) {
		struct replay_block *old = r->table;
		size_t n = r->table_size;

		r->table_size *= 2;
		r->table = calloc(r->table_size, sizeof(*r->table));
		for (size_t i = 0; i < n; i++)
			if (old[i].addr)
				*place(r, old[i].addr) = old[i];
		free(old);
	}
	b = place(r, addr);
	if (!b->addr) {
		*b = (struct replay_block){ .addr = addr, .dead = true };
		r->table_used++;
	}
	return b;
}

const struct replay_block *replay_find(const struct replay *r, uint64_t addr)
{
	const struct replay_block *b = place(r, addr);

	return b->addr && !b->dead ? b : NULL;
}

static uint32_t text_hash(const char *s)
{
	uint32_t h = 2166136261u;

	while (*s)
		h = (h ^ (uint8_t)*s++) * 16777619u;
	return h;
}

long replay_site(const struct replay *r, const char *where)
{
	uint32_t i = r->chains ? r->chains[text_hash(where) % REPLAY_CHAINS] : 0;

	while (i && strcmp(r->sites[i - 1].where, where) != 0)
		i = r->sites[i - 1].next;
	return (long)i - 1;
}

static bool take_stack(struct replay *r, const uint64_t *w, size_t n)
{
	const struct stream_stack *s = (const struct stream_stack *)w;
	char *text;
	size_t used, room = 64;
	uint32_t *chain;
	long site;

	if (n < 2 || s->nframes != n - 2)
		return refuse(r, "stack of another length", n);
	for (uint32_t i = 0; i < s->nframes; i++) {
		uint32_t code = (uint32_t)w[2 + i];

		if (code >= r->ncodes || !r->code_name[code])
			return refuse(r, "stack names an undefined code object", w[2 + i]);
		room += strlen(r->code_name[code]) + 16;
	}
	if (s->thread >= r->nthreads && s->thread)
		return refuse(r, "stack names an undefined thread", s->thread);
	text = malloc(room);
	used = (size_t)snprintf(text, room, "t%llu",
				s->thread ? (unsigned long long)r->thread_id[s->thread] : 0);
	for (uint32_t i = 0; i < s->nframes; i++)
		used += (size_t)snprintf(text + used, room - used, " %s:%u",
					 r->code_name[(uint32_t)w[2 + i]],
					 (unsigned)(w[2 + i] >> 32));
	if (s->flags & 1)
		snprintf(text + used, room - used, " …");
	site = replay_site(r, text);
	if (site < 0) {
		r->sites = realloc(r->sites, (r->nsites + 1) * sizeof(*r->sites));
		chain = &r->chains[text_hash(text) % REPLAY_CHAINS];
		r->sites[r->nsites] = (struct replay_site){ .where = text, .next = *chain };
		site = (long)r->nsites++;
		*chain = (uint32_t)r->nsites;
	} else {
		free(text);
	}
	if (s->site >= r->nserials) {
		r->site_of = realloc(r->site_of, (s->site + 1) * sizeof(*r->site_of));
		memset(r->site_of + r->nserials, 0,
		       (s->site + 1 - r->nserials) * sizeof(*r->site_of));
		r->nserials = s->site + 1;
	}
	if (r->site_of[s->site])
		return refuse(r, "site serial defined twice", s->site);
	r->site_of[s->site] = (uint32_t)site + 1;
	r->stacks++;
	return true;
}

static bool take_code(struct replay *r, const uint64_t *w, size_t n)
{
	const struct stream_code *c = (const struct stream_code *)w;
	size_t name = ((size_t)c->name_chars * c->name_kind + 7) / 8;
	size_t file = ((size_t)c->file_chars * c->file_kind + 7) / 8;

	if (n != 2 + name + file)
		return refuse(r, "code of another length", n);
	if (c->serial >= r->ncodes) {
		r->code_name = realloc(r->code_name, (c->serial + 1) * sizeof(*r->code_name));
		memset(r->code_name + r->ncodes, 0,
		       (c->serial + 1 - r->ncodes) * sizeof(*r->code_name));
		r->ncodes = c->serial + 1;
	}
	if (r->code_name[c->serial])
		return refuse(r, "code serial defined twice", c->serial);
	r->code_name[c->serial] = strndup((const char *)(w + 2), c->name_chars);
	r->codes++;
	return true;
}

static bool take_thread(struct replay *r, const uint64_t *w, size_t n)
{
	const struct stream_thread *t = (const struct stream_thread *)w;

	if (n * 8 != sizeof(*t))
		return refuse(r, "thread of another length", n);
	if (t->serial >= r->nthreads) {
		r->thread_id = realloc(r->thread_id, (t->serial + 1) * sizeof(*r->thread_id));
		r->nthreads = t->serial + 1;
	}
	r->thread_id[t->serial] = t->tstate_id;
	r->threads++;
	return true;
}

static bool take_label(struct replay *r, const uint64_t *w, size_t n)
{
	const struct stream_label *l = (const struct stream_label *)w;

	if (n != sizeof(*l) / 8 + ((size_t)l->chars * l->kind + 7) / 8)
		return refuse(r, "label of another length", n);
	snprintf(r->label, sizeof(r->label), "%.*s", (int)l->chars, (const char *)(l + 1));
	r->label_live = r->live;
	r->labels++;
	return true;
}

static bool take_meta(struct replay *r, const uint64_t *w, size_t n)
{
	switch (w[0] >> 8 & 0xff) {
	case STREAM_HELLO:
		r->hellos++;
		r->sample_bytes = ((const struct stream_hello *)(w + 1))->sample_bytes;
		return r->batches == 1 || refuse(r, "hello is late", w[0]);
	case STREAM_CODE:
		return take_code(r, w + 1, n - 1);
	case STREAM_STACK:
		return take_stack(r, w + 1, n - 1);
	case STREAM_THREAD:
		return take_thread(r, w + 1, n - 1);
	case STREAM_SAMPLE:
		r->sample_bytes = w[1];
		return true;
	case STREAM_LABEL:
		return take_label(r, w + 1, n - 1);
	case STREAM_FINAL:
		r->finals++;
		return true;
	case STREAM_RESET:
		r->resets++;
		forget_serials(r);
		return true;
	default:
		return refuse(r, "unknown meta record", w[0]);
	}
}

static bool take_alloc(struct replay *r, const uint64_t *w, uint64_t size)
{
	uint32_t serial = (uint32_t)w[1], site;
	struct replay_block *b = block(r, w[0] & STREAM_ADDR_MASK);

	if (serial >= r->nserials || !r->site_of[serial])
		return refuse(r, "allocation at an undefined site", w[1]);
	site = r->site_of[serial] - 1;
	if (!b->dead) {
		r->doubled++;
		r->live--;
		r->live_bytes -= b->size;
	}
	*b = (struct replay_block){ b->addr,	    size, site, (uint8_t)(w[1] >> 32),
				    w[1] >> 40 & 1, false };
	r->live++;
	r->live_bytes += size;
	r->sites[site].births++;
	r->sites[site].birth_bytes += size;
	if (b->sampled)
		r->sites[site].estimate +=
			(double)size / -expm1(-(double)size / (double)r->sample_bytes);
	return true;
}

static void take_free(struct replay *r, uint64_t addr)
{
	struct replay_block *b = place(r, addr);

	r->frees++;
	if (!b->addr || b->dead) {
		r->foreign_frees++;
		return;
	}
	b->dead = true;
	r->live--;
	r->live_bytes -= b->size;
}

static bool take_unfree(struct replay *r, uint64_t addr)
{
	struct replay_block *b = place(r, addr);

	r->unfrees++;
	if (!b->addr)
		return true; /* of a block from before */
	if (!b->dead)
		return refuse(r, "UNFREE of a live block", addr);
	b->dead = false;
	r->live++;
	r->live_bytes += b->size;
	return true;
}

static bool take_temp(struct replay *r, const uint64_t *w)
{
	uint32_t serial = (uint32_t)(w[0] >> 32);
	struct replay_site *s;

	if (serial >= r->nserials || !r->site_of[serial])
		return refuse(r, "TEMP of an undefined site", w[0]);
	s = &r->sites[r->site_of[serial] - 1];
	s->births += w[1] & 0xffffff;
	s->birth_bytes += w[1] >> 24;
	s->temps += w[1] & 0xffffff;
	s->temp_bytes += w[1] >> 24;
	return true;
}

static bool take_records(struct replay *r, const uint64_t *w, size_t n)
{
	for (size_t i = 0; i < n;) {
		const uint64_t *at = w + i;
		bool wide = at[0] >> 48 == 0xffff;
		size_t words, left = n - i;

		switch (at[0] & STREAM_KIND_MASK) {
		case STREAM_FREE:
			take_free(r, at[0] & STREAM_ADDR_MASK);
			words = 1;
			break;
		case STREAM_UNFREE:
			if (!take_unfree(r, at[0] & STREAM_ADDR_MASK))
				return false;
			words = 1;
			break;
		case STREAM_ALLOC:
			words = 2 + wide;
			if (words > left || !take_alloc(r, at, wide ? at[2] : at[0] >> 48))
				return refuse(r, "bad ALLOC", at[0]);
			break;
		case STREAM_TEMP:
			words = 2;
			if (words > left || !take_temp(r, at))
				return refuse(r, "bad TEMP", at[0]);
			break;
		case STREAM_META:
			words = at[0] >> 16;
			if (!words || words > left || !take_meta(r, at, words))
				return refuse(r, "bad META", at[0]);
			break;
		default:
			return refuse(r, "unknown record", at[0]);
		}
		i += words;
	}
	return true;
}

bool replay_feed(struct replay *r, const uint8_t *bytes, size_t n)
{
	size_t at = 0;

	if (r->bad[0])
		return false;
	r->rest = realloc(r->rest, r->nrest + n + 8);
	if (n)
		memcpy(r->rest + r->nrest, bytes, n);
	r->nrest += n;
	while (r->nrest - at >= sizeof(struct stream_batch)) {
		const struct stream_batch *b = (const struct stream_batch *)(r->rest + at);

		if (b->magic != (STREAM_MAGIC | (uint64_t)AGENT_ABI_VERSION << 48) ||
		    b->bytes % 8 || b->bytes < sizeof(*b) || b->bytes > 65536)
			return refuse(r, "bad batch head", b->magic);
		if (b->bytes > r->nrest - at)
			break;
		if (b->serial != r->batches)
			return refuse(r, "batch out of order", b->serial);
		r->batches++;
		r->last = *b;
		if (!take_records(r, (const uint64_t *)(b + 1), (b->bytes - sizeof(*b)) / 8))
			return false;
		at += b->bytes;
	}
	memmove(r->rest, r->rest + at, r->nrest - at);
	r->nrest -= at;
	return true;
}
