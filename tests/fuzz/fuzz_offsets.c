/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the table of offsets at the start of _PyRuntime, for each sheet which has one:
 * taken over with every member inside its struct, or refused with the layout untouched.
 */
#include <stdlib.h>
#include <string.h>

#include "tracer/cpython/offsets.h"
#include "tracer/cpython/sheet.h"

#define RUNTIME UINT64_C(0x10000)

struct bytes_source {
	struct mem_source base;
	const uint8_t *bytes;
	size_t len;
};

static int64_t bytes_read(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	struct bytes_source *s = (struct bytes_source *)src;
	uint64_t at = addr.v - RUNTIME;

	if (addr.v < RUNTIME || at >= s->len)
		return 0;
	if (n > s->len - at)
		n = s->len - at;
	memcpy(buf, s->bytes + at, n);
	return (int64_t)n;
}

static const struct mem_ops ops = { .read = bytes_read };

static void check(struct mem_source *mem, const struct py_sheet *sheet)
{
	struct offsets_report report;
	struct py_layout *layout, before;
	int r;

	if (sheet_build(sheet, PY_X86_64, NULL, &layout, NULL) < 0)
		return;
	before = *layout;
	r = offsets_overlay(mem, taddr_of(RUNTIME), layout, &report, NULL);
	if ((r < 0 || !report.differ) && memcmp(&before, layout, sizeof(before)))
		abort();
#define FIELD(e, s, f)                                                                             \
	if (layout->s##_##f != PY_ABSENT &&                                                        \
	    (layout->s##_##f < 0 || layout->s##_##f >= layout->s##_sizeof))                        \
		abort();
#define SIZE(e, s)                                                                                 \
	if (layout->s##_sizeof != PY_ABSENT && layout->s##_sizeof <= 0)                            \
		abort();
#include "tracer/cpython/offsets_entries.def"
	free(layout);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct bytes_source source = { { &ops, 8 }, bytes, len };
	struct offsets_head head;

	(void)!offsets_head(&source.base, taddr_of(RUNTIME), &head, NULL);
	for (size_t i = 0; i < py_sheets_count; i++)
		check(&source.base, py_sheets[i]);
	return 0;
}
