/* SPDX-License-Identifier: MIT */
/*
 * A profile as pprof and what reads its format (Go's tool, Pyroscope, Parca, Grafana) take it:
 * the protocol buffer of google/pprof's proto/profile.proto in gzip. Sample types have the names
 * of Go's heap profiles. A site is a sample; where recording and snapshot were joined, it is one
 * sample for each type made there, labelled with it, and one for the rest: they add up.
 */
#include <string.h>
#include <zlib.h>

#include "base/map.h"
#include "base/strtab.h"
#include "config.h"
#include "report/view/view.h"

/* Field numbers of the messages in profile.proto. */
enum { PROFILE_SAMPLE_TYPE = 1, PROFILE_SAMPLE, PROFILE_LOCATION = 4, PROFILE_FUNCTION, PROFILE_STRING,
       PROFILE_TIME_NANOS = 9, PROFILE_DURATION_NANOS, PROFILE_PERIOD_TYPE, PROFILE_PERIOD, PROFILE_COMMENT,
       PROFILE_DEFAULT_SAMPLE_TYPE };
enum { VALUE_TYPE = 1, VALUE_UNIT };
enum { SAMPLE_LOCATION = 1, SAMPLE_VALUE, SAMPLE_LABEL };
enum { LABEL_KEY = 1, LABEL_STR };
enum { LOCATION_ID = 1, LOCATION_LINE = 4 };
enum { LINE_FUNCTION = 1, LINE_LINE };
enum { FUNCTION_ID = 1, FUNCTION_NAME, FUNCTION_SYSTEM_NAME, FUNCTION_FILE, FUNCTION_START_LINE };

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

/* Ids of functions and locations; a frame's is its index after these. */
enum { ID_NO_PYTHON = 1, ID_OUTER_MISSING, ID_FIRST };

#define LABEL_MAX 512
#define METRICS 5

static const struct {
	const char *blocks, *bytes;
	enum sites_metric metric;
} types[METRICS] = {
	{ "alloc_objects", "alloc_space", SITES_ALLOCATED },
	{ "freed_objects", "freed_space", SITES_FREED },
	{ "temporary_objects", "temporary_space", SITES_TEMPORARY },
	{ "peak_objects", "peak_space", SITES_PEAK },
	{ "inuse_objects", "inuse_space", SITES_LIVE }, /* pprof shows the last unless told otherwise */
};

struct profile {
	const struct recording *r;
	struct buf out;		      /* the message */
	struct buf message, inner, text; /* of one field, of one field in it, of one string */
	struct strtab *strings;
	struct map functions;	      /* function, file → id */
	bool failed;		      /* a string or a function found no room */
};

/* --- protocol buffers ---------------------------------------------------------------------- */

static void put_varint(struct buf *to, unsigned field, uint64_t v)
{
	if (!v)
		return; /* what is absent is 0 */
	buf_uvarint(to, field << 3 | WIRE_VARINT);
	buf_uvarint(to, v);
}

static void put_bytes(struct buf *to, unsigned field, const void *bytes, size_t n)
{
	buf_uvarint(to, field << 3 | WIRE_BYTES);
	buf_uvarint(to, n);
	buf_put(to, bytes, n);
}

/* A message into another one, whole; it is empty afterwards. */
static void put_message(struct buf *to, unsigned field, struct buf *message)
{
	to->failed |= message->failed;
	put_bytes(to, field, message->bytes, message->len);
	buf_clear(message);
}

/* Index into the table of strings; text of the target is escaped on its way there. */
static uint32_t string(struct profile *p, const char *text, size_t n)
{
	size_t most = n * ESCAPE_GROWTH + ESCAPE_AROUND + 1;
	uint32_t id = 0;

	buf_clear(&p->text);
	if (buf_reserve(&p->text, most) < 0 ||
	    strtab_add(p->strings, (char *)p->text.bytes,
		       escape(ESCAPE_UTF8, text, n, (char *)p->text.bytes, most), &id, NULL) < 0)
		p->failed = true;
	return id;
}

static uint32_t word(struct profile *p, const char *text)
{
	return string(p, text, strlen(text));
}

static void put_strings(struct profile *p)
{
	for (uint32_t i = 0; i < strtab_count(p->strings); i++) {
		size_t n;
		const char *text = strtab_get(p->strings, i, &n);

		put_bytes(&p->out, PROFILE_STRING, text, n);
	}
}

static void put_value_type(struct profile *p, unsigned field, const char *what, const char *unit)
{
	put_varint(&p->message, VALUE_TYPE, word(p, what));
	put_varint(&p->message, VALUE_UNIT, word(p, unit));
	put_message(&p->out, field, &p->message);
}

/* --- functions and locations ---------------------------------------------------------------- */

