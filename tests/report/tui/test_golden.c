/* SPDX-License-Identifier: MIT */
/*
 * Every screen at every step of the ladder, as it was when somebody looked at it. The suite of
 * real terminals (tests/integration/top.py) compares what a terminal shows with the same files.
 */
#include <stdio.h>

#include "tests/report/golden.h"
#include "tests/report/tui/screen.h"

static const unsigned sizes[][2] = { { 120, 40 }, { 80, 24 }, { 60, 20 }, { 40, 8 } };

/* "== 120x40 growth" and what the screen then shows; keys as the suite of terminals presses them. */
static void add(struct buf *all, struct screen *s, const char *name)
{
	AUTO_FREE char *text = screen_text(s);
	cr_assert_geq(buf_printf(all, "== %ux%u %s\n%s", s->state.columns, s->state.rows, name, text), 0);
}

static void compare(const char *name, void (*make)(struct recording *r))
{
	static const char *const panes[] = { "growth", "types", "sites", "holders", "memory", "advice" };
	struct buf all = BUF_INIT;
	char path[512];

	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		struct screen s;
		screen_open(&s, make, sizes[k][0], sizes[k][1]);
		for (int pane = 0; pane < TUI_PANES; pane++) {
			screen_key(&s, '1' + pane);
			add(&all, &s, panes[pane]);
		}
		screen_key(&s, '1');
		screen_key(&s, TUI_KEY_ENTER);
		add(&all, &s, "evidence");
		screen_key(&s, 'q');
		screen_key(&s, '?');
		add(&all, &s, "help");
		screen_close(&s);
	}
	snprintf(path, sizeof path, GOLDEN_DIR "/%s.txt", name);
	golden_compare(path, buf_cstr(&all));
	buf_deinit(&all);
}

Test(report_tui_golden, a_recording_is_drawn_as_it_was)
{
	compare("plain", screen_recorded);
}

/* What -b prints of each pane, and P into its file. */
Test(report_tui_golden, text_frames_are_as_they_were)
{
	struct screen s;
	struct buf all = BUF_INIT;
	screen_open(&s, screen_recorded, 80, 24);
	s.state.text = true;
	for (unsigned pane = 0; pane < TUI_PANES; pane++) {
		s.state.pane = (enum tui_pane_id)pane;
		screen_draw(&s);
		cr_assert_geq(buf_printf(&all, "== %u\n", pane + 1), 0);
		for (unsigned i = 0; i + 1 < s.grid.rows; i++) {
			tui_grid_line(&s.grid, i, &all);
			cr_assert_geq(buf_put(&all, "\n", 1), 0);
		}
	}
	golden_compare(GOLDEN_DIR "/batch.txt", buf_cstr(&all));
	buf_deinit(&all);
	screen_close(&s);
}

Test(report_tui_golden, the_report_of_the_same_recording_is_as_it_was)
{
	struct recording r;
	screen_recorded(&r);
	AUTO_FREE char *text = sample_draw(&r, "text", (struct view_options){ .file = "plain.pmp" }, NULL);
	golden_compare(GOLDEN_DIR "/report.txt", text);
	recording_deinit(&r);
}

Test(report_tui_golden, a_snapshot_is_drawn_as_it_was)
{
	compare("snapshots", screen_snapshots);
}
