/* SPDX-License-Identifier: MIT */
/*
 * print_layout MINOR PATCH RUNTIME_BYTES [aarch64]: the finished layout of one epoch, one
 * "name TAB offset" line per member it has. For comparing sheets with headers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/cpython/sheet.h"

static void show(const char *name, int32_t value)
{
	if (value != PY_ABSENT)
		printf("%s\t%d\n", name, value);
}

int main(int argc, char **argv)
{
	enum py_arch arch = argc > 4 && !strcmp(argv[4], "aarch64") ? PY_AARCH64 : PY_X86_64;
	const struct py_sheet *sheet = argc > 3 ? sheet_find(atoi(argv[1])) : NULL;
	const struct py_epoch *epoch;
	struct py_layout *layout;
	struct err err = ERR_INIT;

	if (!sheet)
		return 2;
	epoch = sheet_epoch(sheet, arch, strtoull(argv[3], NULL, 10), atoi(argv[2]));
	if (!epoch)
		return 3;
	if (sheet_build(sheet, arch, epoch, &layout, &err) < 0)
		return 1;
#define PY_STRUCT(s, spellings) show(#s "_sizeof", layout->s##_sizeof);
#define PY_FIELD(s, f, path, bytes) show(#s "_" #f, layout->s##_##f);
#include "tracer/cpython/fields.def"
#undef PY_STRUCT
#undef PY_FIELD
	free(layout);
	return 0;
}
