/* SPDX-License-Identifier: MIT */
/*
 * How many surviving events per second the tracer takes on one core: reassembly, decoding and
 * the ledger, over streams made in advance. One JSON line per workload:
 *
 *	{"name":"event.random-1M","unit":"events/s","median":…,"spread":…,"events":…}
 *
 * Workloads differ in what they do to the caches: how many blocks are alive, how many sites.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tests/support/stream_image.h"
#include "tracer/stream/clock.h"
#include "tracer/stream/decode.h"
#include "tracer/stream/ledger.h"

#define RUNS 5
#define BATCH_WORDS (DECODE_BATCH_BYTES_MAX / 8 - 64)

static uint64_t state = 88172645463325252u;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void maybe_batch(struct stream_image *s)
{
	if (s->n - s->batch > BATCH_WORDS)
		stream_image_batch(s, 1000);
}

static void define_sites(struct stream_image *s, uint32_t sites)
{
	stream_image_hello(s, 0);
	stream_image_thread(s, 1, 1000, 1);
	stream_image_code(s, 1, "function", "/srv/app/module.py", 10);
	for (uint32_t i = 1; i <= sites; i++) {
		uint64_t frames[4] = { 1 | (uint64_t)i << 32, 1 | 20ull << 32, 1 | 30ull << 32,
				       1 | 40ull << 32 };
		stream_image_stack(s, i, 1, 0, frames, 4);
		maybe_batch(s);
	}
}

/* Addresses as pymalloc hands them out: blocks of one size class side by side in 4 KiB pools. */
static uint64_t address_of(uint32_t block)
{
	uint64_t pool = block / 63, in_pool = block % 63;

	return 0x7f0000000000ull + (pool * 2654435761u % (1u << 22)) * 4096 + 48 + in_pool * 64;
}

/* live blocks first, then `pairs` times: a random one dies, another is born in its place. */
static void make(struct stream_image *s, uint32_t live, uint32_t sites, uint32_t pairs)
{
	stream_image_init(s);
	define_sites(s, sites);
	for (uint32_t i = 0; i < live; i++) {
		stream_image_alloc(s, address_of(i), 56, (uint32_t)(rnd() % sites) + 1, AGENT_OBJ);
		maybe_batch(s);
	}
	for (uint32_t i = 0; i < pairs; i++) {
		uint64_t addr = address_of((uint32_t)(rnd() % live));

		stream_image_free(s, addr);
		stream_image_alloc(s, addr, 56, (uint32_t)(rnd() % sites) + 1, AGENT_OBJ);
		maybe_batch(s);
	}
	stream_image_end(s);
}

/* Seconds for the whole stream, read in pieces of a pipe's capacity. */
static double run(const struct stream_image *s)
{
	struct ledger_options options = { 0 };
	struct fact_sink sink = { 0 };
	struct decode *d = NULL;
	struct ledger *l = NULL;
	struct decode_batch batch;
	const char *p = (const char *)s->words;
	size_t left = s->n * 8;

	if (decode_new(&d, NULL) < 0 || ledger_new(&options, &sink, &l, NULL) < 0)
		abort();
	uint64_t start = clock_monotonic_ns();
	while (left > 0) {
		size_t room;
		char *to = decode_room(d, &room);
		size_t n = room < left ? room : left;

		if (n > 1000000)
			n = 1000000;
		memcpy(to, p, n);
		decode_filled(d, n);
		p += n;
		left -= n;
		int r;
		while ((r = decode_next(d, &batch, NULL)) > 0)
			if (ledger_apply(l, &batch, 0, NULL) < 0)
				abort();
		if (r < 0)
			abort();
	}
	double seconds = (double)(clock_monotonic_ns() - start) / 1e9;
	ledger_free(l);
	decode_free(d);
	return seconds;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(void)
{
	static const struct {
		const char *name;
		uint32_t live, sites, pairs;
	} work[] = {
		{ "event.hot-1k", 1000, 50, 4000000 },
		{ "event.random-100k", 100000, 500, 4000000 },
		{ "event.random-1M", 1000000, 2000, 4000000 },
		{ "event.random-5M", 5000000, 20000, 3000000 },
	};

	for (size_t w = 0; w < sizeof work / sizeof *work; w++) {
		struct stream_image s;
		double rate[RUNS];

		make(&s, work[w].live, work[w].sites, work[w].pairs);
		double events = (double)work[w].live + 2.0 * work[w].pairs;
		for (int i = 0; i < RUNS; i++)
			rate[i] = events / run(&s);
		qsort(rate, RUNS, sizeof *rate, ascending);
		printf("{\"name\":\"%s\",\"unit\":\"events/s\",\"median\":%.0f,\"spread\":%.3f,"
		       "\"events\":%.0f}\n",
		       work[w].name, rate[RUNS / 2],
		       (rate[RUNS - 1] - rate[0]) / rate[RUNS / 2], events);
		fflush(stdout);
		stream_image_deinit(&s);
	}
	return 0;
}
