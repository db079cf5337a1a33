/* SPDX-License-Identifier: MIT */
/*
 * Whatever bytes a name has, what is printed is valid UTF-8 without controls, stays inside
 * its quotes, and cuts fall between characters. The first byte chooses the destination.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "report/view/escape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void check_harmless(enum escape_to to, const char *out, size_t m)
{
	bool quoted = to == ESCAPE_CSV && m > 0 && out[0] == '"';
	need(utf8_valid(out, m) == m);
	for (size_t i = 0; i < m; i++) {
		unsigned char c = (unsigned char)out[i];
		need(c >= 0x20 && c != 0x7f);
		need(to != ESCAPE_ASCII || c < 0x7f);
		need(to != ESCAPE_FOLDED || c != ';');
		if (to == ESCAPE_JSON && c == '\\')
			i++; /* the next byte is escaped */
		else
			need(to != ESCAPE_JSON || c != '"');
		need(to != ESCAPE_CSV || quoted || (c != ',' && c != '"'));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0 || n > 4096)
		return 0;
	enum escape_to to = (enum escape_to)(data[0] % (ESCAPE_FOLDED + 1));
	const char *text = (const char *)data + 1;
	size_t room = (n - 1) * ESCAPE_GROWTH + ESCAPE_AROUND + 1;
	char *out = malloc(room);
	if (!out)
		return 0;
	size_t m = escape(to, text, n - 1, out, room);
	need(m < room && out[m] == '\0');
	check_harmless(to, out, m);
	if (to == ESCAPE_UTF8 || to == ESCAPE_ASCII) {
		size_t columns = escape_columns(out, m);
		for (size_t cut = 0; cut <= columns && cut < 64; cut++) {
			size_t head = escape_prefix(out, m, cut), tail = escape_suffix(out, m, cut);
			need(escape_columns(out, head) <= cut &&
			     escape_columns(out + tail, m - tail) <= cut);
			check_harmless(to, out, head);
			check_harmless(to, out + tail, m - tail);
		}
	}
	/* A buffer of any size holds a valid beginning of it. */
	size_t small = escape(to, text, n - 1, out, 1 + data[0] % room);
	need(small <= m && small <= data[0] % room);
	need(utf8_valid(out, small) == small);
	free(out);
	return 0;
}
