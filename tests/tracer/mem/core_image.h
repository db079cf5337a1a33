/* SPDX-License-Identifier: MIT */
/* Builds small ELF core files byte by byte, honest or not, for test_core and fuzz_core. */
#ifndef PYMEMPROF_TESTS_TRACER_MEM_CORE_IMAGE_H
#define PYMEMPROF_TESTS_TRACER_MEM_CORE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

struct core_image_segment {
	uint64_t addr, mem_bytes, file_bytes;
	uint32_t flags; /* PF_R … */
	uint8_t fill;	/* every dumped byte */
};

struct core_image_file {
	uint64_t start, end, page_offset;
	const char *path;
};

struct core_image {
	const struct core_image_segment *segments;
	size_t nsegments;
	const struct core_image_file *files;
	size_t nfiles;
	uint32_t pid, tids[4];
	size_t ntids;
	uint64_t fs_base; /* of every thread, + index */
};

/* Write the core to a new temporary file; returns its path (static buffer). */
const char *core_image_write(const struct core_image *image);

#endif
