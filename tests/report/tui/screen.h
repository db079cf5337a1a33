/* SPDX-License-Identifier: MIT */
/* A subject, a state and a grid together, without a terminal, for the suites of report/tui. */
#ifndef PYMEMPROF_TESTS_REPORT_TUI_SCREEN_H
#define PYMEMPROF_TESTS_REPORT_TUI_SCREEN_H

#include "report/tui/draw.h"
#include "tests/report/view/sample.h"

struct screen {
	struct recording r;
	struct tui_subject subject;
	struct tui_state state;
	struct tui_rows rows;
	struct tui_grid grid;
};

static inline void screen_draw(struct screen *s)
{
	tui_grid_deinit(&s->grid);
	cr_assert_eq(tui_grid_init(&s->grid, s->state.columns, s->state.rows, s->state.ascii, NULL), 0);
	cr_assert_eq(tui_refresh(&s->subject, s->state.step, NULL), 0);
	cr_assert_eq(tui_rows_build(&s->rows, &s->subject, &s->state, NULL), 0);
	tui_settle(&s->state, &s->rows);
	tui_draw(&s->grid, &s->subject, &s->state, &s->rows);
}

static inline void screen_open(struct screen *s, void (*make)(struct recording *r), unsigned columns,
			       unsigned rows)
{
	memset(s, 0, sizeof *s);
	make(&s->r);
	tui_subject_of_file(&s->subject, &s->r);
	tui_state_init(&s->state, columns, rows);
	s->state.ascii = true;
	screen_draw(s);
}

static inline enum tui_wish screen_key(struct screen *s, int key)
{
	enum tui_wish w = tui_key(&s->state, &s->subject, &s->rows, key);
	screen_draw(s);
	return w;
}

static inline void screen_type(struct screen *s, const char *keys)
{
	for (; *keys; keys++)
		screen_key(s, *keys);
}

/* The whole screen, lines ended by \n; the caller frees. */
static inline char *screen_text(const struct screen *s)
{
	struct buf b = BUF_INIT;
	for (unsigned i = 0; i < s->grid.rows; i++) {
		tui_grid_line(&s->grid, i, &b);
		(void)buf_put(&b, "\n", 1);
	}
	return buf_take(&b, NULL);
}

static inline bool screen_has(const struct screen *s, const char *words)
{
	char *text = screen_text(s);
	bool has = strstr(text, words) != NULL;
	free(text);
	return has;
}

static inline void screen_close(struct screen *s)
{
	tui_rows_deinit(&s->rows);
	tui_subject_deinit(&s->subject);
	tui_state_deinit(&s->state);
	tui_grid_deinit(&s->grid);
	recording_deinit(&s->r);
}

static inline void screen_plain(struct recording *r)
{
	sample_make(r, 0);
}

/* With a snapshot, so that every pane has something to show. */
static inline void screen_recorded(struct recording *r)
{
	sample_begin(r, 0);
	sample_snapshot(r, 1, "Session");
	sample_end(r);
}

static inline void screen_snapshots(struct recording *r)
{
	struct err err = ERR_INIT;
	cr_assert_eq(recording_init(r, NULL), 0);
	feed_target(r, 0);
	sample_snapshot(r, 1, "Session");
	sample_snapshot(r, 2, "Session");
	struct fact_sink s = feed_sink(r);
	cr_assert_eq(s.totals(s.ctx, &(struct fact_totals){ 0 }, NULL), 0);
	cr_assert_eq(s.finish(s.ctx, FACT_END_DETACHED, NULL), 0);
	cr_assert_eq(recording_conclude(r, &err), 0, "%s", err.text);
}

#endif
