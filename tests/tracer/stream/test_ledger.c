/* SPDX-License-Identifier: MIT */
/*
 * The account against hand-made streams and, for random ones, against a model that is too
 * simple to be wrong.
 */
#include "tracer/stream/ledger.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/stream_image.h"
#include "tests/tracer/stream/fact_log.h"

TestSuite(tracer_stream_ledger, .timeout = 30);

struct bed {
	struct stream_image s;
	struct fact_log log;
	struct ledger *l;
};

static void name_thread(void *ctx, uint32_t tid, char *buf, size_t n)
{
	(void)ctx;
	snprintf(buf, n, "worker-%u", tid);
}

static void setup(struct bed *b, struct ledger_options options)
{
	options.sites.namer.name = name_thread;
	stream_image_init(&b->s);
	fact_log_init(&b->log);
	cr_assert_eq(ledger_new(&options, &b->log.sink, &b->l, NULL), 0);
}

static void teardown(struct bed *b)
{
	ledger_free(b->l);
	fact_log_deinit(&b->log);
	stream_image_deinit(&b->s);
}

/* Everything built so far goes through decoder and ledger; the image starts anew. */
static void apply(struct bed *b, uint64_t at_ns)
{
	struct decode *d;
	struct decode_batch batch;
	size_t room;

	stream_image_end(&b->s);
	cr_assert_eq(decode_new(&d, NULL), 0);
	for (size_t at = 0; at < b->s.n * 8;) {
		void *to = decode_room(d, &room);
		size_t n = b->s.n * 8 - at < room ? b->s.n * 8 - at : room;
		memcpy(to, (char *)b->s.words + at, n);
		decode_filled(d, n);
		at += n;
		while (decode_next(d, &batch, NULL) > 0)
			cr_assert_eq(ledger_apply(b->l, &batch, at_ns, NULL), 0);
	}
	cr_assert_eq(decode_pending(d), 0);
	decode_free(d);
	uint32_t serial = b->s.serial;
	stream_image_deinit(&b->s);
	stream_image_init(&b->s);
	b->s.serial = serial;
}

static void define(struct stream_image *s)
{
	const uint64_t one[] = { 1 | 11ull << 32, 2 | 21ull << 32 };
	const uint64_t two[] = { 1 | 12ull << 32, 2 | 21ull << 32 };

	stream_image_hello(s, 0);
	stream_image_thread(s, 1, 100, 1);
	stream_image_code(s, 1, "leak", "app.py", 10);
	stream_image_code(s, 2, "main", "app.py", 20);
	stream_image_stack(s, 1, 1, 0, one, 2);
	stream_image_stack(s, 2, 1, 1, two, 2);
}

static void expect(struct bed *b, const char *text)
{
	cr_assert_str_eq(fact_log_text(&b->log), text);
}

Test(tracer_stream_ledger, a_small_recording_is_accounted_to_the_byte)
{
	struct bed b;

	setup(&b, (struct ledger_options){ 0 });
	define(&b.s);
	stream_image_alloc(&b.s, 0x1000, 100, 1, AGENT_OBJ);
	stream_image_alloc(&b.s, 0x2000, 50, 2, AGENT_RAW);
	stream_image_temp(&b.s, 2, 10, 640);
	apply(&b, 5000000);
	cr_assert_eq(ledger_interval(b.l, 10, NULL), 0);
	stream_image_free(&b.s, 0x1000);
	stream_image_free(&b.s, 0x9000);
	stream_image_alloc(&b.s, 0x3000, 7, 1, AGENT_MEM);
	apply(&b, 8000000);
	cr_assert_eq(ledger_finish(b.l, 20, NULL), 0);
	expect(&b,
	       "thread 1 tid=100 tstate=1 'worker-100'\n"
	       "site 1 thread=1 leak@app.py:11(10) main@app.py:21(20).\n"
	       "site 2 thread=1 truncated leak@app.py:12(10) main@app.py:21(20).\n"
	       "interval 0-10 1:+1/100-0/0t0/0 2:+11/690-10/640t10/640.\n"
	       "interval 10-20 1:+1/7-1/100t0/0.\n"
	       "peak 1 100 1\n"
	       "peak 2 50 1\n"
	       "block 2000 50 w1.0000 s2 d0 5000000\n"
	       "block 3000 7 w1.0000 s1 d1 8000000\n"
	       "totals +13/797 -11/740 t10/640 live 2/57 peak 2/150@5000000 slack 0 foreign 1 for 20\n");
	teardown(&b);
}

