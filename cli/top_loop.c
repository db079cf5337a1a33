/* SPDX-License-Identifier: MIT */
/* On a terminal: one poll loop over keys, signals, the helper and time. */
#include "cli/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/draw.h"
#include "cli/signals.h"
#ifdef PYMEMPROF_TUI
#include "report/tui/terminal.h"
#endif

#ifndef PYMEMPROF_TUI
bool top_has_screen(void)
{
	return false;
}

int top_screen(struct top *t, struct err *err)
{
	return top_batch(t, err);
}
#else

bool top_has_screen(void)
{
	const char *name = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && name && *name && strcmp(name, "dumb") != 0;
}

/* Written by the handler only. */
static volatile sig_atomic_t stop_wanted;

static void on_tstp(int sig)
{
	(void)sig;
	stop_wanted = 1;
}

/* Give the terminal back, stop like any job, and take up again. Nothing is sampled meanwhile. */
static void suspend(struct top *t)
{
	struct sigaction now = { .sa_handler = on_tstp }, plain = { .sa_handler = SIG_DFL };
	uint64_t before = top_now_ns();

	stop_wanted = 0;
	tui_terminal_leave();
	sigaction(SIGTSTP, &plain, NULL);
	(void)kill(0, SIGTSTP);
	sigaction(SIGTSTP, &now, NULL);
	tui_terminal_return();
	(void)before;
	t->next_frame_ns = 0;
	t->changed = true;
}

static bool take_size(struct top *t)
{
	unsigned columns, rows;

	tui_terminal_size(&columns, &rows);
	bool other = columns != t->state.columns || rows != t->state.rows;
	t->state.columns = columns;
	t->state.rows = rows;
	t->changed |= other;
	return other;
}

/* One key; 1: the end. everything: the whole screen is to be drawn. */
static int answer(struct top *t, int key, unsigned row, unsigned column, bool *everything,
		  struct err *err)
{
	bool mouse = key == TUI_KEY_MOUSE || key == TUI_KEY_WHEEL_UP || key == TUI_KEY_WHEEL_DOWN;
	enum tui_wish wish = mouse ? tui_mouse(&t->state, &t->subject, &t->rows, key, row, column) :
				     tui_key(&t->state, &t->subject, &t->rows, key);

	t->changed = true;
	if (wish == TUI_WISH_QUIT)
		return 1;
	if (wish == TUI_WISH_SUSPEND) {
		suspend(t);
		*everything = true;
	} else if (wish == TUI_WISH_REDRAW) {
		*everything = true;
	} else if (wish == TUI_WISH_MOUSE) {
		tui_terminal_mouse(t->state.mouse);
	}
	return top_grant(t, wish, err);
}

static int read_keys(struct top *t, bool *everything, struct err *err)
{
	unsigned row = 0, column = 0;
	int key, rc = 0;

	while (rc == 0 && (key = tui_terminal_key(&row, &column)) != TUI_KEY_NONE) {
		if (key == TUI_KEY_RESIZE) {
			*everything |= take_size(t);
			continue;
		}
		if (key < 0)
			continue;
		/* The rows a key acts on are those of the state before it. */
		if (t->changed)
			rc = top_draw(t, err);
		if (rc == 0)
			rc = answer(t, key, row, column, everything, err);
	}
	return rc;
}

/* True when the terminal is gone: not everybody it had gets the kernel's SIGHUP. */
static bool rest(const struct top *t, const struct signals *signals)
{
	uint64_t now = top_now_ns(), due = top_due_ns(t);
	int helper = t->session ? t->session->helper ? t->session->pidfd : -1 :
		     t->running ? t->watch.pidfd : -1;
	struct pollfd p[3] = { { .fd = STDIN_FILENO, .events = POLLIN },
			       { .fd = signals->pipe[0], .events = POLLIN },
			       { .fd = helper, .events = POLLIN } };

	if (t->changed)
		return false;
	int ms = due == UINT64_MAX ? -1 : due <= now ? 0 : (int)((due - now) / 1000000 + 1);
	return poll(p, 3, ms) > 0 && p[0].revents & (POLLHUP | POLLERR | POLLNVAL);
}

static int loop(struct top *t, const struct signals *signals, struct err *err)
{
	bool everything = true;
	int rc = 0;

	t->changed = true;
	while (rc == 0 && !*signals->stop) {
		rc = top_collect(t, err);
		if (rc == 0 && stop_wanted) {
			suspend(t);
			everything = true;
		}
		if (t->until_end && t->session && !t->session->feed)
			return rc;
		if (rc == 0)
			rc = read_keys(t, &everything, err);
		if (rc == 0 && (t->changed || everything)) {
			rc = top_draw(t, err);
			if (rc == 0)
				tui_terminal_show(&t->grid, everything);
			everything = false;
		}
		if (rc == 0 && rest(t, signals))
			return 0;
	}
	return rc < 0 ? rc : 0;
}

int top_screen(struct top *t, struct err *err)
{
	struct tui_terminal_options o = { .colour = t->cli->term.colour, .mouse = t->o.mouse };
	struct sigaction tstp = { .sa_handler = on_tstp }, tstp_before;
	struct signals signals;
	int rc = signals_catch(&signals, false, err);

	if (rc < 0)
		return rc;
	stop_wanted = 0;
	sigaction(SIGTSTP, &tstp, &tstp_before);
	rc = tui_terminal_open(&o, err);
	if (rc == 0) {
		take_size(t);
		rc = loop(t, &signals, err);
		tui_terminal_close();
	}
	sigaction(SIGTSTP, &tstp_before, NULL);
	signals_release(&signals);
	return rc < 0 ? rc : t->pidfd < 0 ? draw_status(t->subject.r) : STATUS_FINE;
}
#endif
