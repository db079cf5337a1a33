/* SPDX-License-Identifier: MIT */
/*
 * Where a view writes: a descriptor behind one bounded buffer, or memory alone. Failures are
 * remembered, so a view writes on and its caller asks once at the end.
 */
#ifndef PYMEMPROF_REPORT_VIEW_OUT_H
#define PYMEMPROF_REPORT_VIEW_OUT_H

#include "base/buf.h"
#include "report/view/escape.h"

#define OUT_MEMORY (-1)

struct out {
	int fd;	 /* borrowed; OUT_MEMORY: everything stays in buf */
	int sys; /* errno of the first failed write, 0: none */
	struct buf buf;
	uint64_t written_bytes; /* passed to the descriptor */
};

void out_init(struct out *o, int fd);
void out_deinit(struct out *o); /* does not flush; accepts zeroed */

void out_put(struct out *o, const void *bytes, size_t n);
void out_str(struct out *o, const char *s);
void out_fill(struct out *o, int byte, size_t n);
void out_printf(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Text of the target, through escape.h. */
void out_escaped(struct out *o, enum escape_to to, const char *text, size_t n);

/* What was, or was to be, written was put together elsewhere, in b: its want of memory is this one's. */
void out_need(struct out *o, const struct buf *b);
void out_nomem(struct out *o);

/* The first failure so far as an error code, or 0; flushes nothing. For loops that may be long. */
int out_check(const struct out *o, struct err *err) MUST_CHECK;

/*
 * Write what is buffered. Errors: NOMEM; SYS with errno, hint "output-closed" (EPIPE),
 * "output-none" (EBADF) or "disk-full" (ENOSPC, EDQUOT, EFBIG).
 */
int out_flush(struct out *o, struct err *err) MUST_CHECK;

#endif
