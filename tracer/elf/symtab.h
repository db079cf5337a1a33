/* SPDX-License-Identifier: MIT */
/*
 * Names to addresses. .dynsym is found through PT_DYNAMIC, so it works on stripped files and on
 * images in memory; .symtab, through section headers, only on files which still have it.
 */
#ifndef PYMEMPROF_TRACER_ELF_SYMTAB_H
#define PYMEMPROF_TRACER_ELF_SYMTAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/elf/image.h"

struct symbol {
	uint64_t vaddr; /* link-time; add image->bias */
	uint64_t bytes; /* st_size */
	uint8_t type;	/* STT_* */
};

struct symtab; /* opaque; belongs to the image */

/*
 * The definition of name in .dynsym. Returns 1 and fills ret, or 0 when there is none (also
 * undefined symbols, and an object without .dynsym). Errors: CORRUPT, FAULT, NOMEM, SYS.
 */
int symtab_dynamic(struct image *img, const char *name, struct symbol *ret,
		   struct err *err) MUST_CHECK;

/* The same, in .symtab: local symbols too. 0 when the table is stripped or unreachable. */
int symtab_static(struct image *img, const char *name, struct symbol *ret,
		  struct err *err) MUST_CHECK;

void symtab_free(struct symtab *t); /* accepts NULL */

#endif
