/* SPDX-License-Identifier: MIT */
/* Beginning and end, one frame, wishes that need no terminal, and batch mode. */
#include "cli/top.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "cli/draw.h"
#include "cli/signals.h"
#ifdef PYMEMPROF_TUI
#include "report/tui/terminal.h"
#endif

#define BATCH_COLUMNS 80
#define BATCH_ROWS 24
#define AROUND_ROWS 12
#define FRAME_PATIENCE_NS UINT64_C(2000000000)

void top_init(struct top *t, struct cli *cli, const struct top_options *o)
{
	*t = (struct top){ .cli = cli, .o = *o, .pidfd = -1 };
	tui_state_init(&t->state, BATCH_COLUMNS, BATCH_ROWS);
	t->state.interval_ns = o->interval_ns;
	t->state.utf8_possible = cli->term.utf8;
	t->state.ascii = o->ascii || !cli->term.utf8;
	t->state.exact = o->exact;
	t->state.mouse = o->mouse;
	t->state.pane = (enum tui_pane_id)o->pane;
	if (o->filter)
		snprintf(t->state.filter, sizeof t->state.filter, "%s", o->filter);
}

void top_deinit(struct top *t)
{
	if (t->running)
		watch_deinit(&t->watch);
	tui_rows_deinit(&t->rows);
	tui_subject_deinit(&t->subject);
	tui_state_deinit(&t->state);
	tui_grid_deinit(&t->grid);
	for (unsigned i = 0; i < 2; i++)
		if (t->made[i])
			recording_deinit(&t->own[i]);
	if (t->pidfd >= 0)
		close(t->pidfd);
	free(t->exe);
}

int top_draw(struct top *t, struct err *err)
{
	struct tui_grid *g = &t->grid;
	int rc = 0;

	if (g->columns != t->state.columns || g->rows != t->state.rows || g->ascii != t->state.ascii) {
		tui_grid_deinit(g);
		rc = tui_grid_init(g, t->state.columns, t->state.rows, t->state.ascii, err);
	}
	if (rc == 0)
		rc = tui_refresh(&t->subject, t->state.step, err);
	if (rc == 0)
		rc = tui_rows_build(&t->rows, &t->subject, &t->state, err);
	if (rc < 0)
		return rc;
	tui_settle(&t->state, &t->rows);
	tui_draw(g, &t->subject, &t->state, &t->rows);
	t->changed = false;
	return 0;
}

/* --- wishes ------------------------------------------------------------------------------- */

static void say(struct top *t, const char *what, const char *detail)
{
	snprintf(t->state.message, sizeof t->state.message, "%s%.120s", what, detail);
}

