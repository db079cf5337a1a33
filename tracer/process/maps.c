/* SPDX-License-Identifier: MIT */
/*
 * Parser of /proc/PID/maps. It knows the line format of fs/proc/task_mmu.c (Linux 2.6 to
 * 6.x, see proc_pid_maps(5)) and nothing about what is mapped.
 */
#include "tracer/process/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"

/* A process may map 65530 ranges by default (vm.max_map_count); far more is refused as absurd. */
#define MAPS_TEXT_MAX ((size_t)512 << 20)
#define MAPS_READ_TRIES 3

struct scan {
	const char *at, *end;
};

/* Hexadecimal or decimal number of at least one digit that fits 64 bits. */
static bool scan_number(struct scan *s, unsigned base, uint64_t *ret)
{
	uint64_t value = 0;
	const char *from = s->at;

	for (; s->at < s->end; s->at++) {
		unsigned char c = (unsigned char)*s->at;
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else
			break;
		if (digit >= base || value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	*ret = value;
	return s->at > from;
}

static bool scan_char(struct scan *s, char c)
{
	if (s->at >= s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* "rw-p": each place has one letter or a dash. */
static bool scan_flags(struct scan *s, uint32_t *ret)
{
	static const char letters[3] = { 'r', 'w', 'x' };
	static const uint32_t bits[3] = { MAP_R, MAP_W, MAP_X };
	uint32_t flags = 0;

	for (int i = 0; i < 3; i++) {
		if (scan_char(s, letters[i]))
			flags |= bits[i];
		else if (!scan_char(s, '-'))
			return false;
	}
	if (scan_char(s, 's'))
		flags |= MAP_SHARED_MAP;
	else if (!scan_char(s, 'p'))
		return false;
	*ret = flags;
	return true;
}

/*
 * 7f1c2a000000-7f1c2a021000 rw-p 00000000 08:01 1835                       /usr/lib/libc.so.6
 * The path is everything after the padding; a newline in it comes as \012.
 */
static bool scan_line(struct scan *s, struct map_range *ret)
{
	uint64_t major, minor;

	if (!scan_number(s, 16, &ret->start) || !scan_char(s, '-') ||
	    !scan_number(s, 16, &ret->end) || !scan_char(s, ' ') || !scan_flags(s, &ret->flags) ||
	    !scan_char(s, ' ') || !scan_number(s, 16, &ret->offset) || !scan_char(s, ' ') ||
	    !scan_number(s, 16, &major) || !scan_char(s, ':') || !scan_number(s, 16, &minor) ||
	    !scan_char(s, ' ') || !scan_number(s, 10, &ret->inode))
		return false;
	if (ret->start >= ret->end || major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	if (s->at < s->end && *s->at != ' ')
		return false;
	ret->dev_major = (uint32_t)major;
	ret->dev_minor = (uint32_t)minor;
	while (s->at < s->end && *s->at == ' ')
		s->at++;
	return true;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n + (len > 0 && text[len - 1] != '\n');
}

int maps_parse(const char *text, size_t len, struct maps *ret, struct err *err)
{
	AUTO_FREE char *names = NULL;
	AUTO_FREE struct map_range *ranges = NULL;
	size_t lines, count = 0, at = 0;

	if (len > MAPS_TEXT_MAX)
		return err_set(err, ERR_CORRUPT, "memory map: %zu bytes of text", len);
	lines = count_lines(text, len);
	names = malloc(len + 1);
	ranges = calloc(lines ? lines : 1, sizeof(*ranges));
	if (!names || !ranges)
		return err_nomem(err);
	if (len)
		memcpy(names, text, len);
	names[len] = '\0';

	while (at < len) {
		char *newline = memchr(names + at, '\n', len - at);
		char *end = newline ? newline : names + len;
		struct scan s = { names + at, end };
		struct map_range *r = &ranges[count];

		if (!scan_line(&s, r) || (count && r->start < r[-1].end))
			return err_set(err, ERR_CORRUPT, "memory map: line %zu makes no sense",
				       count + 1);
		r->path = s.at;
		*end = '\0';
		count++;
		at = (size_t)(end - names) + 1;
	}
	ret->count = count;
	ret->ranges = TAKE(ranges);
	ret->names = TAKE(names);
	return 0;
}

/* The whole of one proc file, which reports no size. Caller frees *ret. */
static int read_whole(const char *path, char **ret, size_t *ret_len, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0, room = 0;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ESRCH : errno, "open %s", path);
	for (;;) {
		ssize_t n;

		if (room - len < 4096) {
			size_t grown = room ? room * 2 : 64 << 10;
			char *p = grown <= MAPS_TEXT_MAX ? realloc(text, grown) : NULL;

			if (!p)
				return err_nomem(err);
			text = p;
			room = grown;
		}
		n = read(fd, text + len, room - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read %s", path);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret = TAKE(text);
	*ret_len = len;
	return 0;
}

/*
 * The kernel hands the text out page by page; ranges that move between two reads can overlap,
 * so a contradiction is read again before it is believed.
 */
int maps_read(pid_t pid, struct maps *ret, struct err *err)
{
	char path[64];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	for (int i = 0; i < MAPS_READ_TRIES; i++) {
		AUTO_FREE char *text = NULL;
		size_t len = 0;

		r = read_whole(path, &text, &len, err);
		if (r < 0)
			return err_wrap(err, r, "process %d", (int)pid);
		r = maps_parse(text, len, ret, err);
		if (r != ERR_CORRUPT)
			break;
	}
	return r < 0 ? err_wrap(err, r, "process %d", (int)pid) : 0;
}

void maps_deinit(struct maps *m)
{
	if (!m)
		return;
	free(m->ranges);
	free(m->names);
	*m = (struct maps){ 0 };
}

const struct map_range *maps_find(const struct maps *m, taddr addr)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct map_range *r = &m->ranges[middle];

		if (addr.v < r->start)
			high = middle;
		else if (addr.v >= r->end)
			low = middle + 1;
		else
			return r;
	}
	return NULL;
}