static void put_function(struct profile *p, uint64_t id, const struct stack_text *f)
{
	uint32_t name = string(p, f->function, f->function_bytes);

	put_varint(&p->message, FUNCTION_ID, id);
	put_varint(&p->message, FUNCTION_NAME, name);
	put_varint(&p->message, FUNCTION_SYSTEM_NAME, name);
	put_varint(&p->message, FUNCTION_FILE, string(p, f->file, f->file_bytes));
	put_varint(&p->message, FUNCTION_START_LINE, f->first_line);
	put_message(&p->out, PROFILE_FUNCTION, &p->message);
}

static void put_location(struct profile *p, uint64_t id, uint64_t function, uint32_t line)
{
	put_varint(&p->inner, LINE_FUNCTION, function);
	put_varint(&p->inner, LINE_LINE, line);
	put_varint(&p->message, LOCATION_ID, id);
	put_message(&p->message, LOCATION_LINE, &p->inner);
	put_message(&p->out, PROFILE_LOCATION, &p->message);
}

static void put_frames(struct profile *p)
{
	static const char *const own[] = { [ID_NO_PYTHON] = "(no Python stack)",
					   [ID_OUTER_MISSING] = "(outer frames missing)" };
	const struct stacks *s = &p->r->stacks;

	for (uint32_t id = ID_NO_PYTHON; id < ID_FIRST; id++) {
		put_function(p, id, &(struct stack_text){ .function = own[id], .function_bytes = strlen(own[id]),
							  .file = "" });
		put_location(p, id, id, 0);
	}
	for (size_t i = 0; i < s->frames.len; i++) {
		const struct stack_frame *f = &s->frames.at[i];
		struct stack_text text = stacks_text(s, (uint32_t)i);
		bool fresh = false;
		uint64_t *id = map_add(&p->functions, (uint64_t)f->function << 32 | f->file, ID_FIRST + i, &fresh);

		if (!id) {
			p->failed = true;
			return;
		}
		if (fresh)
			put_function(p, *id, &text);
		put_location(p, ID_FIRST + i, *id, f->line);
	}
}

/* --- samples --------------------------------------------------------------------------------- */

static void put_label(struct profile *p, const char *key, const char *value)
{
	put_varint(&p->inner, LABEL_KEY, word(p, key));
	put_varint(&p->inner, LABEL_STR, word(p, value));
	put_message(&p->message, SAMPLE_LABEL, &p->inner);
}

static void put_thread(struct profile *p, uint32_t thread)
{
	const struct threads *t = &p->r->threads;
	uint64_t at = map_get(&t->index, thread, UINT64_MAX);
	const char *name = at < t->known.len ? strtab_get(t->names, t->known.at[at].name, NULL) : "";
	char number[32];

	snprintf(number, sizeof number, thread ? "thread %u" : "no Python thread", thread);
	put_label(p, "thread", *name ? name : number);
}

/* A value that the recording is too short to have is left out of every sample. */
static bool not_known(const struct profile *p, size_t metric)
{
	return types[metric].metric == SITES_PEAK && p->r->peaks_cut;
}

/* One sample; type NULL: nothing is known of what was made there. */
static void put_sample(struct profile *p, const struct stack_site *site, const struct counters *c,
		       const struct fact_heap_type *type, bool buffers)
{
	const struct stacks *s = &p->r->stacks;
	uint32_t at = s->stacks.at[site->stack];
	char label[LABEL_MAX];

	if (at == STACKS_ROOT)
		buf_uvarint(&p->inner, ID_NO_PYTHON);
	for (; at >= STACKS_FIRST; at = s->places.at[at].parent)
		buf_uvarint(&p->inner, ID_FIRST + s->places.at[at].frame);
	if (at == STACKS_TRUNCATED)
		buf_uvarint(&p->inner, ID_OUTER_MISSING);
	put_message(&p->message, SAMPLE_LOCATION, &p->inner);
	for (size_t i = 0; i < METRICS; i++) {
		if (not_known(p, i))
			continue;
		buf_uvarint(&p->inner, sites_metric_blocks(c, types[i].metric));
		buf_uvarint(&p->inner, sites_metric(c, types[i].metric));
	}
	put_message(&p->message, SAMPLE_VALUE, &p->inner);
	put_thread(p, site->thread);
	if (type) {
		put_label(p, "type", heap_type_label(type, label, sizeof label));
		put_label(p, "use", buffers ? "buffer" : "object");
	}
	put_message(&p->out, PROFILE_SAMPLE, &p->message);
}

static bool names_type(const struct fact_heap_join *f)
{
	return f->type && (f->use == FACT_JOIN_OBJECT || f->use == FACT_JOIN_BUFFER);
}

