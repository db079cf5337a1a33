/* SPDX-License-Identifier: MIT */
/* Objects from files and from memory: segments, bytes by address, and what is refused. */
#include "tracer/elf/image.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_bytes.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fake_mem.h"

TestSuite(tracer_elf_image, .timeout = 10);

static int file_of(const void *bytes, size_t n)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
	return fd;
}

static int open_bytes(const struct elf_bytes *e, size_t n, struct image **ret, struct err *err)
{
	return image_open_fd(file_of(e, n), ret, err);
}

Test(tracer_elf_image, segments_and_bytes_of_a_file_are_read_by_address)
{
	struct elf_bytes e;
	struct image *img;
	uint64_t data;
	uint8_t got[80];

	elf_bytes_init(&e, 0);
	cr_assert_eq(open_bytes(&e, sizeof(e), &img, NULL), 0);
	cr_assert(img->machine == IMAGE_X86_64 && img->word_bytes == 8 && img->nsegments == 2 &&
		  !img->program && !img->fixed_address);
	data = img->segment[1].vaddr;
	cr_assert_eq(image_read(img, data, got, sizeof(got), NULL), 0);
	cr_assert(got[0] == 1 && got[63] == 64 && got[64] == 0 && got[79] == 0);
	cr_assert_eq(image_read(img, data + 4095, got, 2, NULL), ERR_FAULT);
	cr_assert_eq(image_read(img, 0x100000, got, 1, NULL), ERR_FAULT);
	cr_assert_eq(image_read(img, UINT64_MAX, got, 2, NULL), ERR_FAULT);
	image_free(img);
}

Test(tracer_elf_image, image_in_memory_has_a_bias)
{
	struct elf_bytes e;
	struct fake_mem *f = fake_mem_new(8);
	struct image *img;
	uint8_t got[4];

	elf_bytes_init(&e, 0);
	fake_mem_put(f, 0x7f0000000000, &e, offsetof(struct elf_bytes, pad));
	fake_mem_put(f, 0x7f0000000000 + e.segment[1].p_vaddr, e.data, sizeof(e.data));
	cr_assert_eq(image_open_mem(fake_mem_source(f), taddr_of(0x7f0000000000), &img, NULL), 0);
	cr_assert_eq(img->bias, 0x7f0000000000);
	cr_assert_eq(image_read(img, e.segment[1].p_vaddr, got, 4, NULL), 0);
	cr_assert_eq(got[3], 4);
	image_free(img);
	cr_assert_eq(image_open_mem(fake_mem_source(f), taddr_of(0x1000), &img, NULL), ERR_FAULT);
	fake_mem_free(f);
}

Test(tracer_elf_image, what_is_no_object_is_refused)
{
	struct elf_bytes e;
	struct image *img;

	elf_bytes_init(&e, 0);
	cr_assert_eq(open_bytes(&e, 0, &img, NULL), ERR_UNSUPPORTED);
	cr_assert_eq(open_bytes(&e, 3, &img, NULL), ERR_UNSUPPORTED);
	e.head.e_ident[0] = 'X';
	cr_assert_eq(open_bytes(&e, sizeof(e), &img, NULL), ERR_UNSUPPORTED);
	elf_bytes_init(&e, 0);
	e.head.e_type = ET_REL;
	cr_assert_eq(open_bytes(&e, sizeof(e), &img, NULL), ERR_UNSUPPORTED);
	elf_bytes_init(&e, 0);
	e.head.e_ident[EI_DATA] = ELFDATA2MSB;
	cr_assert_lt(open_bytes(&e, sizeof(e), &img, NULL), 0);
}

Test(tracer_elf_image, absurd_headers_are_corrupt)
{
	struct elf_bytes e;
	struct image *img;

	elf_bytes_init(&e, 0);
	e.segment[1].p_filesz = e.segment[1].p_memsz + 1;
	cr_assert_eq(open_bytes(&e, sizeof(e), &img, NULL), ERR_CORRUPT);
	elf_bytes_init(&e, 0);
	e.segment[1].p_vaddr = UINT64_MAX - 16;
	cr_assert_eq(open_bytes(&e, sizeof(e), &img, NULL), ERR_CORRUPT);
	elf_bytes_init(&e, 0);
	e.head.e_phnum = 2000;
	cr_assert_lt(open_bytes(&e, sizeof(e), &img, NULL), 0);
	elf_bytes_init(&e, 0);
	e.segment[0].p_type = e.segment[1].p_type = PT_NULL;
	cr_assert_eq(open_bytes(&e, sizeof(e), &img, NULL), ERR_CORRUPT);
}

/* The writable segment with these bounds. */
static int open_segment(uint64_t vaddr, uint64_t mem, uint64_t offset, uint64_t file)
{
	struct elf_bytes e;
	struct image *img = NULL;
	int r;

	elf_bytes_init(&e, 0);
	e.segment[1].p_vaddr = vaddr;
	e.segment[1].p_memsz = mem;
	e.segment[1].p_offset = offset;
	e.segment[1].p_filesz = file;
	r = open_bytes(&e, sizeof(e), &img, NULL);
	image_free(img);
	return r;
}

