/* SPDX-License-Identifier: MIT */
/*
 * The reading half of pmp.h: header, sections, checksums, decompression. A damaged section is
 * passed over and named in a note; a file that stops in the middle ends there. Knows no
 * section's content.
 */
#include "tracer/stream/pmp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/own.h"
#include "tracer/stream/pmp_format.h"

#define NOTES_MAX 16 /* about damaged sections; the rest is only counted */

/* Every list of section readers. A module with sections of its own adds one line here. */
static const struct pmp_section *const LISTS[] = {
	PMP_RECORDING_SECTIONS,
	PMP_HEAP_SECTIONS,
	PMP_TEST_SECTIONS,
};

struct input {
	int fd; /* -1: bytes */
	const uint8_t *bytes;
	size_t left;
	uint64_t offset;
};

struct section_head {
	unsigned kind, flags;
	uint32_t stored, raw, crc;
};

/* Up to n bytes; fewer only at the end of the input. */
static int input_read(struct input *in, void *buf, size_t n, size_t *ret, struct err *err)
{
	size_t got = 0;

	if (in->fd < 0) {
		got = n < in->left ? n : in->left;
		if (got)
			memcpy(buf, in->bytes, got);
		in->bytes += got;
		in->left -= got;
	}
	while (in->fd >= 0 && got < n) {
		ssize_t k = read(in->fd, (char *)buf + got, n - got);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EISDIR)
			return err_hint(err, err_set(err, ERR_CORRUPT, "is a directory"), "not-pmp");
		if (k < 0)
			return err_sys(err, errno, "read");
		if (k == 0)
			break;
		got += (size_t)k;
	}
	in->offset += got;
	*ret = got;
	return 0;
}

static int not_pmp(struct err *err)
{
	return err_hint(err, err_set(err, ERR_CORRUPT, "not a .pmp file"), "not-pmp");
}

static int damaged_header(struct err *err, const char *text)
{
	return err_hint(err, err_set(err, ERR_CORRUPT, "%s", text), "damaged-file");
}

static int read_header(struct input *in, struct err *err)
{
	uint8_t h[PMP_HEADER_BYTES_MAX];
	size_t got;
	int r = input_read(in, h, PMP_HEADER_BYTES, &got, err);

	if (r < 0)
		return r;
	if (got < PMP_MAGIC_BYTES || memcmp(h, PMP_MAGIC, PMP_MAGIC_BYTES) != 0)
		return not_pmp(err);
	if (got < PMP_HEADER_BYTES)
		return damaged_header(err, "the file ends inside its header");
	struct cursor c = cursor_of(h, got);
	cursor_skip(&c, PMP_MAGIC_BYTES);
	unsigned major = cursor_u16(&c);
	unsigned minor = cursor_u16(&c);
	uint32_t bytes = cursor_u32(&c);
	if (major != PMP_VERSION_MAJOR)
		return err_hint(err,
				err_set(err, ERR_UNSUPPORTED,
					"format version %u.%u; this program reads %u.x", major,
					minor, PMP_VERSION_MAJOR),
				"newer-file");
	if (bytes < PMP_HEADER_BYTES || bytes > PMP_HEADER_BYTES_MAX || bytes % 4)
		return err_set(err, ERR_CORRUPT, "a header of %u bytes", bytes);
	r = input_read(in, h + got, bytes - got, &got, err);
	if (r < 0)
		return r;
	if (got < bytes - PMP_HEADER_BYTES)
		return damaged_header(err, "the file ends inside its header");
	c = cursor_of(h, bytes);
	cursor_seek(&c, bytes - sizeof(uint32_t));
	if (cursor_u32(&c) != crc32(0, h, (uInt)(bytes - sizeof(uint32_t))))
		return damaged_header(err, "the header's checksum is wrong");
	return 0;
}

