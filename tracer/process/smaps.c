/* SPDX-License-Identifier: MIT */
/*
 * smaps text is the lines of maps, each followed by "Key:   123 kB" lines: the first are handed
 * to maps_parse, the second added up here. Numbers are kB of 1024 bytes, whole pages.
 */
#include "tracer/process/smaps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/own.h"
#include "base/vec.h"

#define SMAPS_TEXT_MAX ((size_t)1 << 30)
#define PAGE 4096ull
#define PAGEMAP_CHUNK 8192 /* entries per read */
#define PAGE_PRESENT (1ull << 63)
#define PAGE_SWAPPED (1ull << 62)

struct usages VEC(struct smaps_usage);

struct parse {
	struct buf heads; /* the maps lines */
	struct usages usages;
};

static void parse_deinit(struct parse *p)
{
	buf_deinit(&p->heads);
	vec_deinit(&p->usages);
}

/* "Private_Dirty:       136 kB" → 136 · 1024 added to the field of that name. */
static int add_value(struct smaps_usage *u, const char *line, size_t len)
{
	static const struct {
		const char *key;
		size_t field;
	} known[] = {
		{ "Rss:", offsetof(struct smaps_usage, rss) },
		{ "Pss:", offsetof(struct smaps_usage, pss) },
		{ "Shared_Clean:", offsetof(struct smaps_usage, shared) },
		{ "Shared_Dirty:", offsetof(struct smaps_usage, shared) },
		{ "Private_Clean:", offsetof(struct smaps_usage, private_clean) },
		{ "Private_Dirty:", offsetof(struct smaps_usage, private_dirty) },
		{ "Anonymous:", offsetof(struct smaps_usage, anonymous) },
		{ "Swap:", offsetof(struct smaps_usage, swap) },
	};

	/* "VmFlags: rd mr mw me nr sd" */
	if (len > 8 && memcmp(line, "VmFlags:", 8) == 0) {
		u->noreserve = memmem(line, len, " nr", 3) != NULL;
		return 0;
	}
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		size_t n = strlen(known[i].key);
		uint64_t kb = 0;
		size_t at = n;

		if (len <= n || memcmp(line, known[i].key, n) != 0)
			continue;
		while (at < len && line[at] == ' ')
			at++;
		if (at == len || line[at] < '0' || line[at] > '9')
			return ERR_CORRUPT;
		for (; at < len && line[at] >= '0' && line[at] <= '9'; at++) {
			kb = kb * 10 + (uint64_t)(line[at] - '0');
			if (kb > UINT64_MAX >> 12)
				return ERR_CORRUPT;
		}
		*(uint64_t *)((char *)u + known[i].field) += kb << 10;
		return 0;
	}
	return memchr(line, ':', len) ? 0 : ERR_CORRUPT; /* a key we do not need */
}

static int parse_line(struct parse *p, const char *line, size_t len, struct err *err)
{
	bool head = len && ((line[0] >= '0' && line[0] <= '9') || (line[0] >= 'a' && line[0] <= 'f'));

	if (head) {
		buf_put(&p->heads, line, len);
		buf_put(&p->heads, "\n", 1);
		return vec_add(&p->usages) ? 0 : err_nomem(err);
	}
	if (p->usages.len == 0 || add_value(&p->usages.at[p->usages.len - 1], line, len) < 0)
		return err_set(err, ERR_CORRUPT, "smaps: unexpected line");
	return 0;
}

static void add_up(struct smaps *s)
{
	for (size_t i = 0; i < s->maps.count; i++) {
		const struct smaps_usage *u = &s->usage[i];

		s->total.rss += u->rss;
		s->total.pss += u->pss;
		s->total.shared += u->shared;
		s->total.private_clean += u->private_clean;
		s->total.private_dirty += u->private_dirty;
		s->total.anonymous += u->anonymous;
		s->total.swap += u->swap;
	}
}

int smaps_parse(const char *text, size_t len, struct smaps *ret, struct err *err)
{
	AUTO(parse_deinit) struct parse p = { 0 };
	struct smaps s = { 0 };
	const char *end = text + len;
	int r;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text);

		r = n ? parse_line(&p, text, n, err) : 0;
		if (r < 0)
			return r;
		text += n + (nl ? 1 : 0);
	}
	r = buf_check(&p.heads, err);
	if (r < 0)
		return r;
	r = maps_parse((const char *)p.heads.bytes, p.heads.len, &s.maps, err);
	if (r < 0)
		return r;
	if (s.maps.count != p.usages.len) {
		maps_deinit(&s.maps);
		return err_set(err, ERR_CORRUPT, "smaps: mappings and values do not pair up");
	}
	s.usage = TAKE(p.usages.at);
	add_up(&s);
	*ret = s;
	return 0;
}

