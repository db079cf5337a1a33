/* SPDX-License-Identifier: MIT */
/* A profile is unpacked and read again, by the few rules of protocol buffers, and must add up. */
#include <zlib.h>

#include "base/buf.h"
#include "sample.h"

#define VALUES 10
#define SAMPLES_MAX 64

struct field {
	unsigned number;
	uint64_t value;
	const uint8_t *bytes; /* NULL: a number */
	size_t n;
};

struct sample_read {
	uint64_t value[VALUES];
	uint64_t location[16];
	size_t locations;
	const char *type, *thread;
};

static struct recording r;
static struct buf message;
static const char *strings[4096];
static char *text_at;
static size_t nstrings;
static struct sample_read samples[SAMPLES_MAX];
static size_t nsamples;

static void teardown(void)
{
	free(text_at);
	buf_deinit(&message);
	recording_deinit(&r);
}

TestSuite(report_view_pprof, .fini = teardown);

static uint64_t varint(const uint8_t **at, const uint8_t *end)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
		uint8_t byte = *(*at)++;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	cr_assert(false, "a number without an end");
	return 0;
}

static bool next(const uint8_t **at, const uint8_t *end, struct field *ret)
{
	if (*at == end)
		return false;
	uint64_t key = varint(at, end);
	*ret = (struct field){ .number = (unsigned)(key >> 3) };
	cr_assert((key & 7) == 0 || (key & 7) == 2, "wire type %u", (unsigned)(key & 7));
	ret->value = varint(at, end);
	if ((key & 7) == 2) {
		cr_assert_leq(ret->value, (uint64_t)(end - *at));
		ret->bytes = *at;
		ret->n = (size_t)ret->value;
		*at += ret->n;
	}
	return true;
}

static void unpack(const char *packed, size_t n)
{
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)packed, .avail_in = (uInt)n };
	uint8_t chunk[4096];
	int rc;

	cr_assert_eq(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
	do {
		z.next_out = chunk;
		z.avail_out = sizeof chunk;
		rc = inflate(&z, Z_NO_FLUSH);
		cr_assert(rc == Z_OK || rc == Z_STREAM_END);
		cr_assert_eq(buf_put(&message, chunk, sizeof chunk - z.avail_out), 0);
	} while (rc != Z_STREAM_END);
	inflateEnd(&z);
	cr_assert_eq(z.avail_in, 0);
}

static void read_sample(const struct field *f, struct sample_read *s)
{
	const uint8_t *at = f->bytes, *end = f->bytes + f->n;
	struct field part;

	while (next(&at, end, &part)) {
		const uint8_t *in = part.bytes, *in_end = part.bytes + part.n;
		struct field key = { 0 }, str = { 0 };
		if (part.number == 1)
			while (in < in_end && s->locations < 16)
				s->location[s->locations++] = varint(&in, in_end);
		if (part.number == 2)
			for (size_t i = 0; i < VALUES && in < in_end; i++)
				s->value[i] = varint(&in, in_end);
		if (part.number == 3 && next(&in, in_end, &key) && next(&in, in_end, &str)) {
			cr_assert(key.number == 1 && str.number == 2 && key.value < nstrings && str.value < nstrings);
			if (strcmp(strings[key.value], "type") == 0)
				s->type = strings[str.value];
			if (strcmp(strings[key.value], "thread") == 0)
				s->thread = strings[str.value];
		}
	}
}

/* Strings first: the others name them. */
static void parse(enum sites_metric metric)
{
	struct view_options o = { .question = VIEW_FLAME, .metric = metric };
	struct field f;
	size_t n;
	AUTO_FREE char *packed = sample_draw(&r, "pprof", o, &n);

	unpack(packed, n);
	text_at = malloc(message.len + 4096);
	char *to = text_at;
	for (const uint8_t *at = message.bytes; next(&at, message.bytes + message.len, &f);) {
		if (f.number != 6)
			continue;
		cr_assert_lt(nstrings, sizeof strings / sizeof *strings);
		strings[nstrings++] = memcpy(to, f.bytes, f.n);
		to += f.n;
		*to++ = 0;
	}
	for (const uint8_t *at = message.bytes; next(&at, message.bytes + message.len, &f);) {
		if (f.number != 2)
			continue;
		cr_assert_lt(nsamples, SAMPLES_MAX);
		read_sample(&f, &samples[nsamples++]);
	}
}

static size_t count(unsigned number)
{
	struct field f;
	size_t n = 0;

	for (const uint8_t *at = message.bytes; next(&at, message.bytes + message.len, &f);)
		n += f.number == number;
	return n;
}

static uint64_t number(unsigned field)
{
	struct field f;

	for (const uint8_t *at = message.bytes; next(&at, message.bytes + message.len, &f);)
		if (f.number == field)
			return f.value;
	return 0;
}