Test(tracer_stream_ledger, the_same_stack_under_a_new_serial_is_the_same_site)
{
	struct bed b;

	setup(&b, (struct ledger_options){ 0 });
	define(&b.s);
	stream_image_alloc(&b.s, 0x1000, 10, 1, AGENT_OBJ);
	stream_image_reset(&b.s);
	/* Other serials, the same contents; and the same stack in another thread. */
	const uint64_t one[] = { 9 | 11ull << 32, 8 | 21ull << 32 };
	stream_image_thread(&b.s, 1, 200, 2);
	stream_image_thread(&b.s, 2, 100, 1);
	stream_image_code(&b.s, 8, "main", "app.py", 20);
	stream_image_code(&b.s, 9, "leak", "app.py", 10);
	stream_image_stack(&b.s, 77, 2, 0, one, 2);
	stream_image_stack(&b.s, 78, 1, 0, one, 2);
	stream_image_alloc(&b.s, 0x2000, 20, 77, AGENT_OBJ);
	stream_image_alloc(&b.s, 0x3000, 40, 78, AGENT_OBJ);
	apply(&b, 0);
	cr_assert_eq(ledger_interval(b.l, 1, NULL), 0);
	cr_assert_not_null(strstr(fact_log_text(&b.log),
				  "thread 2 tid=200 tstate=2 'worker-200'\n"
				  "site 3 thread=2 leak@app.py:11(10) main@app.py:21(20).\n"
				  "interval 0-1 1:+2/30-0/0t0/0 3:+1/40-0/0t0/0.\n"));
	teardown(&b);
}

Test(tracer_stream_ledger, names_become_valid_utf8)
{
	static const uint16_t name[] = { 'f', 0x3b1, 0xd800, 0 };
	struct bed b;

	setup(&b, (struct ledger_options){ 0 });
	const uint64_t f[] = { 1 | 5ull << 32, 99 | 6ull << 32 };
	stream_image_code16(&b.s, 1, name, 4, "caf\xe9.py");
	stream_image_stack(&b.s, 1, 0, 0, f, 2);
	apply(&b, 0);
	expect(&b, "site 1 thread=0 f\xce\xb1\xef\xbf\xbd?@caf\xc3\xa9.py:5(0) ?@?:6(0).\n");
	teardown(&b);
}

Test(tracer_stream_ledger, an_undefined_site_is_nobodys_and_said_so)
{
	struct bed b;

	setup(&b, (struct ledger_options){ 0 });
	stream_image_alloc(&b.s, 0x1000, 10, 4000000000u, AGENT_OBJ);
	stream_image_temp(&b.s, 3, 2, 20);
	apply(&b, 0);
	cr_assert_eq(ledger_finish(b.l, 1, NULL), 0);
	expect(&b, "site 1 thread=0.\n"
		   "interval 0-1 1:+3/30-2/20t2/20.\n"
		   "note undefined-sites: 2 events name a stack that was never sent\n"
		   "peak 1 10 1\n"
		   "block 1000 10 w1.0000 s1 d2 0\n"
		   "totals +3/30 -2/20 t2/20 live 1/10 peak 1/10@0 slack 0 foreign 0 for 1\n");
	teardown(&b);
}

