/* SPDX-License-Identifier: MIT */
/* Symbols through both kinds of hash table, from files and memory, and damaged tables. */
#include "tracer/elf/symtab.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_bytes.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fake_mem.h"

TestSuite(tracer_elf_symtab, .timeout = 10);

static struct image *image_of(const struct elf_bytes *e)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	struct image *img;

	cr_assert_eq(write(fd, e, sizeof(*e)), (ssize_t)sizeof(*e));
	cr_assert_eq(image_open_fd(fd, &img, NULL), 0);
	return img;
}

static void expect_symbols(struct image *img)
{
	struct symbol s;

	cr_assert_eq(symtab_dynamic(img, "beta", &s, NULL), 1);
	cr_assert(s.vaddr == 0x2010 && s.bytes == 200 && s.type == STT_FUNC);
	cr_assert_eq(symtab_dynamic(img, "gamma", &s, NULL), 1);
	cr_assert_eq(symtab_dynamic(img, "needed", &s, NULL), 0, "undefined is not defined");
	cr_assert_eq(symtab_dynamic(img, "delta", &s, NULL), 0);
	cr_assert_eq(symtab_dynamic(img, "", &s, NULL), 0);
	cr_assert_eq(symtab_static(img, "alpha", &s, NULL), 0);
}

Test(tracer_elf_symtab, definitions_are_found_through_both_hash_tables)
{
	for (int gnu = 0; gnu < 2; gnu++) {
		struct elf_bytes e;
		struct image *img;

		elf_bytes_init(&e, gnu);
		img = image_of(&e);
		expect_symbols(img);
		image_free(img);
	}
}

Test(tracer_elf_symtab, addresses_relocated_in_memory_are_understood)
{
	for (int relocated = 0; relocated < 2; relocated++) {
		struct fake_mem *f = fake_mem_new(8);
		struct elf_bytes e;
		struct image *img;

		elf_bytes_init(&e, 0);
		for (int i = 0; relocated && i < 4; i++)
			if (i != 2)
				e.dynamic[i].d_un.d_ptr += 0x7f0000000000;
		fake_mem_put(f, 0x7f0000000000, &e, offsetof(struct elf_bytes, pad));
		cr_assert_eq(image_open_mem(fake_mem_source(f), taddr_of(0x7f0000000000), &img, NULL), 0);
		expect_symbols(img);
		image_free(img);
		fake_mem_free(f);
	}
}

static int lookup(const struct elf_bytes *e)
{
	struct image *img = image_of(e);
	struct symbol s;
	int r = symtab_dynamic(img, "alpha", &s, NULL);

	image_free(img);
	return r;
}

Test(tracer_elf_symtab, absurd_tables_are_refused)
{
	struct elf_bytes e;

	elf_bytes_init(&e, 0);
	e.hash[1] = UINT32_MAX;
	cr_assert_eq(lookup(&e), ERR_CORRUPT);
	elf_bytes_init(&e, 0);
	e.hash[1] = 100000;
	cr_assert_eq(lookup(&e), ERR_FAULT);
	elf_bytes_init(&e, 0);
	e.dynamic[2].d_un.d_val = UINT64_MAX;
	cr_assert_eq(lookup(&e), ERR_CORRUPT);
	elf_bytes_init(&e, 0);
	e.dynamic[1].d_un.d_ptr = 0xdead0000;
	cr_assert_eq(lookup(&e), ERR_FAULT);
	elf_bytes_init(&e, 0);
	e.dynamic[3].d_tag = 0x1234;
	cr_assert_eq(lookup(&e), ERR_CORRUPT, "no hash table, no count");
	elf_bytes_init(&e, 1);
	e.gnu[0] = UINT32_MAX;
	cr_assert_eq(lookup(&e), ERR_CORRUPT);
	elf_bytes_init(&e, 1);
	e.gnu[7] = 0x7fffffff; /* a bucket far away */
	cr_assert_lt(lookup(&e), 0);
}

Test(tracer_elf_symtab, name_outside_the_strings_is_passed_over)
{
	struct elf_bytes e;

	elf_bytes_init(&e, 0);
	e.symbol[1].st_name = 0x7fffffff;
	cr_assert_eq(lookup(&e), 0);
}

Test(tracer_elf_symtab, object_without_dynamic_section_defines_nothing)
{
	struct elf_bytes e;

	elf_bytes_init(&e, 0);
	e.segment[2].p_type = PT_NOTE;
	cr_assert_eq(lookup(&e), 0);
}

Test(tracer_elf_symtab, local_symbols_come_from_an_unstripped_file)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct image *img;
	struct symbol s;

	cr_assert_geq(fd, 0);
	cr_assert_eq(image_open_fd(fd, &img, NULL), 0);
	cr_assert_eq(symtab_static(img, "elf_bytes_init", &s, NULL), 1);
	cr_assert_eq(s.type, STT_FUNC);
	image_free(img);
}

Test(tracer_elf_symtab, lack_of_memory_is_reported)
{
	struct elf_bytes e;

	elf_bytes_init(&e, 1);
	FAIL_ALLOC_EACH
	{
		struct symbol s;
		struct image *img = NULL;
		int fd = memfd_create("elf", MFD_CLOEXEC), r;

		cr_assert_eq(write(fd, &e, sizeof(e)), (ssize_t)sizeof(e));
		r = image_open_fd(fd, &img, NULL);
		if (r == 0)
			r = symtab_dynamic(img, "alpha", &s, NULL);
		cr_assert(r == 1 || (r == ERR_NOMEM && fail_alloc_hit()));
		image_free(img);
	}
}
