/* SPDX-License-Identifier: MIT */
/*
 * Definitions sent by the agent, made canonical. Strings arrive as CPython stores them and
 * leave as valid UTF-8; every serial and length is bounded before it sizes anything.
 */
#include "tracer/stream/sites.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/strtab.h"
#include "base/utf8.h"
#include "tracer/stream/idmap.h"
#include "tracer/stream/tests.h"

#define FRAMES_MAX (DECODE_BATCH_BYTES_MAX / 8)
#define THREAD_NAME_BYTES 64

struct code {
	struct digest digest;
	uint32_t function, file; /* string numbers */
	int32_t first_line;	 /* 0 … */
	bool known;
	uint8_t kind; /* enum tests_kind */
	uint8_t part; /* enum fact_part */
};

struct sites_private {
	const struct fact_sink *sink;
	struct sites_ways ways;
	struct idmap thread_ids, site_ids;
	struct strtab *strings; /* its 0, the empty one, is shown as "?" */
	struct code *codes; /* by the agent's serial */
	size_t ncodes;
	struct {
		uint32_t id;
		struct digest digest;
	} *threads; /* by the agent's serial */
	size_t nthreads;
	uint32_t thread_count;
	/* The stack being read: frames, their codes, and what those say for tests_whose. */
	struct fact_frame frames[FRAMES_MAX];
	const struct code *of[FRAMES_MAX];
	uint8_t kinds[FRAMES_MAX];
	struct buf text;
};

int sites_new(const struct fact_sink *sink, const struct sites_ways *ways, struct sites **ret,
	      struct err *err)
{
	struct sites *s = calloc(1, sizeof *s);

	if (!s)
		return err_nomem(err);
	s->p = calloc(1, sizeof *s->p);
	if (!s->p) {
		free(s);
		return err_nomem(err);
	}
	int r = strtab_new(&s->p->strings, err);
	if (r < 0) {
		sites_free(s);
		return r;
	}
	s->p->sink = sink;
	s->p->ways = *ways;
	if (s->p->ways.whole_max == 0)
		s->p->ways.whole_max = SITES_WHOLE_MAX;
	*ret = s;
	return 0;
}

void sites_free(struct sites *s)
{
	if (!s)
		return;
	struct sites_private *p = s->p;
	strtab_free(p->strings);
	buf_deinit(&p->text);
	free(p->codes);
	free(p->threads);
	idmap_deinit(&p->thread_ids);
	idmap_deinit(&p->site_ids);
	free(p);
	free(s->by_serial);
	free(s);
}

/* Grow *array (of count elements of size bytes, zero-filled) so that index is valid. */
static int grow_to(void *array, size_t *count, size_t index, size_t size, struct err *err)
{
	void **slot = array;
	size_t want = *count ? *count : 256;

	if (index < *count)
		return 0;
	while (want <= index)
		want *= 2;
	char *p = realloc(*slot, want * size);
	if (!p)
		return err_nomem(err);
	memset(p + *count * size, 0, (want - *count) * size);
	*slot = p;
	*count = want;
	return 0;
}

/* chars characters of kind bytes each, as UTF-8 without NUL in p->text. */
static int to_utf8(struct sites_private *p, const uint8_t *bytes, unsigned chars, unsigned kind,
		   struct err *err)
{
	buf_clear(&p->text);
	if (kind == 1)
		(void)utf8_from_latin1(&p->text, bytes, chars);
	else if (kind == 2)
		(void)utf8_from_ucs2(&p->text, bytes, chars);
	else
		(void)utf8_from_ucs4(&p->text, bytes, chars);
	/* A name may hold U+0000; a fact's string ends there. */
	for (size_t i = 0; i < p->text.len; i++)
		if (p->text.bytes[i] == 0)
			p->text.bytes[i] = '?';
	return buf_check(&p->text, err);
}

/* Number of the string in p->text; 0 ("?") when the limit on strings is reached. */
static int intern(struct sites *s, uint32_t *ret, struct err *err)
{
	struct sites_private *p = s->p;
	const char *text = (const char *)p->text.bytes;

	*ret = strtab_find(p->strings, text, p->text.len);
	if (*ret != STRTAB_NONE)
		return 0;
	if (strtab_bytes(p->strings) + p->text.len > SITES_STRING_BYTES_MAX) {
		s->hit.strings++;
		*ret = 0;
		return 0;
	}
	return strtab_add(p->strings, text, p->text.len, ret, err);
}

