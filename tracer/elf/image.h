/* SPDX-License-Identifier: MIT */
/*
 * The ELF object behind a mapping: its file, opened the way the target sees it, or, when the
 * file is gone or another one took its name, the mapped image itself. Knows segments and
 * bytes by link-time address; symbols are symtab's.
 */
#ifndef PYMEMPROF_TRACER_ELF_IMAGE_H
#define PYMEMPROF_TRACER_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "tracer/mem/source.h"
#include "tracer/process/maps.h"

#define IMAGE_SEGMENTS_MAX 32

enum image_machine { IMAGE_OTHER = 0, IMAGE_X86_64, IMAGE_AARCH64, IMAGE_ARM };

/* One PT_LOAD; addresses are link-time. */
struct image_segment {
	uint64_t vaddr, mem_bytes;
	uint64_t offset, file_bytes;
	bool readable, writable, executable;
};

struct image {
	enum image_machine machine;
	uint8_t word_bytes;
	bool fixed_address; /* ET_EXEC */
	bool program;	    /* ET_EXEC, or has PT_INTERP; else a shared library */
	uint64_t bias;	    /* run-time − link-time address; see image_open */
	uint64_t entry;	    /* link-time */
	uint64_t dynamic_vaddr, dynamic_bytes; /* PT_DYNAMIC; 0 bytes: none */
	size_t nsegments;
	struct image_segment segment[IMAGE_SEGMENTS_MAX]; /* as in the file: by vaddr, if it is sane */

	/* private to elf/ */
	int fd;			/* −1: bytes come from mem */
	void *elf;		/* Elf of fd, or of head */
	struct mem_source *mem; /* borrowed */
	char *head;		/* copy of the mapped ELF header and program headers */
	struct symtab *symtab[2]; /* .dynsym, .symtab; loaded on first use */
};

/*
 * Open the object mapped at range. Candidates: the path inside the target's root,
 * /proc/PID/map_files, /proc/PID/exe; each is believed only if its first bytes equal the mapped
 * ones. Otherwise headers are read from mem: .dynsym still works, .symtab does not.
 * pid < 0: the path as it is, then mem. maps must contain range; ret->bias is computed from
 * them. mem is borrowed until image_free.
 *
 * Errors: UNSUPPORTED (no ELF), CORRUPT, FAULT, GONE, NOMEM, SYS.
 */
int image_open(pid_t pid, struct mem_source *mem, const struct maps *maps,
	       const struct map_range *range, struct image **ret, struct err *err) MUST_CHECK;

/* An ELF file by descriptor, which is taken over also on failure; bias 0. Same errors. */
int image_open_fd(int fd, struct image **ret, struct err *err) MUST_CHECK;

/* An ELF image in memory whose first header is at link-time 0 + bias. Same errors. */
int image_open_mem(struct mem_source *mem, taddr header, struct image **ret,
		   struct err *err) MUST_CHECK;

void image_free(struct image *img); /* accepts NULL */

/*
 * n bytes at link-time address vaddr, as the file has them (from mem: as they are now). Bytes
 * past file_bytes of a segment are zeros. Errors: FAULT (outside every segment), SYS.
 */
int image_read(struct image *img, uint64_t vaddr, void *buf, size_t n, struct err *err) MUST_CHECK;

#endif