Test(tracer_stream_ledger, a_failed_realloc_is_taken_back)
{
	struct bed b;

	setup(&b, (struct ledger_options){ .events = true });
	define(&b.s);
	stream_image_alloc(&b.s, 0x1000, 10, 1, AGENT_OBJ);
	stream_image_free(&b.s, 0x1000);
	stream_image_unfree(&b.s, 0x1000);
	stream_image_free(&b.s, 0x5000);
	stream_image_unfree(&b.s, 0x5000);
	stream_image_unfree(&b.s, 0x6000);
	apply(&b, 0);
	cr_assert_eq(ledger_live(b.l).bytes, 10);
	cr_assert_eq(ledger_live(b.l).blocks, 1);
	cr_assert_eq(ledger_oddities(b.l)->unfree_unknown, 1);
	buf_clear(&b.log.text);
	cr_assert_eq(ledger_finish(b.l, 1, NULL), 0);
	cr_assert_not_null(strstr(fact_log_text(&b.log), "live 1/10"));
	cr_assert_not_null(strstr(fact_log_text(&b.log), "foreign 0"));
	teardown(&b);
}

Test(tracer_stream_ledger, the_window_bounds_what_the_peak_may_miss)
{
	struct bed b;

	setup(&b, (struct ledger_options){ 0 });
	define(&b.s);
	stream_image_alloc(&b.s, 0x1000, 1000, 1, AGENT_OBJ);
	stream_image_batch(&b.s, 0);
	stream_image_free(&b.s, 0x1000);
	stream_image_batch(&b.s, 100); /* 1000 at its start, 100 more in the window */
	stream_image_alloc(&b.s, 0x1000, 10, 1, AGENT_OBJ);
	stream_image_batch(&b.s, 1050); /* 10 + 1050 */
	apply(&b, 0);
	cr_assert_eq(ledger_finish(b.l, 1, NULL), 0);
	cr_assert_not_null(strstr(fact_log_text(&b.log), "peak 1/1000@0 slack 100 "));
	teardown(&b);
}

Test(tracer_stream_ledger, events_are_pushed_when_asked_for)
{
	struct bed b;

	setup(&b, (struct ledger_options){ .events = true });
	define(&b.s);
	stream_image_alloc(&b.s, 0x1000, 10, 1, AGENT_OBJ);
	stream_image_free(&b.s, 0x1000);
	stream_image_free(&b.s, 0x2000);
	stream_image_temp(&b.s, 2, 3, 33);
	buf_clear(&b.log.text);
	apply(&b, 7);
	cr_assert_not_null(strstr(fact_log_text(&b.log), "event a d2 s1 7 1000 10 1\n"
							  "event f d2 s1 7 1000 10 1\n"
							  "event f d0 s0 7 2000 0 1\n"
							  "event t d0 s2 7 0 33 3\n"));
	teardown(&b);
}

Test(tracer_stream_ledger, a_batch_that_makes_no_sense_is_counted_and_survived)
{
	struct bed b;

	setup(&b, (struct ledger_options){ 0 });
	define(&b.s);
	stream_image_alloc(&b.s, 0x1000, 10, 1, AGENT_OBJ);
	stream_image_word(&b.s, 7);
	stream_image_alloc(&b.s, 0x2000, 10, 1, AGENT_OBJ);
	stream_image_batch(&b.s, 0);
	stream_image_alloc(&b.s, 0x3000, 10, 1, AGENT_OBJ);
	apply(&b, 0);
	cr_assert_eq(ledger_oddities(b.l)->bad_batches, 1);
	cr_assert_eq(ledger_live(b.l).blocks, 2);
	teardown(&b);
}

Test(tracer_stream_ledger, more_live_blocks_than_the_limit_are_counted_apart)
{
	struct bed b;

	setup(&b, (struct ledger_options){ .live_max = 2 });
	define(&b.s);
	for (uint64_t i = 1; i <= 5; i++)
		stream_image_alloc(&b.s, i * 0x1000, 10, 1, AGENT_OBJ);
	stream_image_free(&b.s, 0x5000);
	apply(&b, 0);
	cr_assert_eq(ledger_live(b.l).blocks, 2);
	cr_assert_eq(ledger_oddities(b.l)->untracked_blocks, 3);
	cr_assert_eq(ledger_oddities(b.l)->untracked_bytes, 30);
	cr_assert_eq(ledger_finish(b.l, 1, NULL), 0);
	cr_assert_not_null(strstr(fact_log_text(&b.log), "note live-limit: 3 blocks"));
	teardown(&b);
}

