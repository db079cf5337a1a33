/* SPDX-License-Identifier: MIT */
/*
 * T15, replayed at speed: an hour of frames of each kind of subject, and the memory of the
 * process at the end is what it was after the first minutes.
 */
#include <stdio.h>
#include <unistd.h>

#include "tests/report/tui/screen.h"

#define WARM_FRAMES 600
#define FRAMES 3600
#define FLAT_BYTES ((long)1 << 20)

TestSuite(report_tui_soak, .timeout = 600); /* under valgrind; meson has its own limit */

static long rss_bytes(void)
{
	long pages = 0, resident = 0;
	AUTO_FCLOSE FILE *f = fopen("/proc/self/statm", "re");
	cr_assert(f && fscanf(f, "%ld %ld", &pages, &resident) == 2);
	return resident * sysconf(_SC_PAGESIZE);
}

static void check_flat(long before)
{
	long grown = rss_bytes() - before;
#ifndef __SANITIZE_ADDRESS__ /* it keeps what was freed */
	cr_assert_leq(grown, FLAT_BYTES, "%ld bytes more after %d frames", grown, FRAMES);
#else
	(void)grown;
#endif
}

/* Keys as a watcher presses them now and then. */
static void look_around(struct screen *s, int frame)
{
	static const char keys[] = "123456mMTtiuIF";
	screen_draw(s);
	if (frame % 5 == 0)
		screen_key(s, keys[frame / 5 % (int)(sizeof keys - 1)]);
}

static void replace_snapshot(struct screen *s)
{
	recording_deinit(&s->r);
	screen_snapshots(&s->r);
	s->subject.now_ns += 1000000000;
	cr_assert_eq(tui_keep(&s->subject, NULL), 0);
}

Test(report_tui_soak, snapshots_one_after_the_other_need_no_more_memory)
{
	struct screen s;
	long before = 0;
	screen_open(&s, screen_snapshots, 80, 24);
	s.subject.kind = TUI_SNAPSHOTS;
	for (int i = 0; i < WARM_FRAMES + FRAMES; i++) {
		replace_snapshot(&s);
		look_around(&s, i);
		if (i == WARM_FRAMES)
			before = rss_bytes();
	}
	check_flat(before);
	screen_close(&s);
}

static void begin_live(struct recording *r)
{
	sample_begin(r, 0);
}

Test(report_tui_soak, a_recording_that_goes_on_needs_no_more_memory)
{
	struct screen s;
	long before = 0;
	screen_open(&s, begin_live, 80, 24);
	s.subject.kind = TUI_RECORDING;
	for (int i = 0; i < WARM_FRAMES + FRAMES; i++) {
		struct fact_delta d[] = { { 1, 40, 4000, 0, 0, 0, 0 },
					  { 4, 5000, 500000, 5000, 500000, 5000, 500000 } };
		feed_interval(&s.r, 100 + i, 101 + i, d, 2);
		feed_tick(&s.r, 101 + i, (UINT64_C(50) << 20) + (uint64_t)i * 8192, s.r.timeline.live_bytes);
		look_around(&s, i);
		if (i == WARM_FRAMES)
			before = rss_bytes();
	}
	check_flat(before);
	screen_close(&s);
}
