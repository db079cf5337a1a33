/* SPDX-License-Identifier: MIT */
/* Three formats of line table. Lines wrap as unsigned, so hostile deltas are harmless. */
#include "tracer/cpython/linetable.h"

/* A line table entry's code (3.11+), bits 3–6 of its first byte. */
enum location_code {
	LOCATION_ONE_LINE_0 = 10, /* 10, 11, 12: line += code − 10, two bytes of columns follow */
	LOCATION_ONE_LINE_2 = 12,
	LOCATION_NO_COLUMNS = 13,
	LOCATION_LONG = 14,
	LOCATION_NONE = 15,
};

struct reader {
	const uint8_t *at, *end;
};

/* Six bits a byte, least significant first; bit 6 says another follows. */
static uint32_t read_varint(struct reader *r)
{
	uint32_t value = 0;
	unsigned shift = 0;

	while (r->at < r->end) {
		uint8_t b = *r->at++;

		if (shift < 32)
			value |= (uint32_t)(b & 63) << shift;
		shift += 6;
		if (!(b & 64))
			break;
	}
	return value;
}

static uint32_t read_svarint(struct reader *r)
{
	uint32_t v = read_varint(r);

	return v & 1 ? 0u - (v >> 1) : v >> 1;
}

static int32_t known(uint32_t line)
{
	return line <= INT32_MAX ? (int32_t)line : 0;
}

/* PyCode_Addr2Line, Objects/codeobject.c of 3.9. */
static int32_t line_lnotab(const uint8_t *table, size_t len, uint32_t line, uint32_t lasti)
{
	uint64_t addr = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		addr += table[i];
		if (addr > lasti)
			break;
		line += (uint32_t)(int32_t)(int8_t)table[i + 1];
	}
	return known(line);
}

/* advance() and PyLineTable_InitAddressRange, Objects/codeobject.c of 3.10. */
static int32_t line_pep626(const uint8_t *table, size_t len, uint32_t line, uint32_t lasti)
{
	uint64_t end = 0;
	uint32_t last = line;

	for (size_t i = 0; i + 1 < len; i += 2) {
		int8_t delta = (int8_t)table[i + 1];

		end += table[i];
		if (delta != INT8_MIN) {
			line += (uint32_t)(int32_t)delta;
			/* an empty range only moves the line; it holds no instruction */
			if (table[i])
				last = line;
		}
		if (lasti < end)
			break;
	}
	return known(last);
}

/* advance() and get_line_delta(), Objects/codeobject.c of 3.11. */
static int32_t line_locations(const uint8_t *table, size_t len, uint32_t line, uint32_t lasti)
{
	struct reader r = { table, table + len };
	uint64_t end = 0;
	uint32_t last = line;

	while (r.at < r.end) {
		uint8_t head = *r.at++;
		unsigned code = head >> 3 & 15;

		if (!(head & 128))
			break; /* not the start of an entry */
		end += 2 * ((head & 7) + 1u);
		if (code == LOCATION_LONG || code == LOCATION_NO_COLUMNS)
			line += read_svarint(&r);
		else if (code >= LOCATION_ONE_LINE_0 && code <= LOCATION_ONE_LINE_2)
			line += code - LOCATION_ONE_LINE_0;
		if (code != LOCATION_NONE)
			last = line;
		if (lasti < end)
			break;
		/* columns: every byte up to the next entry's first has bit 7 clear */
		while (r.at < r.end && !(*r.at & 128))
			r.at++;
	}
	return known(last);
}

int32_t linetable_line(uint32_t kind, const uint8_t *table, size_t len, int32_t firstline,
		       int32_t lasti)
{
	uint32_t line = (uint32_t)firstline;

	if (lasti < 0)
		return known(line);
	if (kind == LINETABLE_LNOTAB)
		return line_lnotab(table, len, line, (uint32_t)lasti);
	if (kind == LINETABLE_PEP626)
		return line_pep626(table, len, line, (uint32_t)lasti);
	if (kind == LINETABLE_LOCATIONS)
		return line_locations(table, len, line, (uint32_t)lasti);
	return 0;
}