static const char *string_of(const struct sites_private *p, uint32_t number)
{
	return number ? strtab_get(p->strings, number, NULL) : "?";
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static bool kind_ok(unsigned kind)
{
	return kind == 1 || kind == 2 || kind == 4;
}

static int take_code(struct sites *s, const struct record *r, struct err *err)
{
	struct sites_private *p = s->p;
	struct stream_code c;
	uint32_t function, file;

	if (r->blocks < sizeof c)
		return 1;
	memcpy(&c, r->meta, sizeof c);
	size_t name_bytes = (size_t)c.name_chars * c.name_kind;
	size_t file_bytes = (size_t)c.file_chars * c.file_kind;
	if (!kind_ok(c.name_kind) || !kind_ok(c.file_kind) || c.serial == 0 ||
	    sizeof c + padded(name_bytes) + padded(file_bytes) > r->blocks)
		return 1;
	if (c.serial >= SITES_CODES_MAX) {
		s->hit.codes++;
		return 0;
	}
	int e = grow_to(&p->codes, &p->ncodes, c.serial, sizeof *p->codes, err);
	if (e < 0)
		return e;
	const uint8_t *bytes = (const uint8_t *)r->meta + sizeof c;
	e = to_utf8(p, bytes, c.name_chars, c.name_kind, err);
	if (e < 0)
		return e;
	struct digest d = digest_bytes(DIGEST_INIT, p->text.bytes, p->text.len);
	e = intern(s, &function, err);
	if (e < 0)
		return e;
	e = to_utf8(p, bytes + padded(name_bytes), c.file_chars, c.file_kind, err);
	if (e < 0)
		return e;
	d = digest_bytes(d, p->text.bytes, p->text.len);
	e = intern(s, &file, err);
	if (e < 0)
		return e;
	int32_t line = c.firstlineno > 0 ? c.firstlineno : 0;
	const char *name = string_of(p, function), *path = string_of(p, file);
	p->codes[c.serial] = (struct code){
		.digest = digest_word(d, (uint32_t)line),
		.function = function,
		.file = file,
		.first_line = line,
		.known = true,
		.kind = (uint8_t)tests_kind(name, path),
		.part = p->ways.part ? (uint8_t)p->ways.part(name, path) : FACT_PART_OTHER,
	};
	return 0;
}

static int take_thread(struct sites *s, const struct record *r, struct err *err)
{
	struct sites_private *p = s->p;
	struct stream_thread t;

	if (r->blocks < sizeof t)
		return 1;
	memcpy(&t, r->meta, sizeof t);
	if (t.serial == 0)
		return 1;
	struct digest key = digest_word(digest_word(DIGEST_INIT, t.tid), t.tstate_id);
	uint32_t id = idmap_get(&p->thread_ids, key);
	if (t.serial >= SITES_THREADS_MAX || (id == 0 && p->thread_count >= SITES_THREADS_TOLD)) {
		s->hit.threads++;
		return 0;
	}
	int e = grow_to(&p->threads, &p->nthreads, t.serial, sizeof *p->threads, err);
	if (e < 0)
		return e;
	if (id == 0) {
		char name[THREAD_NAME_BYTES] = "";

		id = p->thread_count + 1;
		if (!idmap_put(&p->thread_ids, key, id))
			return err_nomem(err);
		p->thread_count = id;
		if (p->ways.namer.name)
			p->ways.namer.name(p->ways.namer.ctx, t.tid, name, sizeof name);
		struct fact_thread fact = { id, t.tid, t.tstate_id, name };
		if (p->sink->thread) {
			e = p->sink->thread(p->sink->ctx, &fact, err);
			if (e < 0)
				return e;
		}
	}
	p->threads[t.serial].id = id;
	p->threads[t.serial].digest = key;
	return 0;
}

/* Number of the site with this digest; pushes `fact` when it is new. */
static int canonical(struct sites *s, struct digest key, struct fact_site *fact, uint32_t *ret,
		     struct err *err)
{
	struct sites_private *p = s->p;
	uint32_t id = idmap_get(&p->site_ids, key);

	if (id == 0) {
		id = s->count + 1;
		if (!idmap_put(&p->site_ids, key, id))
			return err_nomem(err);
		s->count = id;
		fact->site = id;
		if (p->sink->site) {
			int r = p->sink->site(p->sink->ctx, fact, err);
			if (r < 0)
				return r;
		}
	}
	*ret = id;
	return 0;
}

int64_t sites_unknown(struct sites *s, struct err *err)
{
	if (s->nobody == 0) {
		struct fact_site fact = { .frames = s->p->frames };
		s->whose = 0;
		/* The digest of an empty stack in no thread: the same site the agent would send. */
		int r = canonical(s, digest_word(digest_word(DIGEST_INIT, 0), 0), &fact, &s->nobody,
				  err);
		if (r < 0)
			return r;
	}
	return s->nobody;
}

int64_t sites_foreign(struct sites *s, const struct fact_site *fact, struct err *err)
{
	struct digest d = digest_word(DIGEST_INIT, 0x666f726569676e); /* unlike any of the agent's */
	struct fact_site copy = *fact;
	uint32_t id;
	int r;

	for (uint32_t i = 0; i < fact->nframes; i++) {
		const struct fact_frame *f = &fact->frames[i];

		d = digest_bytes(d, f->function, strlen(f->function));
		d = digest_bytes(d, f->file, strlen(f->file));
		d = digest_word(d, f->line);
	}
	d = digest_word(d, fact->truncated);
	s->whose = 0;
	if (s->count >= SITES_MAX && !idmap_get(&s->p->site_ids, d)) {
		s->hit.sites++;
		return 0;
	}
	r = canonical(s, d, &copy, &id, err);
	return r < 0 ? r : (int64_t)id;
}

/* Frame i of the stack that is read. word: its code's serial | line << 32. */
static void read_frame(struct sites_private *p, uint32_t i, uint64_t word)
{
	uint32_t serial = (uint32_t)word, line = (uint32_t)(word >> 32);
	static const struct code UNKNOWN;
	const struct code *c = serial < p->ncodes && p->codes[serial].known ? &p->codes[serial] :
									     &UNKNOWN;

	p->of[i] = c;
	p->kinds[i] = c->kind;
	p->frames[i] = (struct fact_frame){
		.function = string_of(p, c->function),
		.file = string_of(p, c->file),
		.line = line,
		.first_line = (uint32_t)c->first_line,
	};
}

static void keep_frame(struct sites_private *p, uint32_t to, uint32_t from)
{
	p->frames[to] = p->frames[from];
	p->of[to] = p->of[from];
}

/* What sites_ways.part asks for, in place. How many frames stay: at least one of any. */
static uint32_t fold(struct sites_private *p, uint32_t n)
{
	const struct code *innermost = NULL;
	uint32_t kept = 0, import = n;

	for (uint32_t i = 0; i < n; i++)
		if (p->kinds[i] & TESTS_IMPORTLIB) {
			import = i;
			break;
		}
	/* Kept aside: the frame may be overwritten before it is reached. */
	struct fact_frame frame = import < n ? p->frames[import] : (struct fact_frame){ 0 };
	const struct code *of = import < n ? p->of[import] : NULL;
	for (uint32_t i = 0; i < n && kept < SITES_CUT_FRAMES; i++) {
		const struct code *c = p->of[i];

		if (c->part == FACT_PART_OTHER || c == innermost) /* itself again: that is no caller */
			continue;
		keep_frame(p, kept++, i);
		if (c->part == FACT_PART_OWN && innermost)
			break;
		if (c->part == FACT_PART_OWN)
			innermost = c;
	}
	if (kept == 0 && n > 0)
		kept = 1;
	if (of && of != p->of[0] && kept < n) {
		p->frames[kept] = frame;
		p->of[kept++] = of;
	}
	return kept;
}

static struct digest digest_of(const struct sites_private *p, const struct fact_site *f,
			       const struct digest *thread)
{
	struct digest d = digest_word(DIGEST_INIT, f->truncated);

	d = thread ? digest_word(digest_word(d, thread->a), f->thread) : digest_word(d, 0);
	for (uint32_t i = 0; i < f->nframes; i++) {
		const struct code *c = p->of[i];

		d = digest_word(digest_word(digest_word(d, c->digest.a), c->digest.b),
				p->frames[i].line);
	}
	return d;
}

/* The site of the stack in p->frames: whole, folded, cut or, when there are too many, nobody's. */
static int take_site(struct sites *s, struct fact_site *fact, const struct digest *thread,
		     uint32_t *ret, struct err *err)
{
	struct sites_private *p = s->p;

	s->whose = tests_whose(p->kinds, fact->nframes, fact->truncated);
	if (p->ways.part) {
		uint32_t whole = fact->nframes;
		fact->nframes = fold(p, whole);
		fact->truncated |= fact->nframes < whole;
		fact->thread = 0;
		thread = NULL;
	}
	struct digest d = digest_of(p, fact, thread);
	if (p->ways.part)
		d = digest_word(d, s->whose);
	if (s->count >= p->ways.whole_max && fact->nframes > SITES_CUT_FRAMES &&
	    !idmap_get(&p->site_ids, d)) {
		s->hit.cut++;
		fact->nframes = SITES_CUT_FRAMES;
		fact->truncated = true;
		d = digest_word(digest_of(p, fact, thread), s->whose);
	}
	if (s->count >= SITES_MAX && !idmap_get(&p->site_ids, d)) {
		int64_t nobody = sites_unknown(s, err);
		if (nobody < 0)
			return (int)nobody;
		s->hit.sites++;
		*ret = (uint32_t)nobody;
		return 0;
	}
	return canonical(s, d, fact, ret, err);
}

static int take_stack(struct sites *s, const struct record *r, struct err *err)
{
	struct sites_private *p = s->p;
	const struct digest *thread = NULL;
	struct stream_stack k;

	if (r->blocks < sizeof k)
		return 1;
	memcpy(&k, r->meta, sizeof k);
	if (k.nframes > (r->blocks - sizeof k) / 8 || k.site == 0)
		return 1;
	if (k.site >= SITES_SERIAL_MAX) {
		s->hit.sites++;
		return 0;
	}
	int e = grow_to(&s->by_serial, &s->nserials, k.site, sizeof *s->by_serial, err);
	if (e < 0)
		return e;
	struct fact_site fact = {
		.nframes = k.nframes,
		.truncated = k.flags & 1,
		.frames = p->frames,
	};
	if (k.thread != 0 && k.thread < p->nthreads && p->threads[k.thread].id) {
		fact.thread = p->threads[k.thread].id;
		thread = &p->threads[k.thread].digest;
	}
	const char *words = (const char *)r->meta + sizeof k;
	for (uint32_t i = 0; i < k.nframes; i++) {
		uint64_t w;
		memcpy(&w, words + (size_t)i * 8, sizeof w);
		read_frame(p, i, w);
	}
	uint32_t id;
	e = take_site(s, &fact, thread, &id, err);
	if (e == 0)
		s->by_serial[k.site] = id;
	return e;
}

static void forget_serials(struct sites *s)
{
	struct sites_private *p = s->p;

	if (s->nserials)
		memset(s->by_serial, 0, s->nserials * sizeof *s->by_serial);
	if (p->ncodes)
		memset(p->codes, 0, p->ncodes * sizeof *p->codes);
	if (p->nthreads)
		memset(p->threads, 0, p->nthreads * sizeof *p->threads);
}

int sites_meta(struct sites *s, const struct record *r, struct err *err)
{
	switch ((enum stream_meta)r->site) {
	case STREAM_CODE:
		return take_code(s, r, err);
	case STREAM_STACK:
		return take_stack(s, r, err);
	case STREAM_THREAD:
		return take_thread(s, r, err);
	case STREAM_RESET:
		forget_serials(s);
		return 0;
	case STREAM_HELLO:
	case STREAM_SAMPLE:
	case STREAM_LABEL:
	case STREAM_FINAL:
		break;
	}
	return 1;
}
