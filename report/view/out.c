/* SPDX-License-Identifier: MIT */
/*
 * The buffer is flushed when it passes a limit, so a report of any length needs the same
 * memory. SIGPIPE is the program's business: main ignores it, and EPIPE arrives here.
 */
#include "report/view/out.h"

#include <errno.h>
#include <string.h>

#define FLUSH_BYTES ((size_t)64 << 10)

void out_init(struct out *o, int fd)
{
	*o = (struct out){ .fd = fd };
}

void out_deinit(struct out *o)
{
	buf_deinit(&o->buf);
}

static void drain(struct out *o)
{
	size_t at = 0;
	while (o->fd >= 0 && !o->sys && at < o->buf.len) {
		ssize_t n = write(o->fd, o->buf.bytes + at, o->buf.len - at);
		if (n < 0 && errno != EINTR)
			o->sys = errno;
		else if (n > 0)
			at += (size_t)n;
	}
	o->written_bytes += at;
	if (o->fd >= 0 && !o->buf.failed)
		buf_clear(&o->buf);
}

static void settle(struct out *o)
{
	if (o->fd >= 0 && o->buf.len >= FLUSH_BYTES)
		drain(o);
}

void out_put(struct out *o, const void *bytes, size_t n)
{
	if (!o->sys)
		(void)buf_put(&o->buf, bytes, n);
	settle(o);
}

void out_str(struct out *o, const char *s)
{
	out_put(o, s, strlen(s));
}

void out_fill(struct out *o, int byte, size_t n)
{
	if (!o->sys)
		(void)buf_fill(&o->buf, byte, n);
	settle(o);
}

void out_printf(struct out *o, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (!o->sys)
		(void)buf_vprintf(&o->buf, fmt, ap);
	va_end(ap);
	settle(o);
}

void out_escaped(struct out *o, enum escape_to to, const char *text, size_t n)
{
	size_t room;
	if (__builtin_mul_overflow(n, (size_t)ESCAPE_GROWTH, &room) ||
	    __builtin_add_overflow(room, (size_t)ESCAPE_AROUND + 1, &room) || o->sys ||
	    buf_reserve(&o->buf, room) < 0)
		return;
	o->buf.len += escape(to, text, n, (char *)o->buf.bytes + o->buf.len, room);
	settle(o);
}

void out_need(struct out *o, const struct buf *b)
{
	o->buf.failed |= b->failed;
}

void out_nomem(struct out *o)
{
	o->buf.failed = true;
}

int out_check(const struct out *o, struct err *err)
{
	if (o->buf.failed)
		return err_nomem(err);
	if (!o->sys)
		return 0;
	if (o->sys == EBADF)
		return err_hint(err, err_set(err, ERR_SYS, "the output is closed"), "output-none");
	int r = err_sys(err, o->sys, "cannot write the output");
	if (o->sys == EPIPE)
		return err_hint(err, r, "output-closed");
	if (o->sys == ENOSPC || o->sys == EDQUOT || o->sys == EFBIG)
		return err_hint(err, r, "disk-full");
	return r;
}

int out_flush(struct out *o, struct err *err)
{
	drain(o);
	return out_check(o, err);
}
