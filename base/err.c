/* SPDX-License-Identifier: MIT */
/*
 * Fills struct err. Knows errno's meaning for the error codes and nothing about who prints
 * the text. Nothing here allocates; a text too long for its buffer is cut on a whole
 * character and ends in "...".
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A cut text shows that it was cut, and never ends inside a UTF-8 sequence. */
static void mark_cut(char *text, size_t size)
{
	size_t at = size - 4;

	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	memcpy(text + at, "...", 4);
}

__attribute__((format(printf, 5, 0))) static void fill(struct err *err, int code, int sys,
						       taddr addr, const char *fmt, va_list ap)
{
	char text[ERR_TEXT_MAX];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n < 0)
		text[0] = '\0';
	else if ((size_t)n >= sizeof(text))
		mark_cut(text, sizeof(text));
	/* The arguments may point into err->text, so it is written last. */
	err->code = code;
	err->sys = sys;
	err->addr = addr;
	err->hint = NULL;
	memcpy(err->text, text, sizeof(text));
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	fill(err, code, 0, TADDR_NULL, fmt, ap);
	va_end(ap);
	return code;
}

static int code_of_errno(int sys)
{
	switch (sys) {
	case ENOMEM:
		return ERR_NOMEM;
	case EPERM:
	case EACCES:
		return ERR_DENIED;
	case ESRCH:
		return ERR_GONE;
	case EFAULT:
		return ERR_FAULT;
	case EINTR:
		return ERR_INTERRUPTED;
	default:
		return ERR_SYS;
	}
}

static void append(char *text, size_t size, const char *more)
{
	size_t have = strlen(text);
	int n = snprintf(text + have, size - have, "%s", more);

	if (n >= 0 && (size_t)n >= size - have)
		mark_cut(text, size);
}

int err_sys(struct err *err, int sys, const char *fmt, ...)
{
	int code = code_of_errno(sys);
	char why[80];
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	fill(err, code, sys, TADDR_NULL, fmt, ap);
	va_end(ap);
	append(err->text, sizeof(err->text), ": ");
	/* The GNU strerror_r: returns the text, which need not be in the buffer. */
	append(err->text, sizeof(err->text), strerror_r(sys, why, sizeof(why)));
	return code;
}

int err_fault(struct err *err, taddr addr, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return ERR_FAULT;
	va_start(ap, fmt);
	fill(err, ERR_FAULT, 0, addr, fmt, ap);
	va_end(ap);
	return ERR_FAULT;
}

int err_nomem(struct err *err)
{
	return err_set(err, ERR_NOMEM, "out of memory");
}

int err_hint(struct err *err, int code, const char *hint)
{
	if (err)
		err->hint = hint;
	return code;
}

int err_wrap(struct err *err, int code, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;
	int n;

	if (!err)
		return code;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		text[0] = '\0';
	else if ((size_t)n >= sizeof(text))
		mark_cut(text, sizeof(text));
	append(text, sizeof(text), ": ");
	append(text, sizeof(text), err->text);
	memcpy(err->text, text, sizeof(text));
	return code;
}

const char *err_code_name(int code)
{
	static const char *const names[] = {
		"OK",	       "NOMEM",	 "SYS",	 "FAULT", "CORRUPT",
		"UNSUPPORTED", "DENIED", "GONE", "USAGE", "INTERRUPTED"
	};

	if (code > 0 || code < ERR_INTERRUPTED)
		return "UNKNOWN";
	return names[-code];
}
