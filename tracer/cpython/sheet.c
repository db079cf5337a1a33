/* SPDX-License-Identifier: MIT */
/* Choosing a sheet and applying its patches. Knows no version by number. */
#include "tracer/cpython/sheet.h"

#include <stdlib.h>
#include <string.h>

const struct py_sheet *sheet_find(int minor)
{
	for (size_t i = 0; i < py_sheets_count; i++)
		if (py_sheets[i]->layout->minor == minor)
			return py_sheets[i];
	return NULL;
}

const struct py_epoch *sheet_epoch(const struct py_sheet *sheet, enum py_arch arch,
				   uint64_t runtime_bytes, int patch)
{
	const struct py_epoch *newest = NULL;

	for (const struct py_epoch *e = sheet->epochs; e->runtime_bytes[0]; e++) {
		if (e->runtime_bytes[arch] != runtime_bytes)
			continue;
		if (patch >= e->first && patch <= e->last)
			return e;
		newest = e;
	}
	return newest;
}

const struct py_sheet *sheet_by_size(enum py_arch arch, uint64_t runtime_bytes)
{
	for (size_t i = 0; i < py_sheets_count; i++)
		if (sheet_epoch(py_sheets[i], arch, runtime_bytes, -1))
			return py_sheets[i];
	return NULL;
}

static void apply(struct py_layout *layout, const struct py_patch *patch, enum py_arch arch)
{
	for (; patch && patch->member != UINT32_MAX; patch++)
		memcpy((char *)layout + patch->member, &patch->value[arch],
		       sizeof(patch->value[arch]));
}

int sheet_build(const struct py_sheet *sheet, enum py_arch arch, const struct py_epoch *epoch,
		struct py_layout **ret, struct err *err)
{
	struct py_layout *layout = malloc(sizeof(*layout));

	if (!layout)
		return err_nomem(err);
	*layout = *sheet->layout;
	if (arch == PY_AARCH64)
		apply(layout, sheet->aarch64, arch);
	if (epoch)
		apply(layout, epoch->patch, arch);
	*ret = layout;
	return 0;
}