/* 1 and *ret filled; 0 at a clean end; ERR_CORRUPT when no section head is here. */
static int read_head(struct input *in, struct section_head *ret, struct err *err)
{
	uint8_t h[PMP_SECTION_HEAD_BYTES];
	size_t got;
	int r = input_read(in, h, sizeof h, &got, err);

	if (r < 0)
		return r;
	if (got == 0)
		return 0;
	struct cursor c = cursor_of(h, sizeof h);
	if (got < sizeof h || cursor_u32(&c) != PMP_SECTION_MARK)
		return err_set(err, ERR_CORRUPT, "no section");
	ret->kind = cursor_u16(&c);
	ret->flags = cursor_u16(&c);
	ret->stored = cursor_u32(&c);
	ret->raw = cursor_u32(&c);
	ret->crc = cursor_u32(&c);
	bool sane = ret->raw <= PMP_SECTION_BYTES_MAX && ret->stored <= PMP_SECTION_BYTES_MAX &&
		    (ret->flags & PMP_DEFLATED ? true : ret->stored == ret->raw);
	if (!sane || cursor_u32(&c) != crc32(0, h, sizeof h - sizeof(uint32_t)))
		return err_set(err, ERR_CORRUPT, "a damaged section head");
	return 1;
}

static const struct pmp_section *section_of(unsigned kind)
{
	for (size_t l = 0; l < sizeof LISTS / sizeof *LISTS; l++)
		for (const struct pmp_section *s = LISTS[l]; s->kind; s++)
			if (s->kind == kind)
				return s;
	return NULL;
}

struct reading {
	struct pmp_reader r;
	struct input in;
	unsigned notes, unknown;
	struct buf stored, raw;
};

static int note_damage(struct reading *g, const struct section_head *h, uint64_t offset,
		       struct err *err)
{
	const struct pmp_section *s = section_of(h->kind);
	char text[160];

	g->r.damaged = true;
	if (g->notes++ >= NOTES_MAX)
		return 0;
	snprintf(text, sizeof text, "the section \"%s\" at byte %llu is damaged; its figures are missing",
		 s ? s->name : "?", (unsigned long long)offset);
	return pmp_push_note(&g->r, "corrupt-section", text, err);
}

/* The payload of h in *ret: 1 when it is damaged, 2 when the file ends in it. */
static int read_payload(struct reading *g, const struct section_head *h, struct cursor *ret,
			struct err *err)
{
	size_t got;

	buf_clear(&g->stored);
	if (buf_reserve(&g->stored, h->stored + 1) < 0)
		return err_nomem(err);
	int r = input_read(&g->in, g->stored.bytes, h->stored, &got, err);
	if (r < 0)
		return r;
	if (got < h->stored)
		return 2;
	if (crc32(0, g->stored.bytes, h->stored) != h->crc)
		return 1;
	*ret = cursor_of(g->stored.bytes, h->stored);
	if (!(h->flags & PMP_DEFLATED))
		return 0;
	uLongf n = h->raw;
	buf_clear(&g->raw);
	if (buf_reserve(&g->raw, h->raw + 1) < 0)
		return err_nomem(err);
	if (uncompress(g->raw.bytes, &n, g->stored.bytes, h->stored) != Z_OK || n != h->raw)
		return 1;
	*ret = cursor_of(g->raw.bytes, n);
	return 0;
}

/* 0 to go on, 1 at the end. */
static int read_section(struct reading *g, struct err *err)
{
	struct section_head h = { 0 };
	struct cursor c;
	uint64_t offset = g->in.offset;
	struct err why = ERR_INIT;
	int r = read_head(&g->in, &h, &why);

	if (r == 0)
		return 1;
	if (r == ERR_CORRUPT) {
		g->r.damaged = true;
		if (g->in.offset - offset == PMP_SECTION_HEAD_BYTES) /* else it just ends here */
			g->r.lost_at = offset;
		return 1; /* where the next section begins is unknown: the end of what is readable */
	}
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	r = read_payload(g, &h, &c, err);
	if (r < 0)
		return r;
	if (r == 2) {
		g->r.damaged = true;
		return 1;
	}
	const struct pmp_section *s = section_of(h.kind);
	if (r == 0 && !s) {
		g->unknown++;
		return 0;
	}
	if (r == 0 && h.kind != PMP_TARGET)
		r = pmp_recording_begin(&g->r, err);
	if (r == 0)
		r = s->read(&g->r, &c, err);
	return r > 0 ? note_damage(g, &h, offset, err) : r;
}

static int read_end(struct reading *g, struct err *err)
{
	int r = 0;

	if (g->unknown)
		r = pmp_push_note(&g->r, "newer-sections",
				  "the file has parts that only a newer pymemprof can read", err);
	return r < 0 ? r : pmp_recording_close(&g->r, err);
}