Test(tracer_stream_ledger, sampled_blocks_stand_for_what_was_not_sampled)
{
	struct bed b;
	const double r = 4096;
	uint64_t blocks = 0;

	setup(&b, (struct ledger_options){ 0 });
	define(&b.s);
	stream_image_reset(&b.s);
	stream_image_hello(&b.s, 4096);
	const uint64_t one[] = { 1 };
	stream_image_stack(&b.s, 1, 0, 0, one, 1);
	/* What a fair sampler would have sent of 100000 blocks of 64 bytes. */
	unsigned sent = (unsigned)(100000 * (1 - exp(-64 / r)));
	for (unsigned i = 1; i <= sent; i++)
		stream_image_sampled(&b.s, i * 64, 64, 1);
	apply(&b, 0);
	blocks = ledger_live(b.l).blocks;
	cr_assert_float_eq((double)blocks, 100000, 200);
	cr_assert_float_eq((double)ledger_live(b.l).bytes, 6400000, 20000);
	/* The interval doubles: old blocks keep their weight, all of it leaves with them. */
	stream_image_sample(&b.s, 8192);
	stream_image_sampled(&b.s, 0x100000000, 64, 1);
	for (unsigned i = 1; i <= sent; i++)
		stream_image_free(&b.s, i * 64);
	apply(&b, 0);
	cr_assert_float_eq((double)ledger_live(b.l).blocks, 1 / (1 - exp(-64 / 8192.0)), 1);
	stream_image_free(&b.s, 0x100000000);
	apply(&b, 0);
	cr_assert_eq(ledger_live(b.l).blocks, 0);
	cr_assert_eq(ledger_live(b.l).bytes, 0);
	teardown(&b);
}

enum { SITES = 5, BLOCKS = 300 };

struct model {
	struct { uint64_t size; uint32_t site; } at[BLOCKS]; /* site 0: not alive */
	uint64_t live[SITES + 1], best[SITES + 1], now, peak;
};

static void model_step(struct model *m, struct stream_image *s, unsigned slot, uint64_t dice)
{
	uint64_t addr = 0x10000 + slot * 48ull;

	if (m->at[slot].site) {
		stream_image_free(s, addr & ~7ull);
		m->live[m->at[slot].site] -= m->at[slot].size;
		m->now -= m->at[slot].size;
		m->at[slot].site = 0;
		return;
	}
	m->at[slot].site = (uint32_t)(dice % SITES) + 1;
	m->at[slot].size = dice / SITES % 5000;
	stream_image_alloc(s, addr & ~7ull, m->at[slot].size, m->at[slot].site, AGENT_OBJ);
	m->live[m->at[slot].site] += m->at[slot].size;
	m->now += m->at[slot].size;
	if (m->now > m->peak) {
		m->peak = m->now;
		memcpy(m->best, m->live, sizeof m->best);
	}
}

Test(tracer_stream_ledger, every_site_at_the_peak_equals_a_two_pass_model)
{
	for (unsigned seed = 1; seed <= 40; seed++) {
		struct bed b;
		struct model m = { 0 };
		uint64_t x = seed * 0x9e3779b97f4a7c15ull;
		char line[80];

		setup(&b, (struct ledger_options){ 0 });
		stream_image_code(&b.s, 1, "f", "f.py", 1);
		for (uint32_t i = 1; i <= SITES; i++) {
			uint64_t frame = 1 | (uint64_t)i << 32;
			stream_image_stack(&b.s, i, 0, 0, &frame, 1);
		}
		for (unsigned i = 0; i < 3000; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			model_step(&m, &b.s, x % BLOCKS, x >> 20);
			if (i % 500 == 0)
				stream_image_batch(&b.s, 0);
		}
		apply(&b, 0);
		cr_assert_eq(ledger_live(b.l).bytes, m.now);
		cr_assert_eq(ledger_live(b.l).peak_bytes, m.peak);
		cr_assert_eq(ledger_finish(b.l, 1, NULL), 0);
		for (uint32_t i = 1; i <= SITES; i++) {
			snprintf(line, sizeof line, "peak %u %llu ", i, (unsigned long long)m.best[i]);
			cr_assert_not_null(strstr(fact_log_text(&b.log), line), "seed %u: %s", seed,
					   line);
		}
		teardown(&b);
	}
}

