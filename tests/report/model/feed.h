/* SPDX-License-Identifier: MIT */
/*
 * A recording made by hand: sites with one line of text each, intervals of one delta per
 * changed site. Shared by the suites of report/.
 */
#ifndef PYMEMPROF_TESTS_REPORT_FEED_H
#define PYMEMPROF_TESTS_REPORT_FEED_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "report/model/recording.h"

#define FEED_FRAMES 8

/* Set by who wants the facts elsewhere, too: what of r's sink and its own he makes (fanout.h). */
static struct fact_sink (*feed_both)(struct fact_sink of_recording);

static inline struct fact_sink feed_sink(struct recording *r)
{
	struct fact_sink s = recording_sink(r);
	return feed_both ? feed_both(s) : s;
}

/* "inner file.py:3 < outer other.py:9" → a site fact pushed as number `site` of `thread`. */
static inline void feed_site(struct recording *r, uint32_t site, uint32_t thread, const char *stack)
{
	struct fact_frame frames[FEED_FRAMES];
	char text[1024];
	uint32_t n = 0;
	snprintf(text, sizeof text, "%s", stack);
	for (char *save, *one = strtok_r(text, "<", &save); one; one = strtok_r(NULL, "<", &save)) {
		while (*one == ' ')
			one++;
		char *space = strchr(one, ' '), *colon = strrchr(one, ':');
		cr_assert(space && colon && n < FEED_FRAMES);
		*space = *colon = '\0';
		frames[n++] = (struct fact_frame){ .function = one,
						   .file = space + 1,
						   .line = (uint32_t)strtoul(colon + 1, NULL, 10) };
	}
	struct fact_site f = { .site = site, .thread = thread, .nframes = n, .frames = frames };
	struct fact_sink s = feed_sink(r);
	struct err err = ERR_INIT;
	cr_assert_eq(s.site(s.ctx, &f, &err), 0, "%s", err.text);
}

static inline void feed_interval(struct recording *r, double from_s, double to_s,
				 const struct fact_delta *deltas, size_t n)
{
	struct fact_interval f = { .from_ns = (uint64_t)(from_s * 1e9),
				   .to_ns = (uint64_t)(to_s * 1e9),
				   .ndeltas = n,
				   .deltas = deltas };
	struct fact_sink s = feed_sink(r);
	struct err err = ERR_INIT;
	cr_assert_eq(s.interval(s.ctx, &f, &err), 0, "%s", err.text);
}

static inline void feed_target(struct recording *r, uint64_t sample_bytes)
{
	struct fact_target f = { .pid = 4242,
				 .python_version = "3.12.7",
				 .implementation = "CPython",
				 .executable = "python3.12",
				 .arch = "x86_64",
				 .word_bytes = 8,
				 .start_unix_ns = UINT64_C(1786708991000000000),
				 .sample_bytes = sample_bytes,
				 .window_slots = 512 };
	struct fact_sink s = feed_sink(r);
	cr_assert_eq(s.target(s.ctx, &f, NULL), 0);
}

static inline void feed_tick(struct recording *r, double at_s, uint64_t rss, uint64_t live)
{
	struct fact_tick f = { .at_ns = (uint64_t)(at_s * 1e9),
			       .rss_bytes = rss,
			       .live_bytes = live };
	struct fact_sink s = feed_sink(r);
	cr_assert_eq(s.tick(s.ctx, &f, NULL), 0);
}

static inline void feed_block(struct recording *r, uint32_t site, double birth_s, uint64_t size)
{
	struct fact_block f = { .addr = 0x7f0000000000,
				.size = size,
				.weight = 1,
				.site = site,
				.domain = 2,
				.birth_ns = (uint64_t)(birth_s * 1e9) };
	struct fact_sink s = feed_sink(r);
	cr_assert_eq(s.block(s.ctx, &f, NULL), 0);
}

/*
 * One site's live bytes set to series[i] at the end of second i + 1. A rise is made of blocks
 * of 16 bytes, a fall frees them.
 */
static inline void feed_series(struct recording *r, uint32_t site, const double *series, size_t n)
{
	double live = 0;
	for (size_t i = 0; i < n; i++) {
		struct fact_delta d = { .site = site };
		double change = series[i] - live;
		if (change > 0) {
			d.alloc_bytes = (uint64_t)change;
			d.alloc_blocks = d.alloc_bytes / 16;
			live += (double)d.alloc_bytes;
		} else {
			d.free_bytes = (uint64_t)-change;
			d.free_blocks = d.free_bytes / 16;
			live -= (double)d.free_bytes;
		}
		/* Young blocks keep the program active; they change nothing. */
		d.alloc_bytes += 320;
		d.free_bytes += 320;
		d.temp_bytes += 320;
		d.alloc_blocks += 20;
		d.free_blocks += 20;
		d.temp_blocks += 20;
		feed_interval(r, (double)i, (double)i + 1, &d, 1);
	}
}

#endif
