/* SPDX-License-Identifier: MIT */
/* Screens: every pane at every step of the ladder, the footer last, no line too long, true figures. */
#include "report/tui/draw.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/report/tui/screen.h"

static const unsigned sizes[][2] = { { 120, 40 }, { 80, 24 }, { 60, 20 }, { 40, 8 } };

static void check_screen(const struct screen *s)
{
	struct buf b = BUF_INIT;
	for (unsigned i = 0; i < s->grid.rows; i++) {
		buf_clear(&b);
		tui_grid_line(&s->grid, i, &b);
		cr_assert_leq(b.len, s->grid.columns);
	}
	cr_assert(strncmp((char *)b.bytes, "F1Help", 6) == 0);
	buf_deinit(&b);
}

static void every_screen(void (*make)(struct recording *r))
{
	for (size_t k = 0; k < 4; k++) {
		struct screen s;
		screen_open(&s, make, sizes[k][0], sizes[k][1]);
		for (char pane = '1'; pane <= '6'; pane++) {
			screen_key(&s, pane);
			check_screen(&s);
			cr_assert(s.rows.absent[0] || s.rows.rows.len > 0, "pane %c is empty and says nothing", pane);
			screen_key(&s, TUI_KEY_ENTER);
			check_screen(&s);
			screen_key(&s, 'q');
			screen_key(&s, 'u');
			check_screen(&s);
			screen_key(&s, 'u');
		}
		screen_key(&s, '?');
		check_screen(&s);
		screen_close(&s);
	}
}

Test(report_tui_draw, every_pane_fits_every_size_and_ends_with_the_footer)
{
	every_screen(screen_plain);
	every_screen(screen_snapshots);
}

Test(report_tui_draw, hostile_names_reach_no_screen)
{
	every_screen(sample_make_hostile);
}

Test(report_tui_draw, exact_figures_are_those_of_the_model)
{
	struct screen s;
	char want[32];
	screen_open(&s, screen_plain, 80, 24);
	screen_key(&s, 'u');
	for (size_t i = 0; i < s.r.stacks.stacks.len; i++) {
		snprintf(want, sizeof want, " %llu ", (unsigned long long)counters_live_bytes(&s.r.by_stack[i]));
		if (counters_live_bytes(&s.r.by_stack[i]))
			cr_assert(screen_has(&s, want), "%s", want);
	}
	screen_close(&s);
}

Test(report_tui_draw, a_target_that_is_gone_says_so_and_keeps_its_figures)
{
	struct screen s;
	screen_open(&s, screen_plain, 80, 24);
	strcpy(s.subject.gone, "TARGET EXITED 12:05:40 - last sample 12:05:39");
	screen_draw(&s);
	cr_assert(screen_has(&s, "TARGET EXITED 12:05:40 - last sample 12:05:39 - w save  A again  q quit"));
	cr_assert(screen_has(&s, "cache.py:88"));
	screen_close(&s);
}

Test(report_tui_draw, the_bar_is_as_long_as_the_limit_of_the_control_group)
{
	struct screen s;
	char line[81];
	screen_open(&s, screen_snapshots, 80, 24);
	double all = (2 << 20) + 4096; /* what the ledger adds up to, without its parts */
	s.subject.limit_bytes = (uint64_t)(4 * all);
	screen_draw(&s);
	cr_assert(screen_has(&s, "] limit 8.0M"));
	AUTO_FREE char *text = screen_text(&s);
	memcpy(line, strchr(strchr(text, '\n') + 1, '\n') + 1, 80);
	line[80] = '\0';
	unsigned full = (unsigned)strspn(line + 1, "#=:.-?"), whole = (unsigned)(strchr(line, ']') - line - 1);
	cr_assert_leq(abs((int)(4 * full) - (int)whole), 4, "%s", line);
	screen_close(&s);
}

Test(report_tui_draw, a_walk_that_is_over_carries_its_time_beside_figures_of_now)
{
	struct screen s;
	screen_open(&s, screen_recorded, 80, 24);
	cr_assert(screen_has(&s, "] # live = arena-free"));
	s.subject.kind = TUI_RECORDING;
	((struct heap_model *)(uintptr_t)tui_heap(&s.subject))->heap.at_unix_ns = s.subject.now.unix_ns - UINT64_C(30000000000);
	screen_draw(&s);
	cr_assert(screen_has(&s, "] 12:04:21Z #live =free"));
	screen_type(&s, "2j");
	cr_assert(screen_has(&s, "of the walk at 12:04:21Z, R walks again"));
	screen_close(&s);
}

Test(report_tui_draw, the_help_lists_every_key)
{
	struct screen s;
	screen_open(&s, screen_plain, 80, 40);
	screen_key(&s, '?');
	for (size_t i = 0; i < tui_bindings_len; i++)
		if (tui_bindings[i].shown)
			cr_assert(screen_has(&s, tui_bindings[i].help), "%s", tui_bindings[i].help);
	screen_close(&s);
}

Test(report_tui_draw, stop_time_and_counts_are_shown_as_they_were_told)
{
	struct screen s;
	screen_open(&s, screen_snapshots, 80, 24);
	s.subject.kind = TUI_RECORDING;
	s.subject.pause_ns = 812000;
	s.subject.taken = 118;
	s.subject.asked = 120;
	screen_draw(&s);
	cr_assert(screen_has(&s, "LIVE 1s  stop 812 us  118/120"));
	s.subject.kind = TUI_SNAPSHOTS;
	s.subject.walking = true;
	screen_draw(&s);
	cr_assert(screen_has(&s, "WALK 1s  stop 812 us  walk 118 of 120"));
	screen_close(&s);
}
