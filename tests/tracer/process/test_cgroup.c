/* SPDX-License-Identifier: MIT */
/* Hierarchies of both versions, as folders of a test. */
#include "tracer/process/cgroup.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"

TestSuite(tracer_process_cgroup, .timeout = 10);

static char root[64];

static void folder(const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "%s%s", root, name);
	cr_assert_eq(mkdir(path, 0755), 0, "%s", path);
}

static void file(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof path, "%s%s", root, name);
	AUTO_FCLOSE FILE *f = fopen(path, "we");
	cr_assert(f && fputs(text, f) >= 0, "%s", path);
}

static void start(void)
{
	snprintf(root, sizeof root, "/tmp/pymemprof-cgroup-XXXXXX");
	cr_assert(mkdtemp(root));
}

static void end(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r %s", root);
	cr_expect_eq(system(command), 0);
}

Test(tracer_process_cgroup, least_room_of_all_groups_counts, .init = start, .fini = end)
{
	struct cgroup_room room = { 0 };

	folder("/outer");
	folder("/outer/inner");
	file("/outer/memory.max", "5000\n");
	file("/outer/memory.current", "4000\n");
	file("/outer/memory.stat", "anon 10\ninactive_file 500\n");
	file("/outer/inner/memory.max", "9000\n");
	file("/outer/inner/memory.current", "1000\n");
	cr_assert(cgroup_room_of("0::/outer/inner\n", root, &room));
	cr_expect_eq(room.bytes, 1500);
	cr_expect_eq(room.limit, 5000);
	file("/outer/inner/memory.max", "1200\n");
	cr_assert(cgroup_room_of("0::/outer/inner\n", root, &room));
	cr_expect_eq(room.bytes, 200);
	cr_expect_eq(room.limit, 1200);
}

Test(tracer_process_cgroup, first_version_has_a_hierarchy_of_its_own, .init = start, .fini = end)
{
	struct cgroup_room room = { 0 };

	folder("/memory");
	folder("/memory/a");
	file("/memory/memory.limit_in_bytes", "9223372036854771712\n");
	file("/memory/memory.usage_in_bytes", "7\n");
	file("/memory/a/memory.limit_in_bytes", "4096\n");
	file("/memory/a/memory.usage_in_bytes", "8192\n");
	cr_assert(cgroup_room_of("8:pids:/a\n4:cpu,memory:/a\n0::/\n", root, &room));
	cr_expect_eq(room.bytes, 0);
	cr_expect_not(cgroup_room_of("4:memory:/\n", root, &room), "the root has no limit");
}

Test(tracer_process_cgroup, what_is_unlimited_or_absent_is_not_known, .init = start, .fini = end)
{
	struct cgroup_room room = { 0 };

	folder("/a");
	file("/a/memory.max", "max\n");
	file("/a/memory.current", "1\n");
	cr_expect_not(cgroup_room_of("0::/a\n", root, &room));
	cr_expect_not(cgroup_room_of("0::/b\n", root, &room));
	cr_expect_not(cgroup_room_of("", root, &room));
	cr_expect_not(cgroup_room_of("nonsense\n4:memory\n:::\n", root, &room));
	cr_expect_not(cgroup_room_of("4:xmemory,memoryx:/a\n", root, &room));
}
