/* SPDX-License-Identifier: MIT */
/*
 * Rounding happens here and nowhere else. One decimal below ten, none above, so a column
 * never claims more than about two per cent of precision it does not show.
 */
#include "report/model/spell.h"

#include <math.h>
#include <stdio.h>

static const char *const unit_name[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

const char *spell_count(struct spell *buf, uint64_t count)
{
	char digits[24];
	int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
	size_t at = 0;
	for (int i = 0; i < n && at + 2 < sizeof buf->text; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			buf->text[at++] = ',';
		buf->text[at++] = digits[i];
	}
	buf->text[at] = '\0';
	return buf->text;
}

const char *spell_bytes(struct spell *buf, double v)
{
	struct spell whole;
	size_t u = 0;
	while (u + 1 < sizeof unit_name / sizeof *unit_name && v >= 999.5) {
		v /= 1024;
		u++;
	}
	if (u > 0 && v < 9.95)
		snprintf(buf->text, sizeof buf->text, "%.1f %s", v, unit_name[u]);
	else
		snprintf(buf->text, sizeof buf->text, "%.24s %s", spell_count(&whole, (uint64_t)llround(v)),
			 unit_name[u]);
	return buf->text;
}
