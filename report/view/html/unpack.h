/* SPDX-License-Identifier: MIT */
/*
 * The data sections of a page back out of its text: pack.h the other way round. A page may have
 * come from anywhere: nothing in it is believed before its length and its checksum agree.
 */
#ifndef PYMEMPROF_REPORT_VIEW_HTML_UNPACK_H
#define PYMEMPROF_REPORT_VIEW_HTML_UNPACK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define UNPACK_BYTES_MAX ((size_t)1 << 30) /* of one section, decoded */
#define UNPACK_RECORDING "recording"	   /* id of the section that is the .pmp file itself */

struct page_section {
	const char *id; /* not terminated; borrowed from the page, as text is */
	size_t id_bytes;
	unsigned version;
	bool deflated;
	uint64_t bytes; /* decoded */
	uint32_t crc;	/* of the decoded bytes */
	const char *text;
	size_t text_bytes; /* of base64 */
};

/*
 * The next section at or behind *at, which moves behind it. False when there is none; what is
 * not a whole section is passed over.
 */
bool unpack_next(const char *page, size_t n, size_t *at, struct page_section *ret);

/* Does it begin like a page of ours, and not end like one? */
bool unpack_cut(const char *page, size_t n);

bool unpack_is(const struct page_section *s, const char *id);

/*
 * Its bytes, appended to ret. Errors: CORRUPT (not base64, does not inflate, another length or
 * checksum), UNSUPPORTED (a later version of the page), NOMEM.
 */
int unpack_bytes(const struct page_section *s, struct buf *ret, struct err *err) MUST_CHECK;

#endif