static int read_text(const char *path, struct buf *text, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ESRCH : errno, "open %s", path);
	for (;;) {
		char chunk[32768];
		ssize_t n = read(fd, chunk, sizeof chunk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read %s", path);
		if (n == 0)
			return buf_check(text, err);
		if (text->len > SMAPS_TEXT_MAX)
			return err_set(err, ERR_UNSUPPORTED, "%s: more than 1 GiB of text", path);
		buf_put(text, chunk, (size_t)n);
	}
}

int smaps_read(pid_t pid, struct smaps *ret, struct err *err)
{
	AUTO(buf_deinit) struct buf text = { 0 };
	char path[64];
	int r;

	snprintf(path, sizeof path, "/proc/%d/smaps", (int)pid);
	r = read_text(path, &text, err);
	if (r < 0)
		return r;
	return smaps_parse((const char *)text.bytes, text.len, ret, err);
}

void smaps_deinit(struct smaps *s)
{
	maps_deinit(&s->maps);
	free(s->usage);
	*s = (struct smaps){ 0 };
}

struct pagemap {
	int fd;
	uint64_t entry[PAGEMAP_CHUNK];
};

int pagemap_open(pid_t pid, struct pagemap **ret, struct err *err)
{
	char path[64];
	struct pagemap *p = malloc(sizeof *p);

	if (!p)
		return err_nomem(err);
	snprintf(path, sizeof path, "/proc/%d/pagemap", (int)pid);
	p->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (p->fd < 0) {
		free(p);
		return err_sys(err, errno == ENOENT ? ESRCH : errno, "open %s", path);
	}
	*ret = p;
	return 0;
}

void pagemap_free(struct pagemap *p)
{
	if (!p)
		return;
	close(p->fd);
	free(p);
}

static uint64_t part_inside(uint64_t page, uint64_t start, uint64_t end)
{
	uint64_t from = page > start ? page : start;
	uint64_t to = page + PAGE < end ? page + PAGE : end;

	return to - from;
}

int pagemap_count(struct pagemap *p, uint64_t start, uint64_t end, uint64_t *ret_resident,
		  uint64_t *ret_swapped, struct err *err)
{
	uint64_t resident = 0, swapped = 0, page = start & ~(PAGE - 1);

	while (page < end) {
		uint64_t want = (end - page + PAGE - 1) / PAGE;
		ssize_t n;

		if (want > PAGEMAP_CHUNK)
			want = PAGEMAP_CHUNK;
		n = pread(p->fd, p->entry, want * 8, (off_t)(page / PAGE * 8));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read pagemap");
		if (n < 8)
			break; /* beyond the address space, or the process has gone */
		for (ssize_t i = 0; i < n / 8; i++, page += PAGE) {
			if (p->entry[i] & PAGE_PRESENT)
				resident += part_inside(page, start, end);
			else if (p->entry[i] & PAGE_SWAPPED)
				swapped += part_inside(page, start, end);
		}
	}
	if (ret_resident)
		*ret_resident = resident;
	if (ret_swapped)
		*ret_swapped = swapped;
	return 0;
}

int pagemap_present(struct pagemap *p, uint64_t start, uint64_t end, uint64_t *bits, struct err *err)
{
	uint64_t first = start / PAGE, pages = (end - start + PAGE - 1) / PAGE;

	for (uint64_t at = 0; at < pages;) {
		uint64_t want = pages - at < PAGEMAP_CHUNK ? pages - at : PAGEMAP_CHUNK;
		ssize_t n = pread(p->fd, p->entry, want * 8, (off_t)((first + at) * 8));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read pagemap");
		if (n < 8)
			break; /* beyond the address space, or the process has gone */
		for (ssize_t i = 0; i < n / 8; i++, at++)
			if (p->entry[i] & PAGE_PRESENT)
				bits[at / 64] |= UINT64_C(1) << at % 64;
	}
	return 0;
}
