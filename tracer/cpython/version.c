/* SPDX-License-Identifier: MIT */
/* Version numbers as text. No decision is made here. */
#include "tracer/cpython/version.h"

#include <stdio.h>
#include <string.h>

void version_text(uint32_t hex, char ret[32])
{
	static const char *const level[16] = { [0xa] = "a", [0xb] = "b", [0xc] = "rc" };
	const char *name = level[hex >> 4 & 15];
	int n = snprintf(ret, 32, "%d.%d.%d", version_major(hex), version_minor(hex),
			 version_patch(hex));

	if (name)
		snprintf(ret + n, (size_t)(32 - n), "%s%u", name, hex & 15);
}

/* A number below 256 of at most three digits; returns bytes taken. */
static size_t number(const char *s, size_t n, uint32_t *ret)
{
	size_t i = 0;

	*ret = 0;
	while (i < n && i < 3 && s[i] >= '0' && s[i] <= '9')
		*ret = *ret * 10 + (uint32_t)(s[i++] - '0');
	return *ret < 256 ? i : 0;
}

size_t version_parse(const char *s, size_t n, uint32_t *ret_hex)
{
	uint32_t part[3], level = 0xf, serial = 0;
	size_t at = 0;

	for (int i = 0; i < 3; i++) {
		size_t taken = number(s + at, n - at, &part[i]);

		if (!taken)
			return 0;
		at += taken;
		if (i < 2 && (at == n || s[at++] != '.'))
			return 0;
	}
	if (at < n && (s[at] == 'a' || s[at] == 'b'))
		level = s[at++] == 'a' ? 0xa : 0xb;
	else if (n - at >= 2 && s[at] == 'r' && s[at + 1] == 'c') {
		level = 0xc;
		at += 2;
	}
	if (level != 0xf)
		at += number(s + at, n - at, &serial);
	*ret_hex = part[0] << 24 | part[1] << 16 | part[2] << 8 | level << 4 | (serial & 15);
	return at;
}

/* Does what follows a version confirm it? "+" marks a build from between releases. */
static bool ends_well(const char *s, size_t n, bool bare)
{
	if (n && *s == '+') {
		s++;
		n--;
	}
	if (bare)
		return n && *s == '\0';
	return n >= 2 && s[0] == ' ' && s[1] == '(';
}

/* Not the middle of a longer number; at the very start of the bytes nobody knows. */
static bool begins_well(const char *s, const char *bytes, bool bare)
{
	if (s == bytes)
		return !bare;
	if (!bare)
		return s[-1] == '\0';
	return s[-1] != '.' && (s[-1] < '0' || s[-1] > '9');
}

bool version_scan(const char *bytes, size_t n, bool bare, int minor, uint32_t *ret_hex)
{
	const char *end = bytes + n;
	const char *p = bytes;

	while (p < end && (p = memmem(p, (size_t)(end - p), "3.", 2))) {
		uint32_t hex;
		size_t taken = version_parse(p, (size_t)(end - p), &hex);

		if (taken && begins_well(p, bytes, bare) &&
		    ends_well(p + taken, (size_t)(end - p) - taken, bare) &&
		    (minor < 0 || version_minor(hex) == minor)) {
			if (*ret_hex && *ret_hex != hex)
				return false;
			*ret_hex = hex;
		}
		p += 2;
	}
	return true;
}