Test(tracer_stream_ledger, what_the_sink_refuses_ends_the_push)
{
	struct bed b;
	struct err err = ERR_INIT;

	setup(&b, (struct ledger_options){ 0 });
	define(&b.s);
	stream_image_alloc(&b.s, 0x1000, 10, 1, AGENT_OBJ);
	apply(&b, 0);
	b.log.fail_after = 1;
	cr_assert_eq(ledger_interval(b.l, 1, &err), ERR_SYS);
	cr_assert_str_eq(err.text, "the sink is full");
	b.log.fail_after = 3;
	cr_assert_eq(ledger_finish(b.l, 2, &err), ERR_SYS);
	teardown(&b);
}

/* Files in /lib are others' code, a comprehension is part of the function around it. */
static enum fact_part part_of(const char *function, const char *file)
{
	if (strncmp(file, "/lib/", 5) == 0 || *file == '<')
		return FACT_PART_OTHER;
	return *function == '<' ? FACT_PART_OF_OWN : FACT_PART_OWN;
}

static void define_folded(struct stream_image *s)
{
	static const char *const codes[][2] = {
		{ "dumps", "/lib/json.py" }, { "helper", "app.py" },
		{ "<listcomp>", "app.py" },  { "page", "pages.py" },
		{ "main", "app.py" },	     { "_find_and_load", "<frozen importlib._bootstrap>" },
	};
	/* stacks as codes, innermost first; the line of each frame is ten times its code */
	static const unsigned stacks[][8] = {
		{ 1, 2, 4, 5 },	       /* 1 helper page */
		{ 1, 1, 2, 1, 4, 1, 5 }, /* the same */
		{ 2, 2, 2, 4, 5 },     /* the same: itself is no caller */
		{ 3, 2, 3, 4, 5 },     /* 2 comprehensions stay with their functions */
		{ 1, 1, 1 },	       /* 3 nothing of one's own: the innermost frame */
		{ 2, 5, 6, 1 },	       /* 4 an import stays one */
		{ 2, 5 },	       /* 5 */
	};

	stream_image_hello(s, 0);
	stream_image_thread(s, 1, 100, 1);
	for (uint32_t i = 0; i < 6; i++)
		stream_image_code(s, i + 1, codes[i][0], codes[i][1], 1);
	for (uint32_t k = 0; k < 7; k++) {
		uint64_t frames[8];
		uint32_t n = 0;
		for (; n < 8 && stacks[k][n]; n++)
			frames[n] = stacks[k][n] | 10ull * stacks[k][n] << 32;
		stream_image_stack(s, k + 1, 1, 0, frames, n);
		stream_image_alloc(s, 0x1000 * (k + 1), 100, k + 1, AGENT_OBJ);
	}
}

Test(tracer_stream_ledger, folded_stacks_are_places_in_own_code_with_their_callers)
{
	struct bed b;

	setup(&b, (struct ledger_options){ .sites.part = part_of });
	define_folded(&b.s);
	apply(&b, 0);
	cr_assert_eq(ledger_interval(b.l, 1, NULL), 0);
	expect(&b, "thread 1 tid=100 tstate=1 'worker-100'\n"
		   "site 1 thread=0 truncated helper@app.py:20(1) page@pages.py:40(1).\n"
		   "site 2 thread=0 truncated <listcomp>@app.py:30(1) helper@app.py:20(1) "
		   "<listcomp>@app.py:30(1) page@pages.py:40(1).\n"
		   "site 3 thread=0 truncated dumps@/lib/json.py:10(1).\n"
		   "site 4 thread=0 truncated helper@app.py:20(1) main@app.py:50(1) "
		   "_find_and_load@<frozen importlib._bootstrap>:60(1).\n"
		   "site 5 thread=0 helper@app.py:20(1) main@app.py:50(1).\n"
		   "interval 0-1 1:+3/300-0/0t0/0 2:+1/100-0/0t0/0 3:+1/100-0/0t0/0 "
		   "4:+1/100-0/0t0/0 5:+1/100-0/0t0/0.\n");
	teardown(&b);
}

