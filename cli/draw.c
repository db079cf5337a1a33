/* SPDX-License-Identifier: MIT */
/* Opening the destination, drawing, closing, in that order, and what it says as a status. */
#include "cli/draw.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"

#define DROPPED_SHARE 100 /* one event lost in so many makes the figures incomplete */

static int open_output(const struct draw_wish *wish, int *ret_fd, struct err *err)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (wish->force ? O_TRUNC : O_EXCL);
	int fd = open(wish->path, flags, 0600);
	struct stat st;
	/* Not a file that could be lost: a pipe, /dev/null, a terminal. */
	if (fd < 0 && errno == EEXIST && stat(wish->path, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISDIR(st.st_mode))
		fd = open(wish->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	else if (fd < 0 && errno == EEXIST)
		return err_hint(err, err_set(err, ERR_USAGE, "%.180s exists already", wish->path),
				"file-exists");
	if (fd < 0)
		return err_sys(err, errno, "cannot create %.180s", wish->path);
	*ret_fd = fd;
	return 0;
}

static bool damaged(const struct totals *t)
{
	static const char *const codes[] = { "truncated-file", "corrupt-section",
					     "missing-section" };
	for (size_t i = 0; i < t->notes.len; i++)
		for (size_t k = 0; k < sizeof codes / sizeof *codes; k++)
			if (strcmp(t->notes.at[i].code, codes[k]) == 0)
				return true;
	return false;
}

int draw_status(const struct recording *r)
{
	const struct fact_cost *c = &r->totals.cost;
	if (!r->totals.have_end || r->totals.end == FACT_END_TRUNCATED || damaged(&r->totals))
		return STATUS_INCOMPLETE;
	return c->dropped_events > c->events / DROPPED_SHARE ? STATUS_INCOMPLETE : STATUS_FINE;
}

int draw_recording(struct recording *r, const struct draw_wish *wish, struct err *err)
{
	bool to_file = wish->path && strcmp(wish->path, "-") != 0;
	AUTO_CLOSE int fd = -1;
	int rc = recording_conclude(r, err);
	if (rc == 0 && to_file)
		rc = open_output(wish, &fd, err);
	if (rc < 0)
		return rc;
	struct view_options o = wish->options;
	o.width = to_file ? VIEW_WIDTH : wish->cli->term.width;
	o.utf8 = wish->cli->term.utf8;
	o.colour = wish->cli->term.colour && !to_file && !wish->to_error;
	struct out out;
	out_init(&out, to_file ? fd : wish->to_error ? STDERR_FILENO : STDOUT_FILENO);
	rc = view_draw(wish->view, r, &o, &out, err);
	if (rc == 0)
		rc = out_flush(&out, err);
	out_deinit(&out);
	if (rc == 0 && to_file && close(TAKE_FD(fd)) < 0)
		rc = err_sys(err, errno, "cannot write %.180s", wish->path);
	return rc < 0 ? rc : draw_status(r);
}

int draw_page_check(const char *path, bool force, struct err *err)
{
	struct stat st;
	if (!path || force || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return err_hint(err, err_set(err, ERR_USAGE, "%.180s exists already", path), "file-exists");
}

int draw_page(struct recording *r, const struct cli *cli, const char *path, bool force,
	      struct err *err)
{
	struct draw_wish wish = { .cli = cli, .view = &view_html, .path = path, .force = force };
	return path ? draw_recording(r, &wish, err) : STATUS_FINE;
}
