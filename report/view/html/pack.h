/* SPDX-License-Identifier: MIT */
/*
 * The data sections of an HTML report: tables of varint columns, compressed, in base64, each in
 * one script element the browser does not run. Internal to report/view; report/web/data.js
 * reads them.
 *
 * A table is: rows (varint), then per column: bytes of its name (varint), the name, its kind
 * (one byte), bytes of its values (varint), the values, one per row. Kinds: 'u' varint,
 * 's' zigzag varint, 't' varint that is a number in the table of strings, 'b' varint length and
 * bytes. The element says the encoding, the length and the CRC-32 of the table.
 */
#ifndef PYMEMPROF_REPORT_VIEW_HTML_PACK_H
#define PYMEMPROF_REPORT_VIEW_HTML_PACK_H

#include "base/buf.h"
#include "base/strtab.h"
#include "report/view/out.h"

#define PACK_VERSION 1

struct pack {
	struct buf table, column;
	const char *name; /* of the open column */
	char kind;
};

void pack_deinit(struct pack *p); /* accepts zeroed */

/* Forget what was there and begin a table. */
void pack_begin(struct pack *p, uint64_t rows);

/* Begin a column; ends the one before. name must outlive the column. */
void pack_column(struct pack *p, const char *name, char kind);

/* Append one value to the open column. */
void pack_number(struct pack *p, uint64_t v);
void pack_signed(struct pack *p, int64_t v);
void pack_bytes(struct pack *p, const void *bytes, size_t n);
/* What goes into the column was put together in b: its want of memory is this one's. */
void pack_need(struct pack *p, const struct buf *b);
void pack_words(struct pack *p, const char *text, size_t n); /* of the target, made visible; 0x1f parts stay */

/* The table as an element with this id, appended to ret. Errors: NOMEM. */
int pack_end(struct pack *p, const char *id, struct buf *ret, struct err *err) MUST_CHECK;

/* The base64 of n bytes as such an element, as they are, appended to ret. Errors: NOMEM. */
int pack_raw(const void *bytes, size_t n, const char *id, struct buf *ret, struct err *err) MUST_CHECK;
size_t pack_raw_bytes(size_t n); /* what pack_raw appends, at most */

/*
 * Number of a text of the target in the table of strings; it is made visible by escape.h
 * (ESCAPE_UTF8) first, names over 400 bytes lose their middle. 0, the empty text, when out of
 * memory: p->column.failed is set then, and pack_end says so.
 */
uint32_t pack_text(struct pack *p, struct strtab *strings, const char *text, size_t n);

#endif
