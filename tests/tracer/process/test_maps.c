/* SPDX-License-Identifier: MIT */
/* The parser of /proc/PID/maps on texts by hand and on our own map. */
#include "tracer/process/maps.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static int parse(const char *text, struct maps *m, struct err *err)
{
	return maps_parse(text, strlen(text), m, err);
}

Test(tracer_process_maps, a_file_line_gives_every_field)
{
	struct maps m;
	struct err err = ERR_INIT;

	cr_assert_eq(parse("7f1c2a000000-7f1c2a021000 r-xp 0001a000 08:1f 1835     /usr/lib/a b.so\n",
			   &m, &err), 0, "%s", err.text);
	cr_assert_eq(m.count, 1);
	cr_expect_eq(m.ranges[0].start, 0x7f1c2a000000);
	cr_expect_eq(m.ranges[0].end, 0x7f1c2a021000);
	cr_expect_eq(m.ranges[0].offset, 0x1a000);
	cr_expect_eq(m.ranges[0].dev_major, 8);
	cr_expect_eq(m.ranges[0].dev_minor, 0x1f);
	cr_expect_eq(m.ranges[0].inode, 1835);
	cr_expect_eq(m.ranges[0].flags, MAP_R | MAP_X);
	cr_expect_str_eq(m.ranges[0].path, "/usr/lib/a b.so");
	maps_deinit(&m);
}

Test(tracer_process_maps, anonymous_and_shared_ranges)
{
	struct maps m;

	cr_assert_eq(parse("1000-2000 rw-p 00000000 00:00 0 \n"
			   "2000-3000 ---p 00000000 00:00 0\n"
			   "3000-4000 rw-s 00000000 00:05 9 /dev/shm/x (deleted)\n", &m, NULL), 0);
	cr_assert_eq(m.count, 3);
	cr_expect_str_empty(m.ranges[0].path);
	cr_expect_str_empty(m.ranges[1].path);
	cr_expect_eq(m.ranges[1].flags, 0);
	cr_expect_eq(m.ranges[2].flags, MAP_R | MAP_W | MAP_SHARED_MAP);
	cr_expect_str_eq(m.ranges[2].path, "/dev/shm/x (deleted)");
	maps_deinit(&m);
}

Test(tracer_process_maps, the_last_line_needs_no_newline)
{
	struct maps m;

	cr_assert_eq(parse("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]",
			   &m, NULL), 0);
	cr_assert_eq(m.count, 1);
	cr_expect_str_eq(m.ranges[0].path, "[vsyscall]");
	maps_deinit(&m);
}

Test(tracer_process_maps, an_empty_text_has_no_ranges)
{
	struct maps m;

	cr_assert_eq(maps_parse(NULL, 0, &m, NULL), 0);
	cr_expect_eq(m.count, 0);
	cr_expect_null(maps_find(&m, taddr_of(0)));
	maps_deinit(&m);
}

Test(tracer_process_maps, bad_lines_are_corrupt_and_named)
{
	static const char *const bad[] = {
		"x\n", "1000\n", "1000-2000\n", "1000-2000 rwxq 0 00:00 0\n", "2000-1000 rw-p 0 00:00 0\n",
		"1000-1000 rw-p 0 00:00 0\n", "1000-2000 rw-p 0 00:00 0x\n",
		"10000000000000000-20000000000000000 rw-p 0 00:00 0\n", "1000-2000 rw-p 0 00:00 \n",
		"\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct maps m;
		struct err err = ERR_INIT;

		cr_expect_eq(parse(bad[i], &m, &err), ERR_CORRUPT, "%s", bad[i]);
		cr_expect(strstr(err.text, "line 1") != NULL, "%s", err.text);
	}
}

Test(tracer_process_maps, overlapping_ranges_are_corrupt)
{
	struct maps m;

	cr_expect_eq(parse("1000-3000 rw-p 0 00:00 0\n2000-4000 rw-p 0 00:00 0\n", &m, NULL),
		     ERR_CORRUPT);
}

Test(tracer_process_maps, find_knows_edges_and_holes)
{
	struct maps m;

	cr_assert_eq(parse("1000-2000 rw-p 0 00:00 0\n2000-3000 r--p 0 00:00 0\n"
			   "5000-6000 rw-p 0 00:00 0\n", &m, NULL), 0);
	cr_expect_null(maps_find(&m, taddr_of(0xfff)));
	cr_expect_eq(maps_find(&m, taddr_of(0x1000)), &m.ranges[0]);
	cr_expect_eq(maps_find(&m, taddr_of(0x1fff)), &m.ranges[0]);
	cr_expect_eq(maps_find(&m, taddr_of(0x2000)), &m.ranges[1]);
	cr_expect_null(maps_find(&m, taddr_of(0x3000)));
	cr_expect_eq(maps_find(&m, taddr_of(0x5fff)), &m.ranges[2]);
	cr_expect_null(maps_find(&m, taddr_of(0x6000)));
	maps_deinit(&m);
}

Test(tracer_process_maps, our_own_map_holds_our_own_variables)
{
	struct maps m;
	struct err err = ERR_INIT;
	int local = 0;
	const struct map_range *r;

	cr_assert_eq(maps_read(getpid(), &m, &err), 0, "%s", err.text);
	r = maps_find(&m, taddr_of((uintptr_t)&local));
	cr_assert_not_null(r);
	cr_expect_eq(r->flags & (MAP_R | MAP_W), MAP_R | MAP_W);
	r = maps_find(&m, taddr_of((uintptr_t)&parse));
	cr_assert_not_null(r);
	cr_expect_eq(r->flags & (MAP_X | MAP_W), MAP_X);
	maps_deinit(&m);
}

Test(tracer_process_maps, a_process_that_is_not_there_is_gone)
{
	struct maps m;
	struct err err = ERR_INIT;

	cr_expect_eq(maps_read(0x7ffffff0, &m, &err), ERR_GONE, "%s", err.text);
}
