/* SPDX-License-Identifier: MIT */
/* Opening the destination, drawing, closing, in that order, and what it says as a status. */
#include "cli/draw.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "cli/outcome.h"

/* Only a place that is not there or not ours gets that hint; a full disk has its own. */
static int cannot_create(const char *path, int sys, struct err *err)
{
	int rc = err_sys(err, sys, "cannot create %.180s", path);
	bool place = sys == ENOENT || sys == ENOTDIR || sys == EACCES || sys == EPERM || sys == EROFS;
	return place ? err_hint(err, rc, "cannot-create") : rc;
}

static int exists_already(const char *path, struct err *err)
{
	return err_hint(err, err_set(err, ERR_USAGE, "%.180s exists already", path), "file-exists");
}

int draw_open(const char *path, bool force, int *ret_fd, struct err *err)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (force ? O_TRUNC : O_EXCL);
	int fd = open(path, flags, 0600);
	struct stat st = { 0 };
	/* Not a file that could be lost: a pipe, /dev/null, a terminal. */
	if (fd < 0 && errno == EEXIST && stat(path, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISDIR(st.st_mode))
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	else if (fd < 0 && errno == EEXIST && S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "%.180s is a directory", path);
	else if (fd < 0 && errno == EEXIST)
		return exists_already(path, err);
	if (fd < 0)
		return cannot_create(path, errno, err);
	*ret_fd = fd;
	return 0;
}

int draw_format(const char *name, const char *path, int fd, const struct view **ret, struct err *err)
{
	const struct view *found = view_find(name);

	if (!found)
		return err_set(err, ERR_USAGE,
			       "unknown format '%.40s'; one of text, html, json, csv, folded, speedscope, pprof", name);
	if (found->binary && (!path || strcmp(path, "-") == 0) && isatty(fd))
		return err_set(err, ERR_USAGE, "format %s is not for a terminal; write it to a file", name);
	*ret = found;
	return 0;
}

/* The file a page is made of, to be carried in it when it is not larger than the page may be. */
static int take_along(const char *path, struct view_options *o, struct buf *ret, struct err *err)
{
	AUTO_CLOSE int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;
	size_t most = o->max_bytes ? o->max_bytes : HTML_BYTES_MAX;
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	o->source_bytes = (size_t)st.st_size;
	if (o->source_bytes > most || buf_reserve(ret, o->source_bytes) < 0)
		return buf_check(ret, err);
	while (ret->len < o->source_bytes) {
		ssize_t n = read(fd, ret->bytes + ret->len, o->source_bytes - ret->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0; /* shorter than it was: left out */
		ret->len += (size_t)n;
	}
	o->source = ret->bytes;
	return 0;
}

int draw_status(const struct recording *r)
{
	return totals_missing(&r->totals, TOTALS_FIGURES) ? STATUS_INCOMPLETE : STATUS_FINE;
}

void draw_tell_missing(const struct cli *cli, const char *file, const struct recording *r)
{
	struct err err = ERR_INIT;
	(void)!err_hint(&err,
			err_set(&err, ERR_CORRUPT, "%.100s: %s",
				strcmp(file, "-") == 0 ? "standard input" : file,
				totals_missing(&r->totals, TOTALS_FIGURES)),
			"incomplete");
	outcome_print(&err, !cli->quiet);
}

int draw_recording(struct recording *r, const struct draw_wish *wish, struct err *err)
{
	bool to_file = wish->path && strcmp(wish->path, "-") != 0;
	AUTO_CLOSE int fd = -1;
	int rc = recording_conclude(r, err);
	if (rc == 0)
		rc = view_check(wish->view, wish->options.question, recording_is_snapshot(r), err);
	if (rc == 0)
		rc = view_check_metric(wish->view, r, wish->options.metric, err);
	if (rc == 0 && to_file)
		rc = draw_open(wish->path, wish->force, &fd, err);
	if (rc < 0)
		return rc;
	struct view_options o = wish->options;
	o.width = to_file ? VIEW_WIDTH : wish->cli->term.width;
	o.utf8 = wish->cli->term.utf8;
	o.colour = wish->cli->term.colour && !to_file && !wish->to_error;
	AUTO_BUF struct buf source = BUF_INIT;
	if (wish->view == &view_html)
		rc = take_along(wish->source, &o, &source, err);
	if (rc < 0)
		return rc;
	struct out out;
	out_init(&out, to_file ? fd : wish->to_error ? STDERR_FILENO : STDOUT_FILENO);
	rc = view_draw(wish->view, r, &o, &out, err);
	if (rc == 0)
		rc = out_flush(&out, err);
	out_deinit(&out);
	if (rc == 0 && to_file && close(TAKE_FD(fd)) < 0)
		rc = err_sys(err, errno, "cannot write %.180s", wish->path);
	/* Half a report is none. */
	struct stat st;
	if (rc < 0 && to_file && lstat(wish->path, &st) == 0 && S_ISREG(st.st_mode))
		(void)unlink(wish->path);
	return rc < 0 ? rc : draw_status(r);
}

/* May a file be made in the folder of path? */
static int check_folder(const char *path, struct err *err)
{
	AUTO_FREE char *folder = strdup(path);
	if (!folder)
		return err_nomem(err);
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder ? 1 : 0] = '\0';
	if (faccessat(AT_FDCWD, slash ? folder : ".", W_OK | X_OK, AT_EACCESS) < 0)
		return cannot_create(path, errno, err);
	return 0;
}

int draw_keep_check(const char *path, struct err *err)
{
	static const char *const reports[] = { ".html", ".htm", ".json", ".csv", ".txt" };
	const char *end = path ? strrchr(path, '.') : NULL;
	for (size_t i = 0; end && i < sizeof reports / sizeof *reports; i++)
		if (strcasecmp(end, reports[i]) == 0)
			return err_set(err, ERR_USAGE,
				       i < 2 ? "-o keeps the recording itself, as FILE.pmp; the page is written by --html %.100s" :
					       "-o keeps the recording itself, as FILE.pmp; for a report: > %.100s",
				       path);
	return 0;
}

/* Nothing is opened or made: draw_open decides again, as files may appear meanwhile. */
int draw_page_check(const char *path, bool force, struct err *err)
{
	struct stat st;
	if (!path || strcmp(path, "-") == 0)
		return 0;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? check_folder(path, err) : cannot_create(path, errno, err);
	if (S_ISLNK(st.st_mode) && stat(path, &st) < 0)
		return force ? 0 : exists_already(path, err);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "%.180s is a directory", path);
	if (!force && S_ISREG(st.st_mode))
		return exists_already(path, err);
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
		return cannot_create(path, errno, err);
	return 0;
}

int draw_page(struct recording *r, const struct draw_wish *like, const char *path, bool force,
	      struct err *err)
{
	struct draw_wish wish = { .cli = like->cli, .view = &view_html, .path = path, .force = force,
				  .source = like->source };
	return path ? draw_recording(r, &wish, err) : STATUS_FINE;
}