Test(tracer_elf_image, segments_that_wrap_around_are_corrupt)
{
	const uint64_t top = INT64_MAX;

	cr_expect_eq(open_segment(0x2000, 64, top, 64), 0);
	cr_expect_eq(open_segment(UINT64_MAX - 63, 63, 0, 63), 0);
	cr_expect_eq(open_segment(0x2000, 64, 0, 65), ERR_CORRUPT);
	cr_expect_eq(open_segment(0x2000, 64, top + 1, 0), ERR_CORRUPT);
	cr_expect_eq(open_segment(0x2000, 64, UINT64_MAX - 128, 64), ERR_CORRUPT);
	cr_expect_eq(open_segment(UINT64_MAX - 63, 65, 0, 63), ERR_CORRUPT);
	cr_expect_eq(open_segment(0, UINT64_MAX, 4096, UINT64_MAX - 4000), ERR_CORRUPT);
}

/* A program with n headers, the first `loads` of them loadable. */
static int open_headers(size_t n, size_t loads, struct err *err)
{
	static struct {
		Elf64_Ehdr head;
		Elf64_Phdr segment[5000];
	} e;
	struct elf_bytes small;
	struct image *img = NULL;
	int r;

	memset(&e, 0, sizeof(e));
	elf_bytes_init(&small, 0);
	e.head = small.head;
	e.head.e_phoff = sizeof(e.head);
	e.head.e_phnum = (uint16_t)n;
	for (size_t i = 0; i < loads; i++)
		e.segment[i] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_vaddr = i * 4096, .p_memsz = 4096 };
	r = image_open_fd(file_of(&e, sizeof(e)), &img, err);
	cr_expect(r < 0 || img->nsegments == loads);
	image_free(img);
	return r;
}

Test(tracer_elf_image, no_more_segments_and_headers_than_there_is_room_for)
{
	struct err err = ERR_INIT;

	cr_expect_eq(open_headers(IMAGE_SEGMENTS_MAX, IMAGE_SEGMENTS_MAX, &err), 0);
	cr_expect_eq(open_headers(IMAGE_SEGMENTS_MAX + 1, IMAGE_SEGMENTS_MAX + 1, &err), ERR_CORRUPT);
	cr_expect_eq(open_headers(1000, 1000, &err), ERR_CORRUPT);
	cr_expect_eq(open_headers(4096, 1, &err), 0);
	cr_expect_eq(open_headers(4097, 1, &err), ERR_CORRUPT);
}

Test(tracer_elf_image, file_cut_short_is_a_fault)
{
	struct elf_bytes e;
	struct image *img;
	uint8_t got[64];

	elf_bytes_init(&e, 0);
	cr_assert_eq(open_bytes(&e, sizeof(e) - 32, &img, NULL), 0);
	cr_assert_eq(image_read(img, img->segment[1].vaddr, got, 32, NULL), 0);
	cr_assert_eq(image_read(img, img->segment[1].vaddr, got, 64, NULL), ERR_FAULT);
	image_free(img);
}

Test(tracer_elf_image, own_program_is_opened_through_its_mapping)
{
	struct fake_mem *f = fake_mem_new(8);
	struct maps maps;
	struct image *img = NULL;
	const struct map_range *range;

	cr_assert_eq(maps_read(getpid(), &maps, NULL), 0);
	range = maps_find(&maps, taddr_of((uintptr_t)elf_bytes_init));
	cr_assert_not_null(range);
	/* the memory read to compare headers: ours, copied */
	for (size_t i = 0; i < maps.count; i++)
		if (maps.ranges[i].inode == range->inode && !maps.ranges[i].offset)
			fake_mem_put(f, maps.ranges[i].start, (void *)(uintptr_t)maps.ranges[i].start,
				     4096);
	cr_assert_eq(image_open(getpid(), fake_mem_source(f), &maps, range, &img, NULL), 0);
	cr_assert(img->program && img->fd >= 0);
	image_free(img);
	maps_deinit(&maps);
	fake_mem_free(f);
}

Test(tracer_elf_image, another_file_under_the_same_name_is_not_believed)
{
	struct fake_mem *f = fake_mem_new(8);
	struct elf_bytes e;
	struct image *img;
	struct map_range range = { .start = 0x10000, .end = 0x12000, .flags = MAP_R,
				   .path = "/bin/sh" };
	struct maps maps = { .ranges = &range, .count = 1 };

	elf_bytes_init(&e, 0);
	fake_mem_put(f, 0x10000, &e, offsetof(struct elf_bytes, pad));
	cr_assert_eq(image_open(-1, fake_mem_source(f), &maps, &range, &img, NULL), 0);
	cr_assert(img->fd < 0 && img->bias == 0x10000 && img->nsegments == 2);
	image_free(img);
	fake_mem_free(f);
}

Test(tracer_elf_image, lack_of_memory_is_reported)
{
	struct elf_bytes e;

	elf_bytes_init(&e, 0);
	FAIL_ALLOC_EACH
	{
		struct image *img = NULL;
		int r = open_bytes(&e, sizeof(e), &img, NULL);

		cr_assert(r == 0 || (r == ERR_NOMEM && fail_alloc_hit()));
		image_free(img);
	}
}
