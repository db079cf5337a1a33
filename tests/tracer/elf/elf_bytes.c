/* SPDX-License-Identifier: MIT */
/* The object's headers, filled in. Link-time addresses equal file offsets, data apart. */
#include "elf_bytes.h"

#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(struct elf_bytes, member)

static void put_symbols(struct elf_bytes *e)
{
	static const uint32_t name[] = { 0, 1, 7, 12, 18 };

	for (int i = 1; i < 5; i++)
		e->symbol[i] = (Elf64_Sym){
			.st_name = name[i],
			.st_info = ELF64_ST_INFO(STB_GLOBAL, i == 2 ? STT_FUNC : STT_OBJECT),
			.st_shndx = i == 4 ? SHN_UNDEF : 1,
			.st_value = 0x2000 + (unsigned)i * 8,
			.st_size = (unsigned)i * 100,
		};
	memcpy(e->names, ELF_BYTES_NAMES, sizeof(ELF_BYTES_NAMES));
}

void elf_bytes_init(struct elf_bytes *e, int gnu)
{
	memset(e, 0, sizeof(*e));
	memcpy(e->head.e_ident, ELFMAG, SELFMAG);
	e->head.e_ident[EI_CLASS] = ELFCLASS64;
	e->head.e_ident[EI_DATA] = ELFDATA2LSB;
	e->head.e_ident[EI_VERSION] = EV_CURRENT;
	e->head.e_type = ET_DYN;
	e->head.e_machine = EM_X86_64;
	e->head.e_version = EV_CURRENT;
	e->head.e_phoff = AT(segment);
	e->head.e_ehsize = sizeof(e->head);
	e->head.e_phentsize = sizeof(e->segment[0]);
	e->head.e_phnum = 3;
	e->segment[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X,
				      .p_filesz = AT(pad), .p_memsz = AT(pad) };
	e->segment[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = AT(data),
				      .p_vaddr = 0x2000 + AT(data) % 0x1000,
				      .p_filesz = sizeof(e->data), .p_memsz = 4096 };
	e->segment[2] = (Elf64_Phdr){ .p_type = PT_DYNAMIC, .p_offset = AT(dynamic),
				      .p_vaddr = AT(dynamic), .p_filesz = sizeof(e->dynamic),
				      .p_memsz = sizeof(e->dynamic) };
	e->dynamic[0] = (Elf64_Dyn){ DT_SYMTAB, { AT(symbol) } };
	e->dynamic[1] = (Elf64_Dyn){ DT_STRTAB, { AT(names) } };
	e->dynamic[2] = (Elf64_Dyn){ DT_STRSZ, { sizeof(ELF_BYTES_NAMES) } };
	e->dynamic[3] = gnu ? (Elf64_Dyn){ DT_GNU_HASH, { AT(gnu) } } :
			      (Elf64_Dyn){ DT_HASH, { AT(hash) } };
	put_symbols(e);
	e->hash[0] = 1;
	e->hash[1] = 5;
	/* nbuckets 2, first hashed symbol 1, one bloom word, shift; buckets; chains of 1–4 */
	memcpy(e->gnu, (uint32_t[]){ 2, 1, 1, 6, 0, 0, 1, 3, 2, 3, 2, 5 }, sizeof(e->gnu));
	for (size_t i = 0; i < sizeof(e->data); i++)
		e->data[i] = (uint8_t)(i + 1);
}
