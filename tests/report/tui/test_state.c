/* SPDX-License-Identifier: MIT */
/* Keys make states: moves, panes, folds, order, filter, search, marks, time, prompts. */
#include "report/tui/state.h"

#include <criterion/criterion.h>

#include "tests/report/tui/screen.h"

Test(report_tui_state, every_binding_is_answered_and_keeps_a_screen)
{
	struct screen s;
	screen_open(&s, screen_plain, 80, 24);
	for (size_t i = 0; i < tui_bindings_len; i++)
		for (size_t k = 0; k < 4 && tui_bindings[i].keys[k]; k++) {
			cr_assert_neq(tui_action_of(tui_bindings[i].keys[k]), TUI_DO_NOTHING);
			screen_key(&s, tui_bindings[i].keys[k]);
			screen_key(&s, TUI_KEY_ESCAPE);
		}
	screen_close(&s);
}

Test(report_tui_state, ten_thousand_random_keys_on_changing_screens_do_no_harm)
{
	struct screen s;
	uint32_t seed = 4711;
	screen_open(&s, screen_plain, 80, 24);
	for (int i = 0; i < 10000; i++) {
		seed = seed * 1664525u + 1013904223u;
		int key = (int)(seed >> 8 & 0xff);
		if (seed >> 30 == 3)
			key = TUI_KEY_UP + (int)(seed >> 8) % 16;
		if (i % 50 == 0) {
			s.state.columns = 1 + (seed >> 9) % 200;
			s.state.rows = 1 + (seed >> 17) % 60;
		}
		(void)tui_key(&s.state, &s.subject, &s.rows, key);
		(void)tui_mouse(&s.state, &s.subject, &s.rows, TUI_KEY_MOUSE, seed >> 5 & 63, seed >> 11 & 255);
		if (i % 10 == 0)
			screen_draw(&s);
	}
	screen_close(&s);
}

Test(report_tui_state, the_cursor_follows_its_row_when_the_order_changes)
{
	struct screen s;
	screen_open(&s, screen_plain, 80, 24);
	screen_type(&s, "j");
	uint64_t key = tui_current(&s.state, &s.rows)->key;
	s.state.panes[TUI_GROWTH].inverted = true;
	screen_draw(&s);
	cr_assert_eq(tui_current(&s.state, &s.rows)->key, key);
	screen_close(&s);
}

Test(report_tui_state, a_filter_hides_and_escape_brings_back)
{
	struct screen s;
	screen_open(&s, screen_plain, 80, 24);
	size_t all = s.rows.rows.len;
	screen_type(&s, "\\cache.py\n");
	cr_assert_eq(s.rows.rows.len, 1);
	cr_assert(screen_has(&s, "hidden by the filter"));
	screen_key(&s, TUI_KEY_ESCAPE);
	cr_assert_eq(s.rows.rows.len, all);
	screen_type(&s, "\\>1M\n");
	cr_assert_eq(s.rows.rows.len, 0);
	screen_close(&s);
}

Test(report_tui_state, a_search_moves_the_cursor_while_it_is_typed)
{
	struct screen s;
	screen_open(&s, screen_plain, 80, 24);
	screen_type(&s, "/http");
	struct buf b = BUF_INIT;
	tui_row_names(&s.rows, &s.subject, tui_current(&s.state, &s.rows), &b);
	cr_assert(tui_contains((char *)b.bytes, b.len, "http"));
	buf_deinit(&b);
	screen_close(&s);
}

Test(report_tui_state, folding_hides_what_is_below)
{
	struct screen s;
	screen_open(&s, screen_plain, 80, 24);
	screen_type(&s, "3");
	size_t open = s.rows.rows.len;
	screen_type(&s, "h");
	cr_assert_eq(s.rows.rows.len, 1);
	screen_type(&s, "l");
	cr_assert_eq(s.rows.rows.len, open);
	screen_type(&s, "i");
	cr_assert(s.state.inverted_tree);
	screen_close(&s);
}

Test(report_tui_state, a_mark_counts_growth_from_its_instant)
{
	struct screen s;
	screen_open(&s, screen_plain, 80, 24);
	cr_assert_gt(s.rows.rows.at[0].v[2], 0);
	cr_assert_eq(screen_key(&s, 'm'), TUI_WISH_MARK);
	cr_assert_eq(tui_mark(&s.subject, NULL), 0);
	s.state.mark = s.subject.nmarks - 1;
	screen_draw(&s);
	for (size_t i = 0; i < s.rows.rows.len; i++)
		cr_assert_eq(s.rows.rows.at[i].v[2], 0);
	screen_close(&s);
}

Test(report_tui_state, time_can_be_stepped_back_and_on)
{
	struct screen s;
	screen_open(&s, screen_plain, 80, 24);
	uint64_t now = s.subject.now.live_bytes;
	for (int i = 0; i < 50; i++)
		screen_type(&s, "T");
	cr_assert_lt(s.subject.now.live_bytes, now);
	cr_assert(screen_has(&s, "50 back"));
	screen_key(&s, TUI_KEY_ESCAPE);
	cr_assert_eq(s.subject.now.live_bytes, now);
	screen_close(&s);
}

Test(report_tui_state, the_mouse_is_switched_by_two_keys)
{
	struct screen s;
	screen_open(&s, screen_plain, 80, 24);
	cr_assert_eq(screen_key(&s, TUI_CTRL('X')), TUI_WISH_NONE);
	cr_assert_eq(screen_key(&s, 'm'), TUI_WISH_MOUSE);
	cr_assert_not(s.state.mouse);
	cr_assert_eq(screen_key(&s, TUI_CTRL('X')), TUI_WISH_NONE);
	cr_assert_eq(screen_key(&s, 'q'), TUI_WISH_NONE, "the key after it is no command");
	cr_assert_eq(screen_key(&s, 'q'), TUI_WISH_QUIT);
	screen_close(&s);
}

Test(report_tui_state, what_is_gone_can_be_attached_to_again)
{
	struct screen s;
	screen_open(&s, screen_plain, 80, 24);
	screen_key(&s, 'A');
	cr_assert(screen_has(&s, "a file has no process"));
	s.subject.kind = TUI_RECORDING;
	s.subject.pid = 4242;
	screen_key(&s, 'A');
	cr_assert(screen_has(&s, "it is not gone"));
	strcpy(s.subject.gone, "TARGET EXITED");
	screen_key(&s, 'A');
	cr_assert(screen_has(&s, "attach to PID: 4242"));
	screen_key(&s, TUI_CTRL('U'));
	cr_assert_eq(screen_key(&s, TUI_KEY_ENTER), TUI_WISH_NONE);
	screen_type(&s, "A");
	screen_key(&s, TUI_KEY_BACKSPACE);
	cr_assert_eq(screen_key(&s, TUI_KEY_ENTER), TUI_WISH_ATTACH);
	cr_assert_str_eq(s.state.path, "424");
	screen_close(&s);
}

Test(report_tui_state, on_a_screen_too_small_q_still_quits)
{
	struct screen s;
	screen_open(&s, screen_plain, 10, 3);
	cr_assert(screen_has(&s, "q quits"));
	cr_assert_eq(screen_key(&s, 'q'), TUI_WISH_QUIT);
	screen_close(&s);
}