/* The joins of a site, [*from, *to), and whether its live figures cover them. */
static bool find_joins(const struct heap_model *m, uint32_t site, const struct counters *c, size_t *from, size_t *to)
{
	uint64_t bytes = 0, blocks = 0;

	while (*from < m->joins.len && m->joins.at[*from].site < site)
		++*from;
	for (*to = *from; *to < m->joins.len && m->joins.at[*to].site == site; ++*to) {
		const struct fact_heap_join *f = &m->joins.at[*to];

		if (names_type(f)) {
			bytes += f->bytes;
			blocks += f->blocks;
		}
	}
	return blocks && bytes <= counters_live_bytes(c) && blocks <= counters_live_blocks(c);
}

static void put_samples(struct profile *p)
{
	const struct heap_model *m = heaps_last(&p->r->heaps);
	size_t from = 0, to = 0;

	for (size_t i = 0; i < p->r->stacks.sites.len; i++) {
		const struct stack_site *site = &p->r->stacks.sites.at[i];
		struct counters rest = sites_of(&p->r->sites, (uint32_t)i + 1);

		if (rest.alloc_blocks == 0)
			continue;
		bool split = m && find_joins(m, (uint32_t)i + 1, &rest, &from, &to);
		for (size_t k = from; split && k < to; k++) {
			const struct fact_heap_join *f = &m->joins.at[k];
			struct counters part = { .alloc_blocks = f->blocks, .alloc_bytes = f->bytes };

			if (!names_type(f))
				continue;
			put_sample(p, site, &part, heap_type_of(m, f->type), f->use == FACT_JOIN_BUFFER);
			rest.alloc_blocks -= f->blocks;
			rest.alloc_bytes -= f->bytes;
		}
		if (rest.alloc_blocks || rest.peak_blocks)
			put_sample(p, site, &rest, NULL, false);
	}
}

/* --- the whole -------------------------------------------------------------------------------- */

static void put_head(struct profile *p, enum sites_metric metric)
{
	const struct totals *t = &p->r->totals;

	for (size_t i = 0; i < METRICS; i++) {
		if (not_known(p, i))
			continue;
		put_value_type(p, PROFILE_SAMPLE_TYPE, types[i].blocks, "count");
		put_value_type(p, PROFILE_SAMPLE_TYPE, types[i].bytes, "bytes");
		if (types[i].metric == metric)
			put_varint(&p->out, PROFILE_DEFAULT_SAMPLE_TYPE, word(p, types[i].bytes));
	}
	if (t->have_target) {
		put_varint(&p->out, PROFILE_TIME_NANOS, t->target.start_unix_ns);
		put_varint(&p->out, PROFILE_DURATION_NANOS, t->totals.duration_ns);
		put_value_type(p, PROFILE_PERIOD_TYPE, "space", "bytes");
		put_varint(&p->out, PROFILE_PERIOD, t->target.sample_bytes ? t->target.sample_bytes : 1);
	}
	put_varint(&p->out, PROFILE_COMMENT, word(p, "pymemprof " PYMEMPROF_VERSION));
	for (size_t i = 0; i < t->notes.len; i++)
		put_varint(&p->out, PROFILE_COMMENT, word(p, t->notes.at[i].text));
}

/* RFC 1952. */
static int squeeze(const struct buf *from, struct out *out, struct err *err)
{
	uint8_t chunk[16384];
	z_stream z = { .next_in = from->bytes };
	size_t left = from->len;
	int rc = deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);

	while (rc == Z_OK) {
		z.avail_in = left > UINT32_MAX ? UINT32_MAX : (uInt)left;
		left -= z.avail_in;
		do {
			z.next_out = chunk;
			z.avail_out = sizeof chunk;
			rc = deflate(&z, left ? Z_NO_FLUSH : Z_FINISH);
			out_put(out, chunk, sizeof chunk - z.avail_out);
		} while (z.avail_out == 0 && rc == Z_OK);
	}
	deflateEnd(&z);
	return rc == Z_STREAM_END ? out_check(out, err) : err_nomem(err);
}

static int draw(const struct recording *r, const struct view_options *o, struct out *out, struct err *err)
{
	struct profile p = { .r = r };
	int rc = strtab_new(&p.strings, err);

	if (rc == 0) {
		put_head(&p, o->metric);
		put_samples(&p);
		put_frames(&p);
		put_strings(&p);
		if (p.failed || p.out.failed || p.message.failed || p.inner.failed)
			rc = err_nomem(err);
	}
	if (rc == 0)
		rc = squeeze(&p.out, out, err);
	buf_deinit(&p.out);
	buf_deinit(&p.message);
	buf_deinit(&p.inner);
	buf_deinit(&p.text);
	map_deinit(&p.functions);
	strtab_free(p.strings);
	return rc;
}

const struct view view_pprof = {
	.name = "pprof",
	.summary = "stacks with blocks, bytes, threads and types, for pprof and what reads its files",
	.recorded = true,
	.questions = 1u << VIEW_SUMMARY | 1u << VIEW_SITES | 1u << VIEW_FLAME,
	.binary = true,
	.draw = draw,
};
