/* SPDX-License-Identifier: MIT */
#include "tracer/process/smaps.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/sanitized.h"

static const char two[] = "55d0c8a00000-55d0c8a21000 r--p 00000000 08:01 1835 /usr/bin/x y\n"
			  "Size:                132 kB\n"
			  "Rss:                 100 kB\n"
			  "Pss:                  50 kB\n"
			  "Shared_Clean:         90 kB\n"
			  "Shared_Dirty:          2 kB\n"
			  "Private_Clean:         4 kB\n"
			  "Private_Dirty:         4 kB\n"
			  "Anonymous:             4 kB\n"
			  "Swap:                  8 kB\n"
			  "VmFlags: rd mr mw me dw sd\n"
			  "55d0c9a00000-55d0c9a01000 rw-p 00000000 00:00 0 [heap]\n"
			  "Rss:                   4 kB\n"
			  "VmFlags: rd wr mr mw me nr sd\n";

Test(tracer_process_smaps, adds_up_two_mappings)
{
	struct smaps s;
	struct err err = ERR_INIT;

	cr_assert_eq(smaps_parse(two, strlen(two), &s, &err), 0, "%s", err.text);
	cr_assert_eq(s.maps.count, 2);
	cr_assert_str_eq(s.maps.ranges[0].path, "/usr/bin/x y");
	cr_assert_eq(s.usage[0].rss, 100 << 10);
	cr_assert_eq(s.usage[0].shared, 92 << 10);
	cr_assert_eq(s.usage[0].private_dirty, 4 << 10);
	cr_assert_eq(s.usage[0].swap, 8 << 10);
	cr_assert_eq(s.usage[1].rss, 4 << 10);
	cr_assert(!s.usage[0].noreserve && s.usage[1].noreserve);
	cr_assert_eq(s.total.rss, 104 << 10);
	smaps_deinit(&s);
}

Test(tracer_process_smaps, refuses_values_without_a_mapping_and_absurd_numbers)
{
	static const char *bad[] = { "Rss: 4 kB\n", "1000-2000 rw-p 0 0:0 0\nRss: x kB\n",
				     "1000-2000 rw-p 0 0:0 0\nRss: 99999999999999999999 kB\n",
				     "1000-2000 rw-p 0 0:0 0\nnonsense\n" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct smaps s;
		struct err err = ERR_INIT;

		cr_expect_eq(smaps_parse(bad[i], strlen(bad[i]), &s, &err), ERR_CORRUPT, "%s", bad[i]);
	}
}

Test(tracer_process_smaps, pagemap_counts_exactly_the_touched_pages)
{
	char *p = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pagemap *pm = NULL;
	struct err err = ERR_INIT;
	uint64_t resident, swapped, at = (uint64_t)(uintptr_t)p;

	cr_assert_neq(p, MAP_FAILED);
	cr_assert_eq(madvise(p, 64 * 4096, MADV_NOHUGEPAGE), 0);
	p[0] = p[5 * 4096] = p[63 * 4096] = 1;
	cr_assert_eq(pagemap_open(getpid(), &pm, &err), 0, "%s", err.text);
	cr_assert_eq(pagemap_count(pm, at, at + 64 * 4096, &resident, &swapped, &err), 0);
	cr_assert_eq(resident + swapped, 3 * 4096);
	cr_assert_eq(pagemap_count(pm, at + 100, at + 4096 + 100, &resident, &swapped, &err), 0);
	cr_assert_eq(resident + swapped, 4096 - 100);
	pagemap_free(pm);
	munmap(p, 64 * 4096);
}

Test(tracer_process_smaps, reads_itself_and_agrees_with_the_pages)
{
	struct smaps s;
	struct pagemap *pm = NULL;
	struct err err = ERR_INIT;
	uint64_t sum = 0;

	SKIP_IF_SANITIZED();
	SKIP_IF_VALGRIND("it changes the mappings that are compared");
	cr_assert_eq(smaps_read(getpid(), &s, &err), 0, "%s", err.text);
	cr_assert_eq(pagemap_open(getpid(), &pm, &err), 0);
	for (size_t i = 0; i < s.maps.count; i++) {
		uint64_t resident = 0;

		if (strcmp(s.maps.ranges[i].path, "[vvar]") == 0 ||
		    strcmp(s.maps.ranges[i].path, "[vdso]") == 0 ||
		    strcmp(s.maps.ranges[i].path, "[vvar_vclock]") == 0)
			continue;
		cr_assert_eq(pagemap_count(pm, s.maps.ranges[i].start, s.maps.ranges[i].end, &resident,
					   NULL, &err), 0);
		sum += resident;
	}
	/* the test allocates between the two readings: a few pages may differ */
	cr_assert_leq(sum > s.total.rss ? sum - s.total.rss : s.total.rss - sum, 64 * 4096ull,
		      "%lu pages, %lu smaps", sum, s.total.rss);
	pagemap_free(pm);
	smaps_deinit(&s);
}
