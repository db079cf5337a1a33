/* SPDX-License-Identifier: MIT */
/* See check_io.h. A new file is made beside the old one and renamed over it. */
#include "cli/check_io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"

#define STORE ".pymemprof/baselines"

int check_read(const char *path, size_t most, struct buf *ret, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	uint8_t part[8192];
	ssize_t n = fd < 0 ? -1 : 1;
	while (n > 0) {
		n = read(fd, part, sizeof part);
		if (n > 0 && buf_put(ret, part, (size_t)n) < 0)
			return err_nomem(err);
		if (ret->len > most)
			return err_set(err, ERR_CORRUPT, "%.180s is too long", path);
	}
	return n < 0 ? err_sys(err, errno, "cannot read %.180s", path) : 0;
}

static int write_all(int fd, const struct buf *text)
{
	for (size_t at = 0; at < text->len;) {
		ssize_t n = write(fd, text->bytes + at, text->len - at);
		if (n < 0 && errno != EINTR)
			return -1;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int check_replace(const char *path, const struct buf *text, struct err *err)
{
	char part[CHECK_PATH_MAX + 16];
	struct stat st;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "%.180s is no file", path);
	snprintf(part, sizeof part, "%s.XXXXXX", path);
	AUTO_CLOSE int fd = mkostemp(part, O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot create %.180s", path);
	if (write_all(fd, text) < 0 || close(TAKE_FD(fd)) < 0 || rename(part, path) < 0) {
		int why = errno;
		unlink(part);
		return err_sys(err, why, "cannot write %.180s", path);
	}
	return 0;
}

int check_baseline_path(const char *name, char ret[CHECK_PATH_MAX], struct err *err)
{
	size_t n = strlen(name);
	bool path = strchr(name, '/') || (n > 5 && strcmp(name + n - 5, ".json") == 0);
	if (n == 0 || n > CHECK_PATH_MAX - 40)
		return err_set(err, ERR_USAGE, "'%.40s' is no name of a baseline", name);
	snprintf(ret, CHECK_PATH_MAX, path ? "%s" : STORE "/%s.json", name);
	return 0;
}

int check_make_store(const char *path, struct err *err)
{
	static const char *const folders[] = { ".pymemprof", STORE };
	for (size_t i = 0; i < 2 && strncmp(path, STORE "/", strlen(STORE "/")) == 0; i++)
		if (mkdir(folders[i], 0777) < 0 && errno != EEXIST)
			return err_sys(err, errno, "cannot create %s", folders[i]);
	return 0;
}

int check_may_write(const char *path, bool force, struct err *err)
{
	struct stat st;
	char folder[CHECK_PATH_MAX];
	bool there = path && stat(path, &st) == 0;
	const char *slash = path ? strrchr(path, '/') : NULL;
	if (there && S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "%.180s is a folder", path);
	if (!there && slash && strncmp(path, STORE "/", strlen(STORE "/")) != 0) {
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);
		if (access(folder, W_OK) < 0)
			return err_hint(err, err_sys(err, errno, "cannot create %.180s", path),
					"cannot-create");
	}
	if (force || !there || !S_ISREG(st.st_mode))
		return 0;
	return err_hint(err, err_set(err, ERR_USAGE, "%.180s exists already", path), "file-exists");
}

/* Without -f a file that appeared since check_may_write looked is not overwritten. */
static int open_report(const char *path, enum check_file how, int *ret, struct err *err)
{
	const int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
	const int more[] = { [CHECK_NEW] = O_CREAT | O_EXCL, [CHECK_REPLACE] = O_CREAT | O_TRUNC,
			     [CHECK_APPEND] = O_CREAT | O_APPEND };
	struct stat st;
	*ret = open(path, flags | more[how], 0600);
	/* not a file that could be lost: a pipe, /dev/null, a terminal */
	if (*ret < 0 && errno == EEXIST && stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		*ret = open(path, flags);
	else if (*ret < 0 && errno == EEXIST)
		return err_hint(err, err_set(err, ERR_USAGE, "%.180s exists already", path),
				"file-exists");
	return *ret < 0 ? err_sys(err, errno, "cannot create %.180s", path) : 0;
}

int check_draw(const struct check_view *v, const struct check_report *r, const char *path, int fd,
	       enum check_file how, struct err *err)
{
	struct out out;
	AUTO_CLOSE int own = -1;
	int opened = path ? open_report(path, how, &own, err) : 0;
	if (opened < 0)
		return opened;
	out_init(&out, path ? own : fd);
	v->draw(r, &out);
	int rc = out_flush(&out, err);
	out_deinit(&out);
	if (rc == 0 && path && close(TAKE_FD(own)) < 0)
		rc = err_sys(err, errno, "cannot write %.180s", path);
	return rc;
}