/* A recording that still grows cannot be concluded: a copy of us concludes its copy. */
static int write_page(struct top *t, const char *path, struct err *err)
{
	struct recording *r = (struct recording *)(uintptr_t)t->subject.r;
	struct draw_wish like = { .cli = t->cli, .source = t->subject.file };
	int status;

	if (!r)
		return err_set(err, ERR_USAGE, "there is nothing to write yet");
	if (t->subject.kind != TUI_RECORDING)
		return draw_page(r, &like, path, false, err);
	int rc = draw_page_check(path, false, err);
	if (rc < 0)
		return rc;
	pid_t pid = fork();
	if (pid == 0)
		_exit(draw_page(r, &like, path, false, NULL) < 0 ? 1 : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return err_sys(err, errno, "fork");
	return status == 0 ? 0 : err_set(err, ERR_SYS, "cannot write %.120s", path);
}

/* The whole list, not only what the screen shows. */
static int print_pane(struct top *t, const char *path, struct err *err)
{
	AUTO_FCLOSE FILE *f = fopen(path, "wxe");
	struct tui_grid g;
	struct tui_state state = t->state;
	struct buf line = BUF_INIT;
	size_t rows = t->rows.rows.len + AROUND_ROWS;

	if (!f)
		return err_sys(err, errno, "%.120s", path);
	state.columns = BATCH_COLUMNS;
	state.rows = (unsigned)(rows > TUI_SIDE_MAX ? TUI_SIDE_MAX : rows < BATCH_ROWS ? BATCH_ROWS : rows);
	state.screen = TUI_LIST;
	state.message[0] = '\0';
	state.text = true;
	int rc = tui_grid_init(&g, state.columns, state.rows, state.ascii, err);
	if (rc < 0)
		return rc;
	state.panes[state.pane].top = 0;
	tui_draw(&g, &t->subject, &state, &t->rows);
	for (unsigned i = 0; i + 1 < g.rows; i++) {
		tui_grid_line(&g, i, &line);
		(void)buf_put(&line, "\n", 1);
	}
	if (line.failed || fwrite(line.bytes, 1, line.len, f) != line.len)
		rc = err_set(err, ERR_SYS, "cannot write %.120s", path);
	buf_deinit(&line);
	tui_grid_deinit(&g);
	return rc;
}

static void show_text(struct top *t, enum tui_wish wish)
{
	struct buf text = BUF_INIT;
	const char *s;

	if (wish == TUI_WISH_COPY)
		tui_row_text(&t->subject, &t->state, &t->rows, &text);
	else
		tui_row_rule(&t->subject, &t->state, &t->rows, &text);
	s = buf_cstr(&text);
	if (s)
		say(t, "", s);
#ifdef PYMEMPROF_TUI
	if (s && t->o.clipboard && !t->o.batch)
		tui_terminal_copy(text.bytes, text.len);
#endif
	buf_deinit(&text);
}

static void write_something(struct top *t, enum tui_wish wish)
{
	struct err err = ERR_INIT;
	char path[TUI_TEXT_MAX];
	int rc;

	snprintf(path, sizeof path, "%s", t->state.path);
	if (!path[0])
		snprintf(path, sizeof path, wish == TUI_WISH_WRITE ? "pymemprof-%d.html" : "pymemprof-%d.txt",
			 t->subject.pid ? t->subject.pid : t->subject.r ? t->subject.r->totals.target.pid : 0);
	rc = wish == TUI_WISH_WRITE ? write_page(t, path, &err) : print_pane(t, path, &err);
	if (rc < 0)
		say(t, "", err.text);
	else
		say(t, "written: ", path);
}

static void walk(struct top *t)
{
	if (t->session) {
		watch_ask_snapshot(t->session);
		t->subject.walking = true;
		say(t, "walking the heap", "");
	} else if (t->pidfd >= 0) {
		t->next_snapshot_ns = 0;
		say(t, t->running ? "a walk is going on" : "walking the heap", "");
	} else {
		say(t, "a file does not change", "");
	}
}

static void attach_again(struct top *t)
{
	struct err why = ERR_INIT;
	uint64_t pid = 0;
	int rc = opt_pid(t->state.path, &pid, &why);

	if (rc == 0)
		rc = top_open_again(t, (pid_t)pid, &why);
	say(t, rc < 0 ? "" : "by snapshots, from here on", rc < 0 ? why.text : "");
}

int top_grant(struct top *t, enum tui_wish wish, struct err *err)
{
	int rc = 0;

	t->changed = true;
	switch (wish) {
	case TUI_WISH_WALK:
		walk(t);
		break;
	case TUI_WISH_CANCEL:
		top_cancel(t);
		say(t, "walk cancelled", "");
		break;
	case TUI_WISH_MARK:
		rc = tui_mark(&t->subject, err);
		if (rc == 0) {
			char letter[2] = { t->subject.marks[t->subject.nmarks - 1].letter, 0 };
			t->state.mark = t->subject.nmarks - 1;
			say(t, "growth counts from mark ", letter);
		}
		break;
	case TUI_WISH_INTERVAL:
		t->next_frame_ns = 0;
		break;
	case TUI_WISH_WRITE:
	case TUI_WISH_PRINT:
		write_something(t, wish);
		break;
	case TUI_WISH_COPY:
	case TUI_WISH_SUPPRESS:
		show_text(t, wish);
		break;
	case TUI_WISH_ATTACH:
		attach_again(t);
		break;
	case TUI_WISH_NONE:
	case TUI_WISH_QUIT:
	case TUI_WISH_SUSPEND:
	case TUI_WISH_REDRAW:
	case TUI_WISH_MOUSE:
		break;
	}
	return rc;
}

/* --- batch -------------------------------------------------------------------------------- */

/* Lines of this frame; of lines that are as they were, nothing when only changes are wanted. */
static int print_frame(struct top *t, struct buf *last, struct err *err)
{
	struct buf all = BUF_INIT;
	struct out out;

	out_init(&out, STDOUT_FILENO);
	for (unsigned i = 0; i + 1 < t->grid.rows; i++) {
		struct buf line = BUF_INIT;
		tui_grid_line(&t->grid, i, &line);
		(void)buf_put(&line, "\n", 1);
		out_need(&out, &line);
		bool same = t->o.changes && all.len + line.len <= last->len && !line.failed &&
			    memcmp(last->bytes + all.len, line.bytes, line.len) == 0;
		if (!same && !(t->o.changes && line.len == 1))
			out_put(&out, line.bytes, line.len);
		(void)buf_put(&all, line.bytes, line.len);
		buf_deinit(&line);
	}
	int rc = out_flush(&out, err);
	out_deinit(&out);
	buf_deinit(last);
	*last = all;
	return rc;
}

/* A frame has a new snapshot, unless the next one would spend a stop that is not earned for long. */
static int wait_for_frame(struct top *t, struct signals *signals, struct err *err)
{
	uint64_t until = top_now_ns() + t->state.interval_ns, taken = t->subject.taken;

	for (;;) {
		uint64_t now = top_now_ns();
		bool fresh = t->subject.taken != taken ||
			     (!t->running && t->next_snapshot_ns > until + FRAME_PATIENCE_NS);
		if (*signals->stop || t->subject.gone[0] || (now >= until && fresh))
			return 0;
		struct pollfd p[2] = { { .fd = signals->pipe[0], .events = POLLIN },
				       { .fd = t->running ? t->watch.pidfd : -1, .events = POLLIN } };
		uint64_t due = now < until ? until : top_due_ns(t);
		int ms = due > now ? (int)((due - now) / 1000000 + 1) : 1;
		(void)poll(p, 2, ms > 1000 ? 1000 : ms);
		int rc = top_collect(t, err);
		if (rc < 0)
			return rc;
	}
}

int top_batch(struct top *t, struct err *err)
{
	uint64_t frames = t->o.frames ? t->o.frames : t->pidfd < 0 ? 1 : UINT64_MAX;
	struct signals signals;
	struct buf last = BUF_INIT;
	int rc = signals_catch(&signals, false, err);

	if (rc < 0)
		return rc;
	t->state.rows = (unsigned)(t->o.top ? t->o.top + AROUND_ROWS : BATCH_ROWS);
	t->state.columns = t->cli->term.width < TUI_LEAST_COLUMNS ? TUI_LEAST_COLUMNS :
			   t->cli->term.width > BATCH_COLUMNS	  ? BATCH_COLUMNS :
								    t->cli->term.width;
	t->state.text = true;
	for (uint64_t i = 0; i < frames && rc == 0 && !*signals.stop; i++) {
		if (i > 0 && t->pidfd >= 0)
			rc = wait_for_frame(t, &signals, err);
		if (rc == 0 && !*signals.stop)
			rc = top_draw(t, err);
		if (rc == 0 && !*signals.stop)
			rc = print_frame(t, &last, err);
		if (t->subject.gone[0])
			break;
	}
	buf_deinit(&last);
	signals_release(&signals);
	return rc < 0 ? rc : t->pidfd < 0 ? draw_status(t->subject.r) : STATUS_FINE;
}
