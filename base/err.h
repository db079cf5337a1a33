/* SPDX-License-Identifier: MIT */
/*
 * The one error idiom. A fallible function returns 0 or a negative code and, when its
 * caller passed a struct err, leaves a sentence in it. The struct has a fixed size: an
 * error never allocates, so reporting "out of memory" cannot fail.
 */
#ifndef PYMEMPROF_BASE_ERR_H
#define PYMEMPROF_BASE_ERR_H

#include <stddef.h>
#include <stdint.h>

#include "base/taddr.h"

enum err_code {
	ERR_NOMEM = -1,	      /* the tool ran out of memory */
	ERR_SYS = -2,	      /* a system call failed; err->sys is the errno */
	ERR_FAULT = -3,	      /* target memory unreadable; err->addr is the first bad address */
	ERR_CORRUPT = -4,     /* bytes contradict their format */
	ERR_UNSUPPORTED = -5, /* understood, and refused by name */
	ERR_DENIED = -6,      /* the kernel says no: permission */
	ERR_GONE = -7,	      /* the target exited, execed, or the reader closed the pipe */
	ERR_USAGE = -8,	      /* the user asked for something impossible */
	ERR_INTERRUPTED = -9, /* a signal or a bound ended it early */
};

#define ERR_TEXT_MAX 256

struct err {
	int code;
	int sys;	/* errno, or 0 */
	taddr addr;	/* target address concerned, or TADDR_NULL */
	/* static string: key of a hint sentence (cli/outcome.c), "": the text says it all, or NULL */
	const char *hint;
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT ((struct err){ .code = 0 })

#define MUST_CHECK __attribute__((warn_unused_result))

/*
 * Fill err (may be NULL) and return code. Format like printf. err_sys appends
 * ": strerror(sys)" and chooses the code from errno: ENOMEM→NOMEM, EPERM/EACCES→DENIED,
 * ESRCH→GONE, EFAULT→FAULT, EINTR→INTERRUPTED, anything else→SYS.
 * err_fault sets addr. All overwrite what err held.
 */
int err_set(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int err_sys(struct err *err, int sys, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int err_fault(struct err *err, taddr addr, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int err_nomem(struct err *err);

/* Attach a hint key (static string) to an error already set. Returns code. */
int err_hint(struct err *err, int code, const char *hint);

/* Prefix "noun: " to the text of an error already set and return code unchanged. */
int err_wrap(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "NOMEM", "SYS", … for tests and logs; never NULL. */
const char *err_code_name(int code);

#endif
