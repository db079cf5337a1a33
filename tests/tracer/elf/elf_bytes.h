/* SPDX-License-Identifier: MIT */
/*
 * A small shared object built by hand: one readable segment with .dynsym, hash and strings,
 * one writable segment with more memory than file. Fields may be damaged afterwards.
 */
#ifndef PYMEMPROF_TESTS_TRACER_ELF_ELF_BYTES_H
#define PYMEMPROF_TESTS_TRACER_ELF_ELF_BYTES_H

#include <elf.h>

#define ELF_BYTES_NAMES "\0alpha\0beta\0gamma\0needed"

struct elf_bytes {
	Elf64_Ehdr head;
	Elf64_Phdr segment[3]; /* read-only, writable, dynamic */
	Elf64_Dyn dynamic[5];
	Elf64_Sym symbol[5]; /* null, alpha, beta, gamma, needed (undefined) */
	uint32_t hash[4];    /* DT_HASH: nbucket 1, nchain 5, … */
	uint32_t gnu[12];    /* DT_GNU_HASH of three symbols */
	char names[32];
	char pad[0x1000];
	uint8_t data[64]; /* 0x2000 at run time */
};

/* gnu: use DT_GNU_HASH instead of DT_HASH. */
void elf_bytes_init(struct elf_bytes *e, int gnu);

#endif
