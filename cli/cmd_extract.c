/* SPDX-License-Identifier: MIT */
/* The recording, or one table of data, back out of an HTML report, byte for byte. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "cli/command.h"
#include "cli/draw.h"
#include "report/view/escape.h"
#include "report/view/html/unpack.h"
#include "report/view/out.h"

#define CHUNK 65536
#define PAGE_BYTES_MAX ((size_t)1 << 30)
#define NAME_MAX_BYTES 40

static const struct opt options[] = {
	{ 'o', "output", "FILE", "write there instead of standard output", NULL, NULL },
	{ 'f', "force", NULL, "replace FILE when it exists", NULL, NULL },
	{ 's', "section", "NAME", "this table of data instead of the recording", NULL, NULL },
	{ 'l', "list", NULL, "list what is in the page: name, bytes, whether it is whole", NULL,
	  NULL },
	{ 0 },
};

static int read_all(const char *path, struct buf *ret, struct err *err)
{
	bool standard = strcmp(path, "-") == 0;
	AUTO_CLOSE int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	char chunk[CHUNK];
	ssize_t n;
	if (fd < 0)
		return err_sys(err, errno, "%.180s", path);
	while ((n = read(fd, chunk, sizeof chunk)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot read %.180s", path);
		if (ret->len > PAGE_BYTES_MAX)
			return err_set(err, ERR_UNSUPPORTED, "%.180s is larger than 1 GiB", path);
		buf_put(ret, chunk, (size_t)n);
	}
	return buf_check(ret, err);
}

/* Why there is nothing, or not what was asked for, in a page. */
static int not_found(const struct buf *page, int rc, const char *hint, struct err *err)
{
	if (unpack_cut((char *)page->bytes, page->len))
		return err_hint(err, err_set(err, ERR_CORRUPT, "the page is cut: its end is missing"), "cut-page");
	return err_hint(err, rc, hint);
}

/* "sites  13,204 bytes"; true when it is whole. */
static bool list_one(const struct page_section *s, struct out *out)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err why = ERR_INIT;
	char name[NAME_MAX_BYTES * ESCAPE_GROWTH + 1];
	size_t n = s->id_bytes < NAME_MAX_BYTES ? s->id_bytes : NAME_MAX_BYTES;
	escape(ESCAPE_ASCII, s->id, n, name, sizeof name);
	bool whole = unpack_bytes(s, &bytes, &why) == 0;
	out_printf(out, "%-12s %12llu  %s\n", name, (unsigned long long)s->bytes,
		   whole ? "whole" : why.text);
	return whole;
}

static int list(const struct buf *page, struct err *err)
{
	struct page_section s;
	struct out out;
	size_t at = 0, n = 0;
	bool whole = true;
	out_init(&out, STDOUT_FILENO);
	while (unpack_next((char *)page->bytes, page->len, &at, &s)) {
		whole &= list_one(&s, &out);
		n++;
	}
	int rc = out_flush(&out, err);
	out_deinit(&out);
	if (rc == 0 && n == 0)
		rc = not_found(page, err_set(err, ERR_CORRUPT, "there is no data in it"), "not-page", err);
	whole = whole && !unpack_cut((char *)page->bytes, page->len);
	return rc < 0 ? rc : whole ? STATUS_FINE : STATUS_INCOMPLETE;
}

static int find(const struct buf *page, const char *id, struct buf *ret, struct err *err)
{
	struct page_section s;
	size_t at = 0, n = 0;
	for (; unpack_next((char *)page->bytes, page->len, &at, &s); n++) {
		if (!unpack_is(&s, id))
			continue;
		int rc = unpack_bytes(&s, ret, err);
		return rc < 0 ? err_wrap(err, rc, "%.40s", id) : 0;
	}
	if (n == 0)
		return not_found(page, err_set(err, ERR_CORRUPT, "there is no data in it"), "not-page", err);
	return not_found(page, err_set(err, ERR_UNSUPPORTED, "the page has no section '%.40s'", id),
			 strcmp(id, UNPACK_RECORDING) == 0 ? "not-embedded" : "page-sections", err);
}

static int put(const struct opt_args *args, const struct buf *bytes, struct err *err)
{
	const char *path = opt_value(args, "output");
	struct out out;
	AUTO_CLOSE int fd = -1;
	bool to_file = path && strcmp(path, "-") != 0;
	int rc = 0;
	if (!to_file && isatty(STDOUT_FILENO))
		return err_set(err, ERR_USAGE, "the data is not text: -o FILE, or a pipe");
	if (to_file)
		rc = draw_open(path, opt_given(args, "force"), &fd, err);
	if (rc < 0)
		return rc;
	out_init(&out, to_file ? fd : STDOUT_FILENO);
	out_put(&out, bytes->bytes, bytes->len);
	rc = out_flush(&out, err);
	out_deinit(&out);
	if (rc == 0 && to_file && close(TAKE_FD(fd)) < 0)
		rc = err_sys(err, errno, "cannot write %.180s", path);
	return rc;
}

static int run(struct cli *, struct opt_args *args, struct err *err)
{
	AUTO_BUF struct buf page = BUF_INIT;
	AUTO_BUF struct buf bytes = BUF_INIT;
	const char *section = opt_value(args, "section");
	if (args->nwords != 1)
		return err_set(err, ERR_USAGE,
			       args->nwords ? "one FILE at a time" : "no FILE given");
	if (opt_given(args, "list") && (section || opt_given(args, "output")))
		return err_set(err, ERR_USAGE, "--list writes the names to standard output: not with --%s",
			       section ? "section" : "output");
	int rc = read_all(args->words[0], &page, err);
	if (rc < 0)
		return rc;
	if (opt_given(args, "list"))
		rc = list(&page, err);
	else
		rc = find(&page, section ? section : UNPACK_RECORDING, &bytes, err);
	if (rc < 0)
		return err_wrap(err, rc, "%.100s", args->words[0]);
	return opt_given(args, "list") ? rc : put(args, &bytes, err);
}

const struct command cmd_extract = {
	.name = "extract",
	.operands = "FILE.html",
	.summary = "give back the recording that an HTML report carries",
	.details = "What comes out is, byte for byte, the file the page was made of: report and diff read it.\n",
	.options = options,
	.run = run,
};