static void expect_sums(void)
{
	struct counters c = sites_sum(&r.sites);
	const uint64_t want[VALUES] = { c.alloc_blocks, c.alloc_bytes, c.free_blocks, c.free_bytes, c.temp_blocks,
					c.temp_bytes, c.peak_blocks, c.peak_bytes, counters_live_blocks(&c),
					counters_live_bytes(&c) };

	for (size_t k = 0; k < VALUES; k++) {
		uint64_t sum = 0;
		for (size_t i = 0; i < nsamples; i++)
			sum += samples[i].value[k];
		cr_assert_eq(sum, want[k], "value %zu", k);
	}
}

Test(report_view_pprof, samples_add_up_and_name_frames_that_are_there)
{
	sample_make(&r, 0);
	parse(SITES_LIVE);
	expect_sums();
	cr_assert_eq(nsamples, 5);
	cr_assert_str_eq(strings[0], "");
	cr_assert_eq(count(1), VALUES);
	cr_assert_eq(count(4), r.stacks.frames.len + 2, "one location a frame, and two of ours");
	cr_assert_str_eq(strings[number(14)], "inuse_space");
	cr_assert_eq(number(10), UINT64_C(100000000000), "the recording's length");
	for (size_t i = 0; i < nsamples; i++) {
		cr_assert(samples[i].locations >= 2 && samples[i].thread && !samples[i].type);
		for (size_t k = 0; k < samples[i].locations; k++)
			cr_assert(samples[i].location[k] >= 3 && samples[i].location[k] < 3 + r.stacks.frames.len);
	}
	cr_assert_str_eq(samples[1].thread, "worker");
}

Test(report_view_pprof, the_metric_asked_for_is_shown_first)
{
	sample_make(&r, 65536);
	parse(SITES_PEAK);
	cr_assert_str_eq(strings[number(14)], "peak_space");
	cr_assert_eq(number(12), 65536, "the period of a sample");
}

static void join(uint32_t site, uint32_t type, enum fact_join_use use, uint64_t blocks, uint64_t bytes)
{
	struct fact_sink s = feed_sink(&r);
	struct fact_heap_join f = { .site = site, .type = type, .use = (uint8_t)use, .blocks = blocks, .bytes = bytes };

	cr_assert_eq(s.heap_join(s.ctx, &f, NULL), 0);
}

Test(report_view_pprof, types_are_labels_and_the_parts_of_a_site_add_up)
{
	struct fact_sink s;
	uint64_t session = 0, list = 0, rest = 0;

	sample_begin(&r, 0);
	s = feed_sink(&r);
	cr_assert_eq(s.heap(s.ctx, &(struct fact_heap){ .snapshot = 1 }, NULL), 0);
	cr_assert_eq(s.heap_type(s.ctx, &(struct fact_heap_type){ .type = 1, .name = "Session", .module = "app" }, NULL), 0);
	cr_assert_eq(s.heap_type(s.ctx, &(struct fact_heap_type){ .type = 2, .name = "list", .module = "builtins" }, NULL), 0);
	join(1, 1, FACT_JOIN_OBJECT, 3000, 300000);
	join(1, 2, FACT_JOIN_BUFFER, 500, 50000);
	join(1, 0, FACT_JOIN_OTHER, 10, 1000);
	join(2, 1, FACT_JOIN_OBJECT, 1u << 30, 1u << 30); /* more than lives there: not believed */
	cr_assert_eq(s.heap_end(s.ctx, 1, NULL), 0);
	sample_end(&r);
	parse(SITES_LIVE);
	expect_sums();
	cr_assert_eq(nsamples, 7);
	for (size_t i = 0; i < nsamples; i++) {
		if (samples[i].type && strcmp(samples[i].type, "app.Session") == 0)
			session += samples[i].value[9];
		else if (samples[i].type && strcmp(samples[i].type, "list") == 0)
			list += samples[i].value[9];
		else
			rest += samples[i].type != NULL;
	}
	cr_assert(session == 300000 && list == 50000 && rest == 0);
}

Test(report_view_pprof, hostile_names_are_escaped_and_cut_stacks_say_so)
{
	size_t cut = 0;

	sample_make_hostile(&r);
	parse(SITES_LIVE);
	expect_sums();
	for (size_t i = 0; i < nstrings; i++)
		for (const char *p = strings[i]; *p; p++)
			cr_assert((unsigned char)*p >= 0x20 && *p != 0x7f);
	for (size_t i = 0; i < nsamples; i++)
		cut += samples[i].location[samples[i].locations - 1] == 2;
	cr_assert_eq(cut, (HOSTILE_NAMES + 1) / 2);
}

Test(report_view_pprof, an_empty_recording_is_a_profile_too)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
	parse(SITES_LIVE);
	cr_assert_eq(nsamples, 0);
	cr_assert_eq(count(1), VALUES);
}

Test(report_view_pprof, peaks_that_a_cut_recording_does_not_know_are_left_out)
{
	sample_make_cut(&r);
	parse(SITES_LIVE);
	cr_assert_eq(count(1), VALUES - 2);
	for (size_t i = 0; i < nstrings; i++)
		cr_assert_null(strstr(strings[i], "peak_"), "%s", strings[i]);
}