static int read_all(struct reading *g, struct err *err)
{
	int r = read_header(&g->in, err);

	if (r == 0)
		r = pmp_recording_init(&g->r, err);
	while (r == 0)
		r = read_section(g, err);
	return r < 0 ? r : read_end(g, err);
}

static int read_input(struct input in, const struct fact_sink *sink, struct err *err)
{
	struct reading g = { .r.sink = sink, .in = in };
	int r = read_all(&g, err);

	pmp_recording_deinit(&g.r);
	buf_deinit(&g.stored);
	buf_deinit(&g.raw);
	return r;
}

int pmp_read_fd(int fd, const struct fact_sink *sink, struct err *err)
{
	return read_input((struct input){ .fd = fd }, sink, err);
}

int pmp_read_bytes(const void *bytes, size_t n, const struct fact_sink *sink, struct err *err)
{
	return read_input((struct input){ .fd = -1, .bytes = bytes, .left = n }, sink, err);
}

int pmp_read_path(const char *path, const struct fact_sink *sink, struct err *err)
{
	if (strcmp(path, "-") == 0)
		return pmp_read_fd(STDIN_FILENO, sink, err);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		bool absent = errno == ENOENT;
		int no = err_sys(err, errno, "%s", path);
		return absent ? err_hint(err, no, "not-pmp") : no;
	}
	int r = pmp_read_fd(fd, sink, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}

/* --- bytes that are still arriving ------------------------------------------------------- */

struct pmp_feed {
	struct reading g;
	struct buf waiting;
	bool begun, over; /* the header was read; what comes now is no section */
};

int pmp_feed_new(const struct fact_sink *sink, struct pmp_feed **ret, struct err *err)
{
	struct pmp_feed *f = calloc(1, sizeof *f);

	if (!f)
		return err_nomem(err);
	f->g.r.sink = sink;
	f->g.in.fd = -1;
	*ret = f;
	return 0;
}

void pmp_feed_free(struct pmp_feed *f)
{
	if (!f)
		return;
	if (f->begun)
		pmp_recording_deinit(&f->g.r);
	buf_deinit(&f->g.stored);
	buf_deinit(&f->g.raw);
	buf_deinit(&f->waiting);
	free(f);
}

/* Bytes that the next step needs, as far as the n that are here tell. */
static size_t wanted(const struct pmp_feed *f, const uint8_t *at, size_t n)
{
	struct cursor c = cursor_of(at, n);

	if (!f->begun && n < PMP_HEADER_BYTES)
		return PMP_HEADER_BYTES;
	cursor_skip(&c, f->begun ? 8 : 12);
	if (f->begun && n < PMP_SECTION_HEAD_BYTES)
		return PMP_SECTION_HEAD_BYTES;
	uint32_t more = cursor_u32(&c);
	if (!f->begun)
		return more < PMP_HEADER_BYTES_MAX ? more : PMP_HEADER_BYTES;
	return PMP_SECTION_HEAD_BYTES + (more <= PMP_SECTION_BYTES_MAX ? more : 0);
}

static int feed_step(struct pmp_feed *f, struct err *err)
{
	if (f->begun) {
		int r = read_section(&f->g, err);
		f->over = r > 0;
		return r < 0 ? r : 0;
	}
	int r = read_header(&f->g.in, err);
	if (r == 0)
		r = pmp_recording_init(&f->g.r, err);
	f->begun = r == 0;
	return r;
}

int pmp_feed_put(struct pmp_feed *f, const void *bytes, size_t n, struct err *err)
{
	size_t used = 0;
	int r = 0;

	if (f->over)
		return 0;
	if (buf_put(&f->waiting, bytes, n) < 0)
		return err_nomem(err);
	while (r == 0 && !f->over && f->waiting.len > used) {
		size_t left = f->waiting.len - used;
		size_t need = wanted(f, f->waiting.bytes + used, left);

		if (left < need)
			break;
		f->g.in.bytes = f->waiting.bytes + used;
		f->g.in.left = need;
		r = feed_step(f, err);
		used += need;
	}
	buf_drop(&f->waiting, used);
	return r;
}

int pmp_feed_end(struct pmp_feed *f, struct err *err)
{
	if (!f->begun)
		return err_set(err, ERR_CORRUPT, "the file ends inside its header");
	if (f->waiting.len)
		f->g.r.damaged = true;
	return read_end(&f->g, err);
}
