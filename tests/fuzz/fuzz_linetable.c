/* SPDX-License-Identifier: MIT */
/* Any bytes as a line table: byte 0 the kind, bytes 1–2 the instruction, the rest the table. */
#include <stdlib.h>
#include <string.h>

#include "tracer/cpython/linetable.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	uint8_t *table;
	int32_t lasti;
	size_t n;

	if (len < 3)
		return 0;
	lasti = (int16_t)(bytes[1] | bytes[2] << 8);
	n = len - 3;
	table = malloc(n ? n : 1); /* exact size: a sanitizer sees one byte too many */
	if (!table)
		return 0;
	memcpy(table, bytes + 3, n);
	for (uint32_t kind = 0; kind < 5; kind++)
		if (linetable_line(kind, table, n, INT32_MAX, lasti) < 0 ||
		    linetable_line(kind, table, n, INT32_MIN, lasti) < 0)
			abort();
	if (linetable_line(bytes[0], table, n, 1, lasti) < 0)
		abort();
	free(table);
	return 0;
}
