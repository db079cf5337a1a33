/* SPDX-License-Identifier: MIT */
/* Signs, times and shares; bytes and counts are spelled as sentences of models spell them. */
#include "report/view/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/model/spell.h"

static void scaled(char *out, size_t cap, double v, const char *sign, const char *suffix)
{
	struct spell bytes;
	snprintf(out, cap, "%s%.24s%s", sign, spell_bytes(&bytes, v), suffix);
}

static void copied(char *out, size_t cap, const char *words)
{
	snprintf(out, cap, "%s", words);
}

const char *units_bytes(struct units *buf, uint64_t bytes)
{
	if (bytes < 1024)
		snprintf(buf->text, sizeof buf->text, "%llu B", (unsigned long long)bytes);
	else
		scaled(buf->text, sizeof buf->text, (double)bytes, "", "");
	return buf->text;
}

static const char *signed_scaled(struct units *buf, double v, const char *suffix)
{
	const char *sign = v >= 0.5 ? "+" : v <= -0.5 ? "-" : "";
	double size = fabs(v);
	if (!(size < 1e19))
		size = 1e19;
	if (!*sign)
		size = 0;
	scaled(buf->text, sizeof buf->text, size, sign, suffix);
	return buf->text;
}

const char *units_delta(struct units *buf, double bytes)
{
	return signed_scaled(buf, bytes, "");
}

const char *units_rate(struct units *buf, double bytes_per_second)
{
	return signed_scaled(buf, bytes_per_second, "/s");
}

const char *units_count(struct units *buf, uint64_t count)
{
	struct spell words;
	copied(buf->text, sizeof buf->text, spell_count(&words, count));
	return buf->text;
}

const char *units_count_short(struct units *buf, uint64_t count)
{
	static const char prefix[] = "MGTPE";
	double v = (double)count / 1e6;
	size_t u = 0;
	if (count < 10000000)
		return units_count(buf, count);
	for (; v >= 999.95 && u + 2 < sizeof prefix; u++)
		v /= 1000;
	snprintf(buf->text, sizeof buf->text, "%.1f %c", v, prefix[u]);
	return buf->text;
}

const char *units_duration(struct units *buf, uint64_t ns)
{
	double s = (double)ns / 1e9;
	if (ns < 1000)
		snprintf(buf->text, sizeof buf->text, "%llu ns", (unsigned long long)ns);
	else if (s < 999.5e-6)
		snprintf(buf->text, sizeof buf->text, s < 9.95e-6 ? "%.1f us" : "%.0f us", s * 1e6);
	else if (s < 0.9995)
		snprintf(buf->text, sizeof buf->text, s < 9.95e-3 ? "%.1f ms" : "%.0f ms", s * 1e3);
	else if (s < 599.5)
		snprintf(buf->text, sizeof buf->text, s < 9.95 ? "%.1f s" : "%.0f s", s);
	else if (s < 5999.5)
		snprintf(buf->text, sizeof buf->text, "%.0f min", s / 60);
	else
		snprintf(buf->text, sizeof buf->text, "%.1f h", s / 3600);
	return buf->text;
}

const char *units_percent(struct units *buf, uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return memcpy(buf->text, "-", 2);
	double p = 100.0 * (double)part / (double)whole;
	if (part == 0)
		snprintf(buf->text, sizeof buf->text, "0");
	else if (p < 0.05)
		snprintf(buf->text, sizeof buf->text, "<0.1");
	else if (p < 9.95)
		snprintf(buf->text, sizeof buf->text, "%.1f", p);
	else
		snprintf(buf->text, sizeof buf->text, "%.0f", p);
	return buf->text;
}
