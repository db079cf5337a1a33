/* SPDX-License-Identifier: MIT */
/*
 * Layout shared by the two halves of pmp.h: file header, section head, and how a module that
 * adds section kinds (heap snapshots) plugs its readers in. Private to tracer/.
 */
#ifndef PYMEMPROF_TRACER_STREAM_PMP_FORMAT_H
#define PYMEMPROF_TRACER_STREAM_PMP_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/utf8.h"
#include "tracer/facts.h"
#include "tracer/stream/pmp.h"

/* Like PNG's: the high bit catches 7-bit transfers, CR LF and LF line-end conversion. */
#define PMP_MAGIC "\211PMP\r\n\032\n"
#define PMP_MAGIC_BYTES 8
#define PMP_HEADER_BYTES 32  /* magic, u16 major, u16 minor, u32 header bytes, 12 × 0, u32 crc */
#define PMP_HEADER_BYTES_MAX 4096 /* a later minor version may append to the header */
#define PMP_SECTION_MARK 0x43455350u /* "PSEC" */
#define PMP_SECTION_HEAD_BYTES 24 /* mark, u16 kind, u16 flags, u32 stored, u32 raw, u32 crc, u32 crc of head */

enum pmp_section_flag { PMP_DEFLATED = 1 };

/* What the readers of sections share. */
struct pmp_reader {
	const struct fact_sink *sink;
	const char **strings; /* 1 … nstrings, NULL where one is missing; see pmp_get_string */
	uint32_t nstrings;
	uint32_t nthreads, nsites, ntests;
	uint64_t lost_at; /* from this byte on nothing can be read; 0: not so */
	bool damaged; /* something of the file is missing: what it named may be missing too */
	struct pmp_recording *recording; /* state of PMP_RECORDING_SECTIONS */
};

/*
 * Reads one kind of section. read gets the whole uncompressed payload; it returns 0, 1 when
 * the payload contradicts the format (the section is reported and passed over), or a negative
 * code (NOMEM, or what the sink returned). Bytes left unread belong to later minor versions.
 */
struct pmp_section {
	uint16_t kind;
	const char *name; /* for notes: "sites" */
	int (*read)(struct pmp_reader *r, struct cursor *c, struct err *err);
};

/* Lists end with kind 0. LISTS in pmp_read.c names every list there is. */
extern const struct pmp_section PMP_RECORDING_SECTIONS[];
extern const struct pmp_section PMP_HEAP_SECTIONS[];
extern const struct pmp_section PMP_TEST_SECTIONS[];

/* One row of a tests section; numbers of sites are those of the file. */
void pmp_put_test(struct buf *b, const struct fact_test *f);

/* State of the recording's sections, in r->recording. */
int pmp_recording_init(struct pmp_reader *r, struct err *err) MUST_CHECK;
void pmp_recording_deinit(struct pmp_reader *r);
/* Before any other fact: pushes a target that knows nothing unless one was read. */
int pmp_recording_begin(struct pmp_reader *r, struct err *err) MUST_CHECK;
/*
 * After the last section: what a file that was cut cannot hold (totals) is derived from what
 * it does hold, and finish is pushed.
 */
int pmp_recording_close(struct pmp_reader *r, struct err *err) MUST_CHECK;

int pmp_push_note(struct pmp_reader *r, const char *code, const char *text,
		  struct err *err) MUST_CHECK;

/* --- little encodings -------------------------------------------------------------------- */

static inline void pmp_put_str(struct buf *b, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	(void)buf_uvarint(b, n);
	(void)buf_put(b, s ? s : "", n);
}

/*
 * A count of rows of at least row_bytes each: fails when they cannot fit in what is left, so
 * it may size an allocation.
 */
static inline size_t pmp_get_count(struct cursor *c, size_t row_bytes)
{
	return (size_t)cursor_bounded(c, cursor_left(c) / row_bytes);
}

static inline uint32_t pmp_get_u32(struct cursor *c)
{
	return (uint32_t)cursor_bounded(c, UINT32_MAX);
}

/* Valid UTF-8 without NUL, copied with a NUL into ret of size bytes; longer ones fail. */
static inline void pmp_get_str(struct cursor *c, char *ret, size_t size)
{
	size_t n = (size_t)cursor_bounded(c, size - 1);
	const char *s = (const char *)cursor_take(c, n);

	if (s && (utf8_valid(s, n) != n || memchr(s, 0, n)))
		cursor_fail(c);
	if (!s || c->failed)
		n = 0;
	if (n)
		memcpy(ret, s, n);
	ret[n] = '\0';
}

/*
 * The string of a number in the file's string table; "" for 0. An unknown one is NULL (and
 * failed), or "?" in a damaged file.
 */
static inline const char *pmp_get_string(struct pmp_reader *r, struct cursor *c)
{
	uint32_t id = pmp_get_u32(c);

	if (id == 0)
		return "";
	if (id <= r->nstrings && r->strings[id])
		return r->strings[id];
	if (r->damaged)
		return "?";
	cursor_fail(c);
	return NULL;
}

#endif
