/* SPDX-License-Identifier: MIT */
/* Any bytes as an ELF object, from a file and from memory: opened and searched, or refused. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tracer/elf/symtab.h"

#define BASE UINT64_C(0x7f0000000000)

struct bytes_source {
	struct mem_source base;
	const uint8_t *bytes;
	size_t len;
};

static int64_t bytes_read(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	struct bytes_source *s = (struct bytes_source *)src;
	uint64_t at = addr.v - BASE;

	if (addr.v < BASE || at >= s->len)
		return 0;
	if (n > s->len - at)
		n = s->len - at;
	memcpy(buf, s->bytes + at, n);
	return (int64_t)n;
}

static const struct mem_ops ops = { .read = bytes_read };

static void explore(struct image *img)
{
	struct symbol symbol;
	uint8_t some[64];

	if (img->nsegments > IMAGE_SEGMENTS_MAX)
		abort();
	if (symtab_dynamic(img, "_PyRuntime", &symbol, NULL) > 1 ||
	    symtab_static(img, "_PyRuntime", &symbol, NULL) > 1)
		abort();
	for (size_t i = 0; i < img->nsegments; i++) {
		uint64_t end = img->segment[i].vaddr + img->segment[i].mem_bytes;

		(void)!image_read(img, img->segment[i].vaddr, some, sizeof(some), NULL);
		(void)!image_read(img, end - sizeof(some) / 2, some, sizeof(some), NULL);
	}
	image_free(img);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct bytes_source source = { { &ops, 8 }, bytes, len };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct image *img;

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len) {
		close(fd);
		return 0;
	}
	if (image_open_fd(fd, &img, NULL) == 0)
		explore(img);
	if (image_open_mem(&source.base, taddr_of(BASE), &img, NULL) == 0)
		explore(img);
	return 0;
}
