/* SPDX-License-Identifier: MIT */
/*
 * CPython version numbers: PY_VERSION_HEX, and where a process keeps its version as text when
 * it has no Py_Version (before 3.11).
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_VERSION_H
#define PYMEMPROF_TRACER_CPYTHON_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parts of PY_VERSION_HEX (Include/patchlevel.h). level: 0xa, 0xb, 0xc (rc), 0xf (final). */
static inline int version_major(uint32_t hex)
{
	return (int)(hex >> 24);
}

static inline int version_minor(uint32_t hex)
{
	return (int)(hex >> 16 & 0xff);
}

static inline int version_patch(uint32_t hex)
{
	return (int)(hex >> 8 & 0xff);
}

/* "3.12.1", "3.15.0rc1". */
void version_text(uint32_t hex, char ret[32]);

/*
 * Parse "3.12.1" or "3.15.0rc1" at the start of at most n bytes. Returns the number of bytes
 * taken, 0 when there is no such thing.
 */
size_t version_parse(const char *s, size_t n, uint32_t *ret_hex);

/*
 * Find a version 3.minor (minor < 0: any) in n bytes, in one of two forms. Not bare: what
 * Py_GetVersion() left in its static buffer, "3.8.18 (default, …" (Python/getversion.c). Bare:
 * the end of a NUL-terminated string, where linkers that merge strings leave PY_VERSION.
 * False when hits contradict each other; *ret_hex is 0 before the first hit and must be
 * carried from one part of the bytes to the next.
 */
bool version_scan(const char *bytes, size_t n, bool bare, int minor, uint32_t *ret_hex);

#endif
