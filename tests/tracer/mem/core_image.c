/* SPDX-License-Identifier: MIT */
/* ELF64 little endian x86-64: header, program headers, one note segment, then the dumped bytes. */
#include "tests/tracer/mem/core_image.h"

#include <assert.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bytes {
	unsigned char at[1 << 16];
	size_t len;
};

static void put(struct bytes *b, const void *p, size_t n)
{
	assert(b->len + n <= sizeof b->at);
	memcpy(b->at + b->len, p, n);
	b->len += n;
}

static void put_note(struct bytes *b, uint32_t type, const void *desc, size_t n)
{
	static const char name[8] = "CORE";
	uint32_t head[3] = { 5, (uint32_t)n, type };
	static const char pad[4];

	put(b, head, sizeof head);
	put(b, name, 8);
	put(b, desc, n);
	put(b, pad, (4 - n % 4) % 4);
}

static void put_notes(struct bytes *b, const struct core_image *image)
{
	struct bytes files = { .len = 0 };
	unsigned char psinfo[136] = { 0 };
	uint64_t head[2] = { image->nfiles, 4096 };

	memcpy(psinfo + 24, &image->pid, 4);
	for (size_t i = 0; i < image->ntids; i++) {
		unsigned char st[336] = { 0 };
		uint64_t fs = image->fs_base + i, pc = 0x1000 + i, sp = 0x2000 + i;

		memcpy(st + 32, &image->tids[i], 4);
		memcpy(st + 112 + 16 * 8, &pc, 8);
		memcpy(st + 112 + 19 * 8, &sp, 8);
		memcpy(st + 112 + 21 * 8, &fs, 8);
		put_note(b, NT_PRSTATUS, st, sizeof st);
		if (i == 0)
			put_note(b, NT_PRPSINFO, psinfo, sizeof psinfo);
	}
	put(&files, head, sizeof head);
	for (size_t i = 0; i < image->nfiles; i++) {
		uint64_t row[3] = { image->files[i].start, image->files[i].end,
				    image->files[i].page_offset };
		put(&files, row, sizeof row);
	}
	for (size_t i = 0; i < image->nfiles; i++)
		put(&files, image->files[i].path, strlen(image->files[i].path) + 1);
	if (image->nfiles)
		put_note(b, NT_FILE, files.at, files.len);
}

const char *core_image_write(const struct core_image *image)
{
	static char path[64];
	struct bytes notes = { .len = 0 };
	Elf64_Ehdr eh = { .e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT };
	uint64_t at = sizeof eh + (image->nsegments + 1) * sizeof(Elf64_Phdr);
	Elf64_Phdr ph = { .p_type = PT_NOTE, .p_offset = at };
	FILE *f;
	int fd;

	strcpy(path, "/tmp/pymemprof-core-XXXXXX");
	fd = mkstemp(path);
	f = fdopen(fd, "w");
	assert(f);
	put_notes(&notes, image);
	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_ident[EI_VERSION] = EV_CURRENT;
	eh.e_phoff = eh.e_ehsize = sizeof eh;
	eh.e_phentsize = sizeof ph;
	eh.e_phnum = (uint16_t)(image->nsegments + 1);
	ph.p_filesz = notes.len;
	fwrite(&eh, sizeof eh, 1, f);
	fwrite(&ph, sizeof ph, 1, f);
	at += notes.len;
	for (size_t i = 0; i < image->nsegments; i++) {
		const struct core_image_segment *s = &image->segments[i];
		Elf64_Phdr load = { .p_type = PT_LOAD, .p_offset = at, .p_vaddr = s->addr,
				    .p_memsz = s->mem_bytes, .p_filesz = s->file_bytes,
				    .p_flags = s->flags };
		fwrite(&load, sizeof load, 1, f);
		at += s->file_bytes;
	}
	fwrite(notes.at, notes.len, 1, f);
	for (size_t i = 0; i < image->nsegments; i++)
		for (uint64_t n = 0; n < image->segments[i].file_bytes; n++)
			fputc(image->segments[i].fill, f);
	fclose(f);
	return path;
}
