/* SPDX-License-Identifier: MIT */
#include "tracer/mem/core.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/tracer/mem/core_image.h"

static const struct core_image_segment two[] = {
	{ 0x10000, 0x2000, 0x2000, PF_R | PF_W, 0xaa },
	{ 0x12000, 0x1000, 0x1000, PF_R | PF_W, 0xbb },
	{ 0x20000, 0x1000, 0, PF_R | PF_W, 0 },
};

static struct core *open_image(const struct core_image *image)
{
	const char *path = core_image_write(image);
	struct core *c = NULL;
	struct err err = ERR_INIT;

	cr_assert_eq(core_open(path, NULL, &c, &err), 0, "%s", err.text);
	unlink(path);
	return c;
}

Test(tracer_mem_core, reads_across_abutting_segments)
{
	struct core *c = open_image(&(struct core_image){ .segments = two, .nsegments = 3 });
	unsigned char b[4];
	struct err err = ERR_INIT;

	cr_assert_eq(mem_read(core_source(c), taddr_of(0x11ffe), b, 4, &err), 0);
	cr_assert_eq(b[0], 0xaa);
	cr_assert_eq(b[1], 0xaa);
	cr_assert_eq(b[2], 0xbb);
	cr_assert_eq(b[3], 0xbb);
	core_free(c);
}

Test(tracer_mem_core, names_the_first_byte_that_was_not_dumped)
{
	struct core *c = open_image(&(struct core_image){ .segments = two, .nsegments = 3 });
	unsigned char b[16];
	struct err err = ERR_INIT;

	cr_assert_eq(mem_read(core_source(c), taddr_of(0x12ff8), b, 16, &err), ERR_FAULT);
	cr_assert_eq(err.addr.v, 0x13000);
	cr_assert_eq(mem_read(core_source(c), taddr_of(0x20000), b, 1, &err), ERR_FAULT);
	core_free(c);
}

Test(tracer_mem_core, tells_threads_and_process)
{
	struct core_image image = { .segments = two, .nsegments = 3, .pid = 4242, .ntids = 2,
				    .tids = { 4243, 4242 }, .fs_base = 0x7000 };
	struct core *c = open_image(&image);
	size_t n;
	const struct core_thread *t = core_threads(c, &n);

	cr_assert_eq(n, 2);
	cr_assert_eq(t[0].tid, 4243);
	cr_assert_eq(t[1].tp.v, 0x7001);
	cr_assert_eq(t[1].pc.v, 0x1001);
	cr_assert_eq(t[0].sp.v, 0x2000);
	cr_assert_eq(core_pid(c), 4242);
	cr_assert_str_eq(core_arch(c), "x86_64");
	core_free(c);
}

Test(tracer_mem_core, text_comes_from_the_file_only_when_it_is_the_same_build)
{
	char file[] = "/tmp/pymemprof-text-XXXXXX";
	int fd = mkstemp(file);
	unsigned char page[4096];
	/* first page dumped (0xcc), second left out by the kernel */
	struct core_image_segment seg[] = { { 0x40000, 0x1000, 0x1000, PF_R, 0xcc },
					    { 0x41000, 0x1000, 0, PF_R | PF_X, 0 } };
	struct core_image_file files[] = { { 0x40000, 0x41000, 0, file }, { 0x41000, 0x42000, 1, file } };
	struct core_image image = { .segments = seg, .nsegments = 2, .files = files, .nfiles = 2 };
	unsigned char b;
	struct err err = ERR_INIT;

	memset(page, 0xcc, sizeof page);
	cr_assert_eq(write(fd, page, sizeof page), (ssize_t)sizeof page);
	memset(page, 0xdd, sizeof page);
	cr_assert_eq(write(fd, page, sizeof page), (ssize_t)sizeof page);
	struct core *c = open_image(&image);
	cr_assert_eq(mem_u8(core_source(c), taddr_of(0x41010), &b, &err), 0);
	cr_assert_eq(b, 0xdd);
	cr_assert_eq(core_maps(c)->count, 2);
	cr_assert_str_eq(core_maps(c)->ranges[1].path, file);
	cr_assert_eq(core_maps(c)->ranges[1].offset, 4096);
	core_free(c);

	cr_assert_eq(pwrite(fd, "x", 1, 100), 1); /* another build now */
	c = open_image(&image);
	cr_assert_eq(mem_u8(core_source(c), taddr_of(0x41010), &b, &err), ERR_FAULT);
	cr_assert_eq(core_missing_files(c), 1);
	core_free(c);
	close(fd);
	unlink(file);
}

Test(tracer_mem_core, a_cut_off_core_says_how_much_is_missing)
{
	const char *path = core_image_write(&(struct core_image){ .segments = two, .nsegments = 3 });
	struct core *c = NULL;
	struct stat st;
	struct err err = ERR_INIT;
	uint8_t b;

	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(truncate(path, st.st_size - 0x1800), 0);
	cr_assert_eq(core_open(path, NULL, &c, &err), 0);
	cr_assert_eq(core_missing_bytes(c), 0x1800);
	cr_assert_eq(mem_u8(core_source(c), taddr_of(0x117ff), &b, &err), 0);
	cr_assert_eq(mem_u8(core_source(c), taddr_of(0x11800), &b, &err), ERR_FAULT);
	core_free(c);
	unlink(path);
}

Test(tracer_mem_core, overlapping_segments_are_dropped)
{
	struct core_image_segment seg[] = { { 0x10000, 0x1000, 0x1000, PF_R | PF_W, 1 },
					    { 0x10800, 0x1000, 0x1000, PF_R | PF_W, 2 } };
	struct core *c = open_image(&(struct core_image){ .segments = seg, .nsegments = 2 });
	uint8_t b;

	cr_assert_eq(mem_u8(core_source(c), taddr_of(0x10900), &b, NULL), 0);
	cr_assert_eq(b, 1);
	cr_assert_eq(mem_u8(core_source(c), taddr_of(0x11100), &b, NULL), ERR_FAULT);
	core_free(c);
}

Test(tracer_mem_core, refuses_what_is_not_a_core)
{
	struct core *c = NULL;
	struct err err = ERR_INIT;

	cr_assert_eq(core_open("/proc/self/exe", NULL, &c, &err), ERR_UNSUPPORTED);
	cr_assert_str_eq(err.hint, "not-a-core");
	cr_assert_eq(core_open("/dev/null", NULL, &c, &err), ERR_UNSUPPORTED);
	cr_assert_eq(core_open("/proc/self/nonexistent", NULL, &c, &err), ERR_SYS);
	cr_assert_null(c);
}