Test(tracer_stream_ledger, beyond_a_number_of_sites_only_the_innermost_frames_tell_stacks_apart)
{
	struct bed b;
	uint64_t frames[40];

	setup(&b, (struct ledger_options){ .sites.whole_max = 3 });
	stream_image_hello(&b.s, 0);
	stream_image_code(&b.s, 1, "deep", "app.py", 1);
	stream_image_code(&b.s, 2, "pytest_runtestloop", "/x/_pytest/main.py", 1);
	for (uint32_t k = 1; k <= 8; k++) {
		for (uint32_t i = 0; i < 40; i++)
			frames[i] = 1 | (i == 39 ? k : 1ull) << 32;
		if (k == 8) /* what is cut says whose it is: not a test's, so it is told apart */
			frames[20] = 2 | 1ull << 32;
		stream_image_stack(&b.s, k, 0, 0, frames, k == 7 ? 3 : 40);
		stream_image_alloc(&b.s, 0x1000 * k, 100, k, AGENT_OBJ);
	}
	apply(&b, 0);
	cr_expect_eq(ledger_live(b.l).sites, 6, "3 whole, 1 cut, 1 short, 1 of pytest");
	cr_expect_eq(ledger_limits_hit(b.l)->cut, 4);
	cr_assert_eq(ledger_finish(b.l, 1, NULL), 0);
	const char *text = fact_log_text(&b.log);
	cr_expect_not_null(strstr(text, " 4:+3/300-0/0t0/0 5:+1/100-0/0t0/0 6:+1/100-0/0t0/0."), "%s",
			   text);
	cr_expect_not_null(strstr(text, "note stacks-cut"), "%s", text);
	teardown(&b);
}

/* A thread for each request: the stacks of later ones are the same sites, and one told before stays itself. */
Test(tracer_stream_ledger, threads_beyond_a_number_are_counted_as_one)
{
	const uint64_t frame = 1 | 11ull << 32;
	struct bed b;

	setup(&b, (struct ledger_options){ 0 });
	stream_image_hello(&b.s, 0);
	stream_image_code(&b.s, 1, "handle", "app.py", 10);
	for (uint32_t k = 1; k <= SITES_THREADS_TOLD + 50; k++) {
		stream_image_thread(&b.s, k, 100 + k, k);
		stream_image_stack(&b.s, k, k, 0, &frame, 1);
		stream_image_alloc(&b.s, 0x1000 * k, 100, k, AGENT_OBJ);
	}
	stream_image_thread(&b.s, 1000, 101, 1); /* the first, under another serial */
	stream_image_stack(&b.s, 1000, 1000, 0, &frame, 1);
	stream_image_alloc(&b.s, 0x1000 * 1000, 100, 1000, AGENT_OBJ);
	apply(&b, 0);
	cr_expect_eq(ledger_live(b.l).sites, SITES_THREADS_TOLD + 1);
	cr_expect_eq(ledger_limits_hit(b.l)->threads, 50);
	cr_assert_eq(ledger_finish(b.l, 1, NULL), 0);
	const char *text = fact_log_text(&b.log);
	cr_expect_not_null(strstr(text, " 1:+2/200-"), "%s", text);
	cr_expect_not_null(strstr(text, " 257:+50/5000-"), "%s", text);
	cr_expect_not_null(strstr(text, "note thread-limit"), "%s", text);
	teardown(&b);
}
